"""Loads many comments into one server and into a cluster of three, and says what they cost there.

    python -m bench.scale                          1,000,000 comments on 20,000 articles, one in five waiting
    python -m bench.scale --comments 100000 --articles 2000

One article has a tenth of all comments; of the others, the earlier ones have more. All servers run with appendfsync
always on this machine.
"""

import argparse
import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bench.fill import fill
from comments.model import Status
from comments.store.client import Client, connect
from comments.store.comments import CommentStore
from comments.store.published import PublicStore
from comments.store.repair import repair
from tests.faults.scenes import a_store, url_of
from tests.topologies.fleet import clustered

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


def measure(name: str, url: str, comments: int, count: int) -> None:
    client = connect(url, timeout=60, pause=0, pool=4)
    names = list(articles(comments, count))
    began = time.perf_counter()
    fill(client, names[: comments * 4 // 5], approve=True)
    fill(client, names[comments * 4 // 5 :], approve=False)
    loaded = time.perf_counter() - began
    store, public = CommentStore(client, "comments"), PublicStore(client, "comments")
    print(
        f"\n{name}: {comments:,} comments on {count:,} articles in {loaded:.0f} s ({comments / loaded:,.0f} a second)"
    )
    _memory(client, comments)
    queue = milliseconds(lambda: store.queue(Status.PENDING, limit=50))
    huge = milliseconds(lambda: public.page("main", HUGE, limit=50, first=3))
    usual = milliseconds(lambda: public.page("main", "article 7", limit=50, first=3))
    print(f"a page of 50: queue {queue:.1f} ms, largest article {huge:.2f} ms, another article {usual:.2f} ms")
    began = time.perf_counter()
    report = repair(client, "comments", look=True)
    print(f"all compared in {time.perf_counter() - began:.0f} s: {report.counts or 'nothing wrong'}")
    client.close()


def _memory(client: Client, comments: int) -> None:
    answers = client.everywhere(("INFO", "memory"), ("DBSIZE",)).values()
    used = [int(info["used_memory"]) for info, _ in answers]
    keys = [int(size) for _, size in answers]
    each = ", ".join(f"{one / 1e6:.0f} MB" for one in used)
    print(f"memory of each server {each}: {sum(used) / comments:.0f} bytes a comment")
    print(f"largest to mean: keys {spread(keys)}, bytes {spread(used)}")


@contextmanager
def one_server() -> Iterator[str]:
    with a_store() as store:
        yield url_of(store)


@contextmanager
def three_nodes() -> Iterator[str]:
    with clustered(timeout=15000, replicas=False) as nodes:
        yield nodes.url


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--comments", type=int, default=1_000_000)
    parser.add_argument("--articles", type=int, default=20_000)
    given = parser.parse_args()
    for name, place in {"one server": one_server, "three nodes": three_nodes}.items():
        with place() as url:
            measure(name, url, given.comments, given.articles)


if __name__ == "__main__":
    main()
