"""Numbers about the work: how much came, how long it waited, what was decided by whom and where.

The scripts that queue and decide count, in one small hash for each shard and day that goes away by itself: its size is
bounded by the decisions of that day. Waiting times are counted in buckets four to the octave, so that any share of
them is known within a tenth.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import ceil, log2
from typing import Any

from comments.model import Comment, Decision, Status, outcome_of
from comments.store import shards
from comments.store.client import Client, Command
from comments.store.keys import Keys

KEPT_DAYS = 35
_PER_OCTAVE = 4
_ARTICLES = 200  # of one day, those with the most decisions
_SETTLED = 3_600_000  # milliseconds after midnight until which a process with a late clock may still count
_LAST_BUCKET = 100  # some 390 days

Who = tuple[str, str]  # (site, article)


def day_of(milliseconds: int) -> str:
    """The day of a moment, as it stands in keys: 20261231 (UTC)."""
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y%m%d}"


def kept_until(milliseconds: int) -> int:
    """When the counts of that moment's day go away, in seconds: at once for imports of what was long ago."""
    return milliseconds // 1000 + (KEPT_DAYS + 1) * 86_400


def came(at: int) -> str:
    """What to count when a comment comes in: fields of the day's hash, one a line."""
    return f"s {_hour(at)}"


def decided(seen: Comment, decision: Decision, by: str | None, at: int) -> str:
    """What to count for a decision. Only the first one on a comment tells how long it had waited."""
    to = outcome_of(decision)
    fields = [f"d {_hour(at)} {to}", f"a {to} {seen.site} {_one_line(seen.article)}"]
    if by is not None:
        fields.append(f"m {to} {_one_line(by)}")
        if seen.decided is None:
            fields.append(f"w {bucket(at / 1000 - seen.created_at.timestamp())}")
    return "\n".join(fields)


def bucket(seconds: float) -> int:
    """The bucket of a waiting time."""
    return min(max(ceil(_PER_OCTAVE * log2(max(seconds, 1))), 0), _LAST_BUCKET)


def middle(number: int) -> float:
    """The seconds that a bucket stands for: the (geometric) middle of it."""
    return float(2 ** ((number - 0.5) / _PER_OCTAVE)) if number else 1.0


@dataclass(slots=True)
class Tally:
    """Counts of some days."""

    came: Counter[int] = field(default_factory=Counter)  # hours since 1970
    decided: dict[int, Counter[Status]] = field(default_factory=dict)  # by hour since 1970
    moderators: dict[str, Counter[Status]] = field(default_factory=dict)
    articles: dict[Who, Counter[Status]] = field(default_factory=dict)
    waited: Counter[int] = field(default_factory=Counter)  # by bucket

    def add(self, other: "Tally") -> None:
        """Counts what the other has counted, too."""
        self.came.update(other.came)
        self.waited.update(other.waited)
        _merge(self.decided, other.decided)
        _merge(self.moderators, other.moderators)
        _merge(self.articles, other.articles)

    def outcomes(self) -> Counter[Status]:
        """All decisions, by the status that they led to."""
        return sum(self.decided.values(), Counter[Status]())

    def waited_at_most(self, share: float) -> float | None:
        """The time in seconds within which that share of the comments was decided."""
        wanted = share * self.waited.total()
        seen = 0
        for number in sorted(self.waited):
            seen += self.waited[number]
            if seen >= wanted:
                return middle(number)
        return None


class Numbers:
    """Reads the counts. Every method may raise `Unavailable`."""

    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self._keys = Keys(namespace)
        self._over: dict[str, Tally] = {}  # days that do not change any more, read by several threads

    def tally(self, *, until: int, days: int) -> Tally:
        """The counts of the last days up to a moment (in milliseconds); a round trip for each day not seen before."""
        tally = Tally()
        for back in range(min(days, KEPT_DAYS)):
            day = day_of(until - back * 86_400_000)
            counted = self._over.get(day) or self._day(day)
            if day < day_of(until - _SETTLED):
                self._over[day] = counted
            tally.add(counted)
        for day in list(self._over):
            if day < day_of(until - KEPT_DAYS * 86_400_000):
                self._over.pop(day, None)
        return tally

    def _day(self, day: str) -> Tally:
        reads: list[Command] = [("HGETALL", self._keys.tally(shard, day)) for shard in range(shards.SHARDS)]
        tally = Tally()
        for found in self._client.pipeline(reads):
            _add(tally, _hours_before(day), _pairs(found))
        tally.articles = dict(sorted(tally.articles.items(), key=lambda pair: -pair[1].total())[:_ARTICLES])
        return tally


def _merge(mine: dict[Any, Counter[Status]], theirs: dict[Any, Counter[Status]]) -> None:
    for key, counts in theirs.items():
        mine.setdefault(key, Counter()).update(counts)


def _pairs(found: Iterable[bytes]) -> Iterable[tuple[list[str], int]]:
    words = [word.decode(errors="replace") for word in found]
    for name, count in zip(words[::2], words[1::2], strict=True):
        yield name.split(" "), int(count)


def _add(tally: Tally, hours_before: int, pairs: Iterable[tuple[list[str], int]]) -> None:
    for name, count in pairs:
        match name:
            case ["s", hour]:
                tally.came[hours_before + int(hour)] += count
            case ["d", hour, to]:
                tally.decided.setdefault(hours_before + int(hour), Counter())[Status(to)] += count
            case ["m", to, *by]:
                tally.moderators.setdefault(" ".join(by), Counter())[Status(to)] += count
            case ["a", to, site, *article]:
                tally.articles.setdefault((site, " ".join(article)), Counter())[Status(to)] += count
            case ["w", number]:
                tally.waited[int(number)] += count


def _hours_before(day: str) -> int:
    return int(datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC).timestamp()) // 3600


def _hour(at: int) -> int:
    return at // 3_600_000 % 24


def _one_line(text: str) -> str:
    return text.replace("\n", " ")
