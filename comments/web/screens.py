"""Screens of moderators: which comments each has leased."""

import re
import secrets

from flask import request

from comments.model import Status
from comments.store.sharing import Share
from comments.web.access import signed_in
from comments.web.here import here

_SCREEN = re.compile(r"[A-Za-z0-9_-]{8,32}")


def share_of(status: Status | None, *, everything: bool) -> Share | None:
    """The lease for a page of the queue; None where comments are not shared out.

    A script that loads more for the same screen says which one it is (`X-Screen`).
    """
    if status != Status.PENDING or everything or not here().settings.moderation.lease_seconds:
        return None
    given = request.headers.get("X-Screen", "")
    return lease(given if is_screen(given) else secrets.token_urlsafe(9))


def lease(screen: str) -> Share:
    """The lease of the one who is signed in, from now on."""
    now = int(here().now() * 1000)
    return Share(signed_in().name, screen, now, now + here().settings.moderation.lease_seconds * 1000)


def is_screen(text: object) -> bool:
    """Whether a text names a screen."""
    return isinstance(text, str) and bool(_SCREEN.fullmatch(text))
