// The flow of the review page: one key decides, the next comment is there at once, every decision can be undone.
// Without this file each button is a form that works. Text from comments is only ever set as text.

const FEW = 6; // comments left to decide when the next page is fetched
const LINES = 8; // decided comments that stay in sight as one line
const BOUNCE = 250; // milliseconds in which the same key counts once
const PATIENCE = 10_000; // milliseconds that an answer may take
const PULSE = 4_000; // milliseconds between two looks at what colleagues do
const IDLE = 5 * 60_000; // milliseconds without a hand after which this screen gives up its comments
const MOST = 100; // decisions in one request

const find = (id) => document.getElementById(id);
const list = find("cards");
const { status, me, url, screen, pulseUrl, releaseUrl } = list.dataset;
const words = JSON.parse(list.dataset.words);
const language = document.documentElement.lang;
const local = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
const outcomes = { approve: "approved", reject: "rejected", spam: "spam", restore: "pending" };
const belongs = (other) => status === "all" || other === status; // to this view
const decisionOf = { approved: "approve", rejected: "reject", spam: "spam", withdrawn: "withdraw", pending: "restore" };

const moods = { approve: "is-good", reject: "is-bad", spam: "is-warn", restore: "is-accent" };

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
  badge.textContent = words[outcomes[decision] ?? "withdrawn"];
  badge.classList.add(moods[decision] ?? "is-warn");
  part(line, ".who").textContent = nameOf(card);
  part(line, ".excerpt").textContent = part(card, "[id^=text-]").textContent.slice(0, 160);
  part(line, "button").addEventListener("click", () => undo(made.find((entry) => entry.card === card)));
  const untold = part(line, ".untold"); // what an undo still catches
  if (untold) setTimeout(() => untold.remove(), 1000 * untold.dataset.seconds);
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

/** Somebody else has decided: a line says who and what, unless the card is being read. */
function fade(card, result) {
  choose(card, false);
  if (card === current || card.contains(document.activeElement)) return stale(card, result);
  steadily(() => {
    collapse(card, decisionOf[result.status]);
    card.classList.add("is-elsewhere");
    part(card, ".excerpt").textContent = result.message;
    part(card, ".line button").remove();
  });
  moved(card, result);
  tidy();
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
  const entry = put(card, decision);
  say(`${words[outcomes[decision]]}: ${nameOf(card)}`);
  tidy();
  inTurn(card, () => carryOut(entry, reason));
  goOn(next, top);
}

/** Shows a card as decided, before the server has said so. */
function put(card, decision) {
  const entry = { card, decision, from: card.dataset.status };
  remember(entry);
  choose(card, false);
  part(card, ".answer-note").textContent = "";
  collapse(card, decision);
  return entry;
}

/** One decision on all that are selected, in one request for each hundred. */
function decideChosen(decision) {
  const wanted = chosen().filter((card) => mayBe(card, decision));
  if (wanted.length === 0) return;
  const entries = wanted.map((card) => put(card, decision));
  say(`${words[outcomes[decision]]}: ${entries.length}`);
  tidy();
  for (let at = 0; at < entries.length; at += MOST) carryOutAll(entries.slice(at, at + MOST));
  const next = current?.isConnected && !current.classList.contains("is-decided") ? current : open()[0];
  goOn(next);
}

function carryOutAll(entries) {
  const settled = Promise.all(entries.map(({ card }) => turns.get(card)));
  const answers = settled.then(() => askAll(entries.map(({ card, decision }) => verdictOn(card, decision))));
  entries.forEach((entry, place) => {
    inTurn(entry.card, async () => {
      const { results, trouble } = await answers;
      await receive(entry, { result: results?.[place], trouble });
    });
  });
}

async function receive(entry, { result, trouble }) {
  const { card, decision } = entry;
  if (result && isDone(result, decision)) return moved(card, result);
  forget(entry);
  if (trouble) return reopen(card, trouble);
  await stale(card, result);
}

async function carryOut(entry, reason) {
  const { card, decision } = entry;
  if (card.classList.contains("is-settled")) return forget(entry); // an undo before it found somebody else there
  await receive(entry, await ask(card, decision, reason));
}

/** Takes a decision back by the decision that leads to where the comment was. */
function undo(entry) {
  if (!entry) return;
  const { card, decision, from } = entry;
  const back = decisionOf[from];
  forget(entry);
  reopen(card);
  goTo(card);
  say(`${words.undone}: ${nameOf(card)}`);
  inTurn(card, async () => {
    if (card.dataset.status === from) return; // the decision itself did not come through
    const { result, trouble } = await ask(card, back);
    if (result && isDone(result, back)) return moved(card, result);
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

function moved(card, result) {
  card.dataset.version = result.version;
  for (const field of card.querySelectorAll("[name=version]")) field.value = result.version;
  const badge = part(card, ".line .badge");
  if (badge && result.decided_at) badge.title = local.format(new Date(result.decided_at));
  count(card.dataset.status, -1);
  count(result.status, 1);
  card.dataset.status = result.status;
}

/** Somebody else was there. A comment that is back in this queue is shown as it stands now. */
async function stale(card, result) {
  const time = result.decided_at ? ` (${local.format(new Date(result.decided_at))})` : "";
  const message = (result.decided_by === me ? words.yours : result.message) + time;
  say(message);
  const fresh = belongs(result.status) ? await freshly(card) : null;
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

const verdictOn = (card, decision) => ({ id: card.dataset.id, version: Number(card.dataset.version), decision });

/** The result of one decision, or the trouble in words. */
async function ask(card, decision, reason) {
  const verdict = verdictOn(card, decision);
  if (reason && decision === "reject") verdict.reason = reason;
  const { results, trouble } = await askAll([verdict]);
  return { result: results?.[0], trouble };
}

async function askAll(decisions) {
  try {
    let answer = await post(url, { decisions });
    if (answer.problem?.code === "stale_page" && (await renewToken())) answer = await post(url, { decisions });
    find("ended").hidden = answer.code !== 401;
    if (answer.said) return { results: answer.said.results };
    return { trouble: answer.problem?.detail ?? words.failed };
  } catch {
    return { trouble: words.offline };
  }
}

async function post(address, body) {
  const response = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": token },
    body: JSON.stringify(body),
    keepalive: true, // a tab that is closed right after the key still decides
    signal: AbortSignal.timeout(PATIENCE),
  });
  const said = await response.json().catch(() => ({}));
  return response.ok ? { said } : { code: response.status, problem: said };
}

/** A page of the queue as a document; fails where the answer is another page. */
async function load(address) {
  const headers = screen ? { "X-Screen": screen } : {};
  const response = await fetch(address, { headers, signal: AbortSignal.timeout(PATIENCE) });
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

// -- colleagues

let handAt = performance.now();
let isHeld = Boolean(screen);

/** Asks what has changed, and keeps this screen's comments as long as there are hands at it. */
async function pulse() {
  if (document.hidden && !isHeld) return;
  if (performance.now() - handAt > IDLE) return isHeld && release();
  const seen = open().slice(0, 2 * MOST);
  const versions = Object.fromEntries(seen.map((card) => [card.dataset.id, Number(card.dataset.version)]));
  const body = screen ? { screen, seen: versions } : { seen: versions };
  const { said, code } = await post(pulseUrl, body).catch(() => ({}));
  if (code === 401) find("ended").hidden = false;
  if (said) see(said, versions);
}

function see({ here, held, changed }, versions) {
  isHeld = Boolean(screen);
  if (find("here")) write(find("here"), here.length ? words.here.replace("{names}", here.join(", ")) : "");
  for (const result of changed) {
    const card = find(`comment-${result.id}`);
    if (!card || card.classList.contains("is-decided")) continue;
    if (Number(card.dataset.version) !== versions[result.id]) continue; // decided here in the meantime
    if (result.outcome === "conflict" && result.status !== card.dataset.status) fade(card, result);
    else stale(card, result);
  }
  const others = new Set(held);
  for (const card of open()) {
    const note = part(card, ".answer-note");
    const isTheirs = others.has(card.dataset.id);
    if (isTheirs || note.textContent === words.elsewhere) write(note, isTheirs ? words.elsewhere : "");
  }
}

/** Text that has not changed is not said again. */
function write(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

function release() {
  isHeld = false;
  if (screen) post(releaseUrl, { screen }).catch(() => {});
}

function hand() {
  const wasAway = performance.now() - handAt > IDLE;
  handAt = performance.now();
  if (wasAway) pulse();
}

for (const kind of ["keydown", "pointerdown", "wheel", "touchstart"]) addEventListener(kind, hand, { passive: true });
addEventListener("pagehide", release);
addEventListener("pageshow", (event) => event.persisted && pulse());
document.addEventListener("visibilitychange", () => document.hidden || pulse());
setInterval(pulse, PULSE);

// -- the person

/** The record of a card's person, on the card; a second time takes it away. */
async function showPerson(card) {
  const link = part(card, ".person-link");
  if (!link) return;
  if (part(card, ".person")) return hidePerson(card);
  const panel = document.createElement("section");
  panel.className = "person small";
  panel.tabIndex = -1;
  panel.setAttribute("aria-label", words.person);
  panel.setAttribute("aria-busy", "true");
  steadily(() => card.append(panel));
  link.setAttribute("aria-expanded", "true");
  try {
    panel.append(await recordAt(link.href), everythingAt(link.href));
  } catch {
    panel.textContent = words.no_record;
  }
  panel.removeAttribute("aria-busy");
  if (panel.isConnected && card === current) panel.focus({ preventScroll: true });
}

function hidePerson(card) {
  const hadFocus = part(card, ".person").contains(document.activeElement);
  steadily(() => part(card, ".person").remove());
  part(card, ".person-link").setAttribute("aria-expanded", "false");
  if (hadFocus) card.focus({ preventScroll: true });
}

async function recordAt(address) {
  const response = await fetch(address, { signal: AbortSignal.timeout(PATIENCE) });
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const record = page.getElementById("record");
  if (response.redirected) find("ended").hidden = false;
  if (!response.ok || !record) throw new Error("not the page of a person");
  record.removeAttribute("id");
  return document.adoptNode(record);
}

function everythingAt(address) {
  const link = document.createElement("a");
  link.href = address;
  link.textContent = words.all_of_person;
  return link;
}

list.addEventListener("click", (event) => {
  const link = event.target.closest(".person-link");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  showPerson(link.closest(".review"));
});

// -- choosing

const box = (card) => part(card, "[name=chosen]");
const chosen = () => open().filter((card) => box(card)?.checked);

function choose(card, on) {
  if (!box(card) || box(card).checked === on) return;
  box(card).checked = on;
  showChosen();
}

function chooseAll() {
  const all = open().filter(box);
  const on = all.some((card) => !box(card).checked);
  all.forEach((card, place) => (box(card).checked = on && place < MOST));
  showChosen();
}

function showChosen() {
  if (!find("bulk")) return;
  const number = chosen().length;
  const { one, many } = find("chosen").dataset;
  find("bulk").classList.toggle("is-on", number > 0);
  write(find("chosen"), number === 1 ? one : many.replace("{n}", number));
  for (const card of cards()) card.classList.toggle("is-chosen", Boolean(box(card)?.checked));
}

list.addEventListener("change", (event) => event.target.matches("[name=chosen]") && showChosen());
find("bulk")?.addEventListener("reset", () => setTimeout(showChosen)); // after the boxes are cleared
find("bulk")?.addEventListener("submit", (event) => {
  event.preventDefault();
  decideChosen(event.submitter.value);
});
find("choose-all")?.addEventListener("click", (event) => {
  event.preventDefault();
  chooseAll();
});

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
  part(card, ".person-link")?.setAttribute("aria-expanded", "false");
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
  if (event.shiftKey) return pressShifted(key, event);
  if (key === "j" || key === "k") return walk(key === "j" ? 1 : -1);
  if (event.repeat) return; // a key that is held decides one comment, not a page
  if (key === "z" || (key === "u" && status === "pending")) return undo(made.at(-1));
  if (key === "e") return current?.isConnected && part(current, ".tools-link")?.click();
  if (key === "p") return current?.isConnected && showPerson(current);
  if (key === "x") return current?.isConnected && choose(current, !box(current)?.checked);
  const decision = key === "u" ? "restore" : verbs[key];
  if (!decision) return false;
  if (key === last.key && event.timeStamp - last.at < BOUNCE) return;
  last = { key, at: event.timeStamp };
  if (!current?.isConnected || current.classList.contains("is-decided")) return;
  if (isOnScreen(current)) decide(current, decision);
  else goTo(current); // nobody decides what is not in sight
}

function pressShifted(key, event) {
  if (event.repeat) return;
  if (key === "x") return chooseAll();
  if (!verbs[key] || chosen().length === 0) return false;
  decideChosen(verbs[key]);
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
  const record = event.key === "Escape" && !typing && event.target.closest(".review")?.querySelector(".person");
  if (record) return hidePerson(record.closest(".review"));
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
  const reason = elements.own?.value.trim() || elements.reason?.value;
  decide(card, event.submitter?.value || elements.decision.value, reason);
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

document.documentElement.classList.add("has-script");
useKeys(keysWanted());
history.replaceState(null, "", list.dataset.view); // loading again repeats no decision and no old notice
find("help").hidden = false;
find("help").addEventListener("click", () => find("keys").showModal());
for (const card of cards()) welcome(card);
showChosen();
for (const time of document.querySelectorAll(".notice time")) time.textContent = local.format(new Date(time.dateTime));
mark(cards()[0] ?? null);
fill();
