"""Between granian and the application: kept answers at once, everything else as WSGI requests in a few threads.

Runs on the worker's event loop (RSGI, granian's own protocol). What is in memory is answered there and then, without
a thread; a request's body is awaited there, so slow senders hold up nobody; only then does a thread run the WSGI
application, a few at a time, since more would only fight for the interpreter.
"""

import asyncio
import logging
import sys
import threading
from collections.abc import Callable
from contextlib import closing, nullcontext
from io import BytesIO
from queue import SimpleQueue
from typing import Any, cast
from wsgiref.types import WSGIApplication

from granian._granian import RSGIHTTPProtocol as HTTPProtocol
from granian.rsgi import Scope

from comments.web.published_cache import Headers, PublishedCache

log = logging.getLogger("comments")

BODY_SECONDS = 30  # that a request's body may take
# Bytes of a body that is too long anyway: a proxy that still sends when the refusal comes would lose it with the
# connection. As config/nginx.conf cuts bodies off.
_READ_TO_THE_END = 1024 * 1024
Environ = dict[str, Any]
Answer = tuple[int, Headers, bytes]

_CUT: Answer = (400, [("Connection", "close")], b"")


class Front:
    """One worker's RSGI application."""

    def __init__(self, app: WSGIApplication, *, threads: int, max_body: int) -> None:
        """`app` may be a `PublishedCache`; else nothing is answered without a thread.

        Runs `threads` WSGI requests at a time; reads `max_body` bytes of a body, and one to see that it is more."""
        self._app = app
        self._kept = app.kept_answer if isinstance(app, PublishedCache) else _nothing
        self._threads = Threads(threads)
        self._max_body = max_body
        self._loop: asyncio.AbstractEventLoop | None = None

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    async def __rsgi__(self, scope: Scope, protocol: HTTPProtocol) -> None:
        method = scope.method
        if method in ("GET", "HEAD"):
            kept = self._kept(method, scope.path, scope.query_string, scope.headers.get)
            if kept is not None:
                protocol.response_bytes(*kept)
                return
        body = await self._body(scope, protocol)
        if body is None:
            protocol.response_bytes(*_CUT)
            return
        loop = self._loop or asyncio.get_running_loop()
        answer = await self._threads.run(loop, self._answer, _environ(scope, body))
        protocol.response_bytes(*answer)

    async def _body(self, scope: Scope, protocol: HTTPProtocol) -> bytes | None:
        """The body, or as much as shows that it is too long; None for one that breaks off or takes too long.

        A part of a form must not reach the application: it can be a well-formed shorter form.
        """
        declared = _length(scope.headers.get("content-length"))
        if declared > _READ_TO_THE_END:
            return b""  # it will be refused unread
        if not declared and not scope.headers.get("transfer-encoding"):
            return b""
        pieces: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(BODY_SECONDS):
                async for piece in protocol:
                    size += len(piece)
                    if declared <= self._max_body:
                        pieces.append(piece)
                        if size > self._max_body:
                            break
        except TimeoutError:
            return None
        return None if size < declared else b"".join(pieces)

    def _answer(self, environ: Environ) -> Answer:
        said: list[Any] = []

        def start_response(status: str, headers: Headers, exc_info: Any = None) -> Callable[[bytes], object]:
            said[:] = [status, headers]
            return lambda _: None

        try:
            parts = self._app(environ, start_response)
            with closing(cast("Any", parts)) if hasattr(parts, "close") else nullcontext():
                body = b"".join(parts)
        except Exception:  # whatever it is, the request that waits on the event loop must get an answer
            log.exception("the application failed")
            return 500, [("Content-Type", "text/plain; charset=utf-8")], b"Something went wrong here.\n"
        return int(said[0][:3]), said[1], body


class Threads:
    """Runs calls for an event loop in a few threads; what asyncio's own executor does at a third of the cost."""

    def __init__(self, count: int) -> None:
        self._calls: SimpleQueue[tuple[asyncio.AbstractEventLoop, asyncio.Future[Answer], Any, Environ]] = SimpleQueue()
        for number in range(count):
            threading.Thread(target=self._work, name=f"request-{number}", daemon=True).start()

    def run(
        self, loop: asyncio.AbstractEventLoop, call: Callable[[Environ], Answer], environ: Environ
    ) -> "asyncio.Future[Answer]":
        """What the call will have returned; it must not raise."""
        result: asyncio.Future[Answer] = loop.create_future()
        self._calls.put((loop, result, call, environ))
        return result

    def _work(self) -> None:
        while True:
            loop, result, call, environ = self._calls.get()
            loop.call_soon_threadsafe(_settle, result, call(environ))


def _settle(result: "asyncio.Future[Answer]", answer: Answer) -> None:
    if not result.done():  # the client may have gone
        result.set_result(answer)


def _nothing(*_: object) -> None:
    return None


_FIXED: Environ = {
    "SCRIPT_NAME": "",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "wsgi.version": (1, 0),
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
    "wsgi.input_terminated": True,
}


def _environ(scope: Scope, body: bytes) -> Environ:
    """The request as WSGI sees it (PEP 3333)."""
    server, _, port = scope.server.rpartition(":")
    environ: Environ = {
        **_FIXED,
        "REQUEST_METHOD": scope.method,
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": server.strip("[]"),
        "SERVER_PORT": port,
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": BytesIO(body),
    }
    for name, value in scope.headers.items():
        if "_" in name:
            continue  # X_Forwarded_For would be taken for X-Forwarded-For
        key = name.upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        if key in environ:
            value = f"{environ[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{value}"
        environ[key] = value
    return environ


def _length(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() else 0
