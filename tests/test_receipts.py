"""What an author may do with a comment that waits: change its text, as often as nobody has decided."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from comments.model import Decision, Verdict
from comments.store import records
from comments.web.here import House
from tests.people import Moderator, Reader

RECEIPTS = "/api/v1/receipts/"


def edit(reader: Reader, receipt: str, body: Any, **headers: str) -> Any:
    return reader.client.patch(RECEIPTS + receipt, json={"body": body}, headers=headers)


@pytest.fixture
def receipt(reader: Reader) -> str:
    return str(reader.submit(body="Câu đầu.").json["receipt"])


def test_a_changed_text_is_what_the_moderator_reads_and_what_appears(
    reader: Reader, moderator: Moderator, receipt: str
) -> None:
    answer = edit(reader, receipt, "  Câ\u0300u sau.\r\n")
    assert (answer.status_code, answer.json["status"]) == (200, "pending")
    (comment,) = moderator.queue()
    assert (comment["body"], comment["version"], comment["reasons"]) == ("Cầu sau.", 2, ["first_comment"])
    assert moderator.decide(comment["id"], "approve", version=2)["outcome"] == "done"
    (shown,) = reader.read()["comments"]
    assert shown["body"] == "Cầu sau."
    assert shown["edited_at"] == comment["edited_at"] is not None


def test_the_answer_echoes_no_word(reader: Reader, receipt: str) -> None:
    assert "mật" not in edit(reader, receipt, "Chuyện mật.").text


def test_it_is_examined_again(reader: Reader, moderator: Moderator, receipt: str) -> None:
    edit(reader, receipt, "Xem https://a.example")
    assert moderator.queue()[0]["reasons"] == ["link", "first_comment"]
    edit(reader, receipt, "Thôi.")
    assert moderator.queue()[0]["reasons"] == ["first_comment"]


def test_it_keeps_its_place_in_the_queue_and_its_address(reader: Reader, moderator: Moderator, house: House) -> None:
    first = reader.submit(body="một").json
    second = reader.submitted(body="hai")
    record = next(key for key in house.client.command("KEYS", f"*:c:{first['id']}"))
    sealed = house.client.command("HGET", record, records.MAIL)
    edit(reader, first["receipt"], "ba")
    assert [comment["id"] for comment in moderator.queue()] == [first["id"], second]
    assert house.client.command("HGET", record, records.MAIL) == sealed


def test_the_change_is_in_the_log(reader: Reader, moderator: Moderator, receipt: str) -> None:
    edit(reader, receipt, "Câu sau.")
    entries = moderator.log(comment=moderator.queue()[0]["id"])
    steps = [(e["from"], e["to"], e["by"], e["version"], e["reason"]) for e in entries]
    assert steps == [(None, "pending", "", 1, "first_comment"), ("pending", "pending", "", 2, "edited")]


def test_the_same_text_again_changes_nothing(reader: Reader, moderator: Moderator, receipt: str) -> None:
    assert [edit(reader, receipt, "Câu sau. ").status_code for _ in range(3)] == [200] * 3
    assert moderator.queue()[0]["version"] == 2


def test_a_moderator_who_saw_the_old_text_decides_nothing(reader: Reader, moderator: Moderator, receipt: str) -> None:
    edit(reader, receipt, "Câu sau.")
    comment_id = moderator.queue()[0]["id"]
    stale = moderator.decide(comment_id, "approve", version=1)
    assert (stale["outcome"], stale["status"], stale["version"]) == ("conflict", "pending", 2)
    assert reader.read()["count"] == 0


@pytest.mark.parametrize("decision", ["approve", "reject", "spam"])
def test_what_is_decided_cannot_be_changed(reader: Reader, moderator: Moderator, receipt: str, decision: str) -> None:
    comment_id = moderator.queue()[0]["id"]
    moderator.decide(comment_id, decision)
    answer = edit(reader, receipt, "Câu sau.")
    assert (answer.status_code, answer.json["code"]) == (409, "conflict")
    assert "Câu sau" not in reader.client.get("/api/v1/comments?article=bien-dong-1").text


def test_what_is_withdrawn_cannot_be_changed(reader: Reader, receipt: str) -> None:
    reader.client.delete(RECEIPTS + receipt)
    assert edit(reader, receipt, "Câu sau.").status_code == 409


@pytest.mark.parametrize("body", ["", " \n ", "x" * 5001, "a\u202eb", "\u200b", None, 7, ["x"], {}])
def test_it_is_asked_of_the_new_text_what_was_asked_of_the_first(reader: Reader, receipt: str, body: Any) -> None:
    answer = edit(reader, receipt, body)
    assert (answer.status_code, list(answer.json["errors"])) == (422, ["body"])


def test_a_receipt_of_nobody_changes_nothing(reader: Reader, receipt: str) -> None:
    assert edit(reader, receipt[:-1] + "!", "Câu sau.").status_code == 404


def test_pages_of_strangers_change_nothing(reader: Reader, moderator: Moderator, receipt: str) -> None:
    assert edit(reader, receipt, "Câu sau.", Origin="https://evil.example").status_code == 403
    assert moderator.queue()[0]["body"] == "Câu đầu."


def test_changes_count_as_submissions_do(make_app: Callable[..., Flask]) -> None:
    reader = Reader(make_app(submit_limit="2/hour").test_client())
    receipt = reader.submit().json["receipt"]
    answers = [edit(reader, receipt, text).status_code for text in ("một", "một", "hai", "một")]
    assert answers == [200, 200, 429, 200], "the same text costs nothing"


def test_the_author_and_a_moderator_cannot_both_win(
    reader: Reader, house: House, together: Callable[..., list[Any]]
) -> None:
    for _ in range(10):
        said = reader.submit(body="Câu đầu.").json

        def change(receipt: str = said["receipt"]) -> str:
            try:
                return house.desk.edit(receipt, "Câu sau.", source=None).body
            except Exception as error:
                return type(error).__name__

        def approve(comment_id: str = said["id"]) -> str:
            return house.desk.decide([Verdict(comment_id, 1, Decision.APPROVE)], by="Lan")[0].outcome

        changed, approved = together([change, approve])
        assert (changed == "Câu sau.") != (approved == "done"), (changed, approved)
        published = [comment["body"] for comment in reader.read(limit=100)["comments"]]
        assert "Câu sau." not in published


def test_on_the_page_a_text_is_changed_without_script(reader: Reader, moderator: Moderator, receipt: str) -> None:
    page = reader.client.get(f"/receipts/{receipt}")
    assert f"/receipts/{receipt}/edit" in page.text
    assert "Câu đầu" not in page.text, "the receipt may be shown to anyone"
    assert "Câu đầu." in reader.client.get(f"/receipts/{receipt}/edit").text
    saved = reader.client.post(f"/receipts/{receipt}/edit", data={"body": "<b>Câu</b> sau."})
    assert (saved.status_code, saved.location) == (303, f"/receipts/{receipt}")
    assert moderator.queue()[0]["body"] == "<b>Câu</b> sau."


def test_on_the_page_a_faulty_text_comes_back(reader: Reader, receipt: str) -> None:
    answer = reader.client.post(f"/receipts/{receipt}/edit", data={"body": "y" * 5001})
    assert answer.status_code == 422
    assert "y" * 5001 in answer.text


def test_on_the_page_a_decided_comment_leads_to_its_receipt(reader: Reader, moderator: Moderator, receipt: str) -> None:
    moderator.decide(moderator.queue()[0]["id"], "approve")
    for answer in (
        reader.client.get(f"/receipts/{receipt}/edit"),
        reader.client.post(f"/receipts/{receipt}/edit", data={"body": "Câu sau."}),
    ):
        assert (answer.status_code, answer.location) == (303, f"/receipts/{receipt}")
    assert f"/receipts/{receipt}/edit" not in reader.client.get(f"/receipts/{receipt}").text


def links_of(page: str) -> list[tuple[str, str, str]]:
    """What the receipt's page offers outside of the service: address, rel, words."""
    return re.findall(r'<a class="button" href="([^"]+)" target="_top" rel="([^"]+)">([^<]+)</a>', page)


def test_it_leads_back_to_the_article_and_to_the_comment_there(
    make_app: Callable[..., Flask], moderator: Moderator
) -> None:
    reader = Reader(make_app(allowed_origins="https://news.example").test_client())
    said = reader.submit(article_url="https://News.Example/a?b=1&c=2#top", article_title="Biển <Đông>").json
    path = f"/receipts/{said['receipt']}?lang=en"
    rel = "nofollow noopener noreferrer"
    waiting = reader.client.get(path).text
    assert links_of(waiting) == [("https://News.Example/a?b=1&amp;c=2", rel, "Back to the article on news.example")]
    assert "Biển &lt;Đông&gt;" in waiting
    moderator.decide(said["id"], "approve")
    assert links_of(reader.client.get(path).text) == [
        (f"https://News.Example/a?b=1&amp;c=2#comment-{said['id']}", rel, "Read it under the article on news.example")
    ]


@pytest.mark.parametrize(
    ("url", "settings"),
    [
        (None, {}),
        ("https://news.example.evil.example/", {}),
        ("https://news.example:8443/", {}),
        ("http://news.example/", {}),
        ("https://evil.example/https://news.example/", {}),
        ("https://evil.example/#@news.example", {}),
        ("https://xn--nws-hoa.example/", {}),
        ("http://localhost/", {}),  # the Host header is the client's
        ("https://news.example/", {"allowed_origins": "*"}),
    ],
)
def test_it_leads_to_no_page_that_the_settings_do_not_name(
    make_app: Callable[..., Flask], url: str | None, settings: dict[str, str]
) -> None:
    reader = Reader(make_app(**{"allowed_origins": "https://news.example", **settings}).test_client())
    said = reader.submit(article_url=url).json
    page = reader.client.get(f"/receipts/{said['receipt']}").text
    assert links_of(page) == []
    assert "evil.example" not in page
