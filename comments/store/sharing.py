"""Who works on what: leases on the comments of a screenful, and who is here.

A lease is a courtesy, not a lock: it keeps comments off the screens of others, while the version decides which
decision counts. It lives in its comment's shard, ends by itself, and is given up when its screen closes.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from comments.store import shards
from comments.store.client import Client
from comments.store.keys import Keys
from comments.store.scripts import FREE, PRESENCE, TAKE, UNTAKEN, Call

HERE = 60_000  # milliseconds after which somebody who says nothing has gone


@dataclass(frozen=True, slots=True)
class Share:
    """Who takes leases (`holder`), on which of her screens (`page`), when and until when (milliseconds)."""

    holder: str
    page: str
    now: int
    ends: int


def untaken(keys: Keys, shard: int, status: str, share: Share, edge: str, *, newest: bool, count: int) -> Call:
    """The script that looks for comments of a shard that nobody else has on screen."""
    queue = [keys.queue(shard, status), keys.leases(shard)]
    return Call(UNTAKEN, queue, [share.holder, share.now, edge, "1" if newest else "", count])


def take(keys: Keys, share: Share, comment_ids: Iterable[str]) -> list[Call]:
    """The scripts that take (or renew) leases, one for each shard; each answers with the ids that it got."""
    by_shard: dict[int, list[str]] = defaultdict(list)
    for comment_id in comment_ids:
        by_shard[shards.shard_in(comment_id)].append(comment_id)
    return [
        Call(TAKE, [keys.leases(shard)], [share.holder, share.page, share.now, share.ends, " ".join(ids)])
        for shard, ids in by_shard.items()
    ]


def taken(answers: Iterable[Sequence[bytes]]) -> set[str]:
    """The ids in the answers of `take`."""
    return {comment_id.decode() for answer in answers for comment_id in answer}


class Sharing:
    """Leases that are renewed or given up, and presence. Every method may raise `Unavailable` or `StoreFull`."""

    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self._keys = Keys(namespace)

    def renew(self, share: Share, comment_ids: Sequence[str]) -> tuple[set[str], list[str]]:
        """Keeps the leases on these comments and notes that their holder is here, in one round trip.

        The ids that are the holder's, and the names of all who are here.
        """
        wanted = [comment_id for comment_id in comment_ids if shards.is_comment_id(comment_id)]
        here = self._here(share.holder, share.now)
        names, *answers = self._client.run_all([here, *take(self._keys, share, wanted)])
        return taken(answers), [name.decode() for name in names]

    def presence(self, name: str, *, now: int) -> list[str]:
        """Notes that somebody is here; the names of all who are."""
        return [each.decode() for each in self._client.run(self._here(name, now))]

    def _here(self, name: str, now: int) -> Call:
        return Call(PRESENCE, [self._keys.here], [name, now, now - HERE])

    def give_up(self, page: str) -> None:
        """Frees what a screen held, in one round trip."""
        self._client.run_all([Call(FREE, [self._keys.leases(shard)], [page]) for shard in range(shards.SHARDS)])
