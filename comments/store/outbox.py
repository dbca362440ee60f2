"""What is to leave after a decision: the log, read once more, and for each webhook the comments it has yet to hear of.

The queue of a webhook holds ids of comments alone, each once: what is told is how the comment stands when it is told.
So a queue is never longer than there are comments, and a text that was removed meanwhile does not leave. Of all
processes on a store one delivers, for as long as it says so again in time. One that hangs and comes back may tell
something twice; none can make a change be forgotten.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from comments.store import records, shards
from comments.store.client import Client, Command
from comments.store.keys import Keys
from comments.store.scripts import NOTE, SETTLE, Call

HELD = 4  # seconds that nobody else delivers after the last sign of who does
_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of telling of a comment so far: since when (ms), how often, and why not."""

    since: int
    count: int
    says: str

    def kept(self) -> str:
        return json.dumps([self.since, self.count, self.says])


class Due(NamedTuple):
    """A comment that a webhook is to hear of. `at` is when it was due, as it is kept."""

    comment: str
    at: float
    tried: Tried | None


class Standing(NamedTuple):
    """How a webhook stands: how many changes it has yet to hear of, how many of these failed, how many were given up.

    `example` is a change that was given up, with the reason.
    """

    waiting: int
    failing: int
    given_up: int
    example: tuple[str, Tried] | None


class Outbox:
    """Every method may raise `Unavailable` or `StoreFull`. A webhook is named by its address."""

    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self._keys = Keys(namespace)

    def hold(self, who: str) -> bool:
        """Whether it is for this process to deliver; asked again within `HELD` seconds, it stays so."""
        holder = self._client.command("GET", self._keys.outbox_holder)
        if holder is None:
            return bool(self._client.command("SET", self._keys.outbox_holder, who, "NX", "EX", HELD))
        return holder.decode() == who and bool(self._client.command("EXPIRE", self._keys.outbox_holder, HELD))

    def is_held(self) -> bool:
        """Whether anybody delivers at this moment."""
        return bool(self._client.command("EXISTS", self._keys.outbox_holder))

    def let_go(self, who: str) -> None:
        """Another process may go on at once."""
        holder = self._client.command("GET", self._keys.outbox_holder)
        if holder and holder.decode() == who:
            self._client.command("DEL", self._keys.outbox_holder)

    def clock(self) -> int:
        """The store's time, in milliseconds; of several servers the slowest one's."""
        times = [time for (time,) in self._client.everywhere(("TIME",)).values()]
        return min(int(seconds) * 1000 + int(micros) // 1000 for seconds, micros in times)

    def places(self, now: int) -> dict[int, str]:
        """Up to which entry each shard's log was looked at. At first that is its end, `now` (ms)."""
        found: Mapping[bytes, bytes] = self._client.command("HGETALL", self._keys.outbox_read)
        places = {int(shard): place.decode() for shard, place in found.items()}
        new = [shard for shard in range(shards.SHARDS) if shard not in places]
        if new:
            self._client.pipeline([("HSETNX", self._keys.outbox_read, shard, f"{now}-0") for shard in new])
        return places | dict.fromkeys(new, f"{now}-0")

    def note(self, who: str, shard: int, upto: str, at: int, comments: Sequence[str], webhooks: Sequence[str]) -> bool:
        """Queues these comments for every webhook, and does not look at the log up to there again; all or nothing.

        False when somebody else delivers by now.
        """
        keys = [self._keys.outbox_holder, self._keys.outbox_read]
        for webhook in webhooks:
            keys += [self._keys.due(webhook), self._keys.tries(webhook)]
        return bool(self._client.run(Call(NOTE, keys, [who, shard, upto, at, *comments])))

    def next(self, webhook: str, now: int) -> Due | None:
        """The comment that a webhook is to hear of now."""
        (found,) = self._client.pipeline(
            [("ZRANGE", self._keys.due(webhook), "-inf", now, "BYSCORE", "LIMIT", 0, 1, "WITHSCORES")]
        )
        if not found:
            return None
        comment = found[0].decode()
        return Due(comment, float(found[1]), _tried(self._client.command("HGET", self._keys.tries(webhook), comment)))

    def settled_at(self, comment_id: str) -> int:
        """When a comment last changed, by the store's clock (ms); 0 for one that is not there."""
        entries = (self._client.command("HGET", self._keys.comment(comment_id), records.LOG) or b"").split()
        return int(entries[-1].partition(b"-")[0]) if entries else 0

    def told(self, webhook: str, due: Due) -> None:
        """It has heard, or there is nothing to hear."""
        self._settle(webhook, due)

    def later(self, webhook: str, due: Due, at: int, tried: Tried | None) -> None:
        """It is to be told at `at` (ms) again."""
        self._settle(webhook, due, next_at=str(at), tried=tried.kept() if tried else "")

    def give_up(self, webhook: str, due: Due, tried: Tried) -> None:
        """It is not told any more, and that is kept."""
        self._settle(webhook, due, dead=tried.kept())

    def standing(self, webhook: str) -> Standing:
        """How a webhook stands."""
        waiting, failing, dead, some = self._client.pipeline(
            [
                ("ZCARD", self._keys.due(webhook)),
                ("HLEN", self._keys.tries(webhook)),
                ("HLEN", self._keys.dead(webhook)),
                ("HRANDFIELD", self._keys.dead(webhook), 1, "WITHVALUES"),
            ]
        )
        tried = _tried(some[1]) if some else None
        return Standing(waiting, failing, dead, (some[0].decode(), tried) if tried else None)

    def resend(self, webhook: str, at: int) -> int:
        """What was given up is due again; how much that was."""
        dead, due, count = self._keys.dead(webhook), self._keys.due(webhook), 0
        while found := self._client.command("HRANDFIELD", dead, _AT_ONCE):
            again: Command = tuple(word for comment in found for word in (at, comment))
            self._client.command("ZADD", due, *again)
            count += self._client.command("HDEL", dead, *found)
        return count

    def mail_is_due(self, seconds: int) -> bool:
        """Whether nobody has written to the moderators for so long; it is for this process to do it now."""
        return bool(self._client.command("SET", self._keys.mailed, "1", "NX", "EX", seconds))

    def mail_failed(self, seconds: int) -> None:
        """Somebody may try again after that time."""
        self._client.command("EXPIRE", self._keys.mailed, seconds)

    def _settle(self, webhook: str, due: Due, *, next_at: str = "", tried: str = "", dead: str = "") -> None:
        keys = [self._keys.due(webhook), self._keys.tries(webhook), self._keys.dead(webhook)]
        self._client.run(Call(SETTLE, keys, [due.comment, repr(due.at), next_at, tried, dead]))


def _tried(text: bytes | None) -> Tried | None:
    """What is kept; a damaged note counts as none."""
    try:
        since, count, says = json.loads(text or b"")
        return Tried(int(since), int(count), str(says))
    except (ValueError, TypeError):
        return None
