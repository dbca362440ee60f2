"""Nothing acknowledged is lost: the service and its store under load while something is killed or hangs.

Rows F1, F4, F6, F8 and F39 of the fault model, in their short form.
"""

import http.client
import json
import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from flask import Flask

from comments.model import Status
from comments.store import embedded
from comments.store.client import connect
from comments.store.comments import CommentStore
from tests import service
from tests.faults.scenes import store_process
from tests.people import COMMENTS, Moderator, Reader, a_submission

CLIENTS = 8


class Client(threading.Thread):
    """A reader's widget: one submission after another, each with its key, again and again until it is answered."""

    def __init__(self, running: service.Service, name: str, stop: threading.Event) -> None:
        super().__init__(name=name)
        self._service = running
        self._stop_now = stop
        self.accepted: dict[str, bytes] = {}  # key -> the answer's body
        self.answers: Counter[int] = Counter()
        self.longest = 0.0
        self.tries = 0

    def run(self) -> None:
        number = 0
        while not self._stop_now.is_set():
            number += 1
            self._submit_until_answered(f"{self.name}-{number}")

    def _submit_until_answered(self, key: str) -> None:
        body = json.dumps(a_submission(body=key, article=f"article {key[-1]}", email="hoa@reader-mail.vn"))
        while True:
            self.tries += 1
            began = time.monotonic()
            with suppress(OSError, http.client.HTTPException):
                status, answer = self._post(body, key)
                self.answers[status] += 1
                self.longest = max(self.longest, time.monotonic() - began)
                if status == 202:
                    self.accepted[key] = answer
                    return
                assert status in (429, 503), answer
            if self._stop_now.wait(0.02):
                return

    def _post(self, body: str, key: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self._service.port, timeout=20)
        try:
            headers = {"Content-Type": "application/json", "Idempotency-Key": key}
            connection.request("POST", COMMENTS, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


@contextmanager
def under_load(running: service.Service) -> Iterator[list[Client]]:
    """Clients that submit while the block runs."""
    stop = threading.Event()
    clients = [Client(running, f"client{n}", stop) for n in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        yield clients
    finally:
        stop.set()
        for client in clients:
            client.join(30)


def accepted(clients: list[Client]) -> int:
    return sum(len(client.accepted) for client in clients)


def audit(store: CommentStore, clients: list[Client]) -> None:
    """Every acknowledged comment is there, exactly once, with what was said."""
    acknowledged = {key: json.loads(a)["id"] for client in clients for key, a in client.accepted.items()}
    found = store.comments(list(acknowledged.values()))
    assert len(found) == len(acknowledged), "an acknowledged comment is lost, or two answers name one comment"
    assert {key: found[i].body for key, i in acknowledged.items()} == {key: key for key in acknowledged}
    queued, after = [], None
    while True:
        page = store.queue(Status.PENDING, limit=1000, after=after)
        queued += [comment.body for comment in page.comments]
        if page.next is None:
            break
        after = page.next
    twice = [body for body, times in Counter(queued).items() if times > 1]
    assert not twice, f"there twice: {twice}"
    assert set(acknowledged) <= set(queued)


@contextmanager
def store_of(data: Path) -> Iterator[CommentStore]:
    url = embedded.running(data)
    assert url
    client = connect(url, timeout=5, pause=0, pool=2)
    yield CommentStore(client, "comments")
    client.close()


@pytest.fixture
def running(data: Path) -> Iterator[service.Service]:
    with service.serving(data, "--workers", "2", COMMENTS_SUBMIT_LIMIT="") as running:
        yield running


def test_killing_the_store_loses_and_doubles_nothing(
    running: service.Service, data: Path, eventually: Callable[..., None]
) -> None:
    with under_load(running) as clients:
        for _ in range(3):
            before = accepted(clients)
            eventually(lambda b=before: accepted(clients) > b + 200, within=30)
            os.kill(store_process(running), signal.SIGKILL)
        before = accepted(clients)
        eventually(lambda: accepted(clients) > before + 100, within=30)
    with store_of(data) as store:
        audit(store, clients)


def test_killing_workers_loses_and_doubles_nothing(
    running: service.Service, data: Path, eventually: Callable[..., None]
) -> None:
    with under_load(running) as clients:
        for _ in range(5):
            before = accepted(clients)
            eventually(lambda b=before: accepted(clients) > b + 50, within=30)
            os.kill(running.workers()[0], signal.SIGKILL)
        before = accepted(clients)
        eventually(lambda: accepted(clients) > before + 100, within=30)
    with store_of(data) as store:
        audit(store, clients)


def test_killing_everything_loses_nothing_that_was_acknowledged(data: Path, eventually: Callable[..., None]) -> None:
    with (
        service.serving(data, COMMENTS_SUBMIT_LIMIT="") as running,
        under_load(running) as clients,
    ):
        eventually(lambda: accepted(clients) > 300, within=30)
        tree = [running.process.pid, store_process(running), *running.workers()]
        for pid in tree:
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: not any(map(service.alive, tree)), within=10)
    with service.serving(data), store_of(data) as store:
        audit(store, clients)


def test_a_store_that_hangs_is_answered_503_in_time_and_heals(
    running: service.Service, data: Path, eventually: Callable[..., None]
) -> None:
    store = store_process(running)
    with under_load(running) as clients:
        eventually(lambda: accepted(clients) > 50, within=30)
        os.kill(store, signal.SIGSTOP)
        try:
            eventually(lambda: sum(client.answers[503] for client in clients) > 50, within=10)
            began = time.monotonic()
            assert running.get("/healthz")[0] == 200
            assert running.get("/readyz")[0] == 503
            assert time.monotonic() - began < 1.5
        finally:
            os.kill(store, signal.SIGCONT)
        before = accepted(clients)
        eventually(lambda: accepted(clients) > before + 50, within=4)
    assert max(client.longest for client in clients) < 2.5
    with store_of(data) as found:
        audit(found, clients)


def test_a_lost_reply_does_not_make_two(make_app: Callable[..., Flask], store_url: str, cutter: "Cutter") -> None:
    reader = Reader(make_app(redis_url=cutter.url, timeout=0.5, pause=0.05).test_client())
    said = a_submission()
    reader.submit(key="warm", **a_submission())
    cutter.lose_reply_to = b"EVALSHA"
    lost = reader.submit(key="once", **said)
    assert (lost.status_code, lost.json["outcome"]) == (503, "unknown")
    assert int(lost.headers["Retry-After"]) >= 1
    cutter.lose_reply_to = None

    def sent() -> bool:
        answer = reader.submit(key="once", **said)
        return answer.status_code == 202

    cutter.eventually(sent)
    app = make_app()
    moderator = Moderator(app.test_client(), app.extensions["comments"].people.add_token("Lan"))
    assert len([comment for comment in moderator.queue() if comment["body"] == said["body"]]) == 2


class Cutter(threading.Thread):
    """A proxy in front of the store that can swallow the reply to a command, and the connection with it."""

    def __init__(self, target: str, eventually: Callable[..., None]) -> None:
        super().__init__(daemon=True)
        self._target = target.removeprefix("unix://")
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._server.getsockname()[1]}"
        self.lose_reply_to: bytes | None = None
        self.eventually = eventually

    def run(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                threading.Thread(target=self._relay, args=(client,), daemon=True).start()

    def _relay(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as store, suppress(OSError):
            store.connect(self._target)
            while request := client.recv(1 << 20):
                store.sendall(request)
                reply = store.recv(1 << 20)
                if self.lose_reply_to and self.lose_reply_to in request:
                    return
                client.sendall(reply)

    def close(self) -> None:
        self._server.close()


@pytest.fixture
def cutter(store_url: str, eventually: Callable[..., None]) -> Iterator[Cutter]:
    cutter = Cutter(store_url, eventually)
    cutter.start()
    yield cutter
    cutter.close()
