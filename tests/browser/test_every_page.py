"""What holds for every page: accessible in light and dark, no wider than a small phone, in two languages."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenWindow
from tests.browser.newsroom import Newsroom, demo, sign_in, troubles

LONG = "Nhìn-kìa-" * 40
PAGES = [
    "/",
    "/demo",
    "/embed?article=demo",
    "/embed?article=quiet",
    "receipt",
    "receipt/edit",
    "/nowhere",
    "/moderate/sign-in",
    "/moderate/",
    "/moderate/?status=approved",
    "/moderate/?status=all&q=nhin",
    "comment",
    "/moderate/readers",
    "reader",
]


@pytest.fixture(scope="module")
def receipt(newsroom: Newsroom) -> str:
    """The path of a waiting comment's receipt. The demo has comments, with every long thing there is."""
    parent = newsroom.approved(article="demo", name="Nguyễn Thị Hoa", website="https://hoa.example", body="Hay quá!")
    newsroom.approved(article="demo", parent=parent, name=LONG[:80], body=f"{LONG} https://x.example/{LONG}")
    newsroom.submitted(article="demo", parent=parent, name="W" * 80, body=LONG, website=f"https://x.example/{LONG}")
    newsroom.submitted(article=LONG, article_url=f"https://x.example/{LONG}", article_title=LONG[:300])
    return newsroom.receipt(article=LONG)


@pytest.fixture(scope="module")
def lan(newsroom: Newsroom) -> str:
    return newsroom.moderator("Lan")


def visit(page: Page, path: str, receipt: str, lan: str) -> None:
    """Goes to a page as the one who may see it."""
    if path in ("comment", "reader"):
        sign_in(page, lan)
        page.goto("/moderate/?status=approved")
    elif path.startswith("/moderate/") and "sign-in" not in path:
        sign_in(page, lan)
    if path == "/demo":
        demo(page).get_by_role("article").first.wait_for()
    elif path not in ("comment", "reader"):
        page.goto(path.replace("receipt", receipt, 1))
    if path in ("comment", "reader"):
        page.get_by_role("link", name="Edit, answer" if path == "comment" else "Person").first.click()
        if path == "reader":
            page.get_by_role("link", name="Everything about this person").click()
        page.get_by_role("button", name="Save the text" if path == "comment" else "Keep the note").wait_for()


@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing_in_light_or_dark(window: OpenWindow, receipt: str, lan: str, path: str) -> None:
    page = window(reduced_motion="reduce").new_page()
    visit(page, path, receipt, lan)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found = Axe().run(page).response["violations"]
        assert [(scheme, each["id"], [node["html"][:200] for node in each["nodes"]]) for each in found] == []
    assert troubles(page) == []


@pytest.mark.parametrize("path", PAGES)
def test_a_phone_scrolls_in_one_direction(window: OpenWindow, receipt: str, lan: str, path: str) -> None:
    page = window(viewport={"width": 320, "height": 640}).new_page()
    visit(page, path, receipt, lan)
    for width in (320, 360):
        page.set_viewport_size({"width": width, "height": 640})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("path", ["/", "/demo", "receipt", "/moderate/sign-in", "/moderate/"])
def test_the_language_can_be_changed(window: OpenWindow, receipt: str, lan: str, path: str) -> None:
    page = window(locale="en-GB").new_page()
    visit(page, path, receipt, lan)
    languages = ["vi", "en"] if path == "/demo" else ["en", "vi"]
    for language, other in zip(languages, languages[::-1], strict=True):
        expect(page.locator("html")).to_have_attribute("lang", language)
        page.get_by_role("link", name={"en": "English", "vi": "Tiếng Việt"}[other]).click()
    expect(page.locator("html")).to_have_attribute("lang", languages[0])


def test_the_widget_speaks_the_language_of_its_page(window: OpenWindow) -> None:
    page = window().new_page()
    expect(demo(page, "en").get_by_role("button", name="Send comment")).to_be_visible()
    page.get_by_role("link", name="Tiếng Việt").click()
    page.locator("article-comments").scroll_into_view_if_needed()
    expect(page.get_by_role("button", name="Gửi bình luận")).to_be_visible()
