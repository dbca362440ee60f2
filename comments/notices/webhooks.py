"""Telling a program of the newsroom's what became of a comment: a signed POST, as standardwebhooks.com describes it.

The operator writes the address, so it may be trusted; what its name resolves to, and what answers there, may not. The
connection goes to the very address that was checked, no redirect is followed, of the answer the status alone is read,
and there is an end to how long all of it takes.
"""

import base64
import hmac
import ipaddress
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from hashlib import sha256
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from comments.model import Comment, Status, rfc3339
from comments.settings import Secret

DEADLINE = 10.0  # seconds from the connection to the status, and for the connection itself
_CONNECT = 3.0  # seconds for one address of a name


class NotTaken(Exception):
    """A webhook did not take a notice. The text says why, in a few words for the operator."""


def notice(comment: Comment, public: bytes | None) -> bytes:
    """The body: how a comment stands. `public` is its public form, which alone says what a reader wrote."""
    said = {
        "type": f"comment.{comment.status}",
        "timestamp": rfc3339(comment.decided.at if comment.decided else comment.created_at),
        "data": {
            "id": comment.id,
            "article": comment.article,
            "site": comment.site,
            "status": comment.status,
            "version": comment.version,
            "comment": json.loads(public) if public and comment.status == Status.APPROVED else None,
        },
    }
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


def signed(body: bytes, *, name: str, at: int, secret: Secret) -> dict[str, str]:
    """The headers of a notice: its name is the same whenever it is sent, `at` is when it is sent (seconds)."""
    key = base64.b64decode(secret.reveal().removeprefix("whsec_"))
    signature = hmac.digest(key, f"{name}.{at}.".encode() + body, sha256)
    return {
        "Content-Type": "application/json",
        "User-Agent": "newsroom-comments",
        "webhook-id": name,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{base64.b64encode(signature).decode()}",
    }


def post(url: str, body: bytes, headers: dict[str, str], *, private_networks: bool) -> None:
    """Sends it once; every status from 200 to 299 means that it was taken.

    Raises:
        NotTaken: anything else.
    """
    parts = urlsplit(url)
    host, encrypted = parts.hostname or "", parts.scheme == "https"
    path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    try:
        plain = _connected(host, parts.port or (443 if encrypted else 80), private_networks)
        with _within(DEADLINE, plain) as held:
            if encrypted:
                held.append(
                    ssl.create_default_context().wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)
                )
                held[-1].do_handshake()
            connection = (HTTPSConnection if encrypted else HTTPConnection)(host, parts.port)
            connection.sock = held[-1]
            connection.request("POST", path, body, headers)
            with closing(connection.getresponse()) as answer:
                status = answer.status
    except (OSError, HTTPException, ValueError) as error:
        raise NotTaken(type(error).__name__) from error
    if not 200 <= status < 300:
        raise NotTaken(f"it answers {status}")


def _connected(host: str, port: int, private_networks: bool) -> socket.socket:
    """A connection to one of a name's addresses. All of them must be public, unless private ones are allowed."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    if not private_networks and not all(ipaddress.ip_address(where[0]).is_global for *_, where in found):
        raise NotTaken("its address is on a private network, which webhook_private does not allow")
    failed, until = OSError("no address"), time.monotonic() + DEADLINE
    for family, kind, protocol, _, where in found:
        one = socket.socket(family, kind, protocol)
        one.settimeout(_CONNECT)
        try:
            one.connect(where)
        except OSError as error:
            one.close()
            failed = error
            if time.monotonic() > until:
                break
        else:
            one.settimeout(DEADLINE)
            return one
    raise failed


@contextmanager
def _within(seconds: float, connection: socket.socket) -> Iterator[list[Any]]:
    """Cuts the connection after that time, so that no read goes on; a time limit of each read alone would let an
    answer go on for ever that comes byte by byte. The last of what is yielded is cut and, at the end, closed."""
    held: list[Any] = [connection]

    def cut() -> None:
        with suppress(OSError):
            held[-1].shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    try:
        timer.start()
        yield held
    finally:
        timer.cancel()
        held[-1].close()
