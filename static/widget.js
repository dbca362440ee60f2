/* <article-comments article="ID" site lang="vi|en" sort="oldest|newest" article-url article-title api loading="eager">
   Events (bubbling, composed): comments:loaded, comments:submitted, comments:error.
   Looks: --comments-accent, --comments-on-accent, --comments-error, --comments-success, --comments-radius,
   --comments-width, --comments-min-height, and ::part(heading list comment name badge time body removed reply form field input submit
   button notice receipt more).
   A reader's words enter the page as text nodes only. What a host page may have clobbered (named forms, a polluted
   Object.prototype) is taken from the prototypes, or has no prototype at all. */
(() => {
  "use strict";

  const TAG = "article-comments";
  if (customElements.get(TAG)) return;

  const ofDocument = (name) => Reflect.get(Document.prototype, name, document);
  const script = ofDocument("currentScript");
  const HOME = script ? script.src : location.href;
  const LIMITS = { __proto__: null, name: 80, body: 5000 };
  const REL = "ugc nofollow noopener";
  const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

  const STRINGS = {
    __proto__: null,
    en: {
      __proto__: null,
      heading: "Comments",
      count: { __proto__: null, one: "{n} comment", other: "{n} comments" },
      loading: "Loading comments…",
      none: "No comments yet. Be the first to write one.",
      closed: "Comments on this article are closed.",
      removed: "This comment was removed.",
      edited: "edited",
      staff: "Staff",
      order: "Order",
      oldest: "Oldest first",
      newest: "Newest first",
      more: "Show more comments",
      replies: "Show more replies",
      reply: "Reply",
      write: "Write a comment",
      replyTo: "Reply to {name}",
      cancel: "Cancel reply",
      private: "Your email address will not be published. Required fields are marked *",
      name: "Name",
      email: "Email",
      website: "Website (optional)",
      body: "Comment",
      length: "{n} / {max} characters",
      send: "Send comment",
      sending: "Sending…",
      empty: "Please fill in this field.",
      long: "Please keep this within {max} characters.",
      thanks: "Thank you. Your comment is waiting for review.",
      later: "It appears here once a moderator has approved it.",
      receipt: "Follow what happens to it",
      another: "Write another comment",
      retry: "Try again",
      again: "Please try again {when}.",
      failed: "The comments could not be loaded.",
      invalid: "Please check the marked fields.",
      offline: "There is no connection. Your text is still here.",
      too_many: "That was a little fast. Your text is still here.",
      unavailable: "The comment service cannot answer just now. Your text is still here.",
    },
    vi: {
      __proto__: null,
      heading: "Bình luận",
      count: { __proto__: null, other: "{n} bình luận" },
      loading: "Đang tải bình luận…",
      none: "Chưa có bình luận nào. Mời bạn mở đầu câu chuyện.",
      closed: "Bài viết này không còn nhận bình luận.",
      removed: "Bình luận này đã bị gỡ.",
      edited: "đã sửa",
      staff: "Tòa soạn",
      order: "Thứ tự",
      oldest: "Cũ nhất trước",
      newest: "Mới nhất trước",
      more: "Xem thêm bình luận",
      replies: "Xem thêm trả lời",
      reply: "Trả lời",
      write: "Viết bình luận",
      replyTo: "Trả lời {name}",
      cancel: "Hủy trả lời",
      private: "Email của bạn sẽ không được hiển thị công khai. Các trường bắt buộc được đánh dấu *",
      name: "Tên",
      email: "Email",
      website: "Trang web (không bắt buộc)",
      body: "Bình luận",
      length: "{n} / {max} ký tự",
      send: "Gửi bình luận",
      sending: "Đang gửi…",
      empty: "Vui lòng điền mục này.",
      long: "Vui lòng viết không quá {max} ký tự.",
      thanks: "Cảm ơn bạn. Bình luận của bạn đang chờ duyệt.",
      later: "Bình luận sẽ hiện ở đây sau khi được người kiểm duyệt chấp thuận.",
      receipt: "Theo dõi tình trạng bình luận",
      another: "Viết bình luận khác",
      retry: "Thử lại",
      again: "Vui lòng thử lại {when}.",
      failed: "Không tải được bình luận.",
      invalid: "Vui lòng xem lại các mục được đánh dấu.",
      offline: "Không có kết nối mạng. Nội dung bạn viết vẫn còn đây.",
      too_many: "Bạn gửi hơi nhanh. Nội dung bạn viết vẫn còn đây.",
      unavailable: "Hệ thống bình luận đang tạm gián đoạn. Nội dung bạn viết vẫn còn đây.",
    },
  };
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
    .soft { color: var(--_soft); font-size: .875em }
    .blank:not(:empty) { display: grid; gap: .5rem; justify-items: start; padding-block: 1.5rem; color: var(--_soft) }
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
    .quiet { min-height: 1.75rem; margin-inline-start: -.5em; padding: 0 .5em; border-color: transparent }
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
    select { min-height: 2rem; padding: .2em; border-color: transparent; font-size: .875em }
    option { color: CanvasText; background: Canvas }
    [aria-invalid] { border: 2px solid var(--_bad) }
    .wrong { color: var(--_bad); font-size: .875em; font-weight: 600 }
    .wrong:empty { display: none }
    .trap { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
    .notice { display: grid; gap: .5rem; justify-items: start; padding: .9rem 1.1rem;
      border-inline-start: 4px solid var(--_bad); border-radius: var(--_round);
      background: color-mix(in srgb, currentColor 5%, transparent) }
    form:not([hidden]) + div > .notice { margin-block-start: 1rem }
    .done { border-color: var(--_good) }
    @media (forced-colors: active) { .send span { color: ButtonText } }`;

  function h(tag, attributes, ...children) {
    const node = ofDocument("createElement").call(document, tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (typeof value === "function") node.addEventListener(name, value);
      else if (value || value === 0 || value === "") node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children.filter((child) => child));
    return node;
  }

  const button = (text, click, part = "button", more = {}) => h("button", { type: "button", part, click, ...more }, text);

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
      const closing = found.includes("(") ? ".,;:!?…'”’»" : ".,;:!?…'”’»)]";
      let end = found.length;
      while (closing.includes(found[end - 1])) end--;
      const text = found.slice(0, end);
      const href = webAddress(text);
      if (!href) continue;
      yield line.slice(done, index);
      yield h("a", { href, rel: REL }, text);
      done = index + end;
    }
    yield line.slice(done);
  }

  /** A comment's text as paragraphs (blank lines part them) with line breaks and links. */
  const paragraphs = (body) =>
    body.split(/\n\s*\n/).map((block) =>
      h("p", {}, ...block.split("\n").flatMap((line, row) => [row && h("br", {}), ...inline(line)])),
    );

  /** Characters as the server counts them. */
  const lengthOf = (text) => [...text.trim().normalize("NFC")].length;

  const newKey = () =>
    Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

  /** JSON whose objects have no prototype: nothing is ever found in it that was not sent. */
  const parse = (text) =>
    JSON.parse(text, (_, value) => (Object(value) === value && !Array.isArray(value) ? Object.setPrototypeOf(value, null) : value));

  /** The server's answer; never throws. `problem` is the server's code, "offline", "unavailable" or nothing. */
  async function ask(url, init) {
    const said = { __proto__: null, status: 0, wait: 0, data: parse("{}"), problem: "offline" };
    const signal = AbortSignal.timeout?.(20000);
    try {
      const answer = await fetch(url, { __proto__: null, credentials: "omit", cache: "no-cache", signal, ...init });
      const text = await answer.text();
      said.problem = "unavailable";
      said.status = answer.status;
      said.wait = Number(answer.headers.get("Retry-After")) || 0;
      said.data = parse(text);
      said.problem = answer.ok ? "" : String(said.data.code);
    } catch {
      // no answer, or not our server's: `problem` says which
    }
    return said;
  }

  /** Builds the thread and the form of `host` into `root`; gives back what (re)loads the list. */
  function build(host, root) {
    const wish = (host.closest("[lang]")?.getAttribute("lang") || navigator.language).slice(0, 2).toLowerCase();
    const lang = wish in STRINGS ? wish : "en";
    const about = { __proto__: null, article: host.getAttribute("article"), site: host.getAttribute("site") ?? "main" };
    const canonical = ofDocument("querySelector").call(document, "link[rel=canonical]")?.getAttribute("href");
    const url = webAddress(host.getAttribute("article-url") ?? canonical ?? location.pathname, location.href);
    const headline = host.getAttribute("article-title") ?? ofDocument("title");
    const origin = { __proto__: null, article_title: [...headline].slice(0, 300).join(""), language: lang };
    if (url?.length <= 2048) origin.article_url = url;
    const names = new Map(); // id of a comment -> its author
    const fields = new Map();
    let turn = 0; // counts loads: an answer to an earlier question is dropped
    let parent;
    let busy = false;
    let sent = ""; // what was last sent under `key`; another text gets another key
    let key;

    const t = (name, values = {}) => {
      let text = STRINGS[lang][name];
      if (text.other) text = text[new Intl.PluralRules(lang).select(values.n)] ?? text.other;
      return text.replace(/\{(\w+)\}/g, (_, slot) => values[slot].toLocaleString(lang));
    };
    const address = (query) => {
      const url = new URL("/api/v1/comments", host.getAttribute("api") ?? HOME);
      for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
      return url;
    };
    const fire = (name, detail) =>
      host.dispatchEvent(new CustomEvent("comments:" + name, { __proto__: null, bubbles: true, composed: true, detail }));

    /* Time */

    const relative = (seconds) => {
      const [unit, size] = UNITS.find((one) => Math.abs(seconds) >= one[1]) ?? UNITS[3];
      return new Intl.RelativeTimeFormat(lang, { __proto__: null, numeric: "auto" }).format(Math.trunc(seconds / size), unit);
    };
    const date = (iso, style) => new Date(iso).toLocaleString(lang, { __proto__: null, ...style });
    const exact = (iso) => date(iso, { dateStyle: "long", timeStyle: "short" });
    /** Writes the age of a <time>: relative for a week, then the date. */
    const tell = (time) => {
      const age = Math.min(0, (new Date(time.dateTime) - Date.now()) / 1000);
      time.firstChild.textContent = age > -604800 ? relative(age) : date(time.dateTime, { dateStyle: "medium" });
    };

    /* Reading */

    const comment = (one, open, thread) => {
      const id = "comment-" + one.id;
      if (one.removed) return h("p", { id, class: "soft", part: "removed", tabindex: -1 }, t("removed"));
      names.set(one.id, one.name);
      const href = webAddress(one.website);
      const answered = one.parent !== thread && names.get(one.parent);
      const time = h("time", { class: "soft", datetime: one.created_at, title: exact(one.created_at), part: "time" }, h("a", { href: "#" + id }));
      tell(time);
      return h(
        "article",
        { id, part: "comment", tabindex: -1, "aria-labelledby": id + "-by" },
        h(
          "div",
          { class: "by", id: id + "-by" },
          h("bdi", { part: "name" }, href ? h("a", { href, rel: REL }, one.name) : one.name),
          one.staff && h("span", { class: "badge", part: "badge" }, t("staff")),
          time,
          one.edited_at && h("span", { class: "soft", title: exact(one.edited_at) }, t("edited")),
        ),
        answered && h("div", { class: "soft" }, "↳ ", h("bdi", {}, answered)),
        h("div", { class: "text", part: "body", dir: "auto" }, ...paragraphs(one.body)),
        open && button(t("reply"), (event) => aim(one, event.target), "reply", { class: "quiet soft", "aria-label": t("replyTo", one) }),
      );
    };

    const thread = (one, open) => {
      const items = (some) => some.map((reply) => h("li", {}, comment(reply, open, one.id)));
      const replies = h("ol", { class: "replies", role: "list" }, ...items(one.replies));
      const item = h("li", {}, comment(one, open), replies.firstChild && replies);
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
      const next = button(t(label), async () => {
        if (next.ariaBusy) return;
        next.ariaBusy = "true";
        const { problem, data } = await ask(address({ ...about, ...query, cursor }));
        next.ariaBusy = null;
        if (turn !== ofTurn) return;
        if (problem) return void (next.textContent = t("failed") + " " + t("retry"));
        show(data);
        next.remove();
        more(place, label, data.next, query, show);
      }, "more", { class: "more" });
      place.append(next);
    };

    const load = async () => {
      const ofTurn = ++turn;
      const sort = host.getAttribute("sort") === "newest" ? "newest" : "oldest";
      const query = { sort, limit: 20 };
      order.value = sort;
      const { problem, status, wait, data } = await ask(address({ ...about, ...query }));
      if (turn !== ofTurn || !section.parentNode) return;
      if (problem) {
        say.replaceChildren(h("p", {}, t("failed"), " ", soon(wait)), button(t("retry"), load));
        return fire("error", { status, code: problem });
      }
      const { count, open, comments } = data;
      const items = (page) => page.comments.map((one) => thread(one, page.open));
      aim();
      heading.textContent = count ? t("count", { n: count }) : t("heading");
      order.hidden = comments.length < 2;
      say.textContent = open ? (comments.length ? "" : t("none")) : t("closed");
      list.replaceChildren(...items(data));
      foot.replaceChildren();
      more(foot, "more", data.next, query, (page) => append(list, items(page)));
      box.hidden = jump.hidden = !open;
      if (location.hash.startsWith("#comment-")) root.getElementById(location.hash.slice(1))?.focus();
      fire("loaded", { article: about.article, count, open });
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
    const aim = (one, from) => {
      parent = one?.id;
      title.textContent = one ? t("replyTo", one) : t("write");
      cancel.hidden = !one;
      form.hidden = false;
      note.replaceChildren();
      mark({});
      if (!one) return section.append(box);
      opener = from;
      from.parentNode.after(box);
      fields.get("body").focus();
    };
    let opener;

    const measure = () => {
      const n = lengthOf(fields.get("body").value);
      length.textContent = t("length", { n, max: LIMITS.body });
      length.className = n > LIMITS.body ? "wrong" : "soft";
    };

    /** Puts `errors` ({field: [messages]}) beside their fields and goes to the first; gives back those without one. */
    const mark = (errors) => {
      const left = new Map(Object.entries(errors));
      let first;
      for (const [name, input] of fields) {
        const place = root.getElementById(name + "-error");
        if (!place) continue;
        place.textContent = left.get(name)?.join(" ") ?? "";
        input.ariaInvalid = left.delete(name) ? "true" : null;
        if (place.textContent) first ??= input;
      }
      first?.focus();
      return [...left.values()].flat();
    };

    const faults = () => {
      const errors = { __proto__: null };
      for (const [name, input] of fields) {
        const max = LIMITS[name];
        if (input.required && !input.value.trim()) errors[name] = [t("empty")];
        else if (lengthOf(input.value) > max) errors[name] = [t("long", { max })];
      }
      return errors;
    };

    const payload = () => {
      const values = { __proto__: null, ...about, ...origin, parent };
      for (const [name, input] of fields) if (input.value.trim()) values[name] = input.value;
      if (values.website && !values.website.includes(":")) values.website = "https://" + values.website.trim();
      return JSON.stringify(values);
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
      const errors = faults();
      mark(errors);
      if (Object.keys(errors).length) return;

      const body = payload();
      if (body !== sent) key = newKey();
      sent = body;
      working(true);
      const headers = { __proto__: null, "Content-Type": "application/json", "Idempotency-Key": key };
      const answer = await ask(address({}), { __proto__: null, method: "POST", headers, body });
      working(false);
      if (answer.problem) refused(answer);
      else accepted(answer.data);
    };

    const working = (yes) => {
      busy = yes;
      send.ariaDisabled = yes ? "true" : null;
      send.firstChild.textContent = t(yes ? "sending" : "send");
    };

    const accepted = ({ id, status, receipt_url }) => {
      const href = webAddress(receipt_url, address({}));
      sent = fields.get("body").value = "";
      measure();
      form.hidden = true;
      tellUser(
        "done",
        h("strong", {}, t("thanks")),
        h("span", {}, t("later")),
        href && h("a", { href: href + "?lang=" + lang, part: "receipt" }, t("receipt")),
        button(t("another"), write),
      ).focus();
      fire("submitted", { id, status, receipt_url: href });
    };

    const refused = ({ status, problem, wait, data }) => {
      // A clear no ends the key. A silent, busy or failing server may have stored the comment: same key again.
      const settled = status > 399 && status < 500 && status !== 409 && status !== 429;
      if (settled) sent = "";
      const left = mark(data.errors ?? {});
      const words = STRINGS[lang][status > 499 ? "unavailable" : problem] ?? data.detail ?? t("unavailable");
      tellUser(
        "",
        h("strong", {}, words),
        ...left.map((line) => h("span", {}, line)),
        h("span", {}, soon(wait)),
        !settled && button(t("retry"), () => form.requestSubmit()),
      );
      fire("error", { status, code: problem });
    };

    const write = () => {
      aim();
      fields.get("body").focus();
    };
    const option = (value) => h("option", { value }, t(value));
    const heading = h("h2", { id: "heading", part: "heading" }, t("heading"));
    const choose = () => host.setAttribute("sort", order.value);
    const order = h("select", { "aria-label": t("order"), hidden: true, change: choose }, option("oldest"), option("newest"));
    const jump = button(t("write"), write, "button", { hidden: true });
    const say = h("div", { class: "blank", role: "status" }, t("loading"));
    const list = h("ol", { class: "list", role: "list", part: "list" });
    const foot = h("div", {});
    const title = h("h3", { id: "title" });
    const length = h("span", { id: "body-length" });
    const send = h("button", { class: "send", part: "submit" }, h("span", {}, t("send")));
    const cancel = button(t("cancel"), () => {
      aim();
      opener.focus();
    });
    const form = h(
      "form",
      { novalidate: true, "aria-labelledby": "title", submit, input: measure },
      title,
      h("p", { class: "soft" }, t("private")),
      field("body", "textarea", { required: true, dir: "auto" }),
      h(
        "div",
        { class: "pair" },
        field("name", "input", { required: true, autocomplete: "name", dir: "auto" }),
        field("email", "input", { required: host.getAttribute("email") !== "optional", type: "email", autocomplete: "email" }),
        field("website", "input", { inputmode: "url", autocomplete: "url" }),
      ),
      h("div", { class: "trap", "aria-hidden": "true" }, control("homepage", "input", { tabindex: -1, autocomplete: "off" })),
      h("div", { class: "row" }, send, cancel),
    );
    const note = h("div", { role: "status" });
    const box = h("div", { class: "box", part: "form", hidden: true }, form, note);
    const section = h("section", { lang, "aria-labelledby": "heading" }, h("header", {}, heading, h("div", { class: "row" }, order, jump)), say, list, foot, box);

    if (root.adoptedStyleSheets) {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(STYLE);
      root.adoptedStyleSheets = [sheet];
    } else section.prepend(h("style", {}, STYLE));
    root.replaceChildren(section);
    measure();
    load();
    return { load, tick: () => root.querySelectorAll("time").forEach(tell) };
  }

  class ArticleComments extends HTMLElement {
    static observedAttributes = ["api", "article", "lang", "site", "sort"];

    #root = this.attachShadow({ __proto__: null, mode: "open" });
    #wanted = false; // near enough to be read
    #view;
    #near;
    #clock;

    connectedCallback() {
      this.#clock = setInterval(() => this.#view?.tick(), 60000);
      if (this.#wanted) return;
      if (this.getAttribute("loading") === "eager" || location.hash.startsWith("#comment-")) return this.#start();
      const seen = (entries) => entries.some((one) => one.isIntersecting) && this.#start();
      this.#near = new IntersectionObserver(seen, { __proto__: null, rootMargin: "1000px" });
      this.#near.observe(this);
    }

    disconnectedCallback() {
      clearInterval(this.#clock);
      this.#near?.disconnect();
    }

    attributeChangedCallback(name, before, after) {
      if (!this.#wanted || before === after) return;
      if (name === "sort") this.#view?.load();
      else this.#start();
    }

    #start() {
      this.#near?.disconnect();
      this.#wanted = true;
      if (this.getAttribute("article")) this.#view = build(this, this.#root);
    }
  }

  customElements.define(TAG, ArticleComments);
})();
