"""Ids that sort by time: ULIDs in lower case (48 bits of milliseconds, 80 random bits, Crockford's base 32)."""

import re
import secrets

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]
ULID = re.compile(rf"[0-7][{_ALPHABET}]{{25}}")
LENGTH = 26


def new_ulid(milliseconds: int) -> str:
    """A fresh id for that moment, 26 characters."""
    number = milliseconds << 80 | secrets.randbits(80)
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10)])


def milliseconds_of(ulid: str) -> int:
    """The moment that an id carries, in milliseconds since 1970."""
    number = 0
    for character in ulid[:10]:
        number = number << 5 | _VALUES[character]
    return number
