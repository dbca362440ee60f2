"""Who may moderate: sessions of the pages, tokens of the API, and the one gate in front of both."""

from typing import cast
from urllib.parse import urlsplit

from flask import Flask, Request, g, redirect, request, session, url_for
from flask.sessions import NullSession, SecureCookieSession, SecureCookieSessionInterface
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.wrappers import Response

from comments import authenticators
from comments.store.people import HALF_WAY, ROLES, Moderator, Session, Token
from comments.web.here import here
from comments.web.language import gettext
from comments.web.origins import is_secure, refuse_foreign_to_moderators
from comments.web.problems import Problem

csrf = CSRFProtect()

_SESSION = "comments_session"
_BROWSERS = (("Edg", "Edge"), ("Firefox", "Firefox"), ("Chrom", "Chrome"), ("Safari", "Safari"), ("curl", "curl"))
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iOS"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)
_LOOKING = ("GET", "HEAD", "OPTIONS")

_EVERYBODY = frozenset(ROLES)
_MODERATORS = frozenset({"moderator", "admin"})

# Who may go where, by endpoint or else by blueprint. What is not named here is for nobody.
_ALLOWED = {
    "account": _EVERYBODY,
    "doors": _EVERYBODY,
    "metrics": _EVERYBODY,
    "numbers": _EVERYBODY,
    "log": _EVERYBODY,
    "log.export": frozenset({"reader-of-log", "admin"}),
    "moderate": _MODERATORS,
    "moderation": _MODERATORS,
    "moderation.log": _EVERYBODY,
    "readers": _MODERATORS,
    "saved": _MODERATORS,
    "sharing": _MODERATORS,
    "passkeys": _EVERYBODY,
    "tools": _MODERATORS,
    "people": frozenset({"admin"}),
    "provider": _EVERYBODY,
}
_OPEN_TO_STRANGERS = {
    "doors.sign_in",
    "doors.code",
    "doors.welcome",
    "doors.join",
    "passkeys.ask",
    "passkeys.sign_in",
    "provider.go",
    "provider.back",
}
_WITHOUT_SECOND_FACTOR = {"account", "doors", "passkeys"}  # where one goes to set it up
_CHECKS_ITSELF = {"doors.sign_in"}  # says in its own words that its form was too old


def init_app(app: Flask) -> None:
    """Puts the gate in front of every moderation page."""
    csrf.init_app(app)
    app.session_interface = CsrfCookie()
    app.before_request(gate)
    app.jinja_env.globals.update(may=may, passkeys=authenticators.AVAILABLE)
    app.context_processor(lambda: {"provider": urlsplit(here().settings.moderation.oidc_issuer).hostname})


def may(role: str, endpoint: str) -> bool:
    """Whether people of a role may go there."""
    return role in _ALLOWED.get(endpoint, _ALLOWED.get(endpoint.partition(".")[0], frozenset()))


def home_of(role: str) -> str:
    """Where somebody of that role begins."""
    endpoint = "moderate.queue" if may(role, "moderate.queue") else "log.entries"
    return url_for(endpoint, lang=request.args.get("lang"))


def gate() -> Response | None:
    """Strangers go to the sign-in page; whatever changes something must come from these pages, with their token."""
    endpoint = request.endpoint
    if not endpoint or not request.path.startswith("/moderate/"):
        return None
    found = _find_session()
    g.half_way = found if found and found.way == HALF_WAY else None
    g.session = found if not g.half_way else None
    g.moderator = g.session.moderator if g.session else None
    if request.method not in _LOOKING:
        refuse_foreign_to_moderators()
    if endpoint not in _OPEN_TO_STRANGERS:
        if not g.moderator:
            return _stranger()
        if not may(g.moderator.role, endpoint):
            raise Problem(403, "forbidden", gettext("Your role does not reach here."))
        if lacks_second_factor() and request.blueprint not in _WITHOUT_SECOND_FACTOR:
            return redirect(url_for("account.overview", lang=request.args.get("lang")), 303)
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
        return cookie_name("comments_csrf")

    def get_cookie_secure(self, app: Flask) -> bool:
        return is_secure()


def signed_in() -> Moderator:
    """The moderator of this request; only behind the gate."""
    return cast("Moderator", g.moderator)


def this_session() -> Session:
    """The session of this request; only behind the gate."""
    return cast("Session", g.session)


def lacks_second_factor() -> bool:
    """Whether the settings ask somebody of this role for more than the password that they signed in with."""
    asked = here().settings.moderation.second_factor
    current = this_session()
    return current.way == "password" and (asked == "everyone" or asked == current.moderator.role + "s")


def session_token() -> str:
    """The secret of this browser's session, "" without one."""
    token = request.cookies.get(cookie_name(_SESSION), "")
    return token if len(token) <= 100 else ""


def _find_session() -> Session | None:
    """The session whose cookie came with this request, with the role its moderator has now."""
    token = session_token()
    settings = here().settings.moderation
    idle, absolute = settings.session_idle_minutes * 60, settings.session_hours * 3600
    return here().people.session(token, idle=idle, absolute=absolute) if token else None


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


def start_session(response: Response, moderator: Moderator, way: str = "password") -> None:
    """Signs a moderator in: a new session with a new random name; the one before is over."""
    settings = here().settings.moderation
    if old := session_token():
        here().people.end_session(old)
    session.clear()  # a CSRF token from before is worth nothing now
    token = here().people.start_session(moderator, idle=settings.session_idle_minutes * 60, way=way, agent=_agent())
    response.set_cookie(
        cookie_name(_SESSION),
        token,
        max_age=settings.session_hours * 3600,
        secure=is_secure(),
        httponly=True,
        samesite="Strict",
    )


def end_session(response: Response) -> None:
    """Signs out: the session is gone from the store, not from the browser alone."""
    if token := session_token():
        here().people.end_session(token)
    session.clear()
    response.delete_cookie(cookie_name(_SESSION), secure=is_secure(), httponly=True, samesite="Strict")


def _agent() -> str:
    """The browser in two words, for the list of one's sessions: nothing that tells one person's from another's."""
    said = request.headers.get("User-Agent", "")
    browser = next((name for mark, name in _BROWSERS if mark in said), "?")
    system = next((name for mark, name in _SYSTEMS if mark in said), "")
    return f"{browser} · {system}" if system else browser


def cookie_name(name: str) -> str:
    """A cookie's whole name: `__Host-` ties it to this host and TLS (RFC 6265bis); without TLS browsers refuse it."""
    return f"__Host-{name}" if is_secure() else name
