"""Public answers: finished JSON joined into pages, and the headers by which they may be shared and dropped."""

import json
from collections.abc import Iterable
from hashlib import blake2b

from flask import Response

from comments.store.comments import Published, Thread
from comments.store.keys import surrogate
from comments.web.here import here


def thread_json(thread: Thread) -> str:
    """A top-level comment with its first replies."""
    removed = "true" if thread.removed else "false"
    replies = ",".join(map(reply_json, thread.replies))
    more = json.dumps(thread.replies_next)
    return (
        f'{thread.json[:-1]},"removed":{removed},"reply_count":{thread.reply_count},'
        f'"replies":[{replies}],"replies_next":{more}}}'
    )


def reply_json(public_json: str) -> str:
    """A reply, in the same shape as a top-level comment: it has no replies of its own."""
    return f'{public_json[:-1]},"removed":false,"reply_count":0,"replies":[],"replies_next":null}}'


def page_json(article: str, page: Published) -> str:
    """A page of threads or replies (contract: GET /api/v1/comments)."""
    head = json.dumps({"article": article, "open": page.open, "count": page.count}, ensure_ascii=False)
    comments = ",".join(map(thread_json, page.threads))
    return f'{head[:-1]},"comments":[{comments}],"next":{json.dumps(page.next)}}}'


def shared(body: str, *, of: Iterable[tuple[str, str]], mimetype: str = "application/json") -> Response:
    """A public answer that caches may keep: strong ETag of its bytes, `Surrogate-Key` of its articles, CORS.

    `of` are the (site, article) pairs whose change makes it stale.
    """
    data = body.encode()
    response = Response(data, mimetype=mimetype)
    response.set_etag(blake2b(data, digest_size=12).hexdigest())
    age = here().settings.pages.shared_cache_seconds
    response.headers["Cache-Control"] = f"public, max-age=0, s-maxage={age}, stale-while-revalidate={age}"
    response.headers["Surrogate-Key"] = " ".join(surrogate(site, article) for site, article in of)
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response
