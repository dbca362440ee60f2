"""Atom feeds (RFC 4287) of an article's and of a site's newest comments. Each names its entries for good."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, urlsplit

from flask import Blueprint, Response, render_template, request, url_for

from comments import text
from comments.model import DEFAULT_SITE, Comment, moment_of
from comments.web.answers import shared
from comments.web.here import here
from comments.web.intake import one, query_of
from comments.web.language import gettext, speak
from comments.web.origins import allows_any, named_host
from comments.web.queries import identity_of, site_of

blueprint = Blueprint("feeds", __name__, url_prefix="/feeds")

_BEGINNING = moment_of(0)  # an Atom feed must say when it changed, an empty one never did


@dataclass(frozen=True, slots=True)
class Entry:
    """One comment in a feed."""

    id: str
    title: str
    link: str
    name: str
    website: str | None
    published: datetime
    updated: datetime
    html: str  # everything of the reader's is escaped in it


@blueprint.get("/article.atom")
def article() -> Response:
    """The newest comments of an article, replies too."""
    query = query_of(request)
    site, name = identity_of(one(query, "site"), one(query, "article"))
    speak(one(query, "lang") or here().settings.pages.language)
    comments = here().store.latest(site, name)
    subject = next((comment.article_title for comment in comments if comment.article_title), None) or name
    title = gettext("Comments on %(article)s", article=subject)
    return shared(_feed(f"{site}/{name}", title, comments), of=[(site, name)], mimetype="application/atom+xml")


@blueprint.get("/site.atom")
def site() -> Response:
    """The newest comments of a whole site."""
    query = query_of(request)
    name = site_of(one(query, "site"))
    speak(one(query, "lang") or here().settings.pages.language)
    comments = here().store.latest_of_site(name)
    title = gettext("Newest comments") if name == DEFAULT_SITE else gettext("Newest comments: %(site)s", site=name)
    return shared(_feed(name, title, comments), sites=[name], mimetype="application/atom+xml")


def _feed(name: str, title: str, comments: Sequence[Comment]) -> bytes:
    entries = [_entry(comment) for comment in comments]
    address = _absolute(request.path) + ("?" + request.query_string.decode("ascii") if request.query_string else "")
    xml = render_template(
        "feeds/atom.xml",
        feed_id=_tag(f"feed/{name}"),
        title=title,
        address=address,
        updated=max((entry.updated for entry in entries), default=_BEGINNING),
        entries=entries,
    )
    return xml.encode()


def _entry(comment: Comment) -> Entry:
    return Entry(
        id=_tag(comment.id),
        title=gettext("%(name)s on %(article)s", name=comment.name, article=comment.article_title or comment.article),
        link=_link(comment),
        name=comment.name,
        website=comment.website,
        published=comment.created_at,
        updated=comment.edited_at or (comment.decided.at if comment.decided else comment.created_at),
        html=text.to_html(comment.body),
    )


def _link(comment: Comment) -> str:
    """Where the comment can be read: under its article, or on the page of ours that shows the article's thread.

    The article's address is the reader's word; it counts where the settings allow pages of its origin.
    """
    page = (comment.article_url or "").partition("#")[0]
    if not page or not (named_host(page) or allows_any(here().settings.server.allowed_origins)):
        page = _absolute(url_for("pages.embed", article=comment.article, site=comment.site, around=comment.id))
    return f"{page}#comment-{comment.id}"


def _absolute(path: str) -> str:
    """A path as an address, made from the setting alone; a Host header is anybody's."""
    return f"{here().settings.server.public_url}{path}"


def _tag(name: str) -> str:
    """A name that no other feed has and that stays (RFC 4151)."""
    host = urlsplit(here().settings.server.public_url).hostname or "comments.invalid"
    return f"tag:{host},2026:{quote(name)}"
