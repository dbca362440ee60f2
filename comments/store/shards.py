"""Which of the 64 shards an article lives in, and ids that say so.

The shard comes from the article alone, so everything of an article is in one hash slot, on one server as on a
cluster. A comment's id begins with its shard in two hex digits: an id alone finds its slot.
"""

import re
from hashlib import blake2b
from zlib import crc32

from comments import ids

SHARDS = 64
ID_LENGTH = 2 + ids.LENGTH
_ID = re.compile(rf"[0-3][0-9a-f]{ids.ULID.pattern}")


def shard_of(site: str, article: str) -> int:
    """0..63 for any text."""
    return crc32(f"{site}/{article}".encode()) % SHARDS


def article_digest(site: str, article: str) -> str:
    """A fixed name for an article where its own text must not stand (keys, headers): 32 hex digits."""
    return blake2b(f"{site}\0{article}".encode(), digest_size=16).hexdigest()


def comment_id(shard: int, ulid: str) -> str:
    """The id of a comment in that shard, 28 characters."""
    return f"{shard:02x}{ulid}"


def is_comment_id(text: str) -> bool:
    """Whether a text has the form of a comment's id (not: whether there is such a comment)."""
    return _ID.fullmatch(text) is not None


def shard_in(comment_id: str) -> int:
    """The shard that a comment's id names."""
    return int(comment_id[:2], 16)


def by_time(comment_id: str) -> str:
    """What comments of several shards are ordered by, and what a cursor across shards consists of."""
    return comment_id[2:]
