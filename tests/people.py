"""The people of the tests: a reader who submits, a moderator who decides; and what they say."""

import itertools
from typing import Any

from flask.testing import FlaskClient
from nacl.public import PrivateKey
from werkzeug.test import TestResponse

MAIL_KEY = PrivateKey(b"m" * 32)
COMMENTS = "/api/v1/comments"
MODERATION = "/api/v1/moderation"
_number = itertools.count(1)


def a_submission(**fields: Any) -> dict[str, Any]:
    """A submission that is accepted, with `fields` instead of its own; None leaves one out."""
    said = {
        "article": "bien-dong-1",
        "name": "Nguyễn Thị Hoa",
        "email": f"hoa{next(_number)}@reader-mail.vn",
        "body": "Bài viết rất hay, cảm ơn tòa soạn.",
    }
    return {name: value for name, value in {**said, **fields}.items() if value is not None}


class Reader:
    """Submits and reads through the public API."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def submit(self, *, key: str | None = None, **fields: Any) -> TestResponse:
        headers = {"Idempotency-Key": key} if key else {}
        return self.client.post(COMMENTS, json=a_submission(**fields), headers=headers)

    def submitted(self, **fields: Any) -> str:
        """The id of a comment that was accepted."""
        answer = self.submit(**fields)
        assert answer.status_code == 202, answer.text
        return str(answer.json["id"])

    def read(self, article: str = "bien-dong-1", **query: Any) -> dict[str, Any]:
        answer = self.client.get(COMMENTS, query_string={"article": article, **query})
        assert answer.status_code == 200, answer.text
        return dict(answer.json)

    def bodies(self, article: str = "bien-dong-1", **query: Any) -> list[str]:
        return [comment["body"] for comment in self.read(article, **query)["comments"]]


class Moderator:
    """Decides through the moderation API."""

    def __init__(self, client: FlaskClient, token: str) -> None:
        self.client = client
        self.headers = {"Authorization": f"Bearer {token}"}

    def get(self, path: str, **query: Any) -> TestResponse:
        return self.client.get(f"{MODERATION}/{path}", query_string=query, headers=self.headers)

    def queue(self, **query: Any) -> list[dict[str, Any]]:
        answer = self.get("comments", **query)
        assert answer.status_code == 200, answer.text
        return list(answer.json["comments"])

    def log(self, **query: Any) -> list[dict[str, Any]]:
        return list(self.get("log", **query).json["entries"])

    def send(self, decisions: Any) -> TestResponse:
        return self.client.post(f"{MODERATION}/decisions", json={"decisions": decisions}, headers=self.headers)

    def decide(self, comment_id: str, decision: str, version: int = 1, **more: Any) -> dict[str, Any]:
        """The result of one decision."""
        answer = self.send([{"id": comment_id, "version": version, "decision": decision, **more}])
        assert answer.status_code == 200, answer.text
        return dict(answer.json["results"][0])

    def approved(self, reader: Reader, **fields: Any) -> str:
        """The id of a comment that was submitted and approved."""
        comment_id = reader.submitted(**fields)
        assert self.decide(comment_id, "approve")["outcome"] == "done"
        return comment_id
