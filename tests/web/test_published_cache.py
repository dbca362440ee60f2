"""The layer that keeps finished answers: right bytes, right encoding, nothing private, nothing stale."""

import gzip
import threading
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import brotli
import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import Client

from comments.errors import Unavailable
from comments.model import Decision, Status, Verdict, may_follow, outcome_of
from comments.web.here import House
from comments.web.published_cache import PublishedCache
from tests.people import Moderator, Reader

PATH = "/api/v1/comments?article=bien-dong-1"


class Origin:
    """An application that counts its calls and answers what a test says."""

    def __init__(self, body: bytes = b"x" * 1000, **headers: str) -> None:
        self.calls: Counter[str] = Counter()
        self.body = body
        self.headers = {"Cache-Control": "public, s-maxage=2", "ETag": '"e"', "Surrogate-Key": "a b", **headers}
        self.meanwhile: Callable[[], object] = lambda: None
        self.status = "200 OK"

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.calls[environ["PATH_INFO"]] += 1
        self.meanwhile()
        headers = [(n.replace("_", "-"), v) for n, v in self.headers.items() if v]
        start_response(self.status, [*headers, ("Content-Type", "application/json")])
        return [self.body]


class Announcer:
    """A subscription whose messages and end are in the test's hands."""

    def __init__(self) -> None:
        self.more = threading.Semaphore(0)
        self.script: list[str | Exception | None] = []
        self.read = threading.Event()

    def say(self, *words: str | Exception | None) -> None:
        """Hands these on, and returns when the listener has dealt with them."""
        self.read.clear()
        self.script += words
        for _ in words:
            self.more.release()
        assert self.read.wait(5)

    def __call__(self, _poll: float) -> Iterator[str | None]:
        while True:
            if not self.script:
                self.read.set()
            self.more.acquire()
            word = self.script.pop(0)
            if isinstance(word, Exception):
                raise word
            yield word


@pytest.fixture
def announcer() -> Announcer:
    return Announcer()


def cached(origin: Origin, announcer: Announcer, budget: int = 10**6) -> Client:
    client = Client(PublishedCache(origin, budget=budget, listen=announcer))
    client.get("/first")  # starts the listener
    announcer.say(None)
    origin.calls.clear()
    return client


def test_a_kept_answer_does_not_enter_the_application(announcer: Announcer) -> None:
    origin = Origin()
    client = cached(origin, announcer)
    answers = [client.get("/x") for _ in range(3)]
    assert origin.calls["/x"] == 1
    assert {answer.data for answer in answers} == {origin.body}


def test_without_a_thread_to_listen_in_the_next_request_tries_again(
    announcer: Announcer, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = Origin()
    client = Client(PublishedCache(origin, budget=10**6, listen=announcer))

    def no_thread(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", no_thread)
        assert [client.get("/x").status_code for _ in range(2)] == [200, 200]
    client.get("/x")
    announcer.say(None)
    origin.calls.clear()
    assert [client.get("/x").status_code for _ in range(2)] == [200, 200]
    assert origin.calls["/x"] == 1


def test_path_and_query_tell_answers_apart(announcer: Announcer) -> None:
    origin = Origin()
    client = cached(origin, announcer)
    for path in ("/x", "/y", "/x?a=1", "/x?a=2", "/x?a=1"):
        client.get(path)
    assert origin.calls == {"/x": 3, "/y": 1}


def test_an_announcement_drops_what_it_names_and_nothing_else(announcer: Announcer) -> None:
    origin = Origin()
    client = cached(origin, announcer)
    client.get("/x")
    announcer.say("another")
    client.get("/x")
    assert origin.calls["/x"] == 1
    announcer.say("b")
    client.get("/x")
    assert origin.calls["/x"] == 2


def test_an_answer_overtaken_while_it_was_made_is_not_kept(announcer: Announcer) -> None:
    origin = Origin()
    client = cached(origin, announcer)
    origin.meanwhile = lambda: announcer.say("a")
    client.get("/x")
    origin.meanwhile = lambda: None
    client.get("/x")
    client.get("/x")
    assert origin.calls["/x"] == 2


def test_an_answer_begun_before_the_subscription_is_not_kept(announcer: Announcer) -> None:
    origin = Origin()
    client = Client(PublishedCache(origin, budget=10**6, listen=announcer))
    origin.meanwhile = lambda: announcer.say(None)
    client.get("/x")
    origin.meanwhile = lambda: None
    client.get("/x")
    assert origin.calls["/x"] == 2


def test_without_a_subscription_nothing_is_kept(announcer: Announcer) -> None:
    origin = Origin()
    client = cached(origin, announcer)
    client.get("/x")
    announcer.say(Unavailable("cut"))
    client.get("/x")
    client.get("/x")
    assert origin.calls["/x"] == 3


@pytest.fixture
def cut_off(announcer: Announcer) -> tuple[Client, Origin, list[float]]:
    """A layer that kept an answer before it lost the store, 100 s of stale answers allowed; and its clock."""
    origin, now = Origin(), [0.0]
    layer = PublishedCache(origin, budget=10**6, listen=announcer, stale_seconds=100, clock=lambda: now[0])
    client = Client(layer)
    client.get("/first")
    announcer.say(None)
    client.get("/kept")
    announcer.say(Unavailable("gone"))
    origin.status = "503 SERVICE UNAVAILABLE"
    origin.headers = {"Cache-Control": "no-store"}
    return client, origin, now


def test_while_the_store_is_away_what_was_kept_stands_in_marked_as_stale(
    cut_off: tuple[Client, Origin, list[float]], eventually: Callable[..., None]
) -> None:
    client, _, now = cut_off
    now[0] = 12.0
    eventually(lambda: client.get("/kept").status_code == 200)
    answer = client.get("/kept")
    assert answer.data == b"x" * 1000
    assert answer.headers["Cache-Status"] == "comments; hit; ttl=-12"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Surrogate-Key" not in answer.headers
    assert client.get("/never asked before").status_code == 503


def test_stale_answers_have_an_end(cut_off: tuple[Client, Origin, list[float]]) -> None:
    client, _, now = cut_off
    now[0] = 101.0
    assert client.get("/kept").status_code == 503


def test_an_answer_of_the_application_makes_what_was_put_aside_useless(
    cut_off: tuple[Client, Origin, list[float]],
) -> None:
    client, origin, _ = cut_off
    working = Origin()
    origin.status, origin.headers = working.status, working.headers
    client.get("/other")  # of the same article: whatever it says now, the kept page may say something older
    origin.status, origin.headers = "503 SERVICE UNAVAILABLE", {"Cache-Control": "no-store"}
    assert client.get("/kept").status_code == 503


def test_a_healthy_layer_gives_out_nothing_stale(
    cut_off: tuple[Client, Origin, list[float]], announcer: Announcer
) -> None:
    client, _, _ = cut_off
    announcer.say(None)
    assert client.get("/kept").status_code == 503


def test_a_thousand_misses_at_once_ask_the_application_once(
    announcer: Announcer, together: Callable[..., list[Any]]
) -> None:
    origin = Origin()
    client = cached(origin, announcer)
    arrived = threading.Semaphore(0)
    origin.meanwhile = lambda: [arrived.acquire(timeout=5) for _ in range(100)]

    def read() -> list[int]:
        arrived.release()
        return [Client(client.application).get("/hot").status_code for _ in range(10)]

    answers = together([read] * 100)
    assert {status for statuses in answers for status in statuses} == {200}
    assert origin.calls["/hot"] == 1


def test_a_failure_is_shared_with_nobody(announcer: Announcer, together: Callable[..., list[Any]]) -> None:
    origin = Origin()
    client = cached(origin, announcer)
    origin.status = "503 SERVICE UNAVAILABLE"
    answers = together([lambda: Client(client.application).get("/hot").status_code] * 4)
    assert answers == [503] * 4
    origin.status = "200 OK"
    assert client.get("/hot").status_code == 200


def test_a_budget_of_nothing_keeps_nothing(announcer: Announcer) -> None:
    origin = Origin()
    client = Client(PublishedCache(origin, budget=0, listen=announcer))
    assert [client.get("/x").data for _ in range(2)] == [origin.body] * 2
    assert origin.calls["/x"] == 2


def test_the_budget_is_never_exceeded(announcer: Announcer) -> None:
    origin = Origin(b"x" * 10_000)
    layer = PublishedCache(origin, budget=100_000, listen=announcer)
    client = Client(layer)
    client.get("/first")
    announcer.say(None)
    for number in range(50):
        client.get(f"/{number}")
    assert 0 < layer._kept.currsize <= 100_000
    assert set(layer._kept._by_key) == {"a", "b"}
    assert len(layer._kept._by_key["a"]) == len(layer._kept)


@pytest.mark.parametrize(("query", "keys"), [(60_000, 1), (1, 100)], ids=["long questions", "many articles"])
def test_kept_answers_take_no_more_memory_than_the_budget(announcer: Announcer, query: int, keys: int) -> None:
    origin, budget = Origin(b"x"), 10**6
    layer = cached(origin, announcer, budget=budget).application
    asked = {"REQUEST_METHOD": "GET", "PATH_INFO": "/x"}
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(100):
            origin.headers["Surrogate-Key"] = " ".join(f"{number}-{key}" for key in range(keys))
            layer(asked | {"QUERY_STRING": f"{number}{'y' * query}"}, lambda *_: None)
        assert tracemalloc.get_traced_memory()[0] - before < budget * 1.3
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "headers",
    [
        {"Cache-Control": "no-store"},
        {"Cache-Control": "private, max-age=60"},
        {"Cache-Control": "public, no-store"},
        {"Set-Cookie": "a=b"},
        {"Vary": "Accept-Language"},
        {"Surrogate-Key": ""},
        {"ETag": ""},
    ],
)
def test_what_is_not_plainly_public_is_never_kept(announcer: Announcer, headers: dict[str, str]) -> None:
    origin = Origin(**headers)
    client = cached(origin, announcer)
    client.get("/x")
    answer = client.get("/x")
    assert origin.calls["/x"] == 2
    assert answer.data == origin.body


def test_a_request_with_credentials_goes_past_the_layer(announcer: Announcer) -> None:
    origin = Origin()
    client = cached(origin, announcer)
    for _ in range(2):
        client.get("/x", headers={"Authorization": "Bearer x"})
    client.post("/x")
    client.get("/x")
    assert origin.calls["/x"] == 4


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("", None),
        ("identity", None),
        ("gzip", "gzip"),
        ("br", "br"),
        ("gzip, deflate, br, zstd", "br"),
        ("gzip;q=1.0, br;q=0.5", "gzip"),
        ("br;q=0, gzip", "gzip"),
        ("*", "br"),
        ("*;q=0", None),
        ("gzip;q=nonsense", None),
        ("GZIP", "gzip"),
    ],
)
def test_each_client_gets_an_encoding_that_it_takes(announcer: Announcer, accepted: str, encoding: str | None) -> None:
    origin = Origin(b'{"text":"' + b"Rat hay. " * 200 + b'"}')
    client = cached(origin, announcer)
    unpack = {None: bytes, "gzip": gzip.decompress, "br": brotli.decompress}[encoding]
    for _ in range(2):
        answer = client.get("/x", headers={"Accept-Encoding": accepted})
        assert answer.headers.get("Content-Encoding") == encoding
        assert unpack(answer.data) == origin.body
        assert answer.headers["Content-Length"] == str(len(answer.data))
        assert "Accept-Encoding" in answer.headers["Vary"]


def test_each_encoding_has_its_own_strong_etag(announcer: Announcer) -> None:
    client = cached(Origin(), announcer)
    asked = ("", "gzip", "br", "gzip", "br", "br")
    tags = [client.get("/x", headers={"Accept-Encoding": encoding}).headers["ETag"] for encoding in asked]
    assert tags == ['"e"', '"e-gzip-once"', '"e-br-once"', '"e-gzip"', '"e-br"', '"e-br"']


@pytest.mark.parametrize("encoding", ["gzip", "br"])
def test_what_is_asked_for_again_is_made_smaller(announcer: Announcer, encoding: str) -> None:
    words = [f"{number * 7919 % 997} người đọc số {number}" for number in range(500)]
    client = cached(Origin(", ".join(words).encode()), announcer)
    sizes = [len(client.get("/x", headers={"Accept-Encoding": encoding}).data) for _ in range(3)]
    assert sizes[0] > sizes[1] == sizes[2]


@pytest.mark.parametrize("seen", ['"e"', '"e-br"', '"e-br-once"', 'W/"e-gzip"', '"other", "e"', "*"])
def test_a_client_that_has_it_gets_304_without_a_body(announcer: Announcer, seen: str) -> None:
    client = cached(Origin(), announcer)
    answer = client.get("/x", headers={"If-None-Match": seen, "Accept-Encoding": "br"})
    assert (answer.status_code, answer.data) == (304, b"")
    assert answer.headers["ETag"] == '"e-br-once"'
    assert "Cache-Control" in answer.headers
    assert "Content-Length" not in answer.headers


def test_head_says_what_get_would_say(announcer: Announcer) -> None:
    origin = Origin()
    client = cached(origin, announcer)
    get, head = client.get("/x"), client.head("/x")
    assert head.data == b""
    assert dict(head.headers) == dict(get.headers)
    assert origin.calls["/x"] == 1


# -- the whole service behind it, in two workers


@pytest.fixture
def workers(make_app: Callable[..., Flask], eventually: Callable[..., None]) -> list[Flask]:
    """Two apps on one store, both with a healthy subscription."""
    apps = [make_app(cache_mb=8) for _ in range(2)]
    for app in apps:
        app.test_client().get(PATH)
        eventually(lambda app=app: app.wsgi_app._healthy)
    return apps


def count(app: Flask, article: str = "bien-dong-1") -> int:
    return int(Reader(app.test_client()).read(article)["count"])


@pytest.mark.topologies
def test_a_decision_is_seen_by_every_worker(workers: list[Flask], eventually: Callable[..., None]) -> None:
    one, two = workers
    house: House = one.extensions["comments"]
    comment_id = Reader(one.test_client()).submitted()
    assert (count(one), count(two)) == (0, 0)
    house.desk.decide([Verdict(comment_id, 1, Decision.APPROVE)], by="Lan")
    eventually(lambda: count(one) == count(two) == 1, within=1)
    house.desk.decide([Verdict(comment_id, 2, Decision.REJECT)], by="Lan")
    eventually(lambda: count(one) == count(two) == 0, within=1)


@pytest.mark.topologies
def test_closing_counts_and_the_embed_page_are_announced_too(
    workers: list[Flask], eventually: Callable[..., None]
) -> None:
    one, two = workers
    client = two.test_client()
    paths = ("/api/v1/counts?article=bien-dong-1&article=other", "/embed?article=bien-dong-1")
    before = [client.get(path).data for path in paths]
    house: House = one.extensions["comments"]
    Moderator(one.test_client(), house.people.add_token("Lan")).approved(Reader(one.test_client()))
    eventually(lambda: all(client.get(p).data != b for p, b in zip(paths, before, strict=True)), within=1)
    house.desk.open_article("main", "bien-dong-1", is_open=False, by="Lan")
    eventually(lambda: Reader(client).read()["open"] is False, within=1)


def test_a_pin_is_announced(workers: list[Flask], eventually: Callable[..., None]) -> None:
    one, two = workers
    house, reader = one.extensions["comments"], Reader(two.test_client())
    comment_id = Moderator(one.test_client(), house.people.add_token("Lan")).approved(Reader(one.test_client()))

    def is_pinned() -> bool:
        return any(comment["pinned"] for comment in reader.read()["comments"])

    for pinned in (True, False):
        eventually(lambda pinned=pinned: is_pinned() is not pinned, within=1)
        assert house.desk.pin(comment_id, pinned=pinned, by="Lan")
        eventually(lambda pinned=pinned: is_pinned() is pinned, within=1)


def test_closing_for_age_is_announced(workers: list[Flask], eventually: Callable[..., None]) -> None:
    one, two = workers
    reader, house = Reader(two.test_client()), one.extensions["comments"]
    reader.submitted()
    assert reader.read()["open"] is True
    later = datetime.now(UTC) + timedelta(days=31)
    assert house.articles.close_aged(before=later, at=later, days=30) == 1
    eventually(lambda: reader.read()["open"] is False, within=1)


def test_a_cut_subscription_is_noticed_and_mended(workers: list[Flask], eventually: Callable[..., None]) -> None:
    one, two = workers
    house: House = one.extensions["comments"]
    comment_id = Reader(one.test_client()).submitted()
    assert count(two) == 0
    house.client.command("CLIENT", "KILL", "TYPE", "pubsub")
    house.desk.decide([Verdict(comment_id, 1, Decision.APPROVE)], by="Lan")
    eventually(lambda: count(two) == 1, within=2)
    eventually(lambda: two.wsgi_app._healthy, within=5)
    house.desk.decide([Verdict(comment_id, 2, Decision.REJECT)], by="Lan")
    eventually(lambda: count(two) == 0, within=1)


def test_private_answers_pass_through_unchanged(workers: list[Flask]) -> None:
    client = workers[0].test_client()
    receipt = Reader(client).submit().json["receipt_url"]
    for path in ("/moderate/sign-in", receipt, "/healthz", "/api/v1/moderation/comments"):
        answer = client.get(path, headers={"Accept-Encoding": "br"})
        assert answer.headers["Cache-Control"] == "no-store", path
        assert "Content-Encoding" not in answer.headers
    assert not [where for where in workers[0].wsgi_app._kept if "receipts" in where[0] or "moderate" in where[0]]


STEPS = st.lists(
    st.tuples(st.sampled_from(["submit", "approve", "reject", "spam", "restore", "read"]), st.integers(0, 3)),
    max_size=25,
)


@given(steps=STEPS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.topologies
def test_after_each_announced_change_every_worker_answers_the_models_state(
    workers: list[Flask], steps: list[tuple[str, int]], eventually: Callable[..., None]
) -> None:
    house: House = workers[0].extensions["comments"]
    article = f"article {house.client.command('INCR', 'test:articles')}"
    model: list[tuple[str, int, Status]] = []  # id, version, status, in order of submission
    for step, place in steps:
        worker = workers[place % 2]
        if step == "submit":
            model.append((Reader(worker.test_client()).submitted(article=article), 1, Status.PENDING))
        elif step != "read" and model:
            place %= len(model)
            comment_id, version, status = model[place]
            decision = Decision(step)
            (result,) = worker.extensions["comments"].desk.decide([Verdict(comment_id, version, decision)], by="Lan")
            assert (result.outcome == "done") == may_follow(decision, status)
            if result.outcome == "done":
                model[place] = (comment_id, version + 1, outcome_of(decision))
        public = [comment_id for comment_id, _, status in model if status == Status.APPROVED]

        def shows(app: Flask, public: list[str] = public) -> bool:
            page = Reader(app.test_client()).read(article)
            return sorted(c["id"] for c in page["comments"]) == sorted(public) and page["count"] == len(public)

        eventually(lambda: all(shows(app) for app in workers), within=2)
