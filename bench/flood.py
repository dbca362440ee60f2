"""Readers and writers beside a flood of sign-ins: 200 a second, from as many sources, under as many names.

Both come at fixed rates, whether or not the service keeps up, so nobody waits politely for the flood to pass. Rounds
with and without the flood alternate, so that what else the machine does meets both.
"""

import asyncio
import json
import multiprocessing
import random
import re
import time
from collections import Counter
from statistics import median
from typing import Any

from bench.load import get, post
from bench.stage import Row, stage

SECONDS = 6.0  # of a round
READS, WRITES, SIGN_INS = 100, 50, 200  # a second


class Client:
    """Sends requests at their times, each over a connection that is free, and notes how long each answer took."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.took: dict[str, list[float]] = {}
        self.statuses: Counter[int] = Counter()

    async def send(self, kind: str, request: bytes) -> bytes:
        """The answer, with its head."""
        began = time.perf_counter()
        reader, writer = (
            self._free.pop() if self._free else await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 20)
        )
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(int(re.search(rb"(?i)content-length: (\d+)", head)[1]))  # type: ignore[index]  # it is there
        self._free.append((reader, writer))
        self.took.setdefault(kind, []).append(time.perf_counter() - began)
        self.statuses[int(head[9:12])] += 1
        return head + body

    async def at_a_rate(self, kind: str, per_second: float, seconds: float, make: Any) -> None:
        """Sends `make()` so often for so long, and waits for the last answers."""
        began, sent = time.perf_counter(), set()
        for number in range(int(per_second * seconds)):
            await asyncio.sleep(began + number / per_second - time.perf_counter())
            sent.add(asyncio.create_task(self.send(kind, make())))
        await asyncio.gather(*sent)

    def close(self) -> None:
        for _, writer in self._free:
            writer.close()


def flood(port: int, begin: Any, end: Any) -> None:
    """In a process of its own: sign-ins at their rate from `begin` to `end`, again and again."""

    async def run() -> None:
        client, number = Client(port), 0
        page = await client.send("page", get("/moderate/sign-in"))
        token = re.search(rb'name="csrf_token" value="([^"]+)"', page)[1].decode()  # type: ignore[index]  # it is there
        cookie = re.search(rb"(?i)set-cookie: ([^;]+)", page)[1].decode()  # type: ignore[index]  # it is there
        pending: set[asyncio.Task[bytes]] = set()
        while True:
            while not begin.is_set():
                await asyncio.sleep(0.01)
            began, sent = time.perf_counter(), 0
            while not end.is_set():
                await asyncio.sleep(max(0.0, began + sent / SIGN_INS - time.perf_counter()))
                sent, number = sent + 1, number + 1
                body = f"csrf_token={token}&name=nobody{number}&password=an+unlikely+word".encode()
                source = f"198.51.{number // 250 % 250}.{number % 250}"
                request = post("/moderate/sign-in", body, Cookie=cookie, X_Forwarded_For=source)
                request = request.replace(b"application/json", b"application/x-www-form-urlencoded")
                task = asyncio.create_task(client.send("sign-in", request))
                pending.add(task)
                task.add_done_callback(pending.discard)
            if pending:
                await asyncio.wait(pending)

    asyncio.run(run())


def measure(rounds: int = 5) -> list[Row]:
    """The 99th percentile of reads that nobody kept, and of submissions, beside the flood and without it."""
    context = multiprocessing.get_context("spawn")
    begin, end = context.Event(), context.Event()
    took: dict[tuple[str, bool], list[float]] = {}
    with stage(workers=1, COMMENTS_TRUSTED_PROXIES="1", COMMENTS_CACHE_MB="0") as on:
        flooder = context.Process(target=flood, args=(on.port, begin, end), daemon=True)
        flooder.start()
        chance, number = random.Random(1), 0  # noqa: S311 - no secret

        def a_read() -> bytes:
            return get(f"/api/v1/comments?article=article-{chance.randrange(1000)}")

        def a_write() -> bytes:
            nonlocal number
            number += 1
            said = {
                "article": f"article-{number % 50}",
                "name": "Hoa",
                "email": "hoa@reader-mail.vn",
                "body": f"{number}",
            }
            return post("/api/v1/comments", json.dumps(said).encode())

        async def a_round() -> Client:
            client = Client(on.port)
            await asyncio.gather(
                client.at_a_rate("read", READS, SECONDS, a_read), client.at_a_rate("write", WRITES, SECONDS, a_write)
            )
            client.close()
            return client

        for flooded in [False] + [False, True] * rounds:
            (end if flooded else begin).clear()
            (begin if flooded else end).set()
            client = asyncio.run(a_round())
            assert set(client.statuses) <= {200, 202}, client.statuses
            for kind, seconds in client.took.items():
                took.setdefault((kind, flooded), []).append(1000 * sorted(seconds)[int(len(seconds) * 0.99)])
        end.set()
        flooder.kill()
    return [
        Row(
            f"99 % of {kind}s beside 200 sign-ins a second, to without",
            round(median(took[kind, True]) / median(took[kind, False]), 2),
            "",
            "1.20",
            f"{median(took[kind, True]):.1f} ms to {median(took[kind, False]):.1f} ms, medians of {rounds} rounds",
        )
        for kind in ("read", "write")
    ]
