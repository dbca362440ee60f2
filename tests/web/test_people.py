"""The newsroom's people: invitations, roles, removal, and who may do this."""

import html
import re
from collections.abc import Callable
from contextlib import suppress

import pytest
from flask import Flask

from comments.errors import AlreadyExists
from comments.store.log import LogFilter
from comments.web.here import House
from tests.newsroom import PASSWORD, Colleague, hidden
from tests.people import Moderator

PEOPLE = "/moderate/people"
NEW = "ba con vịt xòe ra"


@pytest.fixture
def chief(app: Flask) -> Colleague:
    return Colleague(app, "Chief", "admin").signed_in()


def change(chief: Colleague, name: str, do: str, current: str = PASSWORD, **more: str) -> int:
    return chief.post(f"{PEOPLE}/change", page=PEOPLE, name=name, do=do, current=current, **more).status_code


def link_in(page: str) -> str:
    """The path of the one-time link that a page shows."""
    found = re.search(r'id="link">http://localhost(/moderate/join/[^<]+)<', page)
    assert found, page
    return html.unescape(found[1])


def invited(chief: Colleague, role: str = "moderator") -> str:
    return link_in(chief.post(f"{PEOPLE}/invite", page=PEOPLE, role=role, current=PASSWORD).text)


def join(app: Flask, path: str, name: str = "Minh", password: str = NEW) -> int:
    client = app.test_client()
    page = client.get(path)
    if page.status_code != 200:
        return page.status_code
    fields = {"csrf_token": hidden(page.text, "csrf_token"), "name": name, "password": password}
    return client.post(path, data=fields).status_code


@pytest.mark.parametrize("role", ["reader-of-log", "moderator", "admin"])
def test_an_invitation_makes_one_colleague_of_its_role(app: Flask, chief: Colleague, role: str) -> None:
    path = invited(chief, role)
    assert [join(app, path), join(app, path, "Another")] == [303, 404]
    minh = chief.house.people.moderator("Minh")
    assert minh
    assert minh.role == role
    assert chief.house.people.moderator("Another") is None


def test_a_refused_name_or_password_does_not_use_the_invitation_up(app: Flask, chief: Colleague) -> None:
    path = invited(chief)
    assert [join(app, path, "Chief"), join(app, path, password="password1"), join(app, path)] == [422, 422, 303]


def test_an_invitation_is_good_for_half_an_hour(app: Flask, chief: Colleague) -> None:
    invited(chief)
    (key,) = chief.house.client.command("KEYS", "*:link:*")
    assert 29 * 60 <= chief.house.client.command("TTL", key) <= 30 * 60


def test_inviting_and_changing_need_the_password_once_more(chief: Colleague) -> None:
    assert chief.post(f"{PEOPLE}/invite", page=PEOPLE, role="admin", current="wrong").status_code == 422
    assert change(chief, "Chief", "sessions", current="") == 422
    assert chief.house.client.command("KEYS", "*:link:*") == []


@pytest.mark.parametrize("signed_in_as", ["moderator", "admin"])
def test_a_new_role_counts_from_the_next_request_on(app: Flask, chief: Colleague, signed_in_as: str) -> None:
    minh = Colleague(app, "Minh", signed_in_as).signed_in()
    assert minh.get("/moderate/").status_code == 200
    assert change(chief, "Minh", "role", role="reader-of-log") == 303
    assert minh.get("/moderate/").status_code == 403
    assert minh.get(PEOPLE).status_code == 403
    assert change(chief, "Minh", "role", role="admin") == 303
    assert minh.get(PEOPLE).status_code == 200


def test_a_removed_colleague_is_out_at_once_and_also_under_the_same_name_again(app: Flask, chief: Colleague) -> None:
    minh = Colleague(app, "Minh").signed_in()
    cookie = minh.client.get_cookie("comments_session")
    assert change(chief, "Minh", "remove") == 303
    assert minh.get("/moderate/").status_code == 303
    again = Colleague(app, "Minh")
    assert cookie
    again.client.set_cookie("comments_session", cookie.value)
    assert again.get("/moderate/").status_code == 303


def test_a_session_that_begins_while_the_password_changes_is_over(chief: Colleague) -> None:
    people = chief.house.people
    before = people.moderator("Chief")
    assert before
    people.set_password("Chief", "another hash")
    token = people.start_session(before, idle=60)  # of a sign-in that had looked before the change
    assert people.session(token, idle=60, absolute=60) is None


def test_an_admin_ends_anyones_sessions(app: Flask, chief: Colleague) -> None:
    minh = Colleague(app, "Minh").signed_in()
    assert change(chief, "Minh", "sessions") == 303
    assert minh.get("/moderate/").status_code == 303
    assert minh.signed_in().get("/moderate/").status_code == 200


def test_a_link_for_a_new_password_keeps_the_role(app: Flask, chief: Colleague) -> None:
    minh = Colleague(app, "Minh", "reader-of-log").signed_in()
    page = chief.post(f"{PEOPLE}/change", page=PEOPLE, name="Minh", do="link", current=PASSWORD)
    assert join(app, link_in(page.text), "Somebody else") == 303
    assert minh.get("/moderate/account").status_code == 303
    assert minh.sign_in(NEW).status_code == 303
    assert [(one.name, one.role) for one in chief.house.people.moderators()] == [
        ("Chief", "admin"),
        ("Minh", "reader-of-log"),
    ]


def test_the_last_administrator_stays(app: Flask, chief: Colleague) -> None:
    assert change(chief, "Chief", "remove") == 409
    assert change(chief, "Chief", "role", role="moderator") == 409
    Colleague(app, "Minh", "admin")
    assert change(chief, "Chief", "role", role="moderator") == 303


@pytest.mark.parametrize(("name", "do", "role", "status"), [
    ("Nobody", "remove", "admin", 404),
    ("Chief", "nonsense", "admin", 422),
    ("Chief", "role", "emperor", 422),
])  # fmt: skip
def test_what_cannot_be_done_is_refused(chief: Colleague, name: str, do: str, role: str, status: int) -> None:
    assert change(chief, name, do, role=role) == status


def test_links_are_made_from_the_settings_not_from_the_request(make_app: Callable[..., Flask]) -> None:
    chief = Colleague(make_app(public_url="http://comments.example"), "Chief", "admin").signed_in()
    token = hidden(chief.get(PEOPLE).text, "csrf_token")
    fields = {"csrf_token": token, "role": "moderator", "current": PASSWORD}
    for cookie in filter(None, map(chief.client.get_cookie, ("comments_session", "comments_csrf"))):
        chief.client.set_cookie(cookie.key, cookie.value, domain="evil.example")
    page = chief.client.post(f"{PEOPLE}/invite", data=fields, base_url="http://evil.example").text
    assert "http://comments.example/moderate/join/" in page
    assert "evil.example" not in page


@pytest.mark.parametrize("about", ["Chief", "", "0123456789abcdef"])
def test_what_changes_no_record_is_noted_too_whoever_it_is_about(chief: Colleague, about: str) -> None:
    before = chief.house.people.moderators()
    chief.house.people.note("Lan", "ban", about, "spam")
    entry = chief.house.log.page(LogFilter(), limit=1).entries[0]
    assert (entry.what, entry.person, entry.by, entry.detail) == ("ban", about, "Lan", "spam")
    assert chief.house.people.moderators() == before


def test_every_change_is_in_the_log_with_who_made_it(app: Flask, chief: Colleague) -> None:
    join(app, invited(chief))
    for do in ("role", "sessions", "remove"):
        change(chief, "Minh", do, role="admin")
    entries = chief.house.client.command("XRANGE", "comments:{people}:log", "-", "+")
    said = [[fields[name].decode() for name in (b"what", b"person", b"by", b"detail")] for _, fields in entries]
    assert said[1:] == [
        ["invitation", "", "Chief", "moderator"],
        ["added", "Minh", "Chief", "moderator"],
        ["role", "Minh", "Chief", "admin"],
        ["sessions", "Minh", "Chief", ""],
        ["removed", "Minh", "Chief", "admin"],
    ]


TOKENS = f"{PEOPLE}/tokens"


def token_in(page: str) -> str:
    found = re.search(r'id="token">(cmt_[\w-]+)<', page)
    assert found, page
    return found[1]


def test_a_token_is_shown_once_and_opens_the_api(chief: Colleague) -> None:
    answer = chief.post(TOKENS, page=TOKENS, name="importer", role="moderator", current=PASSWORD)
    secret = token_in(answer.text)
    assert "no-store" in answer.headers["Cache-Control"]
    page = chief.get(TOKENS).text
    assert secret not in page
    assert "importer" in page
    assert "not used yet" in page
    headers = {"Authorization": f"Bearer {secret}"}
    assert chief.client.get("/api/v1/moderation/comments", headers=headers).status_code == 200
    assert "last used" in chief.get(TOKENS).text


def test_a_removed_token_opens_nothing(chief: Colleague) -> None:
    secret = chief.house.people.add_token("importer")
    assert chief.post(f"{TOKENS}/remove", page=TOKENS, name="importer", current="wrong").status_code == 422
    assert chief.house.people.token(secret)
    assert chief.post(f"{TOKENS}/remove", page=TOKENS, name="importer", current=PASSWORD).status_code == 303
    assert chief.house.people.token(secret) is None
    assert chief.post(f"{TOKENS}/remove", page=TOKENS, name="importer", current=PASSWORD).status_code == 404


def test_two_tokens_that_were_made_under_one_name_at_one_moment_go_together(
    house: House, together: Callable[..., list[object]]
) -> None:
    def add() -> str | None:
        with suppress(AlreadyExists):
            return house.people.add_token("importer")
        return None

    secrets = [secret for secret in together([add] * 4) if isinstance(secret, str)]
    assert secrets
    assert house.people.remove_token("importer")
    assert [house.people.token(secret) for secret in secrets] == [None] * len(secrets)
    assert not house.people.remove_token("importer")


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"current": "wrong"}, 422),
        ({"name": ""}, 422),
        ({"name": "x" * 81}, 422),
        ({"name": "a\u202eb"}, 422),
        ({"name": "importer"}, 422),
        ({"role": "owner"}, 422),
    ],
)
def test_a_token_that_cannot_be_is_not_made(chief: Colleague, fields: dict[str, str], status: int) -> None:
    chief.house.people.add_token("importer")
    asked = {"name": "new", "role": "moderator", "current": PASSWORD, **fields}
    assert chief.post(TOKENS, page=TOKENS, **asked).status_code == status
    assert [token.name for token in chief.house.people.tokens()] == ["importer"]


def test_tokens_that_come_and_go_are_in_the_log_and_their_use_is_not(chief: Colleague) -> None:
    chief.post(TOKENS, page=TOKENS, name="importer", role="admin", current=PASSWORD)
    chief.house.people.token(chief.house.people.add_token("by hand", role="reader-of-log"))
    chief.post(f"{TOKENS}/remove", page=TOKENS, name="importer", current=PASSWORD)
    entries = chief.house.log.page(LogFilter(), limit=3).entries
    assert [(one.by, one.what, one.person, one.detail) for one in entries] == [
        ("Chief", "no-token", "importer", "admin"),
        ("", "token", "by hand", "reader-of-log"),
        ("Chief", "token", "importer", "admin"),
    ]


def test_a_program_at_work_does_not_write_at_every_step(house: House, moderator: Moderator) -> None:
    def told() -> object:
        return house.client.command("HGETALL", "comments:{people}:tokens")

    moderator.queue()
    before = told()
    moderator.queue()
    assert told() == before
