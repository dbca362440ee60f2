"""The widget when things go wrong: a field, a hasty finger, the store, the network."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenWindow
from tests.browser.newsroom import VI, Newsroom, box, demo, fill, troubles, write


@pytest.fixture
def page(window: OpenWindow) -> Page:
    return window(locale="vi-VN").new_page()


def test_a_fault_stands_beside_its_field_and_the_first_has_the_focus(page: Page) -> None:
    widget = demo(page)
    write(widget, body="Một câu.", name=" ", email="không phải địa chỉ")
    expect(box(widget, VI["name"])).to_be_focused()
    expect(box(widget, VI["name"])).to_have_accessible_description("Vui lòng điền mục này.")
    box(widget, VI["name"]).fill("Hoa")
    widget.get_by_role("button", name=VI["send"]).click()
    expect(box(widget, VI["email"])).to_be_focused()
    expect(box(widget, VI["email"])).to_have_accessible_description("Hãy nhập một địa chỉ email hợp lệ.")
    expect(box(widget, VI["body"])).to_have_value("Một câu.")
    expect(box(widget, VI["body"])).not_to_have_attribute("aria-invalid", "true")


def test_a_double_click_makes_one_comment(page: Page, newsroom: Newsroom) -> None:
    before = len(newsroom.comments("demo"))
    widget = demo(page)
    fill(widget)
    widget.get_by_role("button", name=VI["send"]).dblclick()
    expect(widget.get_by_text("đang chờ duyệt")).to_be_visible()
    assert len(newsroom.comments("demo")) == before + 1


def test_a_hung_store_costs_neither_text_nor_a_second_comment(page: Page, newsroom: Newsroom) -> None:
    before = len(newsroom.comments("demo"))
    widget = demo(page)
    with newsroom.hung_store():
        write(widget, body="Câu này không được mất.")
        expect(widget.get_by_text("Hệ thống bình luận đang tạm gián đoạn.")).to_be_visible()
        expect(box(widget, VI["body"])).to_have_value("Câu này không được mất.")
    retry = widget.get_by_role("button", name="Thử lại")
    waiting = widget.get_by_text("đang chờ duyệt")
    expect(retry).to_be_visible()
    while not waiting.is_visible():  # the service leaves a store that hung alone for a moment
        with page.expect_response("**/api/v1/comments?lang=*"):
            retry.click()
        expect(waiting.or_(retry)).to_be_visible()
    assert len(newsroom.comments("demo")) == before + 1


def test_a_lost_connection_keeps_the_text_and_the_retry_makes_one_comment(page: Page, newsroom: Newsroom) -> None:
    before = len(newsroom.comments("demo"))
    widget = demo(page)
    page.context.set_offline(True)
    write(widget, body="Mạng chập chờn quá.")
    expect(widget.get_by_text("Không có kết nối mạng.")).to_be_visible()
    page.context.set_offline(False)
    widget.get_by_role("button", name="Thử lại").click()
    expect(widget.get_by_text("đang chờ duyệt")).to_be_visible()
    assert len(newsroom.comments("demo")) == before + 1
    assert troubles(page) == []


def test_more_comments_are_a_click_away(page: Page, newsroom: Newsroom) -> None:
    newsroom.approve(*(newsroom.submitted(article="demo", body=f"Chuyện thứ {n}") for n in range(25)))
    widget = demo(page)
    expect(widget.get_by_role("heading", name="25 bình luận")).to_be_visible()
    expect(widget.get_by_role("article")).to_have_count(20)
    widget.get_by_role("button", name="Xem thêm bình luận").click()
    expect(widget.get_by_role("article")).to_have_count(25)
    expect(widget.get_by_role("article").nth(20)).to_be_focused()


def test_what_stands_below_does_not_jump_when_the_comments_come(page: Page, newsroom: Newsroom) -> None:
    newsroom.approved(article="demo", body="Một câu. " * 20)
    page.add_init_script(
        "window.shift = 0; new PerformanceObserver(list => { for (const one of list.getEntries()) shift += one.value })"
        ".observe({type: 'layout-shift', buffered: true})"
    )
    demo(page)
    page.evaluate("new Promise(requestAnimationFrame)")
    assert page.evaluate("shift") < 0.001
