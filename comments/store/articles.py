"""Articles as a whole: open or closed, by hand or for their age, and what is pinned above their comments."""

from datetime import datetime

from comments.model import Comment, milliseconds_of
from comments.store import shards
from comments.store.client import Client, Command
from comments.store.keys import Keys, announcement, in_ageing
from comments.store.scripts import OPEN_ARTICLE, PIN, Call

AGE = "age"  # the reason in the log
_PINNED_AT_MOST = 3  # of an article
_CLOSED_AT_ONCE = 5  # of a shard


class Articles:
    """All that the house asks of the store about an article. Every method may raise `Unavailable` or `StoreFull`."""

    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self._keys = Keys(namespace)

    def pin(self, comment: Comment, *, pinned: bool, by: str, at: datetime) -> bool:
        """Puts a public top-level comment above the others of its article, or back; whether it is as wanted."""
        if comment.root:
            return False
        keys, article = self._keys, self._keys.article(comment.site, comment.article)
        call = Call(
            PIN,
            [article.public, article.meta, keys.log(shards.shard_in(comment.id))],
            [
                comment.id,
                "1" if pinned else "",
                _PINNED_AT_MOST,
                keys.changed,
                announcement(comment.site, comment.article),
                by,
                milliseconds_of(at),
                "pinned" if pinned else "unpinned",
                comment.site,
                comment.article,
            ],
        )
        return bool(self._client.run(call, safe=True))

    def pinned(self, site: str, article: str) -> list[str]:
        """The ids of an article's pinned comments, in order."""
        found = self._client.command("HGET", self._keys.article(site, article).meta, "pinned")
        return (found or b"").decode().split()

    def is_open(self, site: str, article: str) -> bool:
        """Whether an article takes comments."""
        return not self._client.command("HEXISTS", self._keys.article(site, article).meta, "closed")

    def open(self, site: str, article: str, *, is_open: bool, by: str, at: datetime) -> bool:
        """Opens or closes an article for new comments; whether that changed anything.

        One that somebody has opened, or found open and left so, is not closed for its age any more.
        """
        return bool(self._client.run(self._open_call(site, article, is_open=is_open, by=by, at=at), safe=True))

    def close_aged(self, *, before: datetime, at: datetime, days: int) -> int:
        """Closes some articles whose first comment came earlier than `before`; how many it looked at.

        The cost is that of those, however many articles there are. Call it until it returns 0. `days` is for the log.
        """
        every, edge = range(shards.SHARDS), f"({milliseconds_of(before)}"
        reads: list[Command] = [
            ("ZRANGEBYSCORE", self._keys.ageing(shard), "-inf", edge, "LIMIT", 0, _CLOSED_AT_ONCE) for shard in every
        ]
        oldest = self._client.pipeline(reads, of_another_type=[])
        found = [(shard, member) for shard, members in zip(every, oldest, strict=True) for member in members]
        calls, planted = [], []
        for shard, member in found:
            site, _, article = member.decode(errors="replace").partition("\0")
            if in_ageing(site, article).encode() == member and shards.shard_of(site, article) == shard:
                calls.append(self._open_call(site, article, is_open=False, by="", at=at, reason=AGE, detail=str(days)))
            else:
                planted.append(("ZREM", self._keys.ageing(shard), member))
        if found:
            self._client.run_all(calls, planted, safe=True, of_another_type=0)  # a damaged article holds up no other
        return len(found)

    def _open_call(
        self, site: str, article: str, *, is_open: bool, by: str, at: datetime, reason: str = "", detail: str = ""
    ) -> Call:
        shard = shards.shard_of(site, article)
        return Call(
            OPEN_ARTICLE,
            [self._keys.article(site, article).meta, self._keys.log(shard), self._keys.ageing(shard)],
            [
                "" if is_open else "1",
                self._keys.changed,
                announcement(site, article),
                by,
                milliseconds_of(at),
                "opened" if is_open else "closed",
                site,
                article,
                in_ageing(site, article),
                reason,
                detail,
            ],
        )
