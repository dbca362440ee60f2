"""What tests in a browser share: Chromium, a running service, and windows of people who look at it."""

import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from comments import resources
from tests.browser.newsroom import Newsroom, watch
from tests.service import Service, serving

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

EXAMPLES = resources.folder("config").parent / "docs" / "examples"

OpenWindow = Callable[..., BrowserContext]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker("browser")
            item.add_marker(pytest.mark.skipif(not CHROMIUM, reason="needs Chromium (chromium or google-chrome)"))


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=5_000)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    """Settings of the module's service, as in the environment."""
    return {}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of the module's service."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def service(home: Path, settings: dict[str, str]) -> Iterator[Service]:
    """The real `comments serve`, one for each module."""
    with serving(home, **{"COMMENTS_SUBMIT_LIMIT": "", **settings}) as started:
        Paper.service = f"http://127.0.0.1:{started.port}"
        yield started


@pytest.fixture(scope="module")
def newsroom(service: Service, home: Path) -> Newsroom:
    """What stands behind the pages of the module's service."""
    return Newsroom(service, home)


class Paper(BaseHTTPRequestHandler):
    """The host pages of docs/examples as they are, but for the service's address."""

    service = ""

    def do_GET(self) -> None:
        path = EXAMPLES / Path(self.path).name
        if path.suffix != ".html":
            self.send_error(404)
            return
        page = path.read_text(encoding="utf-8").replace("https://comments.example", self.service).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def paper() -> Iterator[str]:
    """The origin of the host pages; they use the module's service."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Paper) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def window(browser: Browser, service: Service) -> Iterator[OpenWindow]:
    """Opens a browser window of somebody's own: `window(locale="vi-VN", java_script_enabled=False)`."""
    opened: list[BrowserContext] = []

    def open_window(**options: Any) -> BrowserContext:
        chosen = {"locale": "en-GB", "base_url": f"http://127.0.0.1:{service.port}", **options}
        opened.append(browser.new_context(**chosen))
        watch(opened[-1])
        return opened[-1]

    yield open_window
    for context in opened:
        context.close()
