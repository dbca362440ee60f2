"""Words that attack the page stay words, wherever they are shown."""

from urllib.parse import urlencode

import pytest
from playwright.sync_api import Dialog, Locator, Page, Request, expect

from tests.browser.conftest import OpenWindow
from tests.browser.newsroom import EN, Newsroom, box, demo, sign_in, troubles, write

VECTORS = [
    "<script>hit()</script>",
    "<ScRiPt>hit()</sCrIpT>",
    "<scr<script>ipt>hit()</scr</script>ipt>",
    "</textarea><script>hit()</script>",
    "</title><script>hit()</script>",
    "</style></script><script>hit()</script>",
    "--><script>hit()</script>",
    "]]><script>hit()</script>",
    "</template></article><script>hit()</script>",
    "<img src=x onerror=hit()>",
    "<img/src=x/onerror=hit()>",
    "<IMG SRC=x ONERROR=&#104;it()>",
    "<img src='https://tracker.example/pixel.gif'>",
    '<img """><script>hit()</script>">',
    "<svg onload=hit()>",
    "<svg><animate onbegin=hit() attributeName=x dur=1s>",
    "<svg><script>hit()</script></svg>",
    "<svg><use href='data:image/svg+xml,<svg id=x onload=hit()>#x'>",
    "<math><mi xlink:href=javascript:hit()>",
    "<body onload=hit()>",
    "<iframe src=javascript:hit()></iframe>",
    "<iframe srcdoc='<script>parent.hit()</script>'></iframe>",
    "<object data=javascript:hit()></object>",
    "<embed src=//tracker.example/x.swf>",
    "<link rel=stylesheet href=//tracker.example/x.css>",
    "<style>@import '//tracker.example/x.css'</style>",
    "<meta http-equiv=refresh content='0;url=//tracker.example'>",
    "<base href=//tracker.example/>",
    "<form action=//tracker.example><button autofocus>",
    "<input autofocus onfocus=hit()>",
    "<details open ontoggle=hit()>",
    "<video><source onerror=hit()></video>",
    "<marquee onstart=hit()>",
    "<a href=javascript:hit()>click</a>",
    "<a href='//tracker.example' ping='//tracker.example'>",
    "[click](javascript:hit())",
    "![x](https://tracker.example/x.png)",
    '" onmouseover=hit() x="',
    "' autofocus onfocus=hit() tabindex=0 '",
    'https://x.example/"onmouseover="hit()',
    "https://x.example/'><img/src/onerror=hit()>",
    "{{7*7}}{% raise %}${hit()}#{hit()}",
    "%3Cscript%3Ehit()%3C/script%3E &lt;script&gt;hit()&lt;/script&gt;",
    "+ADw-script+AD4-hit()+ADw-/script+AD4-",
    "<x\tonload=hit()>",
    "`;hit()//\\';hit()//\";hit()//",
]
WEBSITES = [
    "javascript:hit()",
    "JaVaScRiPt:hit()",
    " javascript:hit()",
    "java\tscript:hit()",
    "data:text/html,<script>hit()</script>",
    "vbscript:hit()",
    "//tracker.example",
    "https://bank.example@tracker.example/",
]


# Allowed as an address, yet no attribute may end in it.
WEBSITE = "https://x.example/?a=\"><svg/onload=hit()>'"


@pytest.fixture(scope="module")
def waiting(newsroom: Newsroom) -> list[str]:
    """Every vector as a comment on the demo: as its text and as its author's name."""
    return [newsroom.submitted(article="demo", body=each, name=each[:80], website=WEBSITE) for each in VECTORS]


@pytest.fixture(scope="module")
def published(newsroom: Newsroom, waiting: list[str]) -> None:
    newsroom.approve(*waiting)


@pytest.fixture
def page(window: OpenWindow) -> Page:
    return window().new_page()


@pytest.fixture
def strays(page: Page) -> list[str]:
    """What the page asks of other origins, and the dialogs that it opens."""
    noted: list[str] = []

    def ask(request: Request) -> None:
        if not request.url.startswith("http://127.0.0.1:"):
            noted.append(request.url)

    def open_dialog(dialog: Dialog) -> None:
        noted.append(dialog.message)
        dialog.dismiss()

    page.on("request", ask)
    page.on("dialog", open_dialog)
    return noted


def test_these_tests_would_notice(page: Page, strays: list[str]) -> None:
    page.goto("/")
    page.evaluate("document.body.innerHTML = '<img src=x onerror=hit()><img src=//tracker.example/pixel.gif>'")
    page.wait_for_function("window.broken.length > 1")
    page.evaluate("hit()")
    assert "a foreign script ran" in troubles(page)


def texts(articles: Locator) -> list[str]:
    return articles.locator(".text").all_text_contents()


def test_on_the_review_page(page: Page, strays: list[str], newsroom: Newsroom, waiting: list[str]) -> None:
    sign_in(page, newsroom.moderator("Lan"))
    page.get_by_role("link", name="Next comments").click()
    expect(page.get_by_role("article")).to_have_count(len(VECTORS))
    assert texts(page.get_by_role("article")) == VECTORS
    assert page.get_by_role("article").get_by_role("heading").all_text_contents() == [
        " ".join(each[:80].split()) for each in VECTORS
    ]
    assert (strays, troubles(page)) == ([], [])


@pytest.mark.usefixtures("published")
def test_in_the_widget(page: Page, strays: list[str]) -> None:
    widget = demo(page, "en")
    for shown in (20, 40):
        expect(widget.get_by_role("article")).to_have_count(shown)
        widget.get_by_role("button", name="Show more comments").click()
    expect(widget.get_by_role("article")).to_have_count(len(VECTORS))
    assert texts(widget.get_by_role("article")) == VECTORS
    assert (strays, troubles(page)) == ([], [])


@pytest.mark.usefixtures("published")
def test_on_the_page_made_on_the_server(page: Page, strays: list[str]) -> None:
    page.goto("/embed?article=demo&lang=en")
    shown = texts(page.get_by_role("article"))
    while page.get_by_role("link", name="Show more comments").count():
        page.get_by_role("link", name="Show more comments").click()
        shown += texts(page.get_by_role("article"))
        assert (strays, troubles(page)) == ([], [])
    assert shown == VECTORS


def test_in_a_form_that_comes_back(page: Page, strays: list[str]) -> None:
    page.goto("/embed?article=demo&lang=en")
    everything = "\n".join(VECTORS)
    page.locator("form.form").evaluate("form => { form.noValidate = true }")
    write(page, EN, body=everything, name="\" autofocus onfocus=hit() x='", email='"><script>hit()</script>')
    expect(box(page, "Comment")).to_have_value(everything)
    expect(box(page, "Email")).to_have_value('"><script>hit()</script>')
    assert (strays, troubles(page)) == ([], [])


def test_in_an_address(page: Page, strays: list[str]) -> None:
    for name in ("article", "site", "lang", "cursor", "article_title", "article_url"):
        query = {"article": "demo", name: "\"'><script>hit()</script><img src=x onerror=hit()>"}
        page.goto(f"/embed?{urlencode(query)}")
        assert (strays, troubles(page)) == ([], [])


@pytest.mark.parametrize("website", WEBSITES)
def test_a_website_that_is_no_web_address_is_refused(newsroom: Newsroom, website: str) -> None:
    assert newsroom.submit(website=website) == 422
