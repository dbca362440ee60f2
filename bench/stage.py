"""What a bench stands on: a service of its own, with the processors shared out, and the figures it hands back."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.load import Figures, cpu_seconds, spread_processors
from comments.store.client import Client, connect
from comments.store.embedded import running as store_of
from comments.store.people import People
from tests import service


@dataclass(frozen=True)
class Row:
    """One figure: what was measured, the value and its unit, what was promised, and a word about it."""

    what: str
    value: float
    unit: str
    promised: str = ""
    word: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def rate(what: str, figures: Figures, promised: str = "", word: str = "") -> Row:
    """Requests per CPU second, with the latencies as a word."""
    tail = f"p50 {figures.percentile(0.5):.1f} ms, p99 {figures.percentile(0.99):.1f} ms" if figures.latencies else ""
    said = ", ".join(filter(None, [word, tail, "" if set(figures.statuses) <= {200, 202} else str(figures.statuses)]))
    return Row(what, round(figures.per_cpu_second), "requests per CPU second", promised, said)


@dataclass(frozen=True)
class Stage:
    """A running service: its port, its CPU seconds so far, its store."""

    service: service.Service
    store: Client

    @property
    def port(self) -> int:
        return self.service.port

    def cpu(self) -> float:
        """CPU seconds of the service and its store so far."""
        return cpu_seconds(self.service.process.pid)

    def token(self) -> str:
        """An API token for the moderation API."""
        return People(self.store, namespace="comments", now=time.time).add_token(f"bench-{os.urandom(4).hex()}")


@contextmanager
def stage(workers: int = 1, **settings: str) -> Iterator[Stage]:
    """A service on processors of its own; the load runs on the last one."""
    for_service, for_load = spread_processors()
    data = Path(tempfile.mkdtemp(prefix="c-"))
    os.sched_setaffinity(0, for_service)
    try:
        chosen = {"COMMENTS_SUBMIT_LIMIT": "", **settings}
        with service.serving(data, "--workers", str(workers), **chosen) as running:
            os.sched_setaffinity(0, for_load)
            url = store_of(data)
            if url is None:
                raise RuntimeError("the service has no store of its own")
            client = connect(url, timeout=60, pause=0, pool=4)
            yield Stage(running, client)
            client.close()
    finally:
        os.sched_setaffinity(0, for_service | for_load)
        shutil.rmtree(data, ignore_errors=True)


def wrk(port: int, path: str, cpu_of: Any, *, seconds: float = 4, connections: int = 32, script: str = "") -> Figures:
    """A storm of GETs by wrk (it must be installed): only counts, statuses and CPU seconds, no single latencies."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}", "--latency"]
    command += ["-H", "Accept-Encoding: gzip, br"]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        if script:
            file.write(script)
            file.flush()
            command += ["-s", file.name]
        before = cpu_of()
        out = subprocess.run(
            [*command, f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True, check=True
        ).stdout
        spent = cpu_of() - before
    figures = Figures(cpu=spent)
    number = int(out.split(" requests in", 1)[0].split()[-1])
    figures.statuses[200] = number
    figures.latencies = [_p99(out)] * number
    bad = [line for line in out.splitlines() if "Non-2xx" in line or "Socket errors" in line]
    if bad:
        figures.statuses[0] = 1
    return figures


def _p99(out: str) -> float:
    """Seconds, as wrk says them ("1.23ms", "450.00us", "1.02s")."""
    text = next(line.split()[1] for line in out.splitlines() if line.strip().startswith("99%"))
    for unit, factor in (("us", 1e-6), ("ms", 1e-3), ("s", 1.0)):
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * factor
    raise ValueError(text)


def has(name: str) -> bool:
    return bool(shutil.which(name))
