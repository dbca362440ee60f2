"""What submitting does: queue, answer, idempotency, limit, receipts."""

from collections import Counter
from collections.abc import Callable

import pytest
from flask import Flask
from nacl.public import PrivateKey

from comments.model import Decision, Verdict
from comments.sealing import Unreadable, unseal
from comments.store import records
from comments.web.here import House
from tests.people import COMMENTS, MAIL_KEY, Moderator, Reader, a_submission

pytestmark = pytest.mark.topologies

KEY = "3b241101-e2bb-4255-8caf-4136c566a962"


def test_a_submission_is_accepted_and_waits(reader: Reader, moderator: Moderator) -> None:
    answer = reader.submit(body="Xin chào")
    assert answer.status_code == 202
    assert answer.json["status"] == "pending"
    assert answer.headers["Location"] == answer.json["receipt_url"]
    (waiting,) = moderator.queue()
    assert (waiting["id"], waiting["body"], waiting["version"]) == (answer.json["id"], "Xin chào", 1)


@pytest.mark.parametrize("how", ["json", "data", "multipart"])
def test_json_urlencoded_and_multipart_say_the_same(app: Flask, moderator: Moderator, how: str) -> None:
    said = a_submission(body="Dòng một\r\nDòng hai", website="https://hoa.example/")
    given = {"json": said} if how == "json" else {"data": said}
    kind = "multipart/form-data" if how == "multipart" else None
    answer = app.test_client().post(COMMENTS, content_type=kind, **given)
    assert answer.status_code == 202, answer.text
    (waiting,) = moderator.queue()
    assert (waiting["body"], waiting["website"]) == ("Dòng một\nDòng hai", "https://hoa.example/")


def test_a_form_without_javascript_is_sent_on_to_its_receipt(app: Flask, moderator: Moderator) -> None:
    client = app.test_client()
    said, page = a_submission(), {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}
    answers = [client.post(COMMENTS, data=said, headers=page) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert answers[0].location == answers[1].location
    assert client.get(answers[0].location).status_code == 200
    assert len(moderator.queue()) == 1, "the same form twice is one comment"


def test_a_form_with_mistakes_comes_back_with_its_text(app: Flask) -> None:
    said = a_submission(email="no address", body="Một bài dài tôi không muốn gõ lại")
    answer = app.test_client().post(COMMENTS, data=said, headers={"Accept": "text/html"})
    assert answer.status_code == 422
    assert "Một bài dài tôi không muốn gõ lại" in answer.text
    assert "no address" in answer.text


def test_errors_stand_at_their_fields(reader: Reader) -> None:
    answer = reader.submit(name="", email="x@", body=" ", website="javascript:alert(1)", parent="x" * 65)
    assert (answer.status_code, answer.json["code"]) == (422, "invalid")
    assert set(answer.json["errors"]) == {"name", "email", "body", "website", "parent"}


@pytest.mark.parametrize(("field", "most"), [("name", 80), ("body", 5000), ("article", 512)])
def test_a_text_over_its_limit_is_refused_never_cut(
    reader: Reader, moderator: Moderator, field: str, most: int
) -> None:
    assert reader.submit(**{field: "ệ" * most}).status_code == 202
    answer = reader.submit(**{field: "ệ" * (most + 1)})
    assert answer.status_code == 422
    assert str(most) in answer.json["errors"][field][0]
    assert len(moderator.queue()[0][field]) == most


def test_messages_come_in_the_readers_language(reader: Reader) -> None:
    english = reader.submit(name="", language="en").json["errors"]["name"]
    vietnamese = reader.submit(name="", language="vi").json["errors"]["name"]
    assert english == ["This field is required."]
    assert vietnamese != english


def test_the_same_key_gives_the_same_answer_byte_for_byte_and_one_comment(reader: Reader, moderator: Moderator) -> None:
    said = a_submission()
    first, second = reader.submit(key=KEY, **said), reader.submit(key=KEY, **said)
    assert first.data == second.data
    assert first.status_code == second.status_code == 202
    assert len(moderator.queue()) == 1


def test_the_same_key_with_other_content_is_a_conflict(reader: Reader, moderator: Moderator) -> None:
    reader.submit(key=KEY, body="one")
    answer = reader.submit(key=KEY, body="two")
    assert (answer.status_code, answer.json["code"]) == (409, "idempotency_conflict")
    assert len(moderator.queue()) == 1


def test_a_key_counts_within_its_article(reader: Reader, moderator: Moderator) -> None:
    assert reader.submit(key=KEY, article="a").status_code == 202
    assert reader.submit(key=KEY, article="b").status_code == 202
    assert len(moderator.queue()) == 2


def test_fifty_at_once_with_one_key_make_one_comment(
    app: Flask, moderator: Moderator, together: Callable[..., list[object]]
) -> None:
    said = a_submission()
    calls = [lambda: Reader(app.test_client()).submit(key=KEY, **said).data] * 50
    assert len(set(together(calls))) == 1
    assert len(moderator.queue()) == 1


def test_a_reply_hangs_under_the_top_of_its_thread_and_keeps_its_parent(reader: Reader, moderator: Moderator) -> None:
    top = moderator.approved(reader)
    reply = moderator.approved(reader, parent=top)
    answer_to_reply = moderator.approved(reader, parent=reply)
    (thread,) = reader.read()["comments"]
    assert [(r["id"], r["parent"]) for r in thread["replies"]] == [(reply, top), (answer_to_reply, reply)]
    assert thread["reply_count"] == 2


def test_only_an_approved_comment_of_the_same_article_can_be_answered(reader: Reader, moderator: Moderator) -> None:
    waiting = reader.submitted()
    elsewhere = moderator.approved(reader, article="another")
    removed = moderator.approved(reader)
    moderator.decide(removed, "reject", version=2)
    for parent in (waiting, elsewhere, removed, "0" * 28, "nonsense"):
        answer = reader.submit(parent=parent)
        assert (answer.status_code, list(answer.json["errors"])) == (422, ["parent"]), parent
    assert [comment["id"] for comment in moderator.queue()] == [waiting]


def test_the_honeypot_files_as_spam_and_answers_like_any_other(reader: Reader, moderator: Moderator) -> None:
    answer = reader.submit(homepage="https://spam.example")
    assert (answer.status_code, answer.json["status"]) == (202, "pending")
    assert moderator.queue() == []
    assert [comment["reasons"] for comment in moderator.queue(status="spam")] == [["honeypot"]]


def test_reasons_say_what_is_known(reader: Reader, moderator: Moderator) -> None:
    reader.submitted(email="hoa@reader-mail.vn", body="see https://a.example")
    reader.submitted(email="HOA@reader-mail.vn")
    first, second = moderator.queue()
    assert first["reasons"] == ["link", "first_comment"]
    assert second["reasons"] == ["review"]
    assert first["person"] == second["person"], "one address, one person"


def test_a_person_has_another_name_on_another_site(reader: Reader, moderator: Moderator) -> None:
    for site in ("main", "sport"):
        reader.submitted(email="hoa@reader-mail.vn", site=site)
    first, second = moderator.queue()
    assert first["person"] != second["person"]


def test_a_source_that_sends_too_much_waits(make_app: Callable[..., Flask]) -> None:
    clock = [1_800_000_000.0]
    app = make_app(now=lambda: clock[0], submit_limit="3/minute")
    reader = Reader(app.test_client())
    assert [reader.submit().status_code for _ in range(4)] == [202, 202, 202, 429]
    refused = reader.submit()
    assert refused.json["code"] == "too_many"
    clock[0] += int(refused.headers["Retry-After"])
    assert reader.submit().status_code == 202


def test_a_repetition_is_answered_even_when_the_limit_is_reached(make_app: Callable[..., Flask]) -> None:
    reader = Reader(make_app(submit_limit="1/hour").test_client())
    said = a_submission()
    first = reader.submit(key=KEY, **said)
    assert reader.submit().status_code == 429
    assert reader.submit(key=KEY, **said).data == first.data


def test_sources_are_counted_apart(make_app: Callable[..., Flask]) -> None:
    app = make_app(submit_limit="1/hour", trusted_proxies=1)

    def status(client: str) -> int:
        headers = {"X-Forwarded-For": client}
        return app.test_client().post(COMMENTS, json=a_submission(), headers=headers).status_code

    assert status("192.0.2.1") == 202
    assert status("192.0.2.1") == 429
    assert status("192.0.2.2") == 202
    assert status("2001:db8::1") == 202
    assert status("2001:db8::2") == 429, "a /64 is one source"


def test_two_round_trips_at_most(reader: Reader, round_trips: Counter[str], request: pytest.FixtureRequest) -> None:
    reader.submit(key=KEY)
    round_trips.clear()
    assert reader.submit(key="another").status_code == 202
    on_cluster = "cluster" in request.node.name  # each goes to as many of its three servers as it asks, at once
    assert round_trips.total() <= (6 if on_cluster else 2)


def test_an_address_opens_only_for_its_own_comment_with_the_private_key(reader: Reader, house: House) -> None:
    comment_id = reader.submitted(email="Hoa@Reader-Mail.vn")
    sealed = house.client.command("HGET", house.store._keys.comment(comment_id), records.MAIL)
    assert unseal(bytes(MAIL_KEY), sealed, comment_id).reveal() == "Hoa@reader-mail.vn"
    with pytest.raises(Unreadable):
        unseal(bytes(MAIL_KEY), sealed, "0" * 28)
    with pytest.raises(Unreadable):
        unseal(bytes(PrivateKey.generate()), sealed, comment_id)


def test_a_receipt_tells_the_state_and_nothing_else(reader: Reader, house: House) -> None:
    answer = reader.submit(name="Hoa", body="secret words").json
    path = f"/api/v1/receipts/{answer['receipt']}"
    assert reader.client.get(path).json == {
        "id": answer["id"],
        "article": "bien-dong-1",
        "status": "pending",
        "reason": None,
        "created_at": answer["created_at"],
        "decided_at": None,
    }
    house.desk.decide([Verdict(answer["id"], 1, Decision.REJECT, "Ngoài chủ đề")], by="Quỳnh Như")
    after = reader.client.get(path)
    assert (after.json["status"], after.json["reason"]) == ("rejected", "Ngoài chủ đề")
    assert after.headers["Cache-Control"] == "no-store"
    page = reader.client.get(answer["receipt_url"])
    assert "Quỳnh" not in page.text + after.text, "readers do not learn who decided"


@pytest.mark.parametrize("forged", ["", "x", "{id}", "{id}-" + "A" * 22, "{id}-{proof}x", "%00", "é" * 51])
def test_a_forged_receipt_opens_nothing(reader: Reader, forged: str) -> None:
    receipt = reader.submit().json["receipt"]
    comment_id, proof = receipt.split("-", 1)
    path = f"/api/v1/receipts/{forged.format(id=comment_id, proof=proof)}"
    assert reader.client.get(path).status_code == 404


@pytest.mark.parametrize("approved", [False, True])
def test_an_author_can_withdraw_again_and_again(reader: Reader, moderator: Moderator, approved: bool) -> None:
    answer = reader.submit().json
    if approved:
        moderator.decide(answer["id"], "approve")
    path = f"/api/v1/receipts/{answer['receipt']}"
    assert [reader.client.delete(path).json["status"] for _ in range(2)] == ["withdrawn", "withdrawn"]
    assert reader.read()["count"] == 0
    assert moderator.queue() == []


def test_what_was_rejected_cannot_be_withdrawn(reader: Reader, moderator: Moderator) -> None:
    answer = reader.submit().json
    moderator.decide(answer["id"], "reject")
    refused = reader.client.delete(f"/api/v1/receipts/{answer['receipt']}")
    assert (refused.status_code, refused.json["code"]) == (409, "conflict")


def test_without_the_address_requirement_none_is_needed(make_app: Callable[..., Flask]) -> None:
    reader = Reader(make_app(require_email=False).test_client())
    assert reader.submit(email=None).status_code == 202
    assert reader.submit(email="nonsense").status_code == 422
