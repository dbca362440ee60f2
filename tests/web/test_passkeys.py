"""Passkeys at the door: what is no good proof opens nothing, whatever it is. (With a device: tests/browser.)"""

import base64
import json
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from comments import authenticators
from tests.newsroom import PASSWORD, Colleague, hidden

ROOM = "/moderate/passkeys"


def send(colleague: Colleague, path: str, page: str = "/moderate/sign-in", **given: Any) -> TestResponse:
    """A request of static/passkeys.js."""
    headers = {"X-CSRFToken": hidden(colleague.get(page).text, "csrf_token")}
    return colleague.client.post(ROOM + path, json=given, headers=headers)


def answer(challenge: str, **more: Any) -> dict[str, Any]:
    """What a browser might send, without a key behind it."""
    said = json.dumps({"type": "webauthn.get", "challenge": challenge, "origin": "http://localhost"})
    data = base64.urlsafe_b64encode(said.encode()).decode().rstrip("=")
    response = {"clientDataJSON": data, "authenticatorData": "AAAA", "signature": "AAAA", "userHandle": "AAAA"}
    return {"id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": response, **more}


def with_key(colleague: Colleague) -> None:
    """Gives somebody a key that no device has."""
    seen = colleague.house.people.moderator(colleague.name)
    assert seen
    key = {"id": "AAAA", "public_key": "AAAA", "count": 0, "name": "Laptop", "created": 0}
    assert colleague.house.people.keep(seen, passkeys=[key])


@pytest.mark.parametrize(
    "credential",
    [
        None,
        [],
        {},
        {"response": None},
        {"response": {"clientDataJSON": "%%%"}},
        {"response": {"clientDataJSON": 7}},
        {"response": {"clientDataJSON": "e30"}},
        answer("never issued"),
        answer("\ud800"),
    ],
)
def test_what_is_no_answer_is_refused(app: Flask, credential: Any) -> None:
    assert send(Colleague(app), "/sign-in", credential=credential).status_code == 403


@pytest.mark.parametrize("more", [{}, {"id": "BBBB"}, {"rawId": "BBBB"}, {"type": "x"}, {"response": {}}, {"id": []}])
def test_a_forged_answer_to_a_challenge_of_ours_opens_nothing(app: Flask, more: dict[str, Any]) -> None:
    lan = Colleague(app)
    with_key(lan)
    challenge = send(lan, "/ask").json["challenge"]
    credential = answer(challenge)
    credential |= more if more != {"response": {}} else {"response": {**credential["response"], "signature": None}}
    assert send(lan, "/sign-in", credential=credential).status_code == 403
    assert lan.get("/moderate/").status_code == 303


def test_a_challenge_is_good_once_and_for_its_person(app: Flask) -> None:
    people = Colleague(app).house.people
    challenge = people.issue_challenge("Lan")
    assert [people.use_challenge(challenge), people.use_challenge(challenge)] == ["Lan", None]


def test_making_a_key_needs_the_password_and_asks_for_a_person(app: Flask) -> None:
    lan = Colleague(app).signed_in()
    assert send(lan, "/new", page="/moderate/account", current="wrong").status_code == 403
    options = send(lan, "/new", page="/moderate/account", current=PASSWORD).json
    wanted = options["authenticatorSelection"]
    assert (wanted["residentKey"], wanted["userVerification"]) == ("required", "required")
    assert options["rp"]["id"] == "localhost"
    junk = answer(options["challenge"])
    assert send(lan, "", page="/moderate/account", credential=junk).status_code == 403


def test_asking_without_end_is_throttled(app: Flask) -> None:
    lan = Colleague(app)
    statuses = {send(lan, "/ask").status_code for _ in range(25)}
    assert statuses == {200, 429}


def test_removing_a_key_needs_the_password(app: Flask) -> None:
    lan = Colleague(app).signed_in()
    with_key(lan)
    assert lan.post(f"{ROOM}/remove", id="AAAA", current="wrong").status_code == 403
    assert lan.post(f"{ROOM}/remove", id="AAAA", current=PASSWORD).status_code == 303
    seen = lan.house.people.moderator("Lan")
    assert seen
    assert seen.passkeys == ()


def test_without_the_extra_there_are_none(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authenticators, "AVAILABLE", False)
    assert send(Colleague(app), "/ask").status_code == 404


CODE = "/moderate/code"


def test_a_password_alone_does_not_open_the_door_of_somebody_with_a_passkey(app: Flask) -> None:
    lan = Colleague(app)
    with_key(lan)
    assert lan.sign_in().location.startswith(CODE)
    assert lan.get("/moderate/").status_code == 303
    assert lan.get("/moderate/account").status_code == 303
    page = lan.get(CODE).text
    assert "Use a passkey" in page
    assert 'name="code"' not in page, "there is no app to read a code from"
    assert lan.post(CODE, page=CODE, code="123456").status_code == 401
    assert lan.get("/moderate/").status_code == 303


def test_a_new_password_does_not_replace_the_passkey(app: Flask) -> None:
    chief, lan = Colleague(app, "Chief", "admin"), Colleague(app)
    with_key(lan)
    path = f"/moderate/join/{chief.house.people.issue_link('moderator', by='Chief', name='Lan')}"
    assert lan.post(path, page=path, password="ba con vịt xòe ra").location.startswith(CODE)
    assert lan.get("/moderate/").status_code == 303


def test_an_administrator_helps_somebody_who_has_lost_the_device(app: Flask) -> None:
    chief, lan = Colleague(app, "Chief", "admin").signed_in(), Colleague(app)
    with_key(lan)
    room, asked = "/moderate/people", {"name": "Lan", "do": "no-second-factor", "current": PASSWORD}
    assert chief.post(f"{room}/change", page=room, **asked).status_code == 303
    assert not lan.sign_in().location.startswith(CODE)
    assert lan.get("/moderate/").status_code == 200


def test_where_passkeys_cannot_be_checked_they_are_not_asked_for(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authenticators, "AVAILABLE", False)
    lan = Colleague(app)
    with_key(lan)
    assert not lan.sign_in().location.startswith(CODE)
