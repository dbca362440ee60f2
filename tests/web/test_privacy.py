"""Addresses go in; no byte that leaves, is logged or is stored contains one, or anything that is computed from one."""

import codecs
import hashlib
import logging
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zlib import crc32

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from comments import passwords
from comments.store import records
from comments.web.here import House
from tests.people import COMMENTS, MODERATION, Moderator, Reader, a_submission

LOCAL = "Thu.Bi-Mat+Toa_Soan"
ADDRESS = f"{LOCAL}@Doc-Gia-7.vn"
PASSWORD = "một mật khẩu thật dài"
PAGE = {"Accept": "text/html"}
HASHES = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_256", "blake2b", "blake2s")


def disguises(address: str) -> Iterator[bytes]:
    """Every form in which an address is known to have leaked: spelled, encoded, hashed."""
    for text in {address, address.lower(), address.upper(), address.casefold(), address.partition("@")[0]}:
        raw = text.encode()
        yield from (raw, quote(text, safe="").encode(), escape(text).encode(), text.replace("@", "&#64;").encode())
        yield from (text.replace("@", "\\u0040").encode(), text.replace("+", "\\u002b").encode(), raw[::-1])
        yield from (raw.hex().encode(), codecs.encode(text, "rot13").encode(), text.encode("utf-16-le"))
        for shift in range(3):  # wherever it stands in a longer text that was encoded
            yield b64encode(b" " * shift + raw)[4:-4]
            yield urlsafe_b64encode(b" " * shift + raw)[4:-4]
        for digest in _digests(raw):
            yield from (digest, digest.hex().encode(), b64encode(digest).rstrip(b"="), urlsafe_b64encode(digest)[:-2])
        yield f"{crc32(raw):08x}".encode()


def _digests(raw: bytes) -> Iterator[bytes]:
    for name in HASHES:
        yield hashlib.new(name, raw).digest()
    for size in (16, 20, 32):
        yield hashlib.blake2b(raw, digest_size=size).digest()


NEEDLES = {needle.lower() for needle in disguises(ADDRESS)}


def found_in(haystack: bytes) -> list[bytes]:
    lower = haystack.lower()
    return [needle for needle in NEEDLES if needle in lower]


class Eavesdropper:
    """Keeps every byte of every answer, and where it was heard."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client
        self.heard: dict[str, bytes] = {}

    def ask(self, method: str, path: str, **more: Any) -> TestResponse:
        answer = self.client.open(path, method=method, **more)
        self.heard[f"{len(self.heard)} {method} {path} {answer.status}"] = str(answer.headers).encode() + answer.data
        return answer

    def statuses(self) -> set[int]:
        return {int(where.split(" ")[3]) for where in self.heard}

    def leaks(self) -> dict[str, list[bytes]]:
        return {where: found for where, said in self.heard.items() if (found := found_in(said))}


@pytest.fixture
def listener(app: Flask, house: House) -> Eavesdropper:
    """Someone who is signed in as a moderator."""
    client = app.test_client()
    house.people.add_moderator("Minh", role="admin", password_hash=passwords.hash_password(PASSWORD))
    token = client.get("/moderate/sign-in").text.partition('name="csrf_token" value="')[2].partition('"')[0]
    said = {"csrf_token": token, "name": "Minh", "password": PASSWORD}
    assert client.post("/moderate/sign-in", data=said).status_code == 303
    return Eavesdropper(client)


def filled(app: Flask, **values: str) -> list[str]:
    """The path of every route, with ids of this installation in it."""
    adapter = app.url_map.bind("localhost")
    values |= {"tag": "x", "name": "widget.js", "token": "x", "code": "fr", "person": "0" * 16}
    return [
        adapter.build(
            rule.endpoint, {name: values[name] for name in rule.arguments}, method=sorted(rule.methods or ())[0]
        )
        for rule in app.url_map.iter_rules()
    ]


def test_the_search_finds_what_it_looks_for() -> None:
    for said in (ADDRESS, LOCAL.upper(), quote(ADDRESS), hashlib.md5(ADDRESS.lower().encode()).hexdigest()):  # noqa: S324  # as Gravatar does
        assert found_in(f"<a href='{said}'>".encode())
    assert found_in(b64encode(b"mail: " + ADDRESS.encode()))
    assert not found_in(b"Toa soan cam on ban doc")


def test_no_answer_of_any_route_tells_an_address(
    app: Flask, listener: Eavesdropper, moderator: Moderator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said = a_submission(email=ADDRESS)
    receipts = [listener.ask("POST", COMMENTS, json=said | {"body": f"Bài {n}"}).json for n in range(3)]
    comment_id, receipt = receipts[0]["id"], receipts[0]["receipt"]
    assert moderator.decide(comment_id, "approve")["outcome"] == "done"
    assert moderator.decide(receipts[1]["id"], "reject", reason="trùng")["outcome"] == "done"
    listener.ask("POST", COMMENTS, data=said | {"body": "không có JavaScript"}, headers=PAGE)
    listener.ask("POST", COMMENTS, json=said | {"parent": comment_id})

    queries = (
        "",
        "?article=bien-dong-1",
        f"?article=bien-dong-1&comment={comment_id}&q=hoa&status=approved&done={comment_id}",
    )
    for path in filled(app, comment_id=comment_id, receipt=receipt):
        for query in queries:
            for headers in ({}, PAGE, moderator.headers):
                for method in ("GET", "HEAD", "OPTIONS"):
                    listener.ask(method, path + query, headers=headers)
    listener.ask("POST", f"/receipts/{receipt}/withdraw", headers=PAGE)
    listener.ask("DELETE", f"/api/v1/receipts/{receipts[2]['receipt']}")
    assert {200, 202, 303, 401, 404, 405, 422} <= listener.statuses()
    assert listener.leaks() == {}
    assert found_in(caplog.text.encode()) == []


def test_no_refusal_tells_an_address(
    app: Flask, listener: Eavesdropper, moderator: Moderator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said = a_submission(email=ADDRESS)
    key = {"Idempotency-Key": "k"}
    listener.ask("POST", COMMENTS, json=said, headers=key)
    listener.ask("POST", COMMENTS, json=said | {"body": "khác"}, headers=key)
    listener.ask("POST", COMMENTS, json=said | {"email": f"{ADDRESS}@"})
    listener.ask("POST", COMMENTS, json=said | {"email": f"({ADDRESS})"})
    listener.ask("POST", COMMENTS, json=said | {"email": [ADDRESS]})
    listener.ask("POST", COMMENTS, json=said | {"email": f"\0{ADDRESS}"})
    listener.ask("POST", COMMENTS, json=said | {"email": f"{ADDRESS}.{'x' * 300}"})
    listener.ask("POST", COMMENTS, json=said | {"language": ADDRESS, "site": ADDRESS * 5, "parent": ADDRESS * 5})
    listener.ask("POST", COMMENTS, json={ADDRESS: [ADDRESS], "name": 5})
    listener.ask("POST", COMMENTS, data=f'{{"email": "{ADDRESS}"', content_type="application/json")
    listener.ask("POST", COMMENTS, data=f"email={quote(ADDRESS)}&email=x", headers=PAGE, content_type="text/plain")
    listener.ask("POST", COMMENTS, json=said | {"homepage": ADDRESS})
    for headers in ({}, PAGE):
        listener.ask("POST", COMMENTS, query_string={"email": ADDRESS}, json=said, headers=headers)
        listener.ask("GET", "/", query_string={"email": ADDRESS}, headers=headers)
        listener.ask("GET", COMMENTS, query_string={"article": "a", "email": ADDRESS}, headers=headers)
        listener.ask("GET", "/embed", query_string={"article": "a", "email": ADDRESS}, headers=headers)
    moderator.client.put(f"{MODERATION}/articles?article=bien-dong-1", json={"open": False}, headers=moderator.headers)
    listener.ask("POST", COMMENTS, json=said)
    assert {202, 400, 403, 409, 415, 422} <= listener.statuses()
    assert listener.leaks() == {}
    assert found_in(caplog.text.encode()) == []


def test_a_form_with_mistakes_goes_back_to_its_author_alone(app: Flask) -> None:
    answer = app.test_client().post(COMMENTS, data=a_submission(email=ADDRESS, body=""), headers=PAGE)
    assert answer.status_code == 422
    assert LOCAL in answer.text, "nobody has to type it again"
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.one_server
def test_a_failure_tells_no_address_in_its_answer_or_log(
    make_app: Callable[..., Flask], app: Flask, store_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with redis.Redis.from_url(store_url) as store:
        for shard in range(64):
            store.set(f"comments:{{c:{shard:02x}}}:log", "not a stream")  # what no program of ours would do
    broken = Eavesdropper(app.test_client())
    away = Eavesdropper(make_app(redis_url="unix:///nowhere.sock").test_client())
    for listener in (broken, away):
        for headers in ({}, PAGE):
            listener.ask("POST", COMMENTS, json=a_submission(email=ADDRESS), headers=headers)
    assert (broken.statuses(), away.statuses()) == ({500}, {503})
    assert "Traceback" in caplog.text
    assert broken.leaks() == away.leaks() == {}
    assert found_in(caplog.text.encode()) == []


def everything_in(store: redis.Redis) -> Iterator[bytes]:
    """Every key and every value, whatever its type."""
    readers = {
        b"string": store.get,
        b"hash": store.hgetall,
        b"set": store.smembers,
        b"zset": lambda key: store.zrange(key, 0, -1, withscores=True),
        b"stream": store.xrange,
        b"list": lambda key: store.lrange(key, 0, -1),
    }
    for key in store.scan_iter():
        yield key + b" " + _flat(readers[store.type(key)](key))


def _flat(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, dict):
        value = value.items()
    if isinstance(value, (list, tuple, set)) or hasattr(value, "__iter__"):
        return b" ".join(map(_flat, value))
    return str(value).encode()


@pytest.mark.one_server
def test_the_store_and_its_file_hold_no_address(reader: Reader, moderator: Moderator, store_url: str) -> None:
    for n in range(3):
        answer = reader.submit(key=f"k{n}", email=f"  {ADDRESS} ", article=f"a{n}")
        assert moderator.decide(answer.json["id"], "approve", reason="tốt")["outcome"] == "done"
    reader.submit(email=ADDRESS, homepage="https://spam.example")
    with redis.Redis.from_url(store_url) as store:
        kept = list(everything_in(store))
    assert any(b" %b " % records.MAIL.encode() in entry for entry in kept), "sealed, it is there"
    assert [entry for entry in kept if found_in(entry)] == []
    files = [path for path in Path(store_url.removeprefix("unix://")).parent.rglob("*aof*") if path.is_file()]
    assert files
    assert {path.name: found_in(path.read_bytes()) for path in files} == {path.name: [] for path in files}


@pytest.mark.one_server
def test_a_pseudonym_is_drawn_not_computed(reader: Reader, moderator: Moderator, store_url: str) -> None:
    def pseudonym() -> str:
        comment_id = reader.submitted(email=ADDRESS)
        return next(str(comment["person"]) for comment in moderator.queue() if comment["id"] == comment_id)

    first = pseudonym()
    assert pseudonym() == first
    with redis.Redis.from_url(store_url) as store:
        store.delete(*store.keys("comments:person:*"))
    assert pseudonym() != first


def test_one_address_on_two_articles_leaves_no_common_mark(reader: Reader, moderator: Moderator) -> None:
    def public(article: str, email: str) -> set[str]:
        moderator.approved(reader, article=article, email=email)
        (comment,) = reader.read(article)["comments"]
        return {f"{name}: {value}" for name, value in comment.items()}

    same = public("a", ADDRESS) & public("b", ADDRESS)
    others = public("c", "khac-1@doc-gia.vn") & public("d", "khac-2@doc-gia.vn")
    assert same == others
