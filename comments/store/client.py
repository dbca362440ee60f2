"""The one way to the store: commands and scripts, and the driver's exceptions turned into ours.

redis-py's own retries are off: they would hold a request for a minute on a hung store and run a write again whose
reply was lost. Every call fails after `timeout` seconds at the latest. Which server a command goes to is for
`servers.py` to know.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import redis
from redis.exceptions import (
    AuthenticationError,
    ConnectionError,
    NoScriptError,
    OutOfMemoryError,
    RedisError,
    ResponseError,
    TimeoutError,
)

from comments.errors import StoreFull, Unavailable
from comments.store.line import Command
from comments.store.scripts import Call
from comments.store.servers import Server, Servers, messages, open_servers, was_not_sent, word_of

__all__ = ["Client", "Command", "connect"]

# How redis-py makes its replies.
_SHAPES: dict[str, Callable[[Any], Any]] = dict(redis.Redis(protocol=2).response_callbacks)


def _words(call: Call) -> Command:
    return ("EVALSHA", call.script.sha, len(call.keys), *call.keys, *call.args)


def _whole(call: Call) -> Command:
    """For a server that does not know the script: it runs it and knows it from then on."""
    return ("EVAL", call.script.source, len(call.keys), *call.keys, *call.args)


class Client:
    """Runs commands, scripts and pipelines on the store.

    Raises (every method):
        Unavailable: no answer in time, no connection, or a server that is loading or read-only.
        StoreFull: the server has no room for the write.
    """

    def __init__(self, servers: Servers, *, wait: Command | None = None) -> None:
        """`wait` is the WAIT that follows writes which must be on a replica before they count; None for none."""
        self._servers = servers
        self._wait = wait

    @property
    def waits(self) -> bool:
        """Whether safe writes wait for replicas."""
        return self._wait is not None

    def command(self, *words: Any) -> Any:
        """One plain command on its key, that is safe to send twice; its reply as redis-py makes it."""
        return _shaped(words, self.run_all([], [words])[0])

    def everywhere(self, *commands: Command) -> dict[str, list[Any]]:
        """The replies of every server that takes writes to plain commands without keys, by the server's name."""
        with _translated(writes=False):
            return {server.name: _on(server, commands) for server in self._servers.primaries()}

    def answering(self) -> tuple[int, int]:
        """How many of the servers that take writes answer, and how many there are."""
        servers = self._servers.primaries()
        well = 0
        for server in servers:
            with suppress(Unavailable), _translated(writes=False):
                _on(server, [("PING",)])
                well += 1
        return well, len(servers)

    def on(self, name: str, *words: Any) -> Any:
        """The reply of one of the servers that `everywhere` named."""
        with _translated(writes=False):
            for server in self._servers.primaries():
                if server.name == name:
                    return _on(server, [words])[0]
        raise Unavailable(f"{name} takes no writes any more")

    def keys(self, pattern: str, *, step: int) -> Iterator[list[str]]:
        """The keys of all servers that match, found among some `step` at a time; a key may come twice."""
        for server in self.everywhere():
            cursor = 0
            while True:
                cursor, keys = self.on(server, "SCAN", cursor, "MATCH", pattern, "COUNT", step)
                yield [key.decode(errors="replace") for key in keys]
                if not cursor:
                    break

    def run(self, call: Call, *, safe: bool = False) -> Any:
        """One script; its reply. See `run_all`."""
        return self.run_all([call], safe=safe)[0]

    def run_all(
        self,
        calls: Sequence[Call],
        before: Sequence[Command] = (),
        *,
        safe: bool = False,
        of_another_type: Any = None,
    ) -> list[Any]:
        """Plain commands and then scripts, in one round trip, not one transaction; their raw replies in that order.

        Each is on its own: one that fails raises after all have run. `safe` writes are on a replica as well, where
        that was asked for. `of_another_type` stands for the reply of a command whose key holds something else.
        """
        with _translated(writes=any(call.script.writes for call in calls)):
            replies = self._replies(calls, before, safe=safe)
            for at, reply in enumerate(replies):
                if isinstance(reply, Exception):
                    if of_another_type is None or word_of(reply) != "WRONGTYPE":
                        raise reply
                    replies[at] = of_another_type
            return replies

    def try_all(self, calls: Sequence[Call], before: Sequence[Command] = (), *, safe: bool = False) -> list[Any]:
        """As `run_all`, but what a server of several did not do has its `Unavailable` or `StoreFull` in its place."""
        with _translated(writes=any(call.script.writes for call in calls)):
            replies = self._replies(calls, before, safe=safe)
        for at, reply in enumerate(replies):
            if isinstance(reply, Exception):
                try:
                    with _translated(writes=at >= len(before) and calls[at - len(before)].script.writes):
                        raise reply
                except (Unavailable, StoreFull) as error:
                    replies[at] = error
        return replies

    def _replies(self, calls: Sequence[Call], before: Sequence[Command], *, safe: bool) -> list[Any]:
        """The driver's replies, an exception for what failed."""
        if not calls and not before:
            return []
        wait = self._wait if safe else None
        replies = self._servers.send([*before, *map(_words, calls)], wait)
        missing = [at for at, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
        if missing:  # a restarted or promoted server
            again = [_whole(calls[at - len(before)]) for at in missing]
            for at, reply in zip(missing, self._servers.send(again, wait), strict=True):
                replies[at] = reply
        return replies

    def pipeline(self, commands: Sequence[Command], *, of_another_type: Any = None) -> list[Any]:
        """Plain commands in one round trip, not one transaction; their raw replies. See `run_all`."""
        return self.run_all([], commands, of_another_type=of_another_type)

    def listen(self, channel: str, *, poll: float) -> Iterator[bytes | None]:
        """Messages of a channel, and None at the start and after every `poll` seconds without one.

        The connections are its own, one to every server that announces; one that hangs is noticed by a PING that is
        not answered.

        Raises:
            Unavailable: when a subscription is lost, or other servers take the writes now.
        """
        with _translated(writes=False), ExitStack() as stack:
            servers = self._servers.primaries()
            subscriptions = [stack.enter_context(server.subscription()) for server in servers]
            for message in messages(subscriptions, channel, poll):
                if message is None and self._servers.primaries() != servers:
                    raise Unavailable("other servers take the writes now")
                yield message

    def close(self) -> None:
        self._servers.close()


def _on(server: Server, commands: Sequence[Command]) -> list[Any]:
    replies = server.send(commands)
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
    return [_shaped(words, reply) for words, reply in zip(commands, replies, strict=True)]


def _shaped(words: Sequence[Any], reply: Any) -> Any:
    shape = _SHAPES.get(str(words[0]))
    return shape(reply) if shape and reply is not None else reply


@contextmanager
def _translated(*, writes: bool) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise Unavailable("the store did not answer in time", maybe_written=writes) from error
    except AuthenticationError as error:
        raise Unavailable("the store refuses our credentials") from error
    except ConnectionError as error:  # busy loading is one of these
        raise Unavailable(type(error).__name__, maybe_written=writes and not was_not_sent(error)) from error
    except OutOfMemoryError as error:
        raise StoreFull("the store has reached its memory limit") from error
    except ResponseError as error:
        word = word_of(error)
        if word == "MISCONF" or "OOM" in str(error):
            raise StoreFull(word) from error
        if word in _PASSING:
            raise Unavailable(word) from error
        raise
    except RedisError as error:
        raise Unavailable(type(error).__name__, maybe_written=writes) from error


# Errors of a server that will serve again: being replaced, loading, short of replicas; or of a moving cluster.
_PASSING = {"READONLY", "LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "NOREPLICAS", "BUSY", "MOVED", "ASK"}


def connect(
    url: str,
    *,
    timeout: float,
    pause: float,
    pool: int,
    tls: dict[str, str] | None = None,
    replicas: int = 0,
) -> Client:
    """A client for a store's URL (see `redis_url` in the settings); connects at its first command.

    `timeout` and `pause` are seconds; `pool` is the number of connections to each server at most, a caller waits
    `timeout` for one. `tls` holds redis-py's ssl_* arguments. `replicas` is how many must have a safe write.
    """
    servers = open_servers(url, timeout=timeout, pause=pause, pool=pool, tls=tls or {})
    wait = ("WAIT", replicas, int(timeout * 500)) if replicas else None
    return Client(servers, wait=wait)
