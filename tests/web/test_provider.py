"""Signing in at a provider: a small one of our own, and everything that it might say wrongly."""

import base64
import json
import threading
from collections.abc import Callable, Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from joserfc import jwt
from joserfc.jwk import ECKey
from werkzeug.test import TestResponse

from comments.store.log import LogFilter
from tests.newsroom import PASSWORD, Colleague

GO, BACK = "/moderate/provider", "/moderate/provider/back"
NOW = 1_800_000_000
KEY, ANOTHER = (ECKey.generate_key("P-256", {"kid": "one", "use": "sig", "alg": "ES256"}) for _ in range(2))


class LocalProvider:
    """A provider on this machine. `says` changes what it puts into the token, `key` what it signs with."""

    def __init__(self) -> None:
        self.says: dict[str, Any] = {}
        self.key = KEY
        self.described: dict[str, Any] = {}
        self.asked: dict[str, Any] = {}  # what the browser brought to it
        self.exchanged: list[dict[str, str]] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.issuer = f"http://127.0.0.1:{self.server.server_port}/realms/news"

    def description(self) -> dict[str, Any]:
        places = {
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
        }
        return {"issuer": self.issuer, **places, **self.described}

    def authorize(self, location: str) -> dict[str, str]:
        """What the provider sends the browser back with, after somebody has signed in there."""
        self.asked = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
        return {"code": "a code", "state": self.asked["state"]}

    def token(self, form: dict[str, str]) -> dict[str, str]:
        self.exchanged.append(form)
        challenge = base64.urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest()).decode().rstrip("=")
        if form["code"] != "a code" or challenge != self.asked["code_challenge"]:
            return {"error": "invalid_grant"}
        claims = {
            "iss": self.issuer,
            "aud": "newsroom",
            "sub": "u-17",
            "nonce": self.asked["nonce"],
            "iat": NOW,
            "exp": NOW + 60,
            "email": "Lan@news.example",
            "email_verified": True,
        }
        said = {name: value for name, value in {**claims, **self.says}.items() if value is not None}
        return {"id_token": jwt.encode({"alg": "ES256", "kid": "one"}, said, self.key)}

    def handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.say(provider.description() if "openid" in self.path else {"keys": [KEY.as_dict(private=False)]})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = {name: values[0] for name, values in parse_qs(body).items()}
                self.say(provider.token(form | {"authorization": self.headers.get("Authorization", "")}))

            def say(self, document: dict[str, Any]) -> None:
                body = json.dumps(document).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        return Handler


@pytest.fixture
def provider() -> Iterator[LocalProvider]:
    made = LocalProvider()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


@pytest.fixture
def app(make_app: Callable[..., Flask], provider: LocalProvider) -> Flask:
    known = {"oidc_client_id": "newsroom", "oidc_client_secret": "s3cret/&"}
    return make_app(now=lambda: NOW, oidc_issuer=provider.issuer, **known)


@pytest.fixture
def lan(app: Flask) -> Colleague:
    lan = Colleague(app)
    lan.house.people.set_identity("Lan", "lan@news.example", by="Chief")
    return lan


def there_and_back(colleague: Colleague, provider: LocalProvider, **changes: str) -> TestResponse:
    gone = colleague.get(GO)
    assert gone.status_code == 303
    return colleague.get(BACK, **{**provider.authorize(gone.location), **changes})


def is_in(colleague: Colleague) -> bool:
    return colleague.get("/moderate/account").status_code == 200


@pytest.mark.parametrize("identity", ["u-17", "lan@news.example", "LAN@news.example"])
def test_whoever_an_administrator_has_named_is_let_in(lan: Colleague, provider: LocalProvider, identity: str) -> None:
    lan.house.people.set_identity("Lan", identity, by="Chief")
    answer = there_and_back(lan, provider)
    assert answer.status_code == 200
    assert 'http-equiv="refresh" content="0;url=/moderate/?lang=en"' in answer.text
    assert is_in(lan)


def test_the_way_there_has_state_nonce_and_pkce_and_the_secret_stays_here(
    lan: Colleague, provider: LocalProvider
) -> None:
    there_and_back(lan, provider)
    asked = provider.asked
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert asked["redirect_uri"] == "http://localhost/moderate/provider/back"
    assert min(len(asked[name]) for name in ("state", "nonce", "code_challenge")) >= 43
    (exchange,) = provider.exchanged
    assert base64.b64decode(exchange["authorization"].removeprefix("Basic ")) == b"newsroom:s3cret%2F%26"
    assert "s3cret" not in json.dumps(asked)


@pytest.mark.parametrize(
    "says",
    [
        {"nonce": "of another sign-in"},
        {"nonce": None},
        {"iss": "https://elsewhere.example"},
        {"aud": "another client"},
        {"aud": ["newsroom", "other"], "azp": "other"},
        {"exp": NOW - 3600},
        {"exp": None},
        {"sub": None},
        {"sub": 17},
    ],
)
def test_a_token_that_says_one_thing_wrongly_opens_nothing(
    lan: Colleague, provider: LocalProvider, says: dict[str, Any]
) -> None:
    provider.says = says
    assert there_and_back(lan, provider).status_code == 502
    assert not is_in(lan)


def test_a_token_that_somebody_else_signed_opens_nothing(lan: Colleague, provider: LocalProvider) -> None:
    provider.key = ANOTHER
    assert there_and_back(lan, provider).status_code == 502
    assert not is_in(lan)


@pytest.mark.parametrize(
    "says",
    [{"email_verified": False}, {"email_verified": "true"}, {"email_verified": None}, {"email": "minh@news.example"}],
)
def test_an_address_counts_only_when_the_provider_has_verified_it(
    lan: Colleague, provider: LocalProvider, says: dict[str, Any]
) -> None:
    provider.says = says
    assert there_and_back(lan, provider).status_code == 401
    assert not is_in(lan)


def test_nobody_is_added(lan: Colleague, provider: LocalProvider) -> None:
    lan.house.people.set_identity("Lan", None, by="Chief")
    answer = there_and_back(lan, provider)
    assert answer.status_code == 401
    assert "nobody here does" in answer.text
    assert len(lan.house.people.moderators()) == 1


def test_an_identity_of_two_people_lets_in_neither(app: Flask, lan: Colleague, provider: LocalProvider) -> None:
    Colleague(app, "Minh").house.people.set_identity("Minh", "u-17", by="Chief")
    assert there_and_back(lan, provider).status_code == 401


@pytest.mark.parametrize("changes", [{"state": "forged"}, {"state": ""}, {"code": ""}])
def test_a_return_that_does_not_fit_is_refused(
    lan: Colleague, provider: LocalProvider, changes: dict[str, str]
) -> None:
    assert there_and_back(lan, provider, **changes).status_code == 401
    assert provider.exchanged == []


def test_a_return_in_another_browser_or_a_second_time_is_refused(
    app: Flask, lan: Colleague, provider: LocalProvider
) -> None:
    query = provider.authorize(lan.get(GO).location)
    assert app.test_client().get(BACK, query_string=query).status_code == 401
    assert lan.get(BACK, **query).status_code == 200
    assert lan.get(BACK, **query).status_code == 401


def test_a_wrong_code_opens_nothing(lan: Colleague, provider: LocalProvider) -> None:
    assert there_and_back(lan, provider, code="another").status_code == 502


@pytest.mark.parametrize(
    "described",
    [
        {"issuer": "https://elsewhere.example"},
        {"authorization_endpoint": "file:///etc/passwd"},
        {"authorization_endpoint": 7},
    ],
)
def test_a_description_that_cannot_be_trusted_leads_nowhere(
    lan: Colleague, provider: LocalProvider, described: dict[str, Any]
) -> None:
    provider.described = described
    assert lan.get(GO).status_code == 502


def test_a_provider_that_is_away_is_said(make_app: Callable[..., Flask]) -> None:
    lan = Colleague(make_app(oidc_issuer="http://127.0.0.1:1", oidc_client_id="x"))
    answer = lan.get(GO)
    assert answer.status_code == 502
    assert "did not work" in answer.text
    assert lan.sign_in().status_code == 303, "the password still works"


def test_an_administrator_names_people_and_this_is_noted(app: Flask, provider: LocalProvider) -> None:
    chief = Colleague(app, "Chief", "admin").signed_in()
    minh = Colleague(app, "Minh")
    fields = {"name": "Minh", "do": "identity", "identity": "u-17", "role": "moderator", "current": PASSWORD}
    assert chief.post("/moderate/people/change", page="/moderate/people", **fields).status_code == 303
    assert there_and_back(minh, provider).status_code == 200
    entry = chief.house.log.page(LogFilter(), limit=1).entries[0]
    assert (entry.what, entry.person, entry.by) == ("identity", "Minh", "Chief")


def test_without_a_provider_there_is_no_such_door(make_app: Callable[..., Flask]) -> None:
    lan = Colleague(make_app())
    assert [lan.get(path).status_code for path in (GO, BACK)] == [404, 404]
    assert "/moderate/provider" not in lan.get("/moderate/sign-in").text
