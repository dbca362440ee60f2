"""Promises 1, 2 and 6: reads from memory, a thousand articles at random, first touches, counts of twenty articles.

Compared in the same run with nginx serving the same bytes as a file, and with our service behind the shipped nginx
example, where nginx and wrk are installed.
"""

import os
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.fill import fill, repeated
from bench.load import Figures, cpu_seconds, get, run
from bench.stage import Row, Stage, has, rate, stage, wrk
from tests.service import until
from tests.test_nginx import free_port, written

COMMENTS = 50
LIST = "/api/v1/comments?article="
_RANDOM = """
request = function() return wrk.format("GET", "{path}" .. math.random(0, {most})) end
"""


def measure(articles: int = 1000) -> list[Row]:
    rows: list[Row] = []
    with stage() as running:
        fill(running.store, repeated([f"a{n}" for n in range(articles)], COMMENTS), approve=True)
        rows += _cold(running, articles)
        rows += _warm(running, articles)
    return rows


def _storm(running: Stage, path: str, script: str = "") -> Figures:
    if has("wrk"):
        return wrk(running.port, path, running.cpu, script=script)
    return run(running.port, [get(path, Accept_Encoding="gzip, br")] * 30_000, cpu_of=running.cpu)


def _cold(running: Stage, articles: int) -> list[Row]:
    paths = [f"{LIST}a{n}" for n in range(articles)]
    figures = run(running.port, [get(path, Accept_Encoding="br") for path in paths], cpu_of=running.cpu)
    word = f"{articles} articles of {COMMENTS} comments, 32 connections"
    return [rate("first touch of an article", figures, ">= 2,500; p99 < 20 ms", word)]


def _warm(running: Stage, articles: int) -> list[Row]:
    one = _storm(running, f"{LIST}a0")
    many = [get(f"{LIST}a{n * 7919 % articles}", Accept_Encoding="gzip, br") for n in range(20_000)]
    run(running.port, many, connections=8)  # every article once
    script = _RANDOM.format(path=LIST + "a", most=articles - 1)
    spread = _storm(running, f"{LIST}a0", script) if has("wrk") else run(running.port, many, cpu_of=running.cpu)
    counts = "/api/v1/counts?" + "&".join(f"article=a{n}" for n in range(20))
    rows = [
        rate("one article of 50 comments, warm", one, ">= 40,000"),
        rate(f"{articles} articles at random, warm", spread, ">= 40,000"),
        rate("counts of 20 articles, warm", _storm(running, counts), ">= 40,000"),
    ]
    return rows + (_nginx(running, one) if has("nginx") and has("wrk") else [])


def _nginx(running: Stage, ours: Figures) -> list[Row]:
    """The same bytes (br) as a file, and our service behind the shipped example."""
    request = urllib.request.Request(f"http://127.0.0.1:{running.port}{LIST}a0", headers={"Accept-Encoding": "br"})
    with urllib.request.urlopen(request) as answer:
        body = answer.read()
    with _nginx_at(lambda root, port: _file_site(root, port, body)) as (port, cpu):
        file = wrk(port, "/file.json", cpu)
    with _nginx_at(lambda root, port: written(root, port, running.port)) as (port, cpu):
        behind = wrk(port, f"{LIST}a0", lambda: cpu() + running.cpu())
    ratio = ours.per_cpu_second / file.per_cpu_second
    behind_ratio = behind.per_cpu_second / file.per_cpu_second
    return [
        rate("nginx, the same bytes as a file", file),
        Row("ours to nginx's file", round(ratio, 2), "ratio in this run", ">= 0.25"),
        rate("behind the shipped nginx example", behind, "", "nginx, service and store together"),
        Row("behind nginx to nginx's file", round(behind_ratio, 2), "ratio in this run", ">= 0.8"),
    ]


def _file_site(root: Path, port: int, body: bytes) -> Path:
    (root / "file.json").write_bytes(body)
    site = f'server {{ listen 127.0.0.1:{port}; root "{root}"; default_type application/json; }}'
    user = "user root;" if os.geteuid() == 0 else ""
    config = root / "nginx.conf"
    config.write_text(
        f"{user} pid {root}/pid; error_log {root}/error.log; daemon off; worker_processes 1;\n"
        f"events {{ }}\nhttp {{ access_log off; keepalive_requests 1000000; sendfile on; {site} }}"
    )
    return config


@contextmanager
def _nginx_at(configure: Callable[[Path, int], Path]) -> Iterator[tuple[int, Callable[[], float]]]:
    """An nginx with one worker's CPU seconds told by a function."""
    root, port = Path(tempfile.mkdtemp(prefix="n-")), free_port()
    process = subprocess.Popen(["nginx", "-p", str(root), "-c", str(configure(root, port))])
    try:
        until(lambda: answers(port), 10)
        yield port, lambda: cpu_seconds(process.pid)
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(root, ignore_errors=True)


def answers(port: int) -> bool:
    """Whether an HTTP server is there."""
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True
