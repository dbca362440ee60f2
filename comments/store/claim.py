"""Who may use a data directory: locks that end with their holder, and directories that belong to us alone.

A lock is the kernel's flock on an open file. It ends when the last process that has the file open ends, however
that ends, so there is nothing to clean up after a crash.
"""

import fcntl
import os
import pwd
from pathlib import Path

from comments.errors import CommentsError


class StoreInUse(CommentsError):
    """Another process runs the store of this directory."""

    code = "store_in_use"


class DataUnusable(CommentsError):
    """The data directory cannot be used as it is: rights, owner, or files that the store does not understand."""

    code = "data_unusable"


class Lock:
    """A lock file with room for a note about its holder. OSError when the file cannot be made."""

    def __init__(self, path: Path) -> None:
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def take(self) -> bool:
        """Takes the lock; false when somebody has it."""
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def note(self, *lines: str) -> None:
        """Replaces what the file says."""
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, "".join(f"{line}\n" for line in lines).encode(), 0)

    def close(self) -> None:
        """Gives up this process's share of the lock."""
        os.close(self.descriptor)


def noted(path: Path) -> list[str]:
    """What a lock file says, line by line; nothing when it is not there."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def own_directory(path: Path) -> None:
    """Makes the directory if need be.

    Raises:
        DataUnusable: it belongs to another user; files of two owners end in a store that fails later.
        OSError: it cannot be made.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    owner, user = path.stat().st_uid, os.geteuid()
    if owner != user:
        raise DataUnusable(f"{path}: belongs to {_name(owner)}, but this runs as {_name(user)}")


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"
