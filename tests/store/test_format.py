"""The format of the store: noted once, and a version that does not know it keeps away."""

import json
from collections.abc import Callable

import pytest
from flask import Flask

from comments.store.claim import DataUnusable
from comments.store.client import Client
from comments.store.format import FORMAT, check_format
from comments.store.repair import repair
from comments.web.here import House
from tests.people import Moderator, Reader
from tests.store import formats


@pytest.fixture
def client(house: House) -> Client:
    return house.client


def test_an_empty_store_gets_the_format_and_the_version_that_brought_it(client: Client) -> None:
    for version in ("1.0", "1.1"):
        check_format(client, "comments", version)
    assert client.command("GET", "comments:{people}:format") == b"1 1.0"


def test_of_many_that_start_at_once_one_notes_it(client: Client, together: Callable[..., list[None]]) -> None:
    together([lambda n=n: check_format(client, "comments", f"1.{n}") for n in range(8)])
    assert client.command("GET", "comments:{people}:format").startswith(b"1 1.")


@pytest.mark.parametrize("noted", ["2 3.0", "0 0.1", "x", "\xff"])
def test_another_format_is_refused_and_the_versions_are_named(client: Client, noted: str) -> None:
    client.command("SET", "comments:{people}:format", noted)
    with pytest.raises(DataUnusable, match=r"which came with version .*; this is version 1\.0, which knows format 1"):
        check_format(client, "comments", "1.0")
    assert client.command("GET", "comments:{people}:format").decode() == noted


def test_comments_from_before_the_first_format_are_refused_and_left_alone(client: Client) -> None:
    client.command("XADD", "comments:{c:2a}:log", "1-1", "comment", "x", "from", "", "to", "pending")
    with pytest.raises(DataUnusable, match=r"from before format 1; this is version 1\.0"):
        check_format(client, "comments", "1.0")
    assert client.command("EXISTS", "comments:{people}:format") == 0


def test_comments_that_came_before_anything_could_be_noted_are_known(client: Client, reader: Reader) -> None:
    reader.submitted()
    check_format(client, "comments", "1.0")
    assert client.command("GET", "comments:{people}:format") == b"1 1.0"


def test_there_is_a_store_of_todays_format_to_read_back() -> None:
    assert (formats.HERE / f"format_{FORMAT}.aof").exists()


@pytest.mark.parametrize("number", range(1, FORMAT + 1))
def test_a_store_of_each_format_says_what_it_said_then_and_goes_on(make_app: Callable[..., Flask], number: int) -> None:
    expected = json.loads((formats.HERE / f"format_{number}.json").read_text())
    app = make_app()
    client = app.extensions["comments"].client
    formats.plant(client, number)
    check_format(client, "comments", "1.0")
    assert formats.told(app, expected["token"]) == expected
    moderator, reader = Moderator(app.test_client(), expected["token"]), Reader(app.test_client())
    for comment in moderator.queue():
        assert moderator.decide(comment["id"], "approve", comment["version"])["outcome"] == "done"
    first = expected["public"]["comments"][0]
    assert reader.submit(article=formats.ARTICLE, parent=first["id"]).status_code == 202
    assert reader.read(formats.ARTICLE)["count"] == expected["public"]["count"] + 1
    assert repair(client, "comments", look=True).counts == {}
