"""Passkeys at the door and in the account. The browser's part is static/passkeys.js."""

from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, jsonify, request, url_for
from werkzeug.utils import redirect
from werkzeug.wrappers import Response as AnyResponse

from comments import authenticators
from comments.authenticators import NotProved, Site
from comments.errors import NotFound
from comments.store.people import Moderator, Passkey
from comments.web.access import home_of, signed_in, start_session
from comments.web.credentials import not_proved
from comments.web.here import here
from comments.web.intake import json_of
from comments.web.language import gettext
from comments.web.origins import source_of
from comments.web.problems import Problem

blueprint = Blueprint("passkeys", __name__, url_prefix="/moderate/passkeys")

_MOST = 10  # that one person may have


@blueprint.before_request
def gate() -> None:
    if not authenticators.AVAILABLE:
        raise NotFound("passkeys")


@blueprint.post("/new")
def new() -> AnyResponse:
    """What the browser needs to make a key, for whoever types their password once more."""
    moderator = signed_in()
    if reason := not_proved(str(_given().get("current", ""))):
        raise Problem(403, "forbidden", reason)
    if len(moderator.passkeys) >= _MOST:
        raise Problem(409, "conflict", gettext("You have ten passkeys; remove one first."))
    challenge = here().people.issue_challenge(moderator.name)
    known = [passkey.id for passkey in moderator.passkeys]
    return jsonify(
        authenticators.creation(_site(), user=moderator.user, name=moderator.name, challenge=challenge, known=known)
    )


@blueprint.post("")
def add() -> AnyResponse:
    """Keeps the key that the browser has made."""
    moderator, given = signed_in(), _given()
    credential = _object(given, "credential")
    challenge = _challenge(credential, moderator.name)
    try:
        made = authenticators.made(_site(), credential, challenge=challenge)
    except NotProved as error:
        raise _nothing() from error
    name = " ".join(str(given.get("name", "")).split())[:60] or gettext("Passkey")
    key = Passkey(made.id, made.public_key, made.count, name, int(here().now()))
    keys = [asdict(one) for one in (*moderator.passkeys, key)]
    if not here().people.keep(moderator, what="passkey", by=moderator.name, passkeys=keys):
        raise Problem(409, "conflict", gettext("Your account has changed at this moment. Please try again."))
    return jsonify(to=url_for("account.overview", done="passkey", lang=request.args.get("lang")))


@blueprint.post("/remove")
def remove() -> AnyResponse:
    """Removes one of one's own keys."""
    moderator = signed_in()
    if reason := not_proved(request.form.get("current")):
        raise Problem(403, "forbidden", reason)
    left = [asdict(key) for key in moderator.passkeys if key.id != request.form.get("id")]
    here().people.keep(moderator, what="no-passkey", by=moderator.name, passkeys=left)
    return redirect(url_for("account.overview", done="passkey", lang=request.args.get("lang")), 303)


@blueprint.post("/ask")
def ask() -> AnyResponse:
    """What the browser needs to sign somebody in; it is not known whom."""
    _throttle()
    return jsonify(authenticators.request(_site(), challenge=here().people.issue_challenge("")))


@blueprint.post("/sign-in")
def sign_in() -> AnyResponse:
    """Signs in whoever the key belongs to: a device and a finger, face or PIN, so this is both steps in one."""
    _throttle()
    credential = _object(_given(), "credential")
    challenge = _challenge(credential, "")
    moderator, key = _owner(credential.get("id"))
    try:
        used = authenticators.used(_site(), credential, challenge=challenge, public_key=key.public_key, count=key.count)
    except NotProved as error:
        raise _nothing() from error
    keys = [asdict(one) | ({"count": used.count} if one.id == key.id else {}) for one in moderator.passkeys]
    here().people.keep(moderator, passkeys=keys)
    response = jsonify(to=home_of(moderator.role))
    start_session(response, moderator, "passkey")
    return response


def _site() -> Site:
    origin = here().settings.server.public_url or request.host_url.rstrip("/")
    return Site(urlsplit(origin).hostname or "", origin, gettext("Newsroom comments"))


def _given() -> dict[str, Any]:
    return json_of(request, max_body=here().settings.server.max_body)


def _object(given: dict[str, Any], name: str) -> dict[str, Any]:
    found = given.get(name)
    if not isinstance(found, dict):
        raise _nothing()
    return found


def _challenge(credential: dict[str, Any], name: str) -> str:
    """The challenge that is answered: one of ours, for this person, and used up by this."""
    try:
        challenge = authenticators.challenge_in(credential)
    except NotProved as error:
        raise _nothing() from error
    if here().people.use_challenge(challenge) != name:
        raise _nothing()
    return challenge


def _owner(key_id: object) -> tuple[Moderator, Passkey]:
    for moderator in here().people.moderators():
        for key in moderator.passkeys:
            if key.id == key_id:
                return moderator, key
    raise _nothing()


def _throttle() -> None:
    if here().people.source_again_after(source_of(request, here().settings.server.trusted_proxies)):
        raise Problem(429, "too_many", gettext("There were too many attempts. Please try again in a minute."))


def _nothing() -> Problem:
    return Problem(403, "forbidden", gettext("This passkey is not known here, or it took too long. Please try again."))
