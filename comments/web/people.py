"""The newsroom's people, for administrators: who there is, who joins, in which role, and who leaves."""

from flask import Blueprint, Response, render_template, request, url_for
from werkzeug.utils import redirect
from werkzeug.wrappers import Response as AnyResponse

from comments.errors import AlreadyExists, Invalid
from comments.store.people import LINK_LIFETIME, ROLES, Moderator
from comments.web.access import signed_in
from comments.web.credentials import not_proved, typed
from comments.web.here import here
from comments.web.language import gettext

blueprint = Blueprint("people", __name__, url_prefix="/moderate/people")


@blueprint.get("")
def everybody() -> AnyResponse:
    """Everybody with their role, and what can be done about it."""
    return _page(done=gettext("Done.") if request.args.get("done") else None)


@blueprint.post("/invite")
def invite() -> AnyResponse:
    """A one-time link for a new colleague; shown once, here."""
    role = _role()
    if reason := not_proved(request.form.get("current")):
        return _page(422, error=reason)
    token = here().people.issue_link(role, by=signed_in().name)
    return _page(link=_link(token), link_for=None)


@blueprint.post("/change")
def change() -> AnyResponse:
    """One change of one person; it counts from their next request on."""
    name, what, me = request.form.get("name", ""), request.form.get("do", ""), signed_in()
    if reason := not_proved(request.form.get("current")):
        return _page(422, error=reason)
    them = here().people.moderator(name)
    if not them:
        return _page(404, error=gettext("This person is not there any more."))
    if what in ("role", "remove") and (reason := _would_lock_out(them, what)):
        return _page(409, error=reason)
    if what == "link":
        token = here().people.issue_link(them.role, by=me.name, name=name)
        return _page(link=_link(token), link_for=name)
    _carry_out(what, them, me)
    return redirect(url_for("people.everybody", done="1", lang=request.args.get("lang")), 303)


@blueprint.get("/tokens")
def tokens() -> AnyResponse:
    """The API tokens: name, role, since when, and when they were last used."""
    return _tokens(done=gettext("Done.") if request.args.get("done") else None)


@blueprint.post("/tokens")
def add_token() -> AnyResponse:
    """A new token; shown once, here."""
    role, name = _role(), typed(request.form.get("name"), "")[0]
    if not name:
        return _tokens(422, error=gettext("Please enter a name."))
    if reason := not_proved(request.form.get("current")):
        return _tokens(422, error=reason)
    try:
        secret = here().people.add_token(name, role=role, by=signed_in().name)
    except AlreadyExists:
        return _tokens(422, error=gettext("A token has this name already. Please choose another."))
    return _tokens(secret=secret, secret_of=name)


@blueprint.post("/tokens/remove")
def remove_token() -> AnyResponse:
    """Makes a token useless at once."""
    if reason := not_proved(request.form.get("current")):
        return _tokens(422, error=reason)
    if not here().people.remove_token(request.form.get("name", ""), by=signed_in().name):
        return _tokens(404, error=gettext("This token is not there any more."))
    return redirect(url_for("people.tokens", done="1", lang=request.args.get("lang")), 303)


def _carry_out(what: str, them: Moderator, me: Moderator) -> None:
    people = here().people
    match what:
        case "role":
            people.set_role(them.name, _role(), by=me.name)
        case "remove":
            people.remove_moderator(them.name, by=me.name)
        case "sessions":
            people.end_sessions(them.name, by=me.name)
        case "identity":
            people.set_identity(them.name, request.form.get("identity", "").strip()[:254] or None, by=me.name)
        case "no-second-factor":
            people.remove_second_factor(them.name, by=me.name)
        case _:
            raise Invalid({"do": [gettext("This cannot be done here.")]})


def _would_lock_out(them: Moderator, what: str) -> str | None:
    """Why a change would leave nobody who could take it back, or None."""
    if them.role != "admin" or (what == "role" and _role() == "admin"):
        return None
    admins = [one for one in here().people.moderators() if one.role == "admin"]
    return gettext("There must be one administrator at least.") if len(admins) == 1 else None


def _role() -> str:
    role = request.form.get("role", "")
    if role not in ROLES:
        raise Invalid({"role": [gettext("One of: %(words)s.", words=", ".join(ROLES))]})
    return role


def _link(token: str) -> str:
    """The whole address, from the settings alone where they have one."""
    origin = here().settings.server.public_url or request.host_url.rstrip("/")
    return origin + url_for("doors.join", token=token)


def _tokens(status: int = 200, **more: object) -> Response:
    """The page of the tokens; what was typed stays where it was refused."""
    name = request.form.get("name", "") if request.endpoint == "people.add_token" and "error" in more else ""
    words = {"error": None, "done": None, "secret": None, "secret_of": None, "typed_name": name}
    page = render_template("moderate/tokens.html", tokens=here().people.tokens(), roles=ROLES, **{**words, **more})
    return Response(page, status, mimetype="text/html")


def _page(status: int = 200, **more: object) -> Response:
    people = here().people.moderators()
    words = {"error": None, "done": None, "link": None, "link_for": None, "minutes": LINK_LIFETIME // 60}
    page = render_template("moderate/people.html", people=people, roles=ROLES, me=signed_in(), **{**words, **more})
    return Response(page, status, mimetype="text/html")
