"""What becomes of an address: sealed for storage, and a blind index to find it again.

Web processes hold the public key alone, so they cannot read back what they stored (libsodium's sealed box). The
sealed text begins with a mark of the comment, so that an address that is moved to another one does not open there.
"""

import hmac
import unicodedata
from hashlib import blake2b, sha256

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox

from comments.model import Address


class Unreadable(ValueError):
    """A sealed address that this key does not open, or that belongs to another comment."""


def subkey(secret: bytes, purpose: str) -> bytes:
    """32 bytes for one purpose, derived from the installation's secret; one does not tell another."""
    return blake2b(purpose.encode(), key=sha256(secret).digest(), digest_size=32).digest()


class Sealer:
    """Seals addresses and computes their look-up value; can do neither backwards."""

    def __init__(self, mail_public: bytes, index_key: bytes) -> None:
        self._box = SealedBox(PublicKey(mail_public))
        self._index_key = index_key

    def seal(self, address: Address, comment_id: str) -> bytes:
        """The address as it is stored with that comment."""
        return self._box.encrypt(_mark(comment_id) + address.reveal().encode())

    def blind(self, address: Address, site: str) -> str:
        """The look-up value of an address on one site: 128 bits of a keyed hash, 32 hex digits.

        Case and normal form do not count; two sites cannot be joined by it. It never leaves the store.
        """
        text = unicodedata.normalize("NFC", address.reveal()).casefold()
        return hmac.digest(self._index_key, f"{site}\n{text}".encode(), sha256)[:16].hex()


def unseal(mail_private: bytes, sealed: bytes, comment_id: str) -> Address:
    """Reads a sealed address back; for the notices worker and the operator's command line.

    Raises:
        Unreadable: wrong key, damaged bytes, or sealed for another comment.
    """
    try:
        text = SealedBox(PrivateKey(mail_private)).decrypt(sealed)
    except CryptoError as error:
        raise Unreadable("does not open with this key") from error
    mark = _mark(comment_id)
    if not text.startswith(mark):
        raise Unreadable("was sealed for another comment")
    return Address(text[len(mark) :].decode())


def _mark(comment_id: str) -> bytes:
    """Eight bytes that stand for a comment in a sealed text; they make it shorter than the id would."""
    return blake2b(comment_id.encode(), digest_size=8).digest()
