"""Reading what is public: pages of finished JSON, each in one round trip, at a cost that no article's size changes."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from comments.model import Comment, Status
from comments.store import records
from comments.store.client import Client
from comments.store.keys import Keys
from comments.store.scripts import REPLIES, THREADS, Call

# Of most comments this is kept: the public form from `parent` (of replies) or `name` to the end of the text. The other
# members say nothing there, and the HTML can be told from the text (`<` stands before it where it is more than one
# paragraph of the same words). Of the rest all is kept, but the id.
_SHORT = ("parent", "name", "created_at", "body")
_NOTHING = b'"website":null,"edited_at":null,"staff":false,'
_LEFT_OUT = {b'"p': _NOTHING, b'"n': _NOTHING + b'"parent":null,'}
_MARKED_UP = b"<"
_BODY = b',"body":"'  # a member's own: inside a text quotation marks are escaped
_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


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
        closed, count, following, ids, found, pinned, answers = self._client.run(call)
        return Published(
            open=not closed,
            count=count,
            comments=[_whole(i, kept) if kept else _edge(i) for i, kept in zip(ids.split(), found, strict=True)],
            next=following.decode() or None,
            answers={place - 1: _answers(*more) for place, *more in answers},
            removed=frozenset(place for place, kept in enumerate(found) if not kept),
            pinned=pinned,
        )

    def replies(self, site: str, article: str, root: str, *, limit: int, after: str = "") -> Published:
        """A page of one thread's replies, oldest first."""
        keys = self._keys.article(site, article)
        call = Call(REPLIES, [keys.replies, keys.public, keys.meta], [root, after, limit])
        closed, count, more, joined, found = self._client.run(call)
        ids = joined.split()
        return Published(not closed, count, _shown(ids, found), ids[-1].decode() if more else None)

    def one(self, comment: Comment) -> tuple[bytes, bool] | None:
        """An approved comment's finished JSON, and whether it is pinned."""
        if comment.status != Status.APPROVED:
            return None
        keys = self._keys.article(comment.site, comment.article)
        found, pinned = self._client.pipeline([("HGET", keys.public, comment.id), ("HGET", keys.meta, "pinned")])
        return (_whole(comment.id.encode(), found), comment.id.encode() in (pinned or b"").split()) if found else None

    def counts(self, site: str, articles: Sequence[str]) -> list[int]:
        """How many approved comments each article has."""
        return self._client.pipeline([("HLEN", self._keys.article(site, article).public) for article in articles])


def finished(comment: Comment, html: str) -> bytes:
    """The public form of a comment as it is kept; its id is the field that it is kept in."""
    said = comment.public_form(html=html)
    comment_id, whole = comment.id.encode(), _to_json(said).encode()
    short = _to_json({name: said[name] for name in _SHORT if said[name] is not None})[1:-2].encode()
    for kept in (short, _MARKED_UP + short):
        if _whole(comment_id, kept) == whole:
            return kept
    del said["id"]
    return _to_json(said).encode()


def _whole(comment_id: bytes, kept: bytes) -> bytes:
    """The finished JSON of what is kept."""
    is_marked_up = kept[:1] == _MARKED_UP
    if is_marked_up:
        kept = kept[1:]
    left_out = _LEFT_OUT.get(kept[:2])
    if left_out is None:
        return b'{"id":"%b",%b' % (comment_id, kept[1:])
    text = kept[kept.index(_BODY) + len(_BODY) :]
    html = _marked_up(text) if is_marked_up else text
    return b"".join((b'{"id":"', comment_id, b'",', left_out, kept, b'","html":"<p>', html, b'</p>"}'))


def _marked_up(text: bytes) -> bytes:
    """A text without links as HTML, both as they stand in JSON."""
    text = text.replace(b"&", b"&amp;").replace(b"<", b"&lt;").replace(b">", b"&gt;")
    text = text.replace(b'\\"', b"&quot;").replace(b"'", b"&#x27;")
    return text.replace(b"\\n\\n", b"</p><p>").replace(b"\\n", b"<br>")


def _edge(comment_id: bytes) -> bytes:
    """The finished JSON of a top-level comment that is gone while replies to it still stand: its place, no word."""
    return _whole(comment_id, finished(records.damaged(comment_id.decode()), ""))


def _shown(ids: Sequence[bytes], found: Sequence[bytes | None]) -> list[bytes]:
    return [_whole(i, kept) for i, kept in zip(ids, found, strict=True) if kept]


def _answers(total: int, joined: bytes, found: Sequence[bytes | None]) -> Answers:
    ids = joined.split()
    return Answers(total, _shown(ids, found), ids[-1].decode() if total > len(ids) else None)
