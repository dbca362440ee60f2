"""HTTP/1.1 on the wire: requests in, answers out, and nobody who costs more than a little."""

import asyncio
import re
import tracemalloc
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from comments import wire
from comments.wire import Connections, Request, head

LIMIT = 100
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bytes]]


class Desk:
    """Remembers its requests; answers with their bodies, at once or when told."""

    max_body = LIMIT

    def __init__(self) -> None:
        self.seen: list[tuple[str, bytes, bytes]] = []
        self.names: list[list[bytes]] = []  # of their headers
        self.waiting: list[Request] = []
        self.waits = False
        self.ready: bytes | None = None
        self.headers = [("X-A", "b")]

    def at_once(self, request: Request) -> tuple[bytes, bytes] | None:
        return None if self.ready is None else (head(200, [], len(self.ready)), self.ready)

    def take(self, request: Request) -> None:
        self.seen.append((request.method, request.url, b"".join(request.pieces)))
        self.waiting.append(request)
        self.names.append([name for name, _ in request.headers])
        if not self.waits:
            self.answer()

    def answer(self) -> None:
        request = self.waiting.pop(0)
        request.connection.answer(request, 200, self.headers, b"".join(request.pieces) or request.url)


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def _talk(desk: Desk, talk: Talk, most: int) -> bytes:
    loop = asyncio.get_running_loop()
    connections = Connections(desk, most=most)
    connections.begin(loop)
    server = await loop.create_server(connections.make, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        return await asyncio.wait_for(talk(reader, writer), 5)
    finally:
        writer.close()
        server.close()
        await connections.end(0.1)


def talk(desk: Desk, talk: Talk, most: int = 10) -> bytes:
    """What a client hears."""
    return asyncio.run(_talk(desk, talk, most))


def say(desk: Desk, *pieces: bytes) -> bytes:
    """What a client hears that says this, with a pause between the pieces, and then hears the answers out."""

    async def all_of_it(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        writer.write_eof()
        return await reader.read()

    return talk(desk, all_of_it)


def statuses(said: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", said)]


def get(path: str, *headers: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: a", *headers, "", ""]).encode()


def post(body: bytes, *headers: str) -> bytes:
    lines = ["POST /x HTTP/1.1", "Host: a", *(headers or (f"Content-Length: {len(body)}",)), "", ""]
    return "\r\n".join(lines).encode() + body


def test_an_answer_is_whole(desk: Desk) -> None:
    said = say(desk, get("/a", "Connection: close"))
    start, _, body = said.partition(b"\r\n\r\n")
    lines = start.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 200 OK"
    assert b"X-A: b" in lines
    assert b"Content-Length: 2" in lines
    assert b"Connection: close" in lines
    assert any(line.startswith(b"Date: ") for line in lines)
    assert body == b"/a"


def test_a_connection_serves_one_request_after_another(desk: Desk) -> None:
    assert statuses(say(desk, get("/a"), get("/b"), get("/c"))) == [200] * 3
    assert [url for _, url, _ in desk.seen] == [b"/a", b"/b", b"/c"]


def test_requests_sent_ahead_are_answered_in_order(desk: Desk) -> None:
    desk.waits = True

    async def ahead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(get("/a") + get("/b") + get("/c"))
        for _ in range(3):
            while not desk.waiting:
                await asyncio.sleep(0)
            assert len(desk.waiting) == 1, "one at a time"
            desk.answer()
        writer.write_eof()
        return await reader.read()

    said = talk(desk, ahead)
    assert [said.index(url) for url in (b"/a", b"/b", b"/c")] == sorted(
        said.index(url) for url in (b"/a", b"/b", b"/c")
    )
    assert statuses(said) == [200] * 3


def test_a_body_arrives_whole(desk: Desk) -> None:
    say(desk, post(b"a=1"), post(b"3\r\na=2\r\n0\r\n\r\n", "Transfer-Encoding: chunked"), post(b""))
    assert [body for _, _, body in desk.seen] == [b"a=1", b"a=2", b""]


def test_trailers_are_no_headers(desk: Desk) -> None:
    say(desk, post(b"1\r\na\r\n0\r\nCookie: a\r\n\r\n", "Transfer-Encoding: chunked"), get("/next"))
    assert desk.names == [[b"Host", b"Transfer-Encoding"], [b"Host"]]


def test_a_body_that_breaks_off_does_not_arrive(desk: Desk) -> None:
    assert statuses(say(desk, post(b"a=1&b", "Content-Length: 9"))) == [400]
    assert desk.seen == []


def test_a_client_that_waits_for_a_word_before_its_body_gets_it(desk: Desk) -> None:
    said = say(desk, post(b"", "Content-Length: 3", "Expect: 100-continue"), b"a=1")
    assert statuses(said) == [100, 200]


def test_too_much_is_seen_to_be_too_much(desk: Desk) -> None:
    body = b"3c\r\n" + b"x" * 60 + b"\r\n"
    say(desk, post(body * 10 + b"0\r\n\r\n", "Transfer-Encoding: chunked"), get("/next"))
    assert LIMIT < len(desk.seen[0][2]) < 200
    assert desk.seen[1][1] == b"/next", "the rest was heard out"


def test_what_is_far_too_long_is_not_read(desk: Desk) -> None:
    said = say(desk, post(b"x", "Content-Length: 100000000"), get("/next"))
    assert desk.seen == [("POST", b"/x", b"")]
    assert said.count(b"Connection: close") == 1


def test_far_too_much_in_pieces_is_not_read_to_its_end(desk: Desk) -> None:
    piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    said = say(desk, post(piece * 20, "Transfer-Encoding: chunked"), get("/next"))
    assert statuses(said) == [200]
    assert len(desk.seen) == 1


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"nonsense\r\n\r\n", 400),
        (post(b"x", "Content-Length: 1", "Transfer-Encoding: chunked"), 400),
        (get("/" + "x" * 70_000), 431),
        (get("/", *[f"X-{n}: {'a' * 1000}" for n in range(80)]), 431),
        (b"GET / HTTP/1.1\r\nX-A: " + b"a" * 100_000, 431),
        (b"GET / HTTP/1.1\r\n" + b"a:\r\n" * 201 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"a:\r\n" * 201 + b"b:", 431),
    ],
    ids=[
        "version",
        "nonsense",
        "two lengths",
        "long target",
        "many headers",
        "endless header",
        "small headers",
        "small headers without end",
    ],
)
def test_what_is_no_request_is_refused_once(desk: Desk, request_bytes: bytes, status: int) -> None:
    said = say(desk, request_bytes, get("/next"))
    assert statuses(said) == [status]
    assert desk.seen == []


def test_garbage_after_a_request_does_not_take_its_answer(desk: Desk) -> None:
    desk.waits = True

    async def and_garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(get("/a") + b"\x00\x00\r\n\r\n")
        while not desk.waiting:
            await asyncio.sleep(0)
        desk.answer()
        return await reader.read()

    assert statuses(talk(desk, and_garbage)) == [200]


def test_what_comes_after_the_last_request_does_not_take_its_answer(desk: Desk) -> None:
    desk.ready = b"x" * 6_000_000
    assert say(desk, get("/a", "Connection: close") + b"x").endswith(b"\r\n\r\n" + desk.ready)


def test_trailers_without_end_are_refused(desk: Desk) -> None:
    async def only_trailers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(post(b"1\r\na\r\n0\r\n" + b"a:\r\n" * 201 + b"b:", "Transfer-Encoding: chunked"))
        return await reader.read()

    assert statuses(talk(desk, only_trailers)) == [413]
    assert desk.seen == []


def test_what_follows_a_body_that_is_far_too_long_takes_no_memory(desk: Desk) -> None:
    desk.waits = True
    piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"

    async def without_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(post(piece * 20 + b"0\r\nA: ", "Transfer-Encoding: chunked"))
        while not desk.waiting:
            await asyncio.sleep(0)
        await writer.drain()
        tracemalloc.start()
        try:
            for _ in range(100):
                writer.write(b"a" * 100_000)
                await writer.drain()
            taken = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
        assert taken < 2_000_000
        desk.answer()
        return await reader.read()

    assert statuses(talk(desk, without_end)) == [200]


def test_another_protocol_is_declined_however_often(desk: Desk) -> None:
    desk.ready = b"/a"
    assert statuses(say(desk, get("/a", "Connection: Upgrade", "Upgrade: a") * 2000)) == [200] * 2000


def test_another_protocol_is_declined_by_going_on(desk: Desk) -> None:
    assert statuses(say(desk, get("/a", "Connection: Upgrade", "Upgrade: h2c"), get("/b"))) == [200, 200]


def test_a_client_of_old_is_answered_and_left(desk: Desk) -> None:
    said = say(desk, b"GET /a HTTP/1.0\r\n\r\n")
    assert statuses(said) == [200]
    assert b"Connection: close" in said


def test_a_head_request_gets_no_body_but_its_length(desk: Desk) -> None:
    desk.headers = [("Content-Length", "2")]
    said = say(desk, get("/a").replace(b"GET", b"HEAD"), get("/b"))
    assert said.count(b"Content-Length: 2\r\n") == 2
    assert b"/a" not in said


@pytest.mark.parametrize(
    ("limit", "sent"),
    [("HEAD_SECONDS", b"GET / HT"), ("BODY_SECONDS", post(b"a", "Content-Length: 9")), ("IDLE_SECONDS", b"")],
)
def test_who_takes_too_long_is_let_go(desk: Desk, monkeypatch: pytest.MonkeyPatch, limit: str, sent: bytes) -> None:
    monkeypatch.setattr(wire, "_TICK", 0.01)
    monkeypatch.setattr(wire, limit, 0.05)

    async def dawdle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(sent)
        return await reader.read()

    assert statuses(talk(desk, dawdle)) == ([400] if limit == "BODY_SECONDS" else [])
    assert desk.seen == []


def test_who_does_not_take_the_answer_is_let_go(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "_TICK", 0.01)
    monkeypatch.setattr(wire, "STUCK_SECONDS", 0.05)
    desk.ready = b"x" * 20_000_000

    async def take_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # asyncio types it too generally
        writer.write(get("/a"))
        await asyncio.sleep(0.5)
        writer.transport.resume_reading()  # type: ignore[attr-defined]  # asyncio types it too generally
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""

    assert len(talk(desk, take_nothing)) < len(desk.ready)


def test_who_sends_ahead_without_taking_answers_is_not_read(desk: Desk) -> None:
    desk.ready = b"x" * 100_000
    answers = 0
    at_once = desk.at_once

    def counted(request: Request) -> tuple[bytes, bytes] | None:
        nonlocal answers
        answers += 1
        return at_once(request)

    desk.at_once = counted  # type: ignore[method-assign]  # on purpose

    async def only_ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # asyncio types it too generally
        writer.write(get("/a") * 5_000)
        for _ in range(200):
            await asyncio.sleep(0.001)
        return b""

    talk(desk, only_ask)
    assert answers < 1000


def test_who_sends_far_ahead_gets_the_first_answers_and_a_word_that_these_are_all(desk: Desk) -> None:
    desk.waits = True

    async def far_ahead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(get("/a") * 1000)
        for _ in range(65):
            while not desk.waiting:
                await asyncio.sleep(0)
            desk.answer()
        return await reader.read()

    said = talk(desk, far_ahead)
    assert statuses(said) == [200] * 65
    assert said.count(b"Connection: close") == 1
    assert len(desk.seen) == 65


def test_for_one_connection_too_many_an_idle_one_goes(desk: Desk) -> None:
    async def crowd(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        others = [await asyncio.open_connection(*writer.get_extra_info("peername")) for _ in range(3)]
        writer.write(get("/a"))
        with suppress(ConnectionResetError):
            assert await reader.read() == b"", "the oldest idle one went"
        others[-1][1].write(get("/b"))
        heard = await others[-1][0].readuntil(b"/b")
        for _, other in others:
            other.close()
        return heard

    assert statuses(talk(desk, crowd, most=3)) == [200]


def test_requests_in_flight_are_answered_at_the_end(desk: Desk) -> None:
    desk.waits = True

    async def at_the_end() -> bytes:
        loop = asyncio.get_running_loop()
        connections = Connections(desk, most=10)
        connections.begin(loop)
        server = await loop.create_server(connections.make, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(get("/a"))
        while not desk.waiting:
            await asyncio.sleep(0)
        server.close()
        ending = asyncio.create_task(connections.end(5))
        await asyncio.sleep(0.05)
        desk.answer()
        said = await reader.read()
        writer.close()
        await ending
        return said

    said = asyncio.run(at_the_end())
    assert statuses(said) == [200]
    assert b"Connection: close" in said


def test_after_the_last_answer_at_the_end_nothing_more_is_said(desk: Desk) -> None:
    at_once = desk.at_once

    def closing(request: Request) -> tuple[bytes, bytes] | None:
        request.connection._all.closing = True
        return at_once(request)

    desk.at_once, desk.ready = closing, b"x" * 6_000_000  # type: ignore[method-assign]  # on purpose
    said = say(desk, get("/a") + post(b"", "Content-Length: 3", "Expect: 100-continue"))
    assert said.endswith(b"\r\n\r\n" + desk.ready)


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: b", "a\nb", "a\rb", "a\0b"])
def test_no_header_can_break_out_of_its_line(value: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        head(200, [("X-A", value)], 0)


def test_an_answer_with_a_broken_header_is_an_error_and_no_silence(desk: Desk) -> None:
    desk.headers = [("X-A", "a\r\nb")]
    assert statuses(say(desk, get("/a"))) == [500]
