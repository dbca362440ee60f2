"""The service's own store: one per directory, durable, restarted, and nothing left behind."""

import multiprocessing
import os
import signal
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from comments.store import embedded
from comments.store.claim import DataUnusable, StoreInUse
from comments.store.embedded import EmbeddedStore, running
from tests.service import alive

Eventually = Callable[..., None]


def server(data: Path) -> int:
    return int((data / "valkey" / "valkey.pid").read_text())


def client(url: str) -> "redis.Redis[bytes]":
    return redis.Redis.from_url(url, retry=None, socket_timeout=1)


def answers(url: str) -> bool:
    with client(url) as connection:
        try:
            return bool(connection.ping())
        except redis.RedisError:
            return False


def start_and_die(data: Path, hang: bool) -> None:
    """In a process of its own: start a store, write to it, make it hang or not, and end without any goodbye."""
    with client(EmbeddedStore(data).start()) as connection:
        connection.set("a", "1")
    if hang:
        os.kill(server(data), signal.SIGSTOP)
    os.kill(os.getpid(), signal.SIGKILL)


def kill_a_supervisor(data: Path, *, hang: bool = False) -> None:
    process = multiprocessing.get_context("spawn").Process(target=start_and_die, args=(data, hang))
    process.start()
    process.join(20)
    assert process.exitcode == -signal.SIGKILL


def test_what_was_written_is_there_after_a_restart(data: Path) -> None:
    for expected in (None, b"1"):
        with EmbeddedStore(data) as url, client(url) as connection:
            assert connection.get("a") == expected
            connection.set("a", "1")


def test_its_promise_is_durable(data: Path) -> None:
    with EmbeddedStore(data) as url, client(url) as connection:
        found = connection.config_get("append*", "maxmemory-policy", "save", "port")
        assert found["appendonly"] == "yes"
        assert found["appendfsync"] == "always"
        assert found["maxmemory-policy"] == "noeviction"
        assert (found["save"], found["port"]) == ("", "0")


def test_nobody_else_can_connect(data: Path) -> None:
    with EmbeddedStore(data) as url:
        path = Path(url.removeprefix("unix://"))
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_files_are_for_their_owner_alone(data: Path) -> None:
    with EmbeddedStore(data):
        files = [path for path in (data / "valkey").rglob("*") if path.is_file()]
        assert files
        assert [path for path in files if path.stat().st_mode & 0o077] == []


def test_one_store_for_a_directory(data: Path) -> None:
    with EmbeddedStore(data) as url:
        with pytest.raises(StoreInUse, match=rf"{data}: is in use by another .* \(process {os.getpid()}\)"):
            EmbeddedStore(data).start()
        assert answers(url)


def test_others_find_the_running_store(data: Path) -> None:
    assert running(data) is None
    with EmbeddedStore(data) as url:
        assert running(data) == url
    assert running(data) is None


def test_a_copy_of_the_directory_does_not_lead_to_the_running_store(data: Path, tmp_path: Path) -> None:
    with EmbeddedStore(data) as url:
        (tmp_path / "lock").write_bytes((data / "lock").read_bytes())
        assert running(data) == url
        assert running(tmp_path) is None


def test_it_starts_again_when_it_dies(data: Path, eventually: Eventually) -> None:
    with EmbeddedStore(data) as url:
        with client(url) as connection:
            connection.set("a", "1")
        first = server(data)
        os.kill(first, signal.SIGKILL)
        eventually(lambda: answers(url) and server(data) != first, within=2)
        with client(url) as connection:
            assert connection.get("a") == b"1"


def test_stopping_ends_it_for_good(data: Path) -> None:
    store = EmbeddedStore(data)
    store.start()
    pid = server(data)
    store.stop()
    store.stop()
    assert not alive(pid)
    assert list((data / "valkey").glob("valkey.sock")) == []


def test_a_store_that_hangs_is_stopped_as_well(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "_STOP", 0.2)
    with EmbeddedStore(data):
        pid = server(data)
        os.kill(pid, signal.SIGSTOP)
    assert not alive(pid)


def test_it_does_not_outlive_a_killed_supervisor(data: Path, eventually: Eventually) -> None:
    kill_a_supervisor(data)
    eventually(lambda: running(data) is None and not list((data / "valkey").glob("valkey.pid")))


def test_a_store_that_was_left_behind_makes_room(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "_STOP", 0.5)
    kill_a_supervisor(data, hang=True)  # neither its leash nor a request to stop can end it
    orphan = server(data)
    assert alive(orphan)
    with EmbeddedStore(data) as url, client(url) as connection:
        assert not alive(orphan)
        assert connection.get("a") == b"1"


def test_a_stale_socket_is_in_nobodys_way(data: Path) -> None:
    (data / "valkey").mkdir()
    (data / "valkey" / "valkey.sock").touch()
    with EmbeddedStore(data) as url:
        assert answers(url)


def test_a_long_path_borrows_a_shorter_one(data: Path) -> None:
    deep = data / ("d" * 120)
    with EmbeddedStore(deep) as url:
        path = Path(url.removeprefix("unix://"))
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert running(deep) == url
    assert not path.parent.exists()


def test_odd_names_are_only_names(data: Path) -> None:
    odd = data / "a b?c#d%20é'\""
    with EmbeddedStore(odd) as url:
        assert answers(url)
        assert running(odd) == url


def test_an_operators_configuration_counts(data: Path) -> None:
    shipped = (embedded.folder("config") / "valkey.conf").read_text()
    (data / "valkey.conf").write_text(shipped.replace("maxmemory 0", "maxmemory 64mb"))
    with EmbeddedStore(data) as url, client(url) as connection:
        assert connection.config_get("maxmemory") == {"maxmemory": str(64 * 1024 * 1024)}


def test_a_bad_configuration_is_one_line(data: Path) -> None:
    (data / "valkey.conf").write_text("nonsense yes\n")
    with pytest.raises(DataUnusable, match="Bad directive") as caught:
        EmbeddedStore(data).start()
    assert len(str(caught.value).splitlines()) == 1


def test_files_of_another_version_are_refused(data: Path) -> None:
    with EmbeddedStore(data):
        pass
    base = next((data / "valkey" / "appendonlydir").glob("*.base.rdb"))
    kept = base.read_bytes()
    base.write_bytes(kept[:6] + b"999" + kept[9:])
    with pytest.raises(DataUnusable, match="the store does not start: Can't handle RDB format version"):
        EmbeddedStore(data).start()
    base.write_bytes(kept)
    with EmbeddedStore(data) as url:
        assert answers(url)


def test_a_directory_that_cannot_be_made_is_refused(data: Path) -> None:
    (data / "file").touch()
    with pytest.raises(DataUnusable, match=r"File exists|Not a directory"):
        EmbeddedStore(data / "file").start()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a directory away")
def test_another_users_directory_is_refused(data: Path) -> None:
    os.chown(data, 65534, 65534)
    with pytest.raises(DataUnusable, match=rf"{data}: belongs to nobody, but this runs as root"):
        EmbeddedStore(data).start()


def test_a_torn_end_of_the_log_is_survived(data: Path) -> None:
    with EmbeddedStore(data) as url, client(url) as connection:
        connection.set("a", "1")
        connection.set("b", "x" * 100)
    log = next((data / "valkey" / "appendonlydir").glob("*.incr.aof"))
    log.write_bytes(log.read_bytes()[:-50])
    with EmbeddedStore(data) as url, client(url) as connection:
        assert (connection.get("a"), connection.get("b")) == (b"1", None)
