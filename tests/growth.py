"""How the time of a function grows with its input."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def growth(work: Callable[[T], object], make: Callable[[int], T], size: int) -> float:
    """Time for an input twice as large, as a multiple of the time for `size`: 2 when linear, 4 when quadratic.

    The best of several rounds counts, in processor time of this thread: other programs do not disturb it.
    """
    small, large = make(size), make(2 * size)
    return min(_seconds(work, large) for _ in range(7)) / min(_seconds(work, small) for _ in range(7))


def _seconds(work: Callable[[T], object], given: T) -> float:
    began = time.thread_time()
    work(given)
    return max(time.thread_time() - began, 1e-4)
