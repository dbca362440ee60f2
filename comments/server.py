"""Runs the web application in granian's worker processes.

What is added to granian: workers end with the main process, however that ends; a worker that dies is replaced as
often as it takes; and the port is either ours or the start fails (granian's own listeners would share it).
"""

import http.client
import logging
import multiprocessing
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import wait
from typing import Any, cast

from flask import Flask
from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

from comments.errors import CommentsError
from comments.front import Front

_CONNECTIONS = 4096  # open ones for each worker, idle ones included; more wait in the system's queue
_HEADER_SECONDS = 10  # for a request's head, and for the pause between two requests of a connection
_HEADER_BYTES = 64 * 1024
_LAST_REQUESTS = 8  # seconds that requests in flight have at the end; with the store's own, below `docker stop`'s 10

_LOG_TO_STDERR = {
    "handlers": {"console": {"formatter": "generic", "class": "logging.StreamHandler", "stream": "ext://sys.stderr"}},
    "loggers": {"_granian": {"handlers": ["console"], "level": "ERROR", "propagate": False}},
}

LoadApp = Callable[[], Flask]
Loader = Callable[[], Front]


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
    load_app: LoadApp, port: Port, *, workers: int, threads: int, max_body: int, ready: Callable[[], None]
) -> bool:
    """Serves until SIGTERM or SIGINT, then answers the requests in flight and returns.

    `load_app` runs in each worker, so it must be picklable; `ready` is called once the first worker answers.
    False when the workers could not even start.
    """
    multiprocessing.set_start_method("spawn", force=True)  # a fork would copy our locks, threads and open files
    _allow_files()
    server = _Server(
        partial(_in_worker, load_app, threads, max_body),
        port,
        workers=workers or _processors(),
    )
    announcer = threading.Thread(target=_announce, args=(port, server, ready), daemon=True)
    announcer.start()
    # granian types its targets as functions; an object with __rsgi__ is its documented other form
    server.serve(target_loader=cast("Any", server.loader), wrap_loader=False)
    return not server.failed


class _Server(MPServer):
    """granian, set up for us; it goes on replacing workers, but not before one has ever worked."""

    def __init__(self, loader: Loader, port: Port, *, workers: int) -> None:
        super().__init__(
            "comments",
            address=port.address,
            port=port.number,
            interface=Interfaces.RSGI,
            loop=Loops.uvloop,
            workers=workers,
            backpressure=_CONNECTIONS,
            backlog=1024,
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(
                header_read_timeout=_HEADER_SECONDS * 1000, keep_alive=True, max_buffer_size=_HEADER_BYTES
            ),
            websockets=False,
            log_level=LogLevels.error,
            log_dictconfig=_LOG_TO_STDERR,
            respawn_failed_workers=True,
            workers_kill_timeout=_LAST_REQUESTS,
        )
        self.loader = loader
        self._outlives_terminal = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN  # nohup
        self.answers = threading.Event()
        self.failed = False
        self.over = threading.Event()

    def _respawn_workers(self, workers: list[int], *args: Any, **kwargs: Any) -> None:
        if not self.answers.is_set():
            self.failed = True
            self.signal_handler_interrupt()  # the first ones could not even start: trying again changes nothing
            return
        super()._respawn_workers(workers, *args, **kwargs)
        self.respawned_wrks.clear()  # else granian gives up when a worker dies twice within seconds
        self.over.wait(0.2)  # and a worker that dies at once is not replaced in a hot loop

    def signal_handler_reload(self, *_: Any) -> None:
        """SIGHUP: the terminal was closed."""
        if not self._outlives_terminal:
            self.signal_handler_interrupt()

    def shutdown(self, exit_code: int = 0) -> None:
        self.over.set()
        super().shutdown(exit_code)


def _announce(port: Port, server: _Server, ready: Callable[[], None]) -> None:
    while not server.over.wait(0.02):
        if _answers(port):
            server.answers.set()
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
    wanted = 4 * _CONNECTIONS if hard == resource.RLIM_INFINITY else min(4 * _CONNECTIONS, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _in_worker(load_app: LoadApp, threads: int, max_body: int) -> Front:
    """What a worker process serves."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    threading.Thread(target=_end_with_parent, daemon=True).start()
    return Front(load_app().wsgi_app, threads=threads, max_body=max_body)


def _end_with_parent() -> None:
    """Without this, workers of a killed service would go on listening, and nobody could start a new one."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)  # granian's own way to stop after the requests in flight
    threading.Event().wait(_LAST_REQUESTS)
    os._exit(1)
