/* <article-comments article="ID" site lang sort="oldest|newest" article-url article-title api loading="eager">
   <comment-count article="ID" site lang api>
   Events (bubbling, composed): comments:loaded, comments:submitted, comments:reported, comments:error.
   Looks: --comments-accent, --comments-on-accent, --comments-error, --comments-success, --comments-radius,
   --comments-width, --comments-min-height, and ::part(heading list comment name badge time body removed reply form field input submit
   button notice receipt more mine).
   A reader's words enter the page as text nodes only. What a host page may have clobbered (named forms, a polluted
   Object.prototype) is taken from the prototypes, or has no prototype at all. What is kept in the browser: a draft with
   its key, receipts of comments that wait with their text, and the name if its box is ticked; never the address.
   `python -m tests.widget_build` makes what is served. */
(() => {
  "use strict";

  const TAG = "article-comments";
  if (customElements.get(TAG)) return;

  const ofDocument = (name) => Reflect.get(Document.prototype, name, document);
  const HOME = ofDocument("currentScript")?.src || location.href;
  const MORE = "ar cs de es fr hi id it ja ko nl pl pt ru th tr uk zh"; // languages that are fetched when they are wanted
  const MOST = 5000; // characters of a comment
  const REL = "ugc nofollow noopener";
  const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

  /* Name, English, Vietnamese; "one~other" where a number is in it. More languages: static/languages,
     with words of their own for what the server says in these two. */
  const STRINGS = { __proto__: null, en: { __proto__: null }, vi: { __proto__: null } };
  for (const row of `
    heading|Comments|Bình luận
    count|{n} comment~{n} comments|{n} bình luận
    loading|Loading comments…|Đang tải bình luận…
    none|No comments yet. Be the first to write one.|Chưa có bình luận nào. Mời bạn mở đầu câu chuyện.
    closed|Comments on this article are closed.|Bài viết này không còn nhận bình luận.
    removed|This comment was removed.|Bình luận này đã bị gỡ.
    edited|edited|đã sửa
    staff|Staff|Tòa soạn
    pinned|Pinned|Đã ghim
    order|Order|Thứ tự
    oldest|Oldest first|Cũ nhất trước
    newest|Newest first|Mới nhất trước
    more|Show more comments|Xem thêm bình luận
    replies|Show more replies|Xem thêm trả lời
    reply|Reply|Trả lời
    write|Write a comment|Viết bình luận
    replyTo|Reply to {name}|Trả lời {name}
    cancel|Cancel|Hủy
    private|Your email address will not be published. Required fields are marked *|Email của bạn sẽ không được hiển thị công khai. Các trường bắt buộc được đánh dấu *
    name|Name|Tên
    email|Email|Email
    website|Website (optional)|Trang web (không bắt buộc)
    body|Comment|Bình luận
    length|{n} / {max} characters|{n} / {max} ký tự
    send|Send comment|Gửi bình luận
    sending|Sending…|Đang gửi…
    required|Please fill in this field.|Vui lòng điền mục này.
    thanks|Thank you. Your comment is waiting for review.|Cảm ơn bạn. Bình luận của bạn đang chờ duyệt.
    receipt|Follow what happens to it|Theo dõi tình trạng bình luận
    retry|Try again|Thử lại
    again|Please try again {when}.|Vui lòng thử lại {when}.
    failed|The comments could not be loaded.|Không tải được bình luận.
    invalid|Please check the marked fields.|Vui lòng xem lại các mục được đánh dấu.
    offline|There is no connection. Your text is still here.|Không có kết nối mạng. Nội dung bạn viết vẫn còn đây.
    too_many|That was a little fast. Your text is still here.|Bạn gửi hơi nhanh. Nội dung bạn viết vẫn còn đây.
    unavailable|There is no answer just now. Your text is still here.|Hệ thống bình luận đang tạm gián đoạn. Nội dung bạn viết vẫn còn đây.
    fresh|{n} new comment~{n} new comments|{n} bình luận mới
    earlier|Show earlier comments|Xem các bình luận trước
    remember|Remember my name|Ghi nhớ tên tôi
    mine|Your comments|Bình luận của bạn
    pending|Not reviewed yet|Chờ duyệt
    rejected|Not published|Không được đăng
    edit|Change the text|Sửa nội dung
    save|Save|Lưu
    withdraw|Withdraw|Rút lại
    report|Report|Báo cáo
    spam|Advertising|Quảng cáo
    abuse|Insult or threat|Xúc phạm, đe dọa
    personal|Private information|Lộ chuyện riêng tư
    false|Not true|Sai sự thật
    other|Something else|Lý do khác
    reported|Thank you. A moderator will look.|Cảm ơn bạn. Người kiểm duyệt sẽ xem lại.`.split("\n").slice(1)) {
    const [name, ...said] = row.trim().split("|");
    [STRINGS.en[name], STRINGS.vi[name]] = said.map((text) => {
      const [one, other] = text.split("~");
      return other ? { __proto__: null, one, other } : text;
    });
  }
  /* Greys are the host's ink thinned, warnings its ink reddened: light and dark pages both work without being asked. */
  const STYLE = `
    :host { display: block; min-height: var(--comments-min-height, 24rem); text-align: start; line-height: 1.6;
      overflow-wrap: anywhere;
      --_accent: var(--comments-accent, currentColor);
      --_soft: color-mix(in srgb, currentColor 76%, transparent);
      --_line: color-mix(in srgb, currentColor 18%, transparent);
      --_edge: color-mix(in srgb, currentColor 56%, transparent);
      --_bad: color-mix(in oklab, var(--comments-error, #e02d2d) 62%, currentColor);
      --_good: color-mix(in oklab, var(--comments-success, #1f9d55) 62%, currentColor);
      --_round: var(--comments-radius, .375rem) }
    :host([hidden]), [hidden] { display: none !important }
    * { box-sizing: border-box; margin: 0 }
    section { max-width: var(--comments-width, 46rem) }
    h2 { font-size: 1.375em; line-height: 1.3 }
    h3 { font-size: 1.125em; line-height: 1.3 }
    ol { list-style: none; padding: 0 }
    a { color: inherit; text-underline-offset: .15em }
    :focus-visible { outline: 2px solid; outline-color: var(--_accent); outline-offset: 2px }
    button, input, textarea, select { font: inherit; color: inherit; border: 1px solid var(--_edge);
      border-radius: var(--_round); background: none }
    header, .row { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem 1rem }
    header { justify-content: space-between; padding-block-end: .75rem; border-block-end: 2px solid }
    .soft, .reply, select { color: var(--_soft); font-size: .875em }
    :is(.blank, .wrong, .mine):empty { display: contents }
    .blank { display: grid; gap: .5rem; justify-items: start; padding-block: 1.5rem; color: var(--_soft) }
    .list > li { padding-block: 1.25rem; border-block-end: 1px solid var(--_line) }
    .replies { margin-block-start: 1rem; padding-inline-start: clamp(.75rem, 4%, 1.5rem);
      border-inline-start: 2px solid var(--_line) }
    .replies > li + li, .more { margin-block-start: 1rem }
    .by { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 .6rem }
    bdi { max-width: 100%; overflow: clip; font-weight: 600; line-height: 1.8 }
    .badge { padding: .05em .6em; border: 1px solid; border-radius: 2em; color: var(--_accent); font-size: .75em;
      font-weight: 600 }
    time a:not(:hover) { text-decoration: none }
    .text { padding-block: .15em; overflow: clip; line-height: 1.65 }
    .text p + p { margin-block-start: .75em }
    button { min-height: 2.25rem; padding: .35em .9em; font-weight: 600; cursor: pointer }
    button:hover { border-color: currentColor }
    .reply, select { min-height: 1.75rem; padding: 0 .5em; border-color: transparent }
    .reply { margin-inline-start: -.5em }
    .send { min-height: 2.75rem; padding-inline: 1.25em; border: 2px solid var(--_accent) }
    .send[aria-disabled] { opacity: .7; cursor: progress }
    @supports (color: oklch(from red l 0 0)) {
      .send { background: var(--_accent) }
      .send span { color: var(--comments-on-accent, oklch(from var(--_accent) clamp(0, (.57 - l) * 999, 1) 0 0)) } }
    .box { margin-block-start: 1.75rem }
    li .box { margin-block-start: 1rem; padding: 1rem; border: 1px solid var(--_line); border-radius: var(--_round) }
    form, .pair { display: grid; gap: 1rem }
    .pair { grid-template-columns: repeat(auto-fit, minmax(min(100%, 13rem), 1fr)) }
    .field { display: grid; gap: .3rem; align-content: start }
    label { font-weight: 600; font-size: .9375em }
    input, textarea { width: 100%; min-height: 2.75rem; padding: .5em .7em; font-size: max(1em, 16px) }
    textarea { min-height: 8.5em; max-height: 60vh; resize: vertical; line-height: 1.6; field-sizing: content }
    option { color: CanvasText; background: Canvas }
    [aria-invalid] { border: 2px solid var(--_bad) }
    .wrong { color: var(--_bad); font-size: .875em; font-weight: 600 }
    .trap { position: absolute; clip-path: inset(50%) }
    .notice { display: grid; gap: .5rem; justify-items: start; padding: .9rem 1.1rem;
      border-inline-start: 4px solid var(--_bad); border-radius: var(--_round);
      background: color-mix(in srgb, currentColor 5%, transparent) }
    form:not([hidden]) + div > .notice { margin-block-start: 1rem }
    .done { border-color: var(--_good) }
    .mine { display: grid; gap: 1rem; margin-block: 1.25rem }
    .row:has(> .reply) { gap: 0 1rem }
    .row + .row { margin-block-start: .5rem }
    [type=checkbox] { width: 1.5rem; min-height: 1.5rem }`;
  const SHEET = new CSSStyleSheet();
  SHEET.replaceSync(STYLE);

  /** An element; of attributes that are only a class, the class. Those that are functions listen. */
  function h(tag, attributes, ...children) {
    const node = ofDocument("createElement").call(document, tag);
    for (const [name, value] of Object.entries(typeof attributes === "string" ? { class: attributes } : attributes)) {
      if (typeof value === "function") node.addEventListener(name, value);
      else if (value) node.setAttribute(name, value);
    }
    node.append(...children.filter(Boolean));
    return node;
  }

  /** The address in its normal form if it is http(s) and hides no other host behind an @, else null. */
  function webAddress(text, base) {
    try {
      const url = new URL(text, base);
      return /^https?:$/.test(url.protocol) && !url.username ? url.href : null;
    } catch {
      return null;
    }
  }

  /** One line of a comment: text, and a link for each http(s) address less the marks that end a sentence. */
  function* inline(line) {
    let done = 0;
    for (const { 0: found, index } of line.matchAll(/https?:\/\/[^\s<>"]+/gi)) {
      const [text] = found.match(found.includes("(") ? /.*[^.,;:!?…'”’»]/ : /.*[^.,;:!?…'”’»)\]]/);
      const href = webAddress(text);
      if (!href) continue;
      yield line.slice(done, index);
      yield h("a", { href, rel: REL }, text);
      done = index + text.length;
    }
    yield line.slice(done);
  }

  /** A comment's text as paragraphs (blank lines part them) with line breaks and links. */
  const paragraphs = (body) =>
    body.split(/\n\s*\n/).map((block) =>
      h("p", "", ...block.split("\n").flatMap((line, row) => [row && h("br", ""), ...inline(line)])),
    );

  /** Characters as the server counts them. */
  const lengthOf = (text) => [...text.trim().normalize("NFC")].length;

  const newKey = () => crypto.getRandomValues(new Uint32Array(4)).join("-");

  /** JSON whose objects have no prototype: nothing is ever found in it that was not sent. */
  const parse = (text) =>
    JSON.parse(text, (_, value) => (Object(value) === value && !Array.isArray(value) ? Object.setPrototypeOf(value, null) : value));

  /** The server's answer; never throws. `problem` is the server's code, "offline", "unavailable" or nothing. */
  async function ask(url, init) {
    let [problem, status, wait, data] = ["offline", 0, 0, parse("{}")];
    const signal = AbortSignal.timeout?.(20000);
    try {
      const answer = await fetch(url, { __proto__: null, credentials: "omit", cache: "no-cache", signal, ...init });
      const text = await answer.text();
      problem = "unavailable";
      status = answer.status;
      wait = Number(answer.headers.get("Retry-After"));
      data = parse(text);
      problem = answer.ok ? "" : String(data.code);
    } catch {
      // no answer, or not our server's: `problem` says which
    }
    return { problem, status, wait, data };
  }

  const linked = () => location.hash.match(/^#(comment-(.+))/);

  const near = (host, path) => new URL(path, host.getAttribute("api") ?? HOME);

  /** The language of an element that we have words for; fetches them when they are not here. */
  async function speak(host) {
    const wish = (host.closest("[lang]")?.getAttribute("lang") || navigator.language).slice(0, 2).toLowerCase();
    if (!STRINGS[wish] && MORE.includes(wish)) {
      const { problem, data } = await ask(near(host, `/languages/${wish}.json`), { __proto__: null, cache: "default" });
      if (!problem) STRINGS[wish] = { __proto__: STRINGS.en, ...data };
    }
    return STRINGS[wish] ? wish : "en";
  }

  /** What this browser keeps for the page under a name: reads it, or with a value writes it (null: forgets it). */
  const keep = (name, value) => {
    try {
      if (value !== undefined) localStorage.setItem("comments:" + name, JSON.stringify(value));
      return parse(localStorage.getItem("comments:" + name));
    } catch {
      return null; // nothing was kept, or this browser keeps nothing
    }
  };

  /** Builds the thread and the form of `host` into `root`; gives back what (re)loads the list. */
  function build(host, root, lang) {
    const about = { article: host.getAttribute("article"), site: host.getAttribute("site") ?? "main" };
    const canonical = ofDocument("querySelector").call(document, "link[rel=canonical]")?.getAttribute("href");
    const url = webAddress(host.getAttribute("article-url") ?? canonical ?? location.pathname, location.href);
    const headline = host.getAttribute("article-title") ?? ofDocument("title");
    const names = new Map(); // id of a comment -> its author
    const fields = new Map();
    let turn = 0; // counts loads: an answer to an earlier question is dropped
    let parent;
    let busy = false;
    let sent = ""; // what was last sent under `key`; another text gets another key
    let key;
    let first; // id of the first comment
    let shown; // how many comments the article had when it was loaded
    const place = about.site + "/" + about.article;
    let draft = keep("draft:" + place);
    let ready = host.querySelector("[type='application/json']"); // a page made on the server, once

    const t = (name, values) => {
      let text = STRINGS[lang][name];
      if (typeof text !== "string") text = text[new Intl.PluralRules(lang).select(values.n)] ?? text.other;
      return text.replace(/\{(\w+)\}/g, (_, slot) => values[slot].toLocaleString(lang));
    };
    const address = (path, query = { lang }) => {
      const url = near(host, "/api/v1/" + path);
      url.search = new URLSearchParams(query);
      return url;
    };
    const fire = (name, detail) =>
      host.dispatchEvent(new CustomEvent("comments:" + name, { __proto__: null, bubbles: true, composed: true, detail }));

    const button = (word, click, part = "button", more, values) =>
      h("button", { type: "button", class: part, part, click, ...more }, t(word, values));
    const quiet = (word, click, more) => button(word, click, "reply", more);

    /* Time */

    const relative = (seconds) => {
      const [unit, size] = UNITS.find((one) => Math.abs(seconds) >= one[1] ) ?? UNITS[3];
      return new Intl.RelativeTimeFormat(lang, { __proto__: null, numeric: "auto" }).format(Math.trunc(seconds / size), unit);
    };
    const date = (iso, dateStyle, timeStyle) => new Date(iso).toLocaleString(lang, { __proto__: null, dateStyle, timeStyle });
    /** Writes the age of a <time>: relative for a week, then the date. */
    const tell = (time) => {
      const age = Math.min(0, (new Date(time.dateTime) - Date.now()) / 1000);
      time.firstChild.textContent = age > -604800 ? relative(age) : date(time.dateTime, "medium");
    };

    /* Reading */

    const comment = (one, open, thread) => {
      const id = "comment-" + one.id;
      if (one.removed) return h("p", { id, class: "soft", part: "removed", tabindex: -1 }, t("removed"));
      names.set(one.id, one.name);
      const href = webAddress(one.website);
      const answered = one.parent !== thread && names.get(one.parent);
      const time = h("time", { class: "soft", datetime: one.created_at, title: date(one.created_at, "long", "short"), part: "time" }, h("a", { href: "#" + id }));
      tell(time);
      return h(
        "article",
        { id, part: "comment", tabindex: -1, "aria-labelledby": id + "-by" },
        h(
          "div",
          { class: "by", id: id + "-by" },
          h("bdi", { part: "name" }, href ? h("a", { href, rel: REL }, one.name) : one.name),
          ...["staff", "pinned"].map((word) => one[word] && h("span", { class: "badge", part: "badge" }, t(word))),
          time,
          one.edited_at && h("span", "soft", t("edited")),
        ),
        answered && h("div", "soft", "↳ ", h("bdi", "", answered)),
        h("div", { class: "text", part: "body", dir: "auto" }, ...paragraphs(one.body)),
        h(
          "div",
          "row",
          open && quiet("reply", (event) => aim(one, event.target), { "aria-label": t("replyTo", one) }),
          quiet("report", (event) => accuse(one, event.target), { "aria-label": t("report") + ": " + one.name }),
        ),
      );
    };

    /** Opens the reasons for a report under a comment, or closes them. */
    const accuse = (one, from) => {
      const row = from.parentNode;
      const opened = row.nextSibling;
      if (opened) return opened.remove();
      const choice = (reason) =>
        button(reason, async () => {
          const answer = await post(`comments/${one.id}/reports`, "POST", { reason });
          reasons.textContent = answer.problem ? complaint(answer) : t("reported");
          reasons.focus();
          if (!answer.problem) fire("reported", { id: one.id, reason });
        });
      const reasons = h("div", { class: "row soft", tabindex: -1 }, ...["spam", "abuse", "personal", "false", "other"].map(choice));
      row.after(reasons);
      reasons.firstChild.focus();
    };

    const post = (path, method, body, more) =>
      ask(address(path), {
        __proto__: null,
        method,
        headers: { "Content-Type": "application/json", ...more },
        body: JSON.stringify(body),
      });
    /** What went wrong, in words; the page hears of it too. */
    const complaint = ({ problem, status, data }) => {
      fire("error", { status, code: problem });
      return STRINGS[lang][status > 499 ? "unavailable" : problem] ?? data.detail ?? t("unavailable");
    };

    /** What the server finds wrong, as a map: field -> words. */
    const faults = ({ faults = [] }) =>
      new Map(faults.map((one) => [one.field, STRINGS[lang][one.code] ? t(one.code, one) : one.detail]));

    const thread = (one, open) => {
      const items = (some) => some.map((reply) => h("li", "", comment(reply, open, one.id)));
      const replies = h("ol", { class: "replies", role: "list" }, ...items(one.replies));
      const item = h("li", "", comment(one, open), replies.firstChild && replies);
      more(item, "replies", one.replies_next, { parent: one.id }, (page) => append(replies, items(page.comments)));
      return item;
    };

    const append = (list, items) => {
      list.append(...items.filter((item) => !root.getElementById(item.firstChild.id)));
      items[0]?.firstChild.focus();
    };

    /** A button that shows the next page and makes way for the next one, as long as there is a `cursor`. */
    const more = (place, label, cursor, query, show) => {
      if (!cursor) return;
      const ofTurn = turn;
      const next = button(label, null, "more");
      next.onclick = async () => {
        if (next.ariaBusy) return;
        next.ariaBusy = true;
        const { problem, data } = await ask(address("comments", { ...about, ...query, cursor }));
        next.ariaBusy = null;
        if (turn !== ofTurn) return;
        if (problem) return void (next.textContent = t("failed") + " " + t("retry"));
        show(data);
        next.remove();
        more(place, label, data.next, query, show);
      };
      place.append(next);
    };

    const take = () => {
      const data = ready && host.getAttribute("sort") !== "newest" && parse(ready.textContent);
      ready = null;
      return data?.article === about.article && { __proto__: null, data };
    };

    const load = async (around) => {
      const ofTurn = ++turn;
      const sort = host.getAttribute("sort") === "newest" ? "newest" : "oldest";
      const query = { sort, limit: 20 };
      const [, wanted, id] = linked() ?? [];
      order.value = sort;
      const { problem, status, wait, data } = take() || (await ask(address("comments", { ...about, ...query, ...around })));
      if (turn !== ofTurn || !section.parentNode) return;
      if (problem) {
        say.replaceChildren(h("p", "", t("failed"), " ", soon(wait)), button("retry", () => load()));
        return fire("error", { status, code: problem });
      }
      const { count, open, comments } = data;
      const items = (page) => page.comments.map((one) => thread(one, page.open));
      aim();
      shown = count;
      fresh.replaceChildren();
      heading.textContent = count ? t("count", { n: count }) : t("heading");
      order.hidden = !comments[1];
      say.textContent = open ? (comments[0] ? "" : t("none")) : t("closed");
      list.replaceChildren(...items(data));
      foot.replaceChildren();
      more(foot, "more", data.next, query, (page) => append(list, items(page)));
      box.hidden = jump.hidden = !open;
      if (around && comments[0]?.id !== first) fresh.append(button("earlier", () => load(null), "more"));
      first ??= comments[0]?.id;
      resume();
      own();
      fire("loaded", { article: about.article, count, open });
      if (!wanted || around === null) return;
      // a linked comment further down: a page that begins with its thread, then that thread's replies up to it
      const target = () => root.getElementById(wanted);
      let before;
      let next;
      if (!around && !target()) return load({ around: id });
      while (!target() && (next = list.firstChild?.querySelector(".more")) && next !== before) {
        before = next;
        await next.onclick();
      }
      target()?.focus();
    };

    /** Asks how many comments there are by now, and says so when there are more. */
    const look = async () => {
      if (shown === undefined || ofDocument("hidden")) return;
      const { problem, data } = await ask(address("counts", about));
      const n = problem ? 0 : Object.values(data.counts)[0] - shown;
      const show = () => {
        if (foot.firstChild) host.setAttribute("sort", "newest");
        else load();
        list.focus();
      };
      if (n > 0) fresh.replaceChildren(button("fresh", show, "more", {}, { n }));
    };

    /* The reader's own comments, as long as they wait: receipt and text are kept in this browser. */

    const mine = "mine:" + place;
    const change = (receipt, more) => {
      const others = (keep(mine) ?? []).filter((one) => one.receipt !== receipt);
      keep(mine, [...others, more].filter(Boolean).slice(-20));
    };

    const own = async () => {
      const ofTurn = turn;
      const some = (await Promise.all((keep(mine) ?? []).map(ownOne))).filter(Boolean);
      if (turn === ofTurn) ours.replaceChildren(...(some[0] ? [h("h3", "", t("mine")), ...some] : []));
    };

    const ownOne = async (one) => {
      const path = "receipts/" + one.receipt;
      const { data, status } = await ask(address(path));
      const waits = data.status === "pending";
      if (status && status < 500 && !waits) change(one.receipt);
      if (!waits && data.status !== "rejected") return;
      const text = h("div", { class: "text", dir: "auto" }, ...paragraphs(one.body));
      const acts = h("div", "row");
      const note = h("p", { role: "status" }, data.reason);
      const settle = async (answer) => {
        if (!answer.problem || answer.status === 409) return own();
        note.textContent = [...faults(answer.data).values()].join(" ") || complaint(answer);
      };
      const edit = () => {
        const input = h("textarea", { part: "input", "aria-label": t("body"), dir: "auto" });
        input.value = one.body;
        const save = button("save", async () => {
          const answer = await post(path, "PATCH", { body: input.value });
          if (!answer.problem) change(one.receipt, { ...one, body: input.value.trim() });
          settle(answer);
        });
        text.replaceWith(input);
        acts.replaceChildren(save, quiet("cancel", own));
        input.focus();
      };
      const withdraw = (event) => {
        event.target.replaceWith(button("withdraw", async () => settle(await post(path, "DELETE"))));
        acts.lastChild.append("?");
      };
      if (waits) acts.append(quiet("edit", edit), quiet("withdraw", withdraw));
      return h(
        "div",
        { class: "notice done", part: "mine" },
        h("div", "by", h("bdi", { part: "name" }, one.name), h("span", "badge", t(data.status))),
        text,
        note,
        acts,
      );
    };

    /** Puts a draft back where it was written. */
    const resume = () => {
      if (!draft || busy) return;
      const from = root.getElementById("comment-" + draft.parent)?.querySelector(".reply");
      ({ key, sent } = draft);
      fields.get("body").value = draft.body;
      measure();
      if (from) aim({ id: draft.parent, name: names.get(draft.parent) }, from, true);
    };

    const jot = () => {
      const body = fields.get("body").value;
      measure();
      key ??= newKey();
      draft = keep("draft:" + place, body.trim() ? { body, parent, key, sent } : null);
    };

    /* Writing. There is one form; a reply takes it under its comment, and what was typed goes along. */

    const control = (name, tag, attributes) => {
      const input = h(tag, { name, id: name, ...attributes });
      fields.set(name, input);
      return input;
    };
    const field = (name, tag, attributes) =>
      h(
        "div",
        { class: "field", part: "field" },
        h("label", { for: name }, t(name), attributes.required && h("span", { "aria-hidden": "true" }, " *")),
        control(name, tag, { part: "input", "aria-describedby": name + "-error " + name + "-length", ...attributes }),
        h("span", { class: "wrong", id: name + "-error" }),
        name === "body" && length,
      );

    /** Turns the form to `one` comment, or to the article. */
    const aim = (one, from, quietly) => {
      parent = one?.id;
      title.textContent = one ? t("replyTo", one) : t("write");
      cancel.hidden = !one;
      form.hidden = false;
      note.replaceChildren();
      mark(new Map());
      if (!one) return section.append(box);
      opener = from;
      from.closest("article").after(box);
      if (!quietly) fields.get("body").focus();
    };
    let opener;

    const measure = () => {
      const n = lengthOf(fields.get("body").value);
      length.textContent = t("length", { n, max: MOST });
      length.className = n > MOST ? "wrong" : "soft";
    };

    /** Puts what is wrong (a map: field -> words) beside the fields; goes to the first and gives it back. Leaves in the
        map what has no place. */
    const mark = (wrong) => {
      let first;
      for (const [name, input] of fields) {
        input.nextSibling?.replaceChildren(wrong.get(name) ?? "");
        input.ariaInvalid = wrong.delete(name) || null;
        if (input.ariaInvalid) first ??= input;
      }
      first?.focus();
      return first;
    };

    const missing = () => {
      const wrong = new Map();
      for (const [name, input] of fields) if (input.required && !input.value.trim()) wrong.set(name, t("required"));
      if (lengthOf(fields.get("body").value) > MOST) wrong.set("body", length.textContent);
      return wrong;
    };

    const payload = () => {
      const values = { __proto__: null, ...about, parent, language: lang, article_title: [...headline].slice(0, 300).join("") };
      if (url?.length <= 2048) values.article_url = url;
      for (const [name, input] of fields) if (input.value.trim()) values[name] = input.value;
      if (values.website && !values.website.includes(":")) values.website = "https://" + values.website.trim();
      return values;
    };

    const soon = (wait) => wait > 0 && t("again", { when: relative(wait) });

    const tellUser = (kind, ...children) => {
      const notice = h("div", { class: "notice " + kind, part: "notice", tabindex: -1 }, ...children);
      note.replaceChildren(notice);
      return notice;
    };

    const submit = async (event) => {
      event.preventDefault();
      if (busy) return;
      note.replaceChildren();
      if (mark(missing())) return;
      keep("name", tick.checked ? fields.get("name").value : null);
      const text = fields.get("body").value + parent; // not all of it: this is kept, and the address must not be
      if (sent && text !== sent) key = undefined;
      sent = text;
      jot();
      working(true);
      const answer = await post("comments", "POST", payload(), { "Idempotency-Key": key });
      working(false);
      if (answer.problem) refused(answer);
      else accepted(answer.data);
      jot();
    };

    const working = (yes) => {
      busy = yes;
      send.ariaDisabled = yes || null;
      send.firstChild.textContent = t(yes ? "sending" : "send");
    };

    const accepted = ({ id, status, receipt, receipt_url }) => {
      const href = webAddress(receipt_url, address(""));
      change(receipt, { receipt, body: fields.get("body").value.trim(), name: fields.get("name").value });
      key = undefined;
      fields.get("body").value = "";
      own();
      form.hidden = true;
      tellUser(
        "done",
        h("strong", "", t("thanks")),
        href && h("a", { href: href + "?lang=" + lang, part: "receipt" }, t("receipt")),
        button("write", write),
      ).focus();
      fire("submitted", { id, status, receipt_url: href });
    };

    const refused = (answer) => {
      const { status, wait, data } = answer;
      // A clear no ends the key. A silent, busy or failing server may have stored the comment: same key again.
      const settled = status > 399 && status < 500 && status !== 429;
      if (settled) key = undefined;
      const wrong = faults(data);
      mark(wrong);
      tellUser(
        "",
        h("strong", "", complaint(answer)),
        ...[...wrong.values()].map((line) => h("span", "", line)),
        h("span", "", soon(wait)),
        !settled && button("retry", () => form.requestSubmit()),
      );
    };

    const write = () => {
      aim();
      fields.get("body").focus();
    };
    const option = (value) => h("option", { value }, t(value));
    const heading = h("h2", { id: "heading", part: "heading" }, t("heading"));
    const choose = () => host.setAttribute("sort", order.value);
    const order = h("select", { "aria-label": t("order"), hidden: true, change: choose }, option("oldest"), option("newest"));
    const jump = button("write", write, "button", { hidden: true });
    const say = h("div", { class: "blank", role: "status" }, t("loading"));
    const list = h("ol", { class: "list", role: "list", part: "list", tabindex: -1 });
    const fresh = h("div", { role: "status" });
    const ours = h("div", "mine");
    const tick = h("input", { type: "checkbox" });
    const foot = h("div", "");
    const title = h("h3", { id: "title" });
    const length = h("span", { id: "body-length" });
    const send = h("button", { class: "send", part: "submit" }, h("span", "", t("send")));
    const cancel = button("cancel", () => {
      aim();
      opener.focus();
    });
    const form = h(
      "form",
      { novalidate: true, "aria-labelledby": "title", submit, input: jot },
      title,
      h("p", "soft", t("private")),
      field("body", "textarea", { required: true, dir: "auto" }),
      h(
        "div",
        "pair",
        field("name", "input", { required: true, autocomplete: "name", dir: "auto" }),
        field("email", "input", { required: host.getAttribute("email") !== "optional", type: "email", autocomplete: "email" }),
        field("website", "input", { inputmode: "url", autocomplete: "url" }),
      ),
      h("label", "row", tick, t("remember")),
      h("div", { class: "trap", "aria-hidden": "true" }, control("homepage", "input", { tabindex: -1, autocomplete: "off" })),
      h("div", "row", send, cancel),
    );
    const note = h("div", { role: "status" });
    const box = h("div", { class: "box", part: "form", hidden: true }, form, note);
    const section = h(
      "section",
      { lang, dir: lang === "ar" && "rtl", "aria-labelledby": "heading" },
      h("header", "", heading, h("div", "row", order, jump)),
      ours,
      say,
      fresh,
      list,
      foot,
      box,
    );

    root.adoptedStyleSheets = [SHEET];
    root.replaceChildren(section);
    const name = keep("name");
    tick.checked = Boolean(name);
    fields.get("name").value = name ?? "";
    measure();
    load();
    const age = () => root.querySelectorAll("time").forEach(tell);
    return { load, tick: () => (age(), look()) };
  }

  class ArticleComments extends HTMLElement {
    static observedAttributes = ["api", "article", "lang", "site", "sort"];
    static #near = new IntersectionObserver(
      (entries) => entries.forEach((one) => one.isIntersecting && one.target.#start()),
      { __proto__: null, rootMargin: "1000px" },
    );

    #root = this.attachShadow({ __proto__: null, mode: "open" });
    #turn; // there is one as soon as it is near enough to be read
    #view;
    #clock;
    #wake = () => this.#view?.tick();

    connectedCallback() {
      this.#clock = setInterval(this.#wake, 60000);
      document.addEventListener("visibilitychange", this.#wake);
      if (this.#turn) return;
      if (this.getAttribute("loading") === "eager" || linked()) this.#start();
      else ArticleComments.#near.observe(this);
    }

    disconnectedCallback() {
      clearInterval(this.#clock);
      document.removeEventListener("visibilitychange", this.#wake);
      ArticleComments.#near.unobserve(this);
    }

    attributeChangedCallback(name, before, after) {
      if (!this.#turn || before === after) return;
      if (name === "sort") this.#view?.load();
      else this.#start();
    }

    async #start() {
      ArticleComments.#near.unobserve(this);
      const turn = (this.#turn = {});
      const lang = await speak(this);
      if (this.getAttribute("article") && turn === this.#turn) this.#view = build(this, this.#root, lang);
    }
  }

  /* Numbers beside headlines: those that appear together are asked for together. */

  const asked = { __proto__: null };

  async function count(where) {
    const all = asked[where];
    delete asked[where];
    while (all[0]) {
      const some = all.splice(0, 100);
      const url = new URL(where);
      for (const one of some) url.searchParams.append("article", one.getAttribute("article"));
      const { data } = await ask(url);
      for (const one of some) one.textContent = data.counts?.[one.getAttribute("article")]?.toLocaleString() ?? one.textContent;
    }
  }

  class CommentCount extends HTMLElement {
    connectedCallback() {
      const where = near(this, "/api/v1/counts?site=" + encodeURIComponent(this.getAttribute("site") ?? "main"));
      if (!asked[where]) setTimeout(count, 0, where);
      (asked[where] ??= []).push(this);
    }
  }

  customElements.define(TAG, ArticleComments);
  customElements.define("comment-count", CommentCount);
})();
