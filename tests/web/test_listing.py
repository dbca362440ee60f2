"""The list of comments past Flask: the same answer, to the last header."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import EnvironBuilder, run_wsgi_app

from comments.web import listing
from tests.people import Moderator, Reader

Answer = tuple[str, dict[str, str], bytes]


def both(app: Flask, query: str, **headers: str) -> tuple[Answer | None, Answer]:
    """The answer of the short cut, and Flask's."""
    environ = EnvironBuilder(path=listing.PATH, query_string=query, headers=headers).get_environ()
    parts, status, said = run_wsgi_app(app.wsgi_app._app, dict(environ))  # type: ignore[attr-defined]  # past the layer
    made = listing.short_cut(app.extensions["comments"], environ)
    short = ("200 OK", dict(made[0]), made[1]) if made else None
    return short, (status, dict(said), b"".join(parts))


@pytest.fixture
def talk(app: Flask, reader: Reader, moderator: Moderator) -> list[str]:
    """Two threads, the first with a reply."""
    first = moderator.approved(reader, article="bài", body="một <b>")
    second = moderator.approved(reader, article="bài", body="hai")
    moderator.approved(reader, article="bài", body="ba", parent=first)
    return [first, second]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "&sort=newest",
        "&limit=1",
        "&parent={0}",
        "&cursor={0}",
        "&site=main",
        "&unknown=1",
        "&sort=newest&cursor={1}",
    ],
)
def test_the_short_cut_and_the_view_agree(app: Flask, talk: list[str], query: str) -> None:
    short, view = both(app, "article=b%C3%A0i" + query.format(*talk))
    assert short == view
    assert view[0] == "200 OK"


@pytest.mark.parametrize(
    "query", ["", "article=", "article=a&article=b", "article=a&limit=0", "article=%ff", "article=a&cursor=x", "&&&"]
)
def test_what_must_be_refused_is_left_to_the_view(app: Flask, query: str) -> None:
    short, (status, _, _) = both(app, query)
    assert short is None
    assert status.startswith("4")


def test_where_a_thread_stands_is_left_to_the_view(app: Flask, talk: list[str]) -> None:
    short, (status, _, _) = both(app, f"article=b%C3%A0i&around={talk[0]}")
    assert (short, status) == (None, "200 OK")


@pytest.mark.parametrize(
    ("settings", "headers", "secure"),
    [
        ({"public_url": "https://comments.example"}, {}, True),
        ({"trusted_proxies": 1}, {"X-Forwarded-Proto": "https"}, True),
        ({"trusted_proxies": 1}, {"X-Forwarded-Proto": ""}, False),
        ({}, {"X-Forwarded-Proto": "https"}, False),
    ],
)
def test_they_agree_on_what_is_secure(
    make_app: Callable[..., Flask], settings: dict[str, Any], headers: dict[str, str], secure: bool
) -> None:
    short, view = both(make_app(**settings), "article=a", **headers)
    assert short == view
    assert ("Strict-Transport-Security" in view[1]) is secure
