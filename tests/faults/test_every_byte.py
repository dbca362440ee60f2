"""Cuts at every place: of the exchange with the store, and of the end of its log."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from comments.store.client import connect
from comments.store.comments import CommentStore
from tests.faults.proxy import Proxy
from tests.faults.scenes import a_store, an_app, url_of
from tests.people import Reader, a_submission

STEP = 41  # bytes between two cuts; a prime, so that they fall on all kinds of places


@pytest.mark.parametrize("side", ["command_bytes", "reply_bytes"])
def test_wherever_the_exchange_is_cut_a_retry_makes_one_comment(side: str) -> None:
    with a_store() as store:
        proxy = Proxy(("127.0.0.1", store.port))
        _, _, app = an_app(proxy.url, pause=0)
        client = app.extensions["comments"].client
        reader = Reader(app.test_client())
        assert reader.submit(key="warm").status_code == 202
        cut = []
        for place in range(0, 2200 if side == "command_bytes" else 400, STEP):
            said = a_submission(body=f"{side} {place}", email="hoa@reader-mail.vn")
            client.close()  # the next connection begins at the first byte
            setattr(proxy, side, place)
            first = reader.submit(key=f"k{place}", **said)
            setattr(proxy, side, None)
            assert first.status_code in (202, 503), first.text
            again = reader.submit(key=f"k{place}", **said)
            assert again.status_code == 202
            cut.append(first.status_code)
        assert {202, 503} == set(cut)  # some cuts come too late to matter
        connected = connect(url_of(store), timeout=5, pause=0, pool=1)
        queue = CommentStore(connected, "comments").waiting()
        assert sum(queue.values()) == len(cut) + 1
        connected.close()
        proxy.close()


def test_a_log_torn_anywhere_near_its_end_keeps_what_was_acknowledged_before() -> None:
    with a_store() as store:
        _, _, app = an_app(url_of(store))
        reader = Reader(app.test_client())
        log = next((store.directory / "appendonlydir").glob("*.incr.aof"))
        reader.submitted()
        begin = log.stat().st_size
        sizes: dict[str, int] = {}  # of the log when the answer came
        for _ in range(6):
            comment_id = reader.submitted()
            sizes[comment_id] = log.stat().st_size
        store.kill()
        end = log.stat().st_size
        for place in range(begin, end, STEP * 4):
            kept = kept_of(store.directory, log.name, place, list(sizes))
            assert {i for i, size in sizes.items() if size <= place} <= kept


def kept_of(directory: Path, log: str, place: int, ids: list[str]) -> set[str]:
    """The comments that a store has which starts from a log that ends there."""
    with a_store() as other:
        other.kill()
        shutil.rmtree(other.directory / "appendonlydir")
        shutil.copytree(directory / "appendonlydir", other.directory / "appendonlydir")
        with (other.directory / "appendonlydir" / log).open("r+b") as file:
            file.truncate(place)
        other.start()
        client = connect(url_of(other), timeout=5, pause=0, pool=1)
        found: dict[str, Any] = dict(CommentStore(client, "comments").comments(ids))
        client.close()
        return set(found)
