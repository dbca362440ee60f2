"""The servers that are the store: one, one behind Sentinels, or a cluster. Who gets a command, and who gets it next.

`send` of each topology gives one reply for each command, in order; a command that failed has an exception for a
reply. Only what certainly was not carried out is sent a second time, once: to the new primary, or where the cluster
says. After a time-out a server is left alone for `pause` seconds, so that one that hangs costs each window one
time-out, not each request one, and the other servers of a cluster go on.
"""

import threading
import time
from binascii import crc_hqx
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from selectors import EVENT_READ, PollSelector
from typing import Any, Protocol

from redis.asyncio.connection import ConnectionPool as AsyncConnectionPool
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.client import PubSub
from redis.connection import BlockingConnectionPool, ConnectionPool
from redis.exceptions import AskError, BusyLoadingError, ConnectionError, RedisError, ResponseError, TimeoutError
from redis.retry import Retry
from redis.sentinel import MasterNotFoundError, Sentinel

from comments.endpoint import Endpoint, several
from comments.errors import Unavailable
from comments.store.line import Command, Lines, Posted
from comments.turns import aside, current

SLOTS = 16384
_TRUST = 1.0  # seconds between two questions to the sentinels while all is well
_LOOK_AGAIN = 0.1  # seconds between two looks at who serves what, when the first did not help


class Breaker:
    """Open for `pause` seconds after a time-out; then one call may try while the others still fail at once."""

    def __init__(self, pause: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._pause = pause
        self._clock = clock
        self._lock = threading.Lock()
        self._closed_again = 0.0

    @property
    def is_open(self) -> bool:
        return self._closed_again > 0

    def check(self) -> None:
        """Raises:
        Unavailable: while the breaker is open. Nothing was sent.
        """
        if not self._closed_again:
            return
        with self._lock:
            if self._clock() < self._closed_again:
                raise Unavailable("the store did not answer a moment ago")
            # this call tries; until it has an answer the others fail at once
            self._closed_again = self._clock() + self._pause

    def timed_out(self) -> None:
        with self._lock:
            self._closed_again = self._clock() + self._pause

    def answered(self) -> None:
        if self._closed_again:
            self._closed_again = 0.0


class Server:
    """One server: its connections and its breaker."""

    def __init__(self, name: str, pool: ConnectionPool, lines: Lines, *, pause: float) -> None:
        self.name = name
        self.breaker = Breaker(pause)
        self._pool = pool
        self._lines = lines

    def send(self, commands: Sequence[Command], tail: Command | None = None) -> list[Any]:
        """One reply for each command; over a shared line inside a turn, else over a connection of the pool.

        `tail` is a WAIT; where it does not reach a replica, what succeeded is not known to be safe.

        Raises:
            RedisError, Unavailable: there is no reply to any of them.
        """
        return self.finish(self.begin(commands, tail), len(commands), tail)

    def begin(self, commands: Sequence[Command], tail: Command | None = None) -> Any:
        """Sends; what the replies will come on."""
        self.breaker.check()
        turn = current()
        connection: Any = None  # redis-py types connections only in part
        try:
            if turn:
                return self._lines.post(turn, commands, tail)
            connection = self._pool.get_connection()
            packed = connection.pack_commands([*commands, tail] if tail else commands)
            connection.send_packed_command(packed, check_health=False)
        except BaseException as error:
            self._failed(connection, error)
            raise
        return connection

    def finish(self, sent: Any, count: int, tail: Command | None = None) -> list[Any]:
        """Reads the replies to what `begin` sent."""
        by_line = isinstance(sent, Posted)
        try:
            # straight over the connection: half the CPU time of redis-py's pipeline
            replies = sent.wait() if by_line else [_reply(sent) for _ in range(count + bool(tail))]
        except BaseException as error:
            self._failed(None if by_line else sent, error)
            raise
        if not by_line:
            self._pool.release(sent)
        self.breaker.answered()
        return _with_copies(replies[:-1], replies[-1]) if tail else replies

    def subscription(self) -> PubSub:
        """A new one, over a connection of its own."""
        return PubSub(self._pool)

    def close(self) -> None:
        self._pool.disconnect()
        self._lines.close()

    def _failed(self, connection: Any, error: BaseException) -> None:
        if isinstance(error, TimeoutError):
            self.breaker.timed_out()
        if connection is not None:
            connection.disconnect()  # what is still to come on it belongs to nobody
            self._pool.release(connection)


def _reply(connection: Any) -> Any:
    try:
        return connection.read_response()
    except ResponseError as error:
        return error


def _with_copies(replies: list[Any], copies: Any) -> list[Any]:
    if isinstance(copies, int) and copies >= 1:
        return replies
    lonely = Unavailable("no replica has it yet", maybe_written=True)
    return [reply if isinstance(reply, Exception) else lonely for reply in replies]


def was_not_sent(error: BaseException | None) -> bool:
    """Whether a connection could not even be opened: then nothing was sent."""
    while error:
        if isinstance(error, ConnectionRefusedError | FileNotFoundError | BusyLoadingError | MasterNotFoundError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _was_refused(reply: object) -> bool:
    return isinstance(reply, Exception) and was_not_sent(reply)


class Servers(Protocol):
    """A topology."""

    def send(self, commands: Sequence[Command], tail: Command | None = None) -> list[Any]:
        """One reply for each command; an exception for one that failed."""

    def primaries(self) -> Sequence[Server]:
        """Every server that takes writes."""

    def close(self) -> None:
        """Closes all connections."""


class Single:
    """One server for everything."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.send = server.send
        self.close = server.close

    def primaries(self) -> Sequence[Server]:
        return [self._server]


class Sentinels:
    """A primary that Sentinels name, asked for again as soon as it is lost or turns out to be one no more.

    They are asked now and then in any case: one that was replaced while it was well takes writes for seconds more, and
    these are lost.
    """

    def __init__(self, sentinels: Sentinel, service: str, server_at: Callable[[str, int], Server]) -> None:
        self._sentinels = sentinels
        self._service = service
        self._server_at = server_at
        self._asking = threading.Lock()  # held while the sentinels are waited for: never taken on an event loop
        self._primary: Server | None = None
        self._ask_again = 0.0
        self._known: dict[tuple[str, int], Server] = {}
        self._closed = threading.Event()
        self._watch = threading.Thread(target=self._look_again_and_again, name="sentinels", daemon=True)

    def send(self, commands: Sequence[Command], tail: Command | None = None) -> list[Any]:
        server = self._find()
        replies = _sent(server, commands, tail)
        failed = any(isinstance(reply, ConnectionError | TimeoutError | Unavailable) for reply in replies)
        again = [at for at, reply in enumerate(replies) if word_of(reply) in _NO_PRIMARY or _was_refused(reply)]
        if failed or again:
            self._lost(server)
        if again:
            _put(replies, again, self._find().send([commands[at] for at in again], tail))
        return replies

    def primaries(self) -> Sequence[Server]:
        return [self._find()]

    def close(self) -> None:
        self._closed.set()
        for server in self._known.values():
            server.close()
        for sentinel in self._sentinels.sentinels:
            sentinel.close()

    def _lost(self, server: Server) -> None:
        if self._primary is server:
            self._primary = None

    def _find(self) -> Server:
        return self._primary or aside(self._ask)

    def _ask(self) -> Server:
        with self._asking:
            if self._primary:
                return self._primary
            began = time.monotonic()
            if began < self._ask_again:
                raise Unavailable("the sentinels knew no primary a moment ago")
            try:
                named = self._primary = self._named()
            except RedisError as error:
                now = time.monotonic()
                # as long as it took: where none of them answers, the others are not made to wait one after another
                self._ask_again = now + max(_LOOK_AGAIN, now - began)
                raise Unavailable("the sentinels name no primary") from error
            if not self._watch.ident:
                with suppress(RuntimeError):  # no thread is left; the next question tries again
                    self._watch.start()
            return named

    def _named(self) -> Server:
        place = self._sentinels.discover_master(self._service)  # type: ignore[no-untyped-call]
        if place not in self._known:
            self._known[place] = self._server_at(*place)
        return self._known[place]

    def _look_again_and_again(self) -> None:
        while not self._closed.wait(_TRUST):
            with self._asking, suppress(RedisError):  # while they are away, the primary that is known counts
                named = self._named()
                self._primary = self._primary and named


_NO_PRIMARY = {"READONLY", "MASTERDOWN"}  # the word of a server that did not carry out the command


class Cluster:
    """A cluster: each command goes to the server of its key's slot, the commands of one call to all at once."""

    def __init__(self, seeds: Iterable[tuple[str, int]], server_at: Callable[[str, int], Server]) -> None:
        self._server_at = server_at
        self._known = {place: server_at(*place) for place in seeds}
        self._lock = threading.Lock()
        self._slots: list[Server | None] = []
        self._look_again = 0.0
        self._stale = True

    def send(self, commands: Sequence[Command], tail: Command | None = None) -> list[Any]:
        if self._stale:
            aside(self._look)
        replies: list[Any] = [None] * len(commands)
        self._round(commands, range(len(commands)), replies, tail)
        again = [at for at, reply in enumerate(replies) if self._is_elsewhere(reply)]
        if again:
            asked = {at: place for at in again if (place := _place(replies[at], "ASK"))}
            moved = next((place for at in again if (place := _place(replies[at], "MOVED"))), None)
            if len(asked) < len(again):
                aside(self._look, moved)
            self._round(commands, [at for at in again if at not in asked], replies, tail)
            for at, place in asked.items():
                # the slot is on its way there: this one command may come before it
                replies[at] = _sent(self._at(place), [("ASKING",), commands[at]], tail)[-1]
        if any(isinstance(reply, ConnectionError | TimeoutError | Unavailable) for reply in replies):
            self._stale = True
        return replies

    def primaries(self) -> Sequence[Server]:
        if self._stale:
            aside(self._look)
        return list(dict.fromkeys(server for server in self._slots if server))

    def close(self) -> None:
        for server in self._known.values():
            server.close()

    def _round(
        self, commands: Sequence[Command], places: Iterable[int], replies: list[Any], tail: Command | None
    ) -> None:
        """Sends the commands in these places, to all servers before the first reply is read; puts in the replies."""
        groups: dict[Server, list[int]] = {}
        for at in places:
            server = self._slots[slot_of(commands[at])] if self._slots else None
            if server:
                groups.setdefault(server, []).append(at)
            else:
                replies[at] = Unavailable("no server has this part of the cluster")
        waiting = []
        for server, group in groups.items():
            try:
                waiting.append((server, group, server.begin([commands[at] for at in group], tail)))
            except (RedisError, Unavailable) as error:
                _put(replies, group, [error] * len(group))
        for server, group, connection in waiting:
            try:
                _put(replies, group, server.finish(connection, len(group), tail))
            except (RedisError, Unavailable) as error:
                _put(replies, group, [error] * len(group))

    @staticmethod
    def _is_elsewhere(reply: Any) -> bool:
        return word_of(reply) in _ELSEWHERE or _was_refused(reply)

    def _at(self, place: tuple[str, int]) -> Server:
        if place not in self._known:
            self._known[place] = self._server_at(*place)
        return self._known[place]

    def _look(self, first: tuple[str, int] | None = None) -> None:
        """Asks who serves which slot; `first` is a server that should know."""
        with self._lock:
            began = time.monotonic()
            if began < self._look_again and not first:
                return
            ordered = sorted(self._known.values(), key=lambda server: server.breaker.is_open)
            for server in [self._at(first), *ordered] if first else ordered:
                (answer,) = _sent(server, [("CLUSTER", "SLOTS")])
                if isinstance(answer, list) and answer:
                    self._slots = self._read(answer, server.name.rpartition(":")[0])
                    self._stale = False
                    break
            now = time.monotonic()
            # after a look in vain as long as it took, see Sentinels
            self._look_again = now + max(_LOOK_AGAIN, now - began if self._stale else 0)

    def _read(self, ranges: list[Any], asked: str) -> list[Server | None]:
        slots: list[Server | None] = [None] * SLOTS
        for first, last, primary, *_ in ranges:
            host = primary[0].decode() if primary[0] else asked  # a node that does not know its own name yet
            server = self._at((host, int(primary[1])))
            slots[first : last + 1] = [server] * (last + 1 - first)
        return slots


# Words of a cluster's server that did not carry out the command.
_ELSEWHERE = {"MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN", "READONLY", "MASTERDOWN"}


def _sent(server: Server, commands: Sequence[Command], tail: Command | None = None) -> list[Any]:
    try:
        return server.send(commands, tail)
    except (RedisError, Unavailable) as error:
        return [error] * len(commands)


def _put(replies: list[Any], places: Sequence[int], new: Sequence[Any]) -> None:
    for at, reply in zip(places, new, strict=True):
        replies[at] = reply


def word_of(reply: object) -> str:
    """The word that an error reply begins with; empty for any other reply."""
    return reply.status_code or str(reply).split(" ", 1)[0] if isinstance(reply, ResponseError) else ""


def _place(reply: Any, word: str) -> tuple[str, int] | None:
    """The server that a MOVED or ASK names."""
    return (reply.host, reply.port) if isinstance(reply, AskError) and word_of(reply) == word else None


def slot_of(command: Command) -> int:
    """The slot of a command's key; any for one without (they are asked of servers by name)."""
    key = command[3] if command[0] in ("EVALSHA", "EVAL") else command[1] if len(command) > 1 else ""
    return _slot(key.decode() if isinstance(key, bytes) else str(key))


@lru_cache(maxsize=4096)
def _slot(key: str) -> int:
    _, opened, rest = key.partition("{")
    tag, closed, _ = rest.partition("}")
    hashed = tag if opened and closed and tag else key
    return crc_hqx(hashed.encode(), 0) % SLOTS


def open_servers(url: str, *, timeout: float, pause: float, pool: int, tls: dict[str, str]) -> Servers:
    """The topology that an address names; connects at its first command. `tls` holds redis-py's ssl_* arguments."""
    limits: dict[str, Any] = {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "client_name": "comments",
        "driver_info": None,  # two questions less for each new connection
        "protocol": 2,
    }
    endpoint = several(url)
    if endpoint is None:
        encrypted = tls if url.startswith("rediss:") else {}
        return Single(_server(url, url, limits | encrypted, pause=pause, pool=pool))
    who = {"username": endpoint.username, "password": endpoint.password}
    scheme, kind = ("rediss", tls) if endpoint.tls else ("redis", {})

    def server_at(host: str, port: int) -> Server:
        named = f"[{host}]" if ":" in host else host
        return _server(f"{host}:{port}", f"{scheme}://{named}:{port}", who | limits | kind, pause=pause, pool=pool)

    if endpoint.kind == "cluster":
        return Cluster(endpoint.hosts, server_at)
    return Sentinels(_sentinels(endpoint, limits, tls), endpoint.service, server_at)


def _server(name: str, url: str, options: dict[str, Any], *, pause: float, pool: int) -> Server:
    timeout = options["socket_timeout"]
    threads = BlockingConnectionPool.from_url(
        url, retry=Retry(NoBackoff(), 0), max_connections=pool, timeout=timeout, **options
    )
    turns = AsyncConnectionPool.from_url(url, retry=AsyncRetry(NoBackoff(), 0), **options)
    return Server(name, threads, Lines(turns.make_connection, timeout), pause=pause)


def _sentinels(endpoint: Endpoint, limits: dict[str, Any], tls: dict[str, str]) -> Sentinel:
    options: dict[str, Any] = {name: limits[name] for name in ("socket_timeout", "socket_connect_timeout", "protocol")}
    options["retry"] = Retry(NoBackoff(), 0)
    options |= {"ssl": True, **tls} if endpoint.tls else {}
    options |= {"username": endpoint.sentinel_username, "password": endpoint.sentinel_password}
    return Sentinel(list(endpoint.hosts), sentinel_kwargs=options)  # type: ignore[no-untyped-call]


def messages(subscriptions: Sequence[PubSub], channel: str, poll: float) -> Iterator[bytes | None]:
    """What is announced to any of these; None once all listen, and after each silence in which all could be heard.

    Raises:
        Unavailable: one of them does not answer.
    """
    for subscription in subscriptions:
        subscription.subscribe(channel)
    _all_answer(subscriptions)
    yield None
    while True:
        heard = list(_read_all(subscriptions, poll))
        if not heard:
            for subscription in subscriptions:
                subscription.ping()
            heard = _all_answer(subscriptions)
            yield None
        yield from heard


_ANSWER = 1.0  # seconds that a server has for the answer to a PING on a subscription


def _all_answer(subscriptions: Sequence[PubSub]) -> list[bytes]:
    """Waits until each has said something; the announcements among it."""
    heard = []
    for subscription in subscriptions:
        message = subscription.get_message(timeout=_ANSWER)
        if message is None:
            raise Unavailable("the subscription does not answer")
        while message:  # with the answer there may have come more, which no socket tells of again
            heard += [message["data"]] if message["type"] == "message" else []
            message = subscription.get_message(timeout=0)
    return heard


def _read_all(subscriptions: Sequence[PubSub], wait: float) -> Iterator[bytes]:
    """The announcements that have come, after waiting for the first."""
    with PollSelector() as waiting:  # select() knows no file beyond the 1,024th, and readers may have more open
        for subscription in subscriptions:
            connection: Any = subscription.connection
            waiting.register(connection._sock, EVENT_READ, subscription)
        ready = [key.data for key, _ in waiting.select(wait)]
    for subscription in ready:
        while message := subscription.get_message(timeout=0):
            if message["type"] == "message":
                yield message["data"]
