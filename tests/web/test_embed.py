"""What is made on the server for other pages: fragments, data for search engines, addresses with a check."""

import hashlib
import json
import re
from base64 import b64decode
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from comments.web.structured import dumps
from tests.people import Moderator, Reader

URL = "https://news.example/bien-dong-1"
WHERE = {"article": "bien-dong-1", "article_url": URL, "article_title": "Biển Đông"}
HOSTILE = "</script><script>hit()</script><!-- & '"


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return make_app(public_url="https://comments.example")


def data_in(page: str, kind: str) -> Any:
    (found,) = re.findall(rf'<script type="application/{re.escape(kind)}">(.*?)</script>', page, re.DOTALL)
    return json.loads(found)


def fragment(client: FlaskClient, **more: str) -> str:
    answer = client.get("/embed", query_string={"article": "bien-dong-1", "fragment": "1", **more})
    assert answer.status_code == 200
    return answer.text


def test_a_fragment_goes_into_any_page(reader: Reader, moderator: Moderator) -> None:
    moderator.approved(reader, body="Đồng ý.")
    text = fragment(reader.client)
    assert "<p>Đồng ý.</p>" in text
    assert not re.search(r"<html|<head|<body|<link|<base|<script(?! type=.application)", text)
    addresses = re.findall(r'(?:href|action)="([^"#]+)', text)
    assert addresses
    assert all(address.startswith("https://comments.example/") for address in addresses)


def test_a_fragment_brings_what_the_api_would_say(reader: Reader, moderator: Moderator) -> None:
    moderator.approved(reader, body=HOSTILE, parent=moderator.approved(reader))
    assert data_in(fragment(reader.client), "json") == reader.read(limit=20)


def test_a_fragment_is_as_fresh_as_the_json(reader: Reader, moderator: Moderator) -> None:
    path = "/embed?article=bien-dong-1&fragment=1"
    first = reader.client.get(path)
    assert (
        first.headers["Surrogate-Key"]
        == reader.client.get("/api/v1/comments?article=bien-dong-1").headers["Surrogate-Key"]
    )
    assert reader.client.get(path, headers={"If-None-Match": first.headers["ETag"]}).status_code == 304
    moderator.approved(reader)
    assert reader.client.get(path, headers={"If-None-Match": first.headers["ETag"]}).status_code == 200


def test_search_engines_are_told_in_the_shape_that_they_document(reader: Reader, moderator: Moderator) -> None:
    top = moderator.approved(reader, body=HOSTILE, website="https://hoa.example/")
    moderator.approved(reader, body="Vâng.", parent=top)
    article = data_in(reader.client.get("/embed", query_string=WHERE).text, "ld+json")
    assert (article["@context"], article["@type"], article["url"]) == ("https://schema.org", "Article", URL)
    assert (article["headline"], article["commentCount"]) == ("Biển Đông", 2)
    (comment,) = article["comment"]
    assert (comment["@type"], comment["text"], comment["url"]) == ("Comment", HOSTILE, f"{URL}#comment-{top}")
    assert comment["author"] == {"@type": "Person", "name": "Nguyễn Thị Hoa", "url": "https://hoa.example/"}
    assert comment["datePublished"].endswith("Z")
    assert [reply["text"] for reply in comment["comment"]] == ["Vâng."]


def test_a_removed_comment_is_not_told(reader: Reader, moderator: Moderator) -> None:
    top = moderator.approved(reader)
    moderator.approved(reader, parent=top)
    moderator.decide(top, "reject", version=2)
    assert data_in(reader.client.get("/embed", query_string=WHERE).text, "ld+json")["comment"] == []


def test_links_of_readers_are_marked_as_theirs(reader: Reader, moderator: Moderator) -> None:
    moderator.approved(reader, body="https://a.example", website="https://hoa.example/")
    links = re.findall(r"<a [^>]*href=\"https://(?:a|hoa)\.example/?\"[^>]*>", fragment(reader.client))
    assert len(links) == 2
    assert all('rel="ugc nofollow noopener"' in link for link in links)


def test_a_switch_turns_it_off(make_app: Callable[..., Flask]) -> None:
    client = make_app(structured_data=False).test_client()
    assert "ld+json" not in client.get("/embed", query_string=WHERE).text + fragment(client)


def test_the_front_page_shows_the_widget_with_its_check(app: Flask) -> None:
    client = app.test_client()
    text = client.get("/").text
    found = re.search(
        r"https://comments\.example(/assets/\w+/widget\.min\.js).*?integrity=\S*?sha384-([\w+/=]+)", text, re.S
    )
    assert found
    answer = client.get(found[1])
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert hashlib.sha384(answer.data).digest() == b64decode(found[2])
    assert client.get("/widget.js").data == answer.data


def test_a_page_can_begin_with_the_thread_of_a_comment(reader: Reader, moderator: Moderator) -> None:
    tops = [moderator.approved(reader, body=f"{n}") for n in range(4)]
    reply = moderator.approved(reader, parent=tops[2])
    assert reader.bodies(around=tops[1]) == ["1", "2", "3"]
    assert reader.bodies(around=reply) == ["2", "3"]
    assert reader.bodies(around=reply, sort="newest") == ["2", "1", "0"]
    page = reader.read(around=reply, limit=1)
    assert reader.bodies(cursor=page["next"]) == ["3"]
    assert f'id="comment-{tops[0]}"' not in reader.client.get(f"/embed?article=bien-dong-1&around={reply}").text


def test_what_is_not_public_is_not_found_by_it(reader: Reader, moderator: Moderator) -> None:
    moderator.approved(reader, body="0")
    waiting, elsewhere = reader.submitted(), moderator.approved(reader, article="another")
    for unseen in (waiting, elsewhere, "0" * 28):
        assert reader.bodies(around=unseen) == ["0"]
    answer = reader.client.get("/api/v1/comments?article=bien-dong-1&around=x")
    assert (answer.status_code, list(answer.json["errors"])) == (422, ["around"])


def test_json_in_a_page_holds_no_quotation_mark_of_a_readers_and_says_the_same() -> None:
    for text in ['"', "\\", '\\"', "ends with \\", '"onmouseover="x', "Việt", '\\\\"\\']:
        said = dumps({"text": text})
        assert json.loads(said) == {"text": text}
        assert '\\"' not in said.replace("\\\\", "")
