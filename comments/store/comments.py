"""Comments in the store, with one grammar: enqueue, queue (look), decide."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from typing import Any

from comments.errors import Closed, ParentUnknown, StoreFull, Unavailable
from comments.model import (
    DEFAULT_SITE,
    FEED_KEPT,
    FEED_MAX,
    REPORTED,
    REPORTS_MAX,
    Comment,
    Decision,
    LastDecision,
    Status,
    Submission,
    milliseconds_of,
    outcome_of,
)
from comments.store import numbers, records, shards
from comments.store.client import Client, Command
from comments.store.keys import ArticleKeys, Keys, announcement, in_ageing
from comments.store.scripts import ADMIT, CONFIRM, DECIDE, EDIT, ENQUEUE, REPORT, SET_ASIDE, Call
from comments.store.sharing import Share, take, taken, untaken

_FULL_FOR = 60.0  # seconds after a refusal in which the newsroom is told that there is no room
_PERSON_ON_TRIAL = 600  # seconds that a new pseudonym lives unless a comment of its own keeps it
_APART = 5.0  # seconds for which limit, person and bans are asked for one by one after one of them was away
_EDITED = "edited"  # the reason in the log
_REPORTERS_REMEMBERED = 30 * 86_400  # seconds after the last report on a comment
_EXAMINED_AT_ONCE = 200
_SCANNED_AT_ONCE = 5000  # keys or members, for what only looking through all of them can tell
_EXAMINED_AT_MOST = 2000  # records that one filtered page looks at before it hands out a cursor


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether a source may submit now (`wait` in seconds, 0 = yes) and the pseudonym of the address, if any.

    `is_unchecked` when the pseudonym or the bans could not be had.
    """

    wait: float
    person: str | None
    is_new: bool
    bans: bytes | None = None  # their version
    is_unchecked: bool = False


@dataclass(frozen=True, slots=True)
class Queued:
    """One page of comments in one status. `total` is None for a filtered view, which nobody has counted."""

    comments: list[Comment]
    next: str | None
    total: int | None


@dataclass(frozen=True, slots=True)
class Filter:
    """What a view of the comments is narrowed to; None and "" mean everything. Only the index knows `text`."""

    site: str | None = None
    article: str | None = None
    text: str | None = None
    language: str | None = None
    reason: str | None = None

    def __bool__(self) -> bool:
        return bool(self.site or self.article or self.text or self.language or self.reason)

    def takes(self, comment: Comment) -> bool:
        """Whether a comment passes, whatever its text."""
        if self.site and comment.site != self.site:
            return False
        if self.article and comment.article != self.article:
            return False
        if self.language and (comment.language or "")[:2] != self.language:
            return False
        return not self.reason or self.reason in comment.reasons


@dataclass(frozen=True, slots=True)
class Entry:
    """A submission on its way into the queue. `at` is milliseconds, `answer_lifetime` seconds."""

    submission: Submission
    comment_id: str
    at: int
    status: Status
    reasons: Sequence[str]
    mail: bytes  # the sealed address, or b""
    person: str | None  # None with a `blind`: the pseudonym could not be had, `repair` looks for it later
    blind: str | None
    answer: str
    answer_lifetime: int


class CommentStore:
    """All that the house asks of the store about comments. Every method may raise `Unavailable` or `StoreFull`."""

    def __init__(self, client: Client, namespace: str, *, room: Callable[[], None] = lambda: None) -> None:
        """`room` raises StoreFull where there is none for another submission."""
        self._client = client
        self._room = room
        self._keys = Keys(namespace)
        self._apart_until = 0.0
        self._full_until = 0.0

    @property
    def turns_away(self) -> bool:
        """Whether this process has refused a submission within the last minute because there was no room for it."""
        return time.monotonic() < self._full_until

    # -- submissions

    def admit(
        self,
        *,
        source: str | None,
        now: int,
        interval: int,
        burst: int,
        blind: str | None,
        pseudonym: str,
        bans: Command | None = None,
    ) -> Admission:
        """Takes one from the source's bucket and finds the person's pseudonym, in one round trip.

        `now`, `interval` (one submission's worth) and `burst` (the whole bucket) are milliseconds. An address that
        was never seen gets `pseudonym`, for good only when `enqueue` follows. `bans` is asked along with it.
        What lies on a part of the store that is away or full holds nobody up.
        """

        with self._noticed():
            self._room()

        person: list[Command] = []
        if blind:
            person = [("SET", self._keys.person(blind), pseudonym, "NX", "GET", "EX", _PERSON_ON_TRIAL)]
        limits = [Call(ADMIT, [self._keys.limit(source)], [now, interval, burst])] if source else []
        counted, known, found = self._asked(limits, person, [bans] if bans else [])
        named = known[0] if known else None
        return Admission(
            wait=int(counted[0]) / 1000 if counted else 0,
            person=(named.decode() if named else pseudonym) if known else None,
            is_new=bool(known) and named is None,
            bans=found[0] if found else None,
            is_unchecked=known is None or found is None,
        )

    def _asked(
        self, limits: Sequence[Call], person: Sequence[Command], banned: Sequence[Command]
    ) -> tuple[list[Any] | None, list[Any] | None, list[Any] | None]:
        """The replies to each of the three, which lie on shards of their own; None for those that did not reply."""
        if time.monotonic() >= self._apart_until:
            with suppress(Unavailable, StoreFull):
                replies = self._client.run_all(limits, [*person, *banned])
                first, second = len(person), len(person) + len(banned)
                return replies[second:], replies[:first], replies[first:second]
            self._apart_until = time.monotonic() + _APART
            limits = []  # what was tried may have been counted
        return self._answered(limits, []), self._answered([], person), self._answered([], banned)

    def _answered(self, calls: Sequence[Call], commands: Sequence[Command]) -> list[Any] | None:
        try:
            return self._client.run_all(calls, commands)
        except (Unavailable, StoreFull):
            return None

    def enqueue(self, entry: Entry) -> str:
        """Queues a submission, durably, in one round trip; the answer that counts for its idempotency key.

        That is `entry.answer`, or the one of the first time.

        Raises:
            Closed: the article takes no comments.
            ParentUnknown: the parent is no approved comment of this article.
        """
        (outcome,) = self.enqueue_all([entry])
        if isinstance(outcome, str):
            return outcome
        raise outcome

    def enqueue_all(self, entries: Sequence[Entry]) -> list[str | Closed | ParentUnknown]:
        """Queues many, each on its own, in one round trip; what `enqueue` would have returned or raised for each."""
        calls = [self._enqueue_call(entry) for entry in entries]
        keep = [command for entry in entries for command in self._keep(entry)]
        with self._noticed():
            replies = self._client.try_all(calls, keep, safe=True)
            kept, queued = replies[: len(keep)], replies[len(keep) :]
            for reply in queued:
                if isinstance(reply, Exception):
                    raise reply
        outcomes = [_queued(entry, reply) for entry, reply in zip(entries, queued, strict=True)]
        if any(isinstance(reply, Exception) for reply in kept):
            self._mark_unnamed(
                entry for entry, outcome in zip(entries, outcomes, strict=True) if outcome == entry.answer
            )
        return outcomes

    @contextmanager
    def _noticed(self) -> Iterator[None]:
        """Remembers that there was no room."""
        try:
            yield
        except StoreFull:
            self._full_until = time.monotonic() + _FULL_FOR
            raise

    def _keep(self, entry: Entry) -> list[Command]:
        """What keeps a pseudonym for good, and the way back from it."""
        if not entry.blind or not entry.person:
            return []
        return [("PERSIST", self._keys.person(entry.blind)), ("SET", self._keys.known(entry.person), entry.blind)]

    def _mark_unnamed(self, entries: Iterable[Entry]) -> None:
        """The shards of their pseudonyms are away: `repair` keeps these later."""
        marks: list[Command] = [
            ("HSET", self._keys.comment(entry.comment_id), "blind", entry.blind)
            for entry in entries
            if entry.blind and entry.person
        ]
        try:
            self._client.pipeline(marks)
        except Unavailable as error:  # the comments themselves are queued
            raise Unavailable(str(error), maybe_written=True) from error

    def _enqueue_call(self, entry: Entry) -> Call:
        keys, submission, shard = self._keys, entry.submission, shards.shard_in(entry.comment_id)
        article = keys.article(submission.site, submission.article)
        parent = submission.parent or ""
        # a parent of another shard is a comment of another article: the script finds none under this one's keys
        parent_record = parent if self._could_be_parent(parent, shard) else entry.comment_id
        idempotency_key = submission.idempotency_key or entry.comment_id
        return Call(
            ENQUEUE,
            [
                keys.comment(entry.comment_id),
                keys.queue(shard, entry.status),
                keys.log(shard),
                keys.answer(shard, submission.site, submission.article, idempotency_key),
                article.public,
                article.meta,
                keys.comments_of(shard, entry.person or entry.blind or ""),
                keys.comment(parent_record),
                keys.tally(shard, numbers.day_of(entry.at)),
                keys.ageing(shard),
            ],
            [
                entry.comment_id,
                records.write(entry.comment_id, submission, at=entry.at, person=entry.person, reasons=entry.reasons),
                entry.mail,
                records.letter(entry.status),
                entry.at,
                ",".join(entry.reasons),
                entry.person or entry.blind or "",
                "" if entry.person else entry.blind or "",
                parent,
                entry.answer,
                entry.answer_lifetime if submission.idempotency_key else 0,
                numbers.came(entry.at),
                numbers.kept_until(entry.at),
                in_ageing(submission.site, submission.article),
            ],
        )

    def earlier_answer(self, submission: Submission, *, lifetime: int) -> str | None:
        """What was answered to this idempotency key before, if anything; kept for `lifetime` seconds more."""
        if not submission.idempotency_key:
            return None
        shard = shards.shard_of(submission.site, submission.article)
        key = self._keys.answer(shard, submission.site, submission.article, submission.idempotency_key)
        # a write, so that it is on a replica again where the answer is to mean that
        (found,) = self._client.run_all([], [("GETEX", key, "EX", lifetime)], safe=True)
        return found.decode() if found else None

    @staticmethod
    def _could_be_parent(parent: str, shard: int) -> bool:
        return shards.is_comment_id(parent) and shards.shard_in(parent) == shard

    # -- looking

    def comments(self, comment_ids: Sequence[str]) -> dict[str, Comment]:
        """The comments that exist among these ids, whatever their status."""
        wanted = [comment_id for comment_id in dict.fromkeys(comment_ids) if shards.is_comment_id(comment_id)]
        if not wanted:
            return {}

        reads: list[Command] = [("HMGET", self._keys.comment(i), *records.FIELDS) for i in wanted]
        found = self._client.pipeline(reads, of_another_type=records.UNREADABLE)
        read = ((i, records.read(i, fields)) for i, fields in zip(wanted, found, strict=True))
        return {comment_id: comment for comment_id, comment in read if comment}

    def latest(self, site: str, article: str) -> list[Comment]:
        """The newest approved comments of an article, as many as a feed shows."""
        return self._latest([self._keys.article(site, article).recent])

    def latest_of_site(self, site: str) -> list[Comment]:
        """The newest approved comments of a site, as many as a feed shows."""
        return self._latest([self._keys.recent(shard, site) for shard in range(shards.SHARDS)])

    def _latest(self, kept: Sequence[str]) -> list[Comment]:
        """The newest of the lists in these keys: one round trip for ids, one for records."""
        newest = [("ZREVRANGEBYLEX", key, "+", "-", "LIMIT", 0, FEED_MAX) for key in kept]
        heads = [_readable(ids) for ids in self._client.pipeline(newest)]
        found = self.comments(_merge(heads, newest=True)[:FEED_MAX])
        return [comment for comment in found.values() if comment.status == Status.APPROVED and not comment.is_damaged]

    def queue(
        self,
        status: Status,
        *,
        limit: int,
        after: str | None = None,
        newest: bool = False,
        only: Filter | None = None,
        share: Share | None = None,
    ) -> Queued:
        """A page of the comments in one status, over all shards, by time of submission.

        `after` is the `next` of the page before. A filtered page looks at a bounded number of comments and may be
        short, or empty, while `next` says that there is more. With `share` the page leaves out what others have on
        their screens, and is leased.
        """
        scope: Sequence[int] = range(shards.SHARDS)
        if only and only.article:
            scope = [shards.shard_of(only.site or DEFAULT_SITE, only.article)]
        if only:
            found = self._filtered(status, scope, limit, after, newest, only, share)
            mine = self.look([comment.id for comment in found.comments], share) if share else found.comments
            return replace(found, comments=mine)
        ids, total = self._merged(status, scope, after, newest, limit + 1, share)
        more = len(ids) > limit
        return Queued(self.look(ids[:limit], share), shards.by_time(ids[limit - 1]) if more else None, total)

    def _filtered(
        self,
        status: Status,
        scope: Sequence[int],
        limit: int,
        after: str | None,
        newest: bool,
        only: Filter,
        share: Share | None,
    ) -> Queued:
        found: list[Comment] = []
        for _ in range(_EXAMINED_AT_MOST // _EXAMINED_AT_ONCE):
            ids, _total = self._merged(status, scope, after, newest, _EXAMINED_AT_ONCE, share)
            for comment in self.look(ids, None):
                if len(found) == limit:
                    return Queued(found, after, None)
                after = shards.by_time(comment.id)
                if only.takes(comment):
                    found.append(comment)
            if len(ids) < _EXAMINED_AT_ONCE:
                return Queued(found, None, None)
        return Queued(found, after, None)

    def reported(self, *, limit: int, skip: int, only: Filter) -> Queued:
        """Approved comments that readers reported, the most reported first; `next` is how many to skip."""
        every = range(shards.SHARDS)
        most = min(skip + limit + 1, _EXAMINED_AT_MOST)
        found = self._client.pipeline(
            [("ZREVRANGE", self._keys.reported(shard), 0, most - 1, "WITHSCORES") for shard in every]
        )
        scored = [
            (-int(float(score)), comment_id.decode())
            for pairs in found
            for comment_id, score in zip(pairs[::2], pairs[1::2], strict=True)
        ]
        page = [comment_id for _, comment_id in sorted(scored)[skip : skip + limit]]
        following = str(skip + limit) if len(scored) > skip + limit and skip + limit < _EXAMINED_AT_MOST else None
        return Queued([comment for comment in self.look(page) if only.takes(comment)], following, None)

    def waiting(self) -> dict[Status, int]:
        """How many comments stand in each status."""
        statuses = list(Status)

        every = range(shards.SHARDS)
        counts = self._client.pipeline([("ZCARD", self._keys.queue(n, status)) for status in statuses for n in every])
        return {
            status: sum(counts[at * shards.SHARDS : (at + 1) * shards.SHARDS]) for at, status in enumerate(statuses)
        }

    def look(self, comment_ids: Sequence[str], share: Share | None = None) -> list[Comment]:
        """The comments of a page in order, read and leased in one round trip; without `share` only read."""
        if not comment_ids:
            return []
        reads: list[Command] = [("HMGET", self._keys.comment(i), *records.FIELDS) for i in comment_ids]
        takes = take(self._keys, share, comment_ids) if share else []
        answers = self._client.run_all(takes, reads, of_another_type=records.UNREADABLE)
        mine = taken(answers[len(reads) :]) if share else set(comment_ids)
        return [
            records.read(i, fields) or records.damaged(i)
            for i, fields in zip(comment_ids, answers, strict=False)
            if i in mine  # another one was faster with the rest
        ]

    def _merged(
        self, status: Status, scope: Sequence[int], after: str | None, newest: bool, want: int, share: Share | None
    ) -> tuple[list[str], int]:
        """The first `want` ids of the status in these shards after a cursor, merged by time; and how many there are.

        A first look takes a few from every shard; a second asks those whose few were all among the first `want`.
        """
        few = max(8, -(-want * 3 // len(scope)))
        heads, total = self._heads(status, scope, after, newest, few, share)
        merged = _merge(heads.values(), newest)[:want]
        first = set(merged)
        short = [shard for shard, ids in heads.items() if len(ids) == few and (ids[-1] in first or len(first) < want)]
        if short and few < want:
            more, _ = self._heads(status, short, after, newest, want, share)
            merged = _merge((heads | more).values(), newest)[:want]
        return merged, total

    def _heads(
        self, status: Status, scope: Sequence[int], after: str | None, newest: bool, count: int, share: Share | None
    ) -> tuple[dict[int, list[str]], int]:
        edges = [f"({shards.comment_id(shard, after)}" if after else "" for shard in scope]
        if share:
            calls = [
                untaken(self._keys, shard, status, share, edge, newest=newest, count=count)
                for shard, edge in zip(scope, edges, strict=True)
            ]
            answers = self._client.run_all(calls)
            heads = {shard: _readable(ids) for shard, (_, ids) in zip(scope, answers, strict=True)}
            return heads, sum(size for size, _ in answers)
        commands: list[Command] = []
        for shard, edge in zip(scope, edges, strict=True):
            key = self._keys.queue(shard, status)
            commands.append(("ZCARD", key))
            if newest:
                commands.append(("ZREVRANGEBYLEX", key, edge or "+", "-", "LIMIT", 0, count))
            else:
                commands.append(("ZRANGEBYLEX", key, edge or "-", "+", "LIMIT", 0, count))
        results = self._client.pipeline(commands)
        heads = {shard: _readable(ids) for shard, ids in zip(scope, results[1::2], strict=True)}
        return heads, sum(results[::2])

    # -- deciding

    def decide(self, changes: Sequence["Change"], *, by: str | None, at: datetime) -> list["Moved | Stale | None"]:
        """Makes each change, if the comment still is what was seen; independent of one another, in one round trip.

        None stands for a comment that does not exist.
        """
        calls = [self._decide_call(change, by, milliseconds_of(at)) for change in changes]
        return [_outcome(answer) for answer in self._client.run_all(calls, safe=True)] if calls else []

    def _decide_call(self, change: "Change", by: str | None, at: int) -> Call:
        seen, keys = change.seen, self._keys
        shard = shards.shard_in(seen.id)
        article = keys.article(seen.site, seen.article)
        to = outcome_of(change.decision)
        return Call(
            DECIDE,
            [
                keys.comment(seen.id),
                keys.queue(shard, seen.status),
                keys.queue(shard, to),
                keys.log(shard),
                article.public,
                article.threads,
                article.replies,
                article.recent,
                keys.recent(shard, seen.site),
                article.meta,
                keys.reported(shard),
                keys.tally(shard, numbers.day_of(at)),
            ],
            [
                seen.id,
                seen.version,
                records.letter(seen.status),
                records.letter(to),
                at,
                by or "",
                change.reason or "",
                records.write_last(by, at, change.reason),
                change.public_json,
                seen.root or "",
                keys.changed,
                announcement(seen.site, seen.article),
                FEED_KEPT,
                numbers.decided(seen, change.decision, by, at),
                numbers.kept_until(at),
            ],
        )

    def edit(
        self, seen: Comment, edited: Comment, *, by: str | None, at: datetime, public_json: bytes = b""
    ) -> "Moved | Stale | None":
        """Puts the words of `edited` in the place of those that were seen; `public_json` for a comment that is public.

        None stands for a comment that does not exist.
        """
        keys, article = self._keys, self._keys.article(seen.site, seen.article)
        data = records.write(
            seen.id,
            edited,
            at=milliseconds_of(seen.created_at),
            person=seen.person,
            reasons=[reason for reason in edited.reasons if not reason.startswith(REPORTED)],
            edited=milliseconds_of(at),
        )
        call = Call(
            EDIT,
            [
                keys.comment(seen.id),
                keys.log(shards.shard_in(seen.id)),
                article.public,
                article.meta,
                keys.was(seen.id),
            ],
            [
                seen.id,
                seen.version,
                records.letter(seen.status),
                milliseconds_of(at),
                by or "",
                _EDITED,
                data,
                public_json,
                keys.changed,
                announcement(seen.site, seen.article),
            ],
        )
        return _outcome(self._client.run(call, safe=True))

    def earlier_bodies(self, comment_id: str) -> list[str]:
        """What a comment said before each edit by a moderator, the first text first."""
        if not shards.is_comment_id(comment_id):
            return []
        return [records.read_body(data) for data in self._client.command("LRANGE", self._keys.was(comment_id), 0, -1)]

    def report(self, comment_id: str, *, source: str, reason: str) -> bool:
        """Counts a report of `source` on an approved comment, once; whether there is such a comment.

        A source says nothing twice about one comment, and about one comment at most `REPORTS_MAX` are counted.
        """
        if not shards.is_comment_id(comment_id):
            return False
        keys = self._keys
        call = Call(
            REPORT,
            [keys.comment(comment_id), keys.reporters(comment_id), keys.reported(shards.shard_in(comment_id))],
            [comment_id, records.letter(Status.APPROVED), source, reason, REPORTS_MAX, _REPORTERS_REMEMBERED],
        )
        return bool(self._client.run(call, safe=True))

    def confirm(self, comments: Iterable[Comment]) -> None:
        """Returns once what these records say is as safe as if it were written now."""
        if self._client.waits:
            self._client.run_all([Call(CONFIRM, [self._keys.comment(each.id)], []) for each in comments], safe=True)

    def moved_after(self, cursors: Mapping[int, str], *, limit: int) -> list[tuple[int, str, str]]:
        """What stands in the log of each shard after an entry: shard, entry and comment ("" for what is about none)."""
        every = range(shards.SHARDS)
        read: list[Command] = [
            ("XRANGE", self._keys.log(shard), f"({cursors.get(shard, '0-0')}", "+", "COUNT", limit) for shard in every
        ]
        return [
            (
                shard,
                entry.decode(),
                records.said(pairs).get(b"comment", b"").decode(errors="replace"),
            )
            for shard, found in zip(every, self._client.pipeline(read), strict=True)
            for entry, pairs in found
        ]

    def set_aside(
        self, comment_id: str, *, version: int, to: Status, by: str, at: datetime, reason: str | None
    ) -> "Moved | None":
        """Takes a comment whose record cannot be read out of every queue and off its page; None when it is nowhere.

        On which page it is only the pages can say: where it may be public, the shard's are looked through.
        """
        keys, shard = self._keys, shards.shard_in(comment_id)
        queues = [keys.queue(shard, status) for status in Status]
        (status,) = self._client.pipeline([("HGET", keys.comment(comment_id), records.STATUS)], of_another_type=b"")
        place = self._place_of(comment_id) if records.may_be(Status.APPROVED, status) else None
        call = Call(
            SET_ASIDE,
            [
                keys.comment(comment_id),
                keys.aside(comment_id),
                keys.aside_public(comment_id),
                *queues,
                keys.reported(shard),
                keys.log(shard),
                *(place.keys if place else ()),
            ],
            [
                comment_id,
                records.letter(to),
                milliseconds_of(at),
                by,
                reason or "",
                version + 1,
                place.root if place else "",
                keys.changed,
                place.surrogates if place else "",
            ],
        )
        word, *rest = self._client.run(call, safe=True)
        return Moved(int(rest[0])) if word == b"done" else None

    def _place_of(self, comment_id: str) -> "_Place | None":
        """The page that a comment is on, found without its record."""
        public, feed = "", ""
        for found in self._client.keys(self._keys.pages(shards.shard_in(comment_id)), step=_SCANNED_AT_ONCE):
            pages = [key for key in found if key.endswith(":public")]
            feeds = [key for key in found if key.endswith(":recent") and ":s:" in key]
            reads: list[Command] = [("HEXISTS", key, comment_id) for key in pages]
            reads += [("ZSCORE", key, comment_id) for key in feeds]
            there = self._client.pipeline(reads, of_another_type=0)
            public = next((key for key, is_there in zip(pages, there, strict=False) if is_there), public)
            feed = next((key for key, score in zip(feeds, there[len(pages) :], strict=True) if score), feed)
        if not public:
            return None
        article = ArticleKeys(public.removesuffix(":public"))
        kept = [article.public, article.threads, article.replies, article.recent, feed or article.recent, article.meta]
        told = [name.rsplit(":", 2)[1] for name in (public, feed) if name]
        surrogates = " ".join(f"{kind}-{digest}" for kind, digest in zip("as", told, strict=False))
        return _Place(kept, self._root_of(comment_id, article.replies) or comment_id, surrogates)

    def _root_of(self, comment_id: str, replies: str) -> str:
        """The thread that a reply stands in; "" for none."""
        cursor: Any = 0
        while True:
            step = ("ZSCAN", replies, cursor, "MATCH", f"*:{comment_id}", "COUNT", _SCANNED_AT_ONCE)
            ((cursor, found),) = self._client.pipeline([step])
            if found:
                return str(found[0].decode(errors="replace").partition(":")[0])
            if int(cursor) == 0:
                return ""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a comment is public: the keys of the page and of the site's feed, its thread, and what tells of it."""

    keys: Sequence[str]
    root: str
    surrogates: str


@dataclass(frozen=True, slots=True)
class Change:
    """A decision on a comment as it was seen; `public_json` is its public form, or "" when it leads out of sight."""

    seen: Comment
    decision: Decision
    reason: str | None
    public_json: bytes = b""


@dataclass(frozen=True, slots=True)
class Moved:
    """The change was made; the comment's new version."""

    version: int


@dataclass(frozen=True, slots=True)
class Stale:
    """The comment was not what had been seen; what it is, and by whom."""

    status: Status
    version: int
    last: LastDecision | None


def _queued(entry: Entry, reply: list[Any]) -> str | Closed | ParentUnknown:
    word, *rest = reply
    if word == b"closed":
        return Closed(entry.submission.article)
    if word == b"no_parent":
        return ParentUnknown(entry.submission.parent)
    return str(rest[0].decode()) if word == b"seen" else entry.answer


def _outcome(answer: list[Any]) -> Moved | Stale | None:
    word, *rest = answer
    if word == b"done":
        return Moved(int(rest[0]))
    if word == b"conflict":
        return Stale(records.status_of(rest[0].decode()), int(rest[1]), records.read_last(rest[2]))
    return None


def _readable(ids: Iterable[bytes]) -> list[str]:
    """Ids of a queue; a member that is none of ours (planted, damaged) must not stop the others."""
    texts = (member.decode(errors="replace") for member in ids)
    return [text for text in texts if shards.is_comment_id(text)]


def _merge(heads: Iterable[list[str]], newest: bool) -> list[str]:
    return sorted(chain.from_iterable(heads), key=shards.by_time, reverse=newest)
