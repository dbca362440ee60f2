"""Cuts at every place: of the exchange with the store, and of the end of its log."""

import os
import shutil
from pathlib import Path

import pytest

from comments.store.client import connect
from comments.store.comments import CommentStore
from tests.faults.proxy import Proxy
from tests.faults.scenes import a_store, an_app, url_of
from tests.people import Reader, a_submission
from tests.topologies.fleet import Valkey

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


@pytest.mark.parametrize("step", [4 * STEP, pytest.param(1, marks=pytest.mark.by_hand)])
def test_a_log_torn_anywhere_in_its_last_4_kb_keeps_what_was_acknowledged_before(step: int) -> None:
    with a_store() as store, a_store() as other:
        _, _, app = an_app(url_of(store))
        reader = Reader(app.test_client())
        log = next((store.directory / "appendonlydir").glob("*.incr.aof"))
        sizes: dict[str, int] = {}  # of the log when the answer came
        while log.stat().st_size < 6000:
            comment_id = reader.submitted()
            sizes[comment_id] = log.stat().st_size
        store.kill()
        end = log.stat().st_size
        for place in range(end - 4096, end, step):
            kept = kept_of(log, place, other, list(sizes))
            assert {i for i, size in sizes.items() if size <= place} <= kept


def kept_of(log: Path, place: int, other: Valkey, ids: list[str]) -> set[str]:
    """The comments that a store has which starts from a log that ends there."""
    other.kill()
    shutil.rmtree(other.directory / "appendonlydir")
    copy = shutil.copytree(log.parent, other.directory / "appendonlydir")
    os.truncate(copy / log.name, place)
    other.start()
    client = connect(url_of(other), timeout=5, pause=0, pool=1)
    found = CommentStore(client, "comments").comments(ids)
    client.close()
    return set(found)
