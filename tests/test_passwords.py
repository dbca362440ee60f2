"""Passwords: which are refused, and what a check costs."""

import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import pytest

from comments import passwords
from comments.errors import Busy
from tests.service import until

GOOD = "correct horse battery"


@pytest.mark.parametrize(
    ("password", "refusal"),
    [
        ("1234567", ("too_short", "")),
        ("x" * 257, ("too_long", "")),
        ("password1", ("common", "")),
        ("TrustNo1", ("common", "")),
        ("matkhau123", ("common", "")),
        ("aaaaaaaaaaaaaaaa", ("common", "")),
        ("ihatecomments", ("contains", "comments")),
        ("my name is Alice", ("contains", "alice")),
    ],
)
def test_bad_passwords_are_refused(password: str, refusal: tuple[str, str]) -> None:
    assert passwords.refuse(password, ("alice",)) == refusal


@pytest.mark.parametrize(
    "password", [GOOD, "pässwörter ẩn", "x1y2" * 64, "        leading and trailing  ", "Tr0ub4dor&3"]
)
def test_others_are_taken_as_typed(password: str) -> None:
    assert passwords.refuse(password, ("alice", "")) is None
    kept = passwords.hash_password(password)
    assert passwords.verify(kept, password)
    assert not passwords.verify(kept, password.strip() + "?")


def test_the_list_is_long_enough() -> None:
    common = passwords._common()
    assert len(common) >= 3000
    assert all(len(word) >= passwords.SHORTEST and word == word.casefold() for word in common)


def test_the_whole_password_counts() -> None:
    kept = passwords.hash_password("a" * 255 + "b")
    assert not passwords.verify(kept, "a" * 256)
    assert not passwords.verify(kept, "a" * 255)


@pytest.mark.parametrize("kept", [None, "", "nonsense"])
def test_nobody_has_no_password(kept: str | None) -> None:
    assert not passwords.verify(kept, GOOD)


def test_anything_may_be_typed() -> None:
    assert not passwords.verify(passwords.hash_password(GOOD), "\ud800\0")


def test_a_hash_of_other_parameters_is_made_again() -> None:
    assert not passwords.needs_rehash(passwords.hash_password(GOOD))
    assert passwords.needs_rehash("$argon2id$v=19$m=65536,t=3,p=4$MTIzNDU2Nzg$lH9XRCjDEvyZNXTNHVUnsg")


def test_an_unknown_name_takes_as_long_as_a_wrong_password() -> None:
    assert not passwords.needs_rehash(passwords._NOBODYS)
    kept = passwords.hash_password(GOOD)

    def seconds(password_hash: str | None) -> float:
        begin = time.perf_counter()
        passwords.verify(password_hash, "wrong")
        return time.perf_counter() - begin

    pairs = [(seconds(kept), seconds(None)) for _ in range(15)]
    known, unknown = (median(column) for column in zip(*pairs, strict=True))
    assert unknown == pytest.approx(known, rel=0.25)


def test_few_checks_run_at_once() -> None:
    done = threading.Event()
    for _ in range(2):
        passwords._workers.submit(done.wait, 5)
    waiting = threading.Thread(target=passwords.verify, args=(None, GOOD))
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive()
    done.set()
    waiting.join(5)
    assert not waiting.is_alive()


def test_the_line_is_short_and_whoever_finds_it_full_is_told_at_once() -> None:
    done = threading.Event()
    with ThreadPoolExecutor(8) as crowd:
        in_line = [crowd.submit(passwords._in_line, done.wait, 5) for _ in range(8)]
        until(lambda: passwords._places._value == 0, 5)
        with pytest.raises(Busy):
            passwords.verify(None, GOOD)
        done.set()
        assert all(future.result() for future in in_line)
    assert not passwords.verify(None, GOOD)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread has no priority of its own")
def test_checks_stand_behind_everything_else() -> None:
    def niceness() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    assert passwords._workers.submit(niceness).result() == niceness() + 10


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread has no priority of its own")
def test_a_service_that_is_polite_itself_checks_passwords_too() -> None:
    def of_a_polite_service() -> int:
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, 15)
        passwords._step_back()
        return os.getpriority(os.PRIO_PROCESS, thread)

    with ThreadPoolExecutor(1) as alone:
        assert alone.submit(of_a_polite_service).result() == 19
