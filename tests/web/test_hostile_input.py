"""Whatever arrives: a clear 4xx or an exact answer, never a 5xx, never half a comment, never a foreign header."""

import json
import unicodedata
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from comments.web.here import House
from tests.people import COMMENTS, Moderator, Reader, a_submission

FIELDS = (
    *("article", "site", "parent", "name", "email", "body", "website"),
    *("article_url", "article_title", "language", "homepage", "idempotency_key"),
)
PAGE, DATA = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", "application/json"

ODD = [
    "\0", "a\x1b[31mb", "\x85", "\u202ea", "\u200b\u200c\u200d", "\ufeff", "\uffff", "\U0010ffff", "\ue000", "\ufffc",
    "H̸̡̪̯ͨ͊̽̅̾̎Ȩ̬̩̾͛ͪ̈́̀́͘ ̶̧̨̱̹̭̯ͧ̾ͬC̷̙̲̝͖ͭ̏ͥͮ͟Oͮ͏̮̪̝͍M̲̖͊̒ͪͩͬ̚̚͜Ȇ̴̟̟͙̞ͩ͌͝S̨̥̫͎̭ͯ̿̔̀ͅ", "👨‍👩‍👧‍👦🇻🇳1️⃣", "a" * 100_000, "\u0301\u0323" * 10_000,
    "<script>alert(1)</script>", "' OR 1=1 --", "{{7*7}}", "${7*7}", "%s%n%d", "{c:00}", "*", "../../etc/passwd",
    "\r\nSet-Cookie: a=b\r\n\r\n<h1>", "\\", "\"", "None", "true", "0", "-1", "=HYPERLINK(1)", "EVAL", "\n", " ",
]  # fmt: skip


@pytest.fixture
def client(app: Flask) -> Any:
    """Asks nothing of the answers but that none is a server error."""
    client = app.test_client()
    sent = client.open

    def open_(*args: Any, **kwargs: Any) -> Any:
        answer = sent(*args, **kwargs)
        assert answer.status_code < 500, answer.text
        return answer

    client.open = open_
    return client


@pytest.mark.parametrize("accept", [PAGE, DATA])
@pytest.mark.parametrize("field", FIELDS)
def test_no_text_in_any_field_is_a_server_error(client: Any, moderator: Moderator, field: str, accept: str) -> None:
    for text in ODD:
        said = json.dumps(a_submission(article="a", name="Hoa", body="Chào") | {field: text})
        answer = client.post(COMMENTS, data=said, content_type=DATA, headers={"Accept": accept})
        assert answer.status_code in (202, 303, 422), (text, answer.text)
        assert not {"Set-Cookie", "X-Injected"} & {name for name, _ in answer.headers}
    assert all(card["body"] for status in ("pending", "spam") for card in moderator.queue(status=status, limit=100))


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from(FIELDS),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=30) | st.sampled_from(ODD),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
            max_leaves=6,
        ),
    ),
    st.sampled_from([PAGE, DATA]),
)
def test_no_json_is_a_server_error(client: Any, changed: dict[str, Any], accept: str) -> None:
    body = json.dumps({**a_submission(), **changed})
    answer = client.post(COMMENTS, data=body, content_type=DATA, headers={"Accept": accept})
    assert answer.status_code in (202, 303, 400, 413, 422)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=200) | st.binary(max_size=80).map(lambda data: b"--x\r\n" + data + b"\r\n--x--\r\n"),
    st.sampled_from([DATA, "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", ""]),
)
def test_no_bytes_are_a_server_error(client: Any, body: bytes, kind: str) -> None:
    answer = client.post(COMMENTS, data=body, headers={"Content-Type": kind})
    assert answer.status_code in (400, 415, 422)


ADDRESSES = [
    COMMENTS, f"{COMMENTS}/x", "/api/v1/counts", "/api/v1/receipts/x", "/receipts/x", "/receipts/x/withdraw", "/embed",
    "/", "/demo", "/widget.js", "/openapi.json", "/healthz", "/readyz", "/metrics", "/assets/x/site.css", "/none",
    "/moderate/", "/moderate/sign-in", "/moderate/sign-out", "/moderate/decisions", "/moderate/welcome/x",
    "/api/v1/moderation/comments", "/api/v1/moderation/decisions", "/api/v1/moderation/log",
    "/api/v1/moderation/articles",
]  # fmt: skip
QUERIES = [
    "endpoint=x", "_external=1&_scheme=javascript&_method=POST&_anchor=x", "lang=%00", "lang=%ff", "article=%ed%a0%80",
    "article=a&article=b", "article=%00", "article=" + "a" * 513, "article=%f0%9f%98%80%7Bc:00%7D%25%22%27%3C/../",
    "article=a&limit=0", "article=a&limit=101", "article=a&limit=1e1", "article=a&limit=%EF%BC%91", "article=a&sort=x",
    "article=a&cursor=x", "article=a&parent=x", "article=a&thread=x", "article=a&reply_to=x", "article=a&callback=f",
    "status=x", "status=pending&cursor=x", "cursor=0-0-00", "cursor=" + "9" * 50, "comment=x", "q=%F0%9F%98%80", "&&&=",
    "&".join(["article=a"] * 101), "%", "%zz=%zz", "a" * 5000, "lang=vi&lang=en", "done=x", "site=" + "s" * 65,
]  # fmt: skip


@pytest.mark.parametrize(
    "address", [*ADDRESSES, "/%ff%fe", "//", "/assets/x/" + "a" * 5000, "/receipts/%00" + "é" * 50]
)
@pytest.mark.parametrize("signed", [True, False])
def test_no_query_is_a_server_error(client: Any, moderator: Moderator, address: str, signed: bool) -> None:
    for query in QUERIES:
        for accept in (PAGE, DATA):
            client.get(f"{address}?{query}", headers={"Accept": accept, **(moderator.headers if signed else {})})


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_method_is_answered_and_unknown_ones_are_refused(client: Any, address: str) -> None:
    for method in ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "BREW"):
        answer = client.open(address, method=method)
        if method in ("TRACE", "CONNECT", "BREW") and address != "/none":
            assert answer.status_code == 405
            assert answer.headers["Allow"]
        if method == "HEAD":
            assert answer.data == b""


def test_head_says_what_get_says_without_the_body(client: Any, reader: Reader, moderator: Moderator) -> None:
    moderator.approved(reader)
    own = (
        f"{COMMENTS}?article=bien-dong-1",
        "/embed?article=bien-dong-1",
        "/widget.js",
        "/healthz",
        "/moderate/sign-in",
    )
    for address in own:
        got, head = client.get(address), client.head(address)
        assert (head.status_code, head.data) == (got.status_code, b"")
        for name in ("Content-Type", "ETag", "Cache-Control", "Content-Security-Policy"):
            assert head.headers.get(name) == got.headers.get(name), (address, name)


@pytest.mark.parametrize(
    "header",
    [
        ("Accept", ";;;q=,,é"), ("Accept", "text/html;q=\u00e9"), ("Accept-Language", ";q=x,é" + "x" * 9000),
        ("Accept-Encoding", "br;q=x, *;q=é"), ("Authorization", "Bearer"), ("Authorization", "Bearer é"),
        ("Authorization", "Basic Og=="), ("Authorization", "Bearer " + "x" * 9000), ("Cookie", "=; comments_session=é"),
        ("Cookie", "comments_session=" + "x" * 5000), ("Cookie", "comments_csrf=.x.y"), ("If-None-Match", 'W/"é", *"'),
        ("If-Modified-Since", "x"), ("Range", "bytes=0-"), ("Origin", "http://["), ("Host", "evil["), ("Host", "é"),
        ("Forwarded", "for=x"), ("X-Forwarded-For", "é, ,"), ("X-Forwarded-Proto", "https\u00e9"), ("Expect", "x"),
        ("X-HTTP-Method-Override", "DELETE"), ("Transfer-Encoding", "x"), ("Sec-Fetch-Site", "é"), ("Referer", "é"),
    ],
    ids=lambda header: f"{header[0]}: {header[1][:12]}",
)  # fmt: skip
def test_no_header_is_a_server_error(client: Any, header: tuple[str, str]) -> None:
    for address in (f"{COMMENTS}?article=a", "/embed?article=a", "/", "/moderate/", "/metrics"):
        client.get(address, headers=[header])
    client.get("/api/v1/moderation/comments", headers=[header])
    client.post(COMMENTS, json=a_submission(), headers=[header])
    client.post("/moderate/sign-in", data={"name": "x"}, headers=[header])


ARTICLES = [
    "a/b/../c?d=e&f=g#h", "100%", "%2e%2e%2f", '"quoted" \'quoted\'', "tin-tức 🇻🇳", "{c:00}", "comments:{c:00}:log",
    "*", "a" * 512, "ế" * 512, "https://news.example/bài?x=1", "0", "main/a", "\\", "__proto__", "<b>", "-", "null",
]  # fmt: skip


@pytest.mark.parametrize("article", ARTICLES, ids=lambda a: a[:20])
def test_an_article_may_have_any_name(reader: Reader, moderator: Moderator, article: str) -> None:
    moderator.approved(reader, article=article)
    assert reader.read(article)["article"] == article
    assert reader.read(article)["count"] == 1
    assert reader.read(article + "x" if len(article) < 512 else article[:-1])["count"] == 0
    counts = reader.client.get("/api/v1/counts", query_string={"article": article}).json["counts"]
    assert counts == {article: 1}
    page = reader.client.get("/embed", query_string={"article": article})
    assert "Bài viết rất hay" in page.text


@pytest.mark.parametrize("article", ["", " ", "\n", "\u200b", "a" * 513, "a" * 100_000, "a\0b", "\u202e"])
def test_an_article_without_a_usable_name_is_refused(reader: Reader, article: str) -> None:
    assert list(reader.submit(article=article).json["errors"]) == ["article"]
    answer = reader.client.get(COMMENTS, query_string={"article": article})
    assert (answer.status_code, list(answer.json["errors"])) == (422, ["article"])


def test_one_article_typed_in_several_ways_is_one(reader: Reader, moderator: Moderator) -> None:
    typed = "bài-viết-về-Hướng"
    ways = [typed, unicodedata.normalize("NFD", typed), f" {typed}\n", typed.replace("-", "\u200b-")]
    for number, way in enumerate(ways, 1):
        moderator.approved(reader, article=way)
        assert len(moderator.queue(status="approved", article=way)) == number
    assert [reader.read(way)["count"] for way in ways] == [4] * 4
    assert {comment["article"] for comment in moderator.queue(status="approved")} == {typed}


def test_case_and_site_and_line_ends_tell_articles_apart(reader: Reader, moderator: Moderator) -> None:
    for article, site in (("A", "main"), ("a", "main"), ("a", "sport"), ("main/a", "main"), ("a b", "main")):
        moderator.approved(reader, article=article, site=site)
    assert reader.read("A")["count"] == reader.read("a")["count"] == reader.read("a", site="sport")["count"] == 1
    assert reader.read("a\r\nb")["count"] == 1, "a line end in a name is a space"


@pytest.mark.parametrize("name", ["", " ", "\u200b\u200c\u200d", "\u3164", "\u2800", "\u0301", "\ufe0f", "\U000e0041"])
def test_a_name_that_cannot_be_seen_is_no_name(reader: Reader, name: str) -> None:
    assert list(reader.submit(name=name).json["errors"]) == ["name"]


def test_piled_marks_are_refused_in_names_and_kept_in_texts(reader: Reader, moderator: Moderator) -> None:
    zalgo = ODD[10]
    assert list(reader.submit(name=zalgo).json["errors"]) == ["name"]
    moderator.approved(reader, body=zalgo)
    assert reader.bodies() == [unicodedata.normalize("NFC", zalgo.replace("\u034f", ""))]


@pytest.mark.parametrize(
    "body",
    [
        "👨‍👩‍👧‍👦 🧑🏿‍🤝‍🧑🏻 🇻🇳 #️⃣ 🏴󠁧󠁢󠁥󠁮󠁧󠁿",
        "می\u200cخواهم",
        "क्\u200dष",
        "  dòng một\r\n\r\n\tdòng hai  ",
        "<b>&amp;</b> ' \" \\ %00 {{7*7}}",
        "中文 العربية עברית ไทย",
    ],
)
def test_what_is_read_is_what_was_said(reader: Reader, moderator: Moderator, body: str) -> None:
    moderator.approved(reader, body=body)
    assert reader.bodies() == [body.strip().replace("\r\n", "\n")]


def test_nothing_but_the_fields_of_a_comment_is_taken(client: Any, reader: Reader, moderator: Moderator) -> None:
    wished = {
        "id": "0" * 28, "status": "approved", "created_at": "2001-01-01T00:00:00Z", "version": 9, "staff": True,
        "role": ["admin"], "reasons": [], "person": "x", "html": "<b>", "decided_by": "Lan", "__proto__": {"a": 1},
        "email_sealed": "", "ip": "1.2.3.4", "trapped": False, "root": "0" * 28, "count": 5,
    }  # fmt: skip
    assert client.post(COMMENTS, json={**a_submission(), **wished}).status_code == 202
    assert reader.read()["count"] == 0
    (waiting,) = moderator.queue()
    assert waiting["id"] != wished["id"]
    assert (waiting["status"], waiting["version"], waiting["decided_by"]) == ("pending", 1, None)
    assert waiting["created_at"] > "2020"
    moderator.decide(waiting["id"], "approve")
    (shown,) = reader.read()["comments"]
    assert shown["staff"] is False
    assert shown["html"] == "<p>Bài viết rất hay, cảm ơn tòa soạn.</p>"


@pytest.mark.parametrize(
    "website",
    [
        "javascript:alert(1)", "JaVaScRiPt://x.vn/%0aalert(1)", "data:text/html,x", "vbscript:x", "//x.vn", "x.vn",
        "http://", "http:///x", "http://user@x.vn", "http://bank.example@attacker.example", "http://x.vn:99999",
        "http://[::1", "http://x .vn", "http:\\\\x.vn", "ftp://x.vn", "mailto:a@b.vn", "http://x.vn\u202e", "blob:http://x",
        "http://x.vn/" + "a" * 2048,
    ],
)  # fmt: skip
def test_a_website_is_http_or_nothing(reader: Reader, website: str) -> None:
    assert list(reader.submit(website=website).json["errors"]) == ["website"]


def test_a_website_cannot_leave_its_attribute(reader: Reader, moderator: Moderator) -> None:
    moderator.approved(reader, website='http://x.vn/"onmouseover="alert(1)', name='"><img src=x>', body="'>\"<i>")
    page = reader.client.get("/embed?article=bien-dong-1").text
    assert "<img src=x" not in page
    assert '"onmouseover' not in page
    assert "<i>" not in page


def test_there_is_no_jsonp(client: Any) -> None:
    plain = client.get(f"{COMMENTS}?article=a")
    wrapped = client.get(f"{COMMENTS}?article=a&callback=steal&jsonp=steal")
    assert wrapped.data == plain.data
    assert wrapped.headers["X-Content-Type-Options"] == "nosniff"
    assert wrapped.mimetype == "application/json"


def test_a_line_end_never_starts_a_header(client: Any, house: House) -> None:
    text = "x\r\nX-Injected: yes"
    client.post(COMMENTS, json=a_submission(article=text, name=text, article_title=text))
    said = a_submission(article=text, name=text, language="vi\r\nX-Injected: yes")
    for answer in (
        client.post(COMMENTS, json=said),
        client.post(COMMENTS, json=said, headers={"Accept": PAGE}),
        client.get(COMMENTS, query_string={"article": text}),
        client.get("/embed", query_string={"article": text, "lang": text}),
        client.get("/", query_string={"lang": text}),
        client.get("/moderate/sign-in", query_string={"lang": text}),
        client.post("/moderate/sign-out", query_string={"lang": text}),
    ):
        assert "X-Injected" not in answer.headers


def test_a_message_quotes_nothing_that_was_sent(client: Any) -> None:
    secret = "quoted-text-9341"
    answers = [
        client.post(COMMENTS, json=dict.fromkeys(FIELDS, f"\0{secret}")),
        client.post(COMMENTS, json={secret: secret, "name": [secret]}),
        client.post(COMMENTS, data=f'{{"{secret}": {secret}}}', content_type=DATA),
        client.post(f"{COMMENTS}?email={secret}", json={}),
        client.get(f"{COMMENTS}?article=a&sort={secret}&limit={secret}"),
        client.get(f"/api/v1/comments/{secret}"),
        client.get(f"/api/v1/receipts/{secret}"),
        client.get("/api/v1/moderation/comments", headers={"Authorization": f"Bearer {secret}"}),
    ]
    assert all(400 <= answer.status_code < 500 for answer in answers)
    assert all(secret not in answer.text and secret not in str(answer.headers) for answer in answers)


def test_a_programs_decisions_are_read_as_strictly(moderator: Moderator, reader: Reader) -> None:
    comment_id = reader.submitted()
    good = {"id": comment_id, "version": 1, "decision": "approve"}
    for wrong in (
        {"id": 5}, {"id": None}, {"version": "1"}, {"version": True}, {"version": -1}, {"version": 1.0},
        {"version": 10**19}, {"decision": "withdraw"}, {"decision": "APPROVE"}, {"decision": ["approve"]},
        {"reason": 5}, {"reason": "a\0"}, {"reason": "x" * 501}, {"reason": "\ud800"},
    ):  # fmt: skip
        answer = moderator.send([good | wrong])
        assert answer.status_code in (200, 422), answer.text
        assert answer.status_code == 422 or answer.json["results"][0]["outcome"] == "conflict"
    for decisions in (None, {}, [], "x", [None], [[]], [good] * 101):
        assert moderator.send(decisions).status_code == 422
    assert [comment["id"] for comment in moderator.queue()] == [comment_id]
