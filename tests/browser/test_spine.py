"""From a reader's words to the page, by the hands of people."""

import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import OpenWindow
from tests.browser.newsroom import DECIDED, PASSWORD, box, demo, write
from tests.service import Service

SAID = "Ngày nhỏ tôi đi học bằng đò của ông Tám. Cảm ơn tòa soạn đã kể lại."


@pytest.fixture(scope="module")
def first_moderator(service: Service) -> str:
    """The address of the one-time link that the start printed."""
    link = re.search(r"http://\S+/moderate/welcome/\S+", service.out)
    assert link
    return link[0]


def welcome(page: Page, link: str) -> None:
    page.goto(link)
    box(page, "Name").fill("Lan")
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_role("button", name="Create and go to the comments").click()


def test_a_comment_goes_from_the_form_to_the_page(window: OpenWindow, first_moderator: str) -> None:
    reader, moderator = window(locale="vi-VN").new_page(), window().new_page()
    widget = demo(reader)
    private = "Email của bạn sẽ không được hiển thị công khai. Các trường bắt buộc được đánh dấu *"
    expect(widget.get_by_text(private)).to_be_visible()
    write(widget, body=SAID, name="Nguyễn Thị Hoa")
    expect(widget.get_by_text("Bình luận của bạn đang chờ duyệt")).to_be_visible()
    receipt = widget.get_by_role("link", name="Theo dõi tình trạng bình luận").get_attribute("href")
    assert receipt

    welcome(moderator, first_moderator)
    card = moderator.get_by_role("article", name="Nguyễn Thị Hoa")
    expect(card).to_contain_text(SAID)
    expect(card.get_by_role("link", name="Chuyến đò cuối của ông Tám Lành")).to_be_visible()
    expect(card.get_by_role("list", name="Why it is held").get_by_role("listitem")).not_to_have_count(0)
    with moderator.expect_response(DECIDED) as answer:
        moderator.keyboard.press("a")
    assert answer.value.ok
    expect(moderator.get_by_role("heading", name="Nothing is waiting.")).to_be_visible()

    expect(demo(reader).get_by_role("article", name="Nguyễn Thị Hoa")).to_contain_text(SAID)
    reader.goto(receipt)
    expect(reader.get_by_role("heading", level=1)).to_have_text("Đã đăng")


def left_behind(context: BrowserContext) -> str:
    """Everything that a browser holds of a page: its source, what it stores, its address."""
    (page,) = context.pages
    shadow = page.locator("article-comments").evaluate("host => host.shadowRoot.innerHTML")
    stored = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href])")
    return page.content() + shadow + stored + str(context.cookies())


def test_an_address_stays_nowhere_in_the_browser(window: OpenWindow) -> None:
    context = window(locale="vi-VN")
    widget = demo(context.new_page())
    write(widget, email="Rieng.Tu@reader-mail.vn")
    expect(widget.get_by_text("đang chờ duyệt")).to_be_visible()
    held = left_behind(context).casefold()
    assert "đang chờ duyệt" in held
    assert "rieng.tu" not in held
    assert context.cookies() == []
