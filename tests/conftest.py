"""What all tests share: one real store for the whole run, emptied before each test that uses it."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from flask import Flask

from comments import create_app
from comments.keys import Keys
from comments.settings import load
from comments.store.embedded import EmbeddedStore
from comments.web.here import House
from tests.people import MAIL_KEY, Moderator, Reader


@pytest.fixture(scope="session")
def valkey() -> Iterator[str]:
    """The address of a store of our own (short path: a socket's path has at most 107 bytes)."""
    data = Path(tempfile.mkdtemp(prefix="c-"))
    with EmbeddedStore(data) as url:
        yield url
    shutil.rmtree(data)


@pytest.fixture
def store_url(valkey: str) -> str:
    """The address of an empty store."""
    with redis.Redis.from_url(valkey) as connection:
        connection.flushall()
    return valkey


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
        deadline = time.monotonic() + within
        while not condition():
            assert time.monotonic() < deadline, "did not come true in time"
            time.sleep(0.01)  # the one place that waits between two looks

    return wait


# -- the service on that store, without a server in front


@pytest.fixture
def keys() -> Keys:
    """Keys of an invented installation."""
    return Keys(b"a secret for tests, not for use", bytes(MAIL_KEY.public_key), Path("nowhere"))


@pytest.fixture
def make_app(store_url: str, data: Path, keys: Keys) -> Callable[..., Flask]:
    """Builds the app on the empty store; settings by name, as in the environment (`submit_limit="5/minute"`)."""

    def make(now: Callable[[], float] = time.time, **settings: object) -> Flask:
        chosen = {"submit_limit": "", "redis_url": store_url, "data": data, "cache_mb": 0, "min_free_mb": 0}
        return create_app(load({}, **{**chosen, **settings}), keys, now=now)

    return make


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
