"""Where a request comes from: the address behind trusted proxies, and the pages that may send comments."""

from collections.abc import Callable

import pytest
from flask import Flask, Request
from werkzeug.test import EnvironBuilder, TestResponse

from comments.web.origins import source_of
from tests.people import COMMENTS, Reader, a_submission

PEER = "192.0.2.1"


def source(forwarded: list[str], proxies: int, peer: str = PEER) -> str:
    headers = [("X-Forwarded-For", value) for value in forwarded]
    return source_of(
        Request(EnvironBuilder(headers=headers, environ_base={"REMOTE_ADDR": peer}).get_environ()), proxies
    )


@pytest.mark.parametrize(
    ("forwarded", "proxies", "counted"),
    [
        ([], 0, PEER),
        (["203.0.113.9"], 0, PEER),  # nobody is believed by default
        (["203.0.113.9"], 1, "203.0.113.9"),
        (["10.0.0.1, 203.0.113.9"], 1, "203.0.113.9"),  # what stands further left is the client's own claim
        (["10.0.0.1", "203.0.113.9"], 1, "203.0.113.9"),  # in two headers
        (["10.0.0.1, 203.0.113.9, 198.51.100.7"], 2, "203.0.113.9"),
        (["203.0.113.9"], 2, "203.0.113.9"),
        ([], 2, PEER),
        (["203.0.113.9:4711"], 1, "203.0.113.9"),
        (["2001:db8:1:2:3::4"], 1, "20010db800010002::/64"),
        (["[2001:db8:1:2:ffff::5]:443"], 1, "20010db800010002::/64"),  # the same network
        (["2001:db8:1:3::4"], 1, "20010db800010003::/64"),
        (["fe80::1%eth0"], 1, "fe80000000000000::/64"),
        (["::ffff:203.0.113.9"], 1, "203.0.113.9"),
        ([""], 1, "unknown"),
        (["203.0.113.9,"], 1, "unknown"),
        (["unknown"], 1, "unknown"),
        (["<script>"], 1, "unknown"),
        (["203.0.113.9'--"], 1, "unknown"),
        (["1" * 10_000], 1, "unknown"),
        (["3405803785"], 1, "unknown"),
        (["\u0661.1.1.1"], 1, "unknown"),
    ],
)
def test_a_source_is_what_the_trusted_proxy_saw(forwarded: list[str], proxies: int, counted: str) -> None:
    assert source([value.encode().decode("latin-1") for value in forwarded], proxies) == counted


@pytest.mark.parametrize(("peer", "counted"), [("", "unknown"), ("::1", "0::/64"), ("127.0.0.1", "127.0.0.1")])
def test_without_proxies_a_source_is_the_peer(peer: str, counted: str) -> None:
    assert source(["203.0.113.9"], 0, peer) == counted


def test_a_network_that_changes_its_claims_keeps_its_limit(make_app: Callable[..., Flask]) -> None:
    client = make_app(submit_limit="2/hour", trusted_proxies=1).test_client()
    answers = [
        client.post(COMMENTS, json=a_submission(), headers={"X-Forwarded-For": f"10.0.0.{n}, 2001:db8:1:2::{n}"})
        for n in range(3)
    ]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert int(answers[2].headers["Retry-After"]) == answers[2].json["retry_after"] <= 3600


def post(app: Flask, origin: str | None, host: str = "comments.example", **more: str) -> TestResponse:
    headers = {"Host": host, **({"Origin": origin} if origin is not None else {}), **more}
    return app.test_client().post(COMMENTS, json=a_submission(), headers=headers)


NOT_OURS = [
    "null",
    "",
    "https://attacker.example",
    "http://comments.example.attacker.example",
    "http://attackercomments.example",
    "http://comments.example:8080",
    "http://comments.example@attacker.example",
    "comments.example",
    "http://[",
    "http://]comments.example[",
    "http://comments.example, http://attacker.example",
    "\u00e9",
]


@pytest.mark.parametrize("origin", NOT_OURS)
def test_pages_of_other_origins_may_not_send(app: Flask, origin: str) -> None:
    answer = post(app, origin)
    assert (answer.status_code, answer.json["code"]) == (403, "origin_not_allowed")
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("origin", ["null", "", "http://evil["])
def test_a_broken_host_makes_no_origin_our_own(app: Flask, origin: str) -> None:
    assert post(app, origin, host="evil[").status_code == 403


@pytest.mark.parametrize("origin", [None, "http://comments.example"])
def test_our_own_pages_and_programs_may_send(app: Flask, origin: str | None) -> None:
    assert post(app, origin).status_code == 202


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://news.example", 202),
        ("https://comments.example", 202),  # its own public address, whatever Host says
        ("http://comments.example", 403),
        ("http://news.example", 403),
        ("https://news.example:8443", 403),
        ("https://news.example.attacker.example", 403),
        ("https://attackernews.example", 403),
        ("https://sub.news.example", 403),
        ("https://NEWS.example", 403),  # browsers write origins in lower case
        ("https://news.example/", 403),
        ("null", 403),
    ],
)
def test_an_allowed_origin_is_compared_whole(make_app: Callable[..., Flask], origin: str, status: int) -> None:
    app = make_app(allowed_origins="https://news.example", public_url="https://comments.example")
    answer = post(app, origin)
    assert answer.status_code == status
    assert answer.headers.get("Access-Control-Allow-Origin") == (origin if status == 202 else None)


def test_a_preflight_is_answered_to_allowed_origins_alone(make_app: Callable[..., Flask]) -> None:
    client = make_app(allowed_origins="https://news.example").test_client()
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "idempotency-key"}
    allowed = client.options(COMMENTS, headers={"Origin": "https://news.example", **asked})
    refused = client.options(COMMENTS, headers={"Origin": "https://attacker.example", **asked})
    assert allowed.headers["Access-Control-Allow-Origin"] == "https://news.example"
    assert "POST" in allowed.headers["Access-Control-Allow-Methods"]
    assert "Idempotency-Key" in allowed.headers["Access-Control-Allow-Headers"]
    assert "Origin" in allowed.headers["Vary"]
    assert not [name for name, _ in refused.headers if name.startswith("Access-Control")]


def test_any_origin_means_any_but_still_no_credentials(make_app: Callable[..., Flask]) -> None:
    answer = post(make_app(allowed_origins="*"), "https://anyone.example")
    assert answer.status_code == 202
    assert answer.headers["Access-Control-Allow-Origin"] == "https://anyone.example"
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_anyone_may_read_but_no_page_may_moderate(app: Flask, reader: Reader) -> None:
    other = {"Origin": "https://anyone.example"}
    client = app.test_client()
    assert client.get(f"{COMMENTS}?article=a", headers=other).headers["Access-Control-Allow-Origin"] == "*"
    assert client.get("/api/v1/counts?article=a", headers=other).headers["Access-Control-Allow-Origin"] == "*"
    for answer in (client.get("/api/v1/moderation/comments", headers=other), client.get("/moderate/", headers=other)):
        assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("origin", ["https://attacker.example", "null", "http://["])
def test_a_receipt_is_not_used_from_foreign_pages(app: Flask, reader: Reader, origin: str) -> None:
    receipt = reader.submit().json["receipt"]
    client = app.test_client()
    answers = [
        client.delete(f"/api/v1/receipts/{receipt}", headers={"Origin": origin}),
        client.post(f"/receipts/{receipt}/withdraw", headers={"Origin": origin}),
    ]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert client.get(f"/api/v1/receipts/{receipt}").json["status"] == "pending"


def test_links_are_made_from_the_public_address_never_from_host(make_app: Callable[..., Flask]) -> None:
    given = {"X-Forwarded-Host": "attacker.example", "Forwarded": "host=attacker.example"}
    for url, start in (("https://comments.example", "https://comments.example/receipts/"), ("", "/receipts/")):
        answer = post(make_app(public_url=url), None, "attacker.example", **given)
        assert answer.json["receipt_url"].startswith(start)
        assert answer.headers["Location"].startswith(start)
