"""Faults under load: nothing acknowledged is lost or doubled, no answer is late, nothing needs a hand.

The faults of processes are in test_crashes.py; `python -m bench.soak` plays all of them, for longer.
"""

import pytest

from tests.faults.scenes import SCENES, lacks, play

BOUND = 2.5  # seconds for any answer: one time limit of a second for each of two round trips, on a busy machine
ELSEWHERE = (
    "kill -9 of the store",
    "kill -9 of a worker",
    "a worker of two stopped",
    "kill -9 of the whole",
    "the store stopped",
    "durability = disk",
)


@pytest.mark.parametrize("name", [name for name in SCENES if not any(word in name for word in ELSEWHERE)])
def test_what_was_acknowledged_survives(name: str) -> None:
    if reason := lacks(name):
        pytest.skip(reason)
    row, scene = play(SCENES[name], before=60, after=60)
    assert not scene.loses
    assert (row.finding.lost, row.finding.undone, row.finding.doubled) == (0, 0, 0)
    alone = "a conflict with nobody" if scene.forgets else "-"
    assert [wrong for wrong in row.finding.wrong if not wrong.startswith(alone)] == []
    assert row.history.longest < BOUND
