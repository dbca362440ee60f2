"""The Lua scripts, read once from `lua/<name>.lua`. Each introduces itself in its header."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha1
from importlib import resources


@dataclass(frozen=True, slots=True)
class Script:
    """A script's source and the digest that the server knows it by."""

    name: str
    source: str
    sha: str
    writes: bool


def _read(name: str) -> Script:
    source = (resources.files("comments.store") / "lua" / f"{name}.lua").read_text("utf-8")
    digest = sha1(source.encode(), usedforsecurity=False).hexdigest()  # Redis names scripts by SHA-1
    return Script(name, source, digest, writes="no-writes" not in source.partition("\n")[0])


ADMIT = _read("admit")
AMEND = _read("amend")
CONFIRM = _read("confirm")
DECIDE = _read("decide")
EDIT = _read("edit")
ENQUEUE = _read("enqueue")
FREE = _read("free")
MEND = _read("mend")
NAME = _read("name")
NOTE = _read("note")
OPEN_ARTICLE = _read("open_article")
PIN = _read("pin")
PRESENCE = _read("presence")
RELIST = _read("relist")
REPLIES = _read("replies")
REPORT = _read("report")
SEAL = _read("seal")
SESSION = _read("session")
SET_ASIDE = _read("set_aside")
SETTLE = _read("settle")
SIGN_IN = _read("sign_in")
TAKE = _read("take")
THREADS = _read("threads")
UNTAKEN = _read("untaken")
UPROOT = _read("uproot")


@dataclass(frozen=True, slots=True)
class Call:
    """One run of a script: all its keys are of one slot."""

    script: Script
    keys: Sequence[str]
    args: Sequence[str | bytes | int]
