"""The port: ours, or a clear refusal."""

import asyncio
import errno
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from multiprocessing import util
from typing import Any

import pytest

from comments.server import Port, PortTaken, _Crew, _let_in
from comments.wire import Connection, Connections


@pytest.fixture
def port() -> Iterator[Port]:
    with closing(Port("127.0.0.1", 0)) as reserved:
        yield reserved


def test_the_system_may_choose_the_port(port: Port) -> None:
    assert port.number > 0
    assert port.url == f"http://127.0.0.1:{port.number}"


def test_a_port_is_ours_alone(port: Port) -> None:
    with pytest.raises(PortTaken, match=f"cannot listen on 127.0.0.1 port {port.number}: Address already in use"):
        Port("127.0.0.1", port.number)


def test_an_address_must_exist() -> None:
    with pytest.raises(PortTaken, match=r"cannot listen on 192\.0\.2\.1 port 0"):
        Port("192.0.2.1", 0)


def test_every_interface_is_reached_through_this_machine() -> None:
    with closing(Port("0.0.0.0", 0)) as everywhere:  # noqa: S104 - that is the point
        assert everywhere.url.startswith("http://127.0.0.1:")


class Door:
    """A listener: who comes, and what becomes of accepting them."""

    def __init__(self, *come: socket.socket | OSError) -> None:
        self.come = list(come)

    def accept(self) -> tuple[socket.socket, None]:
        one = self.come.pop(0)
        if isinstance(one, OSError):
            raise one
        return one, None

    def setblocking(self, _: bool) -> None: ...

    def close(self) -> None: ...


@pytest.mark.parametrize("end", [BlockingIOError(), OSError(errno.EMFILE, "Too many open files")])
def test_at_the_end_all_are_let_in_who_can_be(end: OSError) -> None:
    ours, theirs = socket.socketpair()
    door = Door(ConnectionAbortedError(), ours, end)
    made: list[Connection] = []

    async def let_in() -> None:
        connections = Connections(None, most=10)  # type: ignore[arg-type]  # nobody asks for anything
        make = connections.make

        def remembered() -> Connection:
            made.append(make())
            return made[-1]

        connections.make = remembered  # type: ignore[method-assign]  # on purpose
        await _let_in(asyncio.get_running_loop(), door, connections)  # type: ignore[arg-type]  # a stand-in
        for connection in made:
            connection.abort()

    with theirs:
        asyncio.run(let_in())
    assert len(made) == 1


def test_a_worker_that_cannot_be_replaced_at_once_is_replaced_later(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, eventually: Callable[..., None]
) -> None:
    crew = _Crew((dict, "127.0.0.1", 0, 1, 1.0, 1000), 1)  # no application: its workers end

    def no_place(*_: Any) -> int:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    try:
        eventually(crew.some_ended, within=20)
        before = crew._workers[0]
        with monkeypatch.context() as patched:
            patched.setattr(util, "spawnv_passfds", no_place)
            assert not crew.replace()
        assert "Resource temporarily unavailable" in caplog.text
        assert crew.replace()
        assert crew._workers[0] is not before
    finally:
        crew.end()
