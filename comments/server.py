"""Runs the web application in worker processes, each with an event loop of its own.

Workers end with the main process, however that ends; a worker that dies is replaced as often as it takes; and the
port is either ours or the start fails (the workers' listeners share it, but with nobody else).
"""

import asyncio
import gc
import http.client
import logging
import multiprocessing
import os
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from typing import Any

import uvloop
from flask import Flask

from comments.errors import CommentsError
from comments.front import Front
from comments.wire import Connections

_CONNECTIONS = 16_000  # open ones for each worker, idle ones included; for one more, an idle one is closed
_FILES = 500  # open files that a worker needs besides
_BACKLOG = 1024
_LAST_REQUESTS = 8  # seconds that requests in flight have at the end; with the store's own, below `docker stop`'s 10
_GARBAGE = 20_000  # new objects after which the youngest are looked through for what only holds itself
_SWITCH = 0.0005  # seconds for which a thread that computes keeps the loop, and with it all readers, waiting
_BREATH = 0.2  # seconds before a worker that died is replaced, so that one that dies at once is not in a hot loop
_PAUSE = 2.0  # seconds before another try where the machine had no place for a new process

log = logging.getLogger("comments")

LoadApp = Callable[[], Flask]


class PortTaken(CommentsError):
    """The address cannot be listened on; the text says which and why."""

    code = "port_taken"


class Port:
    """An address that is ours until `close`, reserved by a socket that is bound but accepts nothing.

    Raises:
        PortTaken: somebody else has it, or there is no such address.
    """

    def __init__(self, host: str, port: int) -> None:
        try:
            family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            self._socket = _bound(socket.socket(family, kind), address)
        except OSError as error:
            raise PortTaken(f"cannot listen on {host} port {port}: {error.strerror}") from error
        # The bind tolerated nobody; from here on our workers' listeners may join.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self.address, self.number = self._socket.getsockname()[:2]

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.address, self.address)  # noqa: S104 - compared, not bound
        return f"http://[{host}]:{self.number}" if ":" in host else f"http://{host}:{self.number}"

    def close(self) -> None:
        """Gives the address back."""
        self._socket.close()


def _bound(unbound: socket.socket, address: Any) -> socket.socket:
    """Binds strictly; only if that fails, past connections of an earlier run that the system still remembers."""
    for tolerant in (False, True):
        unbound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, tolerant)
        try:
            unbound.bind(address)
        except OSError:
            if tolerant:
                unbound.close()
                raise
        else:
            break
    return unbound


def serve(
    load_app: LoadApp,
    port: Port,
    *,
    workers: int,
    threads: int,
    within: float,
    max_body: int,
    ready: Callable[[], None],
) -> bool:
    """Serves until SIGTERM or SIGINT, then answers the requests in flight and returns.

    `load_app` runs in each worker, so it must be picklable; `ready` is called once the first worker answers.
    False when the workers could not even start.
    """
    _allow_files()
    work = (load_app, port.address, port.number, threads, within, max_body)
    with _Signals() as stopped:
        crew = _Crew(work, workers or _processors())
        announcer = threading.Thread(target=_announce, args=(port, crew, ready), daemon=True)
        announcer.start()
        while not stopped.heard(crew.sentinels()):
            if not crew.answers.is_set() and crew.some_ended():
                crew.end()
                return False  # the first ones could not even start: trying again changes nothing
            time.sleep(_BREATH if crew.replace() else _PAUSE)
        crew.end()
    return True


class _Crew:
    """The worker processes."""

    def __init__(self, work: tuple[Any, ...], count: int) -> None:
        # A fork would copy our locks, threads and open files.
        self._context = multiprocessing.get_context("spawn")
        self._work = work
        self._workers = [self._start() for _ in range(count)]
        self.answers = threading.Event()
        self.over = threading.Event()

    def sentinels(self) -> list[int]:
        """What becomes ready when a worker has ended."""
        return [worker.sentinel for worker in self._workers]

    def some_ended(self) -> bool:
        return any(worker.exitcode is not None for worker in self._workers)

    def replace(self) -> bool:
        """New workers for those that have ended; False while there cannot be one for each."""
        try:
            for at, worker in enumerate(self._workers):
                if worker.exitcode is not None:
                    self._workers[at] = self._start()
        except OSError as error:  # too many processes, or open files
            log.error("a worker ended and cannot be replaced (%s); the next try is in %.0f s", error, _PAUSE)
            return False
        return True

    def end(self) -> None:
        """Ends all, after the requests in flight."""
        self.over.set()
        for worker in self._workers:
            worker.terminate()
        until = time.monotonic() + _LAST_REQUESTS + 1
        for worker in self._workers:
            worker.join(max(0, until - time.monotonic()))
            if worker.exitcode is None:
                worker.kill()
                worker.join()

    def _start(self) -> Any:
        worker = self._context.Process(target=_worker, args=self._work, daemon=True)
        worker.start()
        return worker


class _Signals:
    """SIGTERM and SIGINT, and SIGHUP (the terminal was closed) unless we are to outlive it (nohup)."""

    def __enter__(self) -> "_Signals":
        self._ours, self._theirs = self._pipe = multiprocessing.Pipe(duplex=False)
        names = [signal.SIGTERM, signal.SIGINT]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            names.append(signal.SIGHUP)
        self._before = {name: signal.signal(name, self._tell) for name in names}
        return self

    def __exit__(self, *_: object) -> None:
        for name, handler in self._before.items():
            signal.signal(name, handler)
        for end in self._pipe:
            end.close()

    def heard(self, sentinels: list[int]) -> bool:
        """Waits for a signal or one of these; whether it was a signal."""
        waited: list[Pipe | int] = [self._ours, *sentinels]
        return self._ours in wait(waited)

    def _tell(self, *_: object) -> None:
        self._theirs.send(None)


def _announce(port: Port, crew: _Crew, ready: Callable[[], None]) -> None:
    while not crew.over.wait(0.02):
        if _answers(port):
            crew.answers.set()
            ready()
            return


def _answers(port: Port) -> bool:
    connection = http.client.HTTPConnection(port.url.removeprefix("http://"), timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _allow_files() -> None:
    """A connection is an open file, and the usual limit of 1,024 is below what we accept."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _CONNECTIONS + _FILES if hard == resource.RLIM_INFINITY else min(_CONNECTIONS + _FILES, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _worker(load_app: LoadApp, address: str, port: int, threads: int, within: float, max_body: int) -> None:
    """One worker process, until it is told to end."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the main process decides
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    uvloop.run(_work(load_app, address, port, threads, within, max_body))


async def _work(load_app: LoadApp, address: str, port: int, threads: int, within: float, max_body: int) -> None:
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, told.set)
    front = Front(load_app().wsgi_app, loop=loop, threads=threads, within=within, max_body=max_body)
    # what a start leaves behind lives as long as the worker: no need to look through it again and again
    gc.freeze()
    gc.set_threshold(_GARBAGE, 50, 50)
    sys.setswitchinterval(_SWITCH)
    connections = Connections(front, most=resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _FILES)
    connections.begin(loop)
    server = await loop.create_server(connections.make, address, port, reuse_port=True, backlog=_BACKLOG)
    with server.sockets[0].dup() as listener:  # the queue of those who have come lives as long as one of its sockets
        await told.wait()
        server.close()
        await _let_in(loop, listener, connections)
    await connections.end(_LAST_REQUESTS)


async def _let_in(loop: asyncio.AbstractEventLoop, listener: socket.socket, connections: Connections) -> None:
    """Those who have come before the door closes: the system would turn them away without a word."""
    listener.setblocking(False)
    come: list[socket.socket] = []
    with suppress(OSError):  # nobody more, or no file for them
        while True:
            with suppress(ConnectionAbortedError):  # has gone again
                come.append(listener.accept()[0])
    listener.close()
    for client in come:
        await loop.connect_accepted_socket(connections.make, client)


def _end_with_parent() -> None:
    """Without this, workers of a killed service would go on listening, and nobody could start a new one."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(_LAST_REQUESTS)
    os._exit(1)
