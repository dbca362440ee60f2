"""Receipts: what a reader may see and do with their own comment. The receipt is the only key to it."""

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from comments.model import Comment, Decision, may_follow, rfc3339
from comments.web.here import here
from comments.web.origins import is_allowed, refuse_foreign

blueprint = Blueprint("receipts", __name__)


@blueprint.get("/api/v1/receipts/<receipt>")
def state(receipt: str) -> Response:
    """Where the comment stands."""
    return _state(here().desk.of_receipt(receipt))


@blueprint.delete("/api/v1/receipts/<receipt>")
def withdraw(receipt: str) -> Response:
    """Takes the comment back; again and again with the same answer."""
    refuse_foreign()
    return _state(here().desk.withdraw(receipt))


@blueprint.get("/receipts/<receipt>")
def page(receipt: str) -> str:
    """The same as a page."""
    comment = here().desk.of_receipt(receipt)
    return render_template(
        "receipts/receipt.html",
        receipt=_shown(comment),
        can_withdraw=may_follow(Decision.WITHDRAW, comment.status),
        withdraw_url=url_for("receipts.withdraw_by_form", receipt=receipt, lang=request.args.get("lang")),
    )


@blueprint.post("/receipts/<receipt>/withdraw")
def withdraw_by_form(receipt: str) -> AnyResponse:
    """The page's button. Whoever can name the receipt may do this, and nobody else can: no CSRF token adds to that."""
    refuse_foreign()
    here().desk.withdraw(receipt)
    return redirect(url_for("receipts.page", receipt=receipt, lang=request.args.get("lang")), 303)


@blueprint.after_request
def private(response: Response) -> Response:
    """A receipt's address must not be kept, indexed or passed on by a page that it links to."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex"
    origin = request.headers.get("Origin")
    if origin and request.path.startswith("/api/") and is_allowed(origin):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Allow-Methods"] = "GET, DELETE"
        response.headers["Access-Control-Max-Age"] = "86400"
        response.vary.add("Origin")
    return response


def _shown(comment: Comment) -> dict[str, object]:
    """What a receipt tells: nothing of the comment's own words, so that it can be shown to anyone."""
    decided = comment.decided
    return {
        "id": comment.id,
        "article": comment.article,
        "status": comment.status,
        "reason": decided.reason if decided else None,
        "created_at": comment.created_at,
        "decided_at": decided.at if decided else None,
    }


def _state(comment: Comment) -> Response:
    shown = _shown(comment)
    decided = comment.decided
    shown |= {
        "created_at": rfc3339(comment.created_at),
        "decided_at": rfc3339(decided.at) if decided else None,
    }
    return jsonify(shown)
