"""The rooms beside the queue in a browser: account, people, log and numbers; and passkeys with a device of software."""

import base64
import time
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from comments.second_factor import STEP, code_at
from tests.browser.conftest import OpenWindow
from tests.browser.newsroom import PASSWORD, Newsroom, box, sign_in, troubles
from tests.service import Service, run

ROOMS = ["account", "account/app", "people", "people/tokens", "log", "numbers"]


@pytest.fixture(scope="module")
def chief(newsroom: Newsroom, home: Any) -> str:
    """The name of an administrator, of a newsroom where something has happened."""
    add = ("moderator", "add", "Chief", "--role", "admin", "--password-stdin", "--data", str(home))
    assert run(*add, typed=PASSWORD + "\n").returncode == 0
    newsroom.approved(body="Nhìn-kìa-" * 40, name="W" * 80, article="a" * 300)
    newsroom.submitted()
    return "Chief"


@pytest.mark.parametrize("room", ROOMS)
def test_axe_finds_nothing_and_a_small_phone_has_room(window: OpenWindow, chief: str, room: str) -> None:
    page = window(reduced_motion="reduce").new_page()
    sign_in(page, chief)
    page.goto(f"/moderate/{room}")
    for each in page.locator("details:visible").all():
        each.evaluate("(details) => (details.open = true)")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found = Axe().run(page).response["violations"]
        assert [(scheme, each["id"], [node["html"][:200] for node in each["nodes"]]) for each in found] == []
    for width in (320, 360):
        page.set_viewport_size({"width": width, "height": 640})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert troubles(page) == []


def with_device(window: OpenWindow, service: Service, **options: bool) -> Page:
    """A window on a machine with a device for passkeys, made of software. Passkeys need a host with a name."""
    page = window(base_url=f"http://localhost:{service.port}").new_page()
    browser = page.context.new_cdp_session(page)
    browser.send("WebAuthn.enable")
    device = {"hasResidentKey": True, "hasUserVerification": True, "isUserVerified": True, **options}
    device |= {"protocol": "ctap2", "transport": "internal", "automaticPresenceSimulation": True}
    browser.send("WebAuthn.addVirtualAuthenticator", {"options": device})
    return page


def add_passkey(page: Page) -> None:
    page.goto("/moderate/account")
    page.get_by_text("Add a passkey").click()
    form = page.locator("form[data-passkey=make]")
    box(form, "Name of the device").fill("Laptop")
    form.get_by_label("Your present password").fill(PASSWORD)
    form.get_by_role("button", name="Make a passkey").click()


def test_a_passkey_signs_in_without_name_and_password(window: OpenWindow, service: Service, newsroom: Newsroom) -> None:
    page = with_device(window, service)
    sign_in(page, newsroom.moderator("Hoa"))
    add_passkey(page)
    expect(page.get_by_text("Laptop")).to_be_visible()
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("link", name="Hoa")).to_be_visible()
    assert troubles(page) == []


def test_after_the_password_comes_the_passkey(window: OpenWindow, service: Service, newsroom: Newsroom) -> None:
    page = with_device(window, service)
    name = newsroom.moderator("Thu")
    sign_in(page, name)
    add_passkey(page)
    expect(page.get_by_text("Laptop")).to_be_visible()
    page.get_by_role("button", name="Sign out", exact=True).click()
    box(page, "Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Second step")).to_be_visible()
    expect(page.get_by_text("This browser cannot use passkeys")).to_be_hidden()
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("link", name="Thu")).to_be_visible()
    assert troubles(page) == []


def test_a_removed_passkey_opens_nothing(window: OpenWindow, service: Service, newsroom: Newsroom) -> None:
    page = with_device(window, service)
    sign_in(page, newsroom.moderator("Nam"))
    add_passkey(page)
    page.get_by_label("Remove Laptop").click()
    form = page.locator("form[action*='passkeys/remove']")
    form.get_by_label("Your present password").fill(PASSWORD)
    form.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("Laptop")).to_have_count(0)
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_text("This passkey is not known here")).to_be_visible()


def test_a_device_that_does_not_know_its_person_is_not_enough(
    window: OpenWindow, service: Service, newsroom: Newsroom
) -> None:
    page = with_device(window, service, hasUserVerification=False)
    sign_in(page, newsroom.moderator("Vy"))
    add_passkey(page)
    expect(page.get_by_text("No passkey was made.")).to_be_visible()


def test_an_app_is_set_up_and_asked_for(window: OpenWindow, newsroom: Newsroom) -> None:
    page = window().new_page()
    sign_in(page, newsroom.moderator("Tú"))
    page.goto("/moderate/account/app")
    secret = page.locator(".secret").inner_text().replace(" ", "")
    assert page.get_by_role("img", name="QR code").is_visible()

    def code(steps: int) -> str:
        return code_at(base64.b32decode(secret), int(time.time()) // STEP + steps)

    box(page, "The code that the app shows now").fill(code(0))
    page.get_by_label("Your present password").fill(PASSWORD)
    page.get_by_role("button", name="Switch it on").click()
    expect(page.get_by_role("list", name="Recovery codes").get_by_role("listitem")).to_have_count(10)
    page.get_by_role("link", name="I have kept them").click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    box(page, "Name").fill("Tú")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    box(page, "Code").fill(code(1))
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("link", name="Tú")).to_be_visible()
