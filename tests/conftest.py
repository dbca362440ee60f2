"""What all tests share: one real store for the whole run, emptied before each test that uses it."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from comments.store.embedded import EmbeddedStore


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
