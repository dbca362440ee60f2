"""Public answers: finished JSON joined into pages, and the headers by which they may be shared and dropped."""

import json
from collections.abc import Iterable
from hashlib import sha256

from flask import Response

from comments.store.keys import surrogate, surrogate_of_site
from comments.store.published import Published
from comments.web.here import here

_ALONE = b',"pinned":false,"removed":false,"reply_count":0,"replies":[],"replies_next":null}'
# What pages of any origin may read of an answer of the public API.
ANYONE = [("Access-Control-Expose-Headers", "ETag, Retry-After")]
_PINNED = _ALONE.replace(b'"pinned":false', b'"pinned":true')


def alone(comment: bytes, *, pinned: bool = False) -> bytes:
    """A comment's finished JSON in the shape that all have, without replies."""
    return comment[:-1] + (_PINNED if pinned else _ALONE)


def page_json(article: str, page: Published) -> bytes:
    """A page of threads or replies (contract: GET /api/v1/comments)."""
    comments = [alone(comment, pinned=place < page.pinned) for place, comment in enumerate(page.comments)]
    for place, answers in page.answers.items():
        shown = b",".join(map(alone, answers.shown))
        comments[place] = b'%b,"pinned":%b,"removed":%b,"reply_count":%d,"replies":[%b],"replies_next":%b}' % (
            page.comments[place][:-1],
            b"true" if place < page.pinned else b"false",
            b"true" if place in page.removed else b"false",
            answers.count,
            shown,
            _text(answers.next),
        )
    return b'{"article":%b,"open":%b,"count":%d,"comments":[%b],"next":%b}' % (
        json.dumps(article, ensure_ascii=False).encode(),
        b"true" if page.open else b"false",
        page.count,
        b",".join(comments),
        _text(page.next),
    )


def _text(cursor: str | None) -> bytes:
    return b"null" if cursor is None else b'"%b"' % cursor.encode()


def shared(
    body: bytes,
    *,
    of: Iterable[tuple[str, str]] = (),
    sites: Iterable[str] = (),
    mimetype: str = "application/json",
) -> Response:
    """A public answer that caches may keep; see `sharing`."""
    age = here().settings.pages.shared_cache_seconds
    return Response(body, mimetype=mimetype, headers=sharing(body, of=of, sites=sites, age=age))


def sharing(
    body: bytes, *, of: Iterable[tuple[str, str]] = (), sites: Iterable[str] = (), age: int
) -> list[tuple[str, str]]:
    """The headers of an answer that caches may keep for `age` seconds and anyone may read.

    A strong ETag of its bytes, and a `Surrogate-Key` of what it tells of: `of` are the (site, article) pairs, `sites`
    the whole sites whose change makes it stale.
    """
    keys = [*(surrogate(site, article) for site, article in of), *map(surrogate_of_site, sites)]
    return [
        ("ETag", f'"{sha256(body).hexdigest()[:24]}"'),
        ("Cache-Control", f"public, max-age=0, s-maxage={age}, stale-while-revalidate={age}"),
        ("Surrogate-Key", " ".join(keys)),
        ("Access-Control-Allow-Origin", "*"),
        ("Cross-Origin-Resource-Policy", "cross-origin"),
    ]
