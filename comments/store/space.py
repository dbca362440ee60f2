"""Room on the disk: submissions stop before the store's own writes would fail (it ends itself when they do)."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from comments.errors import StoreFull

_GOOD_FOR = 1.0  # seconds that one look lasts


class FreeSpace:
    """Watches the disk of a directory; a directory that is not there (a store elsewhere) always has room."""

    def __init__(self, directory: Path, *, floor: int, clock: Callable[[], float] = time.monotonic) -> None:
        """`floor` is the bytes that must stay free."""
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
            self._enough = self._free() >= self._floor
        if not self._enough:
            raise StoreFull(f"less than {self._floor} bytes are free")

    def _free(self) -> int:
        try:
            return shutil.disk_usage(self._directory).free
        except OSError:
            return self._floor
