"""What a moderator may do to one comment, to its author and to its article."""

import html
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from comments.web.here import House
from comments.web.tools import changes
from tests.people import COMMENTS, Moderator, Reader
from tests.web.test_review import Desk, words


@pytest.fixture
def lan(app: Flask) -> Desk:
    return Desk(app, "Lan")


def send(desk: Desk, path: str, **fields: Any) -> TestResponse:
    return desk.client.post(f"/moderate/{path}?lang=en", data={"csrf_token": desk.token(), **fields})


def look(desk: Desk, path: str) -> str:
    answer = desk.client.get(f"/moderate/{path}?lang=en")
    assert answer.status_code == 200, answer.text
    return answer.text


# -- the text


def test_an_edit_is_public_and_shown_as_one(lan: Desk, reader: Reader, moderator: Moderator) -> None:
    comment_id = moderator.approved(reader, body="Ông ấy là kẻ cắp, ai cũng biết.")
    body = "Ông ấy là [đã lược bỏ], xem https://x.example"
    assert send(lan, f"comments/{comment_id}/edit", version="2", body=body).status_code == 303
    (shown,) = reader.read()["comments"]
    assert shown["body"] == body
    assert '<a href="https://x.example"' in shown["html"]
    assert shown["edited_at"].endswith("Z")


def test_the_old_text_and_who_changed_it_are_kept(lan: Desk, reader: Reader, moderator: Moderator) -> None:
    comment_id = reader.submitted(body="một hai ba")
    send(lan, f"comments/{comment_id}/edit", version="1", body="một bốn ba")
    page = look(lan, f"comments/{comment_id}")
    assert "một <del>hai</del><ins>bốn</ins> ba" in page
    entry = moderator.log(comment=comment_id)[-1]
    assert (entry["by"], entry["from"], entry["to"], entry["version"]) == ("Lan", "pending", "pending", 2)


def test_an_edit_of_what_was_not_seen_changes_nothing(lan: Desk, reader: Reader, moderator: Moderator) -> None:
    comment_id = reader.submitted(body="cũ")
    moderator.decide(comment_id, "reject")
    answer = send(lan, f"comments/{comment_id}/edit", version="1", body="mới")
    assert answer.status_code == 409
    assert "Lan has already rejected this comment." in words(answer.text)
    assert ">mới</textarea>" in answer.text, "what was typed is kept"
    assert [each["body"] for each in moderator.queue(status="rejected")] == ["cũ"]


@pytest.mark.parametrize("body", ["", "   ", "x" * 5001, "a\x00b"])
def test_a_text_that_no_reader_could_send_is_refused(lan: Desk, reader: Reader, body: str) -> None:
    comment_id = reader.submitted()
    assert send(lan, f"comments/{comment_id}/edit", version="1", body=body).status_code == 422


def test_a_withdrawn_comment_is_not_edited(app: Flask, lan: Desk, reader: Reader) -> None:
    accepted = reader.submit().json
    app.test_client().delete(f"/api/v1/receipts/{accepted['receipt']}")
    assert send(lan, f"comments/{accepted['id']}/edit", version="2", body="mới").status_code == 409
    assert 'name="version"' not in look(lan, f"comments/{accepted['id']}")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("a b", "a b", [("same", "a b")]),
        ("a b c", "a x c", [("same", "a "), ("gone", "b"), ("new", "x"), ("same", " c")]),
        ("a", "", [("gone", "a")]),
        ("", "a", [("new", "a")]),
    ],
)
def test_changes_are_told_word_by_word(before: str, after: str, said: list[tuple[str, str]]) -> None:
    assert changes(before, after) == said


@pytest.mark.parametrize("path", ["comments/x", "comments/" + "0" * 28, "readers/x", "readers/" + "G" * 16])
def test_what_is_not_there_is_not_found(lan: Desk, path: str) -> None:
    assert lan.client.get(f"/moderate/{path}").status_code == 404


# -- answers


def test_an_answer_has_the_badge_and_the_name_of_the_account(lan: Desk, reader: Reader, moderator: Moderator) -> None:
    comment_id = moderator.approved(reader, body="Mấy giờ phà chạy?")
    sent = send(lan, f"comments/{comment_id}/reply", body="Năm giờ sáng.", key="k", name="Tổng biên tập", staff="1")
    assert sent.status_code == 303
    (asked,) = reader.read()["comments"]
    (answer,) = asked["replies"]
    assert (answer["name"], answer["body"], answer["staff"]) == ("Lan", "Năm giờ sáng.", True)
    assert asked["staff"] is False


def test_an_answer_sent_twice_is_there_once(lan: Desk, reader: Reader, moderator: Moderator) -> None:
    comment_id = moderator.approved(reader)
    for _ in range(2):
        assert send(lan, f"comments/{comment_id}/reply", body="Vâng.", key="same").status_code == 303
    assert len(reader.read()["comments"][0]["replies"]) == 1


def test_only_what_is_public_is_answered(lan: Desk, reader: Reader) -> None:
    comment_id = reader.submitted()
    answer = send(lan, f"comments/{comment_id}/reply", body="Vâng.", key="k")
    assert answer.status_code == 409
    assert "Only a published comment can be answered." in words(answer.text)
    assert len(lan.cards()) == 1


def test_no_reader_is_staff(reader: Reader, moderator: Moderator) -> None:
    assert reader.submit(staff=True).status_code in (202, 422)
    comment_id = moderator.approved(reader, name="Lan")
    assert [each["staff"] for each in reader.read()["comments"] if each["id"] == comment_id] == [False]


# -- pins


def test_a_pinned_comment_stands_first_and_once(lan: Desk, reader: Reader, moderator: Moderator) -> None:
    ids = [moderator.approved(reader) for _ in range(4)]

    def shown(**query: Any) -> list[str]:
        return [each["id"] for each in reader.read(**query)["comments"]]

    assert send(lan, f"comments/{ids[2]}/pin", pinned="1").status_code == 303
    assert shown() == [ids[2], ids[0], ids[1], ids[3]]
    assert shown(sort="newest") == [ids[2], ids[3], ids[1], ids[0]]
    first = reader.read(limit=2)
    assert [each["id"] for each in first["comments"]] == [ids[2], ids[0], ids[1]]
    assert shown(limit=2, cursor=first["next"]) == [ids[3]]
    moderator.decide(ids[2], "reject", 2)
    assert shown() == [ids[0], ids[1], ids[3]]


def test_a_pin_is_public_everywhere_at_once(lan: Desk, reader: Reader, moderator: Moderator) -> None:
    first, second = (moderator.approved(reader) for _ in range(2))
    reply = moderator.approved(reader, parent=second)

    def marks() -> tuple[Any, ...]:
        threads = {each["id"]: each["pinned"] for each in reader.read()["comments"]}
        alone = [reader.client.get(f"{COMMENTS}/{each}").json["pinned"] for each in (first, second, reply)]
        around = reader.read(around=second)["comments"][0]
        page = reader.client.get("/embed?article=bien-dong-1&lang=vi").text
        return threads[first], threads[second], alone, around["pinned"], page.count("Đã ghim")

    assert marks() == (False, False, [False, False, False], False, 0)
    assert send(lan, f"comments/{second}/pin", pinned="1").status_code == 303
    assert marks() == (False, True, [False, True, False], True, 1)
    assert reader.read()["comments"][0]["replies"][0]["pinned"] is False
    send(lan, f"comments/{second}/pin", pinned="0")
    assert marks() == (False, False, [False, False, False], False, 0)


def test_a_pinned_comment_that_is_removed_keeps_its_place_by_time(
    lan: Desk, reader: Reader, moderator: Moderator
) -> None:
    first, second = (moderator.approved(reader) for _ in range(2))
    moderator.approved(reader, parent=second)
    send(lan, f"comments/{second}/pin", pinned="1")
    moderator.decide(second, "reject", 2)
    shown = reader.read()["comments"]
    assert [(each["id"], each["removed"], each["pinned"]) for each in shown] == [
        (first, False, False),
        (second, True, False),
    ]


def test_a_pin_is_taken_away_and_logged(lan: Desk, house: House, reader: Reader, moderator: Moderator) -> None:
    first, second = (moderator.approved(reader) for _ in range(2))
    for pinned in ("1", "1", "0"):
        assert send(lan, f"comments/{second}/pin", pinned=pinned).status_code == 303
    assert [each["id"] for each in reader.read()["comments"]] == [first, second]
    assert house.articles.pinned("main", "bien-dong-1") == []


def test_only_three_public_comments_that_answer_none_are_pinned(
    lan: Desk, reader: Reader, moderator: Moderator
) -> None:
    ids = [moderator.approved(reader) for _ in range(4)]
    waiting, reply = reader.submitted(), moderator.approved(reader, parent=ids[0])
    statuses = [send(lan, f"comments/{each}/pin", pinned="1").status_code for each in (waiting, reply, *ids)]
    assert statuses == [409, 409, 303, 303, 303, 409]


# -- the thread


def the_thread(desk: Desk, comment_id: str, query: str = "") -> list[str]:
    """What the page of a comment shows of its thread: words of each, the one that is marked in brackets."""
    page = desk.client.get(f"/moderate/comments/{comment_id}?lang=en{query}").text
    found = re.search(r'<ol class="thread".*?</ol>', page, re.DOTALL)
    items = re.findall(r"<li (.*?)</li>", found[0], re.DOTALL) if found else []
    return [
        ("[{}]" if "aria-current" in each else "{}").format(words(re.search(r'<div class="said-here".*', each)[0]))
        for each in items
    ]


def test_the_thread_is_shown_in_every_status_with_the_comment_marked(
    lan: Desk, reader: Reader, moderator: Moderator
) -> None:
    top = moderator.approved(reader, body="top")
    first = moderator.approved(reader, body="first", parent=top)
    bad, waiting = (reader.submitted(body=body, parent=first) for body in ("bad", "waiting"))
    moderator.decide(bad, "reject")
    moderator.approved(reader, body="another thread")
    assert the_thread(lan, waiting) == ["top", "first", "bad", "[waiting]"]
    assert the_thread(lan, top) == ["[top]", "first", "bad", "waiting"]
    moderator.decide(top, "spam", version=2)
    page = words(look(lan, f"comments/{waiting}"))
    assert "Spam" in page
    assert "In reply to Nguyễn Thị Hoa : first" in page


def test_a_comment_that_stands_alone_shows_no_thread(lan: Desk, reader: Reader) -> None:
    assert 'id="thread"' not in look(lan, f"comments/{reader.submitted()}")


def test_a_long_thread_is_shown_in_pages_the_comments_own_first(
    lan: Desk, house: House, reader: Reader, moderator: Moderator
) -> None:
    top = moderator.approved(reader, body="top")
    replies = [reader.submitted(body=f"{n}", parent=top) for n in range(45)]
    numbers = [str(n) for n in range(45)]
    while house.search.follow():
        pass
    assert the_thread(lan, replies[22]) == ["top", *numbers[20:22], "[22]", *numbers[23:40]]
    assert the_thread(lan, replies[22], "&page=3") == ["top", *numbers[40:]]
    assert the_thread(lan, top) == ["[top]", *numbers[:20]]
    for beyond in ("999", "0", "x", "-1", "1" * 9):
        assert the_thread(lan, top, f"&page={beyond}")[0] == "[top]"
    (link,) = re.findall(r'rel="next" href="([^"]+)"', look(lan, f"comments/{replies[22]}"))
    assert html.unescape(link) == f"/moderate/comments/{replies[22]}?page=3&lang=en#thread"


def test_without_the_index_a_thread_is_what_the_comment_answers(
    lan: Desk, data: Path, reader: Reader, moderator: Moderator
) -> None:
    top = moderator.approved(reader, body="top")
    reply = reader.submitted(body="reply", parent=top)
    (data / "search").mkdir(exist_ok=True)
    (data / "search" / "comments.sqlite").mkdir()
    assert the_thread(lan, reply) == ["top", "[reply]"]


# -- the article


def test_an_article_is_closed_and_opened_by_hand(lan: Desk, reader: Reader) -> None:
    comment_id = reader.submitted(article="one")
    fields = {"site": "main", "article": "one", "comment": comment_id}
    assert send(lan, "articles", open="0", **fields).status_code == 303
    assert reader.submit(article="one").status_code == 403
    assert "It takes no comments." in words(look(lan, f"comments/{comment_id}"))
    send(lan, "articles", open="1", **fields)
    assert reader.submit(article="one").status_code == 202


# -- reasons


def test_a_reason_is_read_in_the_language_of_the_author(app: Flask, lan: Desk, reader: Reader) -> None:
    accepted = reader.submit().json
    lan.press(accepted["id"], "reject", reason="off_topic")
    path = f"/receipts/{accepted['receipt']}"
    for lang, text in (
        ("en", "It has nothing to do with the article."),
        ("vi", "Nội dung không liên quan đến bài báo."),
    ):
        assert text in app.test_client().get(f"{path}?lang={lang}").text
        assert app.test_client().get(f"/api/v1{path}?lang={lang}").json["reason"] == text


def test_own_words_stand_before_a_chosen_reason(lan: Desk, reader: Reader, moderator: Moderator) -> None:
    comment_id = reader.submitted()
    fields = {"id": comment_id, "version": "1", "decision": "reject", "reason": "insult", "own": "Quá lời."}
    send(lan, "decisions", **fields)
    assert moderator.log(comment=comment_id)[-1]["reason"] == "Quá lời."


# -- people


def person_of(house: House, comment_id: str) -> str:
    person = house.store.comments([comment_id])[comment_id].person
    assert person
    return person


def test_a_card_shows_the_record_of_its_person(lan: Desk, reader: Reader, moderator: Moderator) -> None:
    for decision in ("approve", "approve", "reject"):
        moderator.decide(reader.submitted(email="hoa@reader-mail.vn"), decision)
    reader.submitted(email="hoa@reader-mail.vn")
    (card,) = lan.cards()
    assert re.search(r"Person [0-9a-f]{4}… Approved 2 Rejected 1 Waiting 1", words(card))


def test_a_person_has_a_page_with_their_last_comments_and_notes(
    lan: Desk, house: House, reader: Reader, moderator: Moderator
) -> None:
    sent = [reader.submitted(email="hoa@reader-mail.vn", body=f"Ý kiến {n}") for n in range(7)]
    moderator.decide(sent[0], "spam")
    person = person_of(house, sent[0])
    assert send(lan, f"readers/{person}/notes", note="Hay hỏi giờ phà.").status_code == 303
    page = words(look(lan, f"readers/{person}"))
    assert "Spam 1 Waiting 6" in page
    assert [f"Ý kiến {n}" in page for n in range(7)] == [False, False, *[True] * 5]
    assert "Hay hỏi giờ phà." in page
    assert "reader-mail" not in page


# -- bans


@pytest.fixture
def clock() -> list[float]:
    return [1_800_000_000.0]


@pytest.fixture
def app(make_app: Callable[..., Flask], clock: list[float]) -> Flask:
    def now() -> float:
        clock[0] += 0.001  # comments of one moment have no order
        return clock[0]

    return make_app(now=now, trusted_proxies=1)


def ban(desk: Desk, kind: str, about: str, effect: str = "refuse", days: int = 7, **more: str) -> TestResponse:
    return send(desk, "readers/ban", kind=kind, about=about, effect=effect, days=str(days), **more)


def test_a_banned_person_is_told_until_when_and_why(lan: Desk, house: House, reader: Reader) -> None:
    person = person_of(house, reader.submitted(email="hoa@reader-mail.vn"))
    assert ban(lan, "person", person, reason="insult").status_code == 303
    answer = reader.client.post("/api/v1/comments?lang=en", json={
        "article": "a", "name": "Hoa", "email": "HOA@reader-mail.vn", "body": "x"})  # fmt: skip
    assert (answer.status_code, answer.json["code"]) == (403, "banned")
    assert answer.json["detail"] == "No comments are taken from you until January 22, 2027. It insults people."
    assert reader.submit(email="binh@reader-mail.vn").status_code == 202


def test_a_silenced_person_is_told_nothing(lan: Desk, house: House, reader: Reader, moderator: Moderator) -> None:
    person = person_of(house, reader.submitted(email="hoa@reader-mail.vn"))
    ban(lan, "person", person, effect="silence")
    assert reader.submit(email="hoa@reader-mail.vn").status_code == 202
    (filed,) = moderator.queue(status="spam")
    assert filed["reasons"] == ["banned"]


@pytest.mark.parametrize(
    ("about", "email", "status"),
    [
        ("spam.example.com", "x@spam.example.com", 403),
        ("example.com", "x@spam.example.com", 403),
        ("@EXAMPLE.com", "x@example.com", 403),
        ("example.com", "x@example.com.vn", 202),
        ("ple.com", "x@example.com", 202),
    ],
)
def test_a_domain_is_banned_with_what_is_under_it(
    lan: Desk, reader: Reader, about: str, email: str, status: int
) -> None:
    assert ban(lan, "domain", about).status_code == 303
    assert reader.submit(email=email).status_code == status


@pytest.mark.parametrize(
    ("about", "source", "status"),
    [
        ("192.0.2.7", "192.0.2.7", 403),
        ("192.0.2.0/24", "192.0.2.7", 403),
        ("192.0.0.0/16", "192.0.2.7", 403),
        ("192.0.2.0/24", "192.0.3.7", 202),
        ("2001:db8::/48", "2001:db8:0:7::1", 403),
        ("2001:db8::1", "2001:db8::2", 403),
        ("2001:db8::/48", "2001:db8:1::1", 202),
    ],
)
def test_a_range_is_banned(app: Flask, lan: Desk, about: str, source: str, status: int) -> None:
    assert ban(lan, "range", about).status_code == 303
    fields = {"article": "a", "name": "Hoa", "email": "hoa@reader-mail.vn", "body": "x"}
    answer = app.test_client().post("/api/v1/comments", json=fields, headers={"X-Forwarded-For": source})
    assert answer.status_code == status


def test_a_ban_ends_by_itself_and_can_be_lifted(lan: Desk, house: House, reader: Reader, clock: list[float]) -> None:
    ban(lan, "domain", "reader-mail.vn", days=1)
    assert "a domain" in words(look(lan, "readers"))
    (ban_id,) = re.findall(r'name="id" value="(\w+)"', look(lan, "readers"))
    assert reader.submit().status_code == 403
    send(lan, "readers/lift", id=ban_id)
    assert reader.submit().status_code == 202
    ban(lan, "domain", "reader-mail.vn", days=1)
    assert reader.submit().status_code == 403
    clock[0] += 86_401
    assert reader.submit().status_code == 202
    assert house.bans.all(int(clock[0])) == []


def test_a_second_ban_of_the_same_takes_the_place_of_the_first(lan: Desk, reader: Reader) -> None:
    ban(lan, "domain", "reader-mail.vn", effect="silence")
    ban(lan, "domain", "reader-mail.vn")
    assert len(re.findall(r'name="id" value="', look(lan, "readers"))) == 1
    assert reader.submit().status_code == 403


@pytest.mark.parametrize(
    ("kind", "about"),
    [
        ("domain", "no domain"),
        ("domain", ""),
        ("domain", "com"),
        ("domain", "a" * 300 + ".example"),
        ("range", "10.0.0.0/8"),
        ("range", "x"),
        ("person", "0" * 16),
        ("person", "x\n"),
    ],
)
def test_what_cannot_be_banned_is_said(lan: Desk, kind: str, about: str) -> None:
    assert ban(lan, kind, about).status_code == 422


@pytest.mark.parametrize("wrong", [{"kind": "x"}, {"effect": "x"}, {"days": "2"}, {"days": "-1"}])
def test_a_ban_that_no_form_sends_is_refused(lan: Desk, wrong: dict[str, str]) -> None:
    fields = {"kind": "domain", "about": "a.example", "effect": "refuse", "days": "1", **wrong}
    assert send(lan, "readers/ban", **fields).status_code == 422


@pytest.mark.one_server
def test_bans_are_kept_as_hashes_and_cost_no_round_trip(
    lan: Desk, house: House, reader: Reader, round_trips: Counter[str]
) -> None:
    reader.submitted()
    before = round_trips["piece"]
    reader.submitted()
    cost = round_trips["piece"] - before
    ban(lan, "domain", "only-here.example")
    ban(lan, "range", "203.0.113.0/24")
    reader.submitted()  # sees that they have changed
    before = round_trips["piece"]
    reader.submitted()
    assert round_trips["piece"] - before == cost == 2
    for key in house.client.command("KEYS", "*"):
        kept = house.client.command("DUMP", key) or b""
        assert b"only-here" not in key + kept
        assert b"203.0.113" not in key + kept
    assert "only-here" not in look(lan, "readers")


def test_no_page_shows_what_a_ban_is_found_by(lan: Desk, house: House, reader: Reader) -> None:
    person = person_of(house, reader.submitted())
    ban(lan, "person", person)
    (kept,) = house.bans.all(0)
    pages = look(lan, "readers") + look(lan, f"readers/{person}")
    assert kept.name not in pages
