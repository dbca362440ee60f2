"""The layer in front of the application, and the port."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from io import BytesIO
from typing import Any

import pytest

from comments.server import Complete, Port, PortTaken

LIMIT = 100


class Application:
    """Answers with the body it got."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.bodies.append(environ["wsgi.input"].read())
        start_response("200 OK", [])
        return [self.bodies[-1]]


@pytest.fixture
def app() -> Application:
    return Application()


@pytest.fixture
def complete(app: Application) -> Complete:
    return Complete(app, max_body=LIMIT)


def send(layer: Complete, body: bytes, **environ: str) -> str:
    """The status of one request."""
    statuses: list[str] = []
    answer = layer({"wsgi.input": BytesIO(body), **environ}, lambda status, headers, exc=None: statuses.append(status))
    assert b"".join(answer) is not None
    return statuses[0]


def test_a_body_arrives_whole(complete: Complete, app: Application) -> None:
    assert send(complete, b"a=1", CONTENT_LENGTH="3") == "200 OK"
    assert send(complete, b"a=2", HTTP_TRANSFER_ENCODING="chunked") == "200 OK"
    assert send(complete, b"", CONTENT_LENGTH="") == "200 OK"
    assert app.bodies == [b"a=1", b"a=2", b""]


def test_a_body_that_breaks_off_does_not_arrive(complete: Complete, app: Application) -> None:
    assert send(complete, b"a=1&b", CONTENT_LENGTH="9") == "400 Bad Request"
    assert app.bodies == []


def test_too_much_is_seen_to_be_too_much(complete: Complete, app: Application) -> None:
    send(complete, b"x" * 1000, HTTP_TRANSFER_ENCODING="chunked")
    assert len(app.bodies[0]) == LIMIT + 1


def test_what_is_declared_too_long_is_not_read(complete: Complete) -> None:
    unread = BytesIO(b"x" * 1000)
    complete({"wsgi.input": Unreadable(), "CONTENT_LENGTH": "1000"}, lambda *_: unread.write)


class Unreadable:
    """A body that only the application may touch."""

    def read(self, size: int = -1) -> bytes:
        assert size == -1, "the layer read a body that is too long"
        return b""


@pytest.fixture
def port() -> Iterator[Port]:
    with closing(Port("127.0.0.1", 0)) as reserved:
        yield reserved


def test_the_system_may_choose_the_port(port: Port) -> None:
    assert port.number > 0
    assert port.url == f"http://127.0.0.1:{port.number}"


def test_a_port_is_ours_alone(port: Port) -> None:
    with pytest.raises(PortTaken, match=f"cannot listen on 127.0.0.1 port {port.number}: Address already in use"):
        Port("127.0.0.1", port.number)


def test_an_address_must_exist() -> None:
    with pytest.raises(PortTaken, match=r"cannot listen on 192\.0\.2\.1 port 0"):
        Port("192.0.2.1", 0)


def test_every_interface_is_reached_through_this_machine() -> None:
    with closing(Port("0.0.0.0", 0)) as everywhere:  # noqa: S104 - that is the point
        assert everywhere.url.startswith("http://127.0.0.1:")
