"""A WSGI layer that lets a few requests into the application at a time; more would only fight for the interpreter."""

import threading
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


class Turns:
    """Stands behind the layer that answers from memory, so that those answers wait for nobody."""

    def __init__(self, app: WSGIApplication, count: int) -> None:
        self._app = app
        self._free = threading.BoundedSemaphore(count)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with self._free:
            return self._app(environ, start_response)
