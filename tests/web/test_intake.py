"""The one door for bodies and queries: what is read, and what is sent away unread or as unreadable."""

import json
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from comments.web.intake import json_object
from comments.web.problems import Problem
from tests.growth import growth
from tests.people import COMMENTS, Moderator, Reader, a_submission

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=x"
MB = 1024 * 1024


def send(app: Flask, body: bytes | str, kind: str, **headers: str) -> TestResponse:
    return app.test_client().post(COMMENTS, data=body, headers={"Content-Type": kind, **headers})


def refusal(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.json["code"]


def a_json(**changed: Any) -> str:
    return json.dumps({**a_submission(), **changed})


def a_part(value: bytes, *, disposition: bytes = b'form-data; name="body"') -> bytes:
    return b"--x\r\nContent-Disposition: " + disposition + b"\r\n\r\n" + value + b"\r\n--x--\r\n"


class Watched(BytesIO):
    """A body that tells how much of it was read."""

    given = 0

    def readinto(self, buffer: Any) -> int:
        count = super().readinto(buffer)
        self.given += count
        return count


def stream(app: Flask, body: BytesIO, kind: str, **environ: Any) -> TestResponse:
    """Sends what the server in front would hand over, with nothing counted for it."""
    return app.test_client().post(COMMENTS, input_stream=body, content_type=kind, environ_overrides=environ)


def test_a_body_that_is_too_long_by_its_own_word_is_not_read(app: Flask) -> None:
    body = Watched(b"{}")
    answer = stream(app, body, JSON, CONTENT_LENGTH=str(10 * MB))
    assert refusal(answer) == (413, "too_large")
    assert body.given == 0


CHUNKED = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}


@pytest.mark.parametrize("kind", [JSON, MULTIPART])
def test_a_body_that_tells_no_length_is_refused_at_the_limit_not_cut(
    app: Flask, moderator: Moderator, kind: str
) -> None:
    body = Watched(b"article=a&name=b&email=c%40reader-mail.vn&body=d&article_title=" + b"x" * 10 * MB)
    answer = stream(app, body, kind, **CHUNKED)
    assert refusal(answer) == (413, "too_large")
    assert body.given < MB, "the rest was not read"
    assert moderator.queue() == []


def test_a_body_that_tells_no_length_is_read_when_its_end_is_plain(app: Flask) -> None:
    assert stream(app, BytesIO(a_json().encode()), JSON, **CHUNKED).status_code == 202
    assert stream(app, BytesIO(a_json().encode()[:-1]), JSON, **CHUNKED).status_code == 400


def test_a_form_tells_its_length(app: Flask, moderator: Moderator) -> None:
    body = BytesIO(b"article=a&name=b&email=c%40reader-mail.vn&body=half+of")
    assert refusal(stream(app, body, FORM, **CHUNKED)) == (411, "length_required")
    assert moderator.queue() == []


def test_a_body_that_breaks_off_is_not_taken_for_a_shorter_one(app: Flask, moderator: Moderator) -> None:
    body = b"article=a&name=b&email=c%40reader-mail.vn&body=all+of+it"
    answer = stream(app, BytesIO(body), FORM, CONTENT_LENGTH=str(len(body) + 20))
    assert refusal(answer) == (400, "malformed")
    assert moderator.queue() == []


@pytest.mark.parametrize(
    "body",
    [
        "",
        "null",
        "[]",
        '"text"',
        "17",
        f"[{a_json()}]",
        a_json() + a_json(),
        a_json()[:-1],
        a_json(body=float("nan")),
        a_json(body=float("inf")),
        a_json()[:-1] + ', "body": "again"}',
        '{"a": ' + "9" * 100_000 + "}",
        '{"a": 1' + "0" * 50 + ".5}",
        '{"a":' * 20_000 + "1" + "}" * 20_000,
        '{"a": ' + "[" * 100_000,
        '{"a": ' + "[" * 9 + "]" * 9 + "}",
        json.dumps({str(n): "" for n in range(33)}),
        "{'a': 'b'}",
        '{"a": "\t"}',
    ],
    ids=lambda body: body[:20],
)
def test_json_that_is_no_single_flat_object_is_malformed(app: Flask, body: str) -> None:
    assert refusal(send(app, body, JSON)) == (400, "malformed")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "latin-1", "utf-8-sig"])
def test_only_utf_8_is_json(app: Flask, encoding: str) -> None:
    body = json.dumps({"body": "Cà phê"}, ensure_ascii=False).encode(encoding)
    assert refusal(send(app, body, JSON)) == (400, "malformed")


@pytest.mark.parametrize("bad", [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe1\xba"])
def test_bytes_that_are_no_utf_8_are_malformed_everywhere(app: Flask, bad: bytes) -> None:
    escaped = "".join(f"%{byte:02x}" for byte in bad)
    assert refusal(send(app, b'{"body": "' + bad + b'"}', JSON)) == (400, "malformed")
    assert refusal(send(app, b"body=" + bad, FORM)) == (400, "malformed")
    assert refusal(send(app, "body=" + escaped, FORM)) == (400, "malformed")
    assert refusal(send(app, escaped + "=x", FORM)) == (400, "malformed")
    assert refusal(send(app, a_part(bad), MULTIPART)) == (400, "malformed")
    assert refusal(app.test_client().get(f"{COMMENTS}?article={escaped}")) == (400, "malformed")


@pytest.mark.parametrize("value", [[], [1], {}, {"a": ["b"]}, 0, -1, 1.5, 10**15, True, False, "\ud800", "a\udfff"])
@pytest.mark.parametrize("field", ["article", "name", "email", "body", "website", "parent", "language", "homepage"])
@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_a_field_that_is_no_text_is_named(app: Flask, field: str, value: Any, accept: str) -> None:
    answer = send(app, a_json(**{field: value}), JSON, Accept=accept)
    assert answer.status_code == 422
    if accept == "application/json":
        assert list(answer.json["errors"]) == [field]


def test_null_is_an_absent_field(reader: Reader, app: Flask) -> None:
    assert send(app, a_json(website=None, parent=None), JSON).status_code == 202
    assert list(send(app, a_json(name=None), JSON).json["errors"]) == ["name"]


@pytest.mark.parametrize(
    "body",
    [
        b"--y--\r\n",
        b"--x\r\nContent-Disp",
        b"--x\r\nFoo: bar\r\n\r\nv\r\n--x--\r\n",
        a_part(b"v", disposition=b"form-data"),
        a_part(b"v", disposition=b'form-data; name=""'),
        a_part(b"v", disposition=b'form-data; name="\xff"'),
        a_part(b"v", disposition=b'form-data; name="body"; filename="a.txt"'),
        a_part(b"v")[:-8],
        a_part(b"v")[:-7] + a_part(b"w"),
        a_part(b"v")[:-7] * 40 + b"--x--\r\n",
        b"--x\r\n" * 10_000,
    ],
)
def test_multipart_that_is_broken_or_brings_a_file_is_malformed(app: Flask, body: bytes) -> None:
    assert refusal(send(app, body, MULTIPART)) == (400, "malformed")


@pytest.mark.parametrize("body", ["&".join(f"f{n}=" for n in range(33)), "&" * 100_000, "body=a&body=b"])
def test_forms_with_too_many_fields_or_one_twice_are_malformed(app: Flask, body: str) -> None:
    assert refusal(send(app, body, FORM)) == (400, "malformed")


def test_a_form_is_decoded_once(app: Flask, moderator: Moderator) -> None:
    send(app, "article=a%2525&name=b%2Bc+d&email=c%40reader-mail.vn&body=%26amp%3B+%2500", FORM)
    (waiting,) = moderator.queue()
    assert (waiting["article"], waiting["name"], waiting["body"]) == ("a%25", "b+c d", "&amp; %00")


@pytest.mark.parametrize(
    ("kind", "encoding"),
    [
        ("", ""),
        (";", ""),
        ("text/plain", ""),
        ("text/json", ""),
        ("application/xml", ""),
        ("application/problem+json", ""),
        ("multipart/form-data", ""),
        ("multipart/mixed; boundary=x", ""),
        ("application/json; charset=utf-16", ""),
        (f"{FORM}; charset=iso-8859-1", ""),
        (JSON, "gzip"),
        (JSON, "br"),
    ],
)
def test_other_types_and_compressed_bodies_are_not_read(app: Flask, kind: str, encoding: str) -> None:
    headers = {"Content-Encoding": encoding} if encoding else {}
    assert refusal(send(app, a_json(), kind, **headers)) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "kind", ["application/JSON", "application/json;charset=UTF-8", 'application/json; charset="utf8"']
)
def test_the_type_is_read_as_http_writes_it(app: Flask, kind: str) -> None:
    assert send(app, a_json(), kind).status_code == 202


@pytest.mark.parametrize("field", ["email", "body", "name", "article", "idempotency_key"])
def test_a_field_in_the_address_is_refused(app: Flask, field: str) -> None:
    answer = app.test_client().post(f"{COMMENTS}?{field}=x", json=a_submission())
    assert refusal(answer) == (400, "malformed")


@pytest.mark.parametrize("query", ["article=a&article=b", "article=a&limit=1&limit=2", "article=a" + "&x" * 200])
def test_a_parameter_twice_or_too_many_are_malformed(app: Flask, query: str) -> None:
    assert refusal(app.test_client().get(f"{COMMENTS}?{query}")) == (400, "malformed")


def test_the_key_counts_from_the_header_or_the_body_but_not_two_of_them(app: Flask) -> None:
    same = send(app, a_json(idempotency_key="one"), JSON, **{"Idempotency-Key": "one"})
    other = send(app, a_json(idempotency_key="one"), JSON, **{"Idempotency-Key": "two"})
    assert same.status_code == 202
    assert refusal(other) == (400, "malformed")


@pytest.mark.parametrize("key", ["é", "a b", "x" * 201, "\x7f"])
def test_a_key_is_short_printable_ascii(app: Flask, key: str) -> None:
    answer = send(app, a_json(idempotency_key=key), JSON)
    assert answer.status_code == 422
    assert list(answer.json["errors"]) == ["idempotency_key"]


@pytest.mark.parametrize("unit", ['"', '\\"', '"a",', '{"a":"', "[", '["\\\\', "{}", '"\\'])
def test_json_is_judged_in_linear_time(unit: str) -> None:
    def judge(body: bytes) -> None:
        with pytest.raises(Problem):
            json_object(body)

    assert growth(judge, lambda n: ("[]" * 9 + unit * (n // len(unit))).encode(), 60_000) < 3
