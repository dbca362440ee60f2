"""The nouns and the rules of change. True with pen and paper: no clock, no store, no web."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

ARTICLE_MAX = 512
SITE_MAX = 64
NAME_MAX = 80
EMAIL_MAX = 254  # RFC 5321, 4.5.3.1.3 less the angle brackets
BODY_MAX = 5000
URL_MAX = 2048
TITLE_MAX = 300
REASON_MAX = 500
DEFAULT_SITE = "main"

PAGE_DEFAULT = 50
PAGE_MAX = 100
FIRST_REPLIES = 10  # that come with their thread; the rest by `parent=`
BATCH_MAX = 100
FEED_MAX = 50  # newest comments of an article or a site
FEED_KEPT = 2 * FEED_MAX  # ids that are kept for it: so many may be removed before it gets short
DAMAGED = "damaged"
STAFF = "staff"  # why a moderator's own comment waits, for the moment that it does
REPORTED = "reported_"  # a reason for moderators is made of it and a reader's
REPORTS_MAX = 100  # that are counted on one comment; more say nothing new


class Status(StrEnum):
    """Where a comment stands. Only `APPROVED` is public."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    SPAM = "spam"
    WITHDRAWN = "withdrawn"


class Decision(StrEnum):
    """What someone may do to a comment's status."""

    APPROVE = "approve"
    REJECT = "reject"
    SPAM = "spam"
    RESTORE = "restore"
    WITHDRAW = "withdraw"


BY_MODERATORS = (Decision.APPROVE, Decision.REJECT, Decision.SPAM, Decision.RESTORE)

# decision: (statuses it may come from, status it leads to). A withdrawn comment is its author's word: nobody
# brings it back.
_CHANGES: dict[Decision, tuple[frozenset[Status], Status]] = {
    Decision.APPROVE: (frozenset({Status.PENDING, Status.REJECTED, Status.SPAM}), Status.APPROVED),
    Decision.REJECT: (frozenset({Status.PENDING, Status.APPROVED, Status.SPAM}), Status.REJECTED),
    Decision.SPAM: (frozenset({Status.PENDING, Status.APPROVED, Status.REJECTED}), Status.SPAM),
    Decision.RESTORE: (frozenset({Status.APPROVED, Status.REJECTED, Status.SPAM}), Status.PENDING),
    Decision.WITHDRAW: (frozenset({Status.PENDING, Status.APPROVED}), Status.WITHDRAWN),
}


class ReportReason(StrEnum):
    """What a reader may say is wrong with a published comment."""

    SPAM = "spam"
    ABUSE = "abuse"
    PERSONAL = "personal"
    FALSE = "false"
    OTHER = "other"


def may_be_edited(status: Status) -> bool:
    """Whether its author may still give a comment another text: nobody has judged, and nobody has read it."""
    return status == Status.PENDING


def may_follow(decision: Decision, status: Status) -> bool:
    """Whether `decision` may be taken on a comment that stands at `status`."""
    return status in _CHANGES[decision][0]


def outcome_of(decision: Decision) -> Status:
    """The status that `decision` leads to."""
    return _CHANGES[decision][1]


@dataclass(frozen=True, slots=True)
class Address:
    """An e-mail address. Silent in `repr`; `reveal()` is the one way to read it, so that readers can be found."""

    _text: str = field(repr=False)

    def reveal(self) -> str:
        return self._text


@dataclass(frozen=True, slots=True)
class Submission:
    """What a reader sends, validated and cleaned. The only noun that holds an address.

    Lengths are in characters after cleaning: article 1..512, name 1..80, body 1..5000.
    """

    article: str
    name: str
    body: str
    email: Address | None = None
    site: str = DEFAULT_SITE
    parent: str | None = None
    website: str | None = None
    article_url: str | None = None
    article_title: str | None = None
    language: str | None = None
    trapped: bool = False  # the honeypot field was filled in
    staff: bool = False  # from a moderator's account, never from what was typed
    idempotency_key: str | None = None

    def content(self) -> str:
        """Everything said, in one canonical text: equal for two equal submissions (for the idempotency check)."""
        said = [self.site, self.article, self.name, self.body, self.email and self.email.reveal(), self.parent]
        return json.dumps([*said, self.website, self.article_url, self.article_title, self.language])


@dataclass(frozen=True, slots=True)
class LastDecision:
    """Who brought a comment to its present status, when and why. `by` is None for its author."""

    by: str | None
    at: datetime
    reason: str | None


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment as the newsroom sees it. It has no address."""

    id: str
    site: str
    article: str
    name: str
    body: str
    created_at: datetime
    status: Status
    version: int
    parent: str | None = None
    root: str | None = None  # top-level comment of its thread; None for a top-level comment
    website: str | None = None
    article_url: str | None = None
    article_title: str | None = None
    language: str | None = None
    person: str | None = None  # random pseudonym, stable per address
    reasons: tuple[str, ...] = ()  # codes: why it is held, and what readers reported
    reports: int = 0  # by readers, on what was public
    edited_at: datetime | None = None
    staff: bool = False
    decided: LastDecision | None = None

    @property
    def is_damaged(self) -> bool:
        """Whether its record could not be read; such a comment can only be rejected."""
        return DAMAGED in self.reasons

    def public_form(self, *, html: str) -> dict[str, object]:
        """The finished public form (contract: GET /api/v1/comments) without what tells of replies and pins."""
        return {
            "id": self.id,
            "website": self.website,
            "edited_at": self.edited_at and rfc3339(self.edited_at),
            "staff": self.staff,
            "parent": self.parent,
            "name": self.name,
            "created_at": rfc3339(self.created_at),
            "body": self.body,
            "html": html,
        }


@dataclass(frozen=True, slots=True)
class Transition:
    """One entry of the log: who moved which comment from where to where, when and why."""

    cursor: str
    at: datetime
    by: str
    comment: str
    came_from: Status | None
    to: Status
    reason: str | None
    version: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """A moderator's wish: `decision` on comment `id` as it stood at `version`."""

    id: str
    version: int
    decision: Decision
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a verdict. `outcome` is done, conflict, not_found or invalid."""

    id: str
    outcome: str
    status: Status | None = None
    version: int | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None

    def as_json(self) -> Mapping[str, object]:
        return {
            "id": self.id,
            "outcome": self.outcome,
            "status": self.status,
            "version": self.version,
            "decided_by": self.decided_by,
            "decided_at": self.decided_at and rfc3339(self.decided_at),
        }


def rfc3339(moment: datetime) -> str:
    """UTC with milliseconds and `Z` (RFC 3339)."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment_of(milliseconds: int) -> datetime:
    """The time so many milliseconds after 1970-01-01T00:00:00Z."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def milliseconds_of(moment: datetime) -> int:
    """Whole milliseconds since 1970-01-01T00:00:00Z."""
    return round(moment.timestamp() * 1000)
