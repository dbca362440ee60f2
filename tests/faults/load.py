"""Sixteen clients that submit and decide, and write down every answer; and what they say it must have led to."""

import http.client
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any
from zlib import crc32

from flask import Flask

from comments.model import Status
from comments.store import records
from comments.store.client import Client
from comments.store.comments import CommentStore
from comments.store.keys import Keys
from comments.store.repair import repair
from tests.people import COMMENTS, MODERATION

READERS, MODERATORS = 12, 4
ARTICLES = [f"article {n}" for n in range(24)]
_WAITING_AT_MOST = 24  # submissions of one client that were not answered yet
_PATIENCE = 0.02  # seconds before a client that was not answered tries again

Ask = Callable[[str, str, bytes, dict[str, str]], tuple[int, bytes]]


def in_process(app: Flask) -> Ask:
    """Requests to an app without a server."""
    local = threading.local()

    def ask(method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        if not hasattr(local, "client"):
            local.client = app.test_client()
        answer = local.client.open(path, method=method, data=body, headers=headers, content_type="application/json")
        return answer.status_code, answer.data

    return ask


def over_http(port: Callable[[], int]) -> Ask:
    """Requests to a running service; (0, b"") where there was no answer."""

    def ask(method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", port(), timeout=20)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json", **headers})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            connection.close()

    return ask


@dataclass
class History:
    """All that the clients were told."""

    accepted: dict[str, str] = field(default_factory=dict)  # key, which is the body as well -> id
    acknowledged_at: list[float] = field(default_factory=list)
    done: list[tuple[str, int, str]] = field(default_factory=list)  # id, version, status
    conflicts: list[tuple[str, int]] = field(default_factory=list)  # id, the version that was seen
    statuses: Counter[int] = field(default_factory=Counter)
    times: list[float] = field(default_factory=list)  # seconds that each answer took
    strange: list[bytes] = field(default_factory=list)

    @property
    def longest(self) -> float:
        """The longest time that an answer took."""
        return max(self.times, default=0.0)

    def within(self, share: float) -> float:
        """The time within which that share of the answers came."""
        return sorted(self.times)[int(len(self.times) * share)] if self.times else 0.0

    def longest_pause(self, since: float) -> float:
        """The longest time between two acknowledgements, from a moment on."""
        times = [since, *sorted(at for at in self.acknowledged_at if at > since)]
        return max((later - earlier for earlier, later in pairwise(times)), default=0.0)

    def first_after(self, moment: float) -> float:
        """Seconds from a moment to the first acknowledgement after it."""
        return min((at - moment for at in self.acknowledged_at if at > moment), default=float("inf"))


class Load:
    """The clients, at work while a `with` block lasts."""

    def __init__(self, ask: Ask, token: str, seed: int = 1) -> None:
        self.history = History()
        self._ask = ask
        self._token = token
        self._stop = threading.Event()
        self._waiting = threading.local()
        roles = [self._read] * READERS + [self._moderate] * MODERATORS
        self._threads = [
            threading.Thread(target=self._work, args=(role, random.Random(f"{seed} {n}"), n))  # noqa: S311 - no secret
            for n, role in enumerate(roles)
        ]
        self.failures: list[BaseException] = []

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)
        assert not self.failures, self.failures[0]

    @property
    def accepted(self) -> int:
        return len(self.history.accepted)

    def has_accepted(self, count: int) -> bool:
        """Whether so many were acknowledged; fails when a client has failed."""
        assert not self.failures, self.failures[0]
        return self.accepted >= count

    def _work(self, role: Callable[[random.Random, str], None], chance: random.Random, number: int) -> None:
        step = 0
        try:
            while not self._stop.is_set():
                step += 1
                role(chance, f"{number}-{step}")
        except BaseException as error:
            self.failures.append(error)

    def _timed(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        began = time.monotonic()
        sent = json.dumps(body).encode() if body is not None else b""
        status, answer = self._ask(method, path, sent, {name.replace("_", "-"): text for name, text in headers.items()})
        self.history.times.append(time.monotonic() - began)
        self.history.statuses[status] += 1
        if status not in (0, 200, 202, 429, 503):
            self.history.strange.append(answer)
        with suppress(ValueError):
            return status, json.loads(answer)
        return status, None

    def _read(self, chance: random.Random, key: str) -> None:
        """One submission, or one more try of an earlier one: a reader who has to wait keeps nobody else waiting."""
        waiting = self._waiting.__dict__.setdefault("keys", [])  # this client's own
        if waiting and (len(waiting) >= _WAITING_AT_MOST or chance.random() < 0.5):
            key = waiting.pop(0)
        article = ARTICLES[crc32(key.encode()) % len(ARTICLES)]
        said = {"article": article, "name": "Hoa", "email": f"hoa{key[-1]}@reader-mail.vn", "body": key}
        status, answer = self._timed("POST", COMMENTS, said, Idempotency_Key=key)
        if status == 202:
            self.history.accepted[key] = answer["id"]
            self.history.acknowledged_at.append(time.monotonic())
        else:
            waiting.append(key)
            self._stop.wait(_PATIENCE)

    def _moderate(self, chance: random.Random, _: str) -> None:
        bearer = f"Bearer {self._token}"
        sort = chance.choice(["oldest", "newest"])
        status, page = self._timed("GET", f"{MODERATION}/comments?limit=20&sort={sort}", Authorization=bearer)
        if status != 200 or not page["comments"]:
            self._stop.wait(_PATIENCE)
            return
        some = chance.sample(page["comments"], min(5, len(page["comments"])))
        verdicts = [
            {"id": one["id"], "version": one["version"], "decision": chance.choice(["approve", "approve", "reject"])}
            for one in some
        ]
        status, answer = self._timed("POST", f"{MODERATION}/decisions", {"decisions": verdicts}, Authorization=bearer)
        if status != 200:
            self._stop.wait(_PATIENCE)
            return
        for verdict, result in zip(verdicts, answer["results"], strict=True):
            if result["outcome"] == "done":
                self.history.done.append((result["id"], result["version"], result["status"]))
            elif result["outcome"] == "conflict":
                self.history.conflicts.append((result["id"], verdict["version"]))


@dataclass
class Finding:
    """What an audit found."""

    lost: int = 0
    undone: int = 0
    doubled: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.undone or self.doubled or self.wrong)


def audit(client: Client, history: History, namespace: str = "comments") -> Finding:
    """Compares what the clients were told with what is there."""
    store, finding = CommentStore(client, namespace), Finding()
    found = store.comments(list(history.accepted.values()))
    finding.lost = sum(
        comment_id not in found or found[comment_id].body != key for key, comment_id in history.accepted.items()
    )
    finding.doubled = len(history.accepted) - len(set(history.accepted.values()))
    bodies = Counter(comment.body for status in Status for comment in _all_in(store, status))
    finding.doubled += sum(times - 1 for times in bodies.values())
    log = dict(_log(client, namespace))
    finding.undone = sum(log.get((comment_id, version)) != status for comment_id, version, status in history.done)
    twice = [one for one, times in Counter((i, version) for i, version, _ in history.done).items() if times > 1]
    finding.wrong += [f"two decisions on one version: {one}" for one in twice]
    if not finding.lost:
        alone = [(i, seen) for i, seen in history.conflicts if (i, seen + 1) not in log]
        finding.wrong += [f"a conflict with nobody: {one}" for one in alone]
    report = repair(client, namespace, look=True)
    # a pseudonym that lies on a lost shard is found by the next repair: no comment waits for it
    wrong = [word for word in report.counts if word != "unnamed"]
    finding.wrong += [f"{word}: {report.counts[word]} like {report.examples[word]}" for word in wrong]
    finding.wrong += [f"a strange answer: {answer!r}" for answer in history.strange]
    return finding


def _all_in(store: CommentStore, status: Status) -> Iterator[Any]:
    after = None
    while True:
        page = store.queue(status, limit=1000, after=after)
        yield from page.comments
        if page.next is None:
            return
        after = page.next


def _log(client: Client, namespace: str) -> Iterator[tuple[tuple[str, int], str]]:
    keys = Keys(namespace)
    for entries in client.pipeline([("XRANGE", keys.log(shard), "-", "+") for shard in range(64)]):
        for _, pairs in entries:
            said = {name.decode(): text.decode() for name, text in zip(pairs[::2], pairs[1::2], strict=True)}
            if "version" in said:
                yield (said["comment"], int(said["version"])), records.status_of(said["to"])


@contextmanager
def quietly() -> Iterator[None]:
    """For what may fail while everything is on fire."""
    with suppress(Exception):
        yield
