"""The one connection to the store: time limits, the breaker, and the driver's exceptions turned into ours.

redis-py's own retries are off: they would hold a request for a minute on a hung store and run a write again whose
reply was lost. Every call fails after `timeout` seconds at the latest; after a time-out the store is left alone for
`pause` seconds, so that a hung store costs each window one time-out, not each request one.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.connection import AbstractConnection
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    ConnectionError,
    NoScriptError,
    OutOfMemoryError,
    RedisError,
    ResponseError,
    TimeoutError,
)
from redis.retry import Retry

from comments.errors import StoreFull, Unavailable
from comments.store.scripts import Call, Script


class Breaker:
    """Open for `pause` seconds after a time-out; then one call may try while the others still fail at once."""

    def __init__(self, pause: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._pause = pause
        self._clock = clock
        self._lock = threading.Lock()
        self._closed_again = 0.0

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


Command = tuple[str | bytes | int, ...]


def _words(call: Call) -> Command:
    return ("EVALSHA", call.script.sha, len(call.keys), *call.keys, *call.args)


def _reply(connection: AbstractConnection) -> Any:
    try:
        return connection.read_response()
    except ResponseError as error:
        return error


class Client:
    """Runs commands, scripts and pipelines on the store.

    Raises (every method):
        Unavailable: no answer in time, no connection, or a server that is loading or read-only.
        StoreFull: the server has no room for the write.
    """

    def __init__(self, connection: redis.Redis, *, pause: float) -> None:
        self._redis = connection
        self._pool = connection.connection_pool
        self._breaker = Breaker(pause)

    def command(self, *words: Any) -> Any:
        """One plain command that is safe to send twice; its reply as redis-py makes it."""
        with self._asking(writes=False):
            return self._redis.execute_command(*words)  # type: ignore[no-untyped-call]

    def run(self, call: Call) -> Any:
        """One script; its reply."""
        return self.run_all([call])[0]

    def run_all(self, calls: Sequence[Call], before: Sequence[Command] = ()) -> list[Any]:
        """Plain commands and then scripts, in one round trip, not one transaction; their raw replies in that order.

        Each is on its own: one that fails raises after all have run.
        """
        writes = any(call.script.writes for call in calls)
        with self._asking(writes=writes):
            replies = self._send([*before, *map(_words, calls)])
            missing = [at for at, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
            if missing:  # a restarted or promoted server: load the scripts, run what did not run
                again = [calls[at - len(before)] for at in missing]
                self._load({call.script for call in again})
                for at, reply in zip(missing, self._send([_words(call) for call in again]), strict=True):
                    replies[at] = reply
            for reply in replies:
                if isinstance(reply, Exception):
                    raise reply
            return replies

    def pipeline(self, commands: Sequence[Command]) -> list[Any]:
        """Plain commands in one round trip, not one transaction; their raw replies."""
        return self.run_all([], commands)

    def listen(self, channel: str, *, poll: float) -> Iterator[bytes | None]:
        """Messages of a channel, and None at the start and after every `poll` seconds without one.

        The connection is its own; a server that hangs is noticed by a PING that is not answered.

        Raises:
            Unavailable: when the subscription is lost.
        """
        try:
            with self._translated(writes=False), self._redis.pubsub() as subscription:  # type: ignore[no-untyped-call]
                subscription.subscribe(channel)
                while True:
                    message = subscription.get_message(timeout=poll)
                    if message is None:
                        subscription.ping()
                        answer = subscription.get_message(timeout=poll)
                        if answer is None:
                            raise Unavailable("the subscription does not answer")
                        message = answer
                    yield message["data"] if message["type"] == "message" else None
        except TimeoutError as error:
            raise Unavailable("the store did not answer in time") from error

    def close(self) -> None:
        self._redis.close()

    def _send(self, commands: Sequence[Command]) -> list[Any]:
        """Straight over a connection of the pool: half the CPU time of redis-py's pipeline."""
        connection = self._pool.get_connection()
        try:
            packed = connection.pack_commands(commands)  # type: ignore[no-untyped-call]  # redis-py's own, untyped
            connection.send_packed_command(packed, check_health=False)  # type: ignore[no-untyped-call]  # the same
            return [_reply(connection) for _ in commands]
        except BaseException:
            # what is still to come on it belongs to nobody
            connection.disconnect()  # type: ignore[no-untyped-call]  # the same
            raise
        finally:
            self._pool.release(connection)

    def _load(self, scripts: set[Script]) -> None:
        for script in scripts:
            self._redis.script_load(script.source)

    @contextmanager
    def _asking(self, *, writes: bool) -> Iterator[None]:
        self._breaker.check()
        try:
            with self._translated(writes=writes):
                yield
        except TimeoutError as error:
            self._breaker.timed_out()
            raise Unavailable("the store did not answer in time", maybe_written=writes) from error
        self._breaker.answered()

    @contextmanager
    def _translated(self, *, writes: bool) -> Iterator[None]:
        try:
            yield
        except TimeoutError:
            raise
        except AuthenticationError as error:
            raise Unavailable("the store refuses our credentials") from error
        except ConnectionError as error:  # busy loading is one of these
            raise Unavailable(type(error).__name__, maybe_written=writes and not _never_connected(error)) from error
        except OutOfMemoryError as error:
            raise StoreFull("the store has reached its memory limit") from error
        except ResponseError as error:
            word = str(error).split(" ", 1)[0]
            if word == "MISCONF" or "OOM" in str(error):
                raise StoreFull(word) from error
            if word in _PASSING:
                raise Unavailable(word) from error
            raise
        except RedisError as error:
            raise Unavailable(type(error).__name__, maybe_written=writes) from error


def _never_connected(error: BaseException | None) -> bool:
    """Whether a connection could not even be opened: then nothing was sent."""
    while error:
        if isinstance(error, ConnectionRefusedError | FileNotFoundError | BusyLoadingError):
            return True
        error = error.__cause__ or error.__context__
    return False


# Errors of a server that will serve again: being replaced, loading, short of replicas.
_PASSING = {"READONLY", "LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "NOREPLICAS", "BUSY"}


def connect(url: str, *, timeout: float, pause: float, pool: int) -> Client:
    """A client for a store's URL (redis://, rediss://, unix://); connects at its first command.

    `timeout` and `pause` are seconds; `pool` is the number of connections at most, a caller waits `timeout` for one.
    """
    connections = redis.BlockingConnectionPool.from_url(
        url,
        max_connections=pool,
        timeout=timeout,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        retry=Retry(NoBackoff(), 0),
        client_name="comments",
        protocol=2,
    )
    return Client(redis.Redis(connection_pool=connections), pause=pause)
