"""The format of the store: noted once, and a version that does not know it keeps away."""

from collections.abc import Callable

import pytest

from comments.store.claim import DataUnusable
from comments.store.client import Client
from comments.store.format import check_format
from comments.web.here import House


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
