"""The description and the service say the same: every route, every answer, every example."""

from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

import pytest
from flask import Flask

from tests.description import DESCRIPTION, DescribedClient, template, validate
from tests.people import COMMENTS, MODERATION, Moderator, Reader, a_submission

PAGE = {"Accept": "text/html"}
FORM = "application/x-www-form-urlencoded"
COUNTS, ARTICLE = "/api/v1/counts", "bien-dong-1"


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    """The service; whoever asks it here compares its answers."""
    return described(make_app())


def described(app: Flask) -> Flask:
    app.test_client_class = DescribedClient
    return app


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in DESCRIPTION["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def examples_in(part: Any) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Every example with the schema that stands beside it."""
    if isinstance(part, dict) and "schema" in part:
        yield from ((example["value"], part["schema"]) for example in part.get("examples", {}).values())
        if "example" in part:
            yield part["example"], part["schema"]
    if isinstance(part, dict) and isinstance(part.get("examples"), list):
        yield from ((example, part) for example in part["examples"])
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from examples_in(inner)


def test_every_route_is_described_and_every_description_is_a_route(app: Flask) -> None:
    routes = {
        (template(rule), method.lower())
        for rule in app.url_map.iter_rules()
        if not rule.rule.startswith(("/moderate/", "/assets/"))
        for method in rule.methods or ()
        if method not in ("HEAD", "OPTIONS")
    }
    assert {(path, method) for path, method, _ in operations()} == routes


def test_the_description_is_of_this_version() -> None:
    assert DESCRIPTION["info"]["version"] == version("newsroom-comments")


def test_every_example_is_valid() -> None:
    examples = list(examples_in(DESCRIPTION))
    assert len(examples) > 40
    for value, schema in examples:
        validate(value, schema)


def test_every_object_is_closed_and_every_operation_named_once() -> None:
    schemas = DESCRIPTION["components"]["schemas"]
    assert [
        name for name, schema in schemas.items() if schema.get("type") == "object" and schema["additionalProperties"]
    ] == []
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(names) == len(set(names))


def test_each_code_is_described_where_it_can_happen_and_with_its_status() -> None:
    described = {
        code: {example["value"]["status"] for example in body["examples"].values() if example["value"]["code"] == code}
        for response in DESCRIPTION["components"]["responses"].values()
        if "properties" in (body := response["content"]["application/problem+json"])["schema"]
        for code in body["schema"]["properties"]["code"]["enum"]
    }
    assert all(len(statuses) == 1 for statuses in described.values())
    codes = set(DESCRIPTION["components"]["schemas"]["Problem"]["properties"]["code"]["enum"])
    assert codes - set(described) == {"internal_error", "stale_page"}, "bugs, and the moderation pages"


def test_the_examples_of_submissions_are_accepted(reader: Reader, moderator: Moderator) -> None:
    content = DESCRIPTION["paths"][COMMENTS]["post"]["requestBody"]["content"]["application/json"]
    first, reply = (content["examples"][language]["value"] for language in ("vi", "en"))
    top = moderator.approved(reader, **first)
    moderator.approved(reader, **reply | {"parent": top})
    assert reader.read(first["article"])["count"] == 2


def test_submitting_answers_as_described(app: Flask, reader: Reader, moderator: Moderator) -> None:
    client, key = app.test_client(), {"Idempotency-Key": "k"}

    def status(**how: Any) -> int:
        return client.post(COMMENTS, **how).status_code

    said = a_submission()
    assert [status(json=said, headers=key), status(json=said, headers=key)] == [202, 202]
    assert status(data=said) == 202
    assert status(data=said, headers=PAGE) == 303
    assert status(data=b"{", content_type="application/json") == 400
    assert status(json=said, query_string={"email": "x"}) == 400
    assert status(json=said, headers={"Origin": "https://attacker.example"}) == 403
    assert status(json=said | {"body": "khác"}, headers=key) == 409
    assert status(data=b"body=x", content_type=FORM, environ_overrides={"HTTP_TRANSFER_ENCODING": "chunked"}) == 411
    assert status(data=b"x" * 200_000, content_type="application/json") == 413
    assert status(data=b"x", content_type="text/plain") == 415
    assert status(json=said | {"email": "x", "name": [1]}) == 422
    assert status(json={}) == 422
    assert status(json=said | {"parent": "x"}) == 422
    assert status(data=a_submission(name=""), headers=PAGE) == 422
    moderator.client.put(f"{MODERATION}/articles?article={ARTICLE}", json={"open": False}, headers=moderator.headers)
    assert status(json=said | {"body": "muộn"}) == 403


def test_the_limit_answers_as_described(make_app: Callable[..., Flask]) -> None:
    reader = Reader(described(make_app(submit_limit="1/hour")).test_client())
    assert [reader.submit().status_code for _ in range(2)] == [202, 429]


def test_reading_answers_as_described(reader: Reader, moderator: Moderator) -> None:
    top = moderator.approved(reader, website="https://hoa.example/", body="Xem https://a.example\n\n<b>")
    replies = [moderator.approved(reader, parent=top, body=f"{n}") for n in range(12)]
    moderator.approved(reader, parent=replies[0])
    moderator.decide(moderator.approved(reader), "reject", version=2)
    moderator.decide(top, "spam", version=2)  # its place stays, above the replies
    (thread,) = reader.read()["comments"]
    assert (thread["removed"], thread["reply_count"], len(thread["replies"])) == (True, 13, 10)
    page = reader.read(parent=top, cursor=thread["replies_next"], limit=2)
    assert (len(page["comments"]), page["count"], page["next"] is None) == (2, 13, False)

    get = reader.client.get
    assert get(f"{COMMENTS}/{replies[0]}").status_code == 200
    assert [get(f"{COMMENTS}/{comment_id}").status_code for comment_id in (top, "x")] == [404, 404]
    assert get(COUNTS, query_string={"article": [ARTICLE, "không có"]}).json["counts"] == {ARTICLE: 13, "không có": 0}
    for path in (
        f"{COMMENTS}?article={ARTICLE}",
        f"{COMMENTS}/{replies[0]}",
        f"{COUNTS}?article=a",
        "/embed?article=a",
    ):
        etag = get(path).headers["ETag"]
        assert get(path, headers={"If-None-Match": etag}).status_code == 304
        assert reader.client.head(path).headers["ETag"] == etag


@pytest.mark.parametrize(
    "query", ["", "?article=", "?article=a&limit=0", "?article=a&sort=x", "?article=a&cursor=x", "?article=a&parent=x"]
)
@pytest.mark.parametrize("headers", [{}, PAGE])
def test_a_wrong_question_is_answered_as_described(app: Flask, query: str, headers: dict[str, str]) -> None:
    client = app.test_client()
    assert client.get(COMMENTS + query, headers=headers).status_code == 422
    assert client.get(COMMENTS + "?article=%ff", headers=headers).status_code == 400
    assert client.get(COUNTS + "?article=a&site=b&site=c", headers=headers).status_code == 400
    assert client.get(COUNTS, headers=headers).status_code == 422


def test_receipts_answer_as_described(app: Flask, reader: Reader, moderator: Moderator) -> None:
    first, second = reader.submit().json, reader.submit().json
    client, path = app.test_client(), "/api/v1/receipts/"
    assert client.get(path + first["receipt"]).json["status"] == "pending"
    assert client.get("/receipts/" + first["receipt"]).status_code == 200
    assert client.delete(path + first["receipt"], headers={"Origin": "null"}).status_code == 403
    assert [client.delete(path + first["receipt"]).json["status"] for _ in range(2)] == ["withdrawn"] * 2
    moderator.decide(second["id"], "reject", reason="Không liên quan.")
    assert client.get(path + second["receipt"]).json["reason"] == "Không liên quan."
    assert client.delete(path + second["receipt"]).status_code == 409
    assert client.get(path + second["receipt"][:-1] + "!").status_code == 404
    assert client.post(f"/receipts/{second['receipt']}/withdraw", headers=PAGE).status_code == 409
    assert client.post(f"/receipts/{reader.submit().json['receipt']}/withdraw", headers=PAGE).status_code == 303


def test_moderation_answers_as_described(app: Flask, reader: Reader, moderator: Moderator) -> None:
    first, second, third = (
        reader.submitted(body=f"{n} https://a.example", website="https://b.example/") for n in "123"
    )
    assert len(moderator.queue(limit=2)) == 2
    assert moderator.get("comments", article=ARTICLE, q="2", sort="newest").json["total"] is None
    assert moderator.decide(first, "approve")["outcome"] == "done"
    assert moderator.decide(first, "approve")["outcome"] == "conflict"
    assert moderator.decide(first, "approve", version=2)["outcome"] == "invalid"
    assert moderator.decide("0" * 28, "reject")["outcome"] == "not_found"
    assert moderator.decide(second, "reject", reason="trùng")["outcome"] == "done"
    assert [comment["id"] for comment in moderator.queue()] == [third]
    assert {entry["to"] for entry in moderator.log()} == {"pending", "approved", "rejected"}
    assert len(moderator.log(comment=first)) == 2
    assert moderator.get("log", limit=2).json["next"]
    for path in ("comments", "log"):
        assert moderator.get(path, limit=0).status_code == 422
        assert moderator.get(path, cursor="x").status_code == 422
        assert moderator.get(path, limit=["1", "2"]).status_code == 400
        assert app.test_client().get(f"{MODERATION}/{path}").status_code == 401
    raw = {"content_type": "application/json"}
    for how, status in (
        ({"json": {}}, 422),
        ({"json": {"decisions": [{"id": 1}]}}, 422),
        ({"data": "{", **raw}, 400),
        ({"data": "x" * 200_000, **raw}, 413),
        ({"data": "x"}, 415),
    ):
        assert moderator.client.post(f"{MODERATION}/decisions", headers=moderator.headers, **how).status_code == status
    articles = f"{MODERATION}/articles?article={ARTICLE}"
    for opening, status in (({"open": False}, 200), ({"open": True}, 200), ({"open": 1}, 422)):
        assert moderator.client.put(articles, json=opening, headers=moderator.headers).status_code == status
    assert app.test_client().put(articles, json={"open": True}).status_code == 401
    assert (
        moderator.client.put(f"{MODERATION}/articles", json={"open": True}, headers=moderator.headers).status_code
        == 422
    )


def test_pages_and_signs_of_life_answer_as_described(app: Flask, make_app: Callable[..., Flask]) -> None:
    client = app.test_client()
    for path in ("/", "/demo", "/widget.js", "/openapi.json", "/healthz", "/readyz", "/metrics", "/embed?article=a"):
        assert client.get(path).status_code == 200
    assert client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 401
    assert described(make_app(demo=False)).test_client().get("/demo").status_code == 404


@pytest.mark.parametrize("headers", [{}, PAGE])
def test_addresses_and_methods_that_are_not_there_answer_as_described(app: Flask, headers: dict[str, str]) -> None:
    client = app.test_client()
    assert client.get("/api/v1/nothing", headers=headers).status_code == 404
    for path, method in ((COMMENTS, "PUT"), (COUNTS, "POST"), ("/healthz", "DELETE"), ("/embed", "PATCH")):
        assert client.open(path, method=method, headers=headers).status_code == 405


@pytest.mark.parametrize("headers", [{}, PAGE])
def test_without_its_store_it_answers_as_described(make_app: Callable[..., Flask], headers: dict[str, str]) -> None:
    client = described(make_app(redis_url="unix:///nowhere.sock")).test_client()
    token = {**headers, "Authorization": "Bearer x"}
    for path in (
        f"{COMMENTS}?article=a",
        f"{COMMENTS}/{'0' * 28}",
        f"{COUNTS}?article=a",
        "/embed?article=a",
        "/readyz",
    ):
        assert client.get(path, headers=headers).status_code == 503
    assert client.post(COMMENTS, json=a_submission(), headers=headers).status_code == 503
    assert client.get(f"{MODERATION}/comments", headers=token).status_code == 503
    assert client.get("/healthz").status_code == client.get("/metrics").status_code == 200


def test_without_room_it_answers_as_described(make_app: Callable[..., Flask]) -> None:
    reader = Reader(described(make_app(min_free_mb=1024 * 1024)).test_client())
    answer = reader.submit()
    assert (answer.status_code, answer.json["code"]) == (503, "store_full")
    assert reader.read()["count"] == 0, "reading goes on"


def test_changes_of_a_text_answer_as_described(app: Flask, reader: Reader, moderator: Moderator) -> None:
    client, first = app.test_client(), reader.submit().json
    path, page = f"/api/v1/receipts/{first['receipt']}", f"/receipts/{first['receipt']}/edit"
    assert client.patch(path, json={"body": "Câu sau."}).status_code == 200
    assert client.patch(path, data="{", content_type="application/json").status_code == 400
    assert client.patch(path, json={"body": "x"}, headers={"Origin": "null"}).status_code == 403
    assert client.patch(path + "x", json={"body": "x"}).status_code == 404
    assert client.patch(path, data=b"x" * 200_000, content_type="application/json").status_code == 413
    assert client.patch(path, data="x").status_code == 415
    assert client.patch(path, json={}).status_code == 422
    assert client.get(page).status_code == 200
    assert client.post(page, data={"body": ""}, headers=PAGE).status_code == 422
    moderator.decide(first["id"], "reject", version=2)
    assert client.patch(path, json={"body": "Muộn rồi."}).status_code == 409
    assert client.get(page).status_code == client.post(page, data={"body": "Muộn rồi."}).status_code == 303


def test_reports_answer_as_described(make_app: Callable[..., Flask]) -> None:
    app = described(make_app(report_limit="3/hour"))
    client, moderator = (
        app.test_client(),
        Moderator(app.test_client(), app.extensions["comments"].people.add_token("L")),
    )
    path = f"{COMMENTS}/{moderator.approved(Reader(client))}/reports"
    assert client.post(path, json={"reason": "spam"}).status_code == 202
    assert client.post(f"{COMMENTS}/x/reports", json={"reason": "spam"}).status_code == 404
    assert client.post(path, json={"reason": "spam"}, headers={"Origin": "null"}).status_code == 403
    assert client.post(path, json={"reason": "x"}).status_code == 422
    assert client.post(path, data="{", content_type="application/json").status_code == 400
    assert client.post(path, data="x").status_code == 415
    assert [client.post(path, json={"reason": "spam"}).status_code for _ in range(3)] == [202, 429, 429]
    assert moderator.queue(status="approved")[0]["reports"] == 1


def test_feeds_answer_as_described(app: Flask, reader: Reader, moderator: Moderator) -> None:
    moderator.approved(reader)
    for path in (f"/feeds/article.atom?article={ARTICLE}", "/feeds/site.atom"):
        etag = reader.client.get(path).headers["ETag"]
        assert reader.client.get(path, headers={"If-None-Match": etag}).status_code == 304
        assert reader.client.get(path + "&site=a&site=b" if "?" in path else path + "?site=a&site=b").status_code == 400
    assert reader.client.get("/feeds/article.atom").status_code == 422


def test_words_of_other_languages_answer_as_described(app: Flask) -> None:
    client = app.test_client()
    assert client.get("/languages/fr.json").json["reply"] == "Répondre"
    assert client.get("/languages/tlh.json").status_code == 404
