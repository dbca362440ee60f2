"""Atom feeds: what feed readers make of them, and that they are as fresh and as silent as everything public."""

from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import feedparser
import pytest
from flask import Flask

from comments.ids import new_ulid
from comments.model import FEED_MAX
from comments.store import shards
from comments.store.keys import Keys
from comments.web.here import House
from tests.people import Moderator, Reader

ATOM = "{http://www.w3.org/2005/Atom}"
ARTICLE, SITE = "/feeds/article.atom?article=bien-dong-1", "/feeds/site.atom"
PUBLIC = "https://comments.example"
HOSTILE = "]]> <script>hit()</script> & \"'\n\nhttps://a.example/?x=1&y=2 👩‍👩‍👧 Nguyễn"


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return make_app(public_url=PUBLIC, allowed_origins="https://news.example")


def feed(reader: Reader, path: str) -> Any:
    """A feed as a feed reader sees it; fails where a validator would."""
    answer = reader.client.get(path)
    assert (answer.status_code, answer.content_type) == (200, "application/atom+xml; charset=utf-8"), answer.text
    check(answer.data)
    parsed = feedparser.parse(answer.data)
    assert (parsed.bozo, parsed.version) == (False, "atom10")
    return parsed


def check(data: bytes) -> None:
    """What RFC 4287 asks: 4.1.1 of a feed, 4.1.2 of an entry."""
    root = ElementTree.fromstring(data)  # noqa: S314  # our own answer
    assert root.tag == f"{ATOM}feed"
    for part in [root, *root.iter(f"{ATOM}entry")]:
        for name in ("id", "title", "updated"):
            (one,) = part.findall(f"{ATOM}{name}")
            assert one.text
    for entry in root.iter(f"{ATOM}entry"):
        assert [name.text for name in entry.findall(f"{ATOM}author/{ATOM}name")] != [None]
        assert entry.find(f"{ATOM}content").get("type") == "html"
        assert entry.find(f"{ATOM}link").get("rel") == "alternate"
    (self,) = [link for link in root.findall(f"{ATOM}link") if link.get("rel") == "self"]
    assert self.get("href", "").startswith(f"{PUBLIC}/feeds/")
    ids = [entry.findtext(f"{ATOM}id") for entry in root.iter(f"{ATOM}entry")]
    assert len(set(ids)) == len(ids)


def bodies(parsed: Any) -> list[str]:
    return [entry.content[0].value for entry in parsed.entries]


def test_an_article_has_its_newest_comments_and_replies(reader: Reader, moderator: Moderator) -> None:
    top = moderator.approved(reader, body="một", article_title="Biển Đông", website="https://hoa.example/")
    moderator.approved(reader, body="hai", parent=top)
    moderator.approved(reader, body="khác", article="another")
    parsed = feed(reader, ARTICLE)
    assert bodies(parsed) == ["<p>hai</p>", "<p>một</p>"]
    assert parsed.feed.title == "Comments on Biển Đông"
    assert (parsed.entries[1].author, parsed.entries[1].author_detail.href) == (
        "Nguyễn Thị Hoa",
        "https://hoa.example/",
    )
    assert parsed.entries[1].id == f"tag:comments.example,2026:{top}"


def test_a_site_has_the_newest_of_all_its_articles(reader: Reader, moderator: Moderator) -> None:
    for n in range(3):
        moderator.approved(reader, body=f"{n}", article=f"article {n}")
    moderator.approved(reader, body="khác", site="other")
    assert bodies(feed(reader, SITE)) == ["<p>2</p>", "<p>1</p>", "<p>0</p>"]
    assert bodies(feed(reader, SITE + "?site=other")) == ["<p>khác</p>"]


@pytest.mark.parametrize("path", [ARTICLE, SITE])
def test_it_holds_what_is_approved_and_nothing_else(reader: Reader, moderator: Moderator, path: str) -> None:
    reader.submitted(body="not yet")
    gone = moderator.approved(reader, body="once")
    stays = moderator.approved(reader, body="stays")
    moderator.decide(gone, "reject", version=2)
    assert bodies(feed(reader, path)) == ["<p>stays</p>"]
    moderator.decide(stays, "restore", version=2)
    assert bodies(feed(reader, path)) == []


@pytest.mark.parametrize("path", [ARTICLE, SITE])
def test_fifty_are_enough(reader: Reader, moderator: Moderator, path: str) -> None:
    ids = [reader.submitted(body=f"{n}") for n in range(53)]
    moderator.send([{"id": one, "version": 1, "decision": "approve"} for one in ids])
    assert bodies(feed(reader, path)) == [f"<p>{n}</p>" for n in range(52, 2, -1)]


@pytest.mark.parametrize("path", [ARTICLE, SITE, ARTICLE + "&lang=vi"])
def test_any_words_make_a_sound_feed(reader: Reader, moderator: Moderator, path: str) -> None:
    name = " ".join(HOSTILE.split())[:80]
    moderator.approved(reader, body=HOSTILE, name=name, article_title=HOSTILE, website="https://a.example/?x=1&y=2")
    parsed = feed(reader, path)
    assert parsed.entries[0].author == name
    assert "&lt;script&gt;" in bodies(parsed)[0]
    assert "<script" not in reader.client.get(path).text


def test_links_lead_to_the_comment(reader: Reader, moderator: Moderator) -> None:
    known = moderator.approved(reader, article_url="https://news.example/a?b=1#top")
    others = [moderator.approved(reader), moderator.approved(reader, article_url="https://news.example.evil.example/a")]
    links = [entry.link for entry in feed(reader, ARTICLE).entries]
    embed = [f"{PUBLIC}/embed?article=bien-dong-1&site=main&around={one}#comment-{one}" for one in others]
    assert links == [*embed[::-1], f"https://news.example/a?b=1#comment-{known}"]


def test_ids_and_times_stay_while_the_feed_changes(reader: Reader, moderator: Moderator) -> None:
    moderator.approved(reader, body="một")
    (before,) = feed(reader, ARTICLE).entries
    moderator.approved(reader, body="hai")
    after = feed(reader, ARTICLE).entries[1]
    assert (after.id, after.published, after.updated) == (before.id, before.published, before.updated)


@pytest.mark.parametrize("path", [ARTICLE, SITE])
def test_a_removal_makes_room_for_the_next(reader: Reader, moderator: Moderator, path: str) -> None:
    ids = [moderator.approved(reader, body=str(n)) for n in range(FEED_MAX + 3)]
    for removed in (ids[-2], ids[5], ids[0]):
        moderator.decide(removed, "reject", version=2)
    left = [n for n in reversed(range(FEED_MAX + 3)) if n not in (FEED_MAX + 1, 5, 0)]
    assert bodies(feed(reader, path)) == [f"<p>{n}</p>" for n in left]


def test_a_small_site_has_its_feed_beside_a_busy_one(reader: Reader, moderator: Moderator, house: House) -> None:
    for n in range(3):
        moderator.approved(reader, body=str(n), site="small", article=f"a-{n}")
    later = int(house.now() * 1000) + 60_000
    busy = [word for n in range(3_000) for word in (0, shards.comment_id(7, new_ulid(later + n)))]
    house.client.command("ZADD", Keys("comments").queue(7, "approved"), *busy)
    assert bodies(feed(reader, SITE + "?site=small")) == ["<p>2</p>", "<p>1</p>", "<p>0</p>"]


@pytest.mark.parametrize("path", [ARTICLE, SITE])
def test_it_is_cached_like_the_json(reader: Reader, moderator: Moderator, path: str) -> None:
    first = reader.client.get(path)
    assert first.headers["Cache-Control"].startswith("public")
    again = reader.client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    moderator.approved(reader)
    assert reader.client.get(path, headers={"If-None-Match": first.headers["ETag"]}).status_code == 200


@pytest.mark.parametrize("path", [ARTICLE, SITE])
def test_a_kept_feed_is_dropped_with_the_decision(
    make_app: Callable[..., Flask], eventually: Callable[..., None], path: str
) -> None:
    app = make_app(cache_mb=8)
    reader = Reader(app.test_client())
    moderator = Moderator(app.test_client(), app.extensions["comments"].people.add_token("Lan"))
    eventually(lambda: reader.client.get(path) and app.wsgi_app.kept_answer("GET", split(path), {}))
    comment_id = moderator.approved(reader, body="mới")
    eventually(lambda: "mới" in reader.client.get(path).text)
    eventually(lambda: app.wsgi_app.kept_answer("GET", split(path), {}))
    moderator.decide(comment_id, "reject", version=2)
    eventually(lambda: "mới" not in reader.client.get(path).text)


def split(path: str) -> tuple[str, str]:
    return path.partition("?")[0], path.partition("?")[2]


@pytest.mark.parametrize(
    "path", ["/feeds/article.atom", "/feeds/article.atom?article=", "/feeds/site.atom?site=" + "x" * 65]
)
def test_a_wrong_question_is_refused(reader: Reader, path: str) -> None:
    assert reader.client.get(path).status_code == 422


def test_nothing_of_an_address_is_in_it(reader: Reader, moderator: Moderator) -> None:
    moderator.approved(reader, email="hoa.secret@reader-mail.vn")
    assert "hoa.secret" not in reader.client.get(ARTICLE).text + reader.client.get(SITE).text
