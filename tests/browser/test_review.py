"""The review page in a browser: keys, focus, undo, and colleagues at the same comment."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenWindow
from tests.browser.newsroom import DECIDED, VI, Newsroom, box, card_of, demo, focused, sign_in, troubles, write
from tests.service import Service, until


@pytest.fixture(scope="module")
def lan(newsroom: Newsroom) -> str:
    return newsroom.moderator("Lan")


@pytest.fixture
def desk(window: OpenWindow, lan: str) -> Page:
    """Lan's window on the queue."""
    page = window().new_page()
    sign_in(page, lan)
    return page


def test_an_answer_stands_under_what_it_answers(desk: Page, window: OpenWindow, newsroom: Newsroom) -> None:
    newsroom.approved(article="demo", name="Cô Diễm", body="Đêm đó gió lớn lắm, ông Tám vẫn nổ máy.")
    reader = window(locale="vi-VN").new_page()
    widget = demo(reader)
    widget.get_by_role("button", name="Trả lời Cô Diễm").click()
    expect(box(widget, VI["body"])).to_be_focused()
    write(widget, name="Bảo Khang", body="Em nghe bà ngoại kể chuyện này hoài.")
    expect(widget.get_by_text("đang chờ duyệt")).to_be_visible()

    desk.reload()
    card = desk.get_by_role("article", name="Bảo Khang")
    expect(card).to_contain_text("In reply to Cô Diễm")
    expect(card).to_contain_text("Đêm đó gió lớn lắm, ông Tám vẫn nổ máy.")
    card.get_by_role("button", name="Approve").click()
    expect(card.get_by_role("button", name="Undo")).to_be_visible()

    replies = demo(reader).get_by_role("listitem").filter(has_text="Cô Diễm").get_by_role("list")
    expect(replies.get_by_role("article", name="Bảo Khang")).to_contain_text("bà ngoại")


def test_a_page_of_comments_is_decided_by_keys_alone(desk: Page, newsroom: Newsroom) -> None:
    ids = [newsroom.submitted(article="many", body=f"Ý kiến thứ {number}") for number in range(30)]
    desk.goto("/moderate/?article=many")
    expect(card_of(desk, ids[0])).to_have_attribute("aria-current", "true")
    for place, comment_id in enumerate(ids):
        expect(card_of(desk, comment_id)).to_have_attribute("aria-current", "true")
        desk.keyboard.press("ars"[place % 3])
        for following in ids[place + 1 : place + 2]:  # at the end of a page, once the next one is there
            expect(card_of(desk, following)).to_be_focused()
    expect(desk.get_by_role("heading", name="No comment matches.")).to_be_visible()
    expect(desk.get_by_role("link", name="Show all comments")).to_be_focused()
    until(lambda: newsroom.comments("many") == [], within=5)
    assert [len(newsroom.comments("many", status)) for status in ("approved", "rejected", "spam")] == [10, 10, 10]
    assert troubles(desk) == []


def test_undo_brings_the_comment_and_the_focus_back(desk: Page, newsroom: Newsroom) -> None:
    first, second = (newsroom.submitted(article="undone", body=body) for body in ("Một", "Hai"))
    desk.goto("/moderate/?article=undone")
    with desk.expect_response(DECIDED):
        desk.keyboard.press("r")
    assert focused(desk) == f"comment-{second}"
    with desk.expect_response(DECIDED):
        desk.keyboard.press("z")
    assert focused(desk) == f"comment-{first}"
    assert [comment["id"] for comment in newsroom.comments("undone")] == [first, second]


def test_the_record_of_a_person_opens_on_the_card(desk: Page, newsroom: Newsroom) -> None:
    email = "record@reader-mail.vn"
    newsroom.reject(newsroom.submitted(article="record", email=email, body="Mua ngay kẻo lỡ"), "ad")
    first, second = (newsroom.submitted(article="record", email=email, body=body) for body in ("Một", "Hai"))
    desk.goto("/moderate/?article=record")
    desk.keyboard.press("p")
    record = card_of(desk, first).get_by_role("region", name="The record of this person")
    expect(record).to_contain_text("Mua ngay kẻo lỡ")
    expect(record).to_be_focused()
    link = card_of(desk, first).get_by_role("link", name="Person", expanded=True)
    expect(link).to_be_visible()
    desk.keyboard.press("x")
    for scheme in ("light", "dark"):
        desk.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found = Axe().run(desk).response["violations"]
        assert [(scheme, each["id"], [node["html"][:200] for node in each["nodes"]]) for each in found] == []
    desk.keyboard.press("Escape")
    expect(record).to_have_count(0)
    assert focused(desk) == f"comment-{first}"
    desk.keyboard.press("x")
    desk.keyboard.press("j")
    card_of(desk, second).get_by_role("link", name="Person").click()
    expect(card_of(desk, second).get_by_role("region", name="The record")).to_contain_text("Rejected")
    with desk.expect_response(DECIDED):
        desk.keyboard.press("a")
    assert [each["id"] for each in newsroom.comments("record")] == [first]
    assert troubles(desk) == []


def test_a_colleague_is_told_who_decided_what(desk: Page, window: OpenWindow, newsroom: Newsroom) -> None:
    comment_id = newsroom.submitted(article="two-at-once")
    other = window().new_page()
    sign_in(other, newsroom.moderator("Minh"))
    for page in (desk, other):
        page.goto("/moderate/?article=two-at-once&all=1")
        card_of(page, comment_id).wait_for()
    with desk.expect_response(DECIDED):
        desk.keyboard.press("a")
    other.keyboard.press("r")
    expect(card_of(other, comment_id).get_by_role("alert")).to_contain_text("Lan has already approved this comment.")
    expect(card_of(other, comment_id).get_by_role("button", name="Reject", exact=True)).to_have_count(0)
    assert [comment["id"] for comment in newsroom.comments("two-at-once", "approved")] == [comment_id]


def test_a_decision_that_met_a_hung_store_can_be_made_again(desk: Page, newsroom: Newsroom, service: Service) -> None:
    comment_id = newsroom.submitted(article="store-away")
    desk.goto("/moderate/?article=store-away")
    card = card_of(desk, comment_id)
    with newsroom.hung_store():
        desk.keyboard.press("a")
        expect(card.get_by_role("alert")).to_contain_text("try again")
        expect(card.get_by_role("button", name="Approve")).to_be_visible()
    until(lambda: service.answers("/readyz"), within=5)
    with desk.expect_response(DECIDED):
        card.get_by_role("button", name="Approve").click()
    expect(card.get_by_role("button", name="Undo")).to_be_visible()
    assert [comment["id"] for comment in newsroom.comments("store-away", "approved")] == [comment_id]
