"""Reading: pages of threads, replies, what is left of a removed comment, counts."""

import itertools
from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from comments.model import FIRST_REPLIES, Decision, Verdict
from comments.store import records
from comments.web.here import House
from tests.people import Moderator, Reader

pytestmark = pytest.mark.topologies

ONLY = {"article", "open", "count", "comments", "next"}


@pytest.fixture
def clock() -> Iterator[float]:
    """A clock that moves a second at each look, so that order is plain."""
    return itertools.count(1_800_000_000)


@pytest.fixture
def app(make_app: Callable[..., Flask], clock: Iterator[float]) -> Flask:
    return make_app(now=lambda: next(clock))


def pages(reader: Reader, **query: object) -> list[list[str]]:
    """The ids of every page, by following `next`."""
    found, cursor = [], ""
    while cursor is not None:
        page = reader.read(cursor=cursor, **query)
        assert set(page) == ONLY
        found.append([comment["id"] for comment in page["comments"]])
        cursor = page["next"]
    return found


@pytest.mark.parametrize("sort", ["oldest", "newest"])
def test_threads_are_paged_without_gap_or_repetition(reader: Reader, moderator: Moderator, sort: str) -> None:
    ids = [moderator.approved(reader) for _ in range(7)]
    expected = ids if sort == "oldest" else ids[::-1]
    assert pages(reader, sort=sort, limit=3) == [expected[:3], expected[3:6], expected[6:]]


def test_a_full_last_page_has_no_next(reader: Reader, moderator: Moderator) -> None:
    ids = [moderator.approved(reader) for _ in range(4)]
    assert pages(reader, limit=2) == [ids[:2], ids[2:]]


def test_a_cursor_stays_right_while_comments_come_and_go(reader: Reader, moderator: Moderator) -> None:
    ids = [moderator.approved(reader) for _ in range(6)]
    first = reader.read(limit=3)
    moderator.decide(ids[2], "reject", version=2)  # the very comment that the cursor stands on
    moderator.decide(ids[0], "reject", version=2)
    late = moderator.approved(reader)
    rest = reader.read(limit=10, cursor=first["next"])
    assert [comment["id"] for comment in rest["comments"]] == [*ids[3:], late]


def test_replies_come_oldest_first_with_their_thread_and_by_page(reader: Reader, moderator: Moderator) -> None:
    top = moderator.approved(reader)
    replies = [moderator.approved(reader, parent=top) for _ in range(FIRST_REPLIES + 5)]
    (thread,) = reader.read(sort="newest")["comments"]
    assert [reply["id"] for reply in thread["replies"]] == replies[:FIRST_REPLIES]
    assert thread["reply_count"] == len(replies)
    rest = reader.read(parent=top, cursor=thread["replies_next"], limit=3)
    assert [reply["id"] for reply in rest["comments"]] == replies[FIRST_REPLIES : FIRST_REPLIES + 3]
    assert [reply["id"] for reply in reader.read(parent=top, cursor=rest["next"])["comments"]] == replies[-2:]


def test_a_removed_comment_keeps_its_place_while_replies_stand(reader: Reader, moderator: Moderator) -> None:
    top = moderator.approved(reader, name="Hoa", body="gone", website="https://hoa.example")
    reply = moderator.approved(reader, parent=top, body="still here")
    moderator.decide(top, "reject", version=2)
    page = reader.read()
    (thread,) = page["comments"]
    assert (thread["id"], thread["removed"], page["count"]) == (top, True, 1)
    assert (thread["name"], thread["body"], thread["html"], thread["website"]) == ("", "", "", None)
    assert [r["body"] for r in thread["replies"]] == ["still here"]
    moderator.decide(reply, "reject", version=2)
    assert reader.read()["comments"] == []


def test_a_removed_comment_comes_back_whole(reader: Reader, moderator: Moderator) -> None:
    top = moderator.approved(reader, body="here")
    moderator.approved(reader, parent=top)
    before = reader.read()
    moderator.decide(top, "reject", version=2)
    moderator.decide(top, "approve", version=3)
    assert reader.read() == before


def test_a_reply_may_be_approved_after_its_parent_was_removed(reader: Reader, moderator: Moderator) -> None:
    top = moderator.approved(reader)
    waiting = reader.submitted(parent=top)
    moderator.decide(top, "spam", version=2)
    assert reader.read()["comments"] == []
    moderator.decide(waiting, "approve")
    (thread,) = reader.read()["comments"]
    assert (thread["removed"], [reply["id"] for reply in thread["replies"]]) == (True, [waiting])


def test_one_approved_comment_can_be_read_alone(reader: Reader, moderator: Moderator) -> None:
    comment_id = moderator.approved(reader, body="alone")
    answer = reader.client.get(f"/api/v1/comments/{comment_id}")
    assert answer.json == reader.read()["comments"][0]
    assert reader.client.get(f"/api/v1/comments/{reader.submitted()}").status_code == 404


def test_counts_of_many_articles_come_in_one_answer(reader: Reader, moderator: Moderator) -> None:
    for article in ("a", "a", "b"):
        moderator.approved(reader, article=article)
    answer = reader.client.get("/api/v1/counts?article=a&article=b&article=c&article=a")
    assert answer.json == {"counts": {"a": 2, "b": 1, "c": 0}}


@pytest.mark.parametrize("number", [0, 101])
def test_counts_take_one_to_a_hundred_articles(reader: Reader, number: int) -> None:
    query = "&".join(f"article={n}" for n in range(number))
    assert reader.client.get(f"/api/v1/counts?{query}").status_code == 422


def test_sites_do_not_mix(reader: Reader, moderator: Moderator) -> None:
    moderator.approved(reader, site="sport")
    assert reader.read()["count"] == 0
    assert reader.read(site="sport")["count"] == 1


@pytest.mark.parametrize(
    "article",
    ["", "/", "../..", "a b", "{c:00}", "a%00b", '"', "'; DROP", "😀", "ệ", "&article=x", "\u202f", "0" * 512],
)
def test_any_text_is_an_article_and_never_anothers(reader: Reader, moderator: Moderator, article: str) -> None:
    moderator.approved(reader, body="of another")
    answer = reader.client.get("/api/v1/comments", query_string={"article": article})
    assert answer.status_code == (200 if article.strip() else 422)
    assert "of another" not in answer.text


def test_normal_forms_name_the_same_article(reader: Reader, moderator: Moderator) -> None:
    moderator.approved(reader, article="tie\u0302\u0301ng-vie\u0323\u0302t")
    assert reader.read("tiếng-việt")["count"] == 1


@pytest.mark.parametrize(
    "query", [{"limit": "0"}, {"limit": "101"}, {"limit": "x"}, {"sort": "best"}, {"cursor": "x"}, {"parent": "x"}]
)
def test_a_question_that_makes_no_sense_is_refused_by_name(reader: Reader, query: dict[str, str]) -> None:
    answer = reader.client.get("/api/v1/comments", query_string={"article": "a", **query})
    assert (answer.status_code, list(answer.json["errors"])) == (422, list(query))


def test_a_page_costs_one_round_trip(reader: Reader, moderator: Moderator, round_trips: object) -> None:
    top = moderator.approved(reader)
    moderator.approved(reader, parent=top)
    reader.read()
    round_trips.clear()
    reader.read()
    assert round_trips.total() == 1


def test_the_queue_merges_all_shards_by_time(reader: Reader, moderator: Moderator, house: House) -> None:
    ids = [reader.submitted(article=f"article {n % 9}") for n in range(70)]
    assert [c["id"] for c in moderator.queue(limit=100)] == ids
    assert [c["id"] for c in moderator.queue(limit=100, sort="newest")] == ids[::-1]
    seen, cursor = [], ""
    while cursor is not None:
        page = moderator.get("comments", limit=11, cursor=cursor).json
        assert page["total"] == 70
        seen += [c["id"] for c in page["comments"]]
        cursor = page["next"]
    assert seen == ids


def test_the_queue_of_one_busy_article_is_whole(reader: Reader, moderator: Moderator) -> None:
    ids = [reader.submitted() for _ in range(60)]
    assert [c["id"] for c in moderator.queue(limit=50)] == ids[:50]


def test_the_queue_is_narrowed_by_site_article_and_text(reader: Reader, moderator: Moderator) -> None:
    wanted = reader.submitted(article="a", site="sport", body="Bóng ĐÁ")
    reader.submitted(article="a", body="bóng đá")
    reader.submitted(article="b", site="sport", body="khác")
    found = moderator.get("comments", article="a", site="sport", q="bóng đá").json
    assert [c["id"] for c in found["comments"]] == [wanted]
    assert found["total"] is None
    assert len(moderator.queue(site="sport")) == 2
    assert len(moderator.queue(q="đá")) == 2


def test_a_damaged_record_does_not_hide_the_queue(reader: Reader, moderator: Moderator, house: House) -> None:
    first, damaged, missing, last = (reader.submitted() for _ in range(4))
    keys = house.store._keys
    house.client.command("HSET", keys.comment(damaged), records.DATA, b"\xff{not json")
    house.client.command("DEL", keys.comment(missing))
    house.client.command("ZADD", keys.queue(0, "pending"), 0, b"\xff\xfe planted")
    assert [(c["id"], c["reasons"] == ["damaged"]) for c in moderator.queue()] == [
        (first, False),
        (damaged, True),
        (missing, True),
        (last, False),
    ]
    (result,) = house.desk.decide([Verdict(damaged, 1, Decision.APPROVE)], by="Lan")
    assert result.outcome == "invalid"
