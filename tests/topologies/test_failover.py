"""After a failover: the client is at the new primary at once, and an old one comes back as a replica only."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
import redis

from comments.endpoint import several
from comments.errors import Unavailable
from comments.store import rejoin
from comments.store.client import Client, connect
from tests.topologies.fleet import HOST, SERVICE, Valkey, Watched, watched

LONG = 60.0  # seconds; an election that ends undecided is repeated after twice the failover timeout


@pytest.fixture(scope="module")
def group() -> Iterator[Watched]:
    """Servers of this module's own: they change their roles."""
    with watched(down_after=500) as group:
        yield group


@pytest.fixture
def client(group: Watched) -> Iterator[Client]:
    client = connect(group.url, timeout=1, pause=0.1, pool=4, replicas=1)
    yield client
    client.close()


def writes(client: Client, value: str) -> bool:
    try:
        return bool(client.command("SET", "k", value))
    except Unavailable:
        return False


def test_a_primary_that_comes_back_through_the_sentinels_is_a_replica_from_its_first_moment(
    group: Watched, client: Client, eventually: Callable[..., None]
) -> None:
    eventually(group.is_whole, within=LONG)
    old = group.primary()
    old.kill()
    eventually(lambda: writes(client, "after") and group.primary() is not old, within=LONG)
    endpoint = several(group.url)
    assert endpoint
    named = rejoin.primary(endpoint)
    assert named == (HOST, group.primary().port)
    words = rejoin.command(["server"], (HOST, old.port), named)
    assert words == ["server", "--replicaof", HOST, str(named[1])]
    old.start(*words[1:])
    assert old.facts("INFO", "replication")["role"] == "slave"
    # written again and again: a machine that is slow for half a second makes the sentinels choose once more
    eventually(lambda: writes(client, "later") and old.ask("GET", "k") == b"later", within=LONG)


def test_the_primary_itself_starts_as_it_is() -> None:
    assert rejoin.command(["server", "x.conf"], ("a", 1), ("a", 1)) == ["server", "x.conf"]


def test_without_a_majority_nothing_is_started(
    group: Watched, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    alive = group.sentinels[0].port
    url = f"redis+sentinel://{HOST}:{alive},{HOST}:1,{HOST}:2/{SERVICE}"
    monkeypatch.setattr(sys, "argv", ["rejoin", "--me", f"{HOST}:9", url, "--", "false"])
    with pytest.raises(SystemExit) as end:
        rejoin.main()
    assert end.value.code == 75
    assert "only 1 of 3 sentinels" in capsys.readouterr().err


@pytest.mark.by_hand
def test_a_planned_failover_loses_nothing_that_was_acknowledged_on_a_replica(
    group: Watched, client: Client, eventually: Callable[..., None]
) -> None:
    acknowledged: set[bytes] = set()

    def write() -> None:
        number = str(len(acknowledged)).encode()
        with suppress(Unavailable):
            client.run_all([], [("SADD", "numbers", number)], safe=True)
            acknowledged.add(number)

    eventually(group.is_whole, within=LONG)
    for _ in range(50):
        write()
    before = group.primary()
    # as docs/operating.md says: else the old primary goes on, with the replica that it still has, until it is told
    before.ask("CLIENT", "PAUSE", 12_000, "WRITE")
    group.sentinels[0].ask("SENTINEL", "FAILOVER", SERVICE)

    def has_moved() -> bool:
        write()
        return group.primary() is not before

    eventually(has_moved, within=LONG)
    count = len(acknowledged)

    def goes_on() -> bool:
        write()
        return len(acknowledged) > count + 50

    eventually(goes_on, within=LONG)
    lost: list[set[bytes]] = []

    def is_counted() -> bool:
        with suppress(redis.RedisError):  # a server that changes its role closes its connections
            lost.append(acknowledged - set(group.primary().client.smembers("numbers")))
        return bool(lost)

    eventually(is_counted)
    assert lost == [set()]


TRIALS = 20
BETWEEN = 5.0  # seconds from an old primary's return to the next failure


@pytest.mark.by_hand
def test_a_second_failure_seconds_after_the_first_loses_nothing_that_was_acknowledged_on_a_replica(
    group: Watched, client: Client, eventually: Callable[..., None]
) -> None:
    acknowledged: set[bytes] = set()
    endpoint = several(group.url)
    assert endpoint

    def write() -> bool:
        number = str(len(acknowledged)).encode()
        with suppress(Unavailable):
            client.run_all([], [("SADD", "numbers", number)], safe=True)
            acknowledged.add(number)
            return True
        return False

    def come_back(server: Valkey) -> None:
        words = rejoin.command(["server"], (HOST, server.port), rejoin.primary(endpoint))
        server.start(*words[1:])

    lost = []
    for _ in range(TRIALS):
        eventually(group.is_whole, within=LONG)
        first = group.primary()
        first.kill()
        eventually(lambda first=first: write() and group.primary() is not first, within=LONG)
        come_back(first)
        until_then = time.monotonic() + BETWEEN
        while time.monotonic() < until_then:
            write()
        second = group.primary()
        second.kill()
        eventually(lambda second=second: write() and group.primary() is not second, within=LONG)
        come_back(second)
        eventually(group.is_whole, within=LONG)
        lost.append(len(acknowledged - set(group.primary().client.smembers("numbers"))))
    print(f"{len(acknowledged):,} acknowledged; lost in each trial: {lost}")
    assert lost == [0] * TRIALS
