"""Search in every status: Vietnamese with and without marks, what follows the log, what is never in the index."""

import re
import sqlite3
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from comments.model import Status
from comments.search import Search
from comments.store.comments import Filter
from comments.web.here import House
from tests.people import COMMENTS, Moderator, Reader
from tests.web.test_review import Desk


class Index:
    """The search of the app, asked for words."""

    def __init__(self, search: Search) -> None:
        self.search = search

    def find(self, text: str | None = None, status: Status | None = None, **more: Any) -> list[str]:
        return self.page(text, status, **more)[0]

    def page(
        self,
        text: str | None = None,
        status: Status | None = None,
        limit: int = 50,
        after: int | None = None,
        newest: bool = True,
        **only: str,
    ) -> tuple[list[str], int | None]:
        found = self.search.find(Filter(text=text, **only), status, limit=limit, after=after, newest=newest)
        return found.ids, found.next


@pytest.fixture
def index(house: House) -> Index:
    return Index(house.search)


@pytest.mark.parametrize(
    ("text", "asked", "is_found"),
    [
        ("Nước mắm Phú Quốc", "nước", True),
        ("Nước mắm Phú Quốc", "nuoc mam", True),
        ("Nước mắm Phú Quốc", "NƯỚC", True),
        ("Nước mắm Phú Quốc", "nược", False),
        ("Nuoc mam", "nước", False),
        ("Nước mắm", "nươc", False),
        ("đường phố", "duong", True),
        ("đường phố", "đường", True),
        ("duong pho", "đường", False),
        ("hoà bình", "hòa", True),
        ("hòa bình", "hoà", True),
        ("hòa bình", "hoa", True),
        ("hòa bình", "hoá", False),
        ("Nu\u031bo\u031b\u0301c", "nước", True),
        ("một hai ba", "ba một", True),
        ("một hai ba", '"hai ba"', True),
        ("một hai ba", '"ba hai"', False),
        ("phương án", "phuo", False),
        ("phương án", "phu*", True),
        ("phương án", "phuo*", True),
        ("phương án", "phuon*", True),
        ("phương án", "huo*", False),
        ("phương án", "phư*", True),
        ("phương án", "phươ*", True),
        ("đường phố", "đườ*", True),
        ("đường phố", "đươ*", True),
        ("đường phố", "đưỡng*", True),
        ("duong pho", "đuo*", False),
        ("phuong an", "phươ*", False),
        ("Nước-mắm", "nước-mắ*", False),
        ("Nước-mắm", "nước-mắm*", True),
        ("một phương", "mot* phuo*", True),
        ("9.casino.example", "9.casin*", True),
        ("phu", "phu*", True),
        ("phu", "phuo*", False),
        ("phương án", "ph*", False),
        ("mua ở casino-9.example ngay", "casino-9.example", True),
        ("mua ở 9.casino.example ngay", "casino-9.example", False),
        ("covid19", "covid19", True),
        ("covid19", "covid", False),
        ('a "b" c', '"', False),
        ("x", "😀", False),
        ("near not or and", "near not", True),
    ],
)
def test_words_are_found(index: Index, reader: Reader, text: str, asked: str, is_found: bool) -> None:
    comment_id = reader.submitted(body=text, name="X")
    assert index.find(asked) == ([comment_id] if is_found else [])


@pytest.mark.parametrize(
    "asked", ['"', "*", "a*b*", "exact:x", "tags:spending", "NEAR(a b)", "a AND", "(", "^x", "-", "' or 1=1"]
)
def test_no_query_is_an_error(index: Index, asked: str) -> None:
    assert index.find(asked) == []


def test_names_titles_and_websites_are_found(index: Index, reader: Reader) -> None:
    sent = reader.submitted(name="Diễm", article_title="Chuyến phà", website="https://hoa.example/tinh")
    for asked in ("diem", "phà", "hoa.example"):
        assert index.find(asked) == [sent]


def test_every_status_is_found_and_can_be_asked_for(index: Index, reader: Reader, moderator: Moderator) -> None:
    first, second = reader.submitted(), reader.submitted()
    moderator.decide(first, "reject")
    assert index.find("hay") == [second, first]
    assert index.find("hay", Status.REJECTED) == [first]
    moderator.decide(first, "approve", 2)
    assert index.find("hay", Status.REJECTED) == []
    assert index.find("hay", Status.APPROVED) == [first]


@pytest.mark.parametrize(
    ("only", "found"),
    [
        ({"article": "one"}, "a"),
        ({"site": "sport"}, "c"),
        ({"site": "sport", "article": "one"}, "c"),
        ({"language": "vi"}, "b"),
        ({"reason": "link"}, "b"),
        ({}, "cba"),
    ],
)
def test_filters_narrow_what_is_found(index: Index, reader: Reader, only: dict[str, str], found: str) -> None:
    sent = {
        reader.submitted(article="one"): "a",
        reader.submitted(article="two", language="vi", body="hay https://x.example"): "b",
        reader.submitted(article="one", site="sport"): "c",
    }
    assert [sent[each] for each in index.find("hay", **only)] == list(found)
    assert [sent[each] for each in index.find(**only)] == list(found)


@pytest.mark.parametrize(
    "query",
    [
        {"q": "nước"},
        {"q": "nuoc"},
        {"q": '"nuoc mam"', "sort": "oldest"},
        {"q": "mam", "article": "one"},
        {"q": "nước", "site": "sport"},
        {"q": "nuoc", "reason": "link"},
        {"q": "nuoc", "language": "vi"},
        {"q": "nuoc", "status": "rejected"},
        {"status": "all", "language": "vi"},
        {"q": "muối", "status": "all"},
        {"sort": "reported", "status": "approved"},
    ],
)
def test_programs_find_what_the_page_finds(
    app: Flask, reader: Reader, moderator: Moderator, query: dict[str, str]
) -> None:
    reader.submitted(article="one", body="Nước mắm Phú Quốc")
    reader.submitted(body="nuoc mam https://x.example", language="vi")
    reader.submitted(site="sport", body="Nước rút")
    moderator.decide(reader.submitted(body="Nước muối"), "reject")
    reported = moderator.approved(reader)
    reader.client.post(f"{COMMENTS}/{reported}/reports", json={"reason": "spam"})
    answer = moderator.get("comments", **query).json
    page = Desk(app, "Lan").page(**query)
    assert answer["complete"] is True
    assert [each["id"] for each in answer["comments"]] == re.findall(r'<article[^>]* data-id="([^"]+)"', page) != []


def test_programs_go_on_where_a_search_ended(reader: Reader, moderator: Moderator) -> None:
    sent = [reader.submitted(body="nước") for _ in range(3)]
    first = moderator.get("comments", q="nuoc", limit=2).json
    rest = moderator.get("comments", q="nuoc", limit=2, cursor=first["next"]).json
    assert [each["id"] for each in first["comments"] + rest["comments"]] == sent
    assert (rest["next"], rest["total"]) == (None, None)


@pytest.mark.parametrize("newest", [True, False])
def test_pages_go_on_where_they_end(index: Index, reader: Reader, newest: bool) -> None:
    sent = [reader.submitted() for _ in range(7)]
    seen, after = [], None
    for _ in range(3):
        ids, after = index.page("hay", limit=3, after=after, newest=newest)
        seen += ids
    assert seen == (sent[::-1] if newest else sent)
    assert after is None


def test_an_edited_text_is_found_by_its_new_words_alone(app: Flask, index: Index, reader: Reader) -> None:
    accepted = reader.submit(body="cũ trước").json
    assert index.find("cũ") == index.find("tru*") == [accepted["id"]]
    answer = app.test_client().patch(f"/api/v1/receipts/{accepted['receipt']}", json={"body": "mới"})
    assert answer.status_code == 200
    assert [index.find(asked) for asked in ("cũ", "truoc*", "tru*")] == [[], [], []]
    assert index.find("mới") == [accepted["id"]]


def test_the_index_is_made_again_from_the_store(index: Index, data: Path, reader: Reader) -> None:
    sent = [reader.submitted() for _ in range(3)]
    assert len(index.find("hay")) == 3
    for file in (data / "search").iterdir():
        file.unlink()
    assert index.find("hay") == sent[::-1]


def test_a_damaged_index_is_made_again(house: House, data: Path, index: Index, reader: Reader) -> None:
    sent = reader.submitted()
    (data / "search").mkdir()
    (data / "search" / "comments.sqlite").write_bytes(b"no database at all, by no means" * 200)
    assert index.find("hay") == [sent]


def test_a_long_log_is_read_in_the_background(index: Index, reader: Reader, eventually: Callable[..., None]) -> None:
    sent = [reader.submitted(article="one") for _ in range(80)]
    assert index.search.follow(), "a part of it was read"
    assert not index.search.is_complete
    eventually(lambda: index.find("hay", limit=100) == sent[::-1])
    assert index.search.is_complete


def test_processes_share_one_index(
    house: House, data: Path, reader: Reader, together: Callable[[Sequence[Callable[[], Any]]], list[Any]]
) -> None:
    sent = [reader.submitted() for _ in range(20)]
    several = [Index(Search(data / "search" / "comments.sqlite", house.store)) for _ in range(4)]
    together([lambda each=each: each.find("hay") for each in several])
    assert [each.find("hay") for each in several] == [sent[::-1]] * 4


def test_no_address_is_ever_in_the_index(index: Index, data: Path, reader: Reader) -> None:
    reader.submitted(email="bi.mat.lam@reader-mail.vn")
    assert len(index.find("hay")) == 1
    kept = b"".join(file.read_bytes() for file in (data / "search").iterdir())
    assert b"cam" in kept, "words are there to be seen"
    for part in (b"mat.lam", b"reader", b"mail"):
        assert part not in kept


def test_what_became_of_a_person_is_known(index: Index, house: House, reader: Reader, moderator: Moderator) -> None:
    sent = [reader.submitted(email="hoa@reader-mail.vn") for _ in range(7)]
    reader.submitted()
    for comment_id, decision in zip(sent, ("approve", "approve", "reject", "spam"), strict=False):
        moderator.decide(comment_id, decision)
    person = house.store.comments(sent)[sent[0]].person
    assert person
    record = index.search.records([person, "nobody"])
    assert record[person].counts == {
        Status.APPROVED: 2, Status.REJECTED: 1, Status.SPAM: 1, Status.PENDING: 3,
    }  # fmt: skip
    assert record[person].latest == sent[:1:-1]
    assert record["nobody"].counts == {}


def test_an_index_of_a_newer_kind_is_not_believed(data: Path, index: Index, reader: Reader) -> None:
    sent = reader.submitted()
    (data / "search").mkdir()
    with sqlite3.connect(data / "search" / "comments.sqlite") as other:
        other.execute("create table docs (other)")
    assert index.find("hay") == [sent]


def test_words_of_any_length_are_found_and_not_remembered(index: Index, reader: Reader) -> None:
    words = [f"{number}{'ấ' * 4000}" for number in range(50)]
    sent = [reader.submitted(body=word) for word in words]
    tracemalloc.start()
    try:
        assert index.find(words[0]) == sent[:1]
        assert tracemalloc.get_traced_memory()[0] < 500_000
    finally:
        tracemalloc.stop()


def test_an_entry_of_the_log_that_cannot_be_read_hides_no_other(index: Index, house: House, reader: Reader) -> None:
    first = reader.submitted(body="Nước mắm")
    house.client.command("XADD", f"comments:{{c:{first[:2]}}}:log", "*", "comment", b"\xff", "to", "p")
    second = reader.submitted(body="Nước tương")
    assert set(index.find("nước")) == {first, second}
