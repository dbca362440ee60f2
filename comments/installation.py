"""The installation that a command works on: its settings, keys and store, wherever the store happens to run."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib.metadata import version

from comments import keys
from comments.errors import StoreFull, Unavailable
from comments.settings import Settings
from comments.store.claim import DataUnusable
from comments.store.client import Client
from comments.store.comments import CommentStore
from comments.store.connection import connection
from comments.store.embedded import EmbeddedStore, running
from comments.store.format import check_format
from comments.store.people import People


def held_keys(settings: Settings) -> keys.Keys:
    """The keys; missing files are made.

    Raises:
        KeyFault: a file is damaged or open to others.
        DataUnusable: the directory cannot be used.
    """
    try:
        return keys.load(settings, create=True)
    except OSError as error:
        raise DataUnusable(f"{error.filename or settings.store.data}: {error.strerror}") from error


def keys_of_store(settings: Settings) -> keys.Keys:
    """As `held_keys`, but the secret under which there are comments already is never made anew.

    With another one their receipts would be void, and nobody would be told.

    Raises:
        DataUnusable: the secret is not there, but comments are.
        Unavailable: it is not there, and the store does not say whether comments are.
    """
    secret = keys.folder(settings.store.data) / "secret"
    if not settings.secret_key and not secret.exists():
        with client(settings) as connected:
            if any(CommentStore(connected, settings.store.namespace).waiting().values()):
                raise DataUnusable(
                    f"{secret}: is not there, but the store has comments; put it back or set COMMENTS_SECRET_KEY "
                    "(`comments keys` makes a new one, with which old receipts and sign-ins are void)"
                )
    return held_keys(settings)


@contextmanager
def own_store(settings: Settings) -> Iterator[Settings]:
    """The settings with the address of a store: outside, or started for as long as the block lasts.

    Raises:
        StoreInUse: another process runs this directory's store.
        DataUnusable: see EmbeddedStore and `known`.
    """
    if settings.store.redis_url:
        yield known(settings)
    else:
        with EmbeddedStore(settings.store.data) as url:
            yield known(_at(settings, url))


@contextmanager
def store(settings: Settings) -> Iterator[Settings]:
    """As `own_store`, but the store of a running `serve` in the same directory is used as well."""
    url = "" if settings.store.redis_url else running(settings.store.data)
    if url:
        yield known(_at(settings, url))
    else:
        with own_store(settings) as connected:
            yield connected


def known(settings: Settings) -> Settings:
    """The settings, unless this version does not know what is in the store; one that is away is not judged.

    Raises:
        DataUnusable: see `check_format`.
    """
    with client(settings) as connected, suppress(Unavailable, StoreFull):
        check_format(connected, settings.store.namespace, version("newsroom-comments"))
    return settings


def _at(settings: Settings, url: str) -> Settings:
    return replace(settings, store=replace(settings.store, redis_url=url))


@contextmanager
def client(settings: Settings) -> Iterator[Client]:
    """One connection to the store at `settings.store.redis_url`."""
    connected = connection(settings, pool=1)
    try:
        yield connected
    finally:
        connected.close()


@contextmanager
def people(settings: Settings) -> Iterator[People]:
    """The newsroom's people, in whichever store there is."""
    with store(settings) as connected, client(connected) as connection:
        yield People(connection, namespace=settings.store.namespace, now=time.time)
