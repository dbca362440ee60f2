"""What is done every hour, in a thread of `serve`: old articles are closed, the log is sealed. Of several processes on
one store one does it."""

import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from comments.errors import CommentsError
from comments.installation import client
from comments.sealing import subkey
from comments.settings import Settings
from comments.store.articles import Articles
from comments.store.client import Client
from comments.store.seals import Last, Seals

log = logging.getLogger("comments")

OLDER = "the store is older than a seal that was noted here: it has been put back to an earlier moment"

_NOTE = re.compile(r"([0-9]{1,15}) ([0-9a-f]{64})\n")
_LOOKS_EVERY = 60.0  # seconds between two looks whether a round is due


def seals(connected: Client, settings: Settings, secret: bytes) -> Seals:
    """The seals of an installation, under a key of their own."""
    key = subkey(secret, "seals of the log")
    return Seals(connected, namespace=settings.store.namespace, key=key, now=time.time)


@contextmanager
def hourly(settings: Settings, secret: bytes) -> Iterator[None]:
    """Rounds for as long as the block lasts, the first one at once."""
    over = threading.Event()
    thread = threading.Thread(target=_rounds, args=(settings, secret, over), name="hourly", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(5)


def _rounds(settings: Settings, secret: bytes, over: threading.Event) -> None:
    with client(settings) as connected:
        made, articles = seals(connected, settings, secret), Articles(connected, settings.store.namespace)
        days, file, is_as_noted = settings.comments.close_after_days, note_of(settings), True
        while True:
            try:
                round_if_due(made, lambda: close_aged(articles, days=days, over=over.is_set))
                if is_as_noted and not note_last(made, file):
                    log.warning("%s; see `comments doctor`", OLDER)
                    is_as_noted = False
            except CommentsError as error:
                log.warning("the hourly round broke off (%s); the next try is in a minute", error)
            except Exception:  # a thread that ended would leave the log unsealed for good
                log.exception("the hourly round broke off")
            if over.wait(_LOOKS_EVERY):
                return


def note_of(settings: Settings) -> Path:
    """The file beside the store in which the last seal is noted."""
    return settings.store.data / "last-seal"


def noted(file: Path) -> Last | None:
    """The seal that is noted there; a damaged note counts as none."""
    try:
        found = _NOTE.fullmatch(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return Last(int(found[1]), found[2]) if found else None


def note_last(made: Seals, file: Path) -> bool:
    """Notes the last seal; False, and the note stays, when the store does not have the one that is noted.

    Raises:
        CommentsError: the file cannot be written.
    """
    before, last = noted(file), made.last()
    if before and not made.has(before):
        return False
    if last and last != before:
        new = file.with_name(f".{file.name}")
        try:
            with new.open("w", encoding="ascii") as out:
                out.write(f"{last.number} {last.mac}\n")
                out.flush()
                os.fsync(out.fileno())
            new.replace(file)
        except OSError as error:
            raise CommentsError(f"{file}: {error.strerror}") from error
    return True


def round_if_due(made: Seals, first: Callable[[], object]) -> bool:
    """One round if it is due: what is to be done `first`, and seals for all of it; whether it was."""
    if not made.due():
        return False
    try:
        first()
        made.seal()
    except Exception:  # whatever broke it off, another round may begin at once
        made.give_back()
        raise
    return True


def close_aged(articles: Articles, *, days: int, over: Callable[[], bool] = lambda: False) -> None:
    """Closes, a few at a time, every article whose first comment is older than so many days (0: none)."""
    now = datetime.fromtimestamp(time.time(), UTC)
    while days and not over() and articles.close_aged(before=now - timedelta(days=days), at=now, days=days):
        pass
