"""What all tests share: one real store for the whole run, emptied before each test that uses it."""

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

from comments import create_app
from comments.keys import Keys
from comments.settings import load
from comments.store.embedded import EmbeddedStore
from tests.service import until
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
        until(condition, within)

    return wait
