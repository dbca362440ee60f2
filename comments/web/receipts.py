"""Receipts: what a reader may see and do with their own comment. The receipt is the only key to it."""

from contextlib import suppress

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as AnyResponse

from comments.errors import AlreadyDecided, Invalid
from comments.model import BODY_MAX, Comment, Decision, Status, may_be_edited, may_follow, rfc3339
from comments.web.forms import BodyForm
from comments.web.here import here
from comments.web.intake import fields_of
from comments.web.origins import let_pages_write, named_host, refuse_foreign, source_of
from comments.web.reasons import in_words

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


@blueprint.patch("/api/v1/receipts/<receipt>")
def edit(receipt: str) -> Response:
    """Gives the comment another text while it waits; the same text again changes nothing."""
    refuse_foreign()
    form = _form()
    if not form.validate():
        raise Invalid(form.errors)
    return _state(_edited(receipt, form.body.data))


@blueprint.get("/receipts/<receipt>")
def page(receipt: str) -> str:
    """The same as a page."""
    comment = here().desk.of_receipt(receipt)
    return render_template(
        "receipts/receipt.html",
        receipt=_shown(comment),
        title=comment.article_title,
        place=_place(comment),
        can_withdraw=may_follow(Decision.WITHDRAW, comment.status),
        withdraw_url=_url("withdraw_by_form", receipt),
        edit_url=_url("edit_page", receipt) if may_be_edited(comment.status) else None,
    )


@blueprint.post("/receipts/<receipt>/withdraw")
def withdraw_by_form(receipt: str) -> AnyResponse:
    """The page's button. Whoever can name the receipt may do this, and nobody else can: no CSRF token adds to that."""
    refuse_foreign()
    here().desk.withdraw(receipt)
    return redirect(_url("page", receipt), 303)


@blueprint.get("/receipts/<receipt>/edit")
def edit_page(receipt: str) -> AnyResponse:
    """The words of a comment that waits, to be changed; for any other the page that tells its state."""
    comment = here().desk.of_receipt(receipt)
    if not may_be_edited(comment.status):
        return redirect(_url("page", receipt), 303)
    return _editor(receipt, BodyForm(formdata=None, data={"body": comment.body}))


@blueprint.post("/receipts/<receipt>/edit")
def edit_by_form(receipt: str) -> AnyResponse:
    """What the page sends: a text that cannot be accepted comes back with what is wrong."""
    refuse_foreign()
    form = _form()
    if not form.validate():
        return _editor(receipt, form, 422)
    with suppress(AlreadyDecided):  # the page that follows says how
        _edited(receipt, form.body.data)
    return redirect(_url("page", receipt), 303)


@blueprint.after_request
def private(response: Response) -> Response:
    """A receipt's address must not be kept, indexed or passed on by a page that it links to."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex"
    if request.path.startswith("/api/"):
        let_pages_write(response, "GET, PATCH, DELETE")
    return response


def _form() -> BodyForm:
    fields = fields_of(request, max_body=here().settings.server.max_body, known={"body"})
    return BodyForm(formdata=MultiDict(fields))


def _edited(receipt: str, body: str) -> Comment:
    source = source_of(request, here().settings.server.trusted_proxies)
    return here().desk.edit(receipt, body, source=source)


def _editor(receipt: str, form: BodyForm, status: int = 200) -> Response:
    html = render_template(
        "receipts/edit.html",
        form=form,
        most=BODY_MAX,
        edit_url=_url("edit_by_form", receipt),
        receipt_url=_url("page", receipt),
    )
    return Response(html, status, mimetype="text/html")


def _url(view: str, receipt: str) -> str:
    return url_for(f"receipts.{view}", receipt=receipt, lang=request.args.get("lang"))


def _shown(comment: Comment) -> dict[str, object]:
    """What a receipt tells: nothing of the comment's own words, so that it can be shown to anyone."""
    decided = comment.decided
    return {
        "id": comment.id,
        "article": comment.article,
        "status": comment.status,
        "reason": in_words(decided.reason) if decided else None,
        "created_at": comment.created_at,
        "decided_at": decided.at if decided else None,
    }


def _place(comment: Comment) -> dict[str, str] | None:
    """The host and the address of the page the comment was written on, where that is a page of the newsroom's."""
    host = named_host(comment.article_url or "")
    if not host or not comment.article_url:
        return None
    part = f"#comment-{comment.id}" if comment.status == Status.APPROVED else ""
    return {"host": host, "url": comment.article_url.partition("#")[0] + part}


def _state(comment: Comment) -> Response:
    shown = _shown(comment)
    decided = comment.decided
    shown |= {
        "created_at": rfc3339(comment.created_at),
        "decided_at": rfc3339(decided.at) if decided else None,
    }
    return jsonify(shown)
