"""The connection to the store when the store is not well: bounded, honest about writes, back without a restart."""

import os
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from comments.errors import StoreFull, Unavailable
from comments.store.client import Client, connect
from comments.store.embedded import EmbeddedStore
from comments.store.scripts import OPEN_ARTICLE, THREADS, Call
from comments.store.servers import Breaker

BOUND = 0.2
WHO = ["Lan", 1_800_000_000_000, "closed", "main", "x", "main\0x", "", ""]
WRITE = Call(OPEN_ARTICLE, ["t:{x}:meta", "t:{x}:log", "t:{x}:ageing"], ["1", "t:changed", "a-x", *WHO])
READ = Call(THREADS, ["t:{x}:t", "t:{x}:r", "t:{x}:p", "t:{x}:meta"], ["", 10, 10, ""])


@pytest.fixture
def client(store_url: str) -> Iterator[Client]:
    client = connect(store_url, timeout=BOUND, pause=0.3, pool=4)
    yield client
    client.close()


@pytest.fixture
def mute() -> Iterator[str]:
    """The address of something that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}"


def test_scripts_load_themselves_on_a_server_that_forgot_them(client: Client) -> None:
    client.run(WRITE)
    client.command("SCRIPT", "FLUSH")
    assert client.run_all([WRITE, READ])[0] == 0


def test_a_store_that_hangs_costs_one_bound_per_window(mute: str) -> None:
    client = connect(mute, timeout=BOUND, pause=5, pool=4)
    began = time.monotonic()
    for _ in range(20):
        with pytest.raises(Unavailable):
            client.run(READ)
    assert time.monotonic() - began < 3 * BOUND
    client.close()


def test_a_write_without_an_answer_may_have_happened(mute: str) -> None:
    client = connect(mute, timeout=BOUND, pause=0, pool=4)
    with pytest.raises(Unavailable) as unknown:
        client.run(WRITE)
    assert unknown.value.maybe_written
    with pytest.raises(Unavailable) as harmless:
        client.run(READ)
    assert not harmless.value.maybe_written
    client.close()


def test_a_store_that_is_not_there_was_never_written_to(data: Path) -> None:
    client = connect(f"unix://{data}/nothing.sock", timeout=BOUND, pause=0, pool=4)
    with pytest.raises(Unavailable) as error:
        client.run(WRITE)
    assert not error.value.maybe_written
    client.close()


def test_the_breaker_lets_one_try_when_its_time_is_over() -> None:
    clock = [0.0]
    breaker = Breaker(10, clock=lambda: clock[0])
    breaker.check()
    breaker.timed_out()
    with pytest.raises(Unavailable):
        breaker.check()
    clock[0] = 10.1
    breaker.check()
    with pytest.raises(Unavailable):
        breaker.check()
    breaker.answered()
    breaker.check()


def test_a_full_store_refuses_what_needs_room_and_still_removes(client: Client) -> None:
    client.run(WRITE)
    client.command("CONFIG", "SET", "maxmemory", "1")
    try:
        with pytest.raises(StoreFull):
            client.command("SET", "t:{y}", "1")
        assert client.run(Call(OPEN_ARTICLE, WRITE.keys, ["", "t:changed", "a-x", *WHO])) == 1
    finally:
        client.command("CONFIG", "SET", "maxmemory", "0")


def test_a_restart_of_the_store_heals_without_one_of_ours(data: Path, eventually: Callable[..., None]) -> None:
    store = EmbeddedStore(data)
    client = connect(store.start(), timeout=1, pause=0.1, pool=4)
    client.run(WRITE)
    store.stop()
    with pytest.raises(Unavailable):
        client.run(READ)
    again = EmbeddedStore(data)
    again.start()

    def answers() -> bool:
        try:
            return bool(client.run(READ)[0] == b"1")
        except Unavailable:
            return False

    eventually(answers)
    client.close()
    again.stop()


def test_answers_never_cross(client: Client, together: Callable[..., list[object]]) -> None:
    def ask(n: int) -> bool:
        return all(client.command("ECHO", f"{n}-{i}") == f"{n}-{i}".encode() for i in range(200))

    assert all(together([lambda n=n: ask(n) for n in range(4)]))


def test_a_listener_hears_announcements_and_learns_of_a_cut(client: Client) -> None:
    heard: list[bytes | None] = []
    lost = threading.Event()
    ready = threading.Event()

    def follow() -> None:
        try:
            for message in client.listen("t:changed", poll=0.05):
                ready.set()
                if message:
                    heard.append(message)
                    return
        except Unavailable:
            lost.set()

    thread = threading.Thread(target=follow)
    thread.start()
    assert ready.wait(2)
    client.run(WRITE)
    thread.join(2)
    assert heard == [b"a-x"]

    ready.clear()
    thread = threading.Thread(target=follow)
    thread.start()
    assert ready.wait(2)
    client.command("CLIENT", "KILL", "TYPE", "pubsub")
    thread.join(2)
    assert lost.is_set()


def test_what_comes_with_the_answer_to_a_ping_is_heard_at_once() -> None:
    pings: list[bytes] = []

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            while heard := connection.recv(1 << 16):
                if b"SUBSCRIBE" in heard:
                    connection.sendall(b"*3\r\n$9\r\nsubscribe\r\n$1\r\nt\r\n:1\r\n")
                elif b"PING" in heard:
                    pings.append(heard)
                    news = b"*3\r\n$7\r\nmessage\r\n$1\r\nt\r\n$4\r\nnews\r\n"
                    connection.sendall(b"*2\r\n$4\r\npong\r\n$0\r\n\r\n" + news)
                else:
                    connection.sendall(b"+OK\r\n" * heard.count(b"*"))

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        client = connect(f"redis://127.0.0.1:{server.getsockname()[1]}", timeout=BOUND, pause=0, pool=1)
        heard = client.listen("t", poll=0.05)
        assert next(message for message in heard if message) == b"news"
        client.close()
    assert len(pings) == 1


def test_a_listener_hears_with_thousands_of_files_open(client: Client) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    with ExitStack() as stack:
        for _ in range(1100):
            stack.enter_context(Path(os.devnull).open())
        heard = client.listen("t:changed", poll=0.05)
        assert [next(heard), next(heard)] == [None, None]
        client.command("PUBLISH", "t:changed", "news")
        assert next(message for message in heard if message) == b"news"


def test_a_listener_does_not_wait_for_a_store_that_hangs(mute: str) -> None:
    client = connect(mute, timeout=BOUND, pause=0, pool=4)
    with pytest.raises(Unavailable):
        next(client.listen("t:changed", poll=0.05))
    client.close()
