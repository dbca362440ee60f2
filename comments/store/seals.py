"""Seals of the log: whoever changes, removes or reorders what is sealed is found, also with full access to the store.

Each stream of the log has a chain of seals. A seal is a keyed hash (HMAC-SHA256) over the entries since the last seal
and over that seal; its key is not in the store. The chain of the people's log is also the clasp of the others: each
of its seals notes how long every other chain was and how it ended, so that none can be cut short.

What the chains cannot show: entries younger than the last round, and a store that was put back as a whole to an
earlier moment. For the latter the last seal is noted outside the store (`last`, `has`).
"""

import hmac
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple

from comments.store import shards
from comments.store.client import Client, Command
from comments.store.keys import Keys
from comments.store.scripts import SEAL, Call

ROUND = 3600  # seconds between two rounds
_LATE = 3 * ROUND * 1000  # milliseconds after which an entry without a seal is a fault
_ENTRY = re.compile(r"(?:[0-9]{1,15}-[0-9]{1,15})?")
_AT_ONCE = 1000  # entries of one seal
_MOST = 10_000  # that a seal may have, also one of another version


class Place(NamedTuple):
    """A stream of the log, its chain, and its name in words."""

    log: str
    seals: str
    name: str


class Last(NamedTuple):
    """The last seal, which stands for all before it: the how many-eth it is of its chain, and the seal itself."""

    number: int
    mac: str


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that a seal does not agree with. `where` names the stream."""

    where: str
    says: str


@dataclass(slots=True)
class Checked:
    """What a check has found."""

    entries: int = 0
    seals: int = 0
    unsealed: int = 0


class Seals:
    """Makes and checks seals. Every method may raise `Unavailable` or `StoreFull`."""

    def __init__(self, client: Client, *, namespace: str, key: bytes, now: Callable[[], float]) -> None:
        self._client = client
        self._keys = Keys(namespace)
        self._key = key
        self._now = now
        names = Keys(namespace)
        self._shards = [
            Place(names.log(shard), names.seals(shard), f"shard {shard:02x}") for shard in range(shards.SHARDS)
        ]
        self._people = Place(names.people_log, names.people_seals, "people")

    def due(self) -> bool:
        """Whether a round is due, of all processes for this one: it is theirs from now on."""
        return bool(self._client.command("SET", self._keys.seal_round, int(self._now()), "NX", "EX", ROUND))

    def give_back(self) -> None:
        """A round that failed is due again."""
        self._client.command("DEL", self._keys.seal_round)

    def seal(self) -> tuple[int, str]:
        """One round: how many entries are newly sealed, and the last seal, which stands for all before it."""
        sealed = sum(self._seal(place) for place in self._shards)
        clasp = self._clasp()
        last = self._last(self._people)
        sealed += self._seal(self._people, clasp)
        if json.loads(last or "{}").get("ends") != clasp["ends"] and self._last(self._people) == last:
            self._add(self._people, last, [], clasp)
        return sealed, json.loads(self._last(self._people))["mac"]

    def last(self) -> Last | None:
        """The last seal, None before the first."""
        number = self._client.command("LLEN", self._people.seals)
        found = self._client.command("LINDEX", self._people.seals, number - 1) if number else None
        return Last(number, _mac_of(found).decode()) if found else None

    def has(self, seal: Last) -> bool:
        """Whether a seal that was the last one once is where it was."""
        found = self._client.command("LINDEX", self._people.seals, seal.number - 1)
        return _mac_of(found).decode() == seal.mac

    def check(self) -> Iterator[Fault | Checked]:
        """Compares every seal with what it seals, in bounded pieces: what is wrong, and at the end how much it saw."""
        checked = Checked()
        for place in (*self._shards, self._people):
            yield from self._check(place, checked)
        yield from self._check_clasp()
        yield checked

    def _seal(self, place: Place, more: dict[str, Any] | None = None) -> int:
        sealed = 0
        while True:
            last = self._last(place)
            entries = self._after(place, json.loads(last)["upto"] if last else "")
            if not entries or not self._add(place, last, entries, more or {}):
                return sealed  # another process is at it, and its seal is as good as ours
            sealed += len(entries)

    def _add(self, place: Place, last: str, entries: list[Any], more: dict[str, Any]) -> bool:
        before = json.loads(last) if last else {"mac": "", "upto": ""}
        said = {"upto": entries[-1][0].decode() if entries else before["upto"], "count": len(entries), **more}
        said["mac"] = self._mac(place, before["mac"], said, entries)
        said["at"] = int(self._now() * 1000)
        return bool(self._client.run(Call(SEAL, [place.seals], [last, json.dumps(said)])))

    def _last(self, place: Place) -> str:
        return (self._client.command("LINDEX", place.seals, -1) or b"").decode()

    def _after(self, place: Place, entry: str, to: str = "+", most: int = 0) -> list[Any]:
        start = f"({entry}" if entry else "-"
        (found,) = self._client.pipeline([("XRANGE", place.log, start, to, "COUNT", most or _AT_ONCE)])
        return list(found)

    def _clasp(self) -> dict[str, Any]:
        """How long every chain of the shards is, and how they end."""
        lengths = self._client.pipeline([("LLEN", place.seals) for place in self._shards])
        return {"lengths": lengths, "ends": self._ends(lengths)}

    def _ends(self, lengths: list[int]) -> str:
        reads: list[Command] = [
            ("LINDEX", place.seals, length - 1) for place, length in zip(self._shards, lengths, strict=True) if length
        ]
        ends = self._client.pipeline(reads) if reads else []
        return sha256(b"\0".join(_mac_of(text) for text in ends)).hexdigest()

    def _mac(self, place: Place, before: str, said: dict[str, Any], entries: list[Any]) -> str:
        mac = hmac.new(self._key, digestmod=sha256)
        clasp = [said.get("lengths", []), said.get("ends", "")]
        mac.update(json.dumps([place.name, before, said["upto"], clasp]).encode())
        for entry, words in entries:
            for word in (entry, b"%d" % len(words), *words):
                mac.update(b"%d:" % len(word))
                mac.update(word)
        return mac.hexdigest()

    def _check(self, place: Place, checked: Checked) -> Iterator[Fault]:
        before, upto = "", ""
        for number, text in enumerate(self._chain(place), 1):
            said = _read(text)
            if not said:
                yield Fault(place.name, f"seal {number} cannot be read")
                return
            most = min(said["count"], _MOST) + 1  # one that was added shows, too
            entries = self._after(place, upto, said["upto"], most) if said["upto"] != upto else []
            if not hmac.compare_digest(self._mac(place, before, said, entries), said["mac"]):
                yield Fault(place.name, f"what seal {number} seals has been changed: {_span(upto, said, entries)}")
            before, upto = said["mac"], said["upto"]
            checked.seals += 1
            checked.entries += len(entries)
        yield from self._check_rest(place, upto, checked)

    def _chain(self, place: Place) -> Iterator[bytes]:
        start = 0
        while found := self._client.command("LRANGE", place.seals, start, start + _AT_ONCE - 1):
            yield from found
            start += len(found)

    def _check_rest(self, place: Place, upto: str, checked: Checked) -> Iterator[Fault]:
        """The entries after the last seal: they must be young."""
        rest = self._after(place, upto)
        checked.unsealed += len(rest)
        if rest and int(rest[0][0].partition(b"-")[0]) < self._now() * 1000 - _LATE:
            yield Fault(place.name, f"entries since {rest[0][0].decode()} have no seal, and are older than hours")

    def _check_clasp(self) -> Iterator[Fault]:
        said = _read(self._last(self._people).encode())
        if not said:
            return
        lengths = said.get("lengths", [])
        chains = self._client.pipeline([("LLEN", place.seals) for place in self._shards])
        short = [place.name for place, noted, now in zip(self._shards, lengths, chains, strict=False) if now < noted]
        if short:
            yield Fault(", ".join(short), "seals at the end of the chain are missing")
        elif len(lengths) != len(chains) or self._ends(lengths) != said.get("ends"):
            yield Fault("people", "the chains of the shards do not end as they did")


def _read(text: bytes) -> dict[str, Any]:
    try:
        said = json.loads(text)
        ok = isinstance(said["mac"], str) and _ENTRY.fullmatch(said["upto"]) and isinstance(said["count"], int)
    except (ValueError, KeyError, TypeError):
        return {}
    return dict(said) if ok else {}


def _mac_of(text: bytes | None) -> bytes:
    return str(_read(text or b"").get("mac", "")).encode()


def _span(upto: str, said: dict[str, Any], entries: list[Any]) -> str:
    return (
        f"{said.get('count')} entries after {upto or 'the beginning'} up to {said['upto']} ({len(entries)} are there)"
    )
