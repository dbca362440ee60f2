"""Reading what is public: pages of finished JSON, each in one round trip, at a cost that no article's size changes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from comments.model import Comment, Status
from comments.store import records
from comments.store.client import Client
from comments.store.keys import Keys
from comments.store.scripts import REPLIES, THREADS, Call

# In finished JSON a quotation mark inside a text is escaped, so these can only be members' own.
_BODY = b',"body":"'
_HTML = b'","html":"'
_NEEDS_MARKUP = re.compile(r"[&<>\"'\n]|://")


@dataclass(frozen=True, slots=True)
class Answers:
    """The first replies to a comment: how many there are, the finished JSON of some, the cursor after these."""

    count: int
    shown: list[bytes]
    next: str | None


@dataclass(frozen=True, slots=True)
class Published:
    """One page: finished JSON of each comment, in order, and for some places what hangs under them.

    At the places in `removed` stands a comment that is gone while replies to it are not. The first `pinned` of them are
    those that moderators put above the others.
    """

    open: bool
    count: int
    comments: list[bytes]
    next: str | None
    answers: dict[int, Answers] = field(default_factory=dict)
    removed: frozenset[int] = frozenset()
    pinned: int = 0


class PublicStore:
    """All that the house reads of what is public. Every method may raise `Unavailable`."""

    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self._keys = Keys(namespace)

    def page(
        self, site: str, article: str, *, limit: int, first: int, after: str = "", at: str = "", newest: bool = False
    ) -> Published:
        """A page of an article's threads, each with its `first` oldest replies: `after` a thread, or from `at` on."""
        keys = self._keys.article(site, article)
        call = Call(
            THREADS,
            [keys.threads, keys.replies, keys.public, keys.meta],
            [f"({after}" if after else f"[{at}" if at else "", limit, first, "1" if newest else ""],
        )
        closed, count, following, found, pinned, gone, answers = self._client.run(call)
        comments = [_whole(json) if json else b"" for json in found]
        for place, comment_id in zip(gone[::2], gone[1::2], strict=True):
            comments[place - 1] = _whole(records.edge_json(comment_id.decode()).encode())
        return Published(
            open=not closed,
            count=count,
            comments=comments,
            next=following.decode() or None,
            answers={place - 1: _answers(*more) for place, *more in answers},
            removed=frozenset(place - 1 for place in gone[::2]),
            pinned=pinned,
        )

    def replies(self, site: str, article: str, root: str, *, limit: int, after: str = "") -> Published:
        """A page of one thread's replies, oldest first."""
        keys = self._keys.article(site, article)
        call = Call(REPLIES, [keys.replies, keys.public, keys.meta], [root, after, limit])
        closed, count, more, last, shown = self._client.run(call)
        comments = [_whole(json) for json in shown if json]
        return Published(not closed, count, comments, last.decode() if more else None)

    def one(self, comment: Comment) -> tuple[bytes, bool] | None:
        """An approved comment's finished JSON, and whether it is pinned."""
        if comment.status != Status.APPROVED:
            return None
        keys = self._keys.article(comment.site, comment.article)
        found, pinned = self._client.pipeline([("HGET", keys.public, comment.id), ("HGET", keys.meta, "pinned")])
        return (_whole(found), comment.id.encode() in (pinned or b"").split()) if found else None

    def counts(self, site: str, articles: Sequence[str]) -> list[int]:
        """How many approved comments each article has."""
        return self._client.pipeline([("HLEN", self._keys.article(site, article).public) for article in articles])


def finished(comment: Comment, html: str) -> str:
    """The finished JSON of a comment as it is kept: without its HTML where that is only the text in a paragraph."""
    plain = not _NEEDS_MARKUP.search(comment.body) and html == f"<p>{comment.body}</p>"
    return comment.public_json(html=None if plain else html)


def _whole(kept: bytes) -> bytes:
    """What is kept, with its HTML."""
    if _HTML in kept:
        return kept
    text = kept[kept.index(_BODY) + len(_BODY) : -2]
    return b'%b,"html":"<p>%b</p>"}' % (kept[:-1], text) if text else kept[:-1] + b',"html":""}'


def _answers(total: int, shown: list[bytes | None], last: bytes) -> Answers:
    return Answers(total, [_whole(json) for json in shown if json], last.decode() or None)
