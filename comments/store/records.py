"""A comment's hash in the store, to and from the model."""

import json
import re
from collections.abc import Sequence

from comments import ids
from comments.model import DAMAGED, REPORTED, Comment, LastDecision, Status, Submission, moment_of
from comments.store import shards
from comments.store.packing import pack, unpack

DATA, MAIL, STATUS, VERSION, LAST, LOG = "d", "m", "s", "v", "b", "l"
FIELDS = (DATA, STATUS, VERSION, LAST, "root", "reports")
UNREADABLE = [b"", b"", None, None, None, None]  # what stands for the fields of a record that is no hash
_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

_ENTRY = re.compile(rb"[0-9]{1,15}-[0-9]{1,15}")
_STATUSES = {status[0]: status for status in Status}
_SHORT = {
    "s": "site",
    "a": "article",
    "n": "name",
    "b": "body",
    "p": "parent",
    "w": "website",
    "u": "article_url",
    "t": "article_title",
    "l": "language",
}


def letter(status: Status) -> str:
    """What stands for a status in records and in the log."""
    return status[0]


def status_of(letter: str) -> Status:
    """The status that a letter stands for.

    Raises:
        ValueError: it stands for none.
    """
    status = _STATUSES.get(letter)
    if status is None:
        raise ValueError(letter)
    return status


def may_be(status: Status, letter: bytes | None) -> bool:
    """Whether a comment may stand at `status`: its letter says so, or can be none."""
    return _STATUSES.get((letter or b"").decode(errors="replace"), status) == status


def write(
    comment_id: str,
    text: Submission | Comment,
    *,
    at: int,
    person: str | None,
    reasons: Sequence[str],
    edited: int | None = None,
) -> bytes:
    """The data of a record: what was said (never the address), when (ms; mostly the id says it), why it is held."""
    said = {short: value for short, name in _SHORT.items() if (value := getattr(text, name)) is not None}
    said["r"] = list(reasons)
    if at != _time_in(comment_id):
        said["c"] = at
    if person:
        said["o"] = person
    if edited is not None:
        said["e"] = edited
    if text.staff:
        said["f"] = 1
    return pack(_to_json(said))


def with_person(data: bytes, person: str) -> bytes:
    """The same `data` with the pseudonym of its person."""
    return pack(_to_json({**json.loads(unpack(data)), "o": person}))


def read_body(data: bytes) -> str:
    """The text in a `data` field; empty for a damaged one."""
    try:
        return str(json.loads(unpack(data))["b"])
    except (ValueError, KeyError, TypeError):
        return ""


def write_last(by: str | None, at: int, reason: str | None) -> str:
    """The `last` field: who brought the comment here (None: its author), when (ms) and why."""
    return _to_json([by, at, reason])


def read_last(text: bytes | None) -> LastDecision | None:
    """Raises ValueError for a damaged field."""
    if not text:
        return None
    by, at, reason = json.loads(text)
    return LastDecision(by, moment_of(at), reason)


def said(pairs: Sequence[bytes]) -> dict[bytes, bytes]:
    """What an entry of a stream says, from its names and texts in turn."""
    return dict(zip(pairs[::2], pairs[1::2], strict=True))


def entries(log: bytes | None) -> list[str]:
    """The ids of a comment's entries in the log, oldest first, from its field `LOG`; without those that are none."""
    return [word.decode() for word in (log or b"").split() if _ENTRY.fullmatch(word)]


def read(comment_id: str, fields: Sequence[bytes | None]) -> Comment | None:
    """The comment in the fields named by `FIELDS`; None where there is no record.

    A record that cannot be read comes back as `damaged`, so that one bad record never hides the queue it is in.
    """
    data, status, version, last, root, reports = fields
    if data is None and status is None:
        return None
    try:
        said = json.loads(unpack(data or b""))
        "".join((said["s"], said["a"], said["n"], said["b"])).encode()  # a text each, or else it is damaged
        reported = reports.decode().split() if reports else []
        return Comment(
            id=comment_id,
            created_at=moment_of(said["c"] if "c" in said else _time_in(comment_id)),
            status=status_of((status or b"").decode()),
            version=int(version or b""),
            root=root.decode() if root else None,
            person=said.get("o"),
            reasons=(*said["r"], *(f"{REPORTED}{word}" for word in dict.fromkeys(reported))),
            reports=len(reported),
            edited_at=moment_of(said["e"]) if "e" in said else None,
            staff="f" in said,
            decided=read_last(last),
            **{name: said.get(short) for short, name in _SHORT.items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return damaged(comment_id, status, version)


def damaged(comment_id: str, status: bytes | None = None, version: bytes | None = None) -> Comment:
    """What stands for a comment whose record cannot be read or is missing: its id, and the reason `damaged`."""
    known = _STATUSES.get((status or b"").decode(errors="replace"))
    return Comment(
        id=comment_id,
        site="",
        article="",
        name="",
        body="",
        created_at=moment_of(_time_in(comment_id)),
        status=known or Status.PENDING,
        version=int(version) if version and version.isdigit() and len(version) < 10 else 0,
        reasons=(DAMAGED,),
    )


def _time_in(comment_id: str) -> int:
    return ids.milliseconds_of(shards.by_time(comment_id))
