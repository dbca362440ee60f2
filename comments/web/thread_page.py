"""The thread and the form as a page made on the server: for frames, includes, and readers without JavaScript."""

import copy
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Response, render_template, request
from markupsafe import Markup

from comments.model import FIRST_REPLIES
from comments.web.answers import alone, page_json, shared
from comments.web.forms import SubmissionForm
from comments.web.here import here
from comments.web.links import link
from comments.web.structured import structured_data

_THREADS = 20


@dataclass(frozen=True, slots=True)
class Page:
    """What the template shows of an article."""

    site: str
    article: str
    open: bool
    count: int
    comments: list[dict[str, Any]]
    next: str | None


def render(
    form: SubmissionForm,
    *,
    status: int = 200,
    after: str = "",
    thread: str = "",
    around: str = "",
    reply_to: str = "",
    fragment: bool = False,
) -> Response:
    """The page for the form's article, or what of it goes into another page (`fragment`).

    `thread` shows one thread's replies, `around` begins at one, `reply_to` is what is being answered.
    """
    site, article = form.site.data or "main", form.article.data or ""
    public = here().public
    if thread:
        published = public.replies(site, article, thread, limit=100, after=after)
    else:
        published = public.page(site, article, limit=_THREADS, first=FIRST_REPLIES, after=after, at=around)
    answered = form.parent.data or reply_to
    target = here().store.comments([answered]).get(answered)
    found = public.one(target) if target else None
    data = json.loads(page_json(article, published))
    structured = structured_data(data, form) if here().settings.pages.structured_data else None
    comments = [_comment(said) for said in copy.deepcopy(data["comments"])]
    page = Page(site, article, published.open, published.count, comments, published.next)

    home = here().settings.server.public_url if fragment else ""

    def url(**more: str) -> str:
        kept = {"article": article, "site": form.site.data or "", "lang": request.args.get("lang") or ""}
        return home + link("pages.embed", kept | more)

    html = render_template(
        "embed/fragment.html" if fragment else "embed/embed.html",
        page=page,
        data=data,
        structured=structured,
        home=home,
        form=form,
        email_required=here().settings.comments.require_email,
        reply_to=_comment(json.loads(alone(found[0]))) if found else None,
        next_url=url(cursor=page.next, thread=thread) if page.next else None,
        reply_url=lambda comment_id: url(reply_to=comment_id) + "#form",
        feed_url=link("feeds.article", {"article": article, "site": form.site.data, "lang": request.args.get("lang")}),
        replies_url=lambda comment_id: url(thread=comment_id),
    )
    if status == 200 and not answered:
        return shared(html.encode(), of=[(site, article)], mimetype="text/html")
    return Response(html, status, mimetype="text/html")


def _comment(comment: dict[str, Any]) -> dict[str, Any]:
    """A public comment for the template. Its HTML was made, and escaped, once at approval (comments/text.py)."""
    comment["html"] = Markup(comment["html"])  # noqa: S704  # our own to_html: everything of the reader's is escaped
    comment["created_at"] = datetime.fromisoformat(comment["created_at"])
    comment["edited_at"] = comment["edited_at"] and datetime.fromisoformat(comment["edited_at"])
    comment["replies"] = [_comment(reply) for reply in comment["replies"]]
    return comment
