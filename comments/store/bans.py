"""Bans, and what colleagues note about a person. A ban is found by the hash of whom it is about, and ends by itself."""

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from comments.store.client import Client, Command
from comments.store.keys import Keys

REFUSE, SILENCE = "refuse", "silence"
_NOTES_KEPT = 100
_VERSION = "version"
_OVER = ""  # stands for a ban from its end until its field is gone


@dataclass(frozen=True, slots=True)
class Ban:
    """One ban. `about` is a pseudonym, or empty: domains and ranges are kept as hashes alone. Times in seconds."""

    id: str  # random, for people; `name` stays in the store
    name: str = field(repr=False)  # the hash of whom it is about
    kind: str  # person, domain or range
    about: str
    effect: str  # refuse: told so; silence: filed as spam
    reason: str
    by: str
    since: int
    until: int


@dataclass(frozen=True, slots=True)
class Note:
    """What a colleague wrote about a person; `at` in seconds."""

    by: str
    at: int
    text: str


class Bans:
    """The bans and notes of one installation. Every method may raise `Unavailable` or `StoreFull`."""

    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self._keys = Keys(namespace)
        self._known: tuple[bytes | None, Mapping[str, Ban]] = (None, {})

    def put(self, ban: Ban) -> None:
        """Puts a ban in force, in place of an earlier one of the same."""
        earlier = [each.id for each in self.all(ban.since) if each.name == ban.name]
        self._change({**dict.fromkeys(earlier, _OVER), ban.id: json.dumps(asdict(ban))})

    def lift(self, ban_id: str) -> bool:
        """Ends a ban; whether there was one."""
        if not self._client.command("HGET", self._keys.bans, ban_id):
            return False
        self._change({ban_id: _OVER})
        return True

    def _change(self, bans: dict[str, str]) -> None:
        """Bans and the version in one command, so that nobody keeps to what is over."""
        fields = [word for field in bans.items() for word in field]
        over = [ban_id for ban_id, text in bans.items() if text == _OVER]
        change: Command = ("HSET", self._keys.bans, *fields, _VERSION, secrets.token_hex(8))
        self._client.pipeline([change, *([("HDEL", self._keys.bans, *over)] if over else [])])

    def all(self, now: int) -> list[Ban]:
        """Every ban in force, the newest first; forgets those that have ended."""
        bans = self._read()[1]
        ended = [ban.id for ban in bans if ban.until <= now]
        if ended:
            self._client.command("HDEL", self._keys.bans, *ended)
        return sorted((ban for ban in bans if ban.until > now), key=lambda ban: ban.since, reverse=True)

    def asked(self) -> Command:
        """What to ask the store along with something else; the reply is for `in_force`."""
        return ("HGET", self._keys.bans, _VERSION)

    def in_force(self, version: bytes | None) -> Mapping[str, Ban]:
        """The bans by `name`, some of which may have ended; read again only where the version is another one."""
        if version != self._known[0]:
            version, bans = self._read()
            self._known = version, {ban.name: ban for ban in bans}
        return self._known[1]

    def _read(self) -> tuple[bytes | None, list[Ban]]:
        found: dict[bytes, bytes] = self._client.command("HGETALL", self._keys.bans)
        version = found.pop(_VERSION.encode(), None)
        return version, [read(text) for text in found.values() if text != _OVER.encode()]

    def blind_of(self, person: str) -> str | None:
        """The blind index value behind a pseudonym: what a ban of that person is found by."""
        found = self._client.command("GET", self._keys.known(person))
        return found.decode() if found else None

    def notes(self, person: str) -> list[Note]:
        """What was noted about a person, the newest first."""
        return [Note(**json.loads(text)) for text in self._client.command("LRANGE", self._keys.notes(person), 0, -1)]

    def note(self, person: str, note: Note) -> None:
        """Notes something about a person; the last hundred are kept."""
        key = self._keys.notes(person)
        text: Command = ("LPUSH", key, json.dumps(asdict(note)))
        self._client.pipeline([text, ("LTRIM", key, 0, _NOTES_KEPT - 1)])


def read(text: bytes) -> Ban:
    kept: dict[str, Any] = json.loads(text)
    return Ban(**kept)


def strictest(found: Iterable[Ban]) -> Ban | None:
    """The ban that counts among those that were found: a refusal before a silence."""
    return min(found, key=lambda ban: (ban.effect != REFUSE, -ban.until), default=None)
