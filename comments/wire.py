"""HTTP/1.1 on the wire: one connection's requests in, its answers out, within limits of size and time.

httptools (the parser of Node.js) reads the requests; here is only what a service needs around it: whole bodies, one
request of a connection at a time, and no client that costs more than a little memory, however slow or odd it is. Runs
on an event loop; nothing here waits.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Sequence
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, NoReturn, Protocol, cast

import httptools

log = logging.getLogger("comments")

Headers = list[tuple[str, str]]

HEAD_BYTES = 64 * 1024  # of a request line with its headers
HEADERS = 200  # of a request, and as many trailers
HEAD_SECONDS = 10.0  # that a request's head may take from its first byte on
BODY_SECONDS = 30.0  # that a request's body may take
IDLE_SECONDS = 75.0  # between two requests; longer than a proxy keeps its own side, so that it is the one to close
STUCK_SECONDS = 30.0  # that an answer may lie without the client taking a byte of it
LINGER_SECONDS = 2.0  # that a client may still send after a refusal before it is cut off
# Bytes of a body that is too long anyway: a proxy that still sends when the refusal comes would lose it with the
# connection. As config/nginx.conf cuts bodies off.
READ_TO_THE_END = 1024 * 1024
_TICK = 0.5  # seconds between two looks at all connections
_QUEUED = 64  # requests that a connection may have sent ahead; those after them it must send again, on another one

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Request:
    """One request, its body whole (or what is enough of it to refuse it)."""

    __slots__ = ("_size", "connection", "fields", "headers", "keep_alive", "method", "pieces", "url")

    def __init__(
        self, connection: "Connection", method: str, url: bytes, headers: list[tuple[bytes, bytes]], keep_alive: bool
    ) -> None:
        self.connection = connection
        self.method = method
        self.url = url
        self.headers = headers
        self.fields = {name.lower(): value for name, value in headers}  # of a repeated one, the last
        self.keep_alive = keep_alive
        self.pieces: list[bytes] = []
        self._size = 0

    def add(self, piece: bytes, most: int) -> int:
        """Takes a piece of the body, while it is not over `most`; the bytes that have come so far."""
        if self._size <= most:
            self.pieces.append(piece)
        self._size += len(piece)
        return self._size


class Handler(Protocol):
    """Who answers."""

    max_body: int

    def at_once(self, request: Request) -> Sequence[bytes] | None:
        """The head of an answer that is ready, without its end, and the body; None when there is none."""

    def take(self, request: Request) -> None:
        """Answers later, by the connection's `answer`."""


class Connections:
    """All connections of one event loop, and the clock that ends those that take too long."""

    def __init__(self, handler: Handler, *, most: int) -> None:
        """Holds `most` connections; when one more comes, the oldest idle one goes."""
        self.handler = handler
        self.now = 0.0
        self.head_end = b""  # the Date header and the empty line after it, the same for a while
        self.closing = False
        self._most = most
        self._open: dict[Connection, None] = {}  # a set in the order of arrival

    def make(self) -> "Connection":
        """A protocol for a connection that was accepted."""
        return Connection(self)

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Starts the clock."""
        self._loop = loop
        self._tick()

    async def end(self, within: float) -> None:
        """Lets requests in flight end, and those that are just being sent; cuts off what is left after `within`."""
        self.closing = True
        until = self._loop.time() + within
        idle_since = self._loop.time() + _TICK
        while self._open and self._loop.time() < until:
            await asyncio.sleep(0.02)
            if self._loop.time() >= idle_since:
                for connection in [one for one in self._open if one.is_idle]:
                    connection.close()
        for connection in list(self._open):
            connection.abort()

    def add(self, connection: "Connection") -> None:
        self._open[connection] = None
        if len(self._open) > self._most:
            idle = next((one for one in self._open if one.is_idle and one is not connection), connection)
            idle.abort()

    def remove(self, connection: "Connection") -> None:
        self._open.pop(connection, None)

    def _tick(self) -> None:
        self.now = self._loop.time()
        self.head_end = f"Date: {formatdate(usegmt=True)}\r\n\r\n".encode()
        for connection in list(self._open):
            connection.look_at_the_clock(self.now)
        self._loop.call_later(_TICK, self._tick)


class Connection(asyncio.Protocol):
    """One client's connection."""

    __slots__ = (
        "_all", "_busy", "_deaf", "_fed", "_headers", "_in_head", "_left", "_lingers", "_parser", "_paused",
        "_queue", "_request", "_since", "_transport", "_url", "_written",
    )  # fmt: skip

    def __init__(self, connections: Connections) -> None:
        self._all = connections
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._request: Request | None = None  # whose body is being read
        self._in_head = False
        self._fed = 0  # bytes since the head or the body began
        self._busy = False  # a request is being answered
        self._queue: deque[Request] = deque()  # those that came meanwhile
        self._paused = False  # the client takes no more bytes just now
        self._deaf = False  # what still comes is thrown away; the connection ends with the last answer that is owed
        self._lingers = False  # all is said
        self._left = False  # the client will say nothing more
        self._since = connections.now
        self._written = 0

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._all.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._queue.clear()
        self._all.remove(self)

    def eof_received(self) -> bool:
        self._left = True
        if self._request and not self._deaf:
            self._refuse(400)  # the body broke off: a part of a form can be a well-formed shorter form
            return True
        self._deaf = True
        return self._busy or bool(self._queue)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._go_on()

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        self._fed += len(data)
        rest: bytes | memoryview = data
        while rest:
            try:
                self._parser.feed_data(rest)
                rest = b""
            except httptools.HttpParserUpgrade as upgrade:  # we stay with HTTP/1.1, as RFC 9110, 7.8 allows
                self._parser = httptools.HttpRequestParser(self)
                rest = memoryview(rest)[upgrade.args[0] :]
            except (httptools.HttpParserError, _Refused) as error:
                cause = error if isinstance(error, _Refused) else error.__context__
                self._refuse(cause.status if isinstance(cause, _Refused) else 400)
                return
        if self._in_head:
            if self._fed > HEAD_BYTES or len(self._headers) > HEADERS:
                self._refuse(431)
        elif self._request and (self._fed > 2 * READ_TO_THE_END or len(self._headers) > HEADERS):
            self._refuse(413)  # a small body in very large wrapping, or with trailers without end
        if self._queue and not self._deaf:
            self._transport.pause_reading()

    # What the parser calls

    def on_message_begin(self) -> None:
        self._url = b""
        self._in_head = True
        self._since = self._all.now

    def on_url(self, part: bytes) -> None:
        self._url += part

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._in_head = False
        parser, headers = self._parser, self._headers
        if len(headers) > HEADERS:
            raise _Refused(431)
        if self._fed > HEAD_BYTES and len(self._url) + sum(len(n) + len(v) + 4 for n, v in headers) > HEAD_BYTES:
            raise _Refused(431)
        self._fed = 0
        self._headers = []
        version = parser.get_http_version()
        if version not in ("1.1", "1.0"):
            raise _Refused(400)
        keeps = version == "1.1" and parser.should_keep_alive()
        request = Request(self, parser.get_method().decode("ascii"), self._url, headers, keeps)
        self._request = request
        declared = int(request.fields.get(b"content-length", 0))
        if declared > READ_TO_THE_END:
            self._leave_unread(request)
        elif (declared or b"transfer-encoding" in request.fields) and b"expect" in request.fields and not self._deaf:
            self._transport.write(_CONTINUE)

    def on_body(self, piece: bytes) -> None:
        request = self._request
        if request and request.add(piece, self._all.handler.max_body) > READ_TO_THE_END:
            self._leave_unread(request)

    def on_message_complete(self) -> None:
        request, self._request = self._request, None
        self._headers = []  # what came after a chunked body is no header of ours
        self._fed = 0
        if request:
            self._begin(request)

    # What is ours

    @property
    def is_idle(self) -> bool:
        """Whether it owes nobody an answer."""
        return not (self._busy or self._queue or self._request)

    @property
    def ends(self) -> tuple[Any, Any]:
        """The addresses of our end and of the client's."""
        told = self._transport.get_extra_info
        return told("sockname"), told("peername")

    def answer(self, request: Request, status: int, headers: Headers, body: bytes) -> None:
        """Answers the request that `Handler.take` was given."""
        self._busy = False
        if self._transport.is_closing():
            return
        try:
            start = head(status, headers, None if request.method == "HEAD" else len(body))
        except ValueError:
            log.exception("the application's headers cannot be sent")
            start, body = head(500, [], 0), b""
        self._say(request, (start, b"" if request.method == "HEAD" else body))
        if self._queue:  # not now: this may be inside another request's turn
            asyncio.get_running_loop().call_soon(self._go_on)
        elif not self._lingers:
            self._transport.resume_reading()

    def close(self) -> None:
        """Closes it when all that was said is on its way."""
        self._transport.close()

    def abort(self) -> None:
        self._transport.abort()

    def look_at_the_clock(self, now: float) -> None:
        """Ends the connection if what is due takes too long."""
        waited = now - self._since
        unsent = self._transport.get_write_buffer_size()
        if unsent:
            if unsent != self._written:
                self._written, self._since = unsent, now
            elif waited > STUCK_SECONDS:
                self.abort()
        elif self._lingers:
            if waited > LINGER_SECONDS:
                self.abort()
        elif self._request:
            if waited > BODY_SECONDS:
                self._refuse(400)
        elif not self._busy and waited > (HEAD_SECONDS if self._in_head else IDLE_SECONDS):
            self.close()

    def _leave_unread(self, request: Request) -> NoReturn:
        self._request = None
        self._deaf = True
        self._begin(request)
        raise _Refused(413)  # as the answer to the request will say

    def _begin(self, request: Request) -> None:
        if self._busy or self._paused or self._queue:
            if len(self._queue) == _QUEUED:
                raise _Refused(429)
            self._queue.append(request)
        elif not self._lingers:
            self._start(request)

    def _start(self, request: Request) -> None:
        ready = self._all.handler.at_once(request)
        if ready is not None:
            self._say(request, ready)
        else:
            self._busy = True
            self._all.handler.take(request)

    def _go_on(self) -> None:
        while self._queue and not (self._busy or self._paused or self._lingers):
            self._start(self._queue.popleft())
        if not self._queue and not self._lingers and not self._transport.is_closing():
            self._transport.resume_reading()

    def _say(self, request: Request, parts: Sequence[bytes]) -> None:
        start, *body = parts
        self._since = self._all.now
        if request.keep_alive and not (self._all.closing or (self._deaf and not self._queue)):
            self._transport.writelines((start, self._all.head_end, *body))
        else:
            self._say_last((start, b"Connection: close\r\n", self._all.head_end, *body))

    def _refuse(self, status: int) -> None:
        """Hears nothing more, and says why if no answer is owed for which that would be taken."""
        self._request, self._headers = None, []
        if self._deaf:
            return
        self._deaf = True
        if not (self._busy or self._queue):
            self._say_last((head(status, [], 0), b"Connection: close\r\n", self._all.head_end))

    def _say_last(self, parts: Iterable[bytes]) -> None:
        """Says it and hears the client out for a while: closing at once could take our answer away from it."""
        self._transport.writelines(list(parts))
        self._queue.clear()
        self._deaf = self._lingers = True
        self._since = self._all.now
        if self._left:
            self._transport.close()
        else:
            self._transport.write_eof()


class _Refused(Exception):
    def __init__(self, status: int) -> None:
        self.status = status


def head(status: int, headers: Headers, length: int | None) -> bytes:
    """Status line and headers of an answer with a body of `length` bytes, all but their end.

    Without a `length` (for HEAD) it is the one that the headers tell.

    Raises:
        ValueError: a header has a line break in it.
    """
    lines = [f"HTTP/1.1 {status} {_PHRASES.get(status, '')}"]
    own = ("connection",) if length is None else ("connection", "content-length")
    lines += [f"{name}: {value}" for name, value in headers if name.lower() not in own]
    if length is not None and status >= 200 and status not in (204, 304):
        lines.append(f"Content-Length: {length}")
    text = "\r\n".join(lines)
    if text.count("\n") != len(lines) - 1 or text.count("\r") != len(lines) - 1 or "\0" in text:
        raise ValueError("a header with a line break")
    return text.encode("latin-1") + b"\r\n"


_PHRASES = {status.value: status.phrase for status in HTTPStatus}
