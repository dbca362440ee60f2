"""Promise 5: how long a rejected comment is still served, by any worker, with and without a subscription."""

import http.client
import json
import threading
import time
from contextlib import suppress
from typing import Any

from bench.fill import fill, repeated
from bench.load import get, run
from bench.stage import Row, Stage, stage

_PATH = "/api/v1/comments?article=a0"
_LISTENERS = 16  # keep-alive connections; with 4 workers each has some


def measure(times: int = 100) -> list[Row]:
    with stage(workers=4) as running:
        fill(running.store, repeated([f"a{n}" for n in range(20)], 10), approve=True)
        stop = threading.Event()
        load = threading.Thread(target=_load, args=(running, stop))
        load.start()
        try:
            watch = _Watch(running)
            normal = sorted(watch.removal() for _ in range(times))
            cut = sorted(watch.removal(cut=True) for _ in range(max(3, times // 10)))
        finally:
            stop.set()
            load.join()
    return [
        Row("removed from every worker, p99", round(1000 * normal[int(len(normal) * 0.99) - 1], 1), "ms", "<= 100",
            f"4 workers under load, {times} removals, median {1000 * normal[len(normal) // 2]:.1f} ms"),
        Row("the same with the subscription cut, longest", round(1000 * cut[-1]), "ms", "<= 2,000",
            f"{len(cut)} removals, each just after every subscription was killed"),
    ]  # fmt: skip


def _load(running: Stage, stop: threading.Event) -> None:
    requests = [get(f"/api/v1/comments?article=a{n % 20}") for n in range(200)]
    while not stop.is_set():
        with suppress(ConnectionError):
            run(running.port, requests, connections=8)


class _Watch:
    """Approves and rejects one comment, and looks at it through connections to every worker."""

    def __init__(self, running: Stage) -> None:
        self._store = running.store
        self._headers = {"Authorization": f"Bearer {running.token()}", "Content-Type": "application/json"}
        self._connections = [http.client.HTTPConnection("127.0.0.1", running.port) for _ in range(_LISTENERS)]
        page = self._page(self._connections[0])
        self._id, self._version = page["comments"][0]["id"], 2

    def removal(self, *, cut: bool = False) -> float:
        """Seconds from the answer to the rejection until the last connection shows no trace of the comment."""
        self._until_all_show(True)
        if cut:
            self._store.command("CLIENT", "KILL", "TYPE", "pubsub")
        self._decide("reject")
        began = time.perf_counter()
        last = self._until_all_show(False)
        self._decide("approve")
        return last - began

    def _until_all_show(self, wanted: bool) -> float:
        """When the last of the connections was first seen to show it (later than it did, by the look itself)."""
        waiting = list(self._connections)
        while waiting:
            waiting = [connection for connection in waiting if self._shows(connection) != wanted]
        return time.perf_counter()

    def _shows(self, connection: http.client.HTTPConnection) -> bool:
        return any(comment["id"] == self._id for comment in self._page(connection)["comments"])

    def _page(self, connection: http.client.HTTPConnection) -> dict[str, Any]:
        connection.request("GET", _PATH)
        return dict(json.loads(connection.getresponse().read()))

    def _decide(self, decision: str) -> None:
        body = json.dumps({"decisions": [{"id": self._id, "version": self._version, "decision": decision}]})
        connection = self._connections[0]
        connection.request("POST", "/api/v1/moderation/decisions", body, self._headers)
        (result,) = json.loads(connection.getresponse().read())["results"]
        assert result["outcome"] == "done", result
        self._version = result["version"]
