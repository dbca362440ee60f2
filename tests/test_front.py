"""Between the connections and the application: WSGI as it should be, kept answers at once, turns and threads."""

import asyncio
import threading
import tracemalloc
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from comments.front import Front
from comments.turns import Signal, Turn, aside, current
from comments.web.errors import LATE
from comments.web.published_cache import PublishedCache
from comments.wire import Connections, Request

Answer = tuple[int, list[tuple[str, str]], bytes]


class Client:
    """A connection that remembers what it is told."""

    ends = ("127.0.0.1", 80), ("192.0.2.1", 5000)

    def __init__(self) -> None:
        self.answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def answer(self, request: Request, *answer: Any) -> None:
        self.answered.set_result(answer)


class Application:
    """Remembers its requests, and answers with their bodies."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []
        self.where: list[tuple[str, bool]] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.where.append((threading.current_thread().name, current() is not None))
        body = environ["wsgi.input"].read()
        self.seen.append({**environ, "body": body})
        if environ["PATH_INFO"] == "/fails":
            raise ValueError("a reader's words")
        start_response("200 OK", [("ETag", '"e"'), ("Surrogate-Key", "a"), ("Cache-Control", "public")])
        return [body]


@pytest.fixture
def app() -> Application:
    return Application()


def ask(app: Any, method: str = "GET", url: bytes = b"/x", *headers: tuple[bytes, bytes], body: bytes = b"") -> Answer:
    async def asked() -> Answer:
        front = Front(app, loop=asyncio.get_running_loop(), threads=2, max_body=100)
        client = Client()
        request = Request(client, method, url, list(headers), True)  # type: ignore[arg-type]  # a stand-in
        request.add(body, 100)
        if kept := front.at_once(request):
            start, kept_body = kept
            return int(start[9:12]), [("kept", "")], kept_body
        front.take(request)
        return await asyncio.wait_for(client.answered, 5)

    return asyncio.run(asked())


def test_the_request_is_wsgi_as_it_should_be(app: Application) -> None:
    pairs = [(b"Host", b"a"), (b"Cookie", b"a=1"), (b"cookie", b"b=2"), (b"x-a", b"1"), (b"X-A", b"2")]
    pairs += [(b"x_a", b"smuggled"), (b"Content-Type", b"text/plain")]
    ask(app, "POST", b"/b%C3%A0i?article=b%C3%A0i", *pairs, body=b"a=1")
    (seen,) = app.seen
    expected = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/bài".encode().decode("latin-1"),
        "QUERY_STRING": "article=b%C3%A0i",
        "REMOTE_ADDR": "192.0.2.1",
        "SERVER_PORT": "80",
        "HTTP_HOST": "a",
        "HTTP_COOKIE": "a=1; b=2",
        "HTTP_X_A": "1,2",
        "CONTENT_TYPE": "text/plain",
        "body": b"a=1",
    }
    assert {name: seen[name] for name in expected} == expected


def test_what_a_client_invents_is_not_remembered(app: Application) -> None:
    invented = [b"%d" % number + b"y" * 50_000 for number in range(50)]

    def listen(_poll: float) -> Iterator[None]:
        yield None
        threading.Event().wait(5)

    layer = PublishedCache(app, budget=10_000, listen=listen)
    layer._turn(healthy=True)
    ask(layer)
    tracemalloc.start()
    try:
        for encoding in invented:
            assert layer.kept_answer("GET", ("/x", ""), {b"accept-encoding": encoding})
        ask(app, "POST", b"/x", *((name, b"") for name in invented))
        app.seen.clear()
        assert tracemalloc.get_traced_memory()[0] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_target_that_is_none_is_refused(app: Application) -> None:
    assert ask(app, "GET", b"http://")[0] == 400
    assert app.seen == []


def test_readers_are_served_on_the_loop_and_moderators_in_threads(app: Application) -> None:
    ask(app, "GET", b"/api/v1/comments?article=a")
    ask(app, "GET", b"/moderate/")
    (loop, in_turn), (thread, in_thread) = app.where
    assert (loop, in_turn) == ("MainThread", True)
    assert (thread.startswith("request-"), in_thread) == (True, False)


def test_who_waits_too_long_is_answered_once_that_it_took_too_long() -> None:
    gate, done = Signal(), threading.Event()

    def slow(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        is_late = LATE in environ
        if not is_late:
            gate.wait(5)
            done.set()
        start_response("503 Service Unavailable" if is_late else "200 OK", [])
        return [b"late" if is_late else b"in time"]

    async def asked() -> Answer:
        loop = asyncio.get_running_loop()
        front = Front(slow, loop=loop, threads=1, max_body=100, within=0.05)
        client = Client()
        front.take(Request(client, "POST", b"/x", [], True))  # type: ignore[arg-type]  # a stand-in
        answer = await asyncio.wait_for(client.answered, 5)
        gate.set()  # what it asked for goes on, and answers nobody a second time (a future is set once)
        await loop.run_in_executor(None, done.wait, 5)
        await asyncio.sleep(0)
        return answer

    assert asyncio.run(asked()) == (503, [], b"late")
    assert done.is_set()


def test_an_application_that_fails_is_one_plain_500(app: Application, caplog: pytest.LogCaptureFixture) -> None:
    status, _, body = ask(app, "GET", b"/fails")
    assert (status, body) == (500, b"Something went wrong here.\n")
    assert "the application failed" in caplog.text


def test_a_kept_answer_does_not_ask_the_application(app: Application) -> None:
    ready = threading.Event()

    def listen(_poll: float) -> Iterator[None]:
        yield None
        ready.set()
        threading.Event().wait(5)

    layer = PublishedCache(app, budget=10_000, listen=listen)
    ask(layer)
    assert ready.wait(5)
    ask(layer)
    before = len(app.seen)
    assert ask(layer)[:2] == (200, [("kept", "")])
    assert ask(layer, "GET", b"/x", (b"if-none-match", b'"e"'))[0] == 304
    assert len(app.seen) == before
    ask(layer, "GET", b"/x", (b"authorization", b"Bearer a"))
    assert len(app.seen) == before + 1, "what is asked with a name is never answered from memory"


def test_one_turn_makes_a_page_that_many_wait_for(app: Application) -> None:
    begun = threading.Event()
    most = 50

    class Slow(Application):
        def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            aside(begun.wait, 5)
            return super().__call__(environ, start_response)

    slow = Slow()

    def listen(_poll: float) -> Iterator[None]:
        yield None
        threading.Event().wait(5)

    async def all_at_once() -> list[Answer]:
        layer = PublishedCache(slow, budget=10_000, listen=listen)
        layer._turn(healthy=True)
        front = Front(layer, loop=asyncio.get_running_loop(), threads=1, max_body=100)
        clients = [Client() for _ in range(most)]
        for client in clients:
            front.take(Request(client, "GET", b"/x", [], True))  # type: ignore[arg-type]  # a stand-in
        begun.set()
        return await asyncio.wait_for(asyncio.gather(*(client.answered for client in clients)), 5)

    assert [status for status, _, _ in asyncio.run(all_at_once())] == [200] * most
    assert len(slow.seen) == 1


def test_a_turn_waits_while_the_loop_goes_on() -> None:
    async def two() -> list[str]:
        loop = asyncio.get_running_loop()
        said: list[str] = []
        signal, done = Signal(), loop.create_future()

        def first() -> None:
            signal.wait(5)
            said.append("first")
            done.set_result(None)

        Turn(loop, first).start()
        said.append("loop")
        signal.set()
        await asyncio.wait_for(done, 5)
        return said

    assert asyncio.run(two()) == ["loop", "first"]


def test_a_signal_that_nobody_gives_is_waited_for_no_longer_than_was_said() -> None:
    async def alone() -> bool:
        loop = asyncio.get_running_loop()
        done = loop.create_future()

        def wait() -> None:
            Signal().wait(0.01)
            done.set_result(True)

        Turn(loop, wait).start()
        return bool(await asyncio.wait_for(done, 5))

    assert asyncio.run(alone())


def test_a_front_answers_connections() -> None:
    async def over_a_socket() -> bytes:
        loop = asyncio.get_running_loop()
        front = Front(Application(), loop=loop, threads=1, max_body=100)
        connections = Connections(front, most=10)
        connections.begin(loop)
        server = await loop.create_server(connections.make, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"POST /moderate/ HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: close\r\n\r\na=1")
        said = await reader.read()
        writer.close()
        server.close()
        await connections.end(1)
        return said

    assert asyncio.run(over_a_socket()).endswith(b"\r\n\r\na=1")
