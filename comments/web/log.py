"""The log for people: who did what, when and why; narrowed, paged, and as a CSV file."""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from io import StringIO

from flask import Blueprint, Response, render_template, request, stream_with_context
from werkzeug.wrappers import Response as AnyResponse

from comments.errors import Invalid
from comments.model import rfc3339
from comments.store import shards
from comments.store.log import Entry, LogFilter, LogPage, cursor_of
from comments.text import Refused, clean_line
from comments.web.access import signed_in
from comments.web.here import here
from comments.web.intake import one, query_of
from comments.web.language import gettext
from comments.web.links import link

blueprint = Blueprint("log", __name__, url_prefix="/moderate/log")

# Entries of one file. The view makes it in pieces, but `serve` has an answer whole before it sends the first byte, so
# that one which fails halfway is an error and no short file. A worker can spare 10 MB and a thread for ten seconds.
EXPORT_MOST = 50_000
_EXPORT_AT_ONCE = 500
_PER_PAGE = 50
_VIEW = ("by", "what", "comment", "site", "article", "since", "until", "cursor", "lang")
_COLUMNS = ("at", "by", "what", "comment", "from", "to", "reason", "version", "site", "article", "person", "detail")
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "|", "%")  # what a spreadsheet would compute


@blueprint.get("")
def entries() -> str:
    """One page of the log, the newest first."""
    query = query_of(request)
    view = {name: value for name in _VIEW if (value := one(query, name))}
    only = _filter(query)
    page = _page(only, _cursor(query), _PER_PAGE)
    return render_template(
        "moderate/log.html",
        page=page,
        view=view,
        only=only,
        words=words(),
        comment=here().store.comments([only.comment]).get(only.comment) if only.comment else None,
        view_url=lambda **more: link("log.entries", view | {"cursor": None} | more),
        export_url=link("log.export", view),
        error=None,
        done=None,
    )


@blueprint.post("/export")
def export() -> AnyResponse:
    """The same, from the same place on, as a CSV file in pieces. That it was taken is in the log, too.

    The last line of a file that has not everything says where the rest is.
    """
    query = query_of(request)
    only, after = _filter(query), _cursor(query)
    view = {name: value for name in _VIEW if (value := one(query, name))}
    home = here().settings.server.public_url
    here().people.note(signed_in().name, "export", "")
    name = f"log-{datetime.fromtimestamp(here().now(), UTC):%Y-%m-%d}.csv"
    response = Response(
        stream_with_context(_csv(only, after, lambda cursor: home + link("log.entries", view | {"cursor": cursor}))),
        mimetype="text/csv",
    )
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def words() -> dict[str, str]:
    """What can happen, in words."""
    return {
        "submitted": gettext("submitted"),
        "approved": gettext("approved"),
        "rejected": gettext("rejected"),
        "spam": gettext("filed as spam"),
        "pending": gettext("put back in the queue"),
        "withdrawn": gettext("withdrawn"),
        "edited": gettext("edited"),
        "ban": gettext("reader banned"),
        "ban lifted": gettext("ban lifted"),
        "pinned": gettext("comment pinned"),
        "unpinned": gettext("pin removed"),
        "opened": gettext("article opened"),
        "closed": gettext("article closed"),
        "added": gettext("person added"),
        "removed": gettext("person removed"),
        "invitation": gettext("invitation made"),
        "link": gettext("link for a new password made"),
        "role": gettext("role set"),
        "password": gettext("password changed"),
        "sessions": gettext("signed out everywhere"),
        "second-factor": gettext("second step set up"),
        "no-second-factor": gettext("second step removed"),
        "recovery-code": gettext("recovery code used"),
        "recovery-codes": gettext("recovery codes made"),
        "passkey": gettext("passkey added"),
        "no-passkey": gettext("passkey removed"),
        "identity": gettext("sign-in provider set"),
        "token": gettext("API token made"),
        "no-token": gettext("API token removed"),
        "export": gettext("log exported"),
        "damaged": gettext("entry cannot be read"),
    }


def cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula, on one line."""
    line = " ".join(text.split())
    return f"'{line}" if line.startswith(_FORMULA) else line


def _csv(only: LogFilter, after: str | None, address: Callable[[str], str]) -> Iterator[str]:
    yield "\ufeff" + _lines([_COLUMNS])  # the mark by which spreadsheets know UTF-8
    written = 0
    while written < EXPORT_MOST:
        page = _page(only, after, min(_EXPORT_AT_ONCE, EXPORT_MOST - written))
        yield _lines(_row(entry, page) for entry in page.entries)
        written += len(page.entries)
        after = page.next
        if not after:
            return
    rest = {"what": "more", "detail": address(after or "")}
    yield _lines([[rest.get(column, "") for column in _COLUMNS]])


def _lines(rows: Iterable[Sequence[str]]) -> str:
    text = StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(rows)
    return text.getvalue()


def _row(entry: Entry, page: LogPage) -> list[str]:
    comment = page.comments.get(entry.comment)
    site, article = (comment.site, comment.article) if comment else (entry.site, entry.article)
    said = [rfc3339(entry.at), entry.by, entry.what, entry.comment, entry.came_from or "", entry.to or "", entry.reason]
    return [cell(text) for text in (*said, str(entry.version or ""), site, article, entry.person, entry.detail)]


def _page(only: LogFilter, after: str | None, limit: int) -> LogPage:
    return here().log.page(only, limit=limit, after=after)


def _cursor(query: dict[str, list[str]]) -> str | None:
    try:
        return cursor_of(one(query, "cursor"))
    except ValueError as error:
        raise Invalid({"cursor": [gettext("This is none of ours.")]}) from error


def _filter(query: dict[str, list[str]]) -> LogFilter:
    comment = one(query, "comment").strip()
    if comment and not shards.is_comment_id(comment):
        raise Invalid({"comment": [gettext("This is none of ours.")]})
    until = _day(query, "until")
    return LogFilter(
        by=_text(query, "by"),
        what=one(query, "what") or None,
        comment=comment or None,
        site=_text(query, "site"),
        article=_text(query, "article"),
        since=_day(query, "since"),
        until=until + timedelta(days=1) if until else None,
    )


def _text(query: dict[str, list[str]], name: str) -> str | None:
    try:
        return clean_line(one(query, name)) or None
    except Refused as refused:
        message = gettext("The character %(code)s is not allowed.", code=refused.codepoint)
        raise Invalid({name: [message]}) from refused


def _day(query: dict[str, list[str]], name: str) -> datetime | None:
    """The beginning of a day, UTC."""
    typed = one(query, name)
    if not typed:
        return None
    try:
        day = date.fromisoformat(typed)
        if len(typed) != 10 or not 1970 < day.year < 9999:
            raise ValueError(typed)
    except ValueError as error:
        raise Invalid({name: [gettext("A day, like 2026-12-31.")]}) from error
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
