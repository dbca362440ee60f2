"""Starts the real `comments` command for tests, and never leaves a process behind."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

COMMAND = str(Path(sys.executable).with_name("comments"))
START = 30.0  # seconds


def clean_environment(**more: str) -> dict[str, str]:
    """This environment without settings of the service, plus some."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("COMMENTS_")}
    return {**kept, **more}


def run(*arguments: str, typed: str = "", **environ: str) -> "subprocess.CompletedProcess[str]":
    """One command, to its end."""
    return subprocess.run(
        [COMMAND, *arguments],
        input=typed,
        env=clean_environment(**environ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class Service:
    """A running `comments serve`."""

    def __init__(self, process: "subprocess.Popen[bytes]", out: Path, err: Path) -> None:
        self.process = process
        self._out, self._err = out, err

    @property
    def out(self) -> str:
        return self._out.read_text()

    @property
    def err(self) -> str:
        return self._err.read_text()

    @property
    def port(self) -> int:
        found = re.search(r"http://[\d.]+:(\d+)/", self.out)
        assert found, self.out + self.err
        return int(found[1])

    def get(self, path: str, timeout: float = 10.0) -> tuple[int, bytes]:
        """Status and body."""
        return self.ask("GET", path, timeout=timeout)[:2]

    def post(self, path: str, said: Any) -> tuple[int, bytes, http.client.HTTPMessage]:
        """Status, body and headers of the answer to something said in JSON."""
        return self.ask("POST", path, json.dumps(said), {"Content-Type": "application/json"})

    def ask(
        self, method: str, path: str, body: str = "", headers: Mapping[str, str] | None = None, timeout: float = 10.0
    ) -> tuple[int, bytes, http.client.HTTPMessage]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers
        finally:
            connection.close()

    def get_json(self, path: str) -> Any:
        status, body = self.get(path)
        assert status == 200, body
        return json.loads(body)

    def answers(self, path: str = "/healthz") -> bool:
        try:
            return self.get(path)[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def workers(self) -> list[int]:
        """Process numbers of the web workers."""
        return [pid for pid in children(self.process.pid) if "spawn_main" in command_of(pid)]

    def stop(self, number: signal.Signals = signal.SIGTERM, within: float = 20.0) -> int:
        """Asks it to stop; its exit status."""
        self.process.send_signal(number)
        return self.process.wait(within)


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def children(pid: int) -> list[int]:
    """Processes started by one."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return []


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended but was not collected yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@contextmanager
def serving(
    data: Path, *flags: str, cwd: Path | None = None, command: str = COMMAND, wait: bool = True, **environ: str
) -> Iterator[Service]:
    """`comments serve` on a free port, ready when the block begins (unless `wait` is false), gone when it ends."""
    data.mkdir(exist_ok=True)
    out, err = data / "out", data / "err"
    with out.open("wb") as out_file, err.open("wb") as err_file:
        process = subprocess.Popen(
            [command, "serve", "--port", "0", "--workers", "1", "--data", str(data), *flags],
            stdin=subprocess.DEVNULL,
            stdout=out_file,
            stderr=err_file,
            cwd=cwd or data,
            env=clean_environment(**environ),
            start_new_session=True,
        )
    service = Service(process, out, err)
    try:
        if wait:
            until(lambda: "Review page" in service.out or process.poll() is not None, START)
            assert process.poll() is None, service.err
        yield service
    finally:
        end(process)


def end(process: "subprocess.Popen[bytes]") -> None:
    """Ends a service, and whatever it may have left."""
    below = [pid for child in children(process.pid) for pid in (child, *children(child))]
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pid in below:
        if alive(pid):
            os.kill(pid, signal.SIGKILL)


def until(condition: Callable[[], object], within: float) -> None:
    """Waits for a condition; fails when it does not come true in time."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.01)  # the one place that waits between two looks
