"""A WSGI layer in front of Flask that keeps finished public answers, in three encodings, and drops them when told.

It honours our own headers and nothing else: an answer is kept when it says `Cache-Control: public` with an `ETag` and
a `Surrogate-Key`, sets no cookie and varies by nothing. It is dropped when one of its surrogate keys is announced.
Without a healthy subscription nothing is kept and everything passes through; what was kept until then is put aside and
stands in, marked as stale and for a limited time, only where the application answers 503. Of many requests for one
answer that is not there, one asks the application and the others wait for it. HEAD, 304 and compression are made here
for kept and passing answers alike.
"""

import gzip
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from math import ceil
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import brotli
from cachetools import LRUCache

from comments.errors import CommentsError
from comments.turns import Signal
from comments.web.errors import LATE
from comments.wire import Headers, head

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    ShortCut = Callable[[WSGIEnvironment], tuple[Headers, bytes] | None]

log = logging.getLogger("comments")

# How hard to compress (gzip, brotli): an answer that may never be asked for again, one that was, a shipped file. The
# second takes three times as long for 15% fewer bytes.
_ONCE, _AGAIN, _ONCE_FOR_ALL = (1, 1), (6, 5), (9, 11)
_STATIC = "static"  # the surrogate key of shipped files: a file stays as it is as long as this process lives
_SHORT = 256  # characters of an Accept-Encoding that is worth reading and remembering; the browsers' have thirty
_SMALLEST = 200  # bytes below which compression does not pay for its headers
_REMEMBERED = 10_000  # announcements, to tell an answer that was overtaken while it was being made
_POLL = 0.5  # seconds of silence after which the subscription is tested; a cut is noticed within two of these
_PAUSE = 0.5  # seconds before a lost subscription is tried again
_WAIT = 5.0  # seconds at most that a request waits for another one's answer


class Finished:
    """A finished answer: its body in the encodings asked for so far, each with its own headers and ETag.

    Each is made in haste for who asks first, and once more with care for all who come after.
    """

    __slots__ = ("_body", "_etag", "_hasty", "_headers", "_lock", "_on_wire", "_variants", "keys", "size")

    def __init__(self, headers: Headers, body: bytes, etag: str, keys: tuple[str, ...]) -> None:
        own = ("etag", "content-length", "content-encoding", "vary")
        self._headers = [(name, value) for name, value in headers if name.lower() not in own]
        self._body = body
        self._etag = etag.strip('"')
        self._variants: dict[str, tuple[Headers, bytes]] = {}
        self._hasty: set[str] = set()
        self._on_wire: dict[str, tuple[bytes, bytes]] = {}
        self._lock = threading.Lock()
        self.keys = keys
        # identity, both compressed forms (a tenth to a seventh of it each), three lists of headers, places in the index
        self.size = len(body) * 13 // 10 + 3700 + 400 * len(keys)

    def variant(self, encoding: str) -> tuple[Headers, bytes]:
        """Headers and body in an encoding ("", "gzip" or "br"), as good as it is worth by now."""
        made = self._variants.get(encoding)
        if made is None or encoding in self._hasty:
            with self._lock:
                made = self._made(encoding)
        return made

    def reply(self, method: str, accept_encoding: str, if_none_match: str | None) -> tuple[int, Headers, bytes]:
        """Status, headers and body of the answer to one request."""
        headers, body = self.variant(_encoding(accept_encoding) if 0 < len(accept_encoding) <= _SHORT else "")
        if if_none_match and self.matches(if_none_match):
            return 304, [header for header in headers if header[0] not in _OF_BODIES], b""
        return 200, headers, b"" if method == "HEAD" else body

    def on_wire(self, method: str, accept_encoding: bytes, if_none_match: bytes | None) -> tuple[bytes, bytes]:
        """Head (without its end) and body of the answer to one request, in bytes."""
        accepted = accept_encoding.decode("latin-1")
        if if_none_match and self.matches(if_none_match.decode("latin-1")):
            status, headers, _ = self.reply(method, accepted, if_none_match.decode("latin-1"))
            return head(status, headers, 0), b""
        encoding = _encoding(accepted) if 0 < len(accepted) <= _SHORT else ""
        ready = self._on_wire.get(encoding)
        if ready is None:
            headers, body = self.variant(encoding)
            ready = (head(200, headers, len(body)), body)
            if encoding not in self._hasty:
                self._on_wire[encoding] = ready
        return (ready[0], b"") if method == "HEAD" else ready

    def matches(self, if_none_match: str) -> bool:
        """Whether a client has this answer in some encoding (RFC 9110, 13.1.2: weak comparison)."""
        if if_none_match.strip() == "*":
            return True
        tags = (tag.strip().removeprefix("W/").strip('"') for tag in if_none_match.split(","))
        return any(tag.partition("-")[0] == self._etag for tag in tags)

    def stale(self, age: float) -> "Finished":
        """This answer, as one that is `age` seconds out of touch (RFC 9211) and that nobody else should keep."""
        headers = [(name, value) for name, value in self._headers if name.lower() not in _OF_KEEPING]
        marks = [("Cache-Control", "no-store"), ("Cache-Status", f"comments; hit; ttl=-{ceil(age)}")]
        return Finished(headers + marks, self._body, self._etag, self.keys)

    def _made(self, encoding: str) -> tuple[Headers, bytes]:
        """Makes a variant, in haste the first time where that is any quicker."""
        made = self._variants.get(encoding)
        if made and encoding not in self._hasty:  # another was quicker
            return made
        if not encoding or len(self._body) < _SMALLEST:
            made = self._with_headers("", self._body, "")
        elif _STATIC in self.keys:
            made = self._with_headers(encoding, _smallest(self._body, encoding), "")
        elif encoding in self._hasty:
            self._hasty.discard(encoding)
            made = self._with_headers(encoding, _compressed(self._body, encoding, _AGAIN), "")
        else:
            self._hasty.add(encoding)
            made = self._with_headers(encoding, _compressed(self._body, encoding, _ONCE), "-once")
        self._variants[encoding] = made
        return made

    def _with_headers(self, encoding: str, body: bytes, made: str) -> tuple[Headers, bytes]:
        etag = f'"{self._etag}-{encoding}{made}"' if encoding else f'"{self._etag}"'
        headers = [*self._headers, ("ETag", etag), ("Vary", "Accept-Encoding"), ("Content-Length", str(len(body)))]
        if encoding:
            headers.append(("Content-Encoding", encoding))
        return headers, body


def _compressed(body: bytes, encoding: str, how_hard: tuple[int, int]) -> bytes:
    if encoding == "gzip":
        return gzip.compress(body, how_hard[0], mtime=0)
    return bytes(brotli.compress(body, quality=how_hard[1]))


@lru_cache(maxsize=100)  # there are a few dozen of them
def _smallest(file: bytes, encoding: str) -> bytes:
    """A shipped file as small as it gets; made once in a process, whether answers are kept or not."""
    return _compressed(file, encoding, _ONCE_FOR_ALL)


class _Kept(LRUCache[tuple[str, str], Finished]):
    """Finished answers by path and query, least recently used first out, with an index by surrogate key."""

    def __init__(self, budget: int) -> None:
        super().__init__(budget, getsizeof=lambda answer: answer.size)
        self._by_key: dict[str, set[tuple[str, str]]] = {}

    def __setitem__(self, where: tuple[str, str], answer: Finished) -> None:
        super().__setitem__(where, answer)
        for key in answer.keys:
            self._by_key.setdefault(key, set()).add(where)

    def __delitem__(self, where: tuple[str, str]) -> None:
        answer = self[where]
        super().__delitem__(where)
        for key in answer.keys:
            places = self._by_key[key]
            places.discard(where)
            if not places:
                del self._by_key[key]

    def clear(self) -> None:
        super().clear()
        self._by_key.clear()

    def drop(self, key: str) -> None:
        """Drops every answer that tells of what has this surrogate key."""
        for where in list(self._by_key.get(key, ())):
            del self[where]


class PublishedCache:
    """The layer. `listen` yields announced surrogate keys, None while all is well, and raises when it is cut off."""

    def __init__(
        self,
        app: "WSGIApplication",
        *,
        budget: int,
        listen: Callable[[float], Iterator[str | None]],
        short_cuts: Mapping[str, "ShortCut"] = MappingProxyType({}),
        stale_seconds: float = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`budget` is the bytes that kept answers may take in this process; 0 keeps nothing.

        `short_cuts` make the answers to GETs of their paths without the application, or pass by None.
        Answers put aside stand in for `stale_seconds` after the subscription was lost.
        """
        self._app = app
        self._short_cuts = short_cuts
        self._stale_seconds = stale_seconds
        self._clock = clock
        self._aside = _Kept(budget)
        self._lost_at = 0.0
        self._asking: dict[tuple[str, str], Signal] = {}
        self._budget = budget
        self._listen = listen
        self._lock = threading.Lock()
        self._kept = _Kept(budget)
        self._announced: OrderedDict[str, int] = OrderedDict()
        self._forgotten = 0  # number of the newest announcement that is no longer remembered
        self._number = 0
        self._healthy = False
        self._listener: threading.Thread | None = None

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        if method not in ("GET", "HEAD") or "HTTP_AUTHORIZATION" in environ:
            return self._app(environ, start_response)
        if self._listener is None and self._budget:
            self._start_listening()
        where = (environ["PATH_INFO"], environ.get("QUERY_STRING", ""))
        is_late = LATE in environ
        answer = self._stand_in(where) if is_late else self._find(where)
        if answer is None and is_late:
            return self._app(environ, start_response)
        if answer is None:
            status, headers, parts, answer = self._ask_once(environ, where)
            if answer is None and status.startswith("503"):
                answer = self._stand_in(where)
            if answer is None:
                start_response(status, headers)
                return parts
        code, headers, body = answer.reply(
            method, environ.get("HTTP_ACCEPT_ENCODING", ""), environ.get("HTTP_IF_NONE_MATCH")
        )
        start_response("200 OK" if code == 200 else "304 Not Modified", headers)
        return [body]

    def kept_answer(
        self, method: str, where: tuple[str, str], fields: Mapping[bytes, bytes]
    ) -> tuple[bytes, bytes] | None:
        """Head (without its end) and body of a kept answer to a GET or HEAD, for a server that need not ask by WSGI.

        `where` is PATH_INFO and QUERY_STRING, `fields` the request's headers by their names in lower case.
        """
        if not self._healthy or b"authorization" in fields:
            return None
        answer = self._find(where)
        if answer is None:
            return None
        return answer.on_wire(method, fields.get(b"accept-encoding", b""), fields.get(b"if-none-match"))

    def _find(self, where: tuple[str, str]) -> Finished | None:
        if not self._healthy:
            return None
        with self._lock:
            return self._kept.get(where)

    def _ask_once(
        self, environ: "WSGIEnvironment", where: tuple[str, str]
    ) -> tuple[str, Headers, Iterable[bytes], Finished | None]:
        """Asks the application, or waits for whoever is just asking it for the same."""
        if not self._healthy or environ["REQUEST_METHOD"] != "GET" or "HTTP_COOKIE" in environ:
            return self._ask(environ, where)
        with self._lock:
            asked = self._asking.get(where)
            mine = self._asking.setdefault(where, Signal())
        if asked:
            asked.wait(_WAIT)
            answer = self._find(where)
            return ("", [], [], answer) if answer else self._ask(environ, where)
        try:
            return self._ask(environ, where)
        finally:
            with self._lock:
                del self._asking[where]
            mine.set()

    def _stand_in(self, where: tuple[str, str]) -> Finished | None:
        """What was kept when the subscription was lost, if that is not too long ago."""
        with self._lock:
            age = self._clock() - self._lost_at
            answer = self._aside.get(where) if age <= self._stale_seconds else None
        return answer.stale(age) if answer else None

    def _ask(
        self, environ: "WSGIEnvironment", where: tuple[str, str]
    ) -> tuple[str, Headers, Iterable[bytes], Finished | None]:
        began = self._number
        said: list[Any] = []

        def note(status: str, headers: Headers, exc_info: Any = None) -> Callable[[bytes], object]:
            said[:] = [status, headers]
            return lambda _: None

        short_cut = self._short_cuts.get(where[0]) if environ["REQUEST_METHOD"] == "GET" else None
        made = short_cut(environ) if short_cut else None
        parts: Iterable[bytes] = [made[1]] if made else self._app(environ, note)
        status, headers = ("200 OK", made[0]) if made else said
        finished = _finished(status, headers, parts) if environ["REQUEST_METHOD"] == "GET" else None
        if finished:
            self._keep(where, finished, began)
        return status, headers, parts, finished

    def _keep(self, where: tuple[str, str], answer: Finished, began: int) -> None:
        """Keeps an answer, unless what it tells of was announced to have changed while it was being made."""
        answer.size += len(where[0]) + len(where[1])  # as long as whoever asks likes
        with self._lock:
            for key in answer.keys:  # the store is there: what was put aside may have changed
                self._aside.drop(key)
            overtaken = began < self._forgotten or any(self._announced.get(key, 0) > began for key in answer.keys)
            if not self._healthy or overtaken or answer.size > self._budget:
                return
            self._kept[where] = answer

    def _drop(self, key: str) -> None:
        with self._lock:
            self._number += 1
            self._announced[key] = self._number
            self._announced.move_to_end(key)
            if len(self._announced) > _REMEMBERED:
                self._forgotten = self._announced.popitem(last=False)[1]
            self._kept.drop(key)

    def _turn(self, *, healthy: bool) -> None:
        """Begins or ends a time of trust in the announcements; nothing from before it is kept, only put aside."""
        with self._lock:
            if self._healthy and not healthy:
                self._aside, self._kept, self._lost_at = self._kept, self._aside, self._clock()
            elif healthy:
                self._aside.clear()
            self._healthy = healthy
            self._number += 1
            self._forgotten = self._number
            self._kept.clear()
            self._announced.clear()

    def _start_listening(self) -> None:
        """In the process that serves: a thread does not survive a fork."""
        with self._lock:
            if self._listener is None:
                listener = threading.Thread(target=self._follow, name="published-cache", daemon=True)
                with suppress(RuntimeError):  # no thread is left: nothing is kept, and the next request tries again
                    listener.start()
                    self._listener = listener

    def _follow(self) -> None:
        while True:
            try:
                for key in self._listen(_POLL):
                    if key is not None:
                        self._drop(key)
                    elif not self._healthy:
                        self._turn(healthy=True)
            except CommentsError as error:
                log.warning("answers are not kept: no subscription (%s)", error)
            except Exception:  # a thread that ended would leave this process slow for good
                log.exception("answers are not kept: the subscription failed")
            finally:
                self._turn(healthy=False)
            time.sleep(_PAUSE)


def _finished(status: str, headers: Headers, parts: Iterable[bytes]) -> Finished | None:
    """The answer, if it may be shared; `parts` is only read then."""
    if not status.startswith("200"):
        return None
    said = {name.lower(): value for name, value in headers}
    control = said.get("cache-control", "")
    etag, keys = said.get("etag"), said.get("surrogate-key")
    if not control.startswith("public") or "no-store" in control or not etag or not keys:
        return None
    if "set-cookie" in said or "vary" in said:
        return None
    return Finished(headers, b"".join(parts), etag, tuple(keys.split()))


_OF_KEEPING = ("cache-control", "surrogate-key", "age", "expires")
_OF_BODIES = ("Content-Length", "Content-Encoding", "Content-Type")


@lru_cache(maxsize=1000)  # browsers send a handful of different headers
def _encoding(accepted: str) -> str:
    """The best encoding of ours that a client takes (RFC 9110, 12.5.3); of equals, br."""
    weights = {}
    for item in accepted.lower().split(","):
        name, _, parameters = item.partition(";")
        weights[name.strip()] = _weight(parameters.strip())
    br, gzipped = (weights.get(name, weights.get("*", 0.0)) for name in ("br", "gzip"))
    if br and br >= gzipped:
        return "br"
    return "gzip" if gzipped else ""


def _weight(parameter: str) -> float:
    if not parameter.startswith("q="):
        return 1.0
    try:
        return float(parameter[2:])
    except ValueError:
        return 0.0
