"""Signing in at the newsroom's own provider. It lets in only whom an administrator has named, and adds nobody."""

import hmac
import logging

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from comments.errors import NotFound
from comments.openid import Identity, Provider, ProviderFault
from comments.store.people import Moderator
from comments.web.access import cookie_name, home_of, start_session
from comments.web.here import here
from comments.web.intake import one, query_of
from comments.web.language import gettext
from comments.web.origins import is_secure, source_of

blueprint = Blueprint("provider", __name__, url_prefix="/moderate/provider")

log = logging.getLogger("comments")

_STATE = "comments_provider"
_MINUTES = 10


@blueprint.get("")
def go() -> AnyResponse:
    """Sends the browser to the provider. What it brings back must fit what this browser took along."""
    provider = _provider()
    if here().people.source_again_after(source_of(request, here().settings.server.trusted_proxies)):
        return _page(429, gettext("There were too many attempts. Please try again in a minute."))
    try:
        begun = provider.begin(_back())
    except ProviderFault as fault:
        return _failed(fault)
    here().people.keep_journey(begun.state, nonce=begun.nonce, verifier=begun.verifier, seconds=60 * _MINUTES)
    response = redirect(begun.url, 303)
    # Lax, since the way back begins at another site
    response.set_cookie(
        cookie_name(_STATE), begun.state, max_age=60 * _MINUTES, secure=is_secure(), httponly=True, samesite="Lax"
    )
    return response


@blueprint.get("/back")
def back() -> AnyResponse:
    """Signs in whoever the provider says this is, if they are known here."""
    provider, query = _provider(), query_of(request)
    state, code = one(query, "state"), one(query, "code")
    own = request.cookies.get(cookie_name(_STATE), "")
    journey = here().people.end_journey(state) if _same(state, own) else None
    if not journey or not code:
        return _page(401, gettext("This sign-in was not begun in this browser, or it took too long. Please try again."))
    try:
        identity = provider.end(code, back=_back(), nonce=journey["nonce"], verifier=journey["verifier"])
    except ProviderFault as fault:
        return _failed(fault)
    moderator = _known_as(identity)
    if not moderator:
        return _page(401, gettext("The provider knows you, but nobody here does. Ask an administrator."))
    # a page, since browsers send a Strict cookie only on a way that begins here
    response = Response(render_template("moderate/arrived.html", to=home_of(moderator.role)), mimetype="text/html")
    response.delete_cookie(cookie_name(_STATE), secure=is_secure(), httponly=True, samesite="Lax")
    start_session(response, moderator, "provider")
    return response


def _known_as(identity: Identity) -> Moderator | None:
    found = [one for one in here().people.moderators() if identity.is_known_as(one.identity)]
    return found[0] if len(found) == 1 else None


def _provider() -> Provider:
    found = here().provider
    if not found:
        raise NotFound("provider")
    return found


def _back() -> str:
    origin = here().settings.server.public_url or request.host_url.rstrip("/")
    return origin + url_for("provider.back")


def _same(state: str, own: str) -> bool:
    return bool(state) and hmac.compare_digest(state.encode(), own.encode("utf-8", "replace"))


def _failed(fault: ProviderFault) -> AnyResponse:
    log.warning("signing in at the provider failed: %s", fault)
    return _page(502, gettext("Signing in at the provider did not work. Please try again, or use your password."))


def _page(status: int, error: str) -> AnyResponse:
    page = render_template("moderate/sign_in.html", error=error, typed_name="")
    return Response(page, status, mimetype="text/html")
