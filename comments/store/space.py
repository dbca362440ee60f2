"""Room on the disk: submissions stop before the store's own writes would fail (it ends itself when they do)."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from comments.errors import StoreFull

_GOOD_FOR = 1.0  # seconds that one look lasts


class FreeSpace:
    """Watches the disk of a data directory; one that is not there (a store elsewhere) always has room."""

    def __init__(self, directory: Path, *, floor: int, clock: Callable[[], float] = time.monotonic) -> None:
        """`floor` is the bytes that must stay free, and as much again as a store's log there has: a rewrite of the log
        writes all of it anew before the old one goes. 0: nothing must."""
        self._directory = directory
        self._floor = floor
        self._clock = clock
        self._looked = float("-inf")
        self._enough = True

    def check(self) -> None:
        """Raises:
        StoreFull: less is free than the floor.
        """
        now = self._clock()
        if now - self._looked > _GOOD_FOR:
            self._looked = now
            self._enough = not self._floor or self._has_room()
        if not self._enough:
            raise StoreFull(f"less than {self._floor} bytes are free beside what a rewrite of the log takes")

    def _has_room(self) -> bool:
        try:
            return shutil.disk_usage(self._directory).free >= self._floor + self._rewrite()
        except OSError:
            return True

    def _rewrite(self) -> int:
        try:
            return sum(file.stat().st_size for file in (self._directory / "valkey" / "appendonlydir").iterdir())
        except OSError:  # a store elsewhere, or a file that has just been replaced
            return 0
