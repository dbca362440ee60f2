"""The log: merged over all streams, narrowed, and read at bounded cost."""

from collections import Counter
from typing import Any

import pytest

from comments.model import moment_of
from comments.store.log import Entry, LogFilter
from comments.web.here import House
from tests.people import Moderator, Reader

ANY = LogFilter()


def pages(house: House, only: LogFilter = ANY, limit: int = 7) -> list[list[Entry]]:
    """Every page of a view."""
    found, after = [], None
    while True:
        page = house.log.page(only, limit=limit, after=after)
        found.append(page.entries)
        if not (after := page.next):
            return found


def entries(house: House, **only: Any) -> list[Entry]:
    return [entry for page in pages(house, LogFilter(**only)) for entry in page]


def test_pages_hold_every_entry_of_every_stream_once_newest_first(
    house: House, reader: Reader, moderator: Moderator
) -> None:
    for number in range(20):
        moderator.approved(reader, article=f"bai-{number % 9}")
    house.people.add_moderator("Minh", by="Chief")
    house.desk.open_article("main", "bai-1", is_open=False, by="Lan")
    found = pages(house)
    assert [len(page) for page in found[:-1]] == [7] * (len(found) - 1)
    every = [entry for page in found for entry in page]
    assert len({entry.cursor for entry in every}) == len(every) == 43
    times = [int(entry.cursor.split("-")[0]) for entry in every]  # the store's
    assert times == sorted(times, reverse=True)
    newest = [entry.what for entry in every[:4]]  # the first two may be of one millisecond
    assert (sorted(newest[:2]), newest[2:]) == (["added", "closed"], ["approved", "submitted"])


def test_one_busy_shard_does_not_push_out_the_others(house: House, reader: Reader) -> None:
    others = [reader.submitted(article=f"bai-{number}") for number in range(3)]
    for _ in range(30):
        reader.submitted(article="bai-dong")
    assert {entry.comment for entry in entries(house)} >= set(others)
    assert len(entries(house)) == 33


@pytest.mark.one_server
def test_a_page_of_a_long_log_costs_as_much_as_one_of_a_short_log(
    house: House, reader: Reader, round_trips: Counter[str]
) -> None:
    costs = []
    for _ in range(2):
        for _ in range(60):
            reader.submitted()
        round_trips.clear()
        house.log.page(ANY, limit=5)
        costs.append(round_trips["piece"])
    assert costs[0] == costs[1] <= 3


def test_it_can_be_narrowed(house: House, reader: Reader, moderator: Moderator) -> None:
    first = moderator.approved(reader, article="a", site="main")
    second = reader.submitted(article="b", site="phu")
    moderator.decide(second, "spam")
    house.desk.open_article("main", "a", is_open=False, by="Minh")
    house.people.add_moderator("Hoa", by="Chief")

    assert [e.what for e in entries(house, by="Lan")] == ["spam", "approved"]
    assert [e.comment for e in entries(house, what="submitted")] == [second, first]
    assert [e.what for e in entries(house, comment=first)] == ["approved", "submitted"]
    assert [e.what for e in entries(house, article="a")] == ["closed", "approved", "submitted"]
    assert [e.comment for e in entries(house, site="phu")] == [second, second]
    assert [e.person for e in entries(house, what="added")] == ["Hoa"]
    assert entries(house, article="b") == entries(house, comment="x") == []


def test_it_can_be_narrowed_to_a_time(house: House) -> None:
    key = "comments:{people}:log"
    for second in (10, 20, 30):
        at = f"{1_800_000_000 + second}000-0"
        house.client.command(
            "XADD", key, at, "person", f"{second}", "by", "", "at", at[:-2], "what", "added", "detail", ""
        )
    start = moment_of(1_800_000_000_000)
    since, until = (moment_of((1_800_000_000 + second) * 1000) for second in (20, 30))
    assert [e.person for e in entries(house, since=since)] == ["30", "20"]
    assert [e.person for e in entries(house, until=until)] == ["20", "10"]
    assert [e.person for e in entries(house, since=since, until=until)] == ["20"]
    assert entries(house, until=start) == []


def test_a_page_that_is_narrowed_to_little_looks_at_so_many_entries_and_says_that_there_is_more(
    house: House, reader: Reader, moderator: Moderator, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = moderator.approved(reader)
    for _ in range(30):
        reader.submitted()
    monkeypatch.setattr("comments.store.log._EXAMINED_AT_ONCE", 10)
    monkeypatch.setattr("comments.store.log._EXAMINED_AT_MOST", 20)
    page = house.log.page(LogFilter(by="Lan"), limit=5)
    assert (page.entries, page.next is None) == ([], False)
    page = house.log.page(LogFilter(by="Lan"), limit=5, after=page.next)
    assert [entry.comment for entry in page.entries] == [wanted]


@pytest.mark.one_server
def test_an_entry_that_cannot_be_read_does_not_hide_the_others(house: House, reader: Reader) -> None:
    comment_id = reader.submitted()
    (log,) = house.client.command("KEYS", "*{c:*}:log")
    house.client.command("XADD", log, "*", "what", b"\xff\xfe", "at", "soon")
    assert [(e.what, e.comment) for e in entries(house)] == [("damaged", ""), ("submitted", comment_id)]


def test_opening_and_closing_an_article_is_noted_once(house: House) -> None:
    for is_open in (False, False, True):
        house.desk.open_article("main", "a", is_open=is_open, by="Lan")
    assert [(e.what, e.by, e.article) for e in entries(house)] == [("opened", "Lan", "a"), ("closed", "Lan", "a")]


@pytest.mark.parametrize("cursor", ["x", "1-1-41", "0-1-00", "1-1", "9" * 30 + "-1-00"])
def test_a_cursor_that_is_none_of_ours_is_refused(house: House, cursor: str) -> None:
    with pytest.raises(ValueError, match=cursor[:5]):
        house.log.page(ANY, limit=5, after=cursor)
