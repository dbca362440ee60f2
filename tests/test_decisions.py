"""What deciding does, and what happens when two decide."""

import threading
from collections import Counter
from collections.abc import Callable

import pytest
from flask import Flask

from comments.model import Decision, Status, Verdict
from comments.web.here import House
from tests.people import Moderator, Reader

pytestmark = pytest.mark.topologies


def test_nothing_is_public_before_approval(reader: Reader) -> None:
    reader.submitted(body="not yet")
    assert reader.read() == {"article": "bien-dong-1", "open": True, "count": 0, "comments": [], "next": None}


def test_an_approved_comment_is_public_as_it_was_typed(reader: Reader, moderator: Moderator) -> None:
    moderator.approved(reader, body="Một dòng <b>đậm</b>\nhai dòng")
    (comment,) = reader.read()["comments"]
    assert comment["body"] == "Một dòng <b>đậm</b>\nhai dòng"
    assert comment["html"] == "<p>Một dòng &lt;b&gt;đậm&lt;/b&gt;<br>hai dòng</p>"


@pytest.mark.parametrize("decision", ["reject", "spam", "restore"])
def test_what_was_approved_can_be_taken_down(reader: Reader, moderator: Moderator, decision: str) -> None:
    comment_id = moderator.approved(reader)
    assert moderator.decide(comment_id, decision, version=2)["outcome"] == "done"
    assert reader.read()["comments"] == []
    assert reader.client.get(f"/api/v1/comments/{comment_id}").status_code == 404


def test_the_result_says_who_decided_and_where_it_stands(reader: Reader, moderator: Moderator) -> None:
    result = moderator.decide(reader.submitted(), "reject", reason="Ngoài chủ đề")
    assert (result["outcome"], result["status"], result["version"]) == ("done", "rejected", 2)
    assert result["decided_by"] == "Lan"
    assert result["decided_at"]


def test_a_stale_decision_is_a_conflict_that_names_the_first(
    reader: Reader, moderator: Moderator, house: House, app: Flask
) -> None:
    comment_id = reader.submitted()
    Moderator(app.test_client(), house.people.add_token("Minh")).decide(comment_id, "reject")
    late = moderator.decide(comment_id, "approve", version=1)
    assert (late["outcome"], late["status"], late["decided_by"]) == ("conflict", "rejected", "Minh")
    assert reader.read()["count"] == 0


def test_a_decision_sent_again_changes_nothing_more(reader: Reader, moderator: Moderator) -> None:
    comment_id = reader.submitted()
    moderator.decide(comment_id, "approve")
    assert moderator.decide(comment_id, "approve")["outcome"] == "conflict"
    assert len(moderator.log(comment=comment_id)) == 2


def test_a_decision_that_does_not_fit_is_invalid(reader: Reader, moderator: Moderator) -> None:
    assert moderator.decide(reader.submitted(), "restore")["outcome"] == "invalid"


@pytest.mark.parametrize("unknown", ["", "x", "00" + "0" * 26, "zz" * 14, "../..", "💥"])
def test_an_unknown_comment_is_not_found(moderator: Moderator, unknown: str) -> None:
    assert moderator.decide(unknown, "approve") == {
        "id": unknown,
        "outcome": "not_found",
        "status": None,
        "version": None,
        "decided_by": None,
        "decided_at": None,
    }


def test_a_batch_is_decided_item_by_item(reader: Reader, moderator: Moderator) -> None:
    first, second = reader.submitted(), reader.submitted()
    answer = moderator.send(
        [
            {"id": first, "version": 1, "decision": "approve"},
            {"id": second, "version": 7, "decision": "approve"},
            {"id": first, "version": 1, "decision": "reject"},
            {"id": "nothing", "version": 1, "decision": "spam"},
        ]
    )
    outcomes = [result["outcome"] for result in answer.json["results"]]
    assert outcomes == ["done", "conflict", "conflict", "not_found"]


def test_undo_puts_a_comment_back_where_it_was_in_the_queue(reader: Reader, moderator: Moderator) -> None:
    ids = [reader.submitted() for _ in range(3)]
    moderator.decide(ids[0], "reject")
    moderator.decide(ids[0], "restore", version=2)
    assert [comment["id"] for comment in moderator.queue()] == ids


def test_every_transition_is_in_the_log_with_who_from_to_and_why(reader: Reader, moderator: Moderator) -> None:
    comment_id = reader.submitted()
    moderator.decide(comment_id, "approve")
    moderator.decide(comment_id, "reject", version=2, reason="Sai sự thật")
    steps = [(e["from"], e["to"], e["by"], e["version"], e["reason"]) for e in moderator.log(comment=comment_id)]
    assert steps == [
        (None, "pending", "", 1, "first_comment"),
        ("pending", "approved", "Lan", 2, None),
        ("approved", "rejected", "Lan", 3, "Sai sự thật"),
    ]


def test_the_whole_log_is_paged_newest_first_without_gap_or_repetition(reader: Reader, moderator: Moderator) -> None:
    ids = [moderator.approved(reader, article=f"article {n}") for n in range(12)]
    seen, cursor = [], ""
    while cursor is not None:
        page = moderator.get("log", limit=5, cursor=cursor).json
        seen += [(entry["comment"], entry["to"]) for entry in page["entries"]]
        cursor = page["next"]
    assert Counter(seen) == Counter([(i, to) for i in ids for to in ("pending", "approved")])
    assert [i for i, to in seen if to == "approved"] == ids[::-1]


def test_eight_moderators_on_one_comment_make_one_decision(
    reader: Reader, house: House, moderator: Moderator, together: Callable[..., list[object]]
) -> None:
    for _ in range(10):
        comment_id = reader.submitted()
        decisions = [Decision.APPROVE, Decision.REJECT, Decision.SPAM, Decision.APPROVE] * 2
        calls = [
            lambda i=comment_id, d=d, n=n: house.desk.decide([Verdict(i, 1, d)], by=f"moderator {n}")[0]
            for n, d in enumerate(decisions)
        ]
        results = together(calls)
        winners = [r for r in results if r.outcome == "done"]
        losers = [r for r in results if r.outcome == "conflict"]
        assert (len(winners), len(losers)) == (1, 7)
        assert {r.decided_by for r in losers} == {winners[0].decided_by}
        assert {r.status for r in losers} == {winners[0].status}
        assert [e["version"] for e in moderator.log(comment=comment_id)] == [1, 2]


def test_the_author_and_a_moderator_cannot_both_win(
    reader: Reader, house: House, together: Callable[..., list[object]]
) -> None:
    for _ in range(10):
        answer = reader.submit()
        comment_id, receipt = answer.json["id"], answer.json["receipt"]

        def withdraw(receipt: str = receipt) -> str:
            try:
                return str(house.desk.withdraw(receipt).status)
            except Exception as error:
                return type(error).__name__

        def reject(comment_id: str = comment_id) -> str:
            return house.desk.decide([Verdict(comment_id, 1, Decision.REJECT)], by="Lan")[0].outcome

        withdrawn, rejected = together([withdraw, reject])
        assert (withdrawn == "withdrawn") != (rejected == "done"), (withdrawn, rejected)


def test_counts_equal_the_sets_after_a_storm(
    reader: Reader, house: House, together: Callable[..., list[object]]
) -> None:
    ids = [reader.submitted(article="storm") for _ in range(20)]

    def decide(n: int) -> None:
        for place, comment_id in enumerate(ids):
            comment = house.store.comments([comment_id])[comment_id]
            decision = [Decision.APPROVE, Decision.REJECT, Decision.RESTORE, Decision.SPAM][(place + n) % 4]
            house.desk.decide([Verdict(comment_id, comment.version, decision)], by=str(n))

    together([lambda n=n: decide(n) for n in range(8)])
    records = house.store.comments(ids).values()
    by_record = Counter(comment.status for comment in records)
    assert {s: n for s, n in house.store.waiting().items() if n} == dict(by_record)
    page = reader.read("storm")
    assert page["count"] == by_record[Status.APPROVED] == len(page["comments"])


def test_closing_an_article_refuses_new_comments_and_keeps_the_old(reader: Reader, moderator: Moderator) -> None:
    moderator.approved(reader)
    path = "/api/v1/moderation/articles"
    where = {"article": "bien-dong-1"}
    answer = moderator.client.put(path, query_string=where, json={"open": False}, headers=moderator.headers)
    assert answer.json == {"article": "bien-dong-1", "site": "main", "open": False}
    refused = reader.submit()
    assert (refused.status_code, refused.json["code"]) == (403, "closed")
    page = reader.read()
    assert (page["open"], page["count"]) == (False, 1)
    moderator.client.put(path, query_string=where, json={"open": True}, headers=moderator.headers)
    assert reader.submit().status_code == 202


def test_threads_meet_at_the_barrier(together: Callable[..., list[object]]) -> None:
    assert len(set(together([threading.get_ident] * 4))) == 4
