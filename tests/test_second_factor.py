"""Codes of authenticator apps, and recovery codes."""

import base64

import pytest

from comments.second_factor import SecondFactor, address, code_at, digest, new_recovery_codes, without, written

KEY = b"k" * 32
NOW = 1_800_000_000


@pytest.fixture
def factor() -> SecondFactor:
    return SecondFactor(KEY)


def code(factor: SecondFactor, sealed: str, now: float) -> str:
    secret = factor.open(sealed, "Lan")
    assert secret
    return code_at(secret, int(now) // 30)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (20000000000, "353130")],
)
def test_codes_are_those_of_the_standard(seconds: int, expected: str) -> None:
    assert code_at(b"12345678901234567890", seconds // 30) == expected  # RFC 6238, appendix B


@pytest.mark.parametrize(("minutes_off", "taken"), [(-1.0, False), (-0.5, True), (0, True), (0.5, True), (1.0, False)])
def test_clocks_may_differ_by_one_step(factor: SecondFactor, minutes_off: float, taken: bool) -> None:
    sealed = factor.new_secret("Lan")
    typed = code(factor, sealed, NOW + 60 * minutes_off)
    assert (factor.step_of(sealed, "Lan", typed, now=NOW, last=0) is not None) is taken


def test_a_step_that_was_used_is_used_up_with_all_before_it(factor: SecondFactor) -> None:
    sealed = factor.new_secret("Lan")
    step = factor.step_of(sealed, "Lan", code(factor, sealed, NOW), now=NOW, last=0)
    assert step == NOW // 30
    for at in (NOW, NOW - 30):
        assert factor.step_of(sealed, "Lan", code(factor, sealed, at), now=NOW, last=step) is None


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "٠٠٠٠٠٠", "abcdef", "\ud800" * 6])
def test_what_is_no_code_is_refused(factor: SecondFactor, typed: str) -> None:
    assert factor.step_of(factor.new_secret("Lan"), "Lan", typed, now=NOW, last=0) is None


def test_spaces_do_not_count(factor: SecondFactor) -> None:
    sealed = factor.new_secret("Lan")
    typed = code(factor, sealed, NOW)
    assert factor.step_of(sealed, "Lan", f" {typed[:3]} {typed[3:]} ", now=NOW, last=0)


def test_a_sealed_secret_opens_for_its_owner_and_with_its_key_alone(factor: SecondFactor) -> None:
    sealed = factor.new_secret("Lan")
    assert factor.open(sealed, "Lan")
    assert factor.open(sealed, "Minh") is None
    assert SecondFactor(b"x" * 32).open(sealed, "Lan") is None
    assert factor.open("%%%", "Lan") is factor.open("", "Lan") is factor.open("đ", "Lan") is None


def test_apps_understand_the_address() -> None:
    secret = b"12345678901234567890"
    said = address(secret, name="Nguyễn Lan", issuer="news.example")
    assert said.startswith("otpauth://totp/news.example:Nguy%E1%BB%85n%20Lan?secret=")
    assert base64.b32decode(written(secret)) == secret


def test_recovery_codes_work_once_and_however_they_are_typed() -> None:
    codes = new_recovery_codes()
    assert len(set(codes)) == 10
    kept = tuple(map(digest, codes))
    assert not set(codes) & set(kept)
    left = without(kept, f" {codes[3].upper().replace('-', ' ')} ")
    assert left is not None
    assert len(left) == 9
    assert without(left, codes[3]) is None
    assert without(left, "") is without((), "") is None
