"""Loads many comments into one server and into a cluster of three, and says what they cost there.

    python -m bench.scale                          1,000,000 comments on 20,000 articles, one in five waiting
    python -m bench.scale --comments 100000 --articles 2000

Prints the table of docs/operating.md. One article has a tenth of all comments; of the others, the earlier ones have
more. Five comments are of one reader, on five articles. All servers run with appendfsync always on this machine.
"""

import argparse
import random
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.fill import fill
from comments.model import Status
from comments.store.client import Client, connect
from comments.store.comments import CommentStore
from comments.store.embedded import EmbeddedStore
from comments.store.published import PublicStore
from comments.store.repair import repair
from tests.topologies.fleet import clustered

RECORDS = {"hash_max_listpack_entries": "16", "hash_max_listpack_value": "8192"}  # as in config/valkey.conf
Column = dict[str, str]

HUGE = "the article of the year"


def articles(comments: int, count: int, seed: int = 1) -> Iterator[str]:
    """The article of each comment."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    for _ in range(comments):
        if chance.random() < 0.1:
            yield HUGE
        else:
            yield f"article {int(count * chance.random() ** 2)}"


def milliseconds(call: Callable[[], object], times: int = 50) -> float:
    """The median of some calls."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        took.append(time.perf_counter() - began)
    return 1000 * statistics.median(took)


def spread(values: list[int]) -> str:
    """The largest in relation to the mean."""
    return f"{max(values) / statistics.mean(values):.2f}"


def measure(url: str, comments: int, count: int) -> Column:
    """One column of the table: what so many comments cost at this place."""
    client = connect(url, timeout=60, pause=0, pool=8)
    store, public = CommentStore(client, "comments"), PublicStore(client, "comments")
    names = list(articles(comments, count))
    began = time.perf_counter()
    fill(client, names[: comments * 4 // 5], approve=True)
    fill(client, names[comments * 4 // 5 :], approve=False)
    loaded = time.perf_counter() - began
    column = {"loaded, and four in five decided": f"{loaded:,.0f} s ({comments / loaded:,.0f} a second)"}
    column |= _memory(client, comments)
    huge = milliseconds(lambda: public.page("main", HUGE, limit=50, first=3))
    usual = milliseconds(lambda: public.page("main", "article 7", limit=50, first=3))
    queue = milliseconds(lambda: store.queue(Status.PENDING, limit=50))
    column |= {
        "50 comments of the queue": f"{queue:.1f} ms",
        f"50 comments of the largest article ({store.waiting()[Status.APPROVED] // 10:,})": f"{huge:.2f} ms",
        "50 comments of another article": f"{usual:.2f} ms",
    }
    column |= _repaired(url, client, public, count)
    client.close()
    return column


def _memory(client: Client, comments: int) -> Column:
    answers = client.everywhere(("INFO", "memory"), ("DBSIZE",)).values()
    used = [int(info["used_memory"]) for info, _ in answers]
    keys = [int(size) for _, size in answers]
    return {
        "memory of each server": ", ".join(f"{one / 1e6:,.0f}" for one in used) + " MB",
        "bytes a comment": f"{sum(used) / comments:,.0f}",
        "largest node to the mean: keys, bytes": f"{spread(keys)}, {spread(used)}" if len(used) > 1 else "",
    }


class _Timed(Client):
    """A client that knows how long its longest call took, in seconds."""

    longest = 0.0

    def run_all(self, *calls: Any, **how: Any) -> list[Any]:
        began = time.perf_counter()
        try:
            return super().run_all(*calls, **how)
        finally:
            self.longest = max(self.longest, time.perf_counter() - began)


def _repaired(url: str, client: Client, public: PublicStore, count: int) -> Column:
    """`comments doctor --repair` while pages are read one after another."""
    timed, over, took = _Timed(client._servers), threading.Event(), []

    def read() -> None:
        other = connect(url, timeout=60, pause=0, pool=1)
        pages, chance = PublicStore(other, "comments"), random.Random(2)  # noqa: S311 - no secret
        while not over.is_set():
            began = time.perf_counter()
            pages.page("main", f"article {int(count * chance.random() ** 2)}", limit=50, first=3)
            took.append(time.perf_counter() - began)
            time.sleep(0.005)  # reads go on beside the repair, and do not take the processor from it
        other.close()

    reader = threading.Thread(target=read)
    reader.start()
    began = time.perf_counter()
    report = repair(timed, "comments")
    seconds = time.perf_counter() - began
    over.set()
    reader.join()
    assert not report.counts, report.counts
    return {
        "`doctor --repair` of all": f"{seconds:,.0f} s ({report.comments / seconds:,.0f} a second)",
        "its longest call to the store": f"{timed.longest * 1000:,.0f} ms",
        "a page read meanwhile, median and p99": (
            f"{1000 * statistics.median(took):.1f}, {1000 * statistics.quantiles(took, n=100)[-1]:.0f} ms"
        ),
    }


def on_one_server(comments: int, count: int) -> Column:
    """The store that comes along: also how long it starts, and a backup that is put back and looked through."""
    with _directory() as data, _directory() as copy:
        with EmbeddedStore(data) as url:
            column = measure(url, comments, count)
            began = time.perf_counter()
            shutil.copytree(data / "valkey" / "appendonlydir", copy / "valkey" / "appendonlydir")
            copied = time.perf_counter() - began
        size = sum(file.stat().st_size for file in (copy / "valkey" / "appendonlydir").iterdir())
        began = time.perf_counter()
        with EmbeddedStore(data):
            started = time.perf_counter() - began
        with EmbeddedStore(copy) as url:
            client = connect(url, timeout=60, pause=0, pool=1)
            report = repair(client, "comments", look=True)
            client.close()
        assert (report.comments, report.counts) == (comments, {}), report
    return column | {
        "its files": f"{size / 1e6:,.0f} MB",
        "start of the store": f"{started:.0f} s",
        "backup": f"{copied:.1f} s; put back, it had every comment and nothing was wrong",
    }


def on_three_nodes(comments: int, count: int) -> Column:
    with clustered(timeout=15000, replicas=False, **RECORDS) as nodes:
        return measure(nodes.url, comments, count)


@contextmanager
def _directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="s-") as name:
        yield Path(name)


PLACES = {"one server": on_one_server, "three nodes": on_three_nodes}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--comments", type=int, default=1_000_000)
    parser.add_argument("--articles", type=int, default=20_000)
    parser.add_argument("--places", nargs="*", choices=PLACES, default=list(PLACES))
    given = parser.parse_args()
    columns = {place: PLACES[place](given.comments, given.articles) for place in given.places}
    print(f"| | {' | '.join(columns)} |\n|---|{'---:|' * len(columns)}")
    for row in dict.fromkeys(row for column in columns.values() for row in column):
        print(f"| {row} | {' | '.join(column.get(row, '') for column in columns.values())} |")


if __name__ == "__main__":
    main()
