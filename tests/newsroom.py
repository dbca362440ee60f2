"""Colleagues in front of the moderation pages, without a browser."""

import html
import re
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from comments import passwords
from comments.web.here import House

PASSWORD = "một mật khẩu thật dài"
HASH = passwords.hash_password(PASSWORD)


class Colleague:
    """Somebody of the newsroom who is signed in."""

    def __init__(self, app: Flask, name: str = "Lan", role: str = "moderator", *, known: bool = False) -> None:
        self.name = name
        self.client = app.test_client()
        self.house: House = app.extensions["comments"]
        if not known:
            self.house.people.add_moderator(name, role=role, password_hash=HASH)

    def sign_in(self, password: str = PASSWORD) -> TestResponse:
        return self.post("/moderate/sign-in", page="/moderate/sign-in", name=self.name, password=password)

    def signed_in(self) -> "Colleague":
        answer = self.sign_in()
        assert answer.status_code == 303, answer.text
        return self

    def get(self, path: str, **query: Any) -> TestResponse:
        return self.client.get(path, query_string={"lang": "en", **query})

    def post(self, path: str, *, page: str = "/moderate/account", **fields: Any) -> TestResponse:
        """Sends a form as it stands on `page`."""
        token = hidden(self.get(page).text, "csrf_token")
        return self.client.post(path, query_string={"lang": "en"}, data={"csrf_token": token, **fields})


def hidden(page: str, name: str) -> str:
    """The value of a page's hidden field."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, f"no {name} in the page"
    return html.unescape(found[1])
