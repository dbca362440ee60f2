"""Numbers about the work, for the newsroom: what waits, how long it takes, who decides what, and where."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from babel.dates import format_date, format_timedelta
from babel.numbers import format_decimal, format_percent
from flask import Blueprint, render_template, request

from comments.errors import Invalid
from comments.model import Status, moment_of
from comments.store.numbers import Tally, middle
from comments.web.here import here
from comments.web.intake import one, query_of
from comments.web.language import gettext, language
from comments.web.links import link

blueprint = Blueprint("numbers", __name__, url_prefix="/moderate/numbers")

_RANGES = {"1": 1, "7": 7, "30": 30}  # days
_MOST_ARTICLES = 15
_DECIDED = (Status.APPROVED, Status.REJECTED, Status.SPAM)
_WITHIN = (60, 5 * 60, 15 * 60, 3600, 4 * 3600, 24 * 3600)  # seconds


@dataclass(frozen=True, slots=True)
class Slot:
    """An hour or a day: what came, and what was decided."""

    name: str
    came: int
    decided: Counter[Status]

    @property
    def total(self) -> int:
        return sum(self.decided[status] for status in _DECIDED)


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle of the chart, in its own units: ten to a slot, a hundred high."""

    x: float
    y: float
    width: float
    height: float
    kind: str


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: decisions of a moderator or on an article."""

    name: str
    total: int
    approved: int
    href: str | None = None


@dataclass(frozen=True, slots=True)
class Range:
    """How many comments waited so long."""

    name: str
    count: int


@blueprint.get("")
def dashboard() -> str:
    """Everything on one page; the period is the last 1, 7 or 30 days, UTC."""
    house, query = here(), query_of(request)
    chosen = one(query, "days") or "7"
    if chosen not in _RANGES:
        raise Invalid({"days": [gettext("One of: %(words)s.", words=", ".join(_RANGES))]})
    now = int(house.now() * 1000)
    tally = house.numbers.tally(until=now, days=_RANGES[chosen])
    oldest = house.store.queue(Status.PENDING, limit=1).comments
    slots = _hours(tally, now) if chosen == "1" else _days(tally, now, _RANGES[chosen])
    top = ceiling(max((max(slot.came, slot.total) for slot in slots), default=0))
    outcomes = tally.outcomes()
    decided = sum(outcomes[status] for status in _DECIDED)
    return render_template(
        "moderate/numbers.html",
        waiting=house.store.waiting()[Status.PENDING],
        oldest=oldest[0] if oldest else None,
        half=_lasting(tally.waited_at_most(0.5)),
        nearly_all=_lasting(tally.waited_at_most(0.95)),
        share=_percent(outcomes[Status.APPROVED], decided),
        came=tally.came.total(),
        decided=decided,
        outcomes=outcomes,
        slots=slots,
        bars=list(_bars(slots, top)),
        top=top,
        ticks=_ticks(slots),
        waits=_waits(tally),
        waited=tally.waited.total(),
        moderators=_moderators(tally),
        articles=_articles(tally),
        chosen=chosen,
        ranges=_RANGES,
        names={
            Status.APPROVED: gettext("Approved"),
            Status.REJECTED: gettext("Rejected"),
            Status.SPAM: gettext("Spam"),
        },
        number=_number,
        percent=_percent,
        view_url=lambda **more: link("numbers.dashboard", {"lang": one(query, "lang"), **more}),
        error=None,
        done=None,
    )


def ceiling(value: int) -> int:
    """The end of an axis: the next of 2, 4, 10, 20, 40, 100, ... so that its half is a whole number, too."""
    step = 1
    while True:
        for factor in (2, 4, 10):
            if value <= factor * step:
                return factor * step
        step *= 10


def _hours(tally: Tally, now: int) -> list[Slot]:
    first = now // 86_400_000 * 24
    return [_slot(tally, f"{hour:02}:00", [first + hour]) for hour in range(24)]


def _days(tally: Tally, now: int, days: int) -> list[Slot]:
    today = now // 86_400_000
    return [_slot(tally, _day(day), range(24 * day, 24 * day + 24)) for day in range(today - days + 1, today + 1)]


def _day(day: int) -> str:
    return format_date(moment_of(day * 86_400_000), "d/M" if language() == "vi" else "d MMM", locale=language())


def _slot(tally: Tally, name: str, hours: Sequence[int]) -> Slot:
    decided = sum((tally.decided.get(hour, Counter()) for hour in hours), Counter[Status]())
    return Slot(name, sum(tally.came[hour] for hour in hours), decided)


def _bars(slots: Sequence[Slot], top: int) -> Iterable[Bar]:
    for at, slot in enumerate(slots):
        yield _bar(10 * at + 1, 0, slot.came, top, "came")
        height = 0
        for status in _DECIDED:
            yield _bar(10 * at + 5, height, slot.decided[status], top, status)
            height += slot.decided[status]


def _bar(x: float, below: int, count: int, top: int, kind: str) -> Bar:
    return Bar(x, round(100 - 100 * (below + count) / top, 2), 3.6, round(100 * count / top, 2), kind)


def _ticks(slots: Sequence[Slot]) -> list[str]:
    """Some names of slots, for the axis: as many as a phone has room for."""
    step = {24: 6, 7: 1, 30: 7}.get(len(slots), len(slots))
    return [slot.name if at % step == 0 else "" for at, slot in enumerate(slots)]


def _waits(tally: Tally) -> list[Range]:
    bounds = [0, *_WITHIN, float("inf")]
    counts = [
        sum(count for number, count in tally.waited.items() if low < middle(number) <= high)
        for low, high in pairwise(bounds)
    ]
    names = [gettext("up to %(time)s", time=_lasting(seconds, 1)) for seconds in _WITHIN] + [gettext("longer")]
    return [Range(name, count) for name, count in zip(names, counts, strict=True)]


def _moderators(tally: Tally) -> list[Row]:
    return _rows((name, counts, None) for name, counts in tally.moderators.items())


def _articles(tally: Tally) -> list[Row]:
    rows = _rows(
        (article if site == "main" else f"{site}: {article}", counts, _queue_of(site, article))
        for (site, article), counts in tally.articles.items()
    )
    return rows[:_MOST_ARTICLES]


def _queue_of(site: str, article: str) -> str:
    parameters = {"article": article, "site": site if site != "main" else None, "lang": request.args.get("lang")}
    return link("moderate.queue", parameters)


def _rows(counted: Iterable[tuple[str, Counter[Status], str | None]]) -> list[Row]:
    rows = [
        Row(name, sum(counts[status] for status in _DECIDED), counts[Status.APPROVED], href)
        for name, counts, href in counted
    ]
    return sorted((row for row in rows if row.total), key=lambda row: (-row.total, row.name))


def _lasting(seconds: float | None, threshold: float = 1.5) -> str:
    """A time in words; `threshold` is how many hours it takes to be told in hours."""
    if seconds is None:
        return "–"
    return format_timedelta(timedelta(seconds=round(seconds)), threshold=threshold, locale=language())


def _number(count: int) -> str:
    return format_decimal(count, locale=language())


def _percent(part: int, whole: int) -> str:
    return format_percent(part / whole, locale=language()) if whole else "–"
