"""Views of the comments: which ones (status, filters, words), in which order, and their pages."""

from dataclasses import dataclass

from comments.errors import Invalid
from comments.model import Comment, Status
from comments.store.comments import Filter, Queued
from comments.store.sharing import Share
from comments.web.here import here
from comments.web.intake import one
from comments.web.language import gettext
from comments.web.queries import filter_of, queue_cursor_of, status_of

ALL = "all"
ASKS = ("status", "sort", "site", "article", "q", "language", "reason", "all")  # what a view consists of
_LOOKS = 4  # of the index for one page: others may hold what it finds
ORDERS = ("oldest", "newest", "reported")


@dataclass(frozen=True, slots=True)
class View:
    """One way to look at the comments. `status` is None for every status."""

    status: Status | None
    order: str
    only: Filter
    cursor: str

    @property
    def is_searched(self) -> bool:
        """Whether the index answers it; the queues know no words, and nothing across statuses."""
        return self.status is None or bool(self.only.text)


def view_of(query: dict[str, list[str]]) -> View:
    """The view that a query asks for.

    Raises:
        Invalid: names the parameter that is wrong.
    """
    only = filter_of(query)
    status = None if one(query, "status") == ALL else status_of(one(query, "status"))
    default = "oldest" if status == Status.PENDING else "newest"
    order = one(query, "sort") or default
    if order not in ORDERS:
        raise Invalid({"sort": [gettext("One of: %(words)s.", words=", ".join(ORDERS))]})
    if order == "reported" and (status != Status.APPROVED or only.text):
        raise Invalid({"sort": [gettext("Only what is published can be ordered by reports.")]})
    return View(status, order, only, one(query, "cursor"))


def page_of(view: View, *, limit: int, share: Share | None = None) -> Queued:
    """One page of a view; with `share` it is leased.

    Raises:
        Invalid: the cursor is none of ours.
    """
    store = here().store
    if view.order == "reported":
        return store.reported(limit=limit, skip=_number(view.cursor) or 0, only=view.only)
    newest = view.order == "newest"
    if not view.is_searched:
        assert view.status  # noqa: S101  # every status at once is searched
        edge = queue_cursor_of(view.cursor)
        return store.queue(view.status, limit=limit, after=edge, newest=newest, only=view.only, share=share)
    comments: list[Comment] = []
    after = _number(view.cursor)
    for _ in range(_LOOKS):
        found = here().search.find(view.only, view.status, limit=limit - len(comments), after=after, newest=newest)
        # the index may be a moment behind, and does not know reports
        looked_at = store.look(found.ids, share)
        comments += [each for each in looked_at if view.status in (None, each.status) and view.only.takes(each)]
        after = found.next
        if after is None or len(comments) == limit:
            break
    return Queued(comments, str(after) if after is not None else None, None)


def is_complete(view: View) -> bool:
    """Whether a page of the view has looked at everything; not while the index is still being read."""
    return here().search.is_complete or not view.is_searched


def _number(cursor: str) -> int | None:
    if not cursor:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 20):
        raise Invalid({"cursor": [gettext("This is none of ours.")]})
    return int(cursor)
