"""A load generator in plain sockets, and the CPU seconds that a service spends under it.

Each connection sends its next request when the answer to the one before is whole (HTTP/1.1 keep-alive; where the server
closes it, a new one is opened), so `connections` is the concurrency. One process drives all connections; it is slower
than the fastest servers, which does not matter to a figure in requests per CPU second of the service.
"""

import os
import selectors
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Figures:
    """What one run showed: answers by status, latencies and wall time in seconds, CPU seconds of the service."""

    statuses: Counter[int] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    wall: float = 0.0
    cpu: float = 0.0
    bodies: list[bytes] = field(default_factory=list)

    @property
    def requests(self) -> int:
        return len(self.latencies)

    @property
    def per_cpu_second(self) -> float:
        return self.requests / self.cpu if self.cpu else 0.0

    def percentile(self, share: float) -> float:
        """Milliseconds that `share` of the answers did not exceed."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def get(path: str, **headers: str) -> bytes:
    """A GET request in bytes."""
    return _request("GET", path, b"", headers)


def post(path: str, body: bytes, **headers: str) -> bytes:
    """A POST request with a JSON body in bytes."""
    return _request("POST", path, body, {"Content-Type": "application/json", **headers})


def _request(method: str, path: str, body: bytes, headers: dict[str, str]) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def run(
    port: int,
    requests: Iterable[bytes],
    *,
    connections: int = 32,
    cpu_of: Callable[[], float] = lambda: 0.0,
    keep_bodies: bool = False,
    seconds: float = 300.0,
) -> Figures:
    """Sends every request, `connections` at a time.

    Raises:
        ConnectionError: the service closed a connection in the middle.
        TimeoutError: not done within `seconds`.
    """
    figures, queue = Figures(), iter(requests)
    with selectors.DefaultSelector() as selector:
        began, cpu = time.perf_counter(), cpu_of()
        for _ in range(connections):
            first = next(queue, None)
            if first is not None:
                connection = _Connection(port)
                selector.register(connection.socket, selectors.EVENT_READ, connection)
                connection.send(first)
        while selector.get_map():
            if time.perf_counter() - began > seconds:
                raise TimeoutError(f"{figures.requests} answers in {seconds} s")
            for key, _ in selector.select(1):
                connection = key.data
                if not connection.receive(figures, keep_bodies):
                    continue
                following = next(queue, None)
                if following is None or connection.closes:
                    selector.unregister(connection.socket)
                    connection.socket.close()
                if following is not None:
                    if connection.closes:
                        connection = _Connection(port)
                        selector.register(connection.socket, selectors.EVENT_READ, connection)
                    connection.send(following)
        figures.wall = time.perf_counter() - began
        figures.cpu = cpu_of() - cpu
    return figures


class _Connection:
    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.closes = False  # whether the server said that it ends the connection after this answer
        self._buffer = b""
        self._sent = 0.0

    def send(self, request: bytes) -> None:
        self._sent = time.perf_counter()
        self.socket.sendall(request)

    def receive(self, figures: Figures, keep_bodies: bool) -> bool:
        """Whether the answer is whole now."""
        piece = self.socket.recv(262_144)
        if not piece:
            raise ConnectionError("closed in the middle")
        self._buffer += piece
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            return False
        figures.latencies.append(time.perf_counter() - self._sent)
        figures.statuses[int(head[9:12])] += 1
        if keep_bodies:
            figures.bodies.append(body)
        self._buffer = b""
        self.closes = b"connection: close" in head.lower()
        return True


def _length(head: bytes) -> int:
    at = head.find(b"ontent-length: ")
    if at < 0:
        at = head.find(b"ontent-Length: ")
    return int(head[at + 15 :].split(b"\r", 1)[0]) if at >= 0 else 0


def cpu_seconds(pid: int) -> float:
    """CPU seconds that a process and all below it have spent (those that ended and were waited for as well)."""
    spent, below = 0.0, [pid]
    while below:
        process = Path(f"/proc/{below.pop()}")
        try:
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            spent += sum(map(int, fields[11:15])) / _TICK
            for task in (process / "task").iterdir():
                below += map(int, (task / "children").read_text().split())
        except OSError:
            continue
    return spent


def spread_processors() -> tuple[set[int], set[int]]:
    """Processors for the service and for the load: one for the load, the others for the service."""
    mine = sorted(os.sched_getaffinity(0))
    return (set(mine[:-1]), {mine[-1]}) if len(mine) > 1 else (set(mine), set(mine))
