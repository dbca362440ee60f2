"""A reader who stays, leaves and comes back: drafts, own comments, links to comments, reports, other languages."""

import json
import re
from urllib.parse import urlencode, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Locator, Page, expect

from comments import resources
from tests.browser.conftest import OpenWindow
from tests.browser.newsroom import EN, Newsroom, box, fill, sign_in, troubles, write

HOST = """<!doctype html><html lang="{lang}"><meta charset="utf-8"><title>{article}</title>
<script src="/widget.js" defer></script>{before}
<article-comments article="{article}" loading="eager" {more}>{inside}</article-comments>"""


class Paper:
    """Pages of a news site, on the service's own origin."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.asked: list[str] = []
        self.page = self.open_page()

    def open_page(self) -> Page:
        page = self.context.new_page()
        page.on("request", lambda request: self.asked.append(request.url))
        return page

    def show(self, article: str, *, hash: str = "", page: Page | None = None, **parts: str) -> Locator:
        """Opens an article; its widget, once it has loaded."""
        parts = {"lang": "en", "before": "", "more": "", "inside": "", **parts}
        page = page or self.page
        path = f"/paper/{article}"
        page.route(
            f"**{path}",
            lambda route: route.fulfill(body=HOST.format(article=article, **parts), content_type="text/html"),
        )
        page.goto("about:blank")
        page.goto(path + hash)
        widget = page.locator("article-comments")
        widget.get_by_role("form").wait_for()
        return widget


def sent(widget: Locator, **texts: str) -> None:
    """Writes a comment, and waits until it has arrived."""
    write(widget, EN, **texts)
    expect(widget.get_by_text("is waiting for review")).to_be_visible()


@pytest.fixture
def paper(window: OpenWindow) -> Paper:
    return Paper(window())


def test_a_draft_survives_a_reload_and_is_gone_once_sent(paper: Paper, newsroom: Newsroom) -> None:
    box(paper.show("draft"), "Comment").fill("Half a thought")
    widget = paper.show("draft")
    expect(box(widget, "Comment")).to_have_value("Half a thought")
    sent(widget, body="A whole thought")
    expect(box(paper.show("draft"), "Comment")).to_have_value("")
    assert [one["body"] for one in newsroom.comments("draft")] == ["A whole thought"]


def test_a_draft_of_an_answer_stands_under_its_comment_again(paper: Paper, newsroom: Newsroom) -> None:
    newsroom.approved(article="answer", name="Hoa")
    widget = paper.show("answer")
    widget.get_by_role("button", name="Reply to Hoa").click()
    box(widget, "Comment").fill("I agree")
    widget = paper.show("answer")
    expect(widget.get_by_role("form", name="Reply to Hoa")).to_be_visible()
    expect(box(widget, "Comment")).to_have_value("I agree")


def test_sent_into_silence_then_again_after_a_reload_and_in_another_tab_is_one_comment(
    paper: Paper, newsroom: Newsroom
) -> None:
    widget = paper.show("silence")
    fill(widget, EN, body="Did you hear me?", name="Hoa", email="hoa@reader-mail.vn")
    paper.page.route("**/api/v1/comments?lang=*", lambda route: (route.fetch(), route.abort()))  # the answer gets lost
    widget.get_by_role("button", name="Send comment").click()
    expect(widget.get_by_text("There is no connection.")).to_be_visible()
    paper.page.unroute("**/api/v1/comments?lang=*")
    for page in (paper.open_page(), paper.open_page()):
        widget = paper.show("silence", page=page)
    for page in paper.context.pages[1:]:
        widget = page.locator("article-comments")
        write(widget, EN, body="Did you hear me?", name="Hoa", email="hoa@reader-mail.vn")
        expect(widget.get_by_text("is waiting for review")).to_be_visible()
    assert len(newsroom.comments("silence")) == 1


def test_the_name_is_remembered_when_the_box_is_ticked_the_address_never(paper: Paper) -> None:
    widget = paper.show("name")
    widget.get_by_label("Remember my name").check()
    sent(widget, name="Hoa", email="hoa.secret@reader-mail.vn")
    assert "hoa.secret" not in paper.page.evaluate("JSON.stringify({...localStorage, ...sessionStorage})")
    widget = paper.show("another")
    expect(box(widget, "Name")).to_have_value("Hoa")
    expect(box(widget, "Email")).to_have_value("")
    widget.get_by_label("Remember my name").uncheck()
    sent(widget, name="Hoa")
    expect(box(paper.show("name"), "Name")).to_have_value("")


def test_their_own_comment_is_shown_to_its_author_alone_until_it_is_public(
    paper: Paper, newsroom: Newsroom, window: OpenWindow
) -> None:
    widget = paper.show("own")
    write(widget, EN, body="Mine, <b>unread</b>")
    expect(widget.get_by_text("Not reviewed yet")).to_be_visible()
    widget = paper.show("own")
    expect(widget.get_by_text("Mine, <b>unread</b>")).to_be_visible()
    expect(widget.get_by_role("article")).to_have_count(0)
    expect(Paper(window()).show("own").get_by_text("Mine,")).to_have_count(0)
    newsroom.approve(newsroom.comments("own")[0]["id"])
    widget = paper.show("own")
    expect(widget.get_by_role("article")).to_have_count(1)
    expect(widget.get_by_text("Your comments")).to_have_count(0)
    assert troubles(paper.page) == []


def test_it_can_be_changed_and_taken_back_while_it_waits(paper: Paper, newsroom: Newsroom) -> None:
    sent(paper.show("change"), body="Teh pen")
    widget = paper.show("change")
    widget.get_by_role("button", name="Change the text").click()
    own = widget.locator(".mine")
    box(own, "Comment").fill("The pen")
    own.get_by_role("button", name="Save").click()
    expect(own.get_by_text("The pen")).to_be_visible()
    assert [one["body"] for one in newsroom.comments("change")] == ["The pen"]
    own.get_by_role("button", name="Withdraw").click()
    own.get_by_role("button", name="Withdraw?").click()
    expect(own).to_be_empty()
    assert newsroom.comments("change") == []
    expect(paper.show("change").get_by_text("The pen")).to_have_count(0)


def test_a_change_that_comes_too_late_shows_what_became_of_it(paper: Paper, newsroom: Newsroom) -> None:
    sent(paper.show("late"), body="Too fast")
    widget = paper.show("late")
    widget.get_by_role("button", name="Change the text").click()
    newsroom.reject(newsroom.comments("late")[0]["id"], "Off topic")
    widget.get_by_role("button", name="Save").click()
    expect(widget.get_by_text("Not published")).to_be_visible()
    expect(widget.get_by_text("Off topic")).to_be_visible()


def test_a_link_finds_its_comment_on_a_later_page_and_deep_in_a_thread(paper: Paper, newsroom: Newsroom) -> None:
    tops = [newsroom.submitted(article="deep", body=f"top {n}") for n in range(23)]
    newsroom.approve(*tops)
    replies = [newsroom.submitted(article="deep", body=f"reply {n}", parent=tops[22]) for n in range(13)]
    newsroom.approve(*replies)
    for target in (tops[21], replies[12]):
        widget = paper.show("deep", hash=f"#comment-{target}")
        expect(widget.locator(f"#comment-{target}")).to_be_focused()
    widget.get_by_role("button", name="Show earlier comments").click()
    expect(widget.get_by_text("top 0")).to_be_visible()
    expect(widget.get_by_role("button", name="Show earlier comments")).to_have_count(0)


def test_a_link_to_what_is_not_there_shows_the_comments(paper: Paper, newsroom: Newsroom) -> None:
    newsroom.approved(article="gone", body="still here")
    widget = paper.show("gone", hash="#comment-" + "0" * 28)
    expect(widget.get_by_text("still here")).to_be_visible()
    assert troubles(paper.page) == []


def test_what_moderators_pinned_says_so_and_stands_first_in_either_order(
    paper: Paper, newsroom: Newsroom, window: OpenWindow
) -> None:
    _, pinned, _ = (newsroom.approved(article="pins", name=name) for name in ("First", "Second", "Third"))
    desk = window().new_page()
    sign_in(desk, newsroom.moderator("Lan"))
    desk.goto(f"/moderate/comments/{pinned}")
    desk.get_by_role("button", name="Pin it above the others").click()
    widget = paper.show("pins")
    threads = widget.get_by_role("article")
    for order, others in (("oldest", ("First", "Third")), ("newest", ("Third", "First"))):
        widget.get_by_label("Order").select_option(order)
        expect(threads.nth(1)).to_have_accessible_name(re.compile(others[0]))
        names = [re.compile("^Second Pinned "), *(re.compile(f"^{name} (?!Pinned)") for name in others)]
        for place, name in enumerate(names):
            expect(threads.nth(place)).to_have_accessible_name(name)
    expect(threads).to_have_count(3)


def test_new_comments_are_announced_not_imposed(paper: Paper, newsroom: Newsroom) -> None:
    newsroom.approved(article="news", body="old")
    widget = paper.show("news")
    newsroom.approved(article="news", body="new one")
    wake = "document.dispatchEvent(new Event('visibilitychange'))"
    more = widget.get_by_role("status").get_by_role("button", name="1 new comment")
    paper.page.evaluate(wake)
    expect(more).to_be_visible()
    expect(widget.get_by_text("new one")).to_have_count(0)
    more.click()
    expect(widget.get_by_text("new one")).to_be_visible()


def test_a_hidden_page_asks_nothing(paper: Paper, newsroom: Newsroom) -> None:
    newsroom.approved(article="hidden")
    paper.show("hidden")
    paper.page.evaluate("Object.defineProperty(Document.prototype, 'hidden', {get: () => true})")
    with paper.page.expect_request("**/api/v1/counts?**") as after:
        paper.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        paper.page.evaluate("fetch('/api/v1/counts?article=the-test-itself')")
    assert "the-test-itself" in after.value.url


def test_a_report_reaches_the_moderators(paper: Paper, newsroom: Newsroom) -> None:
    newsroom.approved(article="report", name="Hoa")
    widget = paper.show("report")
    heard = "new Promise(resolve => addEventListener('comments:reported', event => resolve(event.detail.reason)))"
    paper.page.evaluate(f"window.heard = {heard}; 0")
    widget.get_by_role("button", name="Report: Hoa").click()
    widget.get_by_role("button", name="Insult or threat").click()
    expect(widget.get_by_text("Thank you. A moderator will look.")).to_be_focused()
    assert paper.page.evaluate("heard") == "abuse"
    (comment,) = newsroom.comments("report", "approved")
    assert (comment["reports"], "reported_abuse" in comment["reasons"]) == (1, True)


def test_counts_beside_headlines_are_one_request(paper: Paper, newsroom: Newsroom) -> None:
    newsroom.approved(article="count-a")
    badges = "".join(f'<comment-count article="{one}">?</comment-count>' for one in ("count-a", "count-b", "count-a"))
    paper.show("counts", before=badges)
    for place, number in enumerate("101"):
        expect(paper.page.locator("comment-count").nth(place)).to_have_text(number)
    assert len([url for url in paper.asked if "/api/v1/counts" in url]) == 1


def test_markup_made_on_the_server_is_taken_over_without_asking_again(paper: Paper, newsroom: Newsroom) -> None:
    newsroom.approved(article="made", body="from the server </script><script>hit()</script>")
    fragment = paper.context.request.get("/embed?" + urlencode({"article": "made", "fragment": "1", "lang": "en"}))
    widget = paper.show("made", inside=fragment.text())
    expect(widget.get_by_role("article")).to_have_count(1)
    assert [url for url in paper.asked if "/api/v1/comments?" in url] == []
    assert troubles(paper.page) == []


@pytest.mark.parametrize(
    ("lang", "send", "direction"), [("fr", "Envoyer le commentaire", "ltr"), ("ar", "إرسال التعليق", "rtl")]
)
def test_other_languages_are_fetched_when_they_are_wanted(
    paper: Paper, newsroom: Newsroom, lang: str, send: str, direction: str
) -> None:
    newsroom.approved(article="words")
    widget = paper.show("words", lang=lang)
    expect(widget.get_by_role("button", name=send)).to_be_visible()
    assert widget.locator("section").evaluate("node => getComputedStyle(node).direction") == direction
    assert len([url for url in paper.asked if "/languages/" in url]) == 1
    assert troubles(paper.page) == []


def test_what_the_server_finds_wrong_is_said_in_every_language(paper: Paper) -> None:
    widget = paper.show("faults")
    for path in sorted((resources.folder("static") / "languages").glob("*.json")):
        words = json.loads(path.read_text(encoding="utf-8"))
        widget.evaluate("(node, lang) => node.setAttribute('lang', lang)", path.stem)
        write(widget, words, name="x" * 81, email="no address", body="Hello\u202e")
        most, length = paper.page.evaluate("lang => [80, 81].map(n => n.toLocaleString(lang))", path.stem)
        said = {
            "name": words["too_long"].replace("{most}", most).replace("{length}", length),
            "email": words["bad_email"],
            "body": words["bad_character"].replace("{character}", "U+202E"),
        }
        for field, fault in said.items():
            expect(box(widget, words[field])).to_have_accessible_description(re.compile("^" + re.escape(fault)))


HOSTILE = """<form name="fetch"><input name="createElement"></form><img name="currentScript"><img name="querySelector">
<img name="title"><form id="customElements"></form><a id="localStorage"></a><a id="STRINGS"></a>
<script>Object.prototype.hidden = true; Object.prototype.signal = "x"; Object.prototype.parent = "y";
Object.prototype.problem = "z"; Object.prototype.onclick = () => hit(); Object.prototype.at = () => "a";
Object.prototype.other = "o"; Object.prototype.faults = [{}]; Object.prototype.lang = "xx";</script>
<script src="/widget.js" defer></script>"""


def test_it_survives_a_page_that_clobbers_pollutes_and_loads_it_twice(paper: Paper, newsroom: Newsroom) -> None:
    newsroom.approved(article="hostile", body="still here")
    widget = paper.show("hostile", before=HOSTILE)
    expect(widget.get_by_text("still here")).to_be_visible()
    expect(widget.get_by_role("button", name="Write a comment")).to_have_class("button")
    sent(widget, body="and writes")
    assert [one["body"] for one in newsroom.comments("hostile")] == ["and writes"]
    assert troubles(paper.page) == []


@pytest.mark.parametrize("lang", ["en", "ar"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_any_state(paper: Paper, newsroom: Newsroom, lang: str, scheme: str) -> None:
    article = f"states-{lang}-{scheme}"
    newsroom.approved(article=article, body="read", name="Hoa")
    dark = "<style>:root { color-scheme: dark; background: #111; color: #eee }</style>" if scheme == "dark" else ""
    sent(paper.show(article, before=dark), body="waits")
    widget = paper.show(article, before=dark, lang=lang)
    own = widget.locator(".mine")
    own.locator("button").first.click()
    widget.locator("article button").nth(1).click()
    widget.get_by_role("form").locator("[part=submit]").click()  # faults beside every field
    found = Axe().run(paper.page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]}).response
    assert [(each["id"], [node["html"][:200] for node in each["nodes"]]) for each in found["violations"]] == []


def test_the_keyboard_is_enough(paper: Paper, newsroom: Newsroom) -> None:
    newsroom.approved(article="keys", name="Hoa")
    widget = paper.show("keys")
    keyboard = paper.page.keyboard
    widget.get_by_role("button", name="Reply to Hoa").focus()
    keyboard.press("Enter")
    expect(box(widget, "Comment")).to_be_focused()
    for text in ("Typed, not clicked", "Lan", "lan@reader-mail.vn"):
        keyboard.type(text)
        keyboard.press("Tab")
    for _ in range(2):  # past website and the box
        keyboard.press("Tab")
    keyboard.press("Enter")
    expect(widget.get_by_text("is waiting for review")).to_be_visible()
    assert [one["body"] for one in newsroom.comments("keys")] == ["Typed, not clicked"]


def test_a_screen_reader_hears_a_discussion(paper: Paper, newsroom: Newsroom) -> None:
    top = newsroom.approved(article="tree", name="Hoa", body="First words.")
    newsroom.approved(article="tree", name="Tư", body="An answer.", parent=top)
    widget = paper.show("tree")
    expect(widget.locator("section")).to_match_aria_snapshot("""
      - region "2 comments":
        - heading "2 comments" [level=2]
        - button "Write a comment"
        - list:
          - listitem:
            - article /Hoa/:
              - paragraph: First words.
              - button "Reply to Hoa"
              - 'button "Report: Hoa"'
            - list:
              - listitem:
                - article /Tư/:
                  - paragraph: An answer.
        - form "Write a comment":
          - heading "Write a comment" [level=3]
          - textbox "Comment"
          - textbox "Name"
          - textbox "Email"
          - textbox "Website (optional)"
          - checkbox "Remember my name"
          - button "Send comment"
    """)


def test_twice_as_large_it_still_fits(paper: Paper, newsroom: Newsroom) -> None:
    newsroom.approved(article="large", body="W" * 200)
    paper.page.set_viewport_size({"width": 640, "height": 900})
    paper.show("large", before="<style>html { font-size: 200% } body { margin: 0 }</style>")
    assert paper.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_reading_asks_for_the_widget_and_the_comments_and_nothing_else(paper: Paper, newsroom: Newsroom) -> None:
    newsroom.approved(article="thrift")
    paper.show("thrift")
    asked = [urlsplit(url).path for url in paper.asked if url.startswith("http")]
    assert asked == ["/paper/thrift", "/widget.js", "/api/v1/comments"]
