"""Between the server and the application: whole bodies, WSGI as it should be, kept answers without a thread."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

import pytest

from comments import front
from comments.front import Front
from comments.web.published_cache import PublishedCache

LIMIT = 100


class Headers:
    """Request headers as granian hands them over."""

    def __init__(self, *pairs: tuple[str, str]) -> None:
        self._pairs = list(pairs)

    def items(self) -> list[tuple[str, str]]:
        return self._pairs

    def get(self, name: str, default: str | None = None) -> str | None:
        return dict(self._pairs).get(name, default)


class Scope:
    """A request's head as granian hands it over."""

    scheme, server, client = "http", "127.0.0.1:80", "192.0.2.1:5000"

    def __init__(self, method: str = "POST", path: str = "/x", query: str = "", *headers: tuple[str, str]) -> None:
        self.method, self.path, self.query_string = method, path, query
        self.headers = Headers(*headers)


class Connection:
    """A request's body, and what is answered."""

    def __init__(self, *pieces: bytes, stalls: bool = False) -> None:
        self.pieces = list(pieces)
        self.stalls = stalls
        self.answer: tuple[int, list[tuple[str, str]], bytes] | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self.pieces:
            yield self.pieces.pop(0)
        if self.stalls:
            await asyncio.Event().wait()

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.answer = (status, headers, body)


class Application:
    """Remembers its requests, and answers with their bodies."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []
        self.threads: set[str] = set()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.threads.add(threading.current_thread().name)
        body = environ["wsgi.input"].read()
        self.seen.append({**environ, "body": body})
        if environ["PATH_INFO"] == "/fails":
            raise ValueError("a reader's words")
        start_response("200 OK", [("ETag", '"e"'), ("Surrogate-Key", "a"), ("Cache-Control", "public")])
        return [body]


@pytest.fixture
def app() -> Application:
    return Application()


def send(app: Any, scope: Scope, connection: Connection) -> tuple[int, list[tuple[str, str]], bytes]:
    target = Front(app, threads=2, max_body=LIMIT)
    asyncio.run(target.__rsgi__(scope, connection))
    assert connection.answer
    return connection.answer


def length(number: int) -> tuple[str, str]:
    return ("content-length", str(number))


def test_a_body_arrives_whole(app: Application) -> None:
    assert send(app, Scope("POST", "/x", "", length(3)), Connection(b"a", b"=1"))[2] == b"a=1"
    assert send(app, Scope("POST", "/x", "", ("transfer-encoding", "chunked")), Connection(b"a=2"))[2] == b"a=2"
    assert send(app, Scope(), Connection())[2] == b""


def test_a_body_that_breaks_off_does_not_arrive(app: Application) -> None:
    assert send(app, Scope("POST", "/x", "", length(9)), Connection(b"a=1&b"))[0] == 400
    assert app.seen == []


def test_a_body_that_stalls_is_given_up(app: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front, "BODY_SECONDS", 0.05)
    assert send(app, Scope("POST", "/x", "", length(9)), Connection(b"a", stalls=True))[0] == 400
    assert app.seen == []


def test_too_much_is_seen_to_be_too_much(app: Application) -> None:
    connection = Connection(*[b"x" * 60] * 10)
    send(app, Scope("POST", "/x", "", ("transfer-encoding", "chunked")), connection)
    assert len(app.seen[0]["body"]) > LIMIT
    assert len(connection.pieces) == 8, "the rest is not read"


def test_what_is_declared_too_long_is_read_to_its_end_but_not_kept(app: Application) -> None:
    connection = Connection(b"x" * LIMIT, b"x")
    send(app, Scope("POST", "/x", "", length(LIMIT + 1)), connection)
    assert (app.seen[0]["body"], app.seen[0]["CONTENT_LENGTH"]) == (b"", str(LIMIT + 1))
    assert connection.pieces == []


def test_what_is_declared_far_too_long_is_not_read(app: Application) -> None:
    connection = Connection(b"x")
    send(app, Scope("POST", "/x", "", length(10_000_000)), connection)
    assert app.seen[0]["body"] == b""
    assert connection.pieces == [b"x"]


def test_the_request_is_wsgi_as_it_should_be(app: Application) -> None:
    pairs = [("host", "a"), ("cookie", "a=1"), ("cookie", "b=2"), ("x-a", "1"), ("x-a", "2"), ("x_a", "smuggled")]
    send(app, Scope("GET", "/bài", "article=b%C3%A0i", *pairs, ("content-type", "text/plain")), Connection())
    (seen,) = app.seen
    expected = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/bài".encode().decode("latin-1"),
        "QUERY_STRING": "article=b%C3%A0i",
        "REMOTE_ADDR": "192.0.2.1",
        "HTTP_HOST": "a",
        "HTTP_COOKIE": "a=1; b=2",
        "HTTP_X_A": "1,2",
        "CONTENT_TYPE": "text/plain",
    }
    assert {name: seen[name] for name in expected} == expected


def test_an_application_that_fails_is_one_plain_500(app: Application, caplog: pytest.LogCaptureFixture) -> None:
    status, _, body = send(app, Scope("GET", "/fails"), Connection())
    assert (status, body) == (500, b"Something went wrong here.\n")
    assert "the application failed" in caplog.text


def test_a_client_that_leaves_harms_nobody(app: Application) -> None:
    target = Front(app, threads=1, max_body=LIMIT)

    async def leave_and_ask_again() -> None:
        leaving = asyncio.ensure_future(target.__rsgi__(Scope("GET"), Connection()))
        await asyncio.sleep(0)
        leaving.cancel()
        connection = Connection()
        await target.__rsgi__(Scope("GET"), connection)
        assert connection.answer

    asyncio.run(leave_and_ask_again())
    assert len(app.seen) == 2


def test_a_kept_answer_needs_no_thread(app: Application) -> None:
    ready = threading.Event()

    def listen(_poll: float) -> Iterator[None]:
        yield None
        ready.set()
        threading.Event().wait(5)

    layer = PublishedCache(app, budget=10_000, listen=listen)
    send(layer, Scope("GET"), Connection())
    assert ready.wait(5)
    send(layer, Scope("GET"), Connection())
    before = len(app.seen)
    app.threads.clear()
    assert send(layer, Scope("GET"), Connection())[0] == 200
    assert send(layer, Scope("GET", "/x", "", ("if-none-match", '"e"')), Connection())[0] == 304
    assert (len(app.seen), app.threads) == (before, set())
