"""Requests as no client library would send them: clear refusals, and never someone else's bytes."""

import json
import socket
from collections.abc import Iterator

import pytest

from tests import service
from tests.people import a_submission

HEAD = b"POST /api/v1/comments HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
BODY = json.dumps(a_submission()).encode()
NEXT = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(BODY)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[service.Service]:
    with service.serving(tmp_path_factory.mktemp("raw"), COMMENTS_SUBMIT_LIMIT="") as running:
        yield running


def talk(running: service.Service, *pieces: bytes, within: float = 15.0) -> bytes:
    """All that the server says to these bytes before it closes (or falls silent)."""
    with socket.create_connection(("127.0.0.1", running.port), timeout=within) as connection:
        for piece in pieces:
            try:
                connection.sendall(piece)
            except OSError:
                break
        said = b""
        try:
            while piece := connection.recv(65536):
                said += piece
        except (TimeoutError, ConnectionResetError):
            pass
        return said


def statuses(said: bytes) -> list[int]:
    return [int(line.split()[1]) for line in said.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]


SMUGGLED = {
    "length and chunked": LENGTH + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + NEXT,
    "two lengths": LENGTH + b"Content-Length: 5\r\n\r\n" + BODY + NEXT,
    "length with a sign": b"Content-Length: +%d\r\n\r\n" % len(BODY) + BODY + NEXT,
    "negative length": b"Content-Length: -1\r\n\r\n" + BODY + NEXT,
    "length in hex": b"Content-Length: 0x10\r\n\r\n" + BODY + NEXT,
    "unknown transfer encoding": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + NEXT,
    "chunk size that is none": b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n" + NEXT,
    "chunk size with a sign": b"Transfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n" + NEXT,
    "space before the colon": b"Content-Length : 5\r\n\r\nhello" + NEXT,
    "header folded": b"X-A: b\r\n Content-Length: 5\r\n\r\nhello" + NEXT,
    "NUL in a header": b"X-A: \x00\r\n" + LENGTH + b"\r\n" + BODY + NEXT,
    "bare line feed in a header": b"X-A: a\nContent-Length: 0\r\n\r\n" + NEXT,
}


@pytest.mark.parametrize("rest", SMUGGLED.values(), ids=SMUGGLED.keys())
def test_a_request_of_unclear_length_never_starts_a_second_one(running: service.Service, rest: bytes) -> None:
    said = talk(running, HEAD + rest)
    found = statuses(said)
    assert len(found) <= 2
    assert all(400 <= status < 500 for status in found[:1]), said
    assert found.count(200) <= 1, "the second request was the client's own, at most once"
    assert 500 not in found


def test_a_body_that_breaks_off_is_no_comment(running: service.Service) -> None:
    before = running.get("/metrics")[1]
    with socket.create_connection(("127.0.0.1", running.port)) as connection:
        connection.sendall(HEAD + LENGTH + b"\r\n" + BODY[:-10])
    assert running.get("/metrics")[1] == before


@pytest.mark.parametrize("declared", [True, False])
def test_ten_megabytes_are_refused(running: service.Service, declared: bool) -> None:
    size = 10 * 1024 * 1024
    if declared:
        said = talk(running, HEAD + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % size, b"x" * 100_000)
    else:
        chunk = b"%x\r\n" % 65536 + b"x" * 65536 + b"\r\n"
        pieces = [HEAD + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n", *[chunk] * 160, b"0\r\n\r\n"]
        said = talk(running, *pieces)
    assert statuses(said)[:1] in ([413], []), said[:200]
    assert running.get("/healthz")[0] == 200


def test_a_chunked_submission_of_the_right_size_is_taken(running: service.Service) -> None:
    head = HEAD + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    said = talk(running, head + b"%x\r\n" % len(BODY) + BODY + b"\r\n0\r\n\r\n")
    assert statuses(said) == [202]


@pytest.mark.parametrize(
    "line",
    [
        b"GET / HTTP/9.9",
        b"GET",
        b"\x00\x01\x02",
        b"GET / HTTP/1.1 HTTP/1.1",
        b"G\x00T / HTTP/1.1",
        b"GET http://evil.example/ HTTP/1.1",
        b"GET //evil.example/ HTTP/1.1",
        b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1",
        b"GET /assets/x/%2e%2e/%2e%2e/pyproject.toml HTTP/1.1",
        b"GET /assets/x/../../pyproject.toml HTTP/1.1",
        b"GET /\xff\xfe HTTP/1.1",
        b"GET /?article=\xff HTTP/1.1",
        b"GET /api/v1/comments?article=%ff HTTP/1.1",
        b"GET /api/v1/comments?article=%00 HTTP/1.1",
        b"TRACE / HTTP/1.1",
        b"CONNECT evil.example:443 HTTP/1.1",
        b"PRI * HTTP/2.0",
    ],
)
def test_an_odd_request_line_is_never_a_server_error(running: service.Service, line: bytes) -> None:
    said = talk(running, line + b"\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    assert all(status < 500 for status in statuses(said)), said
    assert b"[project]" not in said
    assert b"root:" not in said


def test_headers_without_end_are_bounded(running: service.Service) -> None:
    said = talk(running, b"GET / HTTP/1.1\r\nHost: x\r\n", *[b"X-A: " + b"a" * 8000 + b"\r\n"] * 40, b"\r\n")
    assert statuses(said)[:1] in ([431], [400], []), said[:200]
    assert running.get("/healthz")[0] == 200


def test_a_very_long_address_is_refused(running: service.Service) -> None:
    path = f"/api/v1/comments?article={'x' * 100_000}"
    said = talk(running, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert all(400 <= status < 500 for status in statuses(said)), said[:200]


def test_no_answer_names_versions(running: service.Service) -> None:
    said = talk(running, NEXT).lower()
    assert b"server:" not in said
    assert b"werkzeug" not in said
    assert b"python" not in said
