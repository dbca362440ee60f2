"""The log: who did what to which comment, article or colleague, and when. Only scripts write it; this reads.

Each shard has a stream, the newsroom's people have one more. A view is their merge, newest first; a page of it looks
at a bounded number of entries, whatever it is narrowed to.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from comments.model import DEFAULT_SITE, Comment, Status, Transition, milliseconds_of, moment_of
from comments.store import records, shards
from comments.store.client import Client, Command
from comments.store.comments import CommentStore
from comments.store.keys import Keys

PEOPLE = shards.SHARDS  # the number of the people's stream beside those of the shards
_CURSOR = re.compile(r"([1-9][0-9]{0,14})-([0-9]{1,15})-([0-3][0-9a-f]|40)")
_EXAMINED_AT_ONCE = 200
_EXAMINED_AT_MOST = 2000  # entries that one page looks at before it hands out a cursor

Raw = tuple[bytes, list[bytes]]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. `what` is `submitted`, `edited` or the status that a comment came to; else what was done to whom."""

    cursor: str
    at: datetime
    by: str  # "" for a comment's author, and for the command line
    what: str
    comment: str = ""
    came_from: Status | None = None
    to: Status | None = None
    reason: str = ""
    version: int = 0
    site: str = ""
    article: str = ""
    person: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class LogFilter:
    """What a view of the log is narrowed to; None means everything. `until` is the first moment left out."""

    by: str | None = None
    what: str | None = None
    comment: str | None = None
    site: str | None = None
    article: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def __bool__(self) -> bool:
        return any((self.by, self.what, self.comment, self.site, self.article, self.since, self.until))

    def takes(self, entry: Entry) -> bool:
        """Whether an entry passes, apart from its article."""
        if self.by is not None and entry.by != self.by:
            return False
        if (self.since and entry.at < self.since) or (self.until and entry.at >= self.until):
            return False
        return not self.what or entry.what == self.what


@dataclass(frozen=True, slots=True)
class LogPage:
    """Entries with the comments that they are about; `next` is a cursor or None."""

    entries: list[Entry]
    comments: dict[str, Comment]
    next: str | None


class Log:
    """Reads the log. Every method may raise `Unavailable`."""

    def __init__(self, client: Client, namespace: str, comments: CommentStore) -> None:
        self._client = client
        self._keys = Keys(namespace)
        self._comments = comments

    def page(self, only: LogFilter, *, limit: int, after: str | None = None) -> LogPage:
        """Entries newest first. A narrowed page may be short, or empty, while `next` says that there is more.

        Raises:
            ValueError: `after` is no cursor of ours.
        """
        if only.comment:
            return self._history(only)
        found: list[Entry] = []
        comments: dict[str, Comment] = {}
        at_once = _EXAMINED_AT_ONCE if only else limit + 1
        for _ in range(_EXAMINED_AT_MOST // _EXAMINED_AT_ONCE):
            entries = self._newest(self._scope(only), only, after, at_once)
            about = self._comments.comments([entry.comment for entry in entries if only.takes(entry)])
            for entry in entries:
                if only.takes(entry) and _is_of(only, entry, about.get(entry.comment)):
                    if len(found) == limit:
                        return LogPage(found, comments, found[-1].cursor)
                    found.append(entry)
                    comments |= {entry.comment: about[entry.comment]} if entry.comment in about else {}
                after = entry.cursor
            if len(entries) < at_once:
                return LogPage(found, comments, None)
        return LogPage(found, comments, after)

    def transitions(self, *, limit: int, after: str | None = None) -> tuple[list[Transition], str | None]:
        """Transitions of all comments, newest first, and the cursor of the next page.

        Raises:
            ValueError: `after` is no cursor of ours.
        """
        entries = self._newest(range(shards.SHARDS), LogFilter(), after, limit + 1)
        said = [transition for entry in entries[:limit] if (transition := _transition(entry))]
        return said, entries[limit - 1].cursor if len(entries) > limit else None

    def since(self, places: Mapping[int, str], *, until: int, limit: int) -> dict[int, list[Entry]]:
        """The next entries of each shard's log after the entry at its place, oldest first, up to a moment (ms)."""
        reads: list[Command] = [
            ("XRANGE", self._stream(shard), f"({place}", until, "COUNT", limit) for shard, place in places.items()
        ]
        found = self._client.pipeline(reads)
        return {shard: [_entry(shard, raw) for raw in raws] for shard, raws in zip(places, found, strict=True)}

    def of(self, comment_id: str) -> list[Transition]:
        """Every transition of one comment that its record still leads to, oldest first."""
        return [transition for entry in self._entries_of(comment_id) if (transition := _transition(entry))]

    def _history(self, only: LogFilter) -> LogPage:
        """All that happened to one comment: its record knows its entries."""
        about = self._comments.comments([only.comment or ""])
        entries = [entry for entry in reversed(self._entries_of(only.comment or "")) if only.takes(entry)]
        return LogPage([entry for entry in entries if _is_of(only, entry, about.get(entry.comment))], about, None)

    def _entries_of(self, comment_id: str) -> list[Entry]:
        if not shards.is_comment_id(comment_id):
            return []
        read: list[Command] = [("HGET", self._keys.comment(comment_id), records.LOG)]
        (log,) = self._client.pipeline(read, of_another_type=b"")
        shard = shards.shard_in(comment_id)
        read = [("XRANGE", self._keys.log(shard), entry, entry) for entry in records.entries(log)]
        found = chain.from_iterable(self._client.pipeline(read, of_another_type=[]))
        return [_entry(shard, raw) for raw in found]

    def _scope(self, only: LogFilter) -> Sequence[int]:
        if only.article:
            return [shards.shard_of(only.site or DEFAULT_SITE, only.article)]
        return range(shards.SHARDS) if only.site else range(PEOPLE + 1)

    def _newest(self, scope: Sequence[int], only: LogFilter, after: str | None, want: int) -> list[Entry]:
        """The next entries of these streams, merged. A few of each are enough unless one stream has most of them."""
        few = min(want, 2 * want // max(len(scope), 1) + 4)
        heads = self._heads(scope, only, after, few)
        merged = _merge(heads.values())[:want]
        taken = {entry.cursor for entry in merged}
        short = [
            stream
            for stream, entries in heads.items()
            if len(entries) == few and (entries[-1].cursor in taken or len(taken) < want)
        ]
        if short and few < want:
            merged = _merge((heads | self._heads(short, only, after, want)).values())[:want]
        return merged

    def _heads(self, scope: Sequence[int], only: LogFilter, after: str | None, count: int) -> dict[int, list[Entry]]:
        edge = _edge(after) if after else None
        last = f"{milliseconds_of(only.since)}-0" if only.since else "-"
        commands: list[Command] = []
        for stream in scope:
            start = f"({milliseconds_of(only.until)}-0" if only.until else "+"
            if edge:  # entries of one millisecond are ordered by stream, so that none is shown twice
                start = f"{edge[0]}-{edge[1]}" if stream < edge[2] else f"({edge[0]}-{edge[1]}"
            commands.append(("XREVRANGE", self._stream(stream), start, last, "COUNT", count))
        found = self._client.pipeline(commands)
        return {stream: [_entry(stream, raw) for raw in raws] for stream, raws in zip(scope, found, strict=True)}

    def _stream(self, number: int) -> str:
        return self._keys.people_log if number == PEOPLE else self._keys.log(number)


def cursor_of(text: str) -> str | None:
    """A cursor as it came, or None for "".

    Raises:
        ValueError: it is none of ours.
    """
    if text:
        _edge(text)
    return text or None


def _is_of(only: LogFilter, entry: Entry, comment: Comment | None) -> bool:
    """Whether an entry is about the site and article that are asked for."""
    site, article = (comment.site, comment.article) if comment else (entry.site, entry.article)
    wanted = only.site or (DEFAULT_SITE if only.article else None)
    return (not wanted or site == wanted) and (not only.article or article == only.article)


def _merge(heads: Iterable[list[Entry]]) -> list[Entry]:
    return sorted(chain.from_iterable(heads), key=lambda entry: _edge(entry.cursor), reverse=True)


def _edge(cursor: str) -> tuple[int, int, int]:
    found = _CURSOR.fullmatch(cursor)
    if not found:
        raise ValueError(cursor)
    return int(found[1]), int(found[2]), int(found[3], 16)


def _entry(stream: int, raw: Raw) -> Entry:
    """An entry as it is read; one that was damaged or planted says so instead of hiding the others."""
    entry_id, pairs = raw[0].decode(), [word.decode(errors="replace") for word in raw[1]]
    said = dict(zip(pairs[::2], pairs[1::2], strict=True))
    cursor = f"{entry_id}-{stream:02x}"
    try:
        at = int(said["at"])
        came_from, to = (records.status_of(said[end]) if said.get(end) else None for end in ("from", "to"))
        return Entry(
            cursor,
            moment_of(at),
            said["by"],
            said.get("what") or _what(came_from, to),
            comment=said.get("comment", ""),
            came_from=came_from,
            to=to,
            reason=said.get("reason", ""),
            version=int(said.get("version", "0")),
            site=said.get("site", ""),
            article=said.get("article", ""),
            person=said.get("person", ""),
            detail=said.get("detail", ""),
        )
    except (KeyError, ValueError, OverflowError):
        return Entry(cursor, moment_of(int(entry_id.partition("-")[0])), "", "damaged")


def _what(came_from: Status | None, to: Status | None) -> str:
    if came_from is None:
        return "submitted"
    return "edited" if came_from == to else to or ""


def _transition(entry: Entry) -> Transition | None:
    if not entry.comment or entry.to is None:
        return None
    return Transition(
        entry.cursor, entry.at, entry.by, entry.comment, entry.came_from, entry.to, entry.reason or None, entry.version
    )
