"""Reports: what a reader finds wrong with a published comment. Moderators see it; the answer tells nothing."""

from flask import Blueprint, Response, jsonify, request

from comments.errors import Invalid
from comments.model import ReportReason
from comments.web.here import here
from comments.web.intake import fields_of
from comments.web.language import gettext
from comments.web.origins import let_pages_write, refuse_foreign, source_of

blueprint = Blueprint("reports", __name__, url_prefix="/api/v1/comments")


@blueprint.post("/<comment_id>/reports")
def report(comment_id: str) -> tuple[Response, int]:
    """Notes a report; the same answer for the first and for any later one of the same reader."""
    refuse_foreign()
    server = here().settings.server
    fields = fields_of(request, max_body=server.max_body, known={"reason"})
    reason = _reason_of(fields.get("reason", ""))
    here().desk.report(comment_id, reason, source=source_of(request, server.trusted_proxies))
    return jsonify(status="received"), 202


@blueprint.after_request
def allow_origins(response: Response) -> Response:
    return let_pages_write(response, "POST")


def _reason_of(word: str) -> ReportReason:
    """Raises:
    Invalid: it is none of the few.
    """
    try:
        return ReportReason(word)
    except ValueError as error:
        raise Invalid({"reason": [gettext("One of: %(words)s.", words=", ".join(ReportReason))]}) from error
