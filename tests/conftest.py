"""What all tests share: one real store for the whole run, emptied before each test that uses it."""

import logging
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import redis
from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache

from comments import create_app
from comments.keys import Keys
from comments.settings import load
from comments.store.embedded import EmbeddedStore
from comments.store.line import Line
from comments.web.here import House
from tests.people import MAIL_KEY, Moderator, Reader
from tests.service import until
from tests.topologies import fleet
from tests.turns import take_turns

# apps of tests that are over still listen, and would say at the end that their store is away
logging.getLogger("comments").addHandler(logging.NullHandler())


@pytest.fixture(scope="session")
def valkey() -> Iterator[str]:
    """The address of a store of our own (short path: a socket's path has at most 107 bytes)."""
    data = Path(tempfile.mkdtemp(prefix="c-"))
    with EmbeddedStore(data) as url:
        yield url
    shutil.rmtree(data)


@pytest.fixture(scope="session")
def sentinels() -> Iterator[fleet.Watched]:
    """A primary with replicas, watched by sentinels."""
    with fleet.watched() as watched:
        yield watched


@pytest.fixture(scope="session")
def cluster() -> Iterator[fleet.Nodes]:
    """A cluster of three primaries, each with a replica."""
    with fleet.clustered() as nodes:
        yield nodes


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--store",
        choices=["one", "sentinels", "cluster"],
        default="one",
        help="what every test runs on that may choose",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--store") != "one":
        for item in items:
            if item.get_closest_marker("one_server"):
                item.add_marker(pytest.mark.skip(reason="looks into the one server itself, or counts round trips"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What is marked `topologies` runs on one server, behind Sentinels and on a cluster."""
    if metafunc.definition.get_closest_marker("topologies") and "store_url" in metafunc.fixturenames:
        metafunc.parametrize("store_url", ["one", "sentinels", "cluster"], indirect=True)


@pytest.fixture
def store_url(request: pytest.FixtureRequest, valkey: str) -> str:
    """The address of an empty store."""
    kind = getattr(request, "param", request.config.getoption("--store"))
    if kind == "one":
        with redis.Redis.from_url(valkey) as connection:
            connection.flushall()
        return valkey
    group: fleet.Watched | fleet.Nodes = request.getfixturevalue(kind)
    fleet.empty(group.servers)
    return group.url


@pytest.fixture
def data() -> Iterator[Path]:
    """An empty data directory with a short path."""
    path = Path(tempfile.mkdtemp(prefix="c-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def eventually() -> Callable[..., None]:
    """Waits for a condition: `eventually(lambda: ..., within=5.0)` fails when it does not come true in time."""

    def wait(condition: Callable[[], object], within: float = 5.0) -> None:
        until(condition, within)

    return wait


# -- the service on that store, without a server in front


@pytest.fixture
def keys() -> Keys:
    """Keys of an invented installation."""
    return Keys(b"a secret for tests, not for use", bytes(MAIL_KEY.public_key), Path("nowhere"))


class Compiled(BytecodeCache):
    """Templates compiled for one app, for all the others too: half of the time of a test of a page."""

    def __init__(self) -> None:
        self._known: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if code := self._known.get(bucket.key):
            bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._known[bucket.key] = bucket.bytecode_to_string()


@pytest.fixture(scope="session")
def compiled() -> Compiled:
    return Compiled()


@pytest.fixture
def make_app(store_url: str, data: Path, keys: Keys, compiled: Compiled) -> Iterator[Callable[..., Flask]]:
    """Builds the app on the empty store; settings by name, as in the environment (`submit_limit="5/minute"`)."""
    made: list[Flask] = []

    def make(now: Callable[[], float] = time.time, **settings: object) -> Flask:
        chosen = {"submit_limit": "", "redis_url": store_url, "data": data, "cache_mb": 0, "min_free_mb": 0}
        app = create_app(load({}, **{**chosen, **settings}), keys, now=now)
        app.jinja_env.bytecode_cache = compiled
        made.append(app)
        return take_turns(app)

    yield make
    for app in made:
        app.extensions["comments"].client.close()


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return make_app()


@pytest.fixture
def house(app: Flask) -> House:
    """The rooms of the app: store, people, desk."""
    house: House = app.extensions["comments"]
    return house


@pytest.fixture
def reader(app: Flask) -> Reader:
    """Someone on the news page."""
    return Reader(app.test_client())


@pytest.fixture
def moderator(app: Flask, house: House) -> Moderator:
    """A program with an API token."""
    return Moderator(app.test_client(), house.people.add_token("Lan"))


# -- looking on


@pytest.fixture
def together() -> Callable[[Sequence[Callable[[], Any]]], list[Any]]:
    """Runs calls at the same moment, each in a thread of its own; their results in order."""

    def run(calls: Sequence[Callable[[], Any]]) -> list[Any]:
        barrier = threading.Barrier(len(calls), timeout=10)

        def meet(call: Callable[[], Any]) -> Any:
            barrier.wait()
            return call()

        with ThreadPoolExecutor(len(calls)) as threads:
            return list(threads.map(meet, calls))

    return run


_INTRODUCTIONS = (b"*3\r\n$6\r\nCLIENT", b"*4\r\n$6\r\nCLIENT")


@pytest.fixture
def round_trips(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts what goes to the store in one piece: the real connections, listened to."""
    sent: Counter[str] = Counter()
    asking = threading.current_thread()
    send = redis.connection.AbstractConnection.send_packed_command

    def counted(connection: Any, command: Any, check_health: bool = True) -> None:
        # not what the app does beside requests, whenever that is, and not how a new connection introduces itself
        if threading.current_thread() is asking and not b"".join(command).startswith(_INTRODUCTIONS):
            sent["piece"] += 1
        send(connection, command, check_health)

    flush = Line._flush

    def flushed(line: Line) -> None:
        waited = bool(line._fresh)
        flush(line)
        sent["piece"] += waited and not line._fresh

    monkeypatch.setattr(redis.connection.AbstractConnection, "send_packed_command", counted)
    monkeypatch.setattr(Line, "_flush", flushed)
    return sent
