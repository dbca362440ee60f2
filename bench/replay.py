"""Replays a real discussion through the whole service, twice, and compares what comes out with what went in.

    python -m bench.replay [threads.jsonl]

Each line of the file: {"id","parent","article","article_title","article_url","name","body"}; the addresses are
invented here. Every comment is submitted through the public API, approved through the moderation API (parents
first), read back article by article, and compared: texts after NFC, parents, counts. The second time, with the
same idempotency keys, nothing may be there twice.
"""

import json
import shutil
import sys
import tempfile
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bench.load import Figures, cpu_seconds, get, post, run
from tests import service

DEFAULT = Path(__file__).parent.parent.parent / "shared" / "data" / "vi" / "threads.jsonl"
API = "/api/v1"

Row = dict[str, Any]


class Replay:
    """One discussion against one running service."""

    def __init__(self, running: service.Service, token: str, rows: Sequence[Row]) -> None:
        self._port = running.port
        self._cpu = lambda: cpu_seconds(running.process.pid)
        self._token = token
        self.rows = rows
        self.ids: dict[str, str] = {}  # of the file -> of the service
        self.refused: list[str] = []

    def submit_all(self) -> Figures:
        """Top-level comments, their approval, then the replies to them and theirs; figures of the submissions."""
        total = Figures()
        for rows in _levels(self.rows):
            figures = run(self._port, [self._submission(row) for row in rows], connections=1, keep_bodies=True,
                          cpu_of=self._cpu)  # fmt: skip
            _add(total, figures)
            for row, body in zip(rows, figures.bodies, strict=True):
                answer = json.loads(body)
                if "id" in answer:
                    self.ids[row["id"]] = answer["id"]
                else:
                    self.refused.append(f"{row['id']}: {answer['code']} {answer.get('errors', '')}")
            self._approve([self.ids[row["id"]] for row in rows if row["id"] in self.ids])
        return total

    def _submission(self, row: Row) -> bytes:
        said = {name: row[name] for name in ("article", "article_title", "article_url", "name", "body")}
        said["email"] = f"reader-{row['id']}@mail.example.com"
        if row["parent"]:
            said["parent"] = self.ids[row["parent"]]
        body = json.dumps(said, ensure_ascii=False).encode()
        return post(f"{API}/comments", body, Idempotency_Key=f"replay-{row['id']}")

    def _approve(self, ids: Sequence[str]) -> None:
        for start in range(0, len(ids), 100):
            decisions = [{"id": i, "version": 1, "decision": "approve"} for i in ids[start : start + 100]]
            body = json.dumps({"decisions": decisions}).encode()
            path = f"{API}/moderation/decisions"
            run(self._port, [post(path, body, Authorization=f"Bearer {self._token}")], connections=1)

    def read_all(self) -> dict[str, list[Row]]:
        """Every article's comments, replies after their top, by following cursors."""
        found = {}
        for article in {row["article"] for row in self.rows}:
            found[article] = list(self._comments(article))
        return found

    def _comments(self, article: str) -> Iterator[Row]:
        for thread in self._pages(article, ""):
            yield thread
            yield from thread["replies"]
            if thread["replies_next"]:
                yield from self._pages(article, f"&parent={thread['id']}", thread["replies_next"])

    def _pages(self, article: str, more: str, cursor: str | None = "") -> Iterator[Row]:
        while cursor is not None:
            path = f"{API}/comments?article={quote(article)}&limit=50&cursor={cursor}{more}"
            page = json.loads(run(self._port, [get(path)], connections=1, keep_bodies=True).bodies[0])
            yield from page["comments"]
            cursor = page["next"]

    def differences(self) -> list[str]:
        """What came out other than it went in; empty when all is well."""
        wrong = []
        expected: dict[str, dict[str, Row]] = defaultdict(dict)
        for row in self.rows:
            if row["id"] in self.ids:
                expected[row["article"]][self.ids[row["id"]]] = row
        for article, comments in self.read_all().items():
            ids = [comment["id"] for comment in comments]
            if sorted(ids) != sorted(expected[article]):
                wrong.append(f"{article}: {len(ids)} comments, {len(expected[article])} expected")
            for comment in comments:
                row = expected[article].get(comment["id"])
                if row and comment["body"] != unicodedata.normalize("NFC", row["body"]).strip():
                    wrong.append(f"{comment['id']}: another text")
                if row and comment["parent"] != (self.ids[row["parent"]] if row["parent"] else None):
                    wrong.append(f"{comment['id']}: another parent")
            counts = f"{API}/counts?article={quote(article)}"
            body = run(self._port, [get(counts)], connections=1, keep_bodies=True).bodies[0]
            if json.loads(body)["counts"] != {article: len(expected[article])}:
                wrong.append(f"{article}: count {body.decode()}")
        return wrong


def _levels(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows whose parents stand in the levels before."""
    levels, placed, left = [], {None}, list(rows)
    while left:
        level = [row for row in left if row["parent"] in placed]
        placed |= {row["id"] for row in level}
        left = [row for row in left if row["id"] not in placed]
        levels.append(level)
    return levels


def _add(total: Figures, more: Figures) -> None:
    total.statuses.update(more.statuses)
    total.latencies += more.latencies
    total.wall += more.wall
    total.cpu += more.cpu


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    data = Path(tempfile.mkdtemp(prefix="c-"))
    try:
        with service.serving(data, COMMENTS_SUBMIT_LIMIT="") as running:
            token = service.run("token", "add", "replay", COMMENTS_DATA=str(data)).stdout.strip()
            replay = Replay(running, token, rows)
            for time in ("first", "second"):
                figures = replay.submit_all()
                differences = replay.differences()
                print(
                    f"{time} time: {figures.requests} submissions in {figures.wall:.2f} s, "
                    f"{figures.per_cpu_second:.0f} per CPU second of service and store, "
                    f"p50 {figures.percentile(0.5):.1f} ms, p99 {figures.percentile(0.99):.1f} ms, "
                    f"answers {dict(figures.statuses)}, refused {replay.refused}, differences {differences}"
                )
                if differences:
                    sys.exit(1)
    finally:
        shutil.rmtree(data, ignore_errors=True)


if __name__ == "__main__":
    main()
