"""Numbers about the work: counted by the scripts that do it, bounded, and gone by themselves."""

from collections.abc import Callable

import pytest
from flask import Flask

from comments.model import Status
from comments.store.numbers import KEPT_DAYS, Tally, bucket, middle
from comments.web.here import House
from tests.people import Moderator, Reader

START = 1_800_000_000.0  # 08:00 UTC


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(make_app: Callable[..., Flask], clock: Clock) -> Flask:
    return make_app(now=clock)


def tally(house: House, days: int = 1) -> Tally:
    return house.numbers.tally(until=int(house.now() * 1000), days=days)


def test_what_comes_and_what_is_decided_is_counted_by_the_hour(
    house: House, reader: Reader, moderator: Moderator, clock: Clock
) -> None:
    ids = [reader.submitted(article=f"{n}") for n in range(4)]
    clock.time += 3600
    for comment_id, decision in zip(ids, ("approve", "approve", "reject", "spam"), strict=True):
        moderator.decide(comment_id, decision)
    found = tally(house)
    hour = int(START) // 3600
    assert dict(found.came) == {hour: 4}
    assert found.decided == {hour + 1: {Status.APPROVED: 2, Status.REJECTED: 1, Status.SPAM: 1}}
    assert found.outcomes().total() == 4


def test_a_submission_that_is_repeated_and_a_decision_that_lost_count_once(
    house: House, reader: Reader, moderator: Moderator
) -> None:
    comment_id = reader.submit(key="k", email="a@b.vn").json["id"]
    reader.submit(key="k", email="a@b.vn")
    outcomes = [moderator.decide(comment_id, "approve")["outcome"] for _ in range(2)]
    assert outcomes == ["done", "conflict"]
    found = tally(house)
    assert (found.came.total(), found.outcomes().total()) == (1, 1)


def test_it_is_known_who_decided_and_where(house: House, reader: Reader, app: Flask) -> None:
    lan, an = (Moderator(app.test_client(), house.people.add_token(name)) for name in ("Lan", "An Bình"))
    lan.approved(reader, article="bài một hai", site="main")
    an.decide(reader.submitted(article="bài một hai"), "reject")
    lan.approved(reader, article="khác", site="phu")
    found = tally(house)
    assert found.moderators == {"Lan": {Status.APPROVED: 2}, "An Bình": {Status.REJECTED: 1}}
    assert found.articles == {
        ("main", "bài một hai"): {Status.APPROVED: 1, Status.REJECTED: 1},
        ("phu", "khác"): {Status.APPROVED: 1},
    }


def test_waiting_times_are_known_within_a_tenth(
    house: House, reader: Reader, moderator: Moderator, clock: Clock
) -> None:
    ids = [reader.submitted() for _ in range(20)]
    for minutes, comment_id in enumerate(ids, 1):
        clock.time = START + 60 * minutes
        moderator.decide(comment_id, "approve")
    found = tally(house)
    assert found.waited_at_most(0.5) == pytest.approx(600, rel=0.1)
    assert found.waited_at_most(0.95) == pytest.approx(19 * 60, rel=0.1)


def test_only_the_first_decision_of_a_moderator_tells_a_waiting_time(
    house: House, reader: Reader, moderator: Moderator
) -> None:
    comment_id = moderator.approved(reader)
    moderator.decide(comment_id, "restore", version=2)
    moderator.decide(comment_id, "reject", version=3)
    receipt = reader.submit().json["receipt"]
    reader.client.delete(f"/api/v1/receipts/{receipt}")
    found = tally(house)
    assert found.waited.total() == 1
    assert found.outcomes()[Status.WITHDRAWN] == 1
    assert "" not in found.moderators


def test_nothing_decided_has_no_waiting_time(house: House) -> None:
    assert tally(house).waited_at_most(0.5) is None


@pytest.mark.parametrize("seconds", [1, 1.3, 59, 3600, 86_400, 30 * 86_400])
def test_a_bucket_stands_for_what_is_in_it(seconds: float) -> None:
    assert middle(bucket(seconds)) == pytest.approx(seconds, rel=0.1)


@pytest.mark.parametrize(("seconds", "number"), [(-5, 0), (0, 0), (1, 0), (1e12, 100)])
def test_there_are_so_many_buckets(seconds: float, number: int) -> None:
    assert bucket(seconds) == number


def test_days_are_added_up_and_go_away(house: House, reader: Reader, clock: Clock) -> None:
    reader.submitted()
    clock.time += 2 * 86_400
    reader.submitted()
    for _ in range(2):
        assert [tally(house, days).came.total() for days in (1, 2, 3)] == [1, 1, 2]
    reader.submitted()
    assert tally(house, 3).came.total() == 3, "today is never remembered"
    for key in house.client.command("KEYS", "*:tally:*"):
        day_ends = START + (KEPT_DAYS + 4) * 86_400
        assert START < house.client.command("EXPIRETIME", key) < day_ends


def test_what_is_imported_from_long_ago_leaves_no_counts(house: House, reader: Reader, clock: Clock) -> None:
    clock.time = START - 400 * 86_400
    reader.submitted()
    assert house.client.command("KEYS", "*:tally:*") == []
