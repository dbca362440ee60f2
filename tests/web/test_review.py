"""The review page as HTML, without any script: what a card shows, what a button does, what a conflict says."""

import html
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from comments import passwords
from comments.store import records
from comments.store.packing import pack, unpack
from comments.web.here import House
from tests.people import Moderator, Reader

PASSWORD = "bồ câu trắng trên mái"


class Desk:
    """A moderator at the page, with a browser that has no script."""

    def __init__(self, app: Flask, name: str) -> None:
        app.extensions["comments"].people.add_moderator(name, password_hash=passwords.hash_password(PASSWORD))
        self.client: FlaskClient = app.test_client()
        page = self.client.get("/moderate/sign-in").text
        fields = {"name": name, "password": PASSWORD, "csrf_token": self._token(page)}
        assert self.client.post("/moderate/sign-in", data=fields).status_code == 303

    def page(self, **query: str) -> str:
        answer = self.client.get("/moderate/", query_string={"lang": "en", **query})
        assert answer.status_code == 200
        return answer.text

    def cards(self, **query: str) -> list[str]:
        return cards_of(self.page(**query))

    def press(self, comment_id: str, decision: str, version: int = 1, reason: str = "", **query: str) -> TestResponse:
        fields = {"id": comment_id, "version": str(version), "decision": decision, "csrf_token": self.token()}
        fields |= {"reason": reason} if reason else {}
        return self.client.post("/moderate/decisions", query_string={"lang": "en", **query}, data=fields)

    def send(self, *decisions: dict[str, Any]) -> list[dict[str, Any]]:
        answer = self.client.post(
            "/moderate/decisions?lang=en", json={"decisions": decisions}, headers={"X-CSRFToken": self.token()}
        )
        assert answer.status_code == 200, answer.text
        return list(answer.json["results"])

    def follow(self, answer: TestResponse) -> str:
        assert answer.status_code == 303, answer.text
        return self.client.get(answer.location).text

    def token(self) -> str:
        return self._token(self.page())

    @staticmethod
    def _token(page: str) -> str:
        return page.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]


@pytest.fixture
def lan(app: Flask) -> Desk:
    return Desk(app, "Lan")


@pytest.fixture
def minh(app: Flask) -> Desk:
    return Desk(app, "Minh")


def cards_of(page: str) -> list[str]:
    return re.findall(r'<article class="review.*?</article>', page, re.DOTALL)


def words(markup: str) -> str:
    """What a person reads there."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", markup)).split())


def notice(page: str) -> str:
    (found,) = re.findall(r'<section class="notice.*?</section>', page, re.DOTALL)
    return str(found)


def record_of(house: House, comment_id: str) -> bytes:
    (key,) = [key for key in house.client.command("KEYS", "*") if key.endswith(comment_id.encode())]
    return bytes(key)


def buttons(markup: str) -> list[str]:
    return re.findall(r'<button[^>]* name="decision" value="(\w+)"', markup)


# -- what a card shows


def test_the_oldest_waits_first(lan: Desk, reader: Reader) -> None:
    for name in ("first", "second", "third"):
        reader.submitted(body=f"I am the {name}.")
    assert [re.search(r"I am the (\w+)", card)[1] for card in lan.cards()] == ["first", "second", "third"]
    assert [re.search(r"I am the (\w+)", card)[1] for card in lan.cards(sort="newest")] == ["third", "second", "first"]


def test_a_card_shows_who_said_what_where_and_why_it_waits(lan: Desk, reader: Reader) -> None:
    reader.submitted(
        name="Trần Văn Bình",
        body="Xem thêm ở https://bao.example/2",
        article_title="Chuyến phà cuối",
        article_url="https://bao.example/pha?a=1&b=2",
        website="https://binh.example/",
    )
    (card,) = lan.cards()
    for said in ("Trần Văn Bình", "Xem thêm ở https://bao.example/2", "Chuyến phà cuối", "It contains a link."):
        assert said in words(card)
    assert '<a href="https://bao.example/pha?a=1&amp;b=2" rel="noopener noreferrer"' in card
    assert "Website: https://binh.example/" in words(card)
    assert 'href="https://binh.example/' not in card, "what a stranger advertises is no link for a moderator"
    assert re.search(r"Person [0-9a-f]{4}…", words(card))
    assert re.search(r'<time datetime="[^"]+" title="[^"]+UTC">', card)


def test_the_whole_text_is_there_as_typed(lan: Desk, reader: Reader) -> None:
    body = "Dòng một\n  thụt vào\n\n" + "dài " * 1200
    reader.submitted(body=body)
    (card,) = lan.cards()
    text = re.search(r'<div class="text"[^>]*>(.*?)</div>', card, re.DOTALL)
    assert text
    assert html.unescape(text[1]) == body.strip()


@pytest.mark.parametrize("field", ["name", "body", "article", "article_title"])
def test_markup_is_text(lan: Desk, reader: Reader, field: str) -> None:
    said = "\"><script>alert(1)</script><img src=x onerror='alert(2)'>"
    reader.submitted(**{field: said})
    page = lan.page()
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert said in html.unescape(page)


@pytest.mark.one_server
@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "JAVASCRIPT:alert(1)", "data:text/html,x", "//evil.example"]
)
def test_only_a_web_address_becomes_a_link(lan: Desk, house: House, reader: Reader, address: str) -> None:
    """The form refuses other addresses; a record written by anything else must not hurt either."""
    key = record_of(house, reader.submitted())
    said = json.loads(unpack(house.client.command("HGET", key, records.DATA))) | {"u": address, "w": address}
    house.client.command("HSET", key, records.DATA, pack(json.dumps(said)))
    (card,) = lan.cards()
    assert address in words(card)
    assert f'href="{address}' not in card


def test_a_reply_shows_what_it_answers(lan: Desk, reader: Reader, moderator: Moderator) -> None:
    parent = moderator.approved(reader, name="Hạnh", body="Phà chạy lúc mấy giờ?")
    reader.submitted(parent=parent, body="Năm giờ sáng.")
    (card,) = lan.cards()
    assert "In reply to Hạnh Phà chạy lúc mấy giờ?" in words(card)


def test_a_reply_says_when_its_parent_is_not_approved_any_more(lan: Desk, reader: Reader, moderator: Moderator) -> None:
    parent = moderator.approved(reader, name="Hạnh", body="Phà chạy lúc mấy giờ?")
    reader.submitted(parent=parent)
    moderator.decide(parent, "reject", 2)
    (card,) = lan.cards()
    assert "In reply to Hạnh Rejected Phà chạy" in words(card)


def test_no_address_and_nothing_computed_from_it_is_shown(lan: Desk, reader: Reader) -> None:
    reader.submitted(email="bi.mat@reader-mail.vn")
    assert "bi.mat" not in lan.page()
    assert "reader-mail" not in lan.page()


def test_the_tabs_count_every_status(lan: Desk, reader: Reader, moderator: Moderator) -> None:
    ids = [reader.submitted() for _ in range(6)]
    for comment_id, decision in zip(ids, ("approve", "reject", "reject", "spam"), strict=False):
        moderator.decide(comment_id, decision)
    tabs = dict(re.findall(r'data-tab="(\w+)".*?class="count">(\d+)<', lan.page(), re.DOTALL))
    assert tabs == {"pending": "2", "approved": "1", "rejected": "2", "spam": "1", "withdrawn": "0", "all": "6"}


def test_a_decided_comment_says_by_whom_and_why(lan: Desk, reader: Reader) -> None:
    lan.press(reader.submitted(), "reject", reason="It insults people.")
    (card,) = lan.cards(status="rejected")
    assert re.search(r"Rejected · Lan · .* · It insults people\.", words(card))


@pytest.mark.parametrize(
    ("status", "decisions"),
    [
        ("pending", ["approve", "reject", "spam"]),
        ("approved", ["reject", "spam", "restore"]),
        ("rejected", ["approve", "spam", "restore"]),
        ("spam", ["approve", "reject", "restore"]),
    ],
)
def test_each_view_offers_what_may_follow(
    lan: Desk, reader: Reader, moderator: Moderator, status: str, decisions: list[str]
) -> None:
    comment_id = reader.submitted()
    if status != "pending":
        moderator.decide(comment_id, {"approved": "approve", "rejected": "reject", "spam": "spam"}[status])
    (card,) = lan.cards(status=status)
    assert buttons(card) == decisions


def test_every_form_that_changes_something_has_a_token(lan: Desk, reader: Reader) -> None:
    reader.submitted()
    forms = re.findall(r'<form[^>]*method="post".*?</form>', lan.page(), re.DOTALL)
    assert len(forms) == 5  # sign out, save the view, decide, reject with a reason, decide what is selected
    assert all('name="csrf_token"' in form for form in forms)


# -- finding and paging


def test_the_next_page_goes_on_where_this_one_ends(lan: Desk, reader: Reader) -> None:
    sent = [reader.submitted() for _ in range(28)]
    page = lan.page()
    (following,) = re.findall(r'rel="next" href="([^"]+)"', page)
    rest = lan.client.get(html.unescape(following)).text
    seen = re.findall(r'<article[^>]* data-id="([^"]+)"', page + rest)
    assert seen == sent
    assert 'rel="next"' not in rest


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"q": "nước"}, ["b"]),
        ({"article": "one"}, ["a", "b"]),
        ({"article": "one", "q": "phà"}, ["a"]),
        ({"site": "sport", "article": "one"}, ["c"]),
        ({"q": "nowhere"}, []),
    ],
)
def test_a_search_narrows_the_queue(lan: Desk, reader: Reader, query: dict[str, str], found: list[str]) -> None:
    reader.submitted(article="one", name="a", body="Chuyến phà cuối")
    reader.submitted(article="one", name="b", body="Nước lên nhanh")
    reader.submitted(article="one", site="sport", name="c", body="Bóng đá")
    names = [re.search(r"<h2.*?<bdi>(\w+)</bdi>", card)[1] for card in lan.cards(**query)]
    assert names == found


def test_a_view_is_kept_through_search_order_and_language(lan: Desk) -> None:
    page = lan.page(status="spam", sort="oldest", q="x")
    find = re.search(r'<form class="find".*?</form>', page, re.DOTALL)
    assert find
    assert dict(re.findall(r'type="hidden" name="(\w+)" value="(\w+)"', find[0])) == {
        "status": "spam", "sort": "oldest", "lang": "en",
    }  # fmt: skip
    (switch,) = re.findall(r'<a href="([^"]+)" lang="vi"', page)
    assert set(html.unescape(switch).partition("?")[2].split("&")) == {"status=spam", "sort=oldest", "q=x", "lang=vi"}


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({}, "Nothing is waiting."),
        ({"q": "x"}, "No comment matches."),
        ({"status": "spam"}, "Nothing here."),
        ({"lang": "vi"}, "Không còn bình luận nào chờ duyệt."),
    ],
)
def test_an_empty_view_says_so(lan: Desk, query: dict[str, str], says: str) -> None:
    assert says in words(lan.page(**query))


# -- deciding


@pytest.mark.parametrize(("decision", "status"), [("approve", "approved"), ("reject", "rejected"), ("spam", "spam")])
def test_a_button_decides_and_can_be_undone(lan: Desk, reader: Reader, decision: str, status: str) -> None:
    comment_id = reader.submitted(name="Hoa")
    page = lan.follow(lan.press(comment_id, decision))
    assert cards_of(page) == []
    assert "Hoa" in notice(page)
    assert len(lan.cards(status=status)) == 1
    assert buttons(notice(page)) == ["restore"]
    page = lan.follow(lan.press(comment_id, "restore", 2))
    assert "Back in the queue" in notice(page)
    assert buttons(notice(page)) == [], "an undo is not undone"
    assert len(cards_of(page)) == 1


def test_where_webhooks_hear_of_it_the_page_says_how_long_an_undo_reaches_them(
    make_app: Callable[..., Flask], lan: Desk, reader: Reader
) -> None:
    hook = {"webhook_urls": "https://cms.example/", "webhook_secret": "whsec_" + "A" * 32, "hold_back_seconds": 7}
    minh, said = Desk(make_app(**hook), "Minh"), "Webhooks are told in 7 seconds"
    assert said in notice(minh.follow(minh.press(reader.submitted(), "approve")))
    assert "Webhooks" not in lan.follow(lan.press(reader.submitted(), "approve")), "nobody hears of it"


@pytest.mark.parametrize("status", ["approved", "rejected", "spam"])
def test_undo_leads_back_to_where_the_comment_was(lan: Desk, reader: Reader, moderator: Moderator, status: str) -> None:
    first = {"approved": "approve", "rejected": "reject", "spam": "spam"}[status]
    comment_id = reader.submitted()
    moderator.decide(comment_id, first)
    page = lan.follow(lan.press(comment_id, "restore", 2, status=status))
    assert buttons(notice(page)) == [first]
    lan.press(comment_id, first, 3, status=status)
    assert len(lan.cards(status=status)) == 1


def test_the_view_comes_back_after_a_decision(lan: Desk, reader: Reader) -> None:
    answer = lan.press(reader.submitted(), "approve", sort="newest", q="hay")
    assert {"sort=newest", "q=hay", "lang=en"} <= set(answer.location.partition("?")[2].split("&"))


def test_a_reason_is_kept_with_the_rejection(lan: Desk, reader: Reader, moderator: Moderator) -> None:
    comment_id = reader.submitted()
    lan.press(comment_id, "reject", reason="Nội dung không liên quan đến bài báo.")
    (_, entry) = moderator.log(comment=comment_id)
    assert (entry["by"], entry["to"], entry["reason"]) == ("Lan", "rejected", "Nội dung không liên quan đến bài báo.")


def test_a_conflict_names_who_decided_what_and_when_and_changes_nothing(lan: Desk, minh: Desk, reader: Reader) -> None:
    comment_id = reader.submitted(name="Hoa")
    lan.press(comment_id, "spam")
    answer = minh.press(comment_id, "approve")
    assert answer.status_code == 409
    assert "Lan has already filed this comment as spam." in words(notice(answer.text))
    assert re.search(r'<time datetime="\d{4}-[^"]+">', notice(answer.text))
    assert len(lan.cards(status="spam")) == 1


def test_after_a_conflict_the_comment_can_be_decided_as_it_stands(lan: Desk, minh: Desk, reader: Reader) -> None:
    comment_id = reader.submitted()
    lan.press(comment_id, "spam")
    (card,) = cards_of(minh.press(comment_id, "approve").text)
    assert 'name="version" value="2"' in card
    assert buttons(card) == ["approve", "reject", "restore"]
    assert minh.press(comment_id, "approve", 2).status_code == 303


def test_a_second_press_of_the_same_button_decides_nothing(lan: Desk, reader: Reader, moderator: Moderator) -> None:
    comment_id = reader.submitted()
    assert [lan.press(comment_id, "approve").status_code for _ in range(2)] == [303, 409]
    assert len(moderator.log(comment=comment_id)) == 2  # submitted, approved


def test_two_moderators_at_once_one_decides(
    lan: Desk, minh: Desk, reader: Reader, together: Callable[[Sequence[Callable[[], Any]]], list[Any]]
) -> None:
    comment_id = reader.submitted()
    lan_sends = {"id": comment_id, "version": 1, "decision": "approve"}
    results = together([lambda: lan.send(lan_sends), lambda: minh.send({**lan_sends, "decision": "spam"})])
    assert sorted(result["outcome"] for (result,) in results) == ["conflict", "done"]


def test_a_script_gets_the_words_for_each_result(lan: Desk, minh: Desk, reader: Reader) -> None:
    mine, taken = reader.submitted(), reader.submitted()
    minh.press(taken, "reject")
    done, conflict, gone = lan.send(
        {"id": mine, "version": 1, "decision": "approve"},
        {"id": taken, "version": 1, "decision": "approve"},
        {"id": "00" + mine[2:], "version": 1, "decision": "approve"},
    )
    assert (done["outcome"], done["status"], done["version"], done["message"]) == ("done", "approved", 2, "")
    assert (conflict["outcome"], conflict["decided_by"]) == ("conflict", "Minh")
    assert conflict["message"] == "Minh has already rejected this comment."
    assert conflict["decided_at"].endswith("Z")
    assert (gone["outcome"], gone["message"]) == ("not_found", "This comment is not there any more.")


def test_a_script_whose_session_ended_is_told(lan: Desk, house: House) -> None:
    token = lan.token()
    house.people.end_sessions("Lan")
    answer = lan.client.post("/moderate/decisions?lang=en", json={"decisions": []}, headers={"X-CSRFToken": token})
    assert (answer.status_code, answer.json["code"]) == (401, "unauthorized")
    assert "sign in again" in answer.json["detail"]


def test_a_page_from_an_earlier_sign_in_is_told_apart(lan: Desk) -> None:
    answer = lan.client.post("/moderate/decisions?lang=en", json={"decisions": []}, headers={"X-CSRFToken": "old"})
    assert (answer.status_code, answer.json["code"]) == (400, "stale_page")


@pytest.mark.parametrize(
    "wrong", [{"version": "x"}, {"version": "-1"}, {"decision": "withdraw"}, {"id": ""}, {"reason": "x" * 501}]
)
def test_a_form_that_no_page_of_ours_sends_is_refused(lan: Desk, reader: Reader, wrong: dict[str, str]) -> None:
    fields = {"id": reader.submitted(), "version": "1", "decision": "approve", "csrf_token": lan.token()}
    answer = lan.client.post("/moderate/decisions", data={**fields, **wrong})
    assert 400 <= answer.status_code < 500
    assert len(lan.cards()) == 1


@pytest.mark.one_server
def test_the_damaged_record_is_shown_and_can_only_be_rejected(lan: Desk, house: House, reader: Reader) -> None:
    comment_id = reader.submitted()
    house.client.command("HSET", record_of(house, comment_id), records.DATA, "{")
    (card,) = lan.cards()
    assert "Its record in the store is damaged." in words(card)
    assert buttons(card) == ["reject"]
