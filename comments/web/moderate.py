"""The moderation pages: the queue, decide. Everything works without JavaScript."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, jsonify, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from comments.model import BY_MODERATORS, Comment, Decision, Result, Status, may_follow, outcome_of
from comments.web.access import signed_in
from comments.web.here import here
from comments.web.intake import json_of, one, query_of
from comments.web.language import gettext
from comments.web.links import link
from comments.web.queries import filter_of, is_newest, queue_cursor_of, status_of, verdicts_of
from comments.web.reasons import sentence

blueprint = Blueprint("moderate", __name__, url_prefix="/moderate")

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
