"""The page with numbers: right, bounded, and readable without its pictures."""

import re
from collections import Counter
from collections.abc import Callable

import pytest
from flask import Flask

from comments.web.numbers import ceiling
from tests.newsroom import Colleague
from tests.people import Moderator, Reader

PAGE = "/moderate/numbers"
START = 1_800_000_000.0  # 15 January 2027, 08:00 UTC


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


@pytest.fixture
def hoa(app: Flask) -> Colleague:
    return Colleague(app, "Hoa").signed_in()


def plain(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_it_says_what_waits_how_long_it_takes_and_what_becomes_of_it(
    hoa: Colleague, reader: Reader, moderator: Moderator, clock: Clock
) -> None:
    ids = [reader.submitted(article="bài 1") for _ in range(4)]
    clock.time += 600
    for comment_id, decision in zip(ids, ("approve", "approve", "approve", "spam"), strict=True):
        moderator.decide(comment_id, decision)
    reader.submitted()
    clock.time += 1200
    said = plain(hoa.get(PAGE).text)
    assert "Waiting now 1 the oldest came 20 minutes ago" in said
    assert re.search(r"Half decided within (9|10|11) minutes", said)
    assert "Approved 75% 3 of 4 decisions" in said
    assert "Came in 5 4 decided" in said
    assert "Lan 75% 4" in said
    assert "bài 1 75% 4" in said
    assert "up to 15 minutes 100% 4" in said


def test_the_table_holds_what_the_bars_show(hoa: Colleague, reader: Reader, moderator: Moderator, clock: Clock) -> None:
    moderator.approved(reader)
    clock.time += 86_400
    moderator.decide(reader.submitted(), "reject")
    page = hoa.signed_in().get(PAGE).text
    rows = [plain(row) for row in re.findall(r"<tr><th scope=\"row\">.*?</tr>", page, re.DOTALL)]
    assert "15 Jan 1 1 0 0" in rows
    assert "16 Jan 1 0 1 0" in rows
    kinds = Counter(re.findall(r'<rect class="is-(\w+)" x=', page))
    assert kinds == {"came": 2, "approved": 1, "rejected": 1}


@pytest.mark.parametrize(("days", "slots", "came"), [("1", 24, 1), ("7", 7, 1), ("30", 30, 2)])
def test_the_period_can_be_chosen(
    hoa: Colleague, reader: Reader, clock: Clock, days: str, slots: int, came: int
) -> None:
    reader.submitted()
    clock.time += 20 * 86_400
    reader.submitted()
    hoa.signed_in()
    page = hoa.get(PAGE, days=days).text
    assert f"Came in {came} 0 decided" in plain(page)
    table = page.split('<table class="numbers">')[1].split("</table>")[0]
    assert table.count('<th scope="row">') == slots


@pytest.mark.parametrize("days", ["0", "8", "x", "1000000"])
def test_another_period_is_refused(hoa: Colleague, days: str) -> None:
    assert hoa.get(PAGE, days=days).status_code == 422


def test_it_speaks_vietnamese(hoa: Colleague, reader: Reader, moderator: Moderator) -> None:
    moderator.approved(reader)
    said = plain(hoa.client.get(f"{PAGE}?lang=vi").text)
    assert "Đang chờ 0" in said
    assert "15/1 1 1 0 0" in said


@pytest.mark.one_server
def test_its_cost_does_not_grow_with_the_comments(
    hoa: Colleague, reader: Reader, moderator: Moderator, round_trips: Counter[str]
) -> None:
    hoa.get(PAGE)  # days that are over are remembered
    costs = []
    for _ in range(2):
        for _ in range(20):
            moderator.approved(reader)
        round_trips.clear()
        hoa.get(PAGE)
        costs.append(round_trips["piece"])
    assert costs[0] == costs[1] <= 6


@pytest.mark.parametrize(
    ("value", "end"), [(0, 2), (2, 2), (3, 4), (5, 10), (11, 20), (39, 40), (41, 100), (1234, 2000)]
)
def test_an_axis_ends_at_a_number_that_is_easy_to_read(value: int, end: int) -> None:
    assert ceiling(value) == end
