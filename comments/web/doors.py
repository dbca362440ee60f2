"""The doors of the moderation pages: sign in (also in two steps) and out, and the one-time links."""

from flask import Blueprint, Response, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from comments import authenticators, passwords, second_factor
from comments.store.people import HALF_WAY, Moderator
from comments.web.access import end_session, home_of, is_stale, start_session
from comments.web.credentials import refused, typed
from comments.web.here import here
from comments.web.language import gettext
from comments.web.origins import source_of
from comments.web.problems import Problem

blueprint = Blueprint("doors", __name__, url_prefix="/moderate")


@blueprint.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> AnyResponse:
    """One message for an unknown name, a wrong password and too many attempts, in the same time."""
    if request.method != "POST":
        return redirect(home_of(g.moderator.role), 303) if g.moderator else _page("sign_in")
    if is_stale():
        return _page("sign_in", 400, error=gettext("This page was too old. Please sign in again."))
    people = here().people
    name, password = typed(request.form.get("name"), request.form.get("password"))
    source = source_of(request, here().settings.server.trusted_proxies)
    if people.try_again_after(name, source):
        return _page("sign_in", 401, error=_not_right())
    moderator = people.moderator(name)
    if not passwords.verify(moderator.password_hash if moderator else None, password) or not moderator:
        return _page("sign_in", 401, error=_not_right())
    people.forgive(name, source)
    if moderator.password_hash and passwords.needs_rehash(moderator.password_hash):
        people.keep(moderator, password=passwords.hash_password(password))
    return _after_password(moderator)


@blueprint.route("/code", methods=["GET", "POST"])
def code() -> AnyResponse:
    """The second step: a code of the authenticator app, one of the recovery codes, or a passkey (passkeys.sign_in)."""
    if not g.half_way:
        return redirect(url_for("doors.sign_in", lang=request.args.get("lang")), 303)
    moderator = g.half_way.moderator
    if request.method != "POST":
        return _page("code", moderator=moderator)
    if here().people.code_again_after(moderator.name):
        return _page(
            "code",
            401,
            moderator=moderator,
            error=gettext("There were too many attempts. Please try again in a minute."),
        )
    if not _take(moderator, request.form.get("code", "")):
        wrong = gettext("This code is not right, or it has been used. Wait for the next one.")
        return _page("code", 401, moderator=moderator, error=wrong)
    return _signed_in(moderator, "code")


@blueprint.post("/sign-out")
def sign_out() -> AnyResponse:
    response = redirect(url_for("doors.sign_in", lang=request.args.get("lang")), 303)
    end_session(response)
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


@blueprint.route("/welcome/<token>", methods=["GET", "POST"])
def welcome(token: str) -> AnyResponse:
    """Makes the first moderator. Looking at the link does not use it up; it works once, for a day."""
    people = here().people
    if not people.setup_is_good(token):
        detail = gettext("This link has been used, or it is too old. Restart the service for a new one.")
        raise Problem(404, "not_found", detail)
    if request.method != "POST":
        return _page("welcome")
    name, password = typed(request.form.get("name"), request.form.get("password"))
    if reason := refused(name, password):
        return _page("welcome", 422, error=reason)
    if not people.add_first_moderator(token, name, passwords.hash_password(password)):
        raise Problem(409, "conflict", gettext("There is a moderator already."))
    return _signed_in(_now_there(name))


@blueprint.route("/join/<token>", methods=["GET", "POST"])
def join(token: str) -> AnyResponse:
    """An administrator's one-time link: a new colleague, or a new password. Looking does not use it up."""
    people = here().people
    link = people.link(token)
    if not link:
        detail = gettext("This link has been used, or it is older than half an hour. Ask for a new one.")
        raise Problem(404, "not_found", detail)
    if request.method != "POST":
        return _page("join", link=link)
    name, password = typed(link.name or request.form.get("name"), request.form.get("password"))
    if reason := refused(name, password):
        return _page("join", 422, error=reason, link=link)
    if not link.name and people.moderator(name):
        return _page("join", 422, error=gettext("Somebody has this name already. Please choose another."), link=link)
    if not people.use_link(token):
        raise Problem(409, "conflict", gettext("This link was used at this very moment."))
    if link.name:
        people.set_password(name, passwords.hash_password(password), by=name)
    else:
        people.add_moderator(name, role=link.role, password_hash=passwords.hash_password(password), by=link.by)
    moderator = _now_there(name)
    return _after_password(moderator)


def _after_password(moderator: Moderator) -> AnyResponse:
    """On to the second step, for whoever has set one up."""
    if moderator.totp or (moderator.passkeys and authenticators.AVAILABLE):
        return _signed_in(moderator, HALF_WAY, url_for("doors.code", lang=request.args.get("lang")))
    return _signed_in(moderator)


def _signed_in(moderator: Moderator, way: str = "password", to: str | None = None) -> AnyResponse:
    response = redirect(to or home_of(moderator.role), 303)
    start_session(response, moderator, way)
    return response


def _take(moderator: Moderator, typed: str) -> bool:
    """Whether the code is good; it is used up, and of two at the same moment one counts."""
    house = here()
    if moderator.totp:
        step = house.second_factor.step_of(moderator.totp, moderator.name, typed, now=house.now(), last=moderator.step)
        if step is not None:
            return house.people.keep(moderator, step=step)
    left = second_factor.without(moderator.recovery, typed)
    if left is None:
        return False
    return house.people.keep(
        moderator, recovery=list(left), what="recovery-code", by=moderator.name, detail=str(len(left))
    )


def _now_there(name: str) -> Moderator:
    moderator = here().people.moderator(name)
    if not moderator:
        raise Problem(409, "conflict", gettext("This person is not there any more."))
    return moderator


def _page(name: str, status: int = 200, **more: object) -> Response:
    typed_name = request.form.get("name", "")
    page = render_template(f"moderate/{name}.html", **{"error": None, "typed_name": typed_name, **more})
    return Response(page, status, mimetype="text/html")


def _not_right() -> str:
    return gettext(
        "The name or the password is not right, or there were too many attempts. Please try again in a minute."
    )
