"""The host pages as they look, compared with pictures of them.

All text is set in a font of blocks, so that pictures do not depend on the fonts of a machine. A picture that is missing
is made: look at it before you keep it.
"""

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenWindow
from tests.browser.newsroom import EN, VI, Newsroom, fill

LOOKS = Path(__file__).with_name("looks")
TOLERANCE = 0.0004  # of the pixels: how browsers round edges, and draw arrows and ticks of their own
ARTICLES = {"classic": "phien-cho-noi", "magazine": "the-last-projectionist", "mobile": "rain-ends-a-drought"}
LATER = timedelta(days=3, hours=1)  # when it is looked at: every comment says the same


@pytest.fixture(scope="module")
def settings(paper: str) -> dict[str, str]:
    return {"COMMENTS_ALLOWED_ORIGINS": paper}


@pytest.fixture(scope="module")
def discussions(newsroom: Newsroom) -> None:
    """Two threads of different lengths under each page, one with a link, one with an answer."""
    for article in ARTICLES.values():
        top = newsroom.approved(
            article=article,
            name="Nguyễn Thị Hoa",
            website="https://hoa.example",
            body="Hai mươi năm trước chợ còn kín sông.\n\nXem thêm https://a.example/cho-noi?nam=2006 nữa. " * 2,
        )
        newsroom.approved(article=article, name="Tư", body="Đúng vậy.", parent=top)
        newsroom.approved(article=article, name="Khách quen ở xa", body="Một câu ngắn.")


@pytest.fixture
def page(window: OpenWindow, paper: str, discussions: None) -> Page:
    """A page whose texts are all in the font of blocks from the first moment, bold ones in larger blocks."""
    context = window(base_url=paper, bypass_csp=True, reduced_motion="reduce")
    faces = {weight: b64encode((LOOKS / f"blocks-{weight}.woff2").read_bytes()).decode() for weight in ("400", "700")}
    context.add_init_script(f"const faces = {json.dumps(faces)}; {SET_IN_BLOCKS}")
    page = context.new_page()
    page.clock.set_fixed_time(datetime.now(UTC) + LATER)
    return page


SET_IN_BLOCKS = """
  for (const [weight, data] of Object.entries(faces)) {
    const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt());
    document.fonts.add(new FontFace("Blocks", bytes, { weight }));
  }
  const sheet = new CSSStyleSheet();
  sheet.replaceSync("* { font-family: Blocks !important }");
  document.adoptedStyleSheets = [sheet];
"""


def differing(page: Page, first: bytes, second: bytes) -> dict[str, Any]:
    """The share of pixels of two pictures that a person could tell apart, and where they are."""
    pictures = [f"data:image/png;base64,{b64encode(picture).decode()}" for picture in (first, second)]
    page.goto("about:blank")
    found: dict[str, Any] = page.evaluate(COMPARE, pictures)
    return found


COMPARE = """async (addresses) => {
  const [a, b] = await Promise.all(addresses.map(async (address) => {
    const picture = await createImageBitmap(await (await fetch(address)).blob());
    const context = new OffscreenCanvas(picture.width, picture.height).getContext("2d");
    context.drawImage(picture, 0, 0);
    return context.getImageData(0, 0, picture.width, picture.height);
  }));
  const sizes = [a.width, a.height, b.width, b.height];
  if (a.width !== b.width || a.height !== b.height) return { share: 1, sizes };
  let count = 0, left = a.width, right = 0, top = a.height, bottom = 0;
  for (let at = 0; at < a.data.length; at += 4) {
    if ([0, 1, 2].every((channel) => Math.abs(a.data[at + channel] - b.data[at + channel]) <= 8)) continue;
    const x = (at / 4) % a.width, y = Math.floor(at / 4 / a.width);
    [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
    count++;
  }
  return { share: count / (a.width * a.height), sizes, box: [left, top, right, bottom] };
}"""


@pytest.mark.parametrize(
    ("name", "width"),
    [("classic", 1280), ("classic", 360), ("magazine", 1280), ("magazine", 360), ("mobile", 360)],
)
def test_it_looks_as_it_did(page: Page, name: str, width: int, tmp_path: Path) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"/{name}.html")
    if name == "mobile":
        (_, frame) = page.frames
        frame.get_by_role("article").nth(2).wait_for()
        frame.evaluate("document.querySelectorAll('time').forEach((time) => { time.textContent = '3 days ago' })")
        height = frame.evaluate("Math.ceil(document.documentElement.getBoundingClientRect().height)")
        expect(page.locator("iframe")).to_have_attribute("height", str(height))
    else:
        widget = page.locator("article-comments")
        widget.get_by_role("form").wait_for()
        words = VI if name == "classic" else EN
        if name == "classic":  # with a comment of the reader's own that waits
            fill(widget, words, body="Tôi cũng nhớ cái chợ ấy.")
        widget.get_by_role("button", name=words["send"]).click()
        expect(widget.locator(".mine .notice" if name == "classic" else ".wrong:not(:empty)").first).to_be_visible()
    page.mouse.move(0, 0)  # over nothing
    seen = page.screenshot(full_page=True)
    kept = LOOKS / f"{name}-{width}.png"
    if not kept.exists():
        kept.write_bytes(seen)
        pytest.fail(f"{kept} is new: look at it")
    found = differing(page, kept.read_bytes(), seen)
    now = tmp_path / kept.name
    now.write_bytes(seen)
    assert found["share"] <= TOLERANCE, f"{found}; it looks like {now} now; if it should, that is the new {kept}"
