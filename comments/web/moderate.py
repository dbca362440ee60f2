"""The moderation pages: sign in, the queue, decide. Everything works without JavaScript."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, g, jsonify, redirect, render_template, request, session, url_for
from flask_wtf import FlaskForm
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.wrappers import Response as AnyResponse
from wtforms import PasswordField, StringField

from comments import passwords
from comments.model import BY_MODERATORS, NAME_MAX, Comment, Decision, Result, Status, may_follow, outcome_of
from comments.text import Refused, clean_line
from comments.web.access import end_session, find_moderator, signed_in, start_session
from comments.web.here import here
from comments.web.intake import json_of, one, query_of
from comments.web.language import gettext
from comments.web.links import link
from comments.web.origins import refuse_foreign_to_moderators, source_of
from comments.web.problems import Problem
from comments.web.queries import filter_of, is_newest, queue_cursor_of, status_of, verdicts_of
from comments.web.reasons import sentence

blueprint = Blueprint("moderate", __name__, url_prefix="/moderate")
csrf = CSRFProtect()

_OPEN_TO_STRANGERS = {"moderate.sign_in", "moderate.welcome"}
_PER_PAGE = 25
_VIEW = ("status", "sort", "cursor", "site", "article", "q", "lang")  # what makes a view of the queue


@dataclass(frozen=True, slots=True)
class Card:
    """A comment as the queue shows it: what it answers, why it is held, and what may be decided."""

    comment: Comment
    parent: Comment | None
    reasons: dict[str, str]  # code: sentence
    decisions: list[Decision]


@dataclass(frozen=True, slots=True)
class Notice:
    """What became of the last decision: who decided when, how to undo it; after a conflict the comment as it stands."""

    text: str
    comment: Comment | None
    is_problem: bool = False
    at: datetime | None = None
    undo: Decision | None = None
    card: Card | None = None


class SignInForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    name = StringField()
    password = PasswordField()


@blueprint.before_request
def gate() -> AnyResponse | None:
    """Strangers go to the sign-in page; whatever changes something must come from these pages, with their token."""
    g.moderator = find_moderator()
    if request.method not in ("GET", "HEAD", "OPTIONS"):
        refuse_foreign_to_moderators()
    if not g.moderator and request.endpoint not in _OPEN_TO_STRANGERS:
        if request.is_json:
            raise Problem(401, "unauthorized", gettext("Your session has ended. Please sign in again."))
        return redirect(url_for("moderate.sign_in", lang=request.args.get("lang")), 303)
    return None if request.method in ("GET", "HEAD", "OPTIONS") else _check_token()


@blueprint.get("/")
def queue() -> str:
    """One page of the comments in a status, the oldest pending first."""
    query = query_of(request)
    done = one(query, "done")
    comment = here().store.comments([done]).get(done) if done else None
    if not comment:
        return _queue(None)
    back = _leading_to(status_of(one(query, "status")))
    undo = back if back and may_follow(back, comment.status) else None
    return _queue(Notice(_became(comment), comment, undo=undo))


@blueprint.post("/decisions")
def decide() -> AnyResponse:
    """One verdict from a form, or up to 100 from a script; each carries the version that was seen."""
    if request.is_json:
        given = json_of(request, max_body=here().settings.server.max_body)
        results = here().desk.decide(verdicts_of(given.get("decisions")), by=signed_in().name)
        return jsonify(results=[{**result.as_json(), "message": _said(result)} for result in results])
    fields = request.form  # read already, to find the token
    item: dict[str, Any] = {name: fields.get(name) for name in ("id", "decision", "reason")}
    version = fields.get("version", "")
    item["version"] = int(version) if version.isascii() and version.isdigit() and len(version) < 10 else None
    (result,) = here().desk.decide(verdicts_of([item]), by=signed_in().name)
    if result.outcome == "done":
        kept = {name: value for name, value in request.args.items() if name in _VIEW}
        return redirect(link("moderate.queue", kept | {"done": result.id}), 303)
    comment = here().store.comments([result.id]).get(result.id)
    card = _card(comment, _parents([comment])) if comment else None
    return Response(_queue(Notice(_said(result), comment, True, result.decided_at, None, card)), 409)


@blueprint.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> AnyResponse:
    """One message for an unknown name, a wrong password and too many attempts, in the same time."""
    form = SignInForm()
    if request.method != "POST":
        return redirect(url_for("moderate.queue"), 303) if g.moderator else _page("sign_in", form)
    name, password = _typed(form)
    source = source_of(request, here().settings.server.trusted_proxies)
    if here().people.try_again_after(name, source):
        return _page("sign_in", form, 401, error=_not_right())
    moderator = here().people.moderator(name)
    if not passwords.verify(moderator.password_hash if moderator else None, password) or not moderator:
        return _page("sign_in", form, 401, error=_not_right())
    here().people.forgive(name, source)
    session.clear()  # a CSRF token from before is worth nothing now
    response = redirect(url_for("moderate.queue", lang=request.args.get("lang")), 303)
    start_session(response, moderator)
    return response


@blueprint.post("/sign-out")
def sign_out() -> AnyResponse:
    session.clear()
    response = redirect(url_for("moderate.sign_in", lang=request.args.get("lang")), 303)
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
    response = redirect(url_for("moderate.queue", lang=request.args.get("lang")), 303)
    session.clear()
    if moderator:
        start_session(response, moderator)
    return response


def _queue(notice: Notice | None) -> str:
    query = query_of(request)
    status = status_of(one(query, "status"))
    newest = is_newest(one(query, "sort"), default="oldest" if status == Status.PENDING else "newest")
    only = filter_of(query)
    store = here().store
    page = store.queue(status, limit=_PER_PAGE, after=queue_cursor_of(one(query, "cursor")), newest=newest, only=only)
    parents = _parents(page.comments)
    view = {name: value for name in _VIEW if (value := one(query, name))}
    return render_template(
        "moderate/queue.html",
        moderator=signed_in(),
        notice=notice,
        status=status,
        statuses=list(Status),
        counts=store.waiting(),
        newest=newest,
        only=only,
        cards=[_card(comment, parents) for comment in page.comments],
        view=view,
        view_url=lambda **more: link("moderate.queue", view | {"cursor": None} | more),
        switch_url=lambda code: link("moderate.queue", view | {"lang": code}),  # also where this answers a POST
        decide_url=link("moderate.decide", view),
        back=_leading_to(status),
        next_url=link("moderate.queue", view | {"cursor": page.next}) if page.next else None,
    )


def _parents(comments: list[Comment]) -> dict[str, Comment]:
    return here().store.comments([comment.parent for comment in comments if comment.parent])


def _card(comment: Comment, parents: dict[str, Comment]) -> Card:
    return Card(
        comment=comment,
        parent=parents.get(comment.parent or ""),
        reasons={code: sentence(code) for code in comment.reasons},
        decisions=[d for d in BY_MODERATORS if may_follow(d, comment.status) and not comment.is_damaged],
    )


def _leading_to(status: Status) -> Decision | None:
    """The decision that brings a comment (back) to a status; nothing brings it to `WITHDRAWN` from here."""
    return next((decision for decision in BY_MODERATORS if outcome_of(decision) == status), None)


def _check_token() -> AnyResponse | None:
    """Refuses a form whose token is missing or from an earlier sign-in (also a page that stayed open over one)."""
    try:
        csrf.protect()
    except CSRFError as error:
        old = gettext("This page is from an earlier sign-in. Load it again and repeat the last step.")
        if request.endpoint == "moderate.sign_in":
            return _page("sign_in", SignInForm(), 400, error=gettext("This page was too old. Please sign in again."))
        raise Problem(400, "stale_page", old) from error
    return None


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


def _became(comment: Comment) -> str:
    words = {
        Status.APPROVED: gettext("Approved: the comment by %(name)s is on the page.", name=comment.name),
        Status.REJECTED: gettext("Rejected: the comment by %(name)s.", name=comment.name),
        Status.SPAM: gettext("Filed as spam: the comment by %(name)s.", name=comment.name),
        Status.PENDING: gettext("Back in the queue: the comment by %(name)s.", name=comment.name),
        Status.WITHDRAWN: gettext("Withdrawn by its author: the comment by %(name)s.", name=comment.name),
    }
    return words[comment.status]


def _said(result: Result) -> str:
    """What to tell a moderator about one result."""
    by = result.decided_by or gettext("its author")
    words = {
        Status.APPROVED: gettext("%(by)s has already approved this comment.", by=by),
        Status.REJECTED: gettext("%(by)s has already rejected this comment.", by=by),
        Status.SPAM: gettext("%(by)s has already filed this comment as spam.", by=by),
        Status.PENDING: gettext("%(by)s has put this comment back in the queue; look at it again.", by=by),
        Status.WITHDRAWN: gettext("Its author has withdrawn this comment."),
    }
    if result.outcome == "done":
        return ""
    if result.outcome == "not_found" or result.status is None:
        return gettext("This comment is not there any more.")
    if result.outcome == "invalid":
        return gettext("That cannot be decided from where this comment stands now.")
    return words[result.status]
