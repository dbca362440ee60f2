"""The doctor puts derived sets right from the records, tells what it found, and does no harm."""

import json
from collections.abc import Callable
from itertools import islice

import pytest

from comments import doctor
from comments.model import ReportReason
from comments.settings import load
from comments.store import records, shards
from comments.store.client import Client, connect
from comments.store.keys import Keys, announcement
from comments.store.packing import pack
from comments.store.repair import FOR_SOMEBODY, Report, repair
from comments.web.here import House
from tests.people import Moderator, Reader

pytestmark = pytest.mark.topologies
KEYS = Keys("comments")
ARTICLE = KEYS.article("main", "bien-dong-1")


@pytest.fixture
def client(house: House) -> Client:
    return house.client


@pytest.fixture
def page(reader: Reader, moderator: Moderator) -> list[str]:
    """The ids of a pending, an approved, a rejected comment, of a reply, and of one removed above that reply."""
    top = moderator.approved(reader)
    reply = moderator.approved(reader, parent=top)
    approved, rejected, pending = moderator.approved(reader), reader.submitted(), reader.submitted()
    moderator.decide(rejected, "reject")
    moderator.decide(top, "reject", version=2)
    return [pending, approved, rejected, reply, top]


def everything(client: Client) -> dict[str, object]:
    """All sets and pages, to be compared."""
    dumped = {}
    for name in client.everywhere():
        _, keys = client.on(name, "SCAN", 0, "COUNT", 10_000)
        for key in keys:
            kind = client.command("TYPE", key)
            read = {b"zset": ("ZRANGE", key, 0, -1), b"hash": ("HGETALL", key), b"set": ("SMEMBERS", key)}
            dumped[key.decode()] = client.command(*read[kind]) if kind in read else kind
    return {key: value for key, value in dumped.items() if not key.endswith(":meta")}


def mended(client: Client) -> dict[str, int]:
    """What was found; a second run must find nothing that could be put right."""
    found = repair(client, "comments").counts
    assert set(repair(client, "comments").counts) <= FOR_SOMEBODY
    return found


def test_where_nothing_is_wrong_nothing_is_found_and_nothing_changes(client: Client, page: list[str]) -> None:
    before = everything(client)
    report = repair(client, "comments")
    assert (report.comments, report.counts) == (5, {})
    assert everything(client) == before


def test_lost_queues_and_pages_are_made_again(client: Client, page: list[str], moderator: Moderator) -> None:
    before = everything(client)
    lost = [key for key in before if ":q:" in key or key.endswith((":public", ":threads", ":replies", ":recent"))]
    for key in lost:
        client.command("DEL", key)
    assert mended(client) == {"queue": 5, "public": 2, "thread": 2}
    assert everything(client) == before


def test_lost_lists_of_reported_comments_and_of_persons_are_made_again(
    client: Client, page: list[str], house: House
) -> None:
    for source in "12":
        house.desk.report(page[1], ReportReason.SPAM, source=source)
    before = everything(client)
    client.command("ZADD", KEYS.reported(shards.shard_in(page[1])), 7, page[1])
    assert mended(client) == {"reported": 1}
    for key in before:
        if ":of:" in key or key.endswith("reported"):
            client.command("DEL", key)
    assert repair(client, "comments", look=True).counts == {"reported": 1, "person": 5}
    assert mended(client) == {"reported": 1, "person": 5}
    assert everything(client) == before


def test_reports_that_were_decided_about_are_not_listed_again(
    client: Client, page: list[str], house: House, moderator: Moderator
) -> None:
    house.desk.report(page[1], ReportReason.SPAM, source="1")
    moderator.decide(page[1], "restore", version=2)
    moderator.decide(page[1], "approve", version=3)
    assert repair(client, "comments").counts == {}
    house.desk.report(page[1], ReportReason.SPAM, source="2")
    house.desk.revise(page[1], 4, "Bài viết hay.", by="Lan")
    client.command("DEL", KEYS.reported(shards.shard_in(page[1])))
    assert mended(client) == {"reported": 1}


def test_what_is_not_reported_is_taken_off_that_list(client: Client, page: list[str], house: House) -> None:
    house.desk.report(page[3], ReportReason.SPAM, source="1")
    client.command("HSET", KEYS.comment(page[3]), records.STATUS, "r")
    for comment_id in page:
        client.command("ZADD", KEYS.reported(shards.shard_in(page[0])), 1, comment_id)
    found = mended(client)
    assert found.get("reported", 0) + found["planted"] >= len(page)
    assert client.command("EXISTS", KEYS.reported(shards.shard_in(page[0]))) == 0


def test_looking_changes_nothing(client: Client, page: list[str]) -> None:
    client.command("DEL", ARTICLE.public)
    before = everything(client)
    assert repair(client, "comments", look=True).counts == {"public": 2}
    assert everything(client) == before


def test_what_is_public_and_should_not_be_is_hidden(client: Client, page: list[str], reader: Reader) -> None:
    before = everything(client)
    pending, _, rejected, *_ = page
    for comment_id in (pending, rejected):
        client.command("HSET", ARTICLE.public, comment_id, json.dumps({"id": comment_id, "body": "planted"}))
        client.command("ZADD", ARTICLE.threads, 0, comment_id)
        client.command("ZADD", KEYS.queue(shards.shard_in(pending), "spam"), 0, comment_id)
    # which of the two sees it first is for the server's order of keys to say
    assert set(mended(client)) <= {"hidden", "queue", "planted"}
    assert everything(client) == before


def test_a_public_text_that_differs_from_the_record_is_written_anew(
    client: Client, page: list[str], reader: Reader
) -> None:
    said = reader.read()
    client.command("HSET", ARTICLE.public, page[1], '{"id":"x","body":"forged"}')
    assert mended(client) == {"public": 1}
    assert reader.read() == said


@pytest.mark.parametrize(
    "member", ["nonsense", b"\xff\xfe:", "nonsense:{known}", "{own}" + "0" * 26, "{other}" + "0" * 26]
)
def test_planted_members_are_taken_out(client: Client, page: list[str], member: str | bytes) -> None:
    before = everything(client)
    shard = shards.shard_in(page[0])
    if isinstance(member, str):
        member = member.format(known=page[1], own=f"{shard:02x}", other=f"{(shard + 1) % 64:02x}")
    else:
        member += page[1].encode()
    client.command("ZADD", KEYS.queue(shard, "pending"), 0, member)
    client.command("HSET", ARTICLE.public, member, "{}")
    client.command("ZADD", ARTICLE.replies, 0, member)
    client.command("ZADD", KEYS.recent(shard, "main"), 0, member)
    assert mended(client) == {"planted": 4}
    assert everything(client) == before


def test_a_gap_in_the_log_is_told(client: Client, page: list[str]) -> None:
    client.command("XTRIM", KEYS.log(shards.shard_in(page[0])), "MAXLEN", 1)
    report = repair(client, "comments")
    assert set(report.counts) == {"log"}
    assert set(report.examples["log"]) <= set(page)


@pytest.mark.parametrize(
    "poisoned",
    [
        {records.LOG: "no-entry"},
        {records.LOG: b"\xff\xfe"},
        {records.LOG: "99999999999999999999-0"},
        {records.VERSION: "0", records.LOG: ""},
    ],
)
def test_a_history_that_cannot_be_read_is_a_finding_and_hides_no_other(
    client: Client, page: list[str], moderator: Moderator, poisoned: dict[str, str | bytes]
) -> None:
    for field, value in poisoned.items():
        client.command("HSET", KEYS.comment(page[2]), field, value)
    client.command("DEL", ARTICLE.public)
    assert repair(client, "comments").counts == {"log": 1, "public": 2}
    assert moderator.log(comment=page[2]) == []


def test_an_entry_of_the_log_that_says_nothing_is_a_finding(client: Client, page: list[str]) -> None:
    entry = client.command("XADD", KEYS.log(shards.shard_in(page[0])), "*", "nothing", "")
    client.command("HSET", KEYS.comment(page[0]), records.LOG, entry)
    report = repair(client, "comments")
    assert report.examples == {"log": [page[0]]}


def test_a_record_without_its_words_is_a_finding(client: Client, page: list[str]) -> None:
    client.command("HSET", KEYS.comment(page[1]), records.DATA, pack(json.dumps({"s": "main", "r": []})))
    assert repair(client, "comments").examples["damaged"] == [page[1]]


@pytest.mark.parametrize("name", ["public", "threads", "replies", "recent", "meta"])
def test_a_key_of_another_type_is_a_finding_and_hides_no_other(
    client: Client, page: list[str], reader: Reader, name: str
) -> None:
    other = reader.submitted(article="another")
    key, queue = getattr(ARTICLE, name), KEYS.queue(shards.shard_in(other), "pending")
    client.command("DEL", key)
    client.command("SET", key, "nothing of ours")
    client.command("DEL", queue)
    report = repair(client, "comments")
    assert report.counts.pop("queue") == 1
    assert set(report.counts) == {"type"}
    assert set(report.examples["type"]) <= {key, *page}
    assert client.command("ZRANGE", queue, 0, -1) == [other.encode()]


def test_a_log_or_queue_of_another_type_is_a_finding(client: Client, page: list[str], moderator: Moderator) -> None:
    shard = shards.shard_in(page[0])
    for key in (KEYS.queue(shard, "rejected"), KEYS.log(shard)):
        client.command("SET", key, "nothing of ours")
    assert set(repair(client, "comments").counts) == {"log", "type"}
    assert moderator.get("log", comment=page[0]).json["entries"] == []


def test_a_damaged_comment_beside_a_queue_of_another_type_is_a_finding(client: Client, page: list[str]) -> None:
    client.command("HSET", KEYS.comment(page[0]), records.DATA, "{")
    client.command("SET", KEYS.queue(shards.shard_in(page[0]), "pending"), "nothing of ours")
    assert {"damaged", "type"} <= set(repair(client, "comments").counts)


def test_a_damaged_look_up_value_is_a_finding(client: Client, page: list[str]) -> None:
    client.command("HSET", KEYS.comment(page[0]), "blind", b"\xff")
    assert repair(client, "comments").examples == {"damaged": [page[0]]}


@pytest.mark.parametrize("key", ["comments:{c:zz}:q:pending", "comments:{c:05}:a:x", "comments:{c:05}:a:x:y:z"])
def test_keys_that_are_none_of_ours_are_left_alone(client: Client, page: list[str], key: str) -> None:
    client.command("ZADD", key, 0, "nothing of ours")
    assert repair(client, "comments").counts == {}


def poison(client: Client, comment_id: str, how: str) -> None:
    key = KEYS.comment(comment_id)
    if how == "no text":
        client.command("HSET", key, records.DATA, b"\xff\xfe")
    elif how == "no record":
        client.command("DEL", key)
    elif how == "no version":
        client.command("HSET", key, records.VERSION, "x")
    else:
        client.command("DEL", key)
        client.command("SET", key, "no hash")


@pytest.mark.parametrize("how", ["no text", "no record", "no version", "no hash"])
def test_a_record_that_cannot_be_read_is_shown_and_can_only_be_rejected(
    client: Client, page: list[str], moderator: Moderator, reader: Reader, how: str
) -> None:
    poison(client, page[0], how)
    other = reader.submitted()
    shown = {one["id"]: one for one in moderator.queue()}
    assert set(shown) == {page[0], other}
    assert shown[page[0]]["reasons"] == ["damaged"]
    version = shown[page[0]]["version"]
    assert moderator.decide(page[0], "approve", version=version)["outcome"] in ("invalid", "not_found")
    assert moderator.decide(page[0], "reject", version=version)["outcome"] == "done"
    assert [one["id"] for one in moderator.queue()] == [other]
    assert moderator.decide(page[0], "reject", version=version)["outcome"] in ("not_found", "conflict", "invalid")
    assert repair(client, "comments").counts == {}


def test_a_damaged_comment_of_no_queue_is_put_before_the_moderators(
    client: Client, page: list[str], moderator: Moderator
) -> None:
    client.command("HSET", KEYS.comment(page[1]), records.DATA, "{")
    client.command("DEL", KEYS.queue(shards.shard_in(page[1]), "approved"))
    report = repair(client, "comments")
    assert report.examples["damaged"] == [page[1]]
    assert page[1] in [one["id"] for one in moderator.queue()]


def test_it_runs_beside_the_service(
    client: Client, reader: Reader, moderator: Moderator, store_url: str, together: Callable[..., list[object]]
) -> None:
    ids = [reader.submitted(article=f"article {n % 5}") for n in range(60)]
    own = connect(store_url, timeout=5, pause=0, pool=2)

    def decide() -> None:
        for comment_id in ids:
            assert moderator.decide(comment_id, "approve")["outcome"] == "done"
            assert moderator.decide(comment_id, "reject", version=2)["outcome"] == "done"

    def look() -> list[Report]:
        return [repair(own, "comments") for _ in range(15)]

    reports, _ = together([look, decide])
    assert [report.counts for report in reports if report.counts] == []  # type: ignore[attr-defined]  # what `look` gives
    own.close()


@pytest.mark.parametrize("how", ["no text", "no record", "no version", "no hash"])
@pytest.mark.parametrize("which", [1, 3])
def test_a_damaged_comment_that_is_rejected_is_public_no_more_and_its_words_are_kept(
    client: Client, page: list[str], moderator: Moderator, reader: Reader, how: str, which: int
) -> None:
    public = client.command("HGET", ARTICLE.public, page[which])
    poison(client, page[which], how)
    assert len(reader.bodies()) == 2
    version = next(one["version"] for one in moderator.queue(status="approved") if one["id"] == page[which])
    assert moderator.decide(page[which], "reject", version=version)["outcome"] == "done"
    assert len(reader.bodies()) == 1
    left = [str(value) for key, value in everything(client).items() if ":a:" in key or ":s:" in key]
    assert not any(page[which] in value for value in left)
    assert client.command("EXISTS", KEYS.aside(page[which])) == 1
    assert client.command("GET", KEYS.aside_public(page[which])) == public
    assert repair(client, "comments").counts == {}


def test_its_page_and_feed_are_announced(client: Client, page: list[str], moderator: Moderator) -> None:
    poison(client, page[1], "no text")
    heard = client.listen(KEYS.changed, poll=0.05)
    next(heard)
    moderator.decide(page[1], "reject", version=2)
    assert next(filter(None, islice(heard, 100)), b"").decode() == announcement("main", "bien-dong-1")
    heard.close()


def test_a_damaged_comment_is_in_no_feed_and_cannot_be_withdrawn(
    client: Client, reader: Reader, moderator: Moderator
) -> None:
    accepted = reader.submit().json
    moderator.decide(accepted["id"], "approve")
    poison(client, accepted["id"], "no text")
    for feed in ("/feeds/article.atom?article=bien-dong-1", "/feeds/site.atom"):
        assert "<entry>" not in reader.client.get(feed).text
    assert reader.client.delete(f"/api/v1/receipts/{accepted['receipt']}").status_code == 409
    assert moderator.queue(status="withdrawn") == []


@pytest.mark.parametrize("how", ["no text", "no version", "no hash"])
def test_what_is_left_of_a_damaged_comment_stays_where_it_is(
    client: Client, page: list[str], reader: Reader, how: str
) -> None:
    for comment_id in (page[1], page[3], page[4]):
        poison(client, comment_id, how)
    before = everything(client)
    for _ in range(2):
        assert repair(client, "comments").counts == {"damaged": 3}
    assert everything(client) == before
    assert len(reader.bodies()) == 2


def test_a_lost_record_is_told_and_nothing_that_is_left_of_it_is_tidied_away(
    client: Client, page: list[str], moderator: Moderator
) -> None:
    for comment_id in (page[0], page[1], page[4]):
        poison(client, comment_id, "no record")
    before = everything(client)
    for _ in range(2):
        report = repair(client, "comments")
        assert report.counts == {"missing": 3}
        assert set(report.examples["missing"]) == {page[0], page[1], page[4]}
    assert everything(client) == before


@pytest.mark.parametrize("how", ["no record", "no text"])
def test_what_cannot_be_put_right_is_a_problem_for_the_doctor(
    client: Client, page: list[str], store_url: str, how: str
) -> None:
    poison(client, page[0], how)
    findings = doctor.repaired(load({}, redis_url=store_url), look=False, told=lambda _: None)
    assert [finding.verdict for finding in findings] == [doctor.OK, doctor.PROBLEM]
    assert page[0] in findings[1].says


def test_a_lost_comment_of_no_queue_is_put_before_the_moderators(
    client: Client, page: list[str], moderator: Moderator
) -> None:
    poison(client, page[2], "no record")
    client.command("DEL", KEYS.queue(shards.shard_in(page[2]), "rejected"))
    assert repair(client, "comments", look=True).counts["missing"] == 1
    assert page[2] not in [one["id"] for one in moderator.queue()]
    assert repair(client, "comments").counts["missing"] == 1
    assert moderator.decide(page[2], "reject", version=0)["outcome"] == "done"
    assert repair(client, "comments").counts == {}


def test_what_stood_above_replies_goes_with_them(
    client: Client, page: list[str], reader: Reader, moderator: Moderator
) -> None:
    before = everything(client)[ARTICLE.threads]
    for n in range(6):
        top = moderator.approved(reader)
        reply = moderator.approved(reader, parent=top)
        moderator.decide(top, "reject", version=2)
        client.command("HSET", KEYS.comment(reply), records.STATUS, "r")
        if n % 2:
            client.command("ZADD", ARTICLE.replies, 0, f"{top}:{page[1]}")
    assert set(mended(client)) - {"log"} <= {"queue", "hidden", "planted"}
    assert client.command("ZRANGE", ARTICLE.threads, 0, -1) == before
