"""The moderation API, for programs: bearer tokens, JSON, no cookie, no CORS."""

from typing import Any

from flask import Blueprint, Response, g, jsonify, request

from comments.errors import Invalid
from comments.model import Comment, Transition, rfc3339
from comments.web.access import require_token
from comments.web.here import here
from comments.web.intake import json_of, one, query_of
from comments.web.language import gettext
from comments.web.queries import identity_of, limit_of, verdicts_of
from comments.web.views import is_complete, page_of, view_of

blueprint = Blueprint("moderation", __name__, url_prefix="/api/v1/moderation")


@blueprint.before_request
def gate() -> None:
    g.token = require_token()


@blueprint.get("/comments")
def queue() -> Response:
    """One page of a view, like the review page's, but leased to nobody."""
    query = query_of(request)
    asked = view_of(query)
    page = page_of(asked, limit=limit_of(one(query, "limit")))
    comments = [comment_json(comment) for comment in page.comments]
    return jsonify(comments=comments, next=page.next, total=page.total, complete=is_complete(asked))


@blueprint.post("/decisions")
def decide() -> Response:
    """Up to 100 verdicts, each on its own; one result each, in order."""
    given = json_of(request, max_body=here().settings.server.max_body)
    results = here().desk.decide(verdicts_of(given.get("decisions")), by=g.token.name)
    return jsonify(results=[dict(result.as_json()) for result in results])


@blueprint.get("/log")
def log() -> Response:
    """Every transition, newest first; or those of one comment, oldest first."""
    query = query_of(request)
    if comment := one(query, "comment"):
        return jsonify(entries=[entry_json(entry) for entry in here().log.of(comment)], next=None)
    after = one(query, "cursor") or None
    try:
        entries, following = here().log.transitions(limit=limit_of(one(query, "limit")), after=after)
    except ValueError as error:
        raise Invalid({"cursor": [gettext("This is none of ours.")]}) from error
    return jsonify(entries=[entry_json(entry) for entry in entries], next=following)


@blueprint.put("/articles")
def open_article() -> Response:
    """Opens or closes an article for new comments."""
    query = query_of(request)
    site, article = identity_of(one(query, "site"), one(query, "article"))
    is_open = json_of(request, max_body=here().settings.server.max_body).get("open")
    if not isinstance(is_open, bool):
        raise Invalid({"open": [gettext("Either true or false.")]})
    here().desk.open_article(site, article, is_open=is_open, by=g.token.name)
    return jsonify(article=article, site=site, open=is_open)


def comment_json(comment: Comment) -> dict[str, Any]:
    """A comment as the newsroom's programs see it. The type has no address."""
    decided = comment.decided
    return {
        "id": comment.id,
        "site": comment.site,
        "article": comment.article,
        "article_url": comment.article_url,
        "article_title": comment.article_title,
        "parent": comment.parent,
        "name": comment.name,
        "website": comment.website,
        "body": comment.body,
        "language": comment.language,
        "person": comment.person,
        "status": comment.status,
        "version": comment.version,
        "reasons": list(comment.reasons),
        "reports": comment.reports,
        "created_at": rfc3339(comment.created_at),
        "edited_at": comment.edited_at and rfc3339(comment.edited_at),
        "decided_by": decided and decided.by,
        "decided_at": decided and rfc3339(decided.at),
        "reason": decided and decided.reason,
    }


def entry_json(entry: Transition) -> dict[str, Any]:
    """An entry of the log. `by` is "" where the author acted."""
    return {
        "at": rfc3339(entry.at),
        "by": entry.by,
        "comment": entry.comment,
        "from": entry.came_from,
        "to": entry.to,
        "reason": entry.reason,
        "version": entry.version,
    }
