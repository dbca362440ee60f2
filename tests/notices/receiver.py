"""A webhook on this machine, which answers as it is told to."""

import json
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

Answer = Callable[[Any], None]


class Heard(NamedTuple):
    """One request: its headers in small letters, and its body."""

    headers: dict[str, str]
    body: bytes

    @property
    def name(self) -> str:
        return self.headers["webhook-id"]

    @property
    def said(self) -> dict[str, Any]:
        return dict(json.loads(self.body))


class Receiver(socketserver.ThreadingTCPServer):
    """`answer` gets the file to write to; None closes without a word."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.answer: Answer = status(204)
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/hooks?for=us"

    def encrypt(self, context: ssl.SSLContext) -> None:
        self.socket = context.wrap_socket(self.socket, server_side=True)

    def states(self) -> list[str]:
        return [one.said["data"]["status"] for one in self.heard]


class _Handler(socketserver.StreamRequestHandler):
    server: Receiver

    def handle(self) -> None:
        with suppress(OSError):  # whoever asked is gone
            self.take()

    def take(self) -> None:
        if not self.rfile.readline():
            return
        headers = {}
        while line := self.rfile.readline().decode().strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        self.server.heard.append(Heard(headers, self.rfile.read(int(headers["content-length"]))))
        self.server.answer(self.wfile)


def status(number: int, *headers: str) -> Answer:
    """A short answer."""
    head = "\r\n".join([f"HTTP/1.1 {number} x", *headers, "Content-Length: 0", "", ""])
    return lambda out: out.write(head.encode())


def without_end(out: Any) -> None:
    """Ten gigabytes, and a status that is hard to find."""
    out.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n")
    for _ in range(10_000):
        out.write(b"X-More: " + b"x" * 1_000_000)


def drop_by_drop(out: Any) -> None:
    """A byte now and then, for as long as somebody listens."""
    pause = threading.Event()
    while not pause.wait(0.02):
        out.write(b"H")
        out.flush()


@contextmanager
def listening() -> Iterator[Receiver]:
    with Receiver() as receiver:
        thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield receiver
        finally:
            receiver.shutdown()
            thread.join()
