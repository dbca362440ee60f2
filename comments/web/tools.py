"""One comment with everything that a moderator may do to it: edit, answer, look at its history; and its article."""

import difflib
import re
import secrets
from dataclasses import dataclass
from itertools import pairwise

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as AnyResponse

from comments.errors import Closed, NotFound, ParentUnknown
from comments.model import BODY_MAX, Comment, Status
from comments.web.access import signed_in
from comments.web.forms import BodyForm
from comments.web.here import here
from comments.web.language import gettext
from comments.web.outcomes import said
from comments.web.queries import identity_of
from comments.web.reasons import rejections, sentences

blueprint = Blueprint("tools", __name__, url_prefix="/moderate")

_REPLIES = 20  # of the thread on one page


@dataclass(frozen=True, slots=True)
class Thread:
    """A page (from 1) of a thread: the top-level comment, and replies in every status, oldest first.

    `known` also holds what they answer on other pages.
    """

    comments: list[Comment]
    known: dict[str, Comment]
    page: int
    pages: int
    is_complete: bool  # whether the index has read everything


@blueprint.get("/comments/<comment_id>")
def comment(comment_id: str) -> Response:
    """The comment in its thread, its history, and forms to edit and to answer it."""
    return _page(_found(comment_id), done=_done(request.args.get("done")))


@blueprint.post("/comments/<comment_id>/edit")
def edit(comment_id: str) -> AnyResponse:
    """Gives it another text, if it still is what was seen."""
    found, form = _found(comment_id), BodyForm(formdata=MultiDict({"body": request.form.get("body", "")}))
    version = request.form.get("version", "")
    if not form.validate():
        return _page(found, 422, error=form.body.errors[0])
    seen = int(version) if version.isascii() and version.isdigit() and len(version) < 10 else -1
    result = here().desk.revise(comment_id, seen, form.body.data, by=signed_in().name)
    if result.outcome != "done":
        return _page(_found(comment_id), 409, error=said(result), typed=form.body.data)
    return _back(comment_id, "edited")


@blueprint.post("/comments/<comment_id>/reply")
def reply(comment_id: str) -> AnyResponse:
    """Answers it in public, in the name of the one who is signed in."""
    found, form = _found(comment_id), BodyForm(formdata=MultiDict({"body": request.form.get("body", "")}))
    if not form.validate():
        return _page(found, 422, error=form.body.errors[0])
    key = f"answer-{request.form.get('key', '')[:64]}"
    try:
        here().desk.answer(comment_id, form.body.data, by=signed_in().name, key=key)
    except Closed:
        return _page(found, 409, error=gettext("This article takes no more comments."), answer=form.body.data)
    except ParentUnknown:
        error = gettext("Only a published comment can be answered.")
        return _page(found, 409, error=error, answer=form.body.data)
    return _back(comment_id, "answered")


@blueprint.post("/comments/<comment_id>/pin")
def pin(comment_id: str) -> AnyResponse:
    """Puts it above the others of its article, or back to its place."""
    pinned = request.form.get("pinned") == "1"
    if not here().desk.pin(_found(comment_id).id, pinned=pinned, by=signed_in().name):
        error = gettext("Only published comments that answer no other can be pinned, three of an article at most.")
        return _page(_found(comment_id), 409, error=error)
    return _back(comment_id, "pinned" if pinned else "unpinned")


@blueprint.post("/articles")
def open_article() -> AnyResponse:
    """Opens or closes an article for new comments."""
    site, article = identity_of(request.form.get("site", ""), request.form.get("article", ""))
    is_open = request.form.get("open") == "1"
    here().desk.open_article(site, article, is_open=is_open, by=signed_in().name)
    return _back(request.form.get("comment", ""), "opened" if is_open else "closed")


def _page(
    found: Comment, status: int = 200, *, done: str | None = None, error: str | None = None,
    typed: str | None = None, answer: str = "",
) -> Response:  # fmt: skip
    store = here().store
    lang = request.args.get("lang")
    texts = [*store.earlier_bodies(found.id), found.body]
    html = render_template(
        "moderate/comment.html",
        comment=found,
        thread=_thread(found),
        page_url=lambda page: url_for("tools.comment", comment_id=found.id, page=page, lang=lang) + "#thread",
        is_open=here().articles.is_open(found.site, found.article),
        is_pinned=found.id in here().articles.pinned(found.site, found.article),
        history=here().log.of(found.id),
        changes=[changes(before, after) for before, after in pairwise(texts)],
        record=here().search.records([found.person]).get(found.person) if found.person else None,
        rejections=rejections(),
        reasons=sentences(),
        typed=found.body if typed is None else typed,
        answer=answer,
        key=secrets.token_urlsafe(12),
        most=BODY_MAX,
        may_answer=found.status == Status.APPROVED,
        may_edit=found.status != Status.WITHDRAWN and not found.is_damaged,
        done=done,
        error=error,
    )
    return Response(html, status, mimetype="text/html")


def _thread(found: Comment) -> Thread | None:
    """The thread in which a comment stands, as far as the index knows it; None for one that stands alone."""
    store, root, page = here().store, found.root or found.id, request.args.get("page", "")
    asked = int(page) - 1 if page.isascii() and page.isdigit() and 0 < len(page) < 7 and int(page) else None
    replies = here().search.replies(root, to_show=found.id, page=asked, size=_REPLIES)
    own = [found.id] if asked is None else []  # though the index may not know it yet
    shown = store.comments([root, *replies.ids, *own])
    others = store.comments([each.parent for each in shown.values() if each.parent and each.parent not in shown])
    comments = list(shown.values())
    if comments == [found] and not found.parent:
        return None
    return Thread(comments, shown | others, replies.page + 1, replies.pages, here().search.is_complete)


def changes(before: str, after: str) -> list[tuple[str, str]]:
    """What an edit did, word by word: pairs of `same`, `gone` or `new` and the text."""
    old, new = (re.findall(r"\s+|\S+", text) for text in (before, after))
    found: list[tuple[str, str]] = []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            found.append(("same", "".join(old[a:b])))
            continue
        found += [(word, text) for word, text in (("gone", "".join(old[a:b])), ("new", "".join(new[c:d]))) if text]
    return found


def _found(comment_id: str) -> Comment:
    found = here().store.comments([comment_id]).get(comment_id)
    if not found:
        raise NotFound(comment_id)
    return found


def _done(word: str | None) -> str | None:
    words = {
        "edited": gettext("The text was changed; the old one is kept below."),
        "answered": gettext("Your answer is on the page."),
        "pinned": gettext("The comment stands above the others."),
        "unpinned": gettext("The comment is back in its place."),
        "opened": gettext("The article takes comments again."),
        "closed": gettext("The article takes no more comments."),
    }
    return words.get(word or "")


def _back(comment_id: str, done: str) -> AnyResponse:
    lang = request.args.get("lang")
    return redirect(url_for("tools.comment", comment_id=_found(comment_id).id, done=done, lang=lang), 303)
