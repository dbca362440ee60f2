"""`comments serve` as a process: how it starts, ends, and survives what happens to it."""

import os
import re
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from comments.store.embedded import running
from tests.service import Service, alive, children, run, serving

Eventually = Callable[..., None]
HEAD = b"POST /api/v1/comments HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 21\r\n\r\n"


@pytest.fixture
def service(data: Path) -> Iterator[Service]:
    with serving(data) as started:
        yield started


def everyone(service: Service) -> list[int]:
    """Every process of a service: the main one, its workers, its store."""
    return [service.process.pid, *children(service.process.pid)]


def half_a_request(service: Service) -> socket.socket:
    """A submission whose body is still on its way."""
    connection = socket.create_connection(("127.0.0.1", service.port), timeout=10)
    connection.sendall(HEAD + b'{"article"')
    return connection


def test_it_says_where_everything_is(service: Service) -> None:
    assert re.search(r"^Demo article +http://127\.0\.0\.1:\d+/demo$", service.out, re.MULTILINE)
    assert re.search(r"^Review page +http://127\.0\.0\.1:\d+/moderate/$", service.out, re.MULTILINE)
    assert service.answers()
    assert service.answers("/readyz")
    assert service.answers("/demo")
    assert service.err == ""


def test_the_first_sign_in_is_a_link(service: Service) -> None:
    link = re.search(r"http://127\.0\.0\.1:\d+(/moderate/welcome/[\w-]{40,})", service.out)
    assert link
    assert service.get(link[1])[0] == 200


def test_the_last_seal_is_noted_beside_the_store(service: Service, data: Path, eventually: Eventually) -> None:
    eventually((data / "last-seal").exists)


def test_there_is_no_link_once_somebody_can_sign_in(data: Path) -> None:
    added = run("moderator", "add", "an", "--password-stdin", "--data", str(data), typed="correct horse battery\n")
    assert added.returncode == 0, added.stderr
    with serving(data) as service:
        assert "welcome" not in service.out


def test_addresses_are_the_public_ones(data: Path) -> None:
    with serving(data, COMMENTS_PUBLIC_URL="https://comments.example") as service:
        assert "https://comments.example/demo\n" in service.out
        assert "https://comments.example/moderate/welcome/" in service.out


def test_the_demo_can_be_off(data: Path) -> None:
    with serving(data, COMMENTS_DEMO="no") as service:
        assert "demo" not in service.out.lower()


def test_a_second_one_on_the_same_directory_is_refused(service: Service, data: Path) -> None:
    second = run("serve", "--port", "0", "--data", str(data))
    assert second.returncode == 1
    assert second.stderr == f"comments: {data}: is in use by another `comments` (process {service.process.pid})\n"
    assert service.answers()


def test_a_port_in_use_is_one_clear_line(service: Service, tmp_path: Path) -> None:
    done = run("serve", "--port", str(service.port), "--data", str(tmp_path / "other"))
    assert done.returncode == 1
    assert done.stderr == f"comments: cannot listen on 127.0.0.1 port {service.port}: Address already in use\n"


def test_settings_that_cannot_be_are_all_named(tmp_path: Path) -> None:
    done = run("serve", "--port", "99999", "--data", str(tmp_path), COMMENTS_DEMO="x", COMMENTS_NOPE="1")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 3


def test_an_unusable_data_directory_has_its_own_status(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run("serve", "--port", "0", "--data", str(tmp_path / "file"))
    assert done.returncode == 78
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_it_ends_cleanly(service: Service, data: Path, number: signal.Signals, eventually: Eventually) -> None:
    pids = everyone(service)
    assert len(pids) >= 3
    assert service.stop(number) == 0
    assert running(data) is None
    eventually(lambda: not any(map(alive, pids)))
    assert service.err == ""


def test_it_may_be_stopped_while_it_starts(data: Path, eventually: Eventually) -> None:
    with serving(data, wait=False) as service:
        eventually(lambda: running(data), within=20)
        pids = everyone(service)
        assert service.stop() == 0
        eventually(lambda: not any(map(alive, pids)))
        assert service.err == ""


def test_requests_in_flight_are_answered_at_the_end(service: Service, eventually: Eventually) -> None:
    with half_a_request(service) as request:
        assert service.answers()  # so the half before it has arrived
        service.process.terminate()
        eventually(lambda: not service.answers(), within=10)
        request.sendall(b':"a","b":1}')
        assert request.recv(12) == b"HTTP/1.1 422"
    assert service.process.wait(20) == 0


def test_nothing_outlives_a_killed_service(service: Service, data: Path, eventually: Eventually) -> None:
    pids, port = everyone(service), service.port
    service.process.kill()
    service.process.wait()
    eventually(lambda: not any(map(alive, pids)), within=10)
    with serving(data, "--port", str(port)) as again:
        assert again.port == port


def test_a_killed_worker_is_replaced_as_often_as_it_takes(service: Service, eventually: Eventually) -> None:
    for _ in range(3):
        (worker,) = service.workers()
        os.kill(worker, signal.SIGKILL)
        eventually(lambda gone=worker: service.workers() not in ([], [gone]) and service.answers(), within=15)
    assert service.process.poll() is None


def test_a_killed_store_comes_back(service: Service, data: Path, eventually: Eventually) -> None:
    os.kill(int((data / "valkey" / "valkey.pid").read_text()), signal.SIGKILL)
    eventually(lambda: running(data) and service.answers("/readyz"), within=10)


def test_slow_senders_hold_up_nobody(data: Path) -> None:
    with serving(data, COMMENTS_THREADS="2") as service:
        slow = [half_a_request(service) for _ in range(100)]
        assert service.get("/readyz", timeout=2)[0] == 200
        for connection in slow:
            connection.close()


def test_only_the_installed_code_is_run(data: Path, tmp_path: Path) -> None:
    for name in ("app.py", "comments.py", "uvloop.py"):
        (tmp_path / name).write_text("raise SystemExit('a stray file was imported')\n")
    with serving(data, cwd=tmp_path) as service:
        assert service.answers()
