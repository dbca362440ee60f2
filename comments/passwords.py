"""Moderators' passwords: which are refused, and the slow hash that is kept of the others.

argon2id at OWASP's 19 MiB, two passes, one lane: some 30 ms a check. Two at a time in a process, and behind everything
else that wants the processor: a flood of sign-ins then waits in line instead of making those wait who read and write.
The line is short, so that it never has all the threads that moderators' requests run in.
"""

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from comments.errors import Busy

T = TypeVar("T")

SHORTEST = 8
RECOMMENDED = 15
LONGEST = 256  # characters; longer ones are refused, never cut


class Refusal(NamedTuple):
    """Why a password is refused: too_short, too_long, common or contains. The words for it are the caller's."""

    code: str
    word: str = ""  # what it contains


_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)
_POLITE = 10  # how much nicer than the rest (nice(1)): a tenth of the processor where everybody wants it


def _step_back() -> None:
    if sys.platform == "linux":  # elsewhere this would be the whole process
        thread = threading.get_native_id()
        with suppress(OSError):  # a check that is not as polite is better than none
            nice = os.getpriority(os.PRIO_PROCESS, thread)
            os.setpriority(os.PRIO_PROCESS, thread, min(nice + _POLITE, 19))


_workers = ThreadPoolExecutor(2, thread_name_prefix="passwords", initializer=_step_back)
_places = threading.BoundedSemaphore(8)


def _in_line(call: Callable[..., T], *args: Any) -> T:
    if not _places.acquire(blocking=False):
        raise Busy("many passwords wait to be checked")
    try:
        return _workers.submit(call, *args).result()
    except RuntimeError as error:
        raise Busy("no thread is left") from error
    finally:
        _places.release()


# The hash of 32 random bytes that nobody kept, made with the parameters above.
_NOBODYS = "$argon2id$v=19$m=19456,t=2,p=1$NLjxMvutGBmZPmLIZEAxRw$JQg+50++lqQZy4O+Jb3Ac6jDVOFUmDz13J6LduygnwA"


def hash_password(password: str) -> str:
    """The hash to keep, with its own salt and parameters, as one line of text.

    Raises:
        Busy: many others wait already.
    """
    return _in_line(_hasher.hash, _bytes(password))


def verify(password_hash: str | None, password: str) -> bool:
    """Whether the password belongs to the hash.

    Without a hash (no such moderator, or none set) it is false after the same work, so that time tells nothing.

    Raises:
        Busy: many others wait already.
    """
    try:
        right = _in_line(_hasher.verify, password_hash or _NOBODYS, _bytes(password))
    except (VerificationError, InvalidHashError):
        return False
    return right and password_hash is not None


def needs_rehash(password_hash: str) -> bool:
    """Whether a hash was made with other parameters than today's; hash again at the next sign-in."""
    return _hasher.check_needs_rehash(password_hash)


def refuse(password: str, context: tuple[str, ...] = ()) -> Refusal | None:
    """Why a new password is refused, or None.

    The password is taken as typed. `context` has words that it must not contain: the moderator's name, the site's.
    """
    if len(password) < SHORTEST:
        return Refusal("too_short")
    if len(password) > LONGEST:
        return Refusal("too_long")
    plain = password.casefold()
    if plain in _common() or len(set(plain)) < 3:
        return Refusal("common")
    for word in ("comments", *context):
        if len(word) >= 3 and word.casefold() in plain:
            return Refusal("contains", word)
    return None


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")  # a form may send anything; a check never fails


@cache
def _common() -> frozenset[str]:
    text = Path(__file__).with_name("common_passwords.txt").read_text(encoding="utf-8")
    return frozenset(line for line in text.splitlines() if not line.startswith("# "))
