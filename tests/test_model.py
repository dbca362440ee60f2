"""The rules of change, as a table, and the nouns."""

from datetime import UTC, datetime

import pytest

from comments.model import (
    Address,
    Comment,
    Decision,
    Status,
    Submission,
    may_follow,
    milliseconds_of,
    moment_of,
    outcome_of,
    rfc3339,
)

RULES = [
    # decision, from, allowed, because
    ("approve", "pending", True, "the usual way"),
    ("approve", "rejected", True, "a second look in the author's favour"),
    ("approve", "spam", True, "a honeypot that caught a person"),
    ("approve", "approved", False, "it is public already"),
    ("approve", "withdrawn", False, "its author's word stands"),
    ("reject", "pending", True, "the usual way"),
    ("reject", "approved", True, "removing what is public takes one step"),
    ("reject", "spam", True, "a person after all, but not for us"),
    ("reject", "rejected", False, "nothing would change"),
    ("reject", "withdrawn", False, "its author's word stands"),
    ("spam", "pending", True, "the usual way"),
    ("spam", "approved", True, "seen too late"),
    ("spam", "rejected", True, "seen too late"),
    ("spam", "spam", False, "nothing would change"),
    ("spam", "withdrawn", False, "its author's word stands"),
    ("restore", "pending", False, "it waits already"),
    ("restore", "approved", True, "every decision can be undone"),
    ("restore", "rejected", True, "every decision can be undone"),
    ("restore", "spam", True, "every decision can be undone"),
    ("restore", "withdrawn", False, "its author's word stands"),
    ("withdraw", "pending", True, "the author thinks again"),
    ("withdraw", "approved", True, "what is public stays its author's"),
    ("withdraw", "rejected", False, "there is nothing left to take back"),
    ("withdraw", "spam", False, "there is nothing left to take back"),
    ("withdraw", "withdrawn", False, "nothing would change"),
]


@pytest.mark.parametrize(("decision", "status", "allowed", "because"), RULES)
def test_which_decision_may_follow_which_status(decision: str, status: str, allowed: bool, because: str) -> None:
    assert may_follow(Decision(decision), Status(status)) is allowed, because


def test_the_table_is_complete() -> None:
    assert {(d, s) for d, s, _, _ in RULES} == {(d.value, s.value) for d in Decision for s in Status}


def test_only_approval_leads_into_the_open() -> None:
    assert [d for d in Decision if outcome_of(d) == Status.APPROVED] == [Decision.APPROVE]


def test_an_address_does_not_print() -> None:
    submission = Submission("a", "Hoa", "text", Address("hoa@reader-mail.vn"))
    assert "reader-mail" not in f"{submission!r} {submission} {submission.email!s}"


def test_a_comment_has_no_room_for_an_address() -> None:
    assert not any("mail" in name or "address" in name for name in Comment.__dataclass_fields__)


def test_the_public_form_says_exactly_this() -> None:
    comment = Comment("id", "main", "a", "Hoa", "<x>", datetime(2026, 1, 2, tzinfo=UTC), Status.PENDING, 1)
    assert comment.public_form(html="<p>&lt;x&gt;</p>") == {
        "id": "id",
        "parent": None,
        "name": "Hoa",
        "website": None,
        "body": "<x>",
        "html": "<p>&lt;x&gt;</p>",
        "created_at": "2026-01-02T00:00:00.000Z",
        "edited_at": None,
        "staff": False,
    }


def test_times_keep_their_milliseconds() -> None:
    assert rfc3339(moment_of(1_700_000_000_123)) == "2023-11-14T22:13:20.123Z"
    assert milliseconds_of(moment_of(1_700_000_000_123)) == 1_700_000_000_123
