"""Seals the log every hour, in a thread of `serve`; of several processes on one store one does it."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from comments.errors import CommentsError
from comments.installation import client
from comments.sealing import subkey
from comments.settings import Settings
from comments.store.client import Client
from comments.store.seals import Seals

log = logging.getLogger("comments")

_LOOKS_EVERY = 60.0  # seconds between two looks whether a round is due


def seals(connected: Client, settings: Settings, secret: bytes) -> Seals:
    """The seals of an installation, under a key of their own."""
    key = subkey(secret, "seals of the log")
    return Seals(connected, namespace=settings.store.namespace, key=key, now=time.time)


@contextmanager
def hourly(settings: Settings, secret: bytes) -> Iterator[None]:
    """Rounds for as long as the block lasts, the first one at once."""
    over = threading.Event()
    thread = threading.Thread(target=_rounds, args=(settings, secret, over), name="seals", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(5)


def _rounds(settings: Settings, secret: bytes, over: threading.Event) -> None:
    with client(settings) as connected:
        made = seals(connected, settings, secret)
        while True:
            try:
                seal_if_due(made)
            except CommentsError as error:
                log.warning("the log could not be sealed (%s); the next try is in a minute", error)
            if over.wait(_LOOKS_EVERY):
                return


def seal_if_due(made: Seals) -> bool:
    """One round if it is due; whether it was."""
    if not made.due():
        return False
    try:
        made.seal()
    except CommentsError:
        made.give_back()
        raise
    return True
