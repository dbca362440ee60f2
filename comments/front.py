"""Between the connections and the application: kept answers at once, everything else as WSGI requests.

What is in memory is answered there and then. Requests of readers run as turns on the event loop: they wait for nothing
but the store, and while one waits the others go on, all over one connection. What moderators do may take its time (a
password to hash, a search, a file to write), so it runs in a few threads.
"""

import asyncio
import logging
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from functools import lru_cache
from io import BytesIO
from queue import SimpleQueue
from typing import Any, cast
from urllib.parse import unquote_to_bytes
from wsgiref.types import WSGIApplication

import httptools

from comments.turns import Turn
from comments.web.errors import LATE
from comments.web.published_cache import PublishedCache
from comments.wire import Headers, Request

log = logging.getLogger("comments")

Environ = dict[str, Any]
Answer = tuple[int, Headers, bytes]

# What begins with these may wait for other things than the store.
IN_THREADS = ("/moderate/", "/api/v1/moderation/", "/metrics", "/readyz")


class Front:
    """One worker's application; the `Handler` of its connections."""

    def __init__(
        self,
        app: WSGIApplication,
        *,
        loop: asyncio.AbstractEventLoop,
        threads: int,
        max_body: int,
        within: float = 60.0,
    ) -> None:
        """`app` may be a `PublishedCache`; else nothing is answered without the application.

        A reader is answered `within` seconds, if only that it took too long; what was asked for goes on.
        Reads `max_body` bytes of a body, and one piece more to see that it is more."""
        self.max_body = max_body
        self._app = app
        self._cache = app if isinstance(app, PublishedCache) else None
        self._loop = loop
        self._within = within
        self._threads = Threads(threads, loop)

    def at_once(self, request: Request) -> Sequence[bytes] | None:
        if self._cache is None or request.method not in ("GET", "HEAD"):
            return None
        try:
            where = _where(request.url)
        except httptools.HttpParserInvalidURLError:
            return None
        return self._cache.kept_answer(request.method, where, request.fields)

    def take(self, request: Request) -> None:
        try:
            path, query = _where(request.url)
        except httptools.HttpParserInvalidURLError:
            request.connection.answer(request, 400, [], b"")
            return
        environ = _environ(request, path, query)
        if path.startswith(IN_THREADS):
            self._threads.run(self._answer, request, environ)
        else:
            late = self._loop.call_later(self._within, self._give_up, request, environ)
            Turn(self._loop, self._take_turn).start(request, environ, late)

    def _take_turn(self, request: Request, environ: Environ, late: asyncio.TimerHandle) -> None:
        answer = self._answer(environ)
        if LATE not in environ:
            late.cancel()
            request.connection.answer(request, *answer)

    def _give_up(self, request: Request, environ: Environ) -> None:
        environ[LATE] = True
        Turn(self._loop, self._take_late_turn).start(request, {**environ, "wsgi.input": BytesIO()})

    def _take_late_turn(self, request: Request, environ: Environ) -> None:
        request.connection.answer(request, *self._answer(environ))

    def _answer(self, environ: Environ) -> Answer:
        said: list[Any] = []

        def start_response(status: str, headers: Headers, exc_info: Any = None) -> Callable[[bytes], object]:
            said[:] = [status, headers]
            return lambda _: None

        try:
            parts = self._app(environ, start_response)
            with closing(cast("Any", parts)) if hasattr(parts, "close") else nullcontext():
                body = b"".join(parts)
        except Exception:  # whatever it is, the request that waits must get an answer
            log.exception("the application failed")
            return 500, [("Content-Type", "text/plain; charset=utf-8")], b"Something went wrong here.\n"
        return int(said[0][:3]), said[1], body


class Threads:
    """Answers requests of an event loop in a few threads; what asyncio's own executor does at a third of the cost."""

    def __init__(self, count: int, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._calls: SimpleQueue[tuple[Callable[[Environ], Answer], Request, Environ]] = SimpleQueue()
        for number in range(count):
            threading.Thread(target=self._work, name=f"request-{number}", daemon=True).start()

    def run(self, call: Callable[[Environ], Answer], request: Request, environ: Environ) -> None:
        """Answers the request with what the call returns; it must not raise."""
        self._calls.put((call, request, environ))

    def _work(self) -> None:
        while True:
            call, request, environ = self._calls.get()
            answer = call(environ)
            self._loop.call_soon_threadsafe(request.connection.answer, request, *answer)


_SHORT = 512  # bytes of a target, or of a header's name, that is worth remembering


def _where(url: bytes) -> tuple[str, str]:
    """Path and query of a request's target, as WSGI has them."""
    return _known(url) if len(url) <= _SHORT else _known.__wrapped__(url)


@lru_cache(maxsize=10_000)
def _known(url: bytes) -> tuple[str, str]:
    parsed = httptools.parse_url(url)
    path = unquote_to_bytes(parsed.path or b"/").decode("latin-1")
    return path, (parsed.query or b"").decode("latin-1")


_FIXED: Environ = {
    "SCRIPT_NAME": "",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "wsgi.version": (1, 0),
    "wsgi.errors": sys.stderr,
    "wsgi.url_scheme": "http",
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
    "wsgi.input_terminated": True,
}


def _environ(request: Request, path: str, query: str) -> Environ:
    """The request as WSGI sees it (PEP 3333)."""
    server, client = request.connection.ends
    environ: Environ = {
        **_FIXED,
        "REQUEST_METHOD": request.method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "REMOTE_ADDR": client[0],
        "wsgi.input": BytesIO(b"".join(request.pieces)),
    }
    for name, value in request.headers:
        key = _key(name) if len(name) <= _SHORT else _key.__wrapped__(name)
        if not key:
            continue
        text = value.decode("latin-1")
        if key in environ:
            text = f"{environ[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{text}"
        environ[key] = text
    return environ


@lru_cache(maxsize=1000)
def _key(name: bytes) -> str:
    """A header's name in the environment; empty for one that is not let in."""
    if b"_" in name:
        return ""  # X_Forwarded_For would be taken for X-Forwarded-For
    key = name.decode("latin-1").upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
