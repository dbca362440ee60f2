"""Promise 3: a page costs the same whatever the article's size, and the queue whatever is waiting; bytes a comment.

Nothing is kept in memory here (cache off), so each request is computed.
"""

import json

from bench.fill import fill, repeated
from bench.load import get, run
from bench.stage import Row, Stage, stage
from comments.store.keys import Keys

REQUESTS = 400
_LIMIT = 50


def measure(largest: int = 1_000_000) -> list[Row]:
    sizes = [size for size in (10, 1_000, 100_000, 1_000_000) if size <= largest]
    return [*articles(sizes), queue(sizes)]


def articles(sizes: list[int]) -> list[Row]:
    """Articles of these sizes: what their pages cost, and the bytes of a comment in the largest."""
    costs: dict[str, list[float]] = {"first": [], "middle": [], "last": []}
    with stage(COMMENTS_CACHE_MB="0") as running:
        for size in sizes:
            article = f"with {size}"
            before = _memory(running)
            fill(running.store, repeated([article], size), approve=True, characters=300)
            grown = _memory(running) - before
            for place, cost in _pages(running, article, size).items():
                costs[place].append(cost)
    pages = [_growth(f"CPU of the {place} page of an article", sizes[1:], cost[1:]) for place, cost in costs.items()]
    return [_bytes_per_comment(grown, sizes[-1]), *pages]


def _pages(running: Stage, article: str, size: int) -> dict[str, float]:
    """CPU milliseconds of the first page, one in the middle and the last."""
    threads = Keys("comments").article("main", article).threads
    cursors = {"first": ""}
    for place, index in (("middle", size // 2), ("last", max(0, size - _LIMIT - 1))):
        cursors[place] = running.store.command("ZRANGE", threads, index, index)[0].decode()
    return {place: _cost(running, f"/api/v1/comments?article={article.replace(' ', '%20')}&cursor={cursor}")
            for place, cursor in cursors.items()}  # fmt: skip


def _cost(running: Stage, path: str, **headers: str) -> float:
    """CPU milliseconds of one request, the better of three runs."""
    requests = [get(path, **headers)] * REQUESTS
    runs = [run(running.port, requests, connections=4, cpu_of=running.cpu) for _ in range(3)]
    assert all(set(figures.statuses) == {200} for figures in runs)
    return min(1000 * figures.cpu / figures.requests for figures in runs)


def queue(sizes: list[int]) -> Row:
    """What the queue's first page costs while so many wait."""
    costs, waiting = [], 0
    with stage(COMMENTS_CACHE_MB="0") as running:
        headers = {"Authorization": f"Bearer {running.token()}"}
        for size in sizes:
            fill(running.store, (f"a{n % 997}" for n in range(size - waiting)), approve=False)
            waiting = size
            costs.append(_cost(running, "/api/v1/moderation/comments", **headers))
    return _growth("CPU of the queue's first page", sizes[1:], costs[1:])


def _growth(what: str, sizes: list[int], costs: list[float]) -> Row:
    """The dearest to the cheapest. The smallest size is left out: its page holds fewer comments than a full one."""
    word = json.dumps({f"{size:,}": f"{cost:.2f} ms" for size, cost in zip(sizes, costs, strict=True)})
    return Row(what, round(max(costs) / min(costs), 2), "ratio, dearest to cheapest size", "<= 1.3", word.strip("{}"))


def _memory(running: Stage) -> int:
    return int(running.store.command("INFO", "memory")["used_memory"])


def _bytes_per_comment(grown: int, size: int) -> Row:
    return Row(
        "memory of an approved comment of 300 characters, all included",
        round(grown / size),
        "bytes",
        "< 1,500",
        f"over {size:,} comments of five a reader: record, address, log, queue, public form, the keys of readers",
    )
