"""Who may moderate: sessions of the pages, tokens of the API, and the one gate in front of both."""

from typing import cast

from flask import Flask, Request, g, redirect, request, url_for
from flask.sessions import NullSession, SecureCookieSession, SecureCookieSessionInterface
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.wrappers import Response

from comments.store.people import ROLES, Moderator, Token
from comments.web.here import here
from comments.web.language import gettext
from comments.web.origins import is_secure, refuse_foreign_to_moderators
from comments.web.problems import Problem

csrf = CSRFProtect()

_SESSION = "comments_session"
_LOOKING = ("GET", "HEAD", "OPTIONS")

_EVERYBODY = frozenset(ROLES)
_MODERATORS = frozenset({"moderator", "admin"})

# Who may go where, by endpoint or else by blueprint. What is not named here is for nobody.
_ALLOWED = {
    "doors": _EVERYBODY,
    "moderate": _MODERATORS,
    "moderation": _MODERATORS,
    "moderation.log": _EVERYBODY,
    "sharing": _MODERATORS,
    "pages.metrics": _EVERYBODY,
}
_OPEN_TO_STRANGERS = {"doors.sign_in", "doors.welcome"}
_CHECKS_ITSELF = {"doors.sign_in"}  # says in its own words that its form was too old


def init_app(app: Flask) -> None:
    """Puts the gate in front of every moderation page."""
    csrf.init_app(app)
    app.session_interface = CsrfCookie()
    app.before_request(gate)
    app.jinja_env.globals["may"] = may


def may(role: str, endpoint: str) -> bool:
    """Whether people of a role may go there."""
    return role in _ALLOWED.get(endpoint, _ALLOWED.get(endpoint.partition(".")[0], frozenset()))


def home_of(role: str) -> str:
    """Where somebody of that role begins."""
    return url_for("moderate.queue", lang=request.args.get("lang"))


def gate() -> Response | None:
    """Strangers go to the sign-in page; whatever changes something must come from these pages, with their token."""
    endpoint = request.endpoint
    if not endpoint or not request.path.startswith("/moderate/"):
        return None
    g.moderator = find_moderator()
    if request.method not in _LOOKING:
        refuse_foreign_to_moderators()
    if endpoint not in _OPEN_TO_STRANGERS:
        if not g.moderator:
            return _stranger()
        if not may(g.moderator.role, endpoint):
            raise Problem(403, "forbidden", gettext("Your role does not reach here."))
    if request.method not in _LOOKING and endpoint not in _CHECKS_ITSELF and is_stale():
        old = gettext("This page is from an earlier sign-in. Load it again and repeat the last step.")
        raise Problem(400, "stale_page", old)
    return None


def is_stale() -> bool:
    """Whether a form's token is missing or from an earlier sign-in (also a page that stayed open over one)."""
    try:
        csrf.protect()
    except CSRFError:
        return True
    return False


def _stranger() -> Response:
    if request.is_json:
        raise Problem(401, "unauthorized", gettext("Your session has ended. Please sign in again."))
    return redirect(url_for("doors.sign_in", lang=request.args.get("lang")), 303)


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
        Problem: 401 unauthorized; 403 forbidden for a token of another role.
    """
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    found = here().people.token(secret.strip()) if scheme.lower() == "bearer" and 0 < len(secret) < 200 else None
    if not found:
        raise Problem(401, "unauthorized", gettext("A valid API token is needed (Authorization: Bearer ...)."))
    if not may(found.role, request.endpoint or ""):
        raise Problem(403, "forbidden", gettext("Your role does not reach here."))
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
