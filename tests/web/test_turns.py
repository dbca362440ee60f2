"""A few requests at a time are in the application; the others wait their turn, and none is lost."""

import threading
from collections.abc import Callable

from comments.web.turns import Turns


def test_few_requests_are_in_the_application_at_once(eventually: Callable[..., None]) -> None:
    inside: list[int] = []
    most: list[int] = []
    gate = threading.Event()

    def app(_environ: object, _start_response: object) -> list[bytes]:
        inside.append(1)
        most.append(len(inside))
        assert gate.wait(5)
        inside.pop()
        return [b""]

    layer = Turns(app, 2)
    requests = [threading.Thread(target=layer, args=({}, None)) for _ in range(6)]
    for request in requests:
        request.start()
    eventually(lambda: len(inside) == 2)
    gate.set()
    for request in requests:
        request.join(5)
    assert (max(most), len(most)) == (2, 6)
