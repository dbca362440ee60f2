"""Requests of the tests take turns on an event loop, over one connection to the store, as readers' do in `serve`."""

import asyncio
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication

import uvloop
from flask import Flask

from comments.front import IN_THREADS
from comments.turns import Turn


def _started() -> asyncio.AbstractEventLoop:
    loop = uvloop.new_event_loop()
    threading.Thread(target=loop.run_forever, name="turns", daemon=True).start()
    return loop


_loop = _started()  # one for the whole run


class InTurns:
    """An application whose requests are answered in turns; those that the front gives to threads stay in theirs."""

    def __init__(self, app: WSGIApplication) -> None:
        self.layer = app

    def __getattr__(self, name: str) -> Any:
        return getattr(self.layer, name)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith(IN_THREADS):
            return self.layer(environ, start_response)
        return in_a_turn(lambda: [b"".join(self.layer(environ, start_response))])


def in_a_turn(call: Callable[[], Any]) -> Any:
    """What a call comes to in a turn on the loop, an exception too."""
    future: Future[Any] = Future()

    def answer() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    _loop.call_soon_threadsafe(lambda: Turn(_loop, answer).start())
    return future.result(30)


def take_turns(app: Flask) -> Flask:
    """The app, with its readers' requests in turns."""
    app.wsgi_app = InTurns(app.wsgi_app)  # type: ignore[method-assign]  # Flask's own way to add a layer
    return app
