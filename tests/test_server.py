"""The port: ours, or a clear refusal."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from comments.server import Port, PortTaken


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
