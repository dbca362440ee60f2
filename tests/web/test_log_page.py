"""The log page: what it shows to whom, and the file that no spreadsheet computes."""

import csv
import io
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import pytest
from flask import Flask

from comments.web import log
from comments.web.here import House
from tests.newsroom import Colleague, hidden
from tests.people import Moderator, Reader

PAGE, EXPORT = "/moderate/log", "/moderate/log/export"


@pytest.fixture
def hoa(app: Flask) -> Colleague:
    return Colleague(app, "Hoa", "reader-of-log").signed_in()


def rows(colleague: Colleague, **query: str) -> list[dict[str, str]]:
    """The exported file, as a program reads it."""
    token = hidden(colleague.get(PAGE).text, "csrf_token")
    answer = colleague.client.post(EXPORT, query_string=query, data={"csrf_token": token})
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="log-')
    return list(csv.DictReader(io.StringIO(answer.get_data(as_text=True).removeprefix("\ufeff"))))


def test_it_says_who_did_what_and_leads_to_the_comment(
    hoa: Colleague, reader: Reader, moderator: Moderator, house: House
) -> None:
    comment_id = reader.submitted(name="Bình", body="Có <b>ai</b> đọc không?", article_title="Một bài báo")
    moderator.decide(comment_id, "reject", reason="Không liên quan.")
    house.people.add_moderator("Minh", by="Chief")
    page = hoa.get(PAGE).text
    for said in (
        "Lan",
        "rejected",
        "Có &lt;b&gt;ai&lt;/b&gt;",
        "Một bài báo",
        "Không liên quan.",
        "person added",
        "Minh",
    ):
        assert said in page
    history = hoa.get(PAGE, comment=comment_id).text
    assert f'href="/moderate/log?lang=en&amp;comment={comment_id}"' in page
    assert "rejected" in history
    assert "person added" not in history.split('class="records"')[1]


def test_whoever_reads_the_log_alone_begins_there(app: Flask, hoa: Colleague) -> None:
    assert hoa.get("/moderate/sign-in").location == "/moderate/log?lang=en"
    assert 'href="/moderate/?' not in hoa.get(PAGE).text, "no door that is closed"


@pytest.mark.parametrize(
    "query",
    [{"cursor": "x"}, {"comment": "x"}, {"since": "gestern"}, {"until": "20261231"}, {"by": "a\u202eb"}],
)
def test_a_wrong_question_is_refused(hoa: Colleague, query: dict[str, str]) -> None:
    assert hoa.get(PAGE, **query).status_code == 422


def test_pages_follow_one_another(hoa: Colleague, reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_PER_PAGE", 2)
    ids = [reader.submitted() for _ in range(3)]
    first = hoa.get(PAGE, what="submitted").text
    cursor = first.split("cursor=", 1)[1].split("&", 1)[0].split('"', 1)[0]
    second = hoa.get(PAGE, what="submitted", cursor=cursor).text
    assert [one in first for one in ids] == [False, True, True]
    assert [one in second for one in ids] == [True, False, False]


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "\r\n=1", "＝1", "\u3000@x", "|calc", "%0A=1", '="x"'],
)
def test_no_cell_begins_like_a_formula(text: str) -> None:
    said = log.cell(text)
    assert said.startswith("'")
    assert not set(said) & set("\r\n\t")


@pytest.mark.parametrize("text", ["Lan", "2026-11-24T07:00:00.000Z", "a=b", ""])
def test_other_cells_stay_as_they_are(text: str) -> None:
    assert log.cell(text) == text


def test_the_file_holds_what_the_page_shows(hoa: Colleague, reader: Reader, moderator: Moderator) -> None:
    comment_id = reader.submitted(article="=cmd|' /C calc'!A0")
    moderator.decide(comment_id, "reject", reason='=HYPERLINK("http://x","y")\nzwei')
    (first, second) = rows(hoa, comment=comment_id)
    assert (first["what"], first["by"], first["from"], first["version"]) == ("rejected", "Lan", "pending", "2")
    assert first["reason"] == '\'=HYPERLINK("http://x","y") zwei'
    assert second["article"] == "'=cmd|' /C calc'!A0"


def test_a_name_like_a_formula_is_only_a_name_in_the_file(hoa: Colleague, house: House) -> None:
    house.people.add_moderator("=1+2", by="@Chief")
    (row,) = rows(hoa, what="added", by="@Chief")
    assert (row["person"], row["by"]) == ("'=1+2", "'@Chief")


def test_the_file_is_made_in_pieces_and_that_it_was_taken_is_noted(
    hoa: Colleague, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "_EXPORT_AT_ONCE", 2)
    for _ in range(5):
        reader.submitted()
    assert len(rows(hoa, what="submitted")) == 5
    monkeypatch.setattr(log, "EXPORT_MOST", 3)
    *cut, more = rows(hoa, what="submitted")
    assert (len(cut), more["what"]) == (3, "more")
    rest = hoa.client.get(more["detail"]).text
    assert rest.count("<time") == 2
    assert more["detail"].startswith("/moderate/log?what=submitted&")
    *whole, last = rows(hoa, what="submitted", cursor=dict(parse_qsl(more["detail"]))["cursor"])
    assert (len(whole), last["what"]) == (1, "submitted")
    assert [row["by"] for row in rows(hoa, what="export")][:3] == ["Hoa"] * 3


def test_a_closing_for_age_says_so(hoa: Colleague, reader: Reader, house: House) -> None:
    reader.submitted(article="cũ")
    later = datetime.now(UTC) + timedelta(days=1)
    house.articles.close_aged(before=later, at=later, days=1)
    newest = hoa.get(PAGE).text.split("<time")[1]
    for said in ("the service", "article closed", "its first comment is more than 1 day old", "cũ"):
        assert said in newest


def test_moderators_see_the_log_but_take_no_file(app: Flask) -> None:
    lan = Colleague(app).signed_in()
    page = lan.get(PAGE)
    assert page.status_code == 200
    assert "CSV" not in page.text
    assert lan.post(EXPORT, page=PAGE).status_code == 403
