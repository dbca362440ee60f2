"""Articles are closed for their age: which ones, what is told of it, and what the hand of a moderator outweighs."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from comments import notary
from comments.store import shards
from comments.store.articles import Articles
from comments.store.client import Client
from comments.store.keys import Keys, in_ageing
from comments.store.log import LogFilter
from comments.store.repair import repair
from comments.web.here import House
from tests.people import MODERATION, Moderator, Reader

DAY = 86_400
KEYS = Keys("comments")


class Past:
    """A clock of the app that a test sets back and lets go on."""

    def __init__(self) -> None:
        self.days_ago = 0.0

    def __call__(self) -> float:
        return time.time() - self.days_ago * DAY


@pytest.fixture
def past() -> Past:
    return Past()


@pytest.fixture
def app(make_app: Callable[..., Flask], past: Past) -> Flask:
    return make_app(now=past)


@pytest.fixture
def wrote(reader: Reader, past: Past) -> Callable[..., str]:
    """Writes so many days ago; the comment's id."""

    def write(days_ago: float, **fields: Any) -> str:
        past.days_ago = days_ago
        comment_id = reader.submitted(**fields)
        past.days_ago = 0
        return comment_id

    return write


def sweep(house: House, days: int = 30) -> None:
    notary.close_aged(house.articles, days=days)


def is_open(reader: Reader, article: str, **more: str) -> bool:
    return bool(reader.read(article, **more)["open"])


def put(moderator: Moderator, article: str, *, is_open: bool) -> None:
    path = f"{MODERATION}/articles?article={article}"
    assert moderator.client.put(path, json={"open": is_open}, headers=moderator.headers).status_code == 200


def ageing(client: Client) -> int:
    """How many articles there are to close one day."""
    return sum(client.pipeline([("ZCARD", KEYS.ageing(shard)) for shard in range(shards.SHARDS)]))


@pytest.mark.topologies
def test_what_is_older_than_the_setting_is_closed(house: House, reader: Reader, wrote: Callable[..., str]) -> None:
    for number in range(20):
        wrote(31, article=f"old {number}")
    wrote(31, article="both", site="sport")
    wrote(29, article="young")
    wrote(29, article="both")
    sweep(house)
    assert not any(is_open(reader, f"old {number}") for number in range(20))
    assert not is_open(reader, "both", site="sport")
    assert is_open(reader, "young")
    assert is_open(reader, "both")
    assert reader.submit(article="old 0").status_code == 403
    assert ageing(house.client) == 2


def test_the_first_comment_counts(house: House, reader: Reader, wrote: Callable[..., str]) -> None:
    wrote(31, article="a")
    wrote(0, article="a")
    sweep(house)
    assert not is_open(reader, "a")


def test_nothing_is_closed_where_that_is_off(house: House, reader: Reader, wrote: Callable[..., str]) -> None:
    wrote(10_000, article="a")
    sweep(house, days=0)
    assert is_open(reader, "a")


def test_it_is_in_the_log_as_the_services_work(house: House, wrote: Callable[..., str]) -> None:
    wrote(31, article="a", site="sport")
    sweep(house)
    (entry,) = house.log.page(LogFilter(what="closed"), limit=5).entries
    said = (entry.by, entry.site, entry.article, entry.reason, entry.detail)
    assert said == ("", "sport", "a", "age", "30")


@pytest.mark.parametrize("closed_before", [True, False])
def test_what_somebody_opens_stays_open(
    house: House, reader: Reader, moderator: Moderator, wrote: Callable[..., str], closed_before: bool
) -> None:
    wrote(31, article="a")
    if closed_before:
        sweep(house)
    put(moderator, "a", is_open=True)
    wrote(31, article="a")
    sweep(house)
    assert is_open(reader, "a")


def test_what_was_closed_by_hand_is_closed_once(
    house: House, moderator: Moderator, reader: Reader, wrote: Callable[..., str]
) -> None:
    wrote(31, article="a")
    put(moderator, "a", is_open=False)
    sweep(house)
    assert [entry.by for entry in house.log.page(LogFilter(what="closed"), limit=5).entries] == ["Lan"]
    put(moderator, "a", is_open=True)
    sweep(house)
    assert is_open(reader, "a")


def test_of_sweeps_at_the_same_moment_one_closes(
    house: House, wrote: Callable[..., str], together: Callable[[Sequence[Callable[[], Any]]], list[Any]]
) -> None:
    for number in range(6):
        wrote(31, article=str(number))
    together([lambda: sweep(house)] * 4)
    assert len(house.log.page(LogFilter(what="closed"), limit=50).entries) == 6


@pytest.mark.one_server
def test_articles_that_are_not_old_cost_nothing(
    house: House, wrote: Callable[..., str], round_trips: Counter[str]
) -> None:
    costs = []
    sweep(house)  # the connection is made
    for count in (0, 60):
        for number in range(count):
            wrote(29, article=str(number))
        round_trips.clear()
        sweep(house)
        costs.append(round_trips["piece"])
    assert costs[0] == costs[1] == 1


def test_the_hourly_round_closes_and_seals_what_it_closed(
    house: House, reader: Reader, wrote: Callable[..., str], make_app: Callable[..., Flask], eventually: Any
) -> None:
    wrote(31, article="a")
    settings = make_app(close_after_days=30).extensions["comments"].settings
    secret = b"a secret for tests, not for use"
    with notary.hourly(settings, secret):
        eventually(lambda: not is_open(reader, "a"))
        eventually(lambda: house.client.command("EXISTS", KEYS.people_seals))
    checked = [each for each in notary.seals(house.client, settings, secret).check() if hasattr(each, "unsealed")]
    assert [each.unsealed for each in checked] == [0]


def test_a_damaged_key_does_not_end_the_hourly_rounds(
    house: House,
    make_app: Callable[..., Flask],
    eventually: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(notary, "_LOOKS_EVERY", 0.02)
    house.people.add_moderator("Minh")  # something to seal
    house.client.command("SET", KEYS.people_seals, "no list")
    with notary.hourly(make_app().extensions["comments"].settings, b"a secret for tests, not for use"):
        eventually(lambda: "the hourly round broke off" in caplog.text)
        house.client.command("DEL", KEYS.people_seals)
        eventually(lambda: house.client.command("EXISTS", KEYS.people_seals))


def test_the_doctor_makes_the_list_again(
    house: House, reader: Reader, moderator: Moderator, wrote: Callable[..., str]
) -> None:
    for article in ("lost", "kept", "closed"):
        wrote(31, article=article)
        wrote(10, article=article)
    put(moderator, "kept", is_open=True)
    put(moderator, "closed", is_open=False)
    lost, kept = shards.shard_of("main", "lost"), shards.shard_of("main", "kept")
    house.client.command("ZADD", KEYS.ageing(lost), int(time.time() * 1000), in_ageing("main", "lost"))
    house.client.command("ZADD", KEYS.ageing(kept), 1, in_ageing("main", "kept"))
    assert set(repair(house.client, "comments", look=True).counts) == {"ageing"}
    assert set(repair(house.client, "comments").counts) == {"ageing"}
    assert repair(house.client, "comments").counts == {}
    house.client.command("DEL", KEYS.ageing(lost))
    assert set(repair(house.client, "comments").counts) == {"ageing"}
    sweep(house)
    assert [is_open(reader, article) for article in ("lost", "kept", "closed")] == [False, True, False]


@pytest.mark.parametrize("member", ["nonsense", b"\xff\x00\xfe", "main\0of another shard"])
def test_planted_members_do_no_harm(house: House, wrote: Callable[..., str], member: str | bytes) -> None:
    shard = (shards.shard_of("main", "of another shard") + 1) % shards.SHARDS
    key = KEYS.ageing(shard)
    house.client.command("ZADD", key, 1, member)
    assert repair(house.client, "comments", look=True).counts == {"planted": 1}
    assert repair(house.client, "comments").counts == {"planted": 1}
    house.client.command("ZADD", key, 1, member)
    sweep(house)
    assert ageing(house.client) == 0
    assert house.log.page(LogFilter(what="closed"), limit=5).entries == []


def test_what_is_damaged_holds_up_nothing_else(house: House, reader: Reader, wrote: Callable[..., str]) -> None:
    for number in range(12):
        wrote(31, article=str(number))
    for key in (KEYS.article("main", "3").meta, KEYS.ageing(shards.shard_of("main", "4"))):
        house.client.command("DEL", key)
        house.client.command("SET", key, "something else")
    sweep(house)
    alone = [str(n) for n in range(12) if n != 3 and shards.shard_of("main", str(n)) != shards.shard_of("main", "4")]
    assert [article for article in alone if is_open(reader, article)] == []


def test_a_step_is_bounded(house: House, wrote: Callable[..., str]) -> None:
    for number in range(12):
        wrote(31, article=f"bài {number}", site=next(s for s in map(str, range(999)) if _is_first(s, f"bài {number}")))
    now = datetime.now(UTC)
    before = now - timedelta(days=30)
    steps = [Articles(house.client, "comments").close_aged(before=before, at=now, days=30) for _ in range(4)]
    assert steps == [5, 5, 2, 0]


def _is_first(site: str, article: str) -> bool:
    return shards.shard_of(site, article) == 0
