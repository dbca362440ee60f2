"""What several doors take: page sizes, cursors, statuses, verdicts; each checked in one place."""

from collections.abc import Callable
from typing import Any

from wtforms.validators import StopValidation

from comments.errors import Invalid
from comments.model import (
    BATCH_MAX,
    BY_MODERATORS,
    DEFAULT_SITE,
    PAGE_DEFAULT,
    PAGE_MAX,
    REASON_MAX,
    SITE_MAX,
    Decision,
    Status,
    Verdict,
)
from comments.store import shards
from comments.store.comments import Filter
from comments.text import Refused, clean, clean_line
from comments.web.faults import bad_character, not_text, too_long
from comments.web.forms import identity
from comments.web.here import here
from comments.web.intake import one
from comments.web.language import gettext


def identity_of(site: str, article: str) -> tuple[str, str]:
    """The (site, article) that a query names, as it is kept.

    Raises:
        Invalid: missing, too long, or with a character that no text may contain.
    """
    try:
        return identity(site, article)
    except StopValidation as error:
        raise Invalid({"article": [error.args[0]]}) from error


def site_of(text: str) -> str:
    """The site that a query names, as it is kept.

    Raises:
        Invalid: too long, or with a character that no text may contain.
    """
    site = _cleaned(text, "site", clean_line)
    if len(site) > SITE_MAX:
        raise Invalid({"site": [too_long(SITE_MAX, len(site))]})
    return site or DEFAULT_SITE


def thread_around(text: str, site: str, article: str) -> str:
    """The thread of the comment that the parameter `around` names, or "" where that is not to be seen (any more).

    Raises:
        Invalid: it has not the form of an id.
    """
    comment_id = comment_id_of(text, "around")
    comment = here().store.comments([comment_id]).get(comment_id) if comment_id else None
    if not comment or comment.status != Status.APPROVED or (comment.site, comment.article) != (site, article):
        return ""
    return comment.root or comment.id


def limit_of(text: str) -> int:
    """How many a page holds.

    Raises:
        Invalid: no whole number from 1 to 100.
    """
    if not text:
        return PAGE_DEFAULT
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= PAGE_MAX):
        raise Invalid({"limit": [gettext("A whole number from 1 to %(most)s.", most=PAGE_MAX)]})
    return int(text)


def is_newest(sort: str, *, default: str) -> bool:
    """Whether the newest come first.

    Raises:
        Invalid: neither oldest nor newest.
    """
    if (sort or default) not in ("oldest", "newest"):
        raise Invalid({"sort": [gettext("Either oldest or newest.")]})
    return (sort or default) == "newest"


def comment_id_of(text: str, name: str) -> str:
    """An id (or "") as it came in the parameter `name`.

    Raises:
        Invalid: it has not the form of an id.
    """
    if text and not shards.is_comment_id(text):
        raise Invalid({name: [gettext("This is none of ours.")]})
    return text


def queue_cursor_of(text: str) -> str | None:
    """A queue's cursor: an id without its shard.

    Raises:
        Invalid: it is none of ours.
    """
    return text if text and comment_id_of(shards.comment_id(0, text), "cursor") else None


def status_of(text: str) -> Status:
    """A status; pending when none is named.

    Raises:
        Invalid: there is no such status.
    """
    try:
        return Status(text or Status.PENDING)
    except ValueError as error:
        raise Invalid({"status": [gettext("One of: %(words)s.", words=", ".join(Status))]}) from error


def filter_of(query: dict[str, list[str]]) -> Filter:
    """What a view of the queue is narrowed to, however it was typed.

    Raises:
        Invalid: with a character that no text may contain.
    """
    names = ("site", "article", "q", "language", "reason")
    return Filter(*(_cleaned(one(query, name), name, clean_line) or None for name in names))


def verdicts_of(given: Any) -> list[Verdict]:
    """The verdicts in a decoded JSON body's `decisions`.

    Raises:
        Invalid: names the item and the member that is wrong.
    """
    if not isinstance(given, list) or not 1 <= len(given) <= BATCH_MAX:
        raise Invalid({"decisions": [gettext("A list of 1 to %(most)s decisions.", most=BATCH_MAX)]})
    return [_verdict(f"decisions[{at}]", item) for at, item in enumerate(given)]


def _verdict(field: str, item: Any) -> Verdict:
    if not isinstance(item, dict):
        raise Invalid({field: [gettext("This must be an object.")]})
    comment_id, version, decision, reason = (item.get(k) for k in ("id", "version", "decision", "reason"))
    if not isinstance(comment_id, str):
        raise Invalid({f"{field}.id": [not_text()]})
    if type(version) is not int or version < 0:
        raise Invalid({f"{field}.version": [gettext("This must be the version that was shown, a whole number.")]})
    if not isinstance(decision, str) or decision not in BY_MODERATORS:
        raise Invalid({f"{field}.decision": [gettext("One of: %(words)s.", words=", ".join(BY_MODERATORS))]})
    return Verdict(comment_id, version, Decision(decision), _reason(reason, f"{field}.reason"))


def _reason(given: Any, field: str) -> str | None:
    """A moderator's reason, cleaned like any other text."""
    if given is None:
        return None
    if not isinstance(given, str):
        raise Invalid({field: [not_text()]})
    reason = _cleaned(given, field, clean)
    if len(reason) > REASON_MAX:
        raise Invalid({field: [too_long(REASON_MAX, len(reason))]})
    return reason or None


def _cleaned(typed: str, field: str, clean: Callable[[str], str]) -> str:
    try:
        return clean(typed)
    except Refused as refused:
        raise Invalid({field: [bad_character(refused.codepoint)]}) from refused
