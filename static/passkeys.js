// Passkeys: the browser's part of signing in with one, and of making one. Where it has none, nothing is shown.

const able =
  window.PublicKeyCredential?.parseCreationOptionsFromJSON && window.PublicKeyCredential.parseRequestOptionsFromJSON;

for (const note of able ? document.querySelectorAll("[data-without-passkeys]") : []) note.hidden = true;

for (const form of able ? document.querySelectorAll("[data-passkey]") : []) {
  (form.closest("details") ?? form).hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void run(form);
  });
}

async function run(form) {
  const said = form.querySelector("[data-said]");
  said.textContent = "";
  try {
    const making = form.dataset.passkey === "make";
    const fields = Object.fromEntries(new FormData(form));
    const options = await send(form, form.dataset.ask, { current: fields.current ?? "" });
    const credential = making
      ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
      : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
    const answer = await send(form, form.dataset.send, { credential: credential.toJSON(), name: fields.name ?? "" });
    location.assign(answer.to);
  } catch (error) {
    said.textContent = error instanceof Refused ? error.message : form.dataset.failed;
  }
}

class Refused extends Error {}

async function send(form, url, body) {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRFToken": form.elements.csrf_token.value },
    body: JSON.stringify(body),
  });
  const said = await answer.json();
  if (!answer.ok) throw new Refused(said.detail);
  return said;
}
