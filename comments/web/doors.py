"""The doors of the moderation pages: sign in and out, and the one-time link of the first moderator."""

from flask import Blueprint, Response, g, redirect, render_template, request, session, url_for
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response as AnyResponse
from wtforms import PasswordField, StringField

from comments import passwords
from comments.model import NAME_MAX
from comments.text import Refused, clean_line
from comments.web.access import end_session, home_of, is_stale, start_session
from comments.web.here import here
from comments.web.language import gettext
from comments.web.origins import source_of
from comments.web.problems import Problem

blueprint = Blueprint("doors", __name__, url_prefix="/moderate")


class SignInForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    name = StringField()
    password = PasswordField()


@blueprint.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> AnyResponse:
    """One message for an unknown name, a wrong password and too many attempts, in the same time."""
    form = SignInForm()
    if request.method != "POST":
        return redirect(home_of(g.moderator.role), 303) if g.moderator else _page("sign_in", form)
    if is_stale():
        return _page("sign_in", form, 400, error=gettext("This page was too old. Please sign in again."))
    name, password = _typed(form)
    source = source_of(request, here().settings.server.trusted_proxies)
    if here().people.try_again_after(name, source):
        return _page("sign_in", form, 401, error=_not_right())
    moderator = here().people.moderator(name)
    if not passwords.verify(moderator.password_hash if moderator else None, password) or not moderator:
        return _page("sign_in", form, 401, error=_not_right())
    here().people.forgive(name, source)
    session.clear()  # a CSRF token from before is worth nothing now
    response = redirect(home_of(moderator.role), 303)
    start_session(response, moderator)
    return response


@blueprint.post("/sign-out")
def sign_out() -> AnyResponse:
    session.clear()
    response = redirect(url_for("doors.sign_in", lang=request.args.get("lang")), 303)
    end_session(response)
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


@blueprint.route("/welcome/<token>", methods=["GET", "POST"])
def welcome(token: str) -> AnyResponse:
    """Makes the first moderator. Looking at the link does not use it up; it works once, for a day."""
    people = here().people
    form = SignInForm()
    if not people.setup_is_good(token):
        detail = gettext("This link has been used, or it is too old. Restart the service for a new one.")
        raise Problem(404, "not_found", detail)
    if request.method != "POST":
        return _page("welcome", form)
    name, password = _typed(form)
    refused = _refuse(name, password)
    if refused:
        return _page("welcome", form, 422, error=refused)
    if not people.add_first_moderator(token, name, passwords.hash_password(password)):
        raise Problem(409, "conflict", gettext("There is a moderator already."))
    moderator = people.moderator(name)
    response = redirect(home_of("admin"), 303)
    session.clear()
    if moderator:
        start_session(response, moderator)
    return response


def _typed(form: SignInForm) -> tuple[str, str]:
    """The name and the password as typed; neither may be longer than any that we keep."""
    password = form.password.data or ""
    try:
        name = clean_line(form.name.data or "")
        password.encode()
    except (Refused, UnicodeEncodeError):
        return "", ""
    return (name, password) if len(name) <= NAME_MAX and len(password) <= 1024 else ("", "")


def _page(name: str, form: SignInForm, status: int = 200, error: str | None = None) -> Response:
    return Response(render_template(f"moderate/{name}.html", form=form, error=error), status, mimetype="text/html")


def _refuse(name: str, password: str) -> str | None:
    """Why this name and password cannot be a moderator's, or None."""
    if not name:
        return gettext("Please enter your name.")
    if len(name) >= 3 and name.casefold() in password.casefold():
        return gettext("The password contains your name, which is easily guessed.")
    if len(password) < passwords.SHORTEST:
        return gettext("The password is too short: at least %(least)s characters.", least=passwords.SHORTEST)
    if len(password) > passwords.LONGEST:
        return gettext("The password is too long: at most %(most)s characters.", most=passwords.LONGEST)
    if passwords.refuse(password):
        return gettext("This password is easily guessed: it is very common, or says what this service is.")
    return None


def _not_right() -> str:
    return gettext(
        "The name or the password is not right, or there were too many attempts. Please try again in a minute."
    )
