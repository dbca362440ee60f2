"""Receipts: what lets a reader, and nobody else, see and withdraw a comment. Nothing is stored for them."""

import hmac
from base64 import urlsafe_b64encode
from hashlib import sha256

from comments.store import shards


class Receipts:
    """Makes and checks receipts: the comment's id and 132 bits of a keyed hash of it."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def make(self, comment_id: str) -> str:
        """The receipt of a comment, 51 characters that need no escaping in a URL."""
        proof = urlsafe_b64encode(hmac.digest(self._key, comment_id.encode(), sha256))
        return f"{comment_id}-{proof[:22].decode()}"

    def comment_id(self, receipt: str) -> str | None:
        """The comment that a receipt stands for, or None for anything we did not make."""
        comment_id = receipt[: shards.ID_LENGTH]
        if not shards.is_comment_id(comment_id) or not receipt.isascii():
            return None
        return comment_id if hmac.compare_digest(self.make(comment_id), receipt) else None
