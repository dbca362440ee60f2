"""Submissions stop before the disk is full, and go on by themselves when there is room again."""

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from comments.errors import StoreFull
from comments.store.space import FreeSpace
from tests.people import Moderator, Reader

EVERYTHING = 1 << 60


def test_below_the_floor_there_is_no_room(data: Path) -> None:
    FreeSpace(data, floor=1).check()
    with pytest.raises(StoreFull):
        FreeSpace(data, floor=EVERYTHING).check()


def test_the_log_has_room_to_be_rewritten(data: Path) -> None:
    log = data / "valkey" / "appendonlydir"
    log.mkdir(parents=True)
    with (log / "appendonly.aof.1.base.rdb").open("wb") as base:
        base.truncate(EVERYTHING >> 20)  # a sparse file: as long as it says, and empty
        FreeSpace(data, floor=0).check()
        with pytest.raises(StoreFull):
            FreeSpace(data, floor=1).check()


def test_a_store_elsewhere_is_not_judged_by_this_disk(data: Path) -> None:
    FreeSpace(data / "nothing", floor=EVERYTHING).check()


def test_one_look_a_second_is_enough(data: Path) -> None:
    clock = [0.0]
    space = FreeSpace(data, floor=1, clock=lambda: clock[0])
    space.check()
    space._floor = EVERYTHING
    clock[0] = 0.9
    space.check()
    clock[0] = 2.0
    with pytest.raises(StoreFull):
        space.check()


def test_without_room_submissions_wait_and_moderators_go_on(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    reader = Reader(app.test_client())
    moderator = Moderator(app.test_client(), app.extensions["comments"].people.add_token("Lan"))
    comment_id = reader.submitted()
    full = Reader(make_app(min_free_mb=1 << 20).test_client())
    refused = full.submit()
    assert (refused.status_code, refused.json["code"]) == (503, "store_full")
    assert "Retry-After" in refused.headers
    assert moderator.decide(comment_id, "reject")["outcome"] == "done"
