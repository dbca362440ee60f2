"""Every error as a problem document, or as a page where a person is looking."""

import logging
import secrets
from http import HTTPStatus

from babel.dates import format_date
from flask import Flask, Response, jsonify, render_template, request
from werkzeug.exceptions import HTTPException

from comments import errors
from comments.model import moment_of
from comments.web.faults import Fault, parent_gone
from comments.web.language import gettext, language
from comments.web.problems import Problem
from comments.web.reasons import in_words

log = logging.getLogger("comments")

LATE = "comments.late"  # in the environment of a request whose answer is due at once, without the store
_RETRY_AFTER = 2  # seconds; the store is back within a few, or an operator is needed


def init_app(app: Flask) -> None:
    app.before_request(_give_up)
    app.register_error_handler(Problem, answer)
    app.register_error_handler(errors.CommentsError, lambda error: answer(of(error)))
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def _give_up() -> None:
    """Raises:
    Unavailable: the time for this request is over; what it asked for may have been done, or be done yet.
    """
    if LATE in request.environ:
        raise errors.Unavailable("it took too long", maybe_written=request.method not in ("GET", "HEAD"))


def of(error: errors.CommentsError) -> Problem:
    """The problem that one of our own errors means to the outside. Nothing of what is stored is in it."""
    match error:
        case errors.Invalid():
            return Problem(422, error.code, gettext("Some fields need another look."), errors=error.errors)
        case errors.ParentUnknown():
            detail = gettext("Some fields need another look.")
            return Problem(422, error.code, detail, errors={"parent": [parent_gone()]})
        case errors.Closed():
            return Problem(403, error.code, gettext("This article takes no more comments."))
        case errors.Banned():
            day = format_date(moment_of(error.until * 1000), "long", locale=language())
            detail = gettext("No comments are taken from you until %(day)s.", day=day)
            return Problem(403, error.code, f"{detail} {in_words(error.reason) or ''}".strip())
        case errors.NotFound():
            return Problem(404, error.code, gettext("There is nothing here."))
        case errors.TooMany():
            detail = gettext("Too many comments from here; please wait a moment.")
            return Problem(429, error.code, detail, retry_after=error.retry_after)
        case errors.IdempotencyConflict():
            return Problem(409, error.code, gettext("This key was used before, for something else."))
        case errors.AlreadyDecided():
            return Problem(409, error.code, gettext("This comment has been decided in the meantime."))
        case errors.StoreFull():
            detail = gettext("There is no room for new comments just now; please try again later.")
            return Problem(503, error.code, detail, retry_after=30)
        case errors.Unavailable():
            detail = gettext("The service cannot reach its store just now; please try again.")
            outcome = "unknown" if error.maybe_written else None
            return Problem(503, error.code, detail, retry_after=_RETRY_AFTER, outcome=outcome)
        case errors.Busy():
            detail = gettext("Too many ask for this at the same moment; please try again in some seconds.")
            return Problem(503, error.code, detail, retry_after=_RETRY_AFTER)
        case _:
            raise error


def answer(problem: Problem) -> Response:
    """A problem as JSON (RFC 9457), or as a page for a browser."""
    document: dict[str, object] = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "code": problem.code,
        "detail": problem.detail,
    }
    if problem.errors is not None:
        document["errors"] = problem.errors
        document["faults"] = [_fault(field, message) for field, said in problem.errors.items() for message in said]
    if problem.retry_after is not None:
        document["retry_after"] = problem.retry_after
    if problem.outcome:
        document["outcome"] = problem.outcome
    if wants_page():
        response = Response(render_template("errors/problem.html", problem=document), mimetype="text/html")
    else:
        response = jsonify(document)
        response.mimetype = "application/problem+json"
    response.status_code = problem.status
    if problem.retry_after is not None:
        response.headers["Retry-After"] = str(problem.retry_after)
    if problem.status == 401 and request.path.startswith("/api/"):
        response.headers["WWW-Authenticate"] = "Bearer"
    response.headers["Cache-Control"] = "no-store"
    return response


def _fault(field: str, message: str) -> dict[str, str | int]:
    code, values = (message.code, message.values) if isinstance(message, Fault) else ("invalid", {})
    return {"field": field, "code": code, "detail": message, **values}


def wants_page() -> bool:
    """Whether this request would rather have HTML than JSON."""
    best = request.accept_mimetypes.best_match(["application/json", "application/problem+json", "text/html"])
    return best == "text/html" and "text/html" in request.headers.get("Accept", "")


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    words = {
        400: ("malformed", gettext("The request cannot be understood.")),
        404: ("not_found", gettext("There is nothing here.")),
        405: ("method_not_allowed", gettext("This cannot be done here.")),
        413: ("too_large", gettext("That is too large.")),
    }
    code, detail = words.get(status, (HTTPStatus(status).name.lower(), HTTPStatus(status).phrase))
    if error.response is not None and status < 400:
        return error.response  # type: ignore[return-value]  # a redirect
    response = answer(Problem(status, code, detail))
    for name, value in error.get_headers():
        if name == "Allow":
            response.headers[name] = value
    return response


def _unexpected(error: Exception) -> Response:
    """A bug. The trace goes to the log, without what the reader sent; the reader gets a number to name it by."""
    number = secrets.token_hex(6)
    log.error("unexpected error %s at %s", number, request.endpoint, exc_info=_without_values(error))
    detail = gettext("Something went wrong here. It was noted under the number %(number)s.", number=number)
    return answer(Problem(500, "internal_error", detail))


def _without_values(error: Exception) -> Exception:
    """The same trace under the error's type alone: messages of exceptions quote the values they choked on."""
    bare = RuntimeError(type(error).__qualname__).with_traceback(error.__traceback__)
    bare.__suppress_context__ = True
    return bare
