"""The host pages of docs/examples: the widget among foreign rules, under a strict policy, and in a frame."""

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenWindow
from tests.browser.newsroom import Newsroom, troubles, write


@pytest.fixture(scope="module")
def settings(paper: str) -> dict[str, str]:
    return {"COMMENTS_ALLOWED_ORIGINS": paper}


@pytest.fixture
def page(window: OpenWindow, paper: str) -> Page:
    return window(base_url=paper).new_page()


def widget_of(page: Page, name: str) -> Locator:
    page.goto(f"/{name}.html")
    widget = page.locator("article-comments")
    widget.scroll_into_view_if_needed()
    widget.get_by_role("form").wait_for()
    return widget


def style(node: Locator, name: str) -> str:
    return str(node.evaluate(f"node => getComputedStyle(node).getPropertyValue({name!r})"))


def test_on_the_classic_page_it_wears_the_pages_type_and_none_of_its_rules(page: Page, newsroom: Newsroom) -> None:
    newsroom.approved(article="phien-cho-noi", body="Một câu. " * 20)
    widget = widget_of(page, "classic")
    expect(page.locator("comment-count")).to_have_text("1")
    assert style(widget.locator("section"), "font-family").startswith("Georgia")
    send = widget.get_by_role("button", name="Gửi bình luận")
    assert (style(send, "text-transform"), style(send, "background-color")) == ("none", "rgb(138, 28, 28)")
    assert style(widget.locator(".text p").first, "text-align") == "start"
    outside = page.evaluate("[document.styleSheets.length, document.adoptedStyleSheets.length]")
    assert outside == [1, 0], "nothing of its rules is in the page"
    assert troubles(page) == []


def test_in_the_dark_magazine_it_keeps_the_strictest_policy(page: Page, newsroom: Newsroom) -> None:
    newsroom.approved(article="the-last-projectionist", body="See https://a.example")
    widget = widget_of(page, "magazine")
    assert style(widget.locator("h2"), "color") == "rgb(236, 231, 223)"
    write(widget, {"body": "Comment", "name": "Name", "email": "Email", "send": "Send comment"})
    expect(widget.get_by_text("is waiting for review")).to_be_visible()
    expect(widget.locator(".mine").get_by_text("Not reviewed yet")).to_be_visible()
    widget.get_by_role("button", name="Withdraw").click()
    widget.get_by_role("button", name="Withdraw?").click()
    expect(widget.locator(".mine")).to_be_empty()
    assert troubles(page) == []


def test_on_the_mobile_page_the_frame_takes_the_height_it_needs(page: Page, newsroom: Newsroom) -> None:
    newsroom.approved(article="rain-ends-a-drought", body="At last. " * 30)
    page.set_viewport_size({"width": 360, "height": 700})
    page.goto("/mobile.html")
    inside = page.frame_locator("iframe").locator("html")
    expect(page.frame_locator("iframe").get_by_text("At last.")).to_be_visible()
    page.wait_for_function("document.querySelector('iframe').height > 700")
    assert inside.evaluate("node => node.scrollHeight <= node.clientHeight")
    height = page.locator("iframe").get_attribute("height")
    page.evaluate("postMessage({type: 'comments:height', height: 9999}, '*')")  # not from the frame
    page.evaluate("new Promise(requestAnimationFrame)")
    expect(page.locator("iframe")).to_have_attribute("height", str(height))
    assert troubles(page) == []


@pytest.mark.parametrize("name", ["classic", "magazine"])
@pytest.mark.parametrize("width", [320, 1280])
def test_nothing_jumps_and_nothing_sticks_out(page: Page, newsroom: Newsroom, name: str, width: int) -> None:
    article = {"classic": "phien-cho-noi", "magazine": "the-last-projectionist"}[name]
    newsroom.approved(article=article, body="W" * 300)
    page.set_viewport_size({"width": width, "height": 800})
    page.add_init_script(
        "window.shift = 0; new PerformanceObserver(list => { for (const one of list.getEntries()) shift += one.value })"
        ".observe({type: 'layout-shift', buffered: true})"
    )
    widget_of(page, name)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("shift") < 0.001
