"""The connection that all turns of a loop share: replies to whom they belong, and nobody waits longer than was said."""

import asyncio
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from comments.errors import Unavailable
from comments.store.client import Client, connect
from comments.store.embedded import EmbeddedStore
from comments.turns import Turn, aside

BOUND = 0.3


@pytest.fixture
def client(store_url: str) -> Iterator[Client]:
    client = connect(store_url, timeout=BOUND, pause=0.1, pool=2)
    yield client
    client.close()


def in_turns(client: Client, *calls: Callable[[], Any]) -> list[Any]:
    """What the calls come to, each in a turn of its own on one loop."""

    async def all_of_them() -> list[Any]:
        loop = asyncio.get_running_loop()
        outcomes = [loop.create_future() for _ in calls]

        def run(call: Callable[[], Any], outcome: "asyncio.Future[Any]") -> None:
            try:
                outcome.set_result(call())
            except Unavailable as error:
                outcome.set_result(error)

        for call, outcome in zip(calls, outcomes, strict=True):
            Turn(loop, run).start(call, outcome)
        try:
            return await asyncio.wait_for(asyncio.gather(*outcomes), 10)
        finally:
            client.close()  # before the loop goes; it connects anew when it is asked again
            for _ in range(3):
                await asyncio.sleep(0)

    return asyncio.run(all_of_them())


def test_each_turn_gets_its_own_replies(client: Client) -> None:
    def ask(n: int) -> list[Any]:
        return client.pipeline([("ECHO", f"{n} {part}") for part in range(n % 5 + 1)])

    answers = in_turns(client, *(lambda n=n: ask(n) for n in range(200)))  # type: ignore[misc]  # a default binds n
    assert answers == [[f"{n} {part}".encode() for part in range(n % 5 + 1)] for n in range(200)]


@pytest.mark.one_server
def test_all_turns_share_one_connection(client: Client) -> None:
    before = client.command("INFO", "stats")["total_connections_received"]
    in_turns(client, *(lambda: client.command("PING") for _ in range(50)))
    assert client.command("INFO", "stats")["total_connections_received"] == before + 2, "theirs, and this one"


def test_one_error_harms_no_other(client: Client) -> None:
    def wrong() -> str:
        with pytest.raises(Exception, match="unknown command"):
            client.command("NONSENSE")
        return "refused"

    assert in_turns(client, wrong, lambda: client.command("ECHO", "a"), wrong) == ["refused", b"a", "refused"]


def test_a_store_that_hangs_costs_one_bound_and_heals(data: Path, eventually: Callable[..., None]) -> None:
    with EmbeddedStore(data) as url:
        client = connect(url, timeout=BOUND, pause=0, pool=2)
        pid = int(client.command("INFO", "server")["process_id"])

        def ping() -> Any:
            return client.command("PING")

        assert in_turns(client, ping) == [True]
        os.kill(pid, signal.SIGSTOP)
        began = time.monotonic()
        outcomes = in_turns(client, *[ping] * 20)
        took = time.monotonic() - began
        os.kill(pid, signal.SIGCONT)
        assert [type(outcome) for outcome in outcomes] == [Unavailable] * 20
        assert took < 3 * BOUND
        eventually(lambda: in_turns(client, ping) == [True])
        client.close()


def test_a_lost_connection_fails_who_waits_and_is_opened_again(client: Client) -> None:
    def kill_all() -> None:
        client.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

    def ask_kill_and_ask() -> list[bytes]:
        first = client.command("ECHO", "a")
        aside(kill_all)
        with suppress(Unavailable):  # it may not have noticed yet
            client.command("ECHO", "b")
        return [first, client.command("ECHO", "c")]

    assert in_turns(client, ask_kill_and_ask) == [[b"a", b"c"]]


def test_who_has_a_reply_goes_on_where_the_next_one_cannot_be_read() -> None:
    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            while heard := connection.recv(1 << 16):
                connection.sendall(b"$1\r\na\r\n?nonsense\r\n" if b"ECHO" in heard else b"+OK\r\n" * heard.count(b"*"))

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        client = connect(f"redis://127.0.0.1:{server.getsockname()[1]}", timeout=BOUND, pause=0, pool=1)
        first, second = in_turns(client, *[lambda: client.command("ECHO", "a")] * 2)
        thread.join(5)
    assert first == b"a"
    assert isinstance(second, Unavailable)


def test_commands_that_cannot_be_packed_are_not_sent_in_part(client: Client) -> None:
    def half() -> bytes:
        with suppress(TypeError):
            client.pipeline([("ECHO", "mine"), ("ECHO", None)])  # a bug, wherever it is
        return b"nothing was sent"

    assert in_turns(client, half, lambda: client.command("ECHO", "b")) == [b"nothing was sent", b"b"]


def test_a_server_that_is_only_slow_is_not_given_up(client: Client) -> None:
    half = BOUND * 0.6

    def slow() -> bytes:
        aside(client.command, "CLIENT", "PAUSE", int(half * 1000), "ALL")
        return bytes(client.command("ECHO", "a"))

    for _ in range(4):
        assert in_turns(client, slow) == [b"a"]


@pytest.mark.one_server
def test_a_write_that_must_be_on_a_replica_says_when_it_is_not(store_url: str) -> None:
    client = connect(store_url, timeout=BOUND, pause=0, pool=2, replicas=1)

    def write() -> Any:
        return client.run_all([], [("SET", "a", "b")], safe=True)

    outcomes = in_turns(client, write, write, write, lambda: client.command("PING"))
    assert [type(outcome) for outcome in outcomes[:3]] == [Unavailable] * 3
    assert all(outcome.maybe_written for outcome in outcomes[:3])
    assert outcomes[3] is True, "what needs no replica does not wait for one"
    client.close()
