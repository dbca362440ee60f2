"""The public API of comments: submit, list, one, counts."""

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from comments.errors import Invalid, NotFound, ParentUnknown
from comments.model import BATCH_MAX, rfc3339
from comments.web import thread_page
from comments.web.answers import ANYONE, alone, shared
from comments.web.errors import wants_page
from comments.web.faults import parent_gone
from comments.web.forms import FIELDS, SubmissionForm, submission_form
from comments.web.here import here
from comments.web.intake import fields_of, one, query_of
from comments.web.language import gettext, language, speak
from comments.web.listing import listing
from comments.web.origins import is_allowed, refuse_foreign, source_of
from comments.web.problems import Problem
from comments.web.queries import identity_of, thread_around

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from werkzeug.datastructures import Headers

_to_json = json.JSONEncoder(ensure_ascii=False).encode

blueprint = Blueprint("comments", __name__, url_prefix="/api/v1")


@blueprint.post("/comments")
def submit() -> AnyResponse:
    """Queues a comment. The 202 is sent when the store has it on disk."""
    refuse_foreign()
    fields, page = _fields(), wants_page()
    speak(fields.get("language"))
    form = submission_form(fields, whole=page)
    if not form.validate():
        return _refused(form, form.errors)
    server = here().settings.server
    source = source_of(request, server.trusted_proxies)
    try:
        accepted = here().desk.submit(form.submission(), source=source, once=page)
    except ParentUnknown as error:
        if not page:
            raise
        return _refused(form, {"parent": [parent_gone()]}, error)
    path = f"{_receipts_path()}{accepted.receipt}"
    if page:
        return redirect(f"{path}?lang={language()}", 303)
    receipt_url = f"{server.public_url}{path}"
    body = {
        "id": accepted.id,
        "article": accepted.article,
        "status": "pending",
        "created_at": rfc3339(accepted.created_at),
        "receipt": accepted.receipt,
        "receipt_url": receipt_url,
    }
    answer = _json(body, 202)
    answer.headers["Location"] = receipt_url
    return answer


@blueprint.get("/comments")
def published() -> Response:
    """One page of an article's threads, or of one thread's replies."""
    query = query_of(request)
    house, around = here(), one(query, "around")
    at = thread_around(around, *identity_of(one(query, "site"), one(query, "article"))) if around else ""
    body, about = listing(house.public, query, at=at)
    return shared(body, of=[about])


@blueprint.get("/comments/<comment_id>")
def published_one(comment_id: str) -> Response:
    """One approved comment."""
    comment = here().store.comments([comment_id]).get(comment_id)
    found = here().public.one(comment) if comment else None
    if not comment or not found:
        raise NotFound(comment_id)
    finished, pinned = found
    return shared(alone(finished, pinned=pinned), of=[(comment.site, comment.article)])


@blueprint.get("/counts")
def counts() -> Response:
    """How many approved comments each of up to 100 articles has."""
    query = query_of(request)
    asked = query.get("article", [])
    if not 1 <= len(asked) <= BATCH_MAX:
        raise Invalid({"article": [gettext("Name 1 to %(most)s articles.", most=BATCH_MAX)]})
    site = one(query, "site")
    pairs = list(dict.fromkeys(identity_of(site, article) for article in asked))
    names = [article for _, article in pairs]
    numbers = here().public.counts(pairs[0][0], names)
    body = json.dumps({"counts": dict(zip(names, numbers, strict=True))}, ensure_ascii=False)
    return shared(body.encode(), of=pairs)


@blueprint.after_request
def allow_origins(response: Response) -> Response:
    """CORS: anyone may read what is public; pages of allowed origins may submit (no cookie is ever involved)."""
    origin = request.headers.get("Origin")
    if request.method in ("GET", "HEAD"):
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers.update(ANYONE)
    elif origin and is_allowed(origin):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = "Location, Retry-After"
        response.vary.add("Origin")
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Methods"] = response.headers.get("Allow", "GET")
            response.headers["Access-Control-Allow-Headers"] = "Content-Type, Idempotency-Key"
            response.headers["Access-Control-Max-Age"] = "86400"
    return response


@cache
def _receipts_path() -> str:
    """Where the receipts are: `/receipts/`."""
    return url_for("receipts.page", receipt="-")[:-1]


def _fields() -> dict[str, str]:
    """What was submitted: the body's fields and the `Idempotency-Key` header.

    A field in the address is refused: addresses end up in logs, and an e-mail address must not.
    """
    if FIELDS & query_of(request).keys():
        raise Problem(400, "malformed", gettext("Send the fields in the body, not in the address."))
    fields = fields_of(request, max_body=here().settings.server.max_body, known=FIELDS)
    key = request.headers.get("Idempotency-Key")
    if key is not None:
        if fields.get("idempotency_key", key) != key:
            raise Problem(400, "malformed", gettext("The idempotency key is there twice, and differs."))
        fields["idempotency_key"] = key
    return fields


def _refused(form: SubmissionForm, errors: dict[str, list[str]], error: Exception | None = None) -> AnyResponse:
    if not wants_page():
        raise Invalid(errors) from error
    for name, messages in errors.items():
        form[name].errors = messages
    return thread_page.render(form, status=422)


def _json(body: dict[str, Any], status: int) -> Response:
    return _Whole(_to_json(body), status, mimetype="application/json")


class _Whole(Response):
    """An answer whose headers are as they should be; werkzeug would look at each of them once more."""

    def get_wsgi_headers(self, environ: "WSGIEnvironment") -> "Headers":
        return self.headers
