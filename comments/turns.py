"""Waiting without a thread: synchronous code that gives its event loop back while it waits.

A `Turn` is a greenlet on an event loop. What runs in it is ordinary code; where it would wait for the store it lets the
loop go on instead and is resumed with the result. Outside a turn (a thread, another WSGI server, the command line)
everything waits as it always did.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from greenlet import getcurrent, greenlet

from comments.errors import Unavailable

T = TypeVar("T")


class Turn(greenlet):
    """A call that runs on an event loop; `start` runs it until it waits for the first time."""

    def __init__(self, loop: asyncio.AbstractEventLoop, call: Callable[..., None]) -> None:
        """`call` must not raise."""
        super().__init__(call)
        self.loop = loop
        self._loops = getcurrent()  # the greenlet that the loop itself runs in

    def start(self, *args: Any) -> None:
        self.switch(*args)

    def pause(self) -> None:
        """Gives the loop back; called inside the turn. Returns when something on the loop calls `go_on`."""
        self._loops.switch()

    def go_on(self) -> None:
        self.switch()


def current() -> Turn | None:
    """The turn that this code runs in."""
    running = getcurrent()
    return running if isinstance(running, Turn) else None


def result_of(turn: Turn, future: "asyncio.Future[T]") -> T:
    """What the future comes to, an exception too; the turn waits, the loop does not."""
    if not future.done():
        future.add_done_callback(lambda _: turn.go_on())
        turn.pause()
    return future.result()


def aside(call: Callable[..., T], *args: Any) -> T:
    """The result of a call that may wait without knowing of turns; inside one, it waits in a thread.

    Raises:
        Unavailable: the machine has no thread left for it.
    """
    turn = current()
    if turn is None:
        return call(*args)
    try:
        future = turn.loop.run_in_executor(_aside, call, *args)
    except RuntimeError as error:  # it needs one more thread
        raise Unavailable("no thread is left") from error
    return result_of(turn, future)


_aside = ThreadPoolExecutor(4, thread_name_prefix="aside")


class Signal:
    """As `threading.Event`, for turns and threads alike."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._turns: list[tuple[Turn, asyncio.Future[None]]] = []

    def set(self) -> None:
        with self._lock:
            self._event.set()
            waiting, self._turns = self._turns, []
        for turn, future in waiting:
            turn.loop.call_soon_threadsafe(_settle, future)

    def wait(self, seconds: float) -> None:
        """Waits until it is set, `seconds` at most."""
        turn = current()
        if turn is None:
            self._event.wait(seconds)
            return
        future: asyncio.Future[None] = turn.loop.create_future()
        with self._lock:
            if self._event.is_set():
                return
            self._turns.append((turn, future))
        timer = turn.loop.call_later(seconds, _settle, future)
        result_of(turn, future)
        timer.cancel()


def _settle(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
