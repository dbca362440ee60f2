"""The list of an article's comments: a page of threads, or of one thread's replies.

Most requests that must be computed are for this one, so there is a short cut to it past Flask; what it answers is, byte
for byte and header for header, what the view answers.
"""

from typing import TYPE_CHECKING

from comments.errors import CommentsError
from comments.model import FIRST_REPLIES
from comments.store.published import PublicStore
from comments.web.answers import ANYONE, page_json, sharing
from comments.web.headers import OF_ALL, OF_DATA, STRICT_TRANSPORT
from comments.web.here import House
from comments.web.intake import one, parsed
from comments.web.origins import came_securely
from comments.web.problems import Problem
from comments.web.queries import comment_id_of, identity_of, is_newest, limit_of
from comments.wire import Headers

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

PATH = "/api/v1/comments"


def listing(public: PublicStore, query: dict[str, list[str]], *, at: str = "") -> tuple[bytes, tuple[str, str]]:
    """The JSON that a query asks for, and the (site, article) it tells of; `at` is a thread to begin with.

    Raises:
        Invalid, Problem: the query is none of ours; Unavailable.
    """
    site, article = identity_of(one(query, "site"), one(query, "article"))
    newest, limit = is_newest(one(query, "sort"), default="oldest"), limit_of(one(query, "limit"))
    after, parent = comment_id_of(one(query, "cursor"), "cursor"), comment_id_of(one(query, "parent"), "parent")
    if parent:
        page = public.replies(site, article, parent, limit=limit, after=after)
    else:
        page = public.page(site, article, limit=limit, first=FIRST_REPLIES, after=after, at=at, newest=newest)
    return page_json(article, page), (site, article)


def short_cut(house: House, environ: "WSGIEnvironment") -> tuple[Headers, bytes] | None:
    """Headers and body of the answer to a GET of `PATH`; None where it takes Flask to answer (to refuse above all)."""
    try:
        query = parsed(environ["QUERY_STRING"].encode("latin-1"))
        if "around" in query:
            return None
        body, about = listing(house.public, query)
    except (CommentsError, Problem):
        return None
    settings = house.settings
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        *sharing(body, of=[about], age=settings.pages.shared_cache_seconds),
        *ANYONE,
        *OF_ALL,
        *OF_DATA,
    ]
    if came_securely(settings.server, environ["wsgi.url_scheme"], environ.get("HTTP_X_FORWARDED_PROTO")):
        headers.append(STRICT_TRANSPORT)
    return headers, body
