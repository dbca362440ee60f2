"""Fills a running service's store directly, many comments at a time, through the store's own scripts."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import count, islice

from comments.ids import new_ulid
from comments.model import Comment, Decision, Status, Submission
from comments.store import shards
from comments.store.client import Client
from comments.store.comments import Change, CommentStore, Entry
from comments.store.published import finished
from comments.text import to_html

TEXT = "Bài viết rất hay, cảm ơn tòa soạn đã phản ánh đúng tâm tư của bạn đọc. "
_START = 1_700_000_000_000
_milliseconds = count(_START)


def text_of(characters: int) -> str:
    """A text of exactly so many characters."""
    return (TEXT * (characters // len(TEXT) + 1))[:characters]


def fill(client: Client, articles: Iterable[str], *, approve: bool, characters: int = 210) -> None:
    """One comment for each name in `articles` (as often as it comes); approved, or waiting."""
    store = CommentStore(client, "comments")
    body = text_of(characters)
    names = iter(articles)
    while some := list(islice(names, 500)):
        entries = [_entry(article, body) for article in some]
        store.enqueue_all(entries)
        if approve:
            changes = [Change(seen, Decision.APPROVE, None, finished(seen, to_html(body)))
                       for seen in map(_queued, entries)]  # fmt: skip
            store.decide(changes, by="bench", at=datetime.now(UTC))


def _entry(article: str, body: str) -> Entry:
    at = next(_milliseconds)
    comment_id = shards.comment_id(shards.shard_of("main", article), new_ulid(at))
    submission = Submission(article=article, name="Nguyễn Thị Hoa", body=body)
    return Entry(submission, comment_id, at, Status.PENDING, ["review"], b"s" * 102, f"{at % 5000:016x}", None, "", 0)


def _queued(entry: Entry) -> Comment:
    said = entry.submission
    return Comment(
        id=entry.comment_id,
        site=said.site,
        article=said.article,
        name=said.name,
        body=said.body,
        created_at=datetime.fromtimestamp(entry.at / 1000, UTC),
        status=entry.status,
        version=1,
    )


def repeated(names: Iterable[str], times: int) -> Iterator[str]:
    """Each name so many times, in turn."""
    names = list(names)
    for _ in range(times):
        yield from names
