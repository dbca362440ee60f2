"""The doors of the review page, as HTML: signing in, and the welcome behind the one-time link."""

import re

import pytest
from flask import Flask

from comments import passwords
from comments.web.here import House

PASSWORD = "bồ câu trắng trên mái"


def token_of(page: str) -> str:
    return page.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]


def field(page: str, name: str) -> str:
    """The markup of a form's field."""
    (found,) = re.findall(rf'<input id="{name}"[^>]*>', page)
    return str(found)


def alert(page: str) -> str:
    (found,) = re.findall(r'<p[^>]* role="alert"[^>]*>(.*?)</p>', page)
    return str(found)


@pytest.mark.parametrize(("language", "says"), [("en", "Sign in"), ("vi", "Đăng nhập")])
def test_the_door_speaks_the_readers_language(app: Flask, language: str, says: str) -> None:
    page = app.test_client().get(f"/moderate/sign-in?lang={language}").text
    assert f"<h1>{says}</h1>" in page
    other = {"en": "vi", "vi": "en"}[language]
    assert f'href="/moderate/sign-in?lang={other}"' in page


def test_password_managers_know_the_fields(app: Flask) -> None:
    page = app.test_client().get("/moderate/sign-in").text
    assert 'autocomplete="username"' in field(page, "name")
    assert 'autocomplete="current-password"' in field(page, "password")
    for name in ("name", "password"):
        assert f'<label for="{name}">' in page


def test_what_was_wrong_is_announced_and_the_password_is_not_sent_back(app: Flask) -> None:
    client = app.test_client()
    token = token_of(client.get("/moderate/sign-in").text)
    fields = {"name": 'Lan "Q"', "password": "an unlikely word", "csrf_token": token}
    answer = client.post("/moderate/sign-in?lang=en", data=fields)
    assert answer.status_code == 401
    assert "not right" in alert(answer.text)
    assert 'value="Lan &#34;Q&#34;"' in field(answer.text, "name")
    assert "an unlikely word" not in answer.text
    assert 'aria-describedby="error"' in field(answer.text, "password")


def test_a_door_that_stood_open_too_long_says_so(app: Flask) -> None:
    answer = app.test_client().post("/moderate/sign-in?lang=en", data={"name": "Lan", "password": PASSWORD})
    assert answer.status_code == 400
    assert "too old" in alert(answer.text)


def test_the_language_stays_through_signing_in_and_out(app: Flask, house: House) -> None:
    house.people.add_moderator("Lan", password_hash=passwords.hash_password(PASSWORD))
    client = app.test_client()
    fields = {"name": "Lan", "password": PASSWORD, "csrf_token": token_of(client.get("/moderate/sign-in").text)}
    answer = client.post("/moderate/sign-in?lang=vi", data=fields)
    assert answer.location == "/moderate/?lang=vi"
    page = client.get(answer.location).text
    assert "Chờ duyệt" in page
    answer = client.post("/moderate/sign-out?lang=vi", data={"csrf_token": token_of(page)})
    assert answer.location == "/moderate/sign-in?lang=vi"


def test_whoever_is_signed_in_goes_straight_to_the_queue(app: Flask, house: House) -> None:
    house.people.add_moderator("Lan", password_hash=passwords.hash_password(PASSWORD))
    client = app.test_client()
    fields = {"name": "Lan", "password": PASSWORD, "csrf_token": token_of(client.get("/moderate/sign-in").text)}
    client.post("/moderate/sign-in", data=fields)
    assert client.get("/moderate/sign-in").location == "/moderate/"


def test_the_welcome_asks_for_a_new_password_and_says_what_is_good(app: Flask, house: House) -> None:
    page = app.test_client().get(f"/moderate/welcome/{house.people.issue_setup_link()}?lang=en").text
    assert 'autocomplete="new-password"' in field(page, "password")
    assert 'aria-describedby="password-hint"' in field(page, "password")
    assert "At least 8 characters; 15 or more are better." in page


@pytest.mark.parametrize(
    ("name", "password", "says"),
    [
        ("", PASSWORD, "Vui lòng nhập tên"),
        ("Lan", "bé tí", "quá ngắn"),
        ("Lan", "dài " * 80, "quá dài"),
        ("Lan", "password123", "rất dễ đoán"),
        ("Lan Hương", "ôi lan hương ơi", "chứa tên của bạn"),
    ],
)
def test_a_weak_start_is_refused_in_words(app: Flask, house: House, name: str, password: str, says: str) -> None:
    path = f"/moderate/welcome/{house.people.issue_setup_link()}?lang=vi"
    client = app.test_client()
    fields = {"name": name, "password": password, "csrf_token": token_of(client.get(path).text)}
    answer = client.post(path, data=fields)
    assert answer.status_code == 422
    assert says in alert(answer.text)
    assert password not in answer.text
    assert house.people.moderators() == []


def test_a_used_link_says_what_to_do(app: Flask) -> None:
    answer = app.test_client().get("/moderate/welcome/none-of-ours?lang=en", headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert "Restart the service for a new one" in answer.text
