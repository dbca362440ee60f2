"""Who may moderate: sessions of the pages, tokens of the API, and the one gate in front of both."""

from typing import cast

from flask import Flask, Request, g, request
from flask.sessions import NullSession, SecureCookieSession, SecureCookieSessionInterface
from werkzeug.wrappers import Response

from comments.store.people import Moderator, Token
from comments.web.here import here
from comments.web.language import gettext
from comments.web.origins import is_secure
from comments.web.problems import Problem

_SESSION = "comments_session"


class CsrfCookie(SecureCookieSessionInterface):
    """Flask's signed cookie, which here holds the CSRF token alone; on TLS it is bound to this very host."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Only the moderation pages look at it: public answers read no session and set no cookie."""
        if not request.path.startswith("/moderate/"):
            return NullSession()
        return super().open_session(app, request)

    def get_cookie_name(self, app: Flask) -> str:
        return _named("comments_csrf")

    def get_cookie_secure(self, app: Flask) -> bool:
        return is_secure()


def signed_in() -> Moderator:
    """The moderator of this request; only behind the gate."""
    return cast("Moderator", g.moderator)


def find_moderator() -> Moderator | None:
    """The moderator whose session cookie came with this request, with the role they have now."""
    token = request.cookies.get(_named(_SESSION))
    if not token or len(token) > 100:
        return None
    settings = here().settings.moderation
    return here().people.session(token, idle=settings.session_idle_minutes * 60, absolute=settings.session_hours * 3600)


def require_token() -> Token:
    """The API token of this request.

    Raises:
        Problem: 401 unauthorized.
    """
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    found = here().people.token(secret.strip()) if scheme.lower() == "bearer" and 0 < len(secret) < 200 else None
    if not found:
        raise Problem(401, "unauthorized", gettext("A valid API token is needed (Authorization: Bearer ...)."))
    return found


def start_session(response: Response, moderator: Moderator) -> None:
    """Signs a moderator in: a new session with a new random name."""
    settings = here().settings.moderation
    token = here().people.start_session(moderator.name, idle=settings.session_idle_minutes * 60)
    response.set_cookie(
        _named(_SESSION),
        token,
        max_age=settings.session_hours * 3600,
        secure=is_secure(),
        httponly=True,
        samesite="Strict",
    )


def end_session(response: Response) -> None:
    """Signs out: the session is gone from the store, not from the browser alone."""
    token = request.cookies.get(_named(_SESSION))
    if token:
        here().people.end_session(token)
    response.delete_cookie(_named(_SESSION), secure=is_secure(), httponly=True, samesite="Strict")


def _named(name: str) -> str:
    """`__Host-` ties a cookie to this host and to TLS (RFC 6265bis); browsers refuse it without TLS."""
    return f"__Host-{name}" if is_secure() else name
