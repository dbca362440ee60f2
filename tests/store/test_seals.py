"""Seals of the log: what is changed, removed, reordered or cut off is found."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from comments import notary
from comments.store.client import Client
from comments.store.seals import Checked, Fault, Seals
from comments.web.here import House
from tests.people import Moderator, Reader

Entries = list[tuple[bytes, list[bytes]]]

pytestmark = pytest.mark.one_server


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self, time: float) -> None:
        self.time = time

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock(house: House) -> Clock:
    return Clock(house.now())


@pytest.fixture
def seals(house: House, clock: Clock) -> Seals:
    return Seals(house.client, namespace="comments", key=b"k" * 32, now=clock)


@pytest.fixture
def log(reader: Reader, moderator: Moderator, seals: Seals, house: House) -> str:
    """A stream with two seals of three entries each; there are others beside it."""
    reader.submitted(article="elsewhere")
    house.people.add_moderator("Minh")
    for _ in range(2):
        moderator.approved(reader)
        reader.submitted()
        seals.seal()
    (name,) = [key for key in house.client.command("KEYS", "*{c:*}:log") if house.client.command("XLEN", key) == 6]
    return str(name.decode())


def faults(seals: Seals) -> list[Fault]:
    return [found for found in seals.check() if isinstance(found, Fault)]


def checked(seals: Seals) -> Checked:
    *_, last = seals.check()
    assert isinstance(last, Checked)
    return last


def write_again(client: Client, log: str, change: Callable[[Entries], None]) -> None:
    """What somebody does who has the store in hand: the same stream, with something else in it."""
    entries: Entries = client.pipeline([("XRANGE", log, "-", "+")])[0]
    change(entries)
    client.command("DEL", log)
    for entry, words in entries:
        client.command("XADD", log, entry, *words)


def test_an_untouched_log_is_as_sealed(seals: Seals, log: str, reader: Reader) -> None:
    reader.submitted()
    assert faults(seals) == []
    found = checked(seals)
    assert (found.entries, found.unsealed) == (9, 1)


def change_one(entries: Entries) -> None:
    entries[1][1][entries[1][1].index(b"Lan")] = b"Minh"


def remove_one(entries: Entries) -> None:
    del entries[1]


def swap_two(entries: Entries) -> None:
    (first, said), (second, meant) = entries[1:3]
    entries[1:3] = [(first, meant), (second, said)]


def add_one(entries: Entries) -> None:
    entry, words = entries[1]
    entries.insert(2, (entry.partition(b"-")[0] + b"-77", words))


def move_a_border(entries: Entries) -> None:
    words = entries[1][1]
    words[-2:] = [words[-2] + words[-1][:1], words[-1][1:] or b"x"]


@pytest.mark.parametrize("change", [change_one, remove_one, swap_two, add_one, move_a_border])
def test_one_entry_that_is_not_as_it_was_is_found(
    seals: Seals, log: str, house: House, change: Callable[[Entries], None]
) -> None:
    write_again(house.client, log, change)
    (fault,) = faults(seals)
    assert fault.where.startswith("shard ")
    assert "seal 1 " in fault.says


def test_changes_of_people_are_sealed_too(seals: Seals, log: str, house: House) -> None:
    write_again(house.client, "comments:{people}:log", lambda entries: entries[0][1].reverse())
    assert [fault.where for fault in faults(seals)] == ["people"]


def edit_seal(client: Client, key: str, at: int, **more: Any) -> None:
    said = json.loads(client.command("LINDEX", key, at))
    client.command("LSET", key, at, json.dumps({**said, **more}))


def test_seals_are_made_with_a_key_that_the_store_has_not(seals: Seals, log: str, house: House) -> None:
    stranger = Seals(house.client, namespace="comments", key=b"x" * 32, now=house.now)
    assert len(faults(stranger)) >= 3


@pytest.mark.parametrize("seal", [{"mac": "0" * 64}, {"upto": "5-0"}, {"upto": "x"}, {"mac": None}, {"count": "x"}])
def test_a_seal_that_was_changed_is_found(seals: Seals, log: str, house: House, seal: dict[str, Any]) -> None:
    edit_seal(house.client, log.replace(":log", ":seals"), 0, **seal)
    assert faults(seals)


def test_a_seal_that_was_taken_out_of_the_middle_is_found(seals: Seals, log: str, house: House) -> None:
    house.client.command("LPOP", log.replace(":log", ":seals"))
    assert faults(seals)


def test_a_chain_that_was_cut_short_with_its_entries_is_found(seals: Seals, log: str, house: House) -> None:
    write_again(house.client, log, lambda entries: entries.__delitem__(slice(3, 6)))
    house.client.command("RPOP", log.replace(":log", ":seals"))
    (fault,) = faults(seals)
    assert "seals at the end of the chain are missing" in fault.says


def test_entries_that_wait_too_long_for_a_seal_are_found(
    seals: Seals, log: str, house: House, clock: Clock, reader: Reader
) -> None:
    reader.submitted()
    assert faults(seals) == []
    clock.time += 4 * 3600
    assert len(faults(seals)) == 1
    seals.seal()
    assert faults(seals) == []


def test_a_long_log_is_sealed_and_checked_in_pieces(
    seals: Seals, log: str, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("comments.store.seals._AT_ONCE", 2)
    for _ in range(5):
        reader.submitted()
    before = checked(seals)
    count, _ = seals.seal()
    assert count == 5
    assert faults(seals) == []
    assert checked(seals).seals == before.seals + 3 + 1, "three pieces, and a clasp"


def test_rounds_at_the_same_moment_make_one_chain(
    seals: Seals, log: str, reader: Reader, together: Callable[..., list[Any]]
) -> None:
    for _ in range(6):
        reader.submitted()
    assert sum(count for count, _ in together([seals.seal] * 4)) == 6
    assert faults(seals) == []


def test_nothing_new_makes_no_new_seal(seals: Seals, log: str) -> None:
    first, again = seals.seal(), seals.seal()
    assert first == again
    assert first[0] == 0


def test_an_empty_log_is_sealed(seals: Seals) -> None:
    seals.seal()
    assert faults(seals) == []


def test_of_many_processes_one_makes_the_round_of_an_hour(
    seals: Seals, log: str, together: Callable[..., list[Any]], house: House
) -> None:
    rounds = together([lambda: notary.round_if_due(seals, lambda: None)] * 4)
    assert sorted(rounds) == [False, False, False, True]
    assert 3500 <= house.client.command("TTL", "comments:{people}:seal-round") <= 3600
