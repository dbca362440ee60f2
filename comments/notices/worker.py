"""Delivers notices in threads of `serve`; of several processes on one store one does it.

The log is the outbox. A decision is looked at when it is older than the hold-back: one that was taken back within that
time told nobody. Whatever is killed at whatever moment, a change is told at least once, under the same name.
"""

import logging
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial

from comments.errors import CommentsError
from comments.model import Status, Transition
from comments.notices import mail, webhooks
from comments.settings import Settings
from comments.store.client import Client
from comments.store.comments import CommentStore
from comments.store.connection import connection
from comments.store.log import Entry, Log
from comments.store.outbox import Due, Outbox, Tried
from comments.store.published import PublicStore

log = logging.getLogger("comments")

_LOOKS_EVERY = 1.0  # seconds between two looks at the log
_AT_ONCE = 100  # entries of a shard's log
_AGAIN = (5, 30, 120, 600, 1800, 3600, 7200, 14400)  # seconds after the first failure, the second ...; then the last
_GIVEN_UP = 24 * 3600 * 1000  # milliseconds after the first failure
_REST = 60.0  # seconds at most that a webhook is left alone after failures, whatever there is to tell
_MAIL_EVERY = 60.0  # seconds between two looks whether to write
_MAIL_AGAIN = 300  # seconds after a mail server did not take it
_AFTER_TROUBLE = 5.0  # seconds after the store did not answer, or something worse


@contextmanager
def delivering(settings: Settings) -> Iterator[None]:
    """Notices leave for as long as the block lasts, where the settings name somebody to tell."""
    asked = settings.notices
    if not asked.webhook_urls and not asked.mail_to:
        yield
        return
    connected = connection(settings, pool=len(asked.webhook_urls) + 3)
    over = threading.Event()
    threads = Worker(settings, connected).start(over)
    try:
        yield
    finally:
        over.set()
        until = time.monotonic() + 1  # what is under way then is told again at the next start
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
        connected.close()


class Worker:
    """What there is to do, piece by piece, and the threads that do it while it is for this process."""

    def __init__(self, settings: Settings, client: Client) -> None:
        namespace = settings.store.namespace
        self._settings = settings
        self._hold_back = settings.moderation.hold_back_seconds * 1000
        self._store = CommentStore(client, namespace)
        self._log = Log(client, namespace, self._store)
        self._public = PublicStore(client, namespace)
        self._outbox = Outbox(client, namespace)
        self._name = secrets.token_hex(8)
        self._failures: Counter[str] = Counter()

    def start(self, over: threading.Event) -> Sequence[threading.Thread]:
        """The threads, running until `over`."""
        urls, held = self._settings.notices.webhook_urls, threading.Event()
        jobs: list[Callable[[], float]] = [partial(self.tell, url) for url in urls]
        jobs += [self.look] if urls else []
        jobs += [self.write] if self._settings.notices.mail_to else []
        threads = [threading.Thread(target=self._hold, args=(held, over), name="notices", daemon=True)]
        threads += [
            threading.Thread(target=_repeat, args=(job, held, over), name="notices", daemon=True) for job in jobs
        ]
        for thread in threads:
            thread.start()
        return threads

    def hold(self) -> bool:
        """Whether it is for this process to deliver, for some seconds from now."""
        return self._outbox.hold(self._name)

    def look(self) -> float:
        """Queues what the log tells of that has stood for the hold-back; seconds until there may be more."""
        now = self._outbox.clock()
        ripe = self._log.since(self._outbox.places(now), until=now - self._hold_back, limit=_AT_ONCE)
        for shard, entries in ripe.items():
            if entries:
                news = list(dict.fromkeys(entry.comment for entry in entries if self._is_news(entry)))
                upto = entries[-1].cursor.rpartition("-")[0]
                self._outbox.note(self._name, shard, upto, now, news, self._settings.notices.webhook_urls)
        return 0 if any(len(entries) == _AT_ONCE for entries in ripe.values()) else _LOOKS_EVERY

    def tell(self, url: str) -> float:
        """Tells a webhook of one comment, as it stands now; seconds until it may be told of another."""
        now = self._outbox.clock()
        due = self._outbox.next(url, now)
        if not due:
            return _LOOKS_EVERY
        comment = self._store.comments([due.comment]).get(due.comment)
        if not comment or comment.is_damaged:
            self._outbox.told(url, due)
            return 0
        public = self._public.one(comment)
        body = webhooks.notice(comment, public[0] if public else None)
        settled = self._outbox.settled_at(comment.id) + self._hold_back
        if settled > now:  # it has changed again, and that may still be taken back
            self._outbox.later(url, due, settled, due.tried)
            return 0
        try:
            self._post(url, body, f"{comment.id}-{comment.version}")
        except webhooks.NotTaken as error:
            self._not_taken(url, due, now, str(error))
            self._failures[url] += 1
            return min(2.0 ** min(self._failures[url], 10), _REST)  # a float has an end
        self._outbox.told(url, due)
        self._failures[url] = 0
        return 0

    def write(self) -> float:
        """Writes to the moderators if comments wait and it is time; seconds until the next look."""
        asked, pages = self._settings.notices, self._settings.pages
        pending = self._store.queue(Status.PENDING, limit=1)
        if not pending.comments or not self._outbox.mail_is_due(asked.mail_every_minutes * 60):
            return _MAIL_EVERY
        site = self._settings.server.public_url
        message = mail.digest(
            asked,
            waiting=pending.total or 1,
            oldest=pending.comments[0].created_at,
            link=f"{site}/moderate/" if site else "",
            language=pages.language,
        )
        try:
            mail.send(asked, message)
        except mail.NotSent as error:
            log.warning("the mail to the moderators was not taken (%s); the next try is in five minutes", error)
            self._outbox.mail_failed(_MAIL_AGAIN)
        return _MAIL_EVERY

    def _hold(self, held: threading.Event, over: threading.Event) -> None:
        while not over.is_set():
            wait = _LOOKS_EVERY
            try:
                (held.set if self.hold() else held.clear)()
            except CommentsError:
                held.clear()
            except Exception:  # a thread that ended would let this process deliver beside the next one, for good
                held.clear()
                log.exception("no notices leave from here")
                wait = _AFTER_TROUBLE
            over.wait(wait)
        with suppress(CommentsError):
            self._outbox.let_go(self._name)

    def _is_news(self, entry: Entry) -> bool:
        return entry.came_from is not None and stands(self._log.of(entry.comment), entry.cursor, self._hold_back)

    def _post(self, url: str, body: bytes, name: str) -> None:
        asked = self._settings.notices
        if not asked.webhook_secret:
            raise webhooks.NotTaken("there is no webhook_secret to sign it with")
        headers = webhooks.signed(body, name=name, at=int(time.time()), secret=asked.webhook_secret)
        webhooks.post(url, body, headers, private_networks=asked.webhook_private)

    def _not_taken(self, url: str, due: Due, now: int, says: str) -> None:
        before = due.tried or Tried(now, 0, "")
        tried = Tried(before.since, before.count + 1, says)
        if now - tried.since >= _GIVEN_UP:
            log.warning("a webhook was not told of %s in a day (%s); see `comments doctor`", due.comment, says)
            self._outbox.give_up(url, due, tried)
        else:
            self._outbox.later(url, due, now + 1000 * _AGAIN[min(tried.count, len(_AGAIN)) - 1], tried)


def stands(history: Sequence[Transition], cursor: str, hold_back: int) -> bool:
    """Whether what a comment came to with one entry of its history is to be told.

    What follows one another faster than `hold_back` milliseconds is one change, told at its end if the comment then
    stands elsewhere than before, or is public with another text.
    """
    times = [int(one.cursor.partition("-")[0]) for one in history]
    last = next((at for at, one in enumerate(history) if one.cursor == cursor), None)
    if last is None:
        return True  # the record has lost it; what is told is how the comment stands
    if last + 1 < len(times) and times[last + 1] - times[last] < hold_back:
        return False
    first = last
    while first and times[first] - times[first - 1] < hold_back:
        first -= 1
    change = history[first : last + 1]
    before, now = change[0].came_from or change[0].to, change[-1].to
    edited = any(one.came_from == one.to for one in change)
    return now != before or (edited and now == Status.APPROVED)


def _repeat(job: Callable[[], float], held: threading.Event, over: threading.Event) -> None:
    while not over.is_set():
        if not held.wait(_LOOKS_EVERY):
            continue
        try:
            wait = job()
        except CommentsError as error:
            if not over.is_set():
                log.warning("notices wait for the store (%s)", error)
            wait = _AFTER_TROUBLE
        except Exception:  # a thread that ended would tell nobody anything more
            log.exception("a notice did not leave")
            wait = _AFTER_TROUBLE
        over.wait(wait)
