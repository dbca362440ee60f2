// The flow of the review page: one key decides, the next comment is there at once, every decision can be undone.
// Without this file each button is a form that works. Text from comments is only ever set as text.

const FEW = 6; // comments left to decide when the next page is fetched
const LINES = 8; // decided comments that stay in sight as one line
const BOUNCE = 250; // milliseconds in which the same key counts once
const PATIENCE = 10_000; // milliseconds that an answer may take

const find = (id) => document.getElementById(id);
const list = find("cards");
const { status, back, me, url } = list.dataset;
const words = JSON.parse(list.dataset.words);
const language = document.documentElement.lang;
const local = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
const outcomes = { approve: "approved", reject: "rejected", spam: "spam", restore: "pending" };

let token = list.dataset.csrf;
let current = null;
const made = []; // decisions of this page that can be undone, the last one last
const turns = new WeakMap(); // card: promise of the last thing asked of the server about it
const known = new Set();

// -- cards

const cards = () => [...list.querySelectorAll(".review:not(.is-decided)")];
const open = () => cards().filter((card) => !card.classList.contains("is-settled"));
const part = (card, selector) => card.querySelector(selector);
const nameOf = (card) => part(card, "h2").textContent.trim();

/** Makes a card the one that keys decide. */
function mark(card) {
  if (current === card) return;
  current?.classList.remove("is-current");
  current?.removeAttribute("aria-current");
  current = card;
  card?.classList.add("is-current");
  card?.setAttribute("aria-current", "true");
}

/** Changes the page without moving what is being read. */
function steadily(change) {
  const fixed = current?.isConnected && !current.classList.contains("is-decided") ? current : null;
  const before = fixed?.getBoundingClientRect().top;
  change();
  if (fixed?.isConnected) scrollBy(0, fixed.getBoundingClientRect().top - before);
}

/** Goes to a card; its top comes to rest at `top`, where the one before was, so that the eyes can stay. */
function goTo(card, top) {
  mark(card);
  card.focus({ preventScroll: true });
  if (top === undefined) return card.scrollIntoView({ block: "nearest" });
  const rest = Math.min(Math.max(top, 64), innerHeight / 3);
  scrollBy(0, card.getBoundingClientRect().top - rest);
}

const nextAfter = (card) =>
  open().find((other) => card.compareDocumentPosition(other) & Node.DOCUMENT_POSITION_FOLLOWING);

/** Goes on to the next comment: of this page, of the next one, or one that was passed over. */
async function goOn(next, top) {
  if (next) {
    goTo(next, top);
    return fill();
  }
  mark(null);
  const before = new Set(open());
  await fill();
  if (current) return; // a decision came back meanwhile, or she has gone on by hand
  const left = open();
  const first = left.find((card) => !before.has(card)) ?? left.at(-1);
  if (first) return goTo(first, top);
  if (find("pager") || cards().length > 0) return;
  find("empty").hidden = false;
  find("empty").querySelector("a")?.focus();
}

/** Whether a card (its beginning, or what of it fills the window) can be seen. */
function isOnScreen(card) {
  const { top, bottom } = card.getBoundingClientRect();
  return bottom > 40 && top < innerHeight - 40;
}

function collapse(card, decision) {
  const line = find("line").content.firstElementChild.cloneNode(true);
  const badge = part(line, ".badge");
  badge.textContent = words[outcomes[decision]];
  badge.classList.add({ approve: "is-good", reject: "is-bad", spam: "is-warn", restore: "is-accent" }[decision]);
  part(line, ".who").textContent = nameOf(card);
  part(line, ".excerpt").textContent = part(card, "[id^=text-]").textContent.slice(0, 160);
  part(line, "button").addEventListener("click", () => undo(made.find((entry) => entry.card === card)));
  part(card, ".line")?.remove();
  card.append(line);
  card.classList.add("is-decided");
}

function reopen(card, message = "") {
  steadily(() => {
    part(card, ".line")?.remove();
    card.classList.remove("is-decided");
    if (!card.isConnected) current?.isConnected ? current.before(card) : list.prepend(card);
    part(card, ".answer-note").textContent = message;
    find("empty").hidden = true;
  });
}

/** A card that somebody else has decided stays to be read, without its buttons. */
function settle(card, message) {
  reopen(card, message);
  card.classList.add("is-settled");
  part(card, ".actions")?.remove();
}

function tidy() {
  const lines = [...list.querySelectorAll(".review.is-decided")];
  steadily(() => lines.slice(0, -LINES).forEach((card) => card.remove()));
}

function count(name, by) {
  const shown = document.querySelector(`[data-tab="${name}"] .count`);
  if (shown) shown.textContent = Math.max(0, Number(shown.textContent) + by);
  const number = document.querySelector("[data-tab][aria-current] .count")?.textContent;
  document.title = document.title.replace(/^(\(\d+\) )?/, number > 0 ? `(${number}) ` : "");
}

const say = (text) => (find("said").textContent = text);

// -- deciding

function mayBe(card, decision) {
  return Boolean(part(card, `.actions > form [value="${decision}"]`));
}

function decide(card, decision, reason) {
  if (card.classList.contains("is-decided") || !mayBe(card, decision)) return;
  const { top } = card.getBoundingClientRect();
  const next = nextAfter(card);
  const entry = { card, decision };
  remember(entry);
  part(card, ".answer-note").textContent = "";
  collapse(card, decision);
  say(`${words[outcomes[decision]]}: ${nameOf(card)}`);
  tidy();
  inTurn(card, () => carryOut(entry, reason));
  goOn(next, top);
}

async function carryOut(entry, reason) {
  const { card, decision } = entry;
  if (card.classList.contains("is-settled")) return forget(entry); // an undo before it found somebody else there
  const { result, trouble } = await ask(card, decision, reason);
  if (result && isDone(result, decision)) return moved(card, status, result);
  forget(entry);
  if (trouble) return reopen(card, trouble);
  await stale(card, result);
}

/** Takes a decision back by the decision that leads to where the comment was. */
function undo(entry) {
  if (!entry || !back) return;
  const { card, decision } = entry;
  forget(entry);
  reopen(card);
  goTo(card);
  say(`${words.undone}: ${nameOf(card)}`);
  inTurn(card, async () => {
    if (!card.dataset.at) return; // the decision itself did not come through
    const { result, trouble } = await ask(card, back);
    if (result && isDone(result, back)) return moved(card, outcomes[decision], result);
    if (result) return stale(card, result);
    if (card.classList.contains("is-decided")) return; // decided anew in the meantime
    steadily(() => collapse(card, decision));
    part(card, ".line .wrong").textContent = `${words.not_undone} ${trouble}`;
    remember(entry);
  });
}

function remember(entry) {
  made.push(entry);
  showLast();
}

function forget(entry) {
  const place = made.indexOf(entry);
  if (place >= 0) made.splice(place, 1);
  showLast();
}

/** The key for undo is shown where it would act. */
function showLast() {
  list.querySelector(".is-last")?.classList.remove("is-last");
  made.at(-1)?.card.classList.add("is-last");
}

/** One thing after the other for each card, so that an undo knows the version its decision made. */
function inTurn(card, task) {
  turns.set(card, (turns.get(card) ?? Promise.resolve()).then(task));
}

/** Done by this request, or by an earlier one whose answer was lost. */
function isDone(result, decision) {
  if (result.outcome === "done") return true;
  return result.outcome === "conflict" && result.decided_by === me && result.status === outcomes[decision];
}

function moved(card, from, result) {
  card.dataset.version = result.version;
  for (const field of card.querySelectorAll("[name=version]")) field.value = result.version;
  if (result.status === status) delete card.dataset.at;
  else card.dataset.at = result.decided_at;
  const badge = part(card, ".line .badge");
  if (badge && result.decided_at) badge.title = local.format(new Date(result.decided_at));
  count(from, -1);
  count(result.status, 1);
}

/** Somebody else was there. A comment that is back in this queue is shown as it stands now. */
async function stale(card, result) {
  const time = result.decided_at ? ` (${local.format(new Date(result.decided_at))})` : "";
  const message = (result.decided_by === me ? words.yours : result.message) + time;
  say(message);
  const fresh = result.status === status ? await freshly(card) : null;
  if (!fresh) return settle(card, message);
  card.dataset.version = fresh.dataset.version;
  part(card, ".said").replaceWith(document.adoptNode(part(fresh, ".said")));
  reopen(card, message);
}

async function freshly(card) {
  const page = await load(card.dataset.page ?? list.dataset.view).catch(() => null);
  return page?.getElementById(card.id) ?? null;
}

// -- the server

/** The result of one decision, or the trouble in words. */
async function ask(card, decision, reason) {
  const verdict = { id: card.dataset.id, version: Number(card.dataset.version), decision };
  if (reason && decision === "reject") verdict.reason = reason;
  try {
    let answer = await post(verdict);
    if (answer.problem?.code === "stale_page" && (await renewToken())) answer = await post(verdict);
    find("ended").hidden = answer.code !== 401;
    if (answer.results) return { result: answer.results[0] };
    return { trouble: answer.problem?.detail ?? words.failed };
  } catch {
    return { trouble: words.offline };
  }
}

async function post(verdict) {
  const response = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": token },
    body: JSON.stringify({ decisions: [verdict] }),
    keepalive: true, // a tab that is closed right after the key still decides
    signal: AbortSignal.timeout(PATIENCE),
  });
  const said = await response.json().catch(() => ({}));
  return response.ok ? { results: said.results } : { code: response.status, problem: said };
}

/** A page of the queue as a document; fails where the answer is another page. */
async function load(address) {
  const response = await fetch(address, { signal: AbortSignal.timeout(PATIENCE) });
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  if (response.ok && page.getElementById("cards")) return page;
  if (response.redirected) find("ended").hidden = false;
  throw new Error("not a page of the queue");
}

/** After a new sign-in (in another tab) this page's token is of no use; a fresh copy of the page has the new one. */
async function renewToken() {
  const page = await load(list.dataset.view);
  const before = token;
  token = page.getElementById("cards").dataset.csrf;
  for (const field of document.querySelectorAll("[name=csrf_token]")) field.value = token;
  return token !== before;
}

// -- more comments

let filling = null;

/** Fetches the next page while few are left; with `anyway`, at least one page. */
function fill(anyway = false) {
  filling ??= fetchPages(anyway).finally(() => (filling = null));
  return filling;
}

async function fetchPages(anyway) {
  for (let pages = 0; find("pager") && pages < 5 && (anyway || open().length < FEW); pages++) {
    try {
      const address = find("pager").querySelector("a").href;
      add(await load(address), address);
      find("trouble").textContent = "";
    } catch {
      find("trouble").textContent = words.no_more;
      return;
    }
    anyway = false;
  }
}

function add(page, address) {
  const fresh = [...page.querySelectorAll("#cards > .review")].filter((card) => !known.has(card.id));
  for (const card of fresh) {
    card.dataset.page = address;
    list.append(welcome(document.adoptNode(card)));
  }
  const pager = page.getElementById("pager");
  if (pager) find("pager").replaceWith(document.adoptNode(pager));
  else find("pager").remove();
  find("empty").replaceChildren(...document.adoptNode(page.getElementById("empty")).childNodes); // the last page's words
}

function welcome(card) {
  known.add(card.id);
  for (const time of card.querySelectorAll("time")) time.title = local.format(new Date(time.dateTime));
  for (const field of card.querySelectorAll("[name=csrf_token]")) field.value = token;
  return card;
}

// -- hands

const keysOn = find("keys-on");
const verbs = { a: "approve", r: "reject", s: "spam" };
let last = { key: "", at: 0 };

/** The letter of a key, also where a keyboard or an input method for another script is on. */
function letterOf(event) {
  if (/^[a-z?/]$/i.test(event.key)) return event.key.toLowerCase();
  return /^Key([A-Z])$/.exec(event.code)?.[1].toLowerCase() ?? "";
}

function press(key, event) {
  if (key === "?") return find("keys").showModal();
  if (key === "/") return find("q").focus();
  if (event.shiftKey) return false;
  if (key === "j" || key === "k") return walk(key === "j" ? 1 : -1);
  if (event.repeat) return; // a key that is held decides one comment, not a page
  if (key === "z" || (key === "u" && status === "pending")) return undo(made.at(-1));
  const decision = key === "u" ? "restore" : verbs[key];
  if (!decision) return false;
  if (key === last.key && event.timeStamp - last.at < BOUNCE) return;
  last = { key, at: event.timeStamp };
  if (!current?.isConnected || current.classList.contains("is-decided")) return;
  if (isOnScreen(current)) decide(current, decision);
  else goTo(current); // nobody decides what is not in sight
}

function walk(by) {
  const all = cards();
  const place = all.indexOf(current);
  const next = all[place < 0 ? 0 : place + by] ?? current;
  if (next) goTo(next);
}

/** From a field back to the comments. */
function leave(field) {
  if (field.matches("dialog, dialog *")) return;
  field.closest("details")?.removeAttribute("open");
  (field.closest(".review") ?? current)?.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const typing = event.target.closest("input, textarea, select, dialog");
  if (typing && event.key === "Escape") leave(typing);
  if (typing || !keysOn.checked) return;
  const key = letterOf(event);
  if (key && press(key, event) !== false) event.preventDefault();
});

list.addEventListener("focusin", (event) => {
  const card = event.target.closest(".review:not(.is-decided)");
  if (card) mark(card);
});

// opening the reason puts the cursor into it (this event does not bubble)
const opened = ({ target }) => target.matches(".with-reason[open]") && part(target, "[name=reason]").focus();
list.addEventListener("toggle", opened, true);

list.addEventListener("submit", (event) => {
  event.preventDefault();
  const { elements } = event.target;
  const card = event.target.closest(".review");
  decide(card, event.submitter?.value || elements.decision.value, elements.reason?.value.trim());
});

document.addEventListener("click", (event) => {
  if (!event.target.closest("#pager a") || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const before = cards().at(-1);
  fill(true).then(() => {
    const all = cards();
    const next = all[all.indexOf(before) + 1];
    if (next) goTo(next);
  });
});

/** Single keys can be turned off on a device (speech input types letters by accident). */
function useKeys(on) {
  document.documentElement.classList.toggle("has-keys", on);
  keysOn.checked = on;
}

keysOn.addEventListener("change", () => {
  useKeys(keysOn.checked);
  try {
    localStorage.setItem("review-keys", keysOn.checked ? "on" : "off");
  } catch {
    // a browser that keeps nothing: it holds for this page
  }
});

function keysWanted() {
  try {
    return localStorage.getItem("review-keys") !== "off";
  } catch {
    return true;
  }
}

// -- the start

useKeys(keysWanted());
history.replaceState(null, "", list.dataset.view); // loading again repeats no decision and no old notice
find("help").hidden = false;
find("help").addEventListener("click", () => find("keys").showModal());
for (const card of cards()) welcome(card);
for (const time of document.querySelectorAll(".notice time")) time.textContent = local.format(new Date(time.dateTime));
mark(cards()[0] ?? null);
fill();
