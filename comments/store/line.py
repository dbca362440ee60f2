"""One connection to a server that all turns of an event loop share.

What turns send within one round of the loop goes out as one write, so the server makes it durable with one sync;
replies come back in order. A line that is lost, or late with a reply, fails everybody who waits on it, and another one
is opened.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import Context
from typing import Any, cast

import hiredis
from redis.connection import DefaultParser
from redis.exceptions import ConnectionError, InvalidResponse
from redis.exceptions import TimeoutError as TooSlow

from comments.turns import Turn, result_of

Command = tuple[str | bytes | int, ...]

_NOT_YET: Any = object()
_GRACE = 0.02
_packed: Callable[[Command], bytes] = cast("Any", hiredis.pack_command)


class Posted:
    """Commands that were sent, and in time their replies."""

    __slots__ = ("_pauses", "_turn", "error", "replies", "want")

    def __init__(self, turn: Turn, want: int) -> None:
        self._turn = turn
        self._pauses = False
        self.want = want
        self.error: Exception | None = None
        self.replies: list[Any] = []

    def wait(self) -> list[Any]:
        """The replies; the turn waits for them.

        Raises:
            RedisError: there will be none.
        """
        if len(self.replies) < self.want and not self.error:
            self._pauses = True
            self._turn.pause()
        if self.error:
            raise self.error
        for reply in self.replies:
            if isinstance(reply, ConnectionError):  # a server that is loading says so in these words
                raise reply
        return self.replies

    def go_on(self, error: Exception | None = None) -> None:
        """Lets the turn go on that waits."""
        self.error = error
        if self._pauses:
            self._pauses = False
            self._turn.go_on()


class Line(asyncio.Protocol):
    """The connection; see the module."""

    def __init__(self, connection: Any, timeout: float, tail: Command | None) -> None:
        """`connection` is redis-py's, connected. Each write ends with `tail`, and the next waits for its reply."""
        self.loop = asyncio.get_running_loop()
        self.is_lost = False
        self._timeout = timeout
        self._tail = _packed(tail) if tail else b""
        self._reader = hiredis.Reader(
            protocolError=InvalidResponse, replyError=DefaultParser.parse_error, notEnoughData=_NOT_YET
        )
        self._unsent: list[bytes] = []
        self._fresh: list[Posted] = []
        self._waiting: deque[Posted] = deque()
        self._batch: list[Posted] = []  # has its replies, and waits for the tail's
        self._flushing = False
        self._heard = 0.0  # when something came from the server, or was awaited after a rest
        self._watch: asyncio.TimerHandle | None = None
        # redis-py has opened the connection and greeted the server as its address says; from here on it is ours
        self._writer = connection._writer  # closes the connection when it goes
        self._transport = self._writer.transport
        connection._reader = connection._writer = None
        self._transport.set_protocol(self)

    def post(self, turn: Turn, commands: Sequence[Command]) -> Posted:
        """Sends commands with what others send in this round of the loop."""
        packed = list(map(_packed, commands))  # all or none: half of them would be answered to somebody else
        if not (self._waiting or self._batch or self._fresh):
            self._heard = self.loop.time()
        posted = Posted(turn, len(commands) + bool(self._tail))
        self._unsent += packed
        self._fresh.append(posted)
        if not self._flushing:
            self._flushing = True
            self.loop.call_soon(self._flush)
        if self._watch is None:
            self._watch = self.loop.call_later(self._timeout, self._look_at_the_clock)
        return posted

    def close(self) -> None:
        self._lose(ConnectionError("the connection was closed"))

    def data_received(self, data: bytes) -> None:
        self._heard = self.loop.time()
        self._reader.feed(data)
        whole: list[Posted] = []
        try:
            self._read_into(whole)
        finally:  # what cannot be read ends the line, but these have their replies
            for posted in whole:
                posted.go_on()

    def _read_into(self, whole: list[Posted]) -> None:
        """Reads what has come; adds those who have all their replies now."""
        while (reply := self._reader.gets()) is not _NOT_YET:
            if self._waiting:
                posted = self._waiting[0]
                posted.replies.append(reply)
                if len(posted.replies) + bool(self._tail) < posted.want:
                    continue
                self._waiting.popleft()
                (self._batch if self._tail else whole).append(posted)
            else:  # the tail's
                for posted in self._batch:
                    posted.replies.append(reply)
                whole += self._batch
                self._batch = []
                if self._fresh:
                    self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lose(ConnectionError("the connection was lost"))

    def _flush(self) -> None:
        self._flushing = False
        if not self._fresh or (self._tail and (self._waiting or self._batch)):
            return
        self._transport.writelines([*self._unsent, self._tail] if self._tail else self._unsent)
        self._waiting += self._fresh
        self._unsent, self._fresh = [], []

    def _look_at_the_clock(self) -> None:
        self._watch = None
        if not (self._waiting or self._batch or self._fresh):
            return
        silence = self.loop.time() - self._heard
        if silence >= self._timeout + _GRACE:
            self._lose(TooSlow("no reply in time"))
        else:
            # a loop that was busy itself sees the clock before what has come in meanwhile: let that be read first
            self._watch = self.loop.call_later(max(self._timeout - silence, _GRACE), self._look_at_the_clock)

    def _lose(self, error: Exception) -> None:
        if self.is_lost:
            return
        self.is_lost = True
        if self._watch:
            self._watch.cancel()
        self._transport.abort()
        for posted in [*self._batch, *self._waiting, *self._fresh]:
            posted.go_on(error)
        self._batch, self._fresh = [], []
        self._waiting.clear()


class Lines:
    """The lines to one server: one for all, and one for writes that wait for a replica and would hold up the rest."""

    def __init__(self, dial: Callable[[], Any], timeout: float) -> None:
        """`dial` makes an asyncio connection of redis-py, not connected yet."""
        self._dial = dial
        self._timeout = timeout
        self._open: dict[Command | None, Line] = {}
        self._opening: dict[Command | None, asyncio.Task[Line]] = {}

    def post(self, turn: Turn, commands: Sequence[Command], tail: Command | None) -> Posted:
        """Sends commands, each batch of them followed by `tail`.

        Raises:
            RedisError, OSError: no connection.
        """
        line = self._open.get(tail)
        if line is None or line.is_lost or line.loop is not turn.loop:
            opening = self._opening.get(tail)
            if opening is None or opening.done():
                # in a context of its own: the line outlives the request that happens to open it
                opening = self._opening[tail] = turn.loop.create_task(self._connect(tail), context=Context())
            line = result_of(turn, opening)
            if line.is_lost:
                raise ConnectionError("the connection was lost at once")
        return line.post(turn, commands)

    def close(self) -> None:
        for line in self._open.values():
            if not line.loop.is_closed():
                line.loop.call_soon_threadsafe(line.close)

    async def _connect(self, tail: Command | None) -> Line:
        connection = self._dial()
        try:
            await asyncio.wait_for(connection.connect(), self._timeout)  # all that is said at the beginning together
        except TimeoutError as error:
            raise TooSlow("no connection in time") from error
        line = self._open[tail] = Line(connection, self._timeout, tail)
        return line
