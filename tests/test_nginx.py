"""The nginx configuration that ships: valid, and in front of the service it does what its comments say."""

import http.client
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from comments import resources
from tests.people import a_submission
from tests.service import serving, until

pytestmark = pytest.mark.skipif(not shutil.which("nginx"), reason="needs nginx")

CONFIG = (resources.folder("config") / "nginx.conf").read_text()


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port: int = server.getsockname()[1]
        return port


def written(directory: Path, listen: int = 80, service: int = 8080) -> Path:
    """The configuration in a directory of its own: its ports and absolute paths replaced, nothing else."""
    text = CONFIG
    for shipped, ours in [
        ("listen 80;", f"listen 127.0.0.1:{listen};"),
        ("127.0.0.1:8080", f"127.0.0.1:{service}"),
        ("/var/cache/comments-nginx", f"{directory}/cache"),
        ("/var/log/nginx/comments.log", f"{directory}/access.log"),
    ]:
        assert shipped in text
        text = text.replace(shipped, ours)
    path = directory / "nginx.conf"
    user = "user root;\n" if os.geteuid() == 0 else ""  # else root's nginx cannot write where the tests may
    path.write_text(f"{user}pid {directory}/pid;\nerror_log {directory}/error.log;\ndaemon off;\n{text}")
    return path


class Front:
    """nginx in front of a running service."""

    def __init__(self, port: int, directory: Path) -> None:
        self.port, self.directory = port, directory

    def ask(self, path: str, method: str = "GET", body: object = None, **headers: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with closing(connection):
            sent = None if body is None else json.dumps(body)
            kind = {"Content-Type": "application/json"} if body is not None else {}
            connection.request(method, path, sent, {**kind, **headers})
            answer = connection.getresponse()
            answer.text = answer.read().decode()  # read while the connection is open
            return answer

    def listens(self) -> bool:
        try:
            return self.ask("/healthz").status == 200
        except OSError:
            return False


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    directory, data = tmp_path_factory.mktemp("nginx"), tmp_path_factory.mktemp("data")
    with serving(data, COMMENTS_TRUSTED_PROXIES="1", COMMENTS_SUBMIT_LIMIT="2/hour", COMMENTS_THREADS="2") as service:
        port = free_port()
        nginx = subprocess.Popen(["nginx", "-p", str(directory), "-c", str(written(directory, port, service.port))])
        try:
            started = Front(port, directory)
            until(started.listens, 10)
            yield started
        finally:
            nginx.terminate()
            nginx.wait(10)


def test_it_is_valid(tmp_path: Path) -> None:
    command = ["nginx", "-t", "-p", str(tmp_path), "-c", str(written(tmp_path))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr


def test_public_answers_are_kept_for_a_moment(front: Front) -> None:
    path = "/api/v1/comments?article=kept"
    states = [front.ask(path).getheader("X-Cache") for _ in range(3)]
    assert states == ["MISS", "HIT", "HIT"]


def test_an_unchanged_answer_is_not_sent_again(front: Front) -> None:
    first = front.ask("/api/v1/comments?article=etag")
    again = front.ask("/api/v1/comments?article=etag", **{"If-None-Match": first.getheader("ETag") or ""})
    assert again.status == 304


def test_an_answer_about_a_hundred_articles_comes_through(front: Front) -> None:
    answer = front.ask("/api/v1/counts?" + "&".join(f"article=number-{n}" for n in range(100)))
    assert answer.status == 200, "its Surrogate-Key alone has 3.4 kB"


@pytest.mark.parametrize("path", ["/widget.js", "/embed?article=a", "/api/v1/counts?article=a"])
def test_what_every_reader_asks_for_is_kept(front: Front, path: str) -> None:
    assert front.ask(path).status == 200
    assert front.ask(path).getheader("X-Cache") is not None


def test_submissions_pass_and_readers_are_told_apart(front: Front) -> None:
    statuses = [front.ask("/api/v1/comments", "POST", a_submission()).status for _ in range(3)]
    assert statuses == [202, 202, 429]
    invented = front.ask("/api/v1/comments", "POST", a_submission(), **{"X-Forwarded-For": "203.0.113.9"})
    assert invented.status == 429, "an address that the client wrote itself does not count"


def test_a_body_that_is_too_big_gets_the_services_answer(front: Front) -> None:
    refused = front.ask("/api/v1/comments", "POST", a_submission(body="x" * 200_000))
    assert (refused.status, refused.getheader("Content-Type")) == (413, "application/problem+json")


def test_who_tries_many_passwords_does_not_reach_the_service(front: Front) -> None:
    statuses = [front.ask("/moderate/sign-in", "POST").status for _ in range(30)]
    assert statuses[:21] == [400] * 21  # without a token
    assert statuses[-1] == 429
    assert front.ask("/moderate/sign-in").status == 200
    assert front.ask("/moderate/account").status == 303


def test_numbers_are_not_public(front: Front) -> None:
    assert front.ask("/metrics").status == 403


def test_slow_senders_never_reach_the_service(front: Front) -> None:
    head = b"POST /api/v1/comments HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
    slow = [socket.create_connection(("127.0.0.1", front.port)) for _ in range(200)]
    for connection in slow:
        connection.sendall(head + b"a")
    assert front.ask("/readyz").status == 200
    for connection in slow:
        connection.close()


def test_the_log_has_no_query(front: Front) -> None:
    front.ask("/api/v1/comments?article=a&email=hoa@reader-mail.vn")
    until((front.directory / "access.log").exists, 5)
    assert "reader-mail" not in (front.directory / "access.log").read_text()
