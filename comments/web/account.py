"""One's own account: password, authenticator app, recovery codes, and where one is signed in."""

import segno
from flask import Blueprint, Response, render_template, request, url_for
from markupsafe import Markup
from werkzeug.utils import redirect
from werkzeug.wrappers import Response as AnyResponse

from comments import passwords, second_factor
from comments.web.access import lacks_second_factor, session_token, signed_in, start_session, this_session
from comments.web.credentials import not_proved, refused, typed
from comments.web.here import here
from comments.web.language import gettext

blueprint = Blueprint("account", __name__, url_prefix="/moderate/account")


@blueprint.get("")
def overview() -> AnyResponse:
    """Everything about the account of whoever is signed in."""
    done = {
        "password": gettext("You have a new password. Your other sessions have ended."),
        "app": gettext("The authenticator app is removed."),
        "sessions": gettext("Ended."),
        "passkey": gettext("Done."),
    }
    return _page("account", done=done.get(request.args.get("done", "")))


@blueprint.post("/password")
def password() -> AnyResponse:
    """A new password; every other session ends."""
    moderator = signed_in()
    _, new = typed(moderator.name, request.form.get("password"))
    if reason := not_proved(request.form.get("current")) or refused(moderator.name, new):
        return _page("account", 422, error=reason)
    here().people.set_password(moderator.name, passwords.hash_password(new), by=moderator.name)
    return _stay_signed_in("password")


@blueprint.route("/app", methods=["GET", "POST"])
def app() -> AnyResponse:
    """Sets up an authenticator app (TOTP), or removes it. The codes for emergencies are shown once, in the answer."""
    house, moderator, form = here(), signed_in(), request.form
    if request.method != "POST":
        return _new_app(house.second_factor.new_secret(moderator.name))
    if form.get("remove"):
        if reason := not_proved(form.get("current")):
            return _page("account", 422, error=reason)
        house.people.set_second_factor(moderator.name, None, 0, (), by=moderator.name)
        return _stay_signed_in("app")
    sealed = form.get("sealed", "")
    if not house.second_factor.open(sealed, moderator.name):
        return _new_app(house.second_factor.new_secret(moderator.name), 422, gettext("Please scan the new code."))
    if reason := not_proved(form.get("current")):
        return _new_app(sealed, 422, reason)
    step = house.second_factor.step_of(sealed, moderator.name, form.get("code", ""), now=house.now(), last=0)
    if step is None:
        return _new_app(sealed, 422, gettext("This code is not the one that the app shows now. Is its clock right?"))
    codes = second_factor.new_recovery_codes()
    digests = tuple(map(second_factor.digest, codes))
    house.people.set_second_factor(moderator.name, sealed, step, digests, by=moderator.name)
    return _codes(codes, sign_in_again=True)


@blueprint.post("/recovery")
def recovery() -> AnyResponse:
    """Ten new recovery codes; those from before are worth nothing."""
    moderator = signed_in()
    if reason := not_proved(request.form.get("current")):
        return _page("account", 422, error=reason)
    codes = second_factor.new_recovery_codes()
    digests = [second_factor.digest(code) for code in codes]
    if not moderator.totp or not here().people.keep(
        moderator, recovery=digests, what="recovery-codes", by=moderator.name
    ):
        return _page("account", 409, error=gettext("Your account has changed at this moment. Please try again."))
    return _codes(codes)


@blueprint.post("/sessions")
def sessions() -> AnyResponse:
    """Ends one of one's own sessions, or all but this one."""
    moderator, handle = signed_in(), request.form.get("handle", "")
    if handle == "others":
        here().people.end_sessions(moderator.name, by=moderator.name)
        return _stay_signed_in("sessions")
    here().people.end_device(moderator.name, handle)
    return redirect(url_for("account.overview", done="sessions", lang=request.args.get("lang")), 303)


def _stay_signed_in(done: str) -> AnyResponse:
    """Every session has ended; this browser gets a new one."""
    response = redirect(url_for("account.overview", done=done, lang=request.args.get("lang")), 303)
    _begin_again(response)
    return response


def _begin_again(response: AnyResponse, way: str = "") -> None:
    moderator = here().people.moderator(signed_in().name)
    if moderator:
        start_session(response, moderator, way or this_session().way)


def _new_app(sealed: str, status: int = 200, error: str | None = None) -> Response:
    moderator = signed_in()
    secret = here().second_factor.open(sealed, moderator.name) or b""
    said = second_factor.address(secret, name=moderator.name, issuer=_issuer())
    picture = segno.make(said, error="m").svg_inline(scale=5, border=3, light="#fff", dark="#000", omitsize=True)
    text = second_factor.written(secret)
    grouped = " ".join(text[at : at + 4] for at in range(0, len(text), 4))
    return _page("app", status, error=error, sealed=sealed, picture=Markup(picture), written=grouped)  # noqa: S704 - segno's own drawing


def _issuer() -> str:
    host = here().settings.server.public_url.partition("://")[2]
    return host or gettext("Newsroom comments")


def _codes(codes: list[str], *, sign_in_again: bool = False) -> AnyResponse:
    response = _page("recovery", codes=codes)
    if sign_in_again:
        _begin_again(response, "code")
    return response


def _page(name: str, status: int = 200, **more: object) -> Response:
    moderator = signed_in()
    words: dict[str, object] = {"error": None, "done": None, "moderator": moderator, "needed": lacks_second_factor()}
    if name == "account":
        words["devices"] = here().people.devices(moderator.name, session_token())
    return Response(render_template(f"moderate/{name}.html", **{**words, **more}), status, mimetype="text/html")
