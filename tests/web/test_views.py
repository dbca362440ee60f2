"""Views of the queue: orders, filters, statuses, and those that moderators save."""

import html
import re

import pytest
from flask import Flask

from tests.people import Moderator, Reader
from tests.web.test_review import Desk, cards_of, words
from tests.web.test_sharing import ids_of


@pytest.fixture
def lan(app: Flask) -> Desk:
    return Desk(app, "Lan")


def save(desk: Desk, name: str, **query: str) -> int:
    fields = {"name": name, "csrf_token": desk.token()}
    return desk.client.post("/moderate/views/save", query_string=query, data=fields).status_code


def saved(desk: Desk, **query: str) -> dict[str, str]:
    found = re.findall(r'<a class="chip" href="([^"]+)"[^>]*><bdi>(.*?)</bdi></a>', desk.page(**query))
    return {html.unescape(name): html.unescape(url) for url, name in found}


def test_every_status_at_once_can_be_searched(lan: Desk, reader: Reader, moderator: Moderator) -> None:
    first, second = reader.submitted(body="Nước lên nhanh"), reader.submitted(body="nuoc xuong")
    reader.submitted(body="khác")
    moderator.decide(first, "spam")
    assert ids_of(lan.page(status="all", q="nuoc")) == [second, first]
    assert ids_of(lan.page(status="all", q="nước")) == [first]
    assert ids_of(lan.page(status="spam", q="nuoc")) == [first]


def test_what_is_found_can_be_decided_there(lan: Desk, reader: Reader) -> None:
    comment_id = reader.submitted(body="Nước lên")
    answer = lan.press(comment_id, "approve", status="all", q="nuoc")
    (card,) = cards_of(lan.follow(answer))
    assert 'data-status="approved"' in card


def test_found_pages_go_on(lan: Desk, reader: Reader) -> None:
    sent = [reader.submitted() for _ in range(30)]
    page = lan.page(status="all", q="hay")
    (following,) = re.findall(r'rel="next" href="([^"]+)"', page)
    assert ids_of(page) + ids_of(lan.client.get(html.unescape(following)).text) == sent[::-1]


@pytest.mark.parametrize(
    ("query", "found"), [({"language": "vi"}, "a"), ({"reason": "link"}, "b"), ({"language": "en"}, "")]
)
def test_filters_by_language_and_reason(lan: Desk, reader: Reader, query: dict[str, str], found: str) -> None:
    reader.submitted(name="a", language="vi")
    reader.submitted(name="b", body="https://x.example")
    names = [re.search(r"<h2.*?<bdi>(\w+)</bdi>", card)[1] for card in lan.cards(**query)]
    assert names == list(found)


def test_what_readers_report_most_comes_first(lan: Desk, app: Flask, reader: Reader, moderator: Moderator) -> None:
    ids = [moderator.approved(reader) for _ in range(3)]
    for comment_id, times in ((ids[0], 1), (ids[2], 2)):
        for number in range(times):
            answer = app.test_client().post(
                f"/api/v1/comments/{comment_id}/reports",
                json={"reason": "abuse"},
                environ_overrides={"REMOTE_ADDR": f"192.0.2.{number}"},
            )
            assert answer.status_code == 202
    assert ids_of(lan.page(status="approved", sort="reported")) == [ids[2], ids[0]]


@pytest.mark.parametrize(
    "query", [{"sort": "reported"}, {"sort": "x"}, {"status": "x"}, {"status": "all", "cursor": "x"}]
)
def test_what_is_no_view_is_refused(lan: Desk, query: dict[str, str]) -> None:
    assert lan.client.get("/moderate/", query_string=query).status_code == 422


def test_a_view_is_saved_for_the_one_who_saves_it(lan: Desk, app: Flask) -> None:
    assert save(lan, "Thể thao, rác", status="spam", site="sport", cursor="") == 303
    assert set(saved(lan)["Thể thao, rác"].partition("?")[2].split("&")) == {"status=spam", "site=sport", "lang=en"}
    assert saved(Desk(app, "Minh")) == {}


def test_a_saved_view_is_replaced_and_forgotten(lan: Desk) -> None:
    save(lan, "mine", status="spam")
    save(lan, "mine", status="rejected")
    assert list(saved(lan)) == ["mine"]
    assert "Forget this view" in words(lan.page(status="rejected"))
    fields = {"name": "mine", "csrf_token": lan.token()}
    assert lan.client.post("/moderate/views/remove", data=fields).status_code == 303
    assert saved(lan) == {}


@pytest.mark.parametrize(("name", "query"), [("", {}), ("x" * 41, {}), ("a\x00", {}), ("x", {"status": "nothing"})])
def test_what_cannot_be_saved_is_refused(lan: Desk, name: str, query: dict[str, str]) -> None:
    assert save(lan, name, **query) == 422


def test_nobody_saves_without_end(lan: Desk) -> None:
    statuses = [save(lan, f"view {number}") for number in range(31)]
    assert statuses == [303] * 30 + [422]
