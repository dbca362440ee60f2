"""The headers of every answer, in one place."""

from flask import Flask, Response, request

from comments.web.here import here
from comments.web.origins import allows_any, is_secure

_PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; object-src 'none'; frame-src 'self'; frame-ancestors {ancestors}"
)
OF_ALL = [("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "same-origin")]
_DATA = "default-src 'none'; base-uri 'none'; object-src 'none'; form-action 'none'; frame-ancestors 'none'"
OF_DATA = [("Content-Security-Policy", _DATA)]
STRICT_TRANSPORT = ("Strict-Transport-Security", "max-age=31536000")


def init_app(app: Flask) -> None:
    app.after_request(complete)


def complete(response: Response) -> Response:
    """Adds what every answer carries; what a view has set stays."""
    headers = response.headers
    for name, value in OF_ALL:
        headers.setdefault(name, value)
    headers.setdefault("Cache-Control", "no-store")
    if response.mimetype == "text/html":
        headers["Content-Security-Policy"] = _PAGE.format(ancestors=_ancestors())
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    else:
        headers.update(OF_DATA)
    if is_secure():
        headers.setdefault(*STRICT_TRANSPORT)
    return response


def _ancestors() -> str:
    """Who may frame a page: the embed page's hosts are the allowed origins, any other page has none but us."""
    if request.endpoint not in ("pages.embed", "comments.submit", "receipts.page"):
        return "'none'"
    origins = here().settings.server.allowed_origins
    return "*" if allows_any(origins) else " ".join(["'self'", *origins])
