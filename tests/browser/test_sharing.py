"""Colleagues at the queue, in two windows: what is selected, what fades, what comes back."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenWindow
from tests.browser.newsroom import DECIDED, Newsroom, card_of, sign_in, troubles
from tests.service import until


@pytest.fixture(scope="module")
def names(newsroom: Newsroom) -> tuple[str, str]:
    return newsroom.moderator("Lan"), newsroom.moderator("Minh")


@pytest.fixture
def desk(window: OpenWindow, names: tuple[str, str]) -> Page:
    """Lan's window."""
    page = window().new_page()
    sign_in(page, names[0])
    return page


@pytest.fixture
def other(window: OpenWindow, names: tuple[str, str]) -> Page:
    """Minh's window."""
    page = window().new_page()
    sign_in(page, names[1])
    return page


def test_many_are_selected_and_decided_by_keys_and_taken_back(desk: Page, newsroom: Newsroom) -> None:
    ids = [newsroom.submitted(article="chosen", body=f"Ý kiến {number}") for number in range(4)]
    desk.goto("/moderate/?article=chosen")
    for key in ("x", "j", "x"):
        desk.keyboard.press(key)
    expect(desk.get_by_text("2 comments selected")).to_be_visible()
    with desk.expect_response(DECIDED):
        desk.keyboard.press("Shift+S")
    assert [comment["id"] for comment in newsroom.comments("chosen", "spam")] == ids[:2]
    expect(card_of(desk, ids[2])).to_have_attribute("aria-current", "true")
    with desk.expect_response(DECIDED):
        desk.keyboard.press("z")
    assert [comment["id"] for comment in newsroom.comments("chosen", "spam")] == ids[:1]
    desk.keyboard.press("Shift+X")
    with desk.expect_response(DECIDED) as sent:
        desk.get_by_role("button", name="Approve").last.click()
    assert len(sent.value.request.post_data_json["decisions"]) == 3
    assert troubles(desk) == []


def test_all_are_selected_and_decided_without_a_script(
    window: OpenWindow, names: tuple[str, str], newsroom: Newsroom
) -> None:
    ids = [newsroom.submitted(article="plain", body=f"Ý kiến {number}") for number in range(3)]
    page = window(java_script_enabled=False).new_page()
    sign_in(page, names[0])
    page.goto("/moderate/?article=plain")
    page.get_by_role("link", name="Select all on this page").click()
    card_of(page, ids[1]).get_by_role("checkbox").uncheck()
    page.locator("#bulk").get_by_role("button", name="Reject").click()
    expect(page.get_by_role("region", name="The last decision")).to_contain_text("Rejected: 2 comments.")
    assert [comment["id"] for comment in newsroom.comments("plain")] == [ids[1]]


def test_a_decided_comment_fades_on_another_screen(desk: Page, other: Page, newsroom: Newsroom) -> None:
    first, second = (newsroom.submitted(article="live", body=body) for body in ("Một", "Hai"))
    desk.goto("/moderate/?article=live&all=1")
    other.goto("/moderate/?article=live&all=1")
    other.keyboard.press("j")
    with other.expect_response(DECIDED):
        other.keyboard.press("r")
    line = card_of(desk, second).locator(".line")
    expect(line).to_contain_text("Minh has already rejected this comment.", timeout=10_000)
    expect(card_of(desk, first)).to_have_attribute("aria-current", "true")
    expect(desk.locator("#here")).to_contain_text("Minh")
    assert troubles(desk) == []


def test_a_closed_tab_gives_its_comments_back(desk: Page, other: Page, newsroom: Newsroom) -> None:
    comment_id = newsroom.submitted(article="given-back")
    desk.goto("/moderate/?article=given-back")
    other.goto("/moderate/?article=given-back")
    expect(card_of(other, comment_id)).to_have_count(0)
    desk.close()

    def is_back() -> bool:
        other.reload()
        return card_of(other, comment_id).count() == 1

    until(is_back, within=5)
