"""The second step of signing in: codes of an authenticator app (TOTP, RFC 6238) and recovery codes.

A secret is sealed before it is kept, with a key that is not in the store: whoever reads the store alone can make no
code. Recovery codes are random and long enough that a plain digest of them cannot be guessed.
"""

import base64
import binascii
import hmac
import secrets
from collections.abc import Sequence
from hashlib import sha256
from struct import pack, unpack_from
from urllib.parse import quote

from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

STEP = 30  # seconds that a code lives
_DIGITS = 6
RECOVERY_CODES = 10
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that looks like another


class SecondFactor:
    """Makes, seals and checks secrets of authenticator apps."""

    def __init__(self, key: bytes) -> None:
        self._box = SecretBox(key)

    def new_secret(self, name: str) -> str:
        """A new sealed secret, for this person alone."""
        return base64.b64encode(self._box.encrypt(secrets.token_bytes(20) + name.encode())).decode()

    def open(self, sealed: str, name: str) -> bytes | None:
        """The secret, or None where the sealed text is damaged, of another key or of another person."""
        try:
            opened = self._box.decrypt(base64.b64decode(sealed, validate=True))
        except (CryptoError, ValueError, TypeError, binascii.Error):
            return None
        return opened[:20] if opened[20:] == name.encode() else None

    def step_of(self, sealed: str, name: str, typed: str, *, now: float, last: int) -> int | None:
        """The time step that a typed code belongs to: now, or one beside it for clocks that differ.

        Steps up to `last` are used up: each code counts once.
        """
        secret, code = self.open(sealed, name), "".join(typed.split())
        if secret is None or not (len(code) == _DIGITS and code.isascii()):
            return None
        present = int(now) // STEP
        for step in (present, present - 1, present + 1):
            if step > last and hmac.compare_digest(code_at(secret, step).encode(), code.encode()):
                return step
        return None


def code_at(secret: bytes, step: int) -> str:
    """The code of one time step (RFC 4226, 5.3)."""
    digest = hmac.digest(secret, pack(">Q", step), "sha1")
    (number,) = unpack_from(">I", digest, digest[-1] & 15)
    return f"{(number & 0x7FFFFFFF) % 10**_DIGITS:0{_DIGITS}}"


def written(secret: bytes) -> str:
    """The secret as people type it into an app (base32)."""
    return base64.b32encode(secret).decode()


def address(secret: bytes, *, name: str, issuer: str) -> str:
    """What the QR code says (otpauth)."""
    return f"otpauth://totp/{quote(issuer)}:{quote(name)}?secret={written(secret)}&issuer={quote(issuer)}"


def new_recovery_codes() -> list[str]:
    """Ten codes of 60 bits, each good once."""
    return ["-".join(_word(4) for _ in range(3)) for _ in range(RECOVERY_CODES)]


def digest(recovery_code: str) -> str:
    """What is kept of a recovery code, however it was typed."""
    plain = "".join(letter for letter in recovery_code.lower() if letter.isalnum())
    return sha256(plain.encode()).hexdigest()


def without(digests: Sequence[str], typed: str) -> tuple[str, ...] | None:
    """The codes that are left after this one was used; None when it is none of them."""
    used = digest(typed)
    left = tuple(one for one in digests if not hmac.compare_digest(one, used))
    return left if len(left) < len(digests) else None


def _word(length: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(length))
