"""What else the service serves: front page, demo, embed page, widget, description, health."""

import mimetypes
from base64 import b64encode
from functools import cache
from hashlib import blake2b, sha384
from importlib.metadata import version
from pathlib import Path

from flask import Blueprint, Flask, Response, jsonify, render_template, request, url_for

from comments import resources
from comments.errors import NotFound, Unavailable
from comments.store.health import broken_promise
from comments.web import thread_page
from comments.web.forms import submission_form
from comments.web.here import here
from comments.web.intake import one, query_of
from comments.web.language import speak
from comments.web.queries import comment_id_of, identity_of, thread_around
from comments.web.structured import dumps

blueprint = Blueprint("pages", __name__)

_YEAR = "public, max-age=31536000, immutable"
_SHORT = "public, max-age=300, stale-while-revalidate=3600"
WIDGET = "widget.min.js"  # made from widget.js by `python -m tests.widget_build`


def init_app(app: Flask) -> None:
    app.jinja_env.policies["json.dumps_function"] = dumps
    app.jinja_env.globals["asset"] = asset
    for path in _shipped():
        _file(path)  # read once, before the first request


@blueprint.get("/")
def index() -> str:
    """What runs here."""
    settings = here().settings
    return render_template(
        "pages/index.html",
        demo=settings.pages.demo,
        version=version("newsroom-comments"),
        origin=settings.server.public_url or request.host_url.rstrip("/"),
        widget=asset(WIDGET),
        integrity=integrity(WIDGET),
    )


@blueprint.get("/demo")
def demo() -> str:
    """A news article with the widget under it; in Vietnamese unless English is asked for."""
    if not here().settings.pages.demo:
        raise NotFound("demo")
    if "lang" not in request.args:
        speak("vi")
    return render_template("pages/demo.html")


@blueprint.get("/embed")
def embed() -> Response:
    """An article's thread and form, made on the server."""
    query = query_of(request)
    site, article = identity_of(one(query, "site"), one(query, "article"))
    speak(one(query, "lang") or here().settings.pages.language)  # one address, one answer: it can be shared
    after, thread = comment_id_of(one(query, "cursor"), "cursor"), comment_id_of(one(query, "thread"), "thread")
    reply_to = comment_id_of(one(query, "reply_to"), "reply_to")
    around = thread_around(one(query, "around"), site, article)
    hidden = {"site": site, "article": article, "parent": reply_to, "language": one(query, "lang")}
    hidden |= {name: one(query, name) for name in ("article_url", "article_title")}
    form = submission_form(hidden)
    return thread_page.render(form, after=after, thread=thread, around=around, fragment=bool(one(query, "fragment")))


@blueprint.get("/widget.js")
def widget() -> Response:
    """The custom elements, under their stable address."""
    return _static(WIDGET, _SHORT)


@blueprint.get("/languages/<code>.json")
def words(code: str) -> Response:
    """The widget's words in a language that it does not bring along."""
    return _static(f"languages/{code}.json", _SHORT)


@blueprint.get("/assets/<tag>/<path:name>")
def static(tag: str, name: str) -> Response:
    """A static file under an address that changes with its content."""
    response = _static(name, _YEAR)
    if tag != _file(resources.folder("static") / name)[1]:
        response.headers["Cache-Control"] = "no-cache"
    return response


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """The public and the moderation API, described (OpenAPI 3.1)."""
    return _static("openapi.json", _SHORT)


@blueprint.get("/healthz")
def healthz() -> Response:
    """This process answers."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
def readyz() -> Response:
    """The store answers too (503 where it does not), and whether it does what `durability` promises.

    A cluster of which a part answers is the store of all articles of that part: 200, “degraded”.
    """
    try:
        lacks = broken_promise(here().client, here().settings.store.durability)
    except Unavailable:
        answering, count = here().client.answering()
        if not answering:
            raise
        return jsonify(status="degraded", durability="unknown", servers=count, answering=answering)
    if lacks is None:
        return jsonify(status="ok", durability="unknown")
    return jsonify(status="ok", durability=f"not kept: {lacks}" if lacks else "kept")


def asset(name: str) -> str:
    """The address of a static file, with a mark of its content in it."""
    return url_for("pages.static", tag=_file(resources.folder("static") / name)[1], name=name)


def integrity(name: str) -> str:
    """What a page writes beside the address of a script, so that a browser runs this very file (SRI)."""
    data = _file(resources.folder("static") / name)[0]
    return f"sha384-{b64encode(sha384(data).digest()).decode()}"


def _static(name: str, cache_control: str) -> Response:
    path = resources.folder("static") / name
    if path not in _shipped():
        raise NotFound(name)
    data, tag, kind = _file(path)
    response = Response(data, content_type=kind)
    response.set_etag(tag)
    response.headers["Cache-Control"] = cache_control
    response.headers["Surrogate-Key"] = "static"
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@cache
def _shipped() -> frozenset[Path]:
    """Every static file there is; nothing else is looked for, whatever a request asks."""
    return frozenset(path for path in resources.folder("static").rglob("*") if path.is_file())


@cache
def _file(path: Path) -> tuple[bytes, str, str]:
    """A static file's bytes, the mark of its content, and its type."""
    data = path.read_bytes()
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if kind.startswith("text/") or kind.endswith(("javascript", "json", "xml")):
        kind += "; charset=utf-8"
    return data, blake2b(data, digest_size=8).hexdigest(), kind
