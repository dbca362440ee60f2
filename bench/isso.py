"""Beside Isso (extra `bench`): the same article of 50 comments read, and comments posted, in the same run.

Isso closes its connection after each answer, so that opening one is part of what its figures count. It writes to
SQLite; ours waits until its store's log is on disk.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.fill import fill, repeated, text_of
from bench.load import cpu_seconds, get, post, run
from bench.reads import answers
from bench.stage import Row, rate, stage
from bench.submissions import request
from tests.service import until
from tests.test_nginx import free_port

COMMENTS = 50


_COMMAND = Path(sys.executable).with_name("isso")


def measure(number: int = 300) -> list[Row]:
    if not _COMMAND.exists():
        print("Isso is not here: pip install -e '.[bench]'", file=sys.stderr)
        return []
    with _isso() as (port, cpu):
        run(port, [_comment("/article", n) for n in range(COMMENTS)], connections=1)
        read = run(port, [get("/?uri=/article")] * number, connections=4, cpu_of=cpu)
        posted = run(port, [_comment(f"/a{n % 20}", n) for n in range(number)], connections=4, cpu_of=cpu)
    with stage() as running:
        fill(running.store, repeated(["article"], COMMENTS), approve=True)
        ours_read = run(running.port, [get("/api/v1/comments?article=article")] * number * 20, cpu_of=running.cpu)
        ours_posted = run(running.port, [request(n) for n in range(number * 4)], cpu_of=running.cpu)
    assert set(posted.statuses) <= {201, 202}, posted.statuses
    return [
        rate(f"Isso: an article of {COMMENTS} comments", read, "", "4 connections"),
        rate(f"ours: an article of {COMMENTS} comments", ours_read, "", "32 connections"),
        rate("Isso: submissions", posted, "", "4 connections"),
        rate("ours: submissions", ours_posted, "", "32 connections, on disk before the answer"),
    ]


@contextmanager
def _isso() -> Iterator[tuple[int, Callable[[], float]]]:
    """A running Isso: its port, and its CPU seconds so far."""
    root, port = Path(tempfile.mkdtemp(prefix="i-")), free_port()
    config = root / "isso.cfg"
    config.write_text(
        f"[general]\ndbpath = {root}/comments.db\nhost = http://127.0.0.1:{port}/\n"
        f"[server]\nlisten = http://127.0.0.1:{port}/\n[guard]\nenabled = false\n"
    )
    with (root / "log").open("wb") as log:
        process = subprocess.Popen([_COMMAND, "-c", config, "run"], stdout=log, stderr=log)
        try:
            until(lambda: answers(port), 30)
            yield port, lambda: cpu_seconds(process.pid)
        finally:
            process.terminate()
            process.wait(10)
            shutil.rmtree(root, ignore_errors=True)


def _comment(uri: str, number: int) -> bytes:
    said = {"author": "Hoa", "text": text_of(210, number), "title": "Title"}  # with a title it does not fetch the page
    return post(f"/new?uri={uri}", json.dumps(said).encode())
