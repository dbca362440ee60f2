"""static/openapi.json at work: a client that compares every answer with it."""

import json
import re
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from comments import resources

_HERE = "openapi.json#/"
_TEXT = (resources.folder("static") / "openapi.json").read_text(encoding="utf-8")
# with references that can be followed from any part of it
DESCRIPTION: dict[str, Any] = json.loads(_TEXT.replace('"$ref": "#/', f'"$ref": "{_HERE}'))
_REGISTRY = Registry().with_resource("openapi.json", Resource(DESCRIPTION, DRAFT202012))


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    """What a `$ref` stands for."""
    if "$ref" not in part:
        return part
    target: Any = DESCRIPTION
    for step in part["$ref"].removeprefix(_HERE).split("/"):
        target = target[step]
    return dict(target)


def validate(value: Any, schema: dict[str, Any]) -> None:
    """Compares a value with a schema of the description."""
    checker = Draft202012Validator.FORMAT_CHECKER
    Draft202012Validator(schema, registry=_REGISTRY, format_checker=checker).validate(value)


def template(rule: Rule) -> str:
    """A route's path as OpenAPI writes it."""
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)


class DescribedClient(FlaskClient):
    """Fails on an answer that is not as described: its status, type, headers or body."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        answer = super().open(*args, **kwargs)
        compare(self.application, answer)
        return answer


def compare(app: Flask, answer: TestResponse) -> None:
    """Compares one answer with its description."""
    method, path = answer.request.method, answer.request.path
    responses = _responses(app, path, "GET" if method == "HEAD" else method)
    assert str(answer.status_code) in responses, f"{method} {path}: {answer.status} is not described"
    response = resolved(responses[str(answer.status_code)])
    missing = set(response.get("headers", ())) - set(answer.headers.keys())
    assert not missing, f"{method} {path}: {answer.status} has no {missing}"
    content = response.get("content")
    if content and answer.status_code != 304:
        assert answer.mimetype in content, f"{method} {path}: {answer.mimetype}"
        if answer.mimetype.endswith("json") and method != "HEAD":
            validate(answer.json, content[answer.mimetype]["schema"])


def _responses(app: Flask, path: str, method: str) -> dict[str, Any]:
    try:
        rule, _ = app.url_map.bind("localhost").match(path, method, return_rule=True)
    except HTTPException:  # no such address, or not for this method
        responses = DESCRIPTION["components"]["responses"]
        return {"404": responses["NotFound"], "405": responses["MethodNotAllowed"]}
    return dict(DESCRIPTION["paths"][template(rule)][method.lower()]["responses"])
