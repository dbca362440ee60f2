"""The moderation pages: the queue, decide. Everything works without JavaScript."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, jsonify, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from comments.model import BY_MODERATORS, Comment, Decision, Status, may_follow, outcome_of
from comments.search import Record
from comments.web.access import signed_in
from comments.web.here import here
from comments.web.intake import json_of, one, query_of
from comments.web.language import LANGUAGES, gettext
from comments.web.links import link
from comments.web.outcomes import became, became_of_many, said
from comments.web.queries import verdicts_of
from comments.web.reasons import rejections, sentence, sentences
from comments.web.screens import share_of
from comments.web.views import ALL, ASKS, is_complete, page_of, view_of

blueprint = Blueprint("moderate", __name__, url_prefix="/moderate")

_PER_PAGE = 25
_VIEW = (*ASKS, "cursor", "lang")  # what a page of a view consists of


@dataclass(frozen=True, slots=True)
class Card:
    """A comment as the queue shows it: what it answers, why it is held, and what may be decided."""

    comment: Comment
    parent: Comment | None
    record: Record | None  # what became of the same person's other comments
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
    chosen: list[str] = field(default_factory=list)  # what `undo` takes back, each as id:version
    refused: list[tuple[str, str]] = field(default_factory=list)  # of many: whose comment, and why not


@blueprint.get("/")
def queue() -> str:
    """One page of the comments in a status, the oldest pending first."""
    query = query_of(request)
    done = one(query, "done")
    comment = here().store.comments([done]).get(done) if done else None
    if not comment:
        return _queue(None)
    back = _leading_to(view_of(query).status)
    undo = back if back and may_follow(back, comment.status) else None
    return _queue(Notice(became(comment), comment, undo=undo))


@blueprint.post("/decisions")
def decide() -> AnyResponse:
    """One verdict from a card, or up to 100 chosen ones or from a script; each carries the version that was seen."""
    if request.is_json:
        given = json_of(request, max_body=here().settings.server.max_body)
        results = here().desk.decide(verdicts_of(given.get("decisions")), by=signed_in().name)
        return jsonify(results=[{**result.as_json(), "message": said(result)} for result in results])
    return _decide_chosen() if "bulk" in request.form else _decide_one()


def _decide_one() -> AnyResponse:
    fields = request.form  # read already, to find the token
    item = _seen(fields.get("id"), fields.get("version", ""))
    item |= {"decision": fields.get("decision"), "reason": fields.get("own") or fields.get("reason")}
    (result,) = here().desk.decide(verdicts_of([item]), by=signed_in().name)
    if result.outcome == "done":
        kept = {name: value for name, value in request.args.items() if name in _VIEW}
        return redirect(link("moderate.queue", kept | {"done": result.id}), 303)
    comment = here().store.comments([result.id]).get(result.id)
    card = _card(comment, _parents([comment]), {}) if comment else None
    return Response(_queue(Notice(said(result), comment, True, result.decided_at, None, card)), 409)


def _decide_chosen() -> AnyResponse:
    """One decision on every chosen comment; the page says what became of each that was not decided."""
    decision = request.form.get("decision")
    chosen = [_seen(*each.split(":", 1)) if ":" in each else {} for each in request.form.getlist("chosen")]
    if not chosen:
        return Response(_queue(Notice(gettext("No comment is selected."), None, True)), 422)
    results = here().desk.decide(verdicts_of([{**one, "decision": decision} for one in chosen]), by=signed_in().name)
    done = [result for result in results if result.outcome == "done"]
    found = here().store.comments([result.id for result in results])
    status = outcome_of(Decision(str(decision)))
    back = _leading_to(view_of(query_of(request)).status)
    notice = Notice(
        became_of_many(status, len(done)),
        None,
        is_problem=not done,
        undo=back if done and back and may_follow(back, status) else None,
        chosen=[f"{result.id}:{result.version}" for result in done],
        refused=[
            (found[result.id].name if result.id in found else "", said(result))
            for result in results
            if result.outcome != "done"
        ],
    )
    return Response(_queue(notice), 200 if done else 409)


def _seen(comment_id: str | None, version: str) -> dict[str, Any]:
    """Which comment a form means, and the version that was shown."""
    number = int(version) if version.isascii() and version.isdigit() and len(version) < 10 else None
    return {"id": comment_id, "version": number}


def _queue(notice: Notice | None) -> str:
    query = query_of(request)
    asked = view_of(query)
    status, only, store = asked.status, asked.only, here().store
    share = share_of(status, everything=bool(one(query, "all")))
    page = page_of(asked, limit=_PER_PAGE, share=share)
    parents = _parents(page.comments)
    records = here().search.records(comment.person for comment in page.comments if comment.person)
    view = {name: value for name in _VIEW if (value := one(query, name))}
    asked_for = {name: view[name] for name in ASKS if name in view}
    counts = {str(each): number for each, number in store.waiting().items()}
    return render_template(
        "moderate/queue.html",
        moderator=signed_in(),
        notice=notice,
        status=status or ALL,
        statuses=[*Status, ALL],
        counts=counts | {ALL: sum(counts.values())},
        order=asked.order,
        only=only,
        reasons=sentences(),
        rejections=rejections(),
        language_names=dict(LANGUAGES),
        is_complete=is_complete(asked),
        cards=[_card(comment, parents, records) for comment in page.comments],
        view=view,
        view_url=lambda **more: link("moderate.queue", view | {"cursor": None} | more),
        switch_url=lambda code: link("moderate.queue", view | {"lang": code}),  # also where this answers a POST
        decide_url=link("moderate.decide", view),
        saved=[
            (name, link("moderate.queue", asks | {"lang": view.get("lang")}), asks == asked_for)
            for name, asks in here().views.of(signed_in().name).items()
        ],
        save_url=link("saved.save", view | {"cursor": None}),
        forget_url=link("saved.remove", view | {"cursor": None}),
        back=_leading_to(status),
        all_chosen=one(query, "select") == "all",
        choices=[d for d in BY_MODERATORS if not status or may_follow(d, status)],
        share=share,
        untold=here().settings.moderation.hold_back_seconds if here().settings.notices.webhook_urls else 0,
        elsewhere=bool(share and page.total and not page.comments and not one(query, "cursor")),
        is_full=here().store.turns_away,
        others=[name for name in _presence() if name != signed_in().name] if status == Status.PENDING else [],
        next_url=link("moderate.queue", view | {"cursor": page.next}) if page.next else None,
    )


def _presence() -> list[str]:
    return here().sharing.presence(signed_in().name, now=int(here().now() * 1000))


def _parents(comments: list[Comment]) -> dict[str, Comment]:
    return here().store.comments([comment.parent for comment in comments if comment.parent])


def _card(comment: Comment, parents: dict[str, Comment], records: dict[str, Record]) -> Card:
    return Card(
        comment=comment,
        parent=parents.get(comment.parent or ""),
        record=records.get(comment.person or ""),
        reasons={code: sentence(code) for code in comment.reasons},
        decisions=[Decision.REJECT]
        if comment.is_damaged
        else [d for d in BY_MODERATORS if may_follow(d, comment.status)],
    )


def _leading_to(status: Status | None) -> Decision | None:
    """The decision that brings a comment (back) to a status; nothing brings it to `WITHDRAWN` from here."""
    return next((decision for decision in BY_MODERATORS if outcome_of(decision) == status), None)
