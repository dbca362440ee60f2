"""Search over all comments in every status: an index beside the store, made from it and never needed to make it.

The index (SQLite, FTS5) is a projection: it follows the log, reads each comment that moved, and can be deleted at any
time. It holds words of names, texts, titles and websites, as the newsroom sees them; it never sees an address.

Every word is kept twice: `exact`, with its marks, the tone last (so that hòa and hoà are one word), and `plain`,
without marks and with d for đ. A word that is asked for with marks is looked for among the exact ones. The first three
and the first four letters of the plain words are kept beside them: most of the index can begin so, and to join as many
lists for each search would take longer than a search may.
"""

import re
import sqlite3
import threading
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from comments import ids
from comments.errors import CommentsError, Unavailable
from comments.model import Comment, Status
from comments.store import shards
from comments.store.comments import CommentStore, Filter

_WORD = re.compile(r"[\w\u0300-\u036f]+")
_ASKED = re.compile(r'"([^"]*)"|(\S+)')
_TONES = {"\u0300": "ˋ", "\u0301": "ˊ", "\u0303": "˜", "\u0309": "ˀ", "\u0323": "ˍ"}  # how each is written at the end
_WRITTEN = "".join(_TONES.values())
_WORDS_ASKED = 32
_USUAL = 50  # characters of a word that is worth remembering
_BEGINNINGS = (3, 4)  # letters kept of each word; fewer cannot be asked for, more are looked for among the words
_VERSION = 3  # of the tables and of how words are written in them; with another number the index is made again
_AT_ONCE = 32  # entries of each shard's log that one step reads
_LAST = 2**63 - 1

_TABLES = """
create table if not exists docs (
  at integer primary key, id text not null unique, person text, root text, status text not null,
  tags text not null, exact text not null
);
create index if not exists docs_of_person on docs (person, status) where person is not null;
create index if not exists docs_of_thread on docs (root, at) where root is not null;
create table if not exists cursors (shard integer primary key, entry text not null);
create virtual table if not exists words using fts5 (exact, plain, begins, tags, content='', tokenize='ascii');
"""


@dataclass(frozen=True, slots=True)
class Found:
    """Ids of one page, and the cursor of the next one."""

    ids: list[str]
    next: int | None


@dataclass(frozen=True, slots=True)
class Record:
    """What became of a person's comments: how many in each status, and the ids of the last five."""

    counts: dict[Status, int]
    latest: list[str]


@dataclass(frozen=True, slots=True)
class Replies:
    """One page of what answers a top-level comment, in every status, oldest first: ids, which page, of how many."""

    ids: list[str]
    page: int
    pages: int


class Search:
    """The index of one installation, in one file that all its processes share."""

    def __init__(self, path: Path, store: CommentStore) -> None:
        """`path` is made at first use; whoever deletes it has it made again."""
        self._path = path
        self._store = store
        self._local = threading.local()
        self._follower: threading.Thread | None = None
        self.is_complete = False  # whether everything has been read by now

    def find(self, only: Filter, status: Status | None, *, limit: int, after: int | None, newest: bool) -> Found:
        """A page of the comments that match, by time of submission; `after` is the `next` of the page before."""
        with _reachable():
            self.keep_up()
            return self._find(only, status, limit, after, newest)

    def _find(self, only: Filter, status: Status | None, limit: int, after: int | None, newest: bool) -> Found:
        terms = list(_asked(only.text or ""))
        if only.text and not terms:
            return Found([], None)  # signs that are no words
        match = " AND ".join([*terms, *(f"tags:{tag}" for tag in _tags_asked(only, status))])
        order, edge = ("desc", "<") if newest else ("asc", ">")
        start = after if after is not None else _LAST if newest else -1
        source = "words join docs on docs.at = words.rowid where words match ? and" if match else "docs where"
        column = "words.rowid" if match else "docs.at"
        rows = self._db.execute(
            # nothing of it was typed by anybody but the values
            f"select docs.id, docs.at from {source} {column} {edge} ? order by {column} {order} limit ?",  # noqa: S608  # see above
            [*([match] if match else []), start, limit + 1],
        ).fetchall()
        page = rows[:limit]
        return Found([row[0] for row in page], int(page[-1][1]) if len(rows) > limit else None)

    def records(self, people: Iterable[str]) -> dict[str, Record]:
        """What became of the comments of these people; of nobody while the index cannot be used."""
        found: dict[str, Record] = {}
        with suppress(sqlite3.Error, OSError):
            self.keep_up()
            found.update(self._records(people))
        return found

    def _records(self, people: Iterable[str]) -> Iterator[tuple[str, Record]]:
        for person in dict.fromkeys(people):
            counts = self._db.execute(
                "select status, count(*) from docs where person = ? group by status", [person]
            ).fetchall()
            latest = self._db.execute(
                "select id from docs where person = ? order by at desc limit 5", [person]
            ).fetchall()
            yield person, Record({Status(status): number for status, number in counts}, [row[0] for row in latest])

    def replies(self, root: str, *, to_show: str, page: int | None, size: int) -> Replies:
        """A page of a thread's replies: the asked one (from 0), else the one with `to_show` on it.

        None are found while the index cannot be used.
        """
        with suppress(sqlite3.Error, OSError):
            self.keep_up()
            return self._replies(root, to_show, page, size)
        return Replies([], 0, 0)

    def _replies(self, root: str, to_show: str, page: int | None, size: int) -> Replies:
        total, earlier = self._db.execute(
            "select count(*), count(*) filter (where at < (select at from docs where id = ?)) from docs where root = ?",
            [to_show, root],
        ).fetchone()
        pages = -(-total // size)
        page = min(earlier // size if page is None else page, max(pages - 1, 0))
        rows = self._db.execute(
            "select id from docs where root = ? order by at limit ? offset ?", [root, size, page * size]
        ).fetchall()
        return Replies([row[0] for row in rows], page, pages)

    def keep_up(self) -> None:
        """Reads what is new in the log: a little at once, the rest (after a long pause, or at first) in a thread."""
        if self._follower and self._follower.is_alive():
            return
        if self.follow():
            self._follower = threading.Thread(target=self._follow_on, name="search", daemon=True)
            self._follower.start()

    def follow(self) -> bool:
        """Reads on a little; whether there is more to read."""
        with self._writing() as db:
            if not db:
                return False  # another process is at it
            cursors: dict[int, str] = dict(db.execute("select shard, entry from cursors"))
            entries = self._store.moved_after(cursors, limit=_AT_ONCE)
            self._index(db, list(dict.fromkeys(comment_id for _, _, comment_id in entries if comment_id)))
            last = {shard: entry for shard, entry, _ in entries}
            db.executemany("insert or replace into cursors values (?, ?)", last.items())
        more = max(Counter(shard for shard, _, _ in entries).values(), default=0) >= _AT_ONCE
        self.is_complete = not more
        return more

    def _follow_on(self) -> None:
        with suppress(CommentsError, sqlite3.Error, OSError):  # the next one who searches goes on
            while self.follow():
                pass

    def _index(self, db: sqlite3.Connection, comment_ids: Sequence[str]) -> None:
        found = self._store.comments(comment_ids)
        for comment_id in comment_ids:
            at = _forget(db, comment_id)
            if comment := found.get(comment_id):
                _remember(db, comment, at)

    @property
    def _db(self) -> sqlite3.Connection:
        """This thread's connection to the file that is there now."""
        kept: tuple[int, sqlite3.Connection] | None = getattr(self._local, "kept", None)
        if kept and kept[0] == _file_number(self._path):
            return kept[1]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        db = self._open()
        self._local.kept = _file_number(self._path), db
        return db

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, timeout=1, isolation_level=None)
        try:
            if _is_ours(db):
                return db
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:  # damaged
            pass
        db.close()
        for name in ("", "-wal", "-shm"):
            Path(f"{self._path}{name}").unlink(missing_ok=True)
        db = sqlite3.connect(self._path, timeout=1, isolation_level=None)
        _is_ours(db)
        return db

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection | None]:
        """One transaction; None where another process is in one."""
        db = self._db
        db.execute("pragma busy_timeout = 0")
        try:
            db.execute("begin immediate")
        except sqlite3.OperationalError:
            yield None
            return
        finally:
            db.execute("pragma busy_timeout = 1000")
        try:
            yield db
        except BaseException:
            db.execute("rollback")
            raise
        db.execute("commit")


@contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise Unavailable("the search index cannot be used") from error


def _file_number(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def _is_ours(db: sqlite3.Connection) -> bool:
    """Sets up a new file; whether it is one of this version."""
    # in this order: another process that sets up the file now writes both at once
    (tables,) = db.execute("select count(*) from sqlite_master").fetchone()
    (version,) = db.execute("pragma user_version").fetchone()
    if tables and version != _VERSION:
        return False
    with suppress(sqlite3.OperationalError):  # another process is changing it to this
        db.execute("pragma journal_mode = wal")
    db.execute("pragma synchronous = off")  # a crash of the machine costs the index, which is made again
    db.execute("pragma secure_delete = on")
    if not tables:
        db.executescript(f"begin immediate; {_TABLES} pragma user_version = {_VERSION}; commit;")
    return True


def _remember(db: sqlite3.Connection, comment: Comment, at: int | None) -> None:
    said = f"{comment.name}\n{comment.body}\n{comment.article_title or ''}\n{comment.website or ''}"
    exact = [_exact(word) if len(word) <= _USUAL else _exact.__wrapped__(word) for word in _WORD.findall(said)]
    tags = " ".join(_tags(comment))
    if at is None:
        at = ids.milliseconds_of(shards.by_time(comment.id)) << 12  # by time; room for what came at one moment
        while db.execute("select 1 from docs where at = ?", [at]).fetchone():
            at += 1
    row = [at, comment.id, comment.person, comment.root, comment.status, tags, " ".join(exact)]
    db.execute("insert into docs values (?, ?, ?, ?, ?, ?, ?)", row)
    indexed = [at, row[-1], *_unmarked(exact), tags]
    db.execute("insert into words (rowid, exact, plain, begins, tags) values (?, ?, ?, ?, ?)", indexed)


def _forget(db: sqlite3.Connection, comment_id: str) -> int | None:
    """Takes a comment out of the index; where it stood."""
    row = db.execute("select at, exact, tags from docs where id = ?", [comment_id]).fetchone()
    if not row:
        return None
    at, exact, tags = row
    indexed = [at, exact, *_unmarked(exact.split(" ")), tags]
    db.execute("insert into words (words, rowid, exact, plain, begins, tags) values ('delete', ?, ?, ?, ?, ?)", indexed)
    db.execute("delete from docs where at = ?", [at])
    return int(at)


def _unmarked(exact: Sequence[str]) -> tuple[str, str]:
    """The words without marks, and how they begin."""
    plain = [_plain(word) if len(word) <= _USUAL else _plain.__wrapped__(word) for word in exact]
    begins = dict.fromkeys(word[:letters] for word in plain for letters in _BEGINNINGS if len(word) >= letters)
    return " ".join(plain), " ".join(begins)


def _tags(comment: Comment) -> Iterator[str]:
    """Words for what a comment can be filtered by; each is one token."""
    yield f"s{comment.status}"
    yield f"w{_short(comment.site, '')}"
    yield f"a{_short(comment.site, comment.article)}"
    if comment.language:
        yield f"l{_token(comment.language[:2])}"
    for reason in comment.reasons:
        yield f"r{_token(reason)}"


def _tags_asked(only: Filter, status: Status | None) -> Iterator[str]:
    if status:
        yield f"s{status}"
    if only.article:
        yield f"a{_short(only.site or 'main', only.article)}"
    elif only.site:
        yield f"w{_short(only.site, '')}"
    if only.language:
        yield f"l{_token(only.language)}"
    if only.reason:
        yield f"r{_token(only.reason)}"


def _short(site: str, article: str) -> str:
    """An article or a site in a word; two that share it are told apart when the comment is read."""
    return shards.article_digest(site, article)[:12]


def _token(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _asked(text: str) -> Iterator[str]:
    """The terms of a query: each is a phrase (in quotes, or what stands between two spaces); `*` ends a beginning."""
    terms = 0
    for quoted, bare in _ASKED.findall(text):
        words = _WORD.findall(quoted or bare)
        terms += len(words)
        if not words or terms > _WORDS_ASKED:
            continue
        exact = [_exact(word) for word in words]
        plain = [_plain(word) for word in exact]
        column, tokens = ("plain", plain) if exact == plain else ("exact", exact)
        begins = bare.endswith("*") and len(plain[-1]) >= min(_BEGINNINGS)
        if begins and column == "exact":
            tokens[-1] = tokens[-1].rstrip(_WRITTEN)  # which stands at the end of the whole word, and may change
        elif begins and len(tokens) == 1 and len(tokens[0]) in _BEGINNINGS:
            column, begins = "begins", False
        yield f'{column}:"{" ".join(tokens)}"{"*" if begins else ""}'


@lru_cache(maxsize=20_000)
def _exact(word: str) -> str:
    """A word with its marks: one spelling for each, wherever the tone was put."""
    if word.isascii():
        return word.lower()
    parts = unicodedata.normalize("NFD", word.casefold())
    tones = "".join(_TONES.get(part, "") for part in parts)
    return unicodedata.normalize("NFC", "".join(part for part in parts if part not in _TONES)) + tones


@lru_cache(maxsize=20_000)
def _plain(exact: str) -> str:
    """A word without its marks, from its exact form."""
    if exact.isascii():
        return exact
    letters = unicodedata.normalize("NFD", exact.rstrip(_WRITTEN))
    return "".join(part for part in letters if not unicodedata.combining(part)).replace("đ", "d")
