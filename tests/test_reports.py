"""What a reader finds wrong with a published comment, and how moderators hear of it."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from comments.model import REPORTS_MAX, ReportReason
from comments.web.here import House
from tests.people import COMMENTS, Moderator, Reader


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return make_app(trusted_proxies=1, report_limit="")


def report(reader: Reader, comment_id: str, reason: Any = "spam", source: int = 1, **headers: str) -> Any:
    headers = {"X-Forwarded-For": f"192.0.{source >> 8}.{source & 255}", **headers}
    return reader.client.post(f"{COMMENTS}/{comment_id}/reports", json={"reason": reason}, headers=headers)


def reported(moderator: Moderator, comment_id: str, status: str = "approved") -> tuple[int, list[str]]:
    (comment,) = [one for one in moderator.queue(status=status) if one["id"] == comment_id]
    return comment["reports"], [reason for reason in comment["reasons"] if reason.startswith("reported_")]


def ranked(house: House, comment_id: str) -> float | None:
    """Where the shard keeps it by number of reports."""
    (key,) = house.client.command("KEYS", f"*{{c:{comment_id[:2]}}}:reported") or [b"none"]
    score = house.client.command("ZSCORE", key, comment_id)
    return score and float(score)


def test_moderators_see_how_many_and_why(reader: Reader, moderator: Moderator, house: House) -> None:
    comment_id = moderator.approved(reader)
    for source, reason in enumerate(("spam", "abuse", "spam")):
        assert report(reader, comment_id, reason, source).status_code == 202
    assert reported(moderator, comment_id) == (3, ["reported_spam", "reported_abuse"])
    assert ranked(house, comment_id) == 3


def test_the_answer_tells_nothing(reader: Reader, moderator: Moderator) -> None:
    comment_id = moderator.approved(reader)
    answers = [report(reader, comment_id) for _ in range(2)]
    assert [answer.json for answer in answers] == [{"status": "received"}] * 2


def test_a_source_counts_once(reader: Reader, moderator: Moderator) -> None:
    comment_id = moderator.approved(reader)
    for reason in ReportReason:
        report(reader, comment_id, reason)
    assert reported(moderator, comment_id) == (1, ["reported_spam"])


def test_reports_at_the_same_moment_are_all_counted(
    reader: Reader, moderator: Moderator, house: House, together: Callable[..., list[Any]]
) -> None:
    comment_id = moderator.approved(reader)
    together([lambda n=n: house.desk.report(comment_id, ReportReason.FALSE, source=str(n // 2)) for n in range(16)])
    assert reported(moderator, comment_id) == (8, ["reported_false"])


@pytest.mark.one_server
def test_what_is_kept_of_reports_does_not_grow(reader: Reader, moderator: Moderator, house: House) -> None:
    comment_id = moderator.approved(reader)
    for source in range(REPORTS_MAX + 5):
        house.desk.report(comment_id, ReportReason.OTHER, source=str(source))
    assert reported(moderator, comment_id)[0] == ranked(house, comment_id) == REPORTS_MAX
    (reporters,) = house.client.command("KEYS", f"*:by:{comment_id}")
    assert house.client.command("SCARD", reporters) == REPORTS_MAX
    assert 0 < house.client.command("TTL", reporters) <= 30 * 86_400


def test_nothing_public_changes(reader: Reader, moderator: Moderator) -> None:
    comment_id = moderator.approved(reader)
    before = reader.read()
    report(reader, comment_id)
    assert reader.read() == before


@pytest.mark.parametrize("decision", ["reject", "spam", "restore"])
def test_a_decided_comment_is_no_longer_among_the_reported(
    reader: Reader, moderator: Moderator, house: House, decision: str
) -> None:
    comment_id = moderator.approved(reader)
    report(reader, comment_id)
    moderator.decide(comment_id, decision, version=2)
    assert ranked(house, comment_id) is None
    assert report(reader, comment_id, source=2).status_code == 404


def test_only_what_is_public_can_be_reported(reader: Reader) -> None:
    assert report(reader, reader.submitted()).status_code == 404


@pytest.mark.parametrize("unknown", ["x", "00" + "0" * 26, "💥"])
def test_an_unknown_comment_cannot_be_reported(reader: Reader, unknown: str) -> None:
    assert report(reader, unknown).status_code == 404


@pytest.mark.parametrize("reason", ["", "rude", None, 1, ["spam"], {"spam": 1}, "SPAM", "spam abuse"])
def test_only_a_few_words_are_reasons(reader: Reader, moderator: Moderator, reason: Any) -> None:
    answer = report(reader, moderator.approved(reader), reason)
    assert (answer.status_code, list(answer.json["errors"])) == (422, ["reason"])


def test_pages_of_strangers_report_nothing(reader: Reader, moderator: Moderator) -> None:
    comment_id = moderator.approved(reader)
    assert report(reader, comment_id, Origin="https://evil.example").status_code == 403
    assert reported(moderator, comment_id) == (0, [])


def test_a_source_has_a_limit_of_its_own_for_reports(make_app: Callable[..., Flask]) -> None:
    app = make_app(report_limit="2/hour", submit_limit="1/hour")
    reader = Reader(app.test_client())
    comment_id = reader.submitted()
    answers = [reader.client.post(f"{COMMENTS}/{comment_id}/reports", json={"reason": "spam"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [404, 404, 429]
    assert answers[2].headers["Retry-After"]


@pytest.mark.one_server
def test_nothing_of_a_source_can_be_read_or_joined(reader: Reader, moderator: Moderator, house: House) -> None:
    kept = set()
    for comment_id in (moderator.approved(reader), moderator.approved(reader)):
        report(reader, comment_id, source=7)
        (reporters,) = house.client.command("KEYS", f"*:by:{comment_id}")
        kept |= set(house.client.command("SMEMBERS", reporters))
    assert len(kept) == 2
    assert not any(b"192.0.0.7" in name for name in kept)
