"""What tests in a browser share: Chromium, a running service, and windows of people who look at it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

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
        yield started


@pytest.fixture(scope="module")
def newsroom(service: Service, home: Path) -> Newsroom:
    """What stands behind the pages of the module's service."""
    return Newsroom(service, home)


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
