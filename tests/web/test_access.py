"""Who may go where: every route against every kind of visitor, sessions, tokens, forged requests."""

from collections.abc import Callable, Iterator
from time import perf_counter

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from comments import passwords
from comments.store.people import ROLES
from comments.web import access
from comments.web.here import House
from tests.people import Moderator, Reader

PASSWORD = "một mật khẩu thật dài"
STRANGER = "stranger"
READER_OF_LOG, MODERATOR, ADMIN = ROLES
TOKENS = [f"token of a {role}" for role in ROLES]

# Every route has its readers declared here; a route that is not in the table fails the test.
OPEN = {
    "comments.submit",
    "comments.published",
    "comments.published_one",
    "comments.counts",
    "receipts.state",
    "receipts.withdraw",
    "receipts.page",
    "receipts.withdraw_by_form",
    "receipts.edit",
    "receipts.edit_page",
    "receipts.edit_by_form",
    "reports.report",
    "feeds.article",
    "feeds.site",
    "pages.index",
    "pages.demo",
    "pages.embed",
    "pages.widget",
    "pages.words",
    "pages.static",
    "pages.openapi",
    "pages.healthz",
    "pages.readyz",
    "metrics.metrics",  # for this machine, see below
    "doors.sign_in",
    "doors.code",
    "doors.welcome",
    "doors.join",
    "passkeys.ask",
    "passkeys.sign_in",
    "provider.go",
    "provider.back",
}
# Pages for people who are signed in, and addresses for programs with a token: for which roles.
MODERATORS = {MODERATOR, ADMIN}
WITH_SESSION = {
    "moderate.queue": MODERATORS,
    "moderate.decide": MODERATORS,
    **dict.fromkeys(("tools.comment", "tools.edit", "tools.reply", "tools.pin", "tools.open_article"), MODERATORS),
    **dict.fromkeys(("readers.person", "readers.note", "readers.bans", "readers.ban", "readers.lift"), MODERATORS),
    **dict.fromkeys(("saved.save", "saved.remove"), MODERATORS),
    "sharing.pulse": MODERATORS,
    "sharing.release": MODERATORS,
    "doors.sign_out": set(ROLES),
    "account.overview": set(ROLES),
    "account.password": set(ROLES),
    "account.app": set(ROLES),
    "account.recovery": set(ROLES),
    "account.sessions": set(ROLES),
    "log.entries": set(ROLES),
    "log.export": {READER_OF_LOG, ADMIN},
    "numbers.dashboard": set(ROLES),
    "passkeys.new": set(ROLES),
    "passkeys.add": set(ROLES),
    "passkeys.remove": set(ROLES),
    "people.everybody": {ADMIN},
    "people.invite": {ADMIN},
    "people.change": {ADMIN},
    "people.tokens": {ADMIN},
    "people.add_token": {ADMIN},
    "people.remove_token": {ADMIN},
}
WITH_TOKEN = {
    "moderation.queue": MODERATORS,
    "moderation.decide": MODERATORS,
    "moderation.log": set(ROLES),
    "moderation.open_article": MODERATORS,
}


class Visitor:
    """A browser or a program, with what it has to show."""

    def __init__(self, app: Flask, kind: str) -> None:
        self.client = app.test_client()
        self.headers: dict[str, str] = {}
        people = app.extensions["comments"].people
        if kind in ROLES:
            people.add_moderator(kind, role=kind, password_hash=passwords.hash_password(PASSWORD))
            assert sign_in(self.client, kind).status_code == 303
        if kind in TOKENS:
            self.headers = {"Authorization": f"Bearer {people.add_token('program', kind.split()[-1])}"}

    def status(self, method: str, path: str) -> int:
        return self.client.open(path, method=method, headers=self.headers).status_code


def token_of(client: FlaskClient, path: str) -> str:
    text = client.get(path).text
    return text.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]


def sign_in(client: FlaskClient, name: str, password: str = PASSWORD, **headers: str) -> object:
    path = "/moderate/sign-in"
    fields = {"name": name, "password": password, "csrf_token": token_of(client, path)}
    return client.post(path, data=fields, headers=headers)


def routes(app: Flask) -> Iterator[tuple[Rule, str]]:
    for rule in app.url_map.iter_rules():
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            yield rule, method


def path_of(rule: Rule) -> str:
    return rule.rule.replace("<path:name>", "site.css").replace("<", "").replace(">", "")


def test_every_route_declares_who_may_go_there(app: Flask) -> None:
    assert {rule.endpoint for rule, _ in routes(app)} == OPEN | set(WITH_SESSION) | set(WITH_TOKEN)


@pytest.mark.parametrize("kind", [STRANGER, *ROLES, *TOKENS])
def test_every_route_lets_in_whom_it_declares_and_nobody_else(app: Flask, kind: str) -> None:
    visitor = Visitor(app, kind)
    for rule, method in routes(app):
        if rule.endpoint == "doors.sign_out":
            continue  # it would end the session that this test walks with
        expected = refusal(rule.endpoint, kind)
        status = visitor.status(method, path_of(rule))
        if expected:
            assert status == expected, (rule.rule, method)
        else:
            assert status not in (401, 403), (rule.rule, method, status)
            assert status != 303 or rule.endpoint not in WITH_SESSION or method == "GET", (rule.rule, method)
        assert status < 500, (rule.rule, method, status)


def refusal(endpoint: str, kind: str) -> int | None:
    """The status that turns away somebody of a kind, or None where they may go."""
    if endpoint in WITH_SESSION:
        return 303 if kind not in ROLES else None if kind in WITH_SESSION[endpoint] else 403
    if endpoint in WITH_TOKEN:
        return 401 if kind not in TOKENS else None if kind.split()[-1] in WITH_TOKEN[endpoint] else 403
    return None


def test_a_page_that_nobody_declared_is_for_nobody(app: Flask) -> None:
    assert [role for role in ROLES if access.may(role, "new.page")] == []


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PATCH", "PROPFIND", "X"])
def test_methods_that_are_not_used_are_not_allowed(app: Flask, method: str) -> None:
    client = app.test_client()
    for path in ("/", "/api/v1/comments", "/api/v1/counts", "/widget.js"):
        assert client.open(path, method=method).status_code == 405


def test_strangers_are_sent_to_sign_in(app: Flask) -> None:
    answer = app.test_client().get("/moderate/?status=spam")
    assert (answer.status_code, answer.location) == (303, "/moderate/sign-in")


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Bearer wrong", "Basic eDp5", "Bearer " + "x" * 10_000])
def test_a_wrong_token_opens_nothing(app: Flask, header: str) -> None:
    answer = app.test_client().get("/api/v1/moderation/comments", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_removed_token_ends_at_once(app: Flask, house: House, moderator: Moderator) -> None:
    assert moderator.get("comments").status_code == 200
    house.people.remove_token("Lan")
    assert moderator.get("comments").status_code == 401


def test_a_token_is_no_session_and_a_session_no_token(app: Flask) -> None:
    program, browser = Visitor(app, TOKENS[1]), Visitor(app, MODERATOR)
    assert program.status("GET", "/moderate/") == 303
    assert browser.status("GET", "/api/v1/moderation/comments") == 401


def test_the_cookie_is_for_this_site_alone(app: Flask, house: House) -> None:
    house.people.add_moderator("Lan", password_hash=passwords.hash_password(PASSWORD))
    (cookie,) = [c for c in sign_in(app.test_client(), "Lan").headers.getlist("Set-Cookie") if "session=" in c]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie
    assert "Secure" not in cookie, "this is plain http"


def test_behind_tls_the_cookies_are_bound_to_host_and_tls(make_app: Callable[..., Flask]) -> None:
    app = make_app(public_url="https://comments.example")
    people = app.extensions["comments"].people
    people.add_moderator("Lan", password_hash=passwords.hash_password(PASSWORD))
    client = app.test_client()
    base = "https://comments.example"
    page = client.get("/moderate/sign-in", base_url=base)
    token = page.text.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]
    fields = {"name": "Lan", "password": PASSWORD, "csrf_token": token}
    headers = {"Origin": base, "Referer": f"{base}/moderate/sign-in"}
    answer = client.post("/moderate/sign-in", data=fields, base_url=base, headers=headers)
    assert answer.status_code == 303
    cookies = page.headers.getlist("Set-Cookie") + answer.headers.getlist("Set-Cookie")
    live = [cookie for cookie in cookies if "Max-Age=0" not in cookie and "1970" not in cookie]
    assert live
    assert all(cookie.startswith("__Host-") and "Secure" in cookie for cookie in live)
    assert answer.headers["Strict-Transport-Security"]


def test_a_new_session_has_a_new_random_name_that_is_not_kept(app: Flask, house: House) -> None:
    house.people.add_moderator("Lan", password_hash=passwords.hash_password(PASSWORD))
    names = set()
    for _ in range(2):
        client = app.test_client()
        client.set_cookie("comments_session", "chosen-by-someone-else")
        sign_in(client, "Lan")
        cookie = client.get_cookie("comments_session")
        assert cookie
        names.add(cookie.value)
    assert len(names) == 2
    assert "chosen-by-someone-else" not in names
    assert all(len(name) >= 43 for name in names)
    keys = house.client.command("KEYS", "*")
    assert not any(name.encode() in key for name in names for key in keys)


def test_signing_out_ends_the_session_in_the_store(app: Flask, house: House) -> None:
    house.people.add_moderator("Lan", password_hash=passwords.hash_password(PASSWORD))
    client = app.test_client()
    sign_in(client, "Lan")
    cookie = client.get_cookie("comments_session")
    answer = client.post("/moderate/sign-out", data={"csrf_token": token_of(client, "/moderate/")})
    assert "Clear-Site-Data" in answer.headers
    assert cookie
    client.set_cookie("comments_session", cookie.value)
    assert client.get("/moderate/").status_code == 303


@pytest.mark.parametrize("what", ["password", "removal"])
def test_a_new_password_or_a_removal_ends_every_session(app: Flask, house: House, what: str) -> None:
    house.people.add_moderator("Lan", password_hash=passwords.hash_password(PASSWORD))
    clients = [app.test_client() for _ in range(2)]
    for client in clients:
        sign_in(client, "Lan")
        assert client.get("/moderate/").status_code == 200
    if what == "password":
        house.people.set_password("Lan", passwords.hash_password(PASSWORD + "!"))
    else:
        house.people.remove_moderator("Lan")
    assert [client.get("/moderate/").status_code for client in clients] == [303, 303]


def test_a_session_ends_after_its_longest_time(make_app: Callable[..., Flask]) -> None:
    clock = [1_800_000_000.0]
    app = make_app(now=lambda: clock[0], session_hours=12)
    app.extensions["comments"].people.add_moderator("Lan", password_hash=passwords.hash_password(PASSWORD))
    client = app.test_client()
    sign_in(client, "Lan")
    clock[0] += 12 * 3600 - 1
    assert client.get("/moderate/").status_code == 200
    clock[0] += 2
    assert client.get("/moderate/").status_code == 303


@pytest.mark.one_server
def test_a_session_that_is_not_seen_is_forgotten_by_the_store(app: Flask, house: House) -> None:
    house.people.add_moderator("Lan", password_hash=passwords.hash_password(PASSWORD))
    sign_in(app.test_client(), "Lan")
    sessions = [key for key in house.client.command("KEYS", "*") if b":session:" in key]
    assert [1 <= house.client.command("TTL", key) <= 30 * 60 for key in sessions] == [True]


@pytest.mark.parametrize("token", [None, "", "wrong", "another's"])
def test_a_form_without_its_own_token_changes_nothing(
    app: Flask, reader: Reader, moderator: Moderator, token: str | None
) -> None:
    visitor, other = Visitor(app, MODERATOR), Visitor(app, ADMIN)
    comment_id = reader.submitted()
    fields = {"id": comment_id, "version": "1", "decision": "approve"}
    if token is not None:
        fields["csrf_token"] = token_of(other.client, "/moderate/") if token == "another's" else token
    answer = visitor.client.post("/moderate/decisions", data=fields)
    assert answer.status_code in (400, 403)
    json = {"decisions": [{"id": comment_id, "version": 1, "decision": "approve"}]}
    headers = {"X-CSRFToken": fields.get("csrf_token", "")}
    assert visitor.client.post("/moderate/decisions", json=json, headers=headers).status_code in (400, 403)
    assert moderator.queue()[0]["status"] == "pending"


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_a_request_from_another_page_changes_nothing(app: Flask, reader: Reader, headers: dict[str, str]) -> None:
    visitor = Visitor(app, MODERATOR)
    token = token_of(visitor.client, "/moderate/")
    fields = {"id": reader.submitted(), "version": "1", "decision": "approve", "csrf_token": token}
    assert visitor.client.post("/moderate/decisions", data=fields, headers=headers).status_code == 403


def test_looking_changes_nothing(app: Flask, reader: Reader, moderator: Moderator) -> None:
    visitor = Visitor(app, MODERATOR)
    comment_id = reader.submitted()
    headers = {"X-HTTP-Method-Override": "POST"}
    visitor.client.get(f"/moderate/decisions?id={comment_id}&version=1&decision=approve", headers=headers)
    assert moderator.queue()[0]["id"] == comment_id


def test_unknown_wrong_and_throttled_get_one_answer(app: Flask, house: House) -> None:
    house.people.add_moderator("Somebody", password_hash=passwords.hash_password(PASSWORD))
    client = app.test_client()

    def said(name: str) -> tuple[int, str]:
        answer = sign_in(client, name, "wrong")
        text = answer.text.replace(name, "").replace(answer.text.split('csrf_token" value="')[1].split('"')[0], "")
        return answer.status_code, text

    answers = [said("Somebody"), said("Zebedee"), *[said("Somebody") for _ in range(6)]]
    assert len(set(answers)) == 1
    assert answers[0][0] == 401


def test_too_many_attempts_are_stopped_before_any_hashing_and_pass(
    make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1_800_000_000.0]
    app = make_app(now=lambda: clock[0])
    app.extensions["comments"].people.add_moderator("Lan", password_hash=passwords.hash_password(PASSWORD))
    client = app.test_client()
    checked = []
    verify = passwords.verify
    monkeypatch.setattr(passwords, "verify", lambda *given: checked.append(1) or verify(*given))
    for _ in range(12):
        sign_in(client, "Lan", "wrong")
    assert len(checked) <= 6
    assert sign_in(client, "Lan").status_code == 401, "the right password waits as well"
    clock[0] += 60
    assert sign_in(client, "Lan").status_code == 303


def test_an_outsider_cannot_lock_a_moderator_out(make_app: Callable[..., Flask]) -> None:
    app = make_app(trusted_proxies=1)
    app.extensions["comments"].people.add_moderator("Lan", password_hash=passwords.hash_password(PASSWORD))
    for _ in range(12):
        sign_in(app.test_client(), "Lan", "wrong", **{"X-Forwarded-For": "192.0.2.66"})
    assert sign_in(app.test_client(), "Lan", **{"X-Forwarded-For": "192.0.2.1"}).status_code == 303


def test_an_unknown_name_costs_as_much_time_as_a_wrong_password() -> None:
    known = passwords.hash_password(PASSWORD)

    def seconds(kept: str | None) -> float:
        began = perf_counter()
        assert not passwords.verify(kept, "wrong")
        return perf_counter() - began

    times = [(seconds(known), seconds(None)) for _ in range(11)]
    ratio = min(a for a, _ in times) / min(b for _, b in times)  # what else the machine does only adds
    assert 0.7 < ratio < 1.4


def test_the_first_moderator_comes_by_a_link_that_works_once(app: Flask, house: House) -> None:
    link = house.people.issue_setup_link()
    path = f"/moderate/welcome/{link}"
    client = app.test_client()
    assert client.get("/moderate/welcome/wrong").status_code == 404
    client.get(path)
    short = {"name": "Lan", "password": "short", "csrf_token": token_of(client, path)}
    assert client.post(path, data=short).status_code == 422
    good = {"name": "Lan", "password": PASSWORD, "csrf_token": token_of(client, path)}
    assert client.post(path, data=good).status_code == 303
    assert client.get("/moderate/").status_code == 200
    assert app.test_client().get(path).status_code == 404
    assert [(m.name, m.role) for m in house.people.moderators()] == [("Lan", "admin")]
    assert house.people.issue_setup_link() is None


def test_metrics_are_for_this_machine_or_a_token(app: Flask, moderator: Moderator, reader: Reader) -> None:
    reader.submitted()
    client = app.test_client()
    text = client.get("/metrics").text
    assert 'comments_in_status{status="pending"} 1' in text
    assert client.get("/metrics", environ_overrides={"REMOTE_ADDR": "192.0.2.1"}).status_code == 401
    assert client.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 401
    through_proxy = {**moderator.headers, "X-Forwarded-For": "192.0.2.1"}
    assert client.get("/metrics", headers=through_proxy).status_code == 200
