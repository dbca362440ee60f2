"""The views that moderators have saved for themselves: a name, and what the view asks for."""

import json
from collections.abc import Mapping

from comments.store.client import Client
from comments.store.keys import Keys

MOST = 30  # of one moderator


class SavedViews:
    """Saved views of each moderator. Every method may raise `Unavailable` or `StoreFull`."""

    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self._keys = Keys(namespace)

    def of(self, moderator: str) -> dict[str, dict[str, str]]:
        """A moderator's views by name, in order of the names."""
        found: dict[bytes, bytes] = self._client.command("HGETALL", self._keys.views_of(moderator))
        return {name.decode(): json.loads(text) for name, text in sorted(found.items())}

    def save(self, moderator: str, name: str, asks: Mapping[str, str]) -> bool:
        """Saves a view, in place of one of the same name; False when there are too many."""
        kept = self.of(moderator)
        if name not in kept and len(kept) >= MOST:
            return False
        self._client.command("HSET", self._keys.views_of(moderator), name, json.dumps(dict(asks)))
        return True

    def remove(self, moderator: str, name: str) -> None:
        self._client.command("HDEL", self._keys.views_of(moderator), name)
