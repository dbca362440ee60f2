"""The widget on somebody else's page, under that page's own strict content policy."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenWindow
from tests.browser.newsroom import EN, Newsroom, troubles, write
from tests.service import Service


class News(BaseHTTPRequestHandler):
    """A news page that embeds the widget in two lines."""

    service = ""

    def do_GET(self) -> None:
        if self.path != "/story":
            self.send_error(404)
            return
        html = (
            '<!doctype html><html lang="en"><title>A story</title><link rel="icon" href="data:,">'
            f'<script src="{self.service}/widget.js" defer></script>'
            '<article-comments article="story"></article-comments>'
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        policy = f"default-src 'none'; img-src data:; script-src {self.service}; connect-src {self.service}"
        self.send_header("Content-Security-Policy", policy)
        self.send_header("Content-Length", str(len(html)))
        self.end_headers()
        self.wfile.write(html)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def news() -> Iterator[int]:
    """The port of the news site; as 127.0.0.1 it may submit, as localhost it is another origin that may not."""
    with ThreadingHTTPServer(("127.0.0.1", 0), News) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def settings(news: int) -> dict[str, str]:
    return {"COMMENTS_ALLOWED_ORIGINS": f"http://127.0.0.1:{news}"}


@pytest.fixture
def page(window: OpenWindow, service: Service, newsroom: Newsroom) -> Page:
    News.service = f"http://127.0.0.1:{service.port}"
    return window().new_page()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_every_origin_may_read(page: Page, news: int, newsroom: Newsroom, host: str) -> None:
    newsroom.approved(article="story", body=f"Read on {host}")
    page.goto(f"http://{host}:{news}/story")
    expect(page.get_by_role("article").filter(has_text=f"Read on {host}")).to_be_visible()
    assert troubles(page) == []


def test_an_allowed_origin_may_submit(page: Page, news: int) -> None:
    page.goto(f"http://127.0.0.1:{news}/story")
    write(page, EN)
    expect(page.get_by_text("Your comment is waiting for review.")).to_be_visible()
    page.get_by_role("link", name="Follow what happens to it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Waiting for review")


def test_any_other_origin_may_not_and_the_text_is_kept(page: Page, news: int, newsroom: Newsroom) -> None:
    before = len(newsroom.comments("story"))
    page.goto(f"http://localhost:{news}/story")
    write(page, EN, body="From elsewhere")
    expect(page.get_by_role("status").filter(has_text="still here")).to_be_visible()
    expect(page.get_by_role("textbox", name="Comment", exact=True)).to_have_value("From elsewhere")
    assert len(newsroom.comments("story")) == before
