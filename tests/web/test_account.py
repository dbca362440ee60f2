"""One's own account: password, second step, sessions."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from comments import passwords
from comments.second_factor import STEP, code_at
from tests.newsroom import PASSWORD, Colleague, hidden

APP = "/moderate/account/app"
NEW = "ba con vịt xòe ra"


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.time = 1_800_000_000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(make_app: Callable[..., Flask], clock: Clock) -> Flask:
    return make_app(now=clock)


@pytest.fixture
def lan(app: Flask) -> Colleague:
    return Colleague(app).signed_in()


def with_app(colleague: Colleague, clock: Clock) -> tuple[bytes, list[str]]:
    """Sets up an authenticator app; its secret and the recovery codes."""
    page = colleague.get(APP).text
    sealed = hidden(page, "sealed")
    secret = colleague.house.second_factor.open(sealed, colleague.name)
    assert secret
    code = code_at(secret, int(clock.time) // STEP)
    answer = colleague.post(APP, sealed=sealed, code=code, current=PASSWORD)
    assert answer.status_code == 200, answer.text
    clock.time += STEP
    return secret, re.findall(r"<li><code>(.+?)</code>", answer.text)


def enter(colleague: Colleague, code: str) -> Any:
    return colleague.post("/moderate/code", page="/moderate/code", code=code)


def test_a_new_password_needs_the_present_one_and_ends_the_other_sessions(app: Flask, lan: Colleague) -> None:
    elsewhere = Colleague(app, known=True).signed_in()
    path = "/moderate/account/password"
    assert "not right" in lan.post(path, current="wrong", password=NEW).text
    assert lan.post(path, current=PASSWORD, password="password1").status_code == 422
    assert lan.post(path, current=PASSWORD, password=NEW).status_code == 303
    assert lan.get("/moderate/account").status_code == 200
    assert elsewhere.get("/moderate/account").status_code == 303
    assert Colleague(app, known=True).sign_in().status_code == 401
    assert Colleague(app, known=True).sign_in(NEW).status_code == 303


def test_guessing_the_present_password_is_throttled(lan: Colleague) -> None:
    answers = [lan.post("/moderate/account/password", current=f"{n}", password=NEW).text for n in range(8)]
    assert "too many attempts" in answers[-1]


def test_a_password_is_hashed_again_when_the_parameters_have_changed(app: Flask) -> None:
    old = passwords.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    lan = Colleague(app)
    lan.house.people.set_password("Lan", old)
    lan.signed_in()
    moderator = lan.house.people.moderator("Lan")
    assert moderator
    assert moderator.password_hash != old
    assert not passwords.needs_rehash(moderator.password_hash or "")
    assert lan.get("/moderate/account").status_code == 200, "the session stays"


def test_the_second_step_is_asked_for_after_the_password(app: Flask, lan: Colleague, clock: Clock) -> None:
    secret, _ = with_app(lan, clock)
    assert lan.get("/moderate/").status_code == 200, "this browser stays signed in"
    again = Colleague(app, known=True)
    assert again.sign_in().location == "/moderate/code?lang=en"
    assert again.get("/moderate/").location == "/moderate/sign-in?lang=en", "half-way is not in"
    assert enter(again, "000000").status_code == 401
    before = again.client.get_cookie("comments_session")
    assert enter(again, code_at(secret, int(clock.time) // STEP)).status_code == 303
    assert again.client.get_cookie("comments_session") != before
    assert again.get("/moderate/").status_code == 200


def test_a_code_counts_once(app: Flask, lan: Colleague, clock: Clock) -> None:
    secret, _ = with_app(lan, clock)
    code = code_at(secret, int(clock.time) // STEP)
    statuses = []
    for _ in range(2):
        again = Colleague(app, known=True)
        again.sign_in()
        statuses.append(enter(again, code).status_code)
    assert statuses == [303, 401]


def test_of_two_uses_of_one_code_at_the_same_moment_one_counts(
    app: Flask, lan: Colleague, clock: Clock, together: Callable[..., list[Any]]
) -> None:
    secret, _ = with_app(lan, clock)
    code = code_at(secret, int(clock.time) // STEP)
    browsers = [Colleague(app, known=True) for _ in range(4)]
    for browser in browsers:
        browser.sign_in()
    tokens = [hidden(browser.get("/moderate/code").text, "csrf_token") for browser in browsers]

    def send(browser: Colleague, token: str) -> Callable[[], int]:
        data = {"csrf_token": token, "code": code}
        return lambda: browser.client.post("/moderate/code", data=data).status_code

    statuses = together([send(browser, token) for browser, token in zip(browsers, tokens, strict=True)])
    assert sorted(statuses) == [303, 401, 401, 401]


def test_a_recovery_code_opens_once_and_is_not_kept(app: Flask, lan: Colleague, clock: Clock) -> None:
    _, codes = with_app(lan, clock)
    assert len(codes) == 10
    statuses = []
    for _ in range(2):
        again = Colleague(app, known=True)
        again.sign_in()
        statuses.append(enter(again, codes[0]).status_code)
    assert statuses == [303, 401]
    moderator = lan.house.people.moderator("Lan")
    assert moderator
    assert len(moderator.recovery) == 9
    assert codes[1] not in moderator.record


def test_guessing_codes_is_throttled_from_wherever_they_come(app: Flask, lan: Colleague, clock: Clock) -> None:
    secret, _ = with_app(lan, clock)
    for _ in range(6):
        again = Colleague(app, known=True)
        again.sign_in()
        enter(again, "000000")
        clock.time += 1
        lan.house.people.forgive("Lan", "127.0.0.1")
    again = Colleague(app, known=True)
    again.sign_in()
    assert enter(again, code_at(secret, int(clock.time) // STEP)).status_code == 401, "the right one waits as well"
    clock.time += 60
    assert enter(again, code_at(secret, int(clock.time) // STEP)).status_code == 303


def test_removing_the_app_needs_the_password(app: Flask, lan: Colleague, clock: Clock) -> None:
    with_app(lan, clock)
    assert lan.post(APP, remove="1", current="wrong").status_code == 422
    assert lan.post(APP, remove="1", current=PASSWORD).status_code == 303
    assert Colleague(app, known=True).sign_in().location == "/moderate/?lang=en"


def test_an_app_is_set_up_with_a_code_that_it_shows(lan: Colleague) -> None:
    sealed = hidden(lan.get(APP).text, "sealed")
    assert lan.post(APP, sealed=sealed, code="000000", current=PASSWORD).status_code == 422
    assert lan.post(APP, sealed="planted", code="000000", current=PASSWORD).status_code == 422
    moderator = lan.house.people.moderator("Lan")
    assert moderator
    assert moderator.totp is None


def test_new_recovery_codes_replace_the_old(app: Flask, lan: Colleague, clock: Clock) -> None:
    _, old = with_app(lan, clock)
    assert lan.post("/moderate/account/recovery", current="wrong").status_code == 422
    new = re.findall(r"<li><code>(.+?)</code>", lan.post("/moderate/account/recovery", current=PASSWORD).text)
    assert len(set(old + new)) == 20
    again = Colleague(app, known=True)
    again.sign_in()
    assert [enter(again, code).status_code for code in (old[0], new[0])] == [401, 303]


def test_the_secret_is_sealed_in_the_store(lan: Colleague, clock: Clock) -> None:
    secret, _ = with_app(lan, clock)
    record = lan.house.client.command("HGET", "comments:{people}:moderators", "Lan")
    assert secret not in record
    assert secret.hex().encode() not in record


@pytest.mark.parametrize(("setting", "role", "asked"), [
    ("offered", "admin", False),
    ("admins", "moderator", False),
    ("admins", "admin", True),
    ("everyone", "reader-of-log", True),
])  # fmt: skip
def test_the_settings_say_who_needs_a_second_step(
    make_app: Callable[..., Flask], clock: Clock, setting: str, role: str, asked: bool
) -> None:
    lan = Colleague(make_app(now=clock, second_factor=setting), role=role).signed_in()
    closed = "/moderate/people" if role == "admin" else "/moderate/"
    if asked:
        page = lan.get("/moderate/account")
        assert "Your role needs a second step" in page.text
        if role == "admin":
            assert lan.get(closed).location == "/moderate/account?lang=en"
        with_app(lan, clock)
    assert lan.get(closed).status_code == (403 if role == "reader-of-log" else 200)


def test_one_sees_and_ends_ones_own_sessions(app: Flask, lan: Colleague) -> None:
    phone = Colleague(app, known=True)
    phone.client.environ_base["HTTP_USER_AGENT"] = "Mozilla/5.0 (Android 16; Mobile; rv:140.0) Firefox/140.0"
    phone.signed_in()
    page = lan.get("/moderate/account").text
    assert "Firefox · Android" in page
    assert page.count("this browser") == 1
    handle = re.findall(r'name="handle" value="([0-9a-f]{16})"', page)
    assert len(handle) == 1
    lan.post("/moderate/account/sessions", handle=handle[0])
    assert phone.get("/moderate/").status_code == 303
    assert lan.get("/moderate/").status_code == 200


def test_nobody_ends_another_ones_session_by_its_handle(app: Flask, lan: Colleague) -> None:
    minh = Colleague(app, "Minh").signed_in()
    (device,) = minh.house.people.devices("Minh")
    lan.post("/moderate/account/sessions", handle=device.handle)
    assert minh.get("/moderate/").status_code == 200


def test_everywhere_else_ends_all_but_this(app: Flask, lan: Colleague) -> None:
    others = [Colleague(app, known=True).signed_in() for _ in range(2)]
    lan.post("/moderate/account/sessions", handle="others")
    assert [other.get("/moderate/").status_code for other in others] == [303, 303]
    assert lan.get("/moderate/").status_code == 200
