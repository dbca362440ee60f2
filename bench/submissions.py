"""Promise 4: submissions that are on disk before their 202."""

import json

from bench.fill import text_of
from bench.load import post, run
from bench.stage import Row, rate, stage


def measure(number: int = 6_000) -> list[Row]:
    with stage() as running:
        requests = [request(n) for n in range(number + 300)]
        run(running.port, requests[:300], connections=8, cpu_of=running.cpu)
        figures = run(running.port, requests[300:], connections=32, cpu_of=running.cpu)
    assert set(figures.statuses) == {202}, figures.statuses
    return [rate("submissions, fsync before the 202", figures, ">= 1,500; p99 < 50 ms", "32 connections")]


def request(number: int) -> bytes:
    """A submission, each of another reader."""
    said = {
        "article": f"a{number % 200}",
        "name": "Nguyễn Thị Hoa",
        "email": f"reader-{number}@mail.example.com",
        "body": text_of(210),
    }
    return post("/api/v1/comments", json.dumps(said).encode(), Idempotency_Key=f"bench-{number}")
