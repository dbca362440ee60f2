"""The people in front of the browser, and what stands behind it."""

import http.client
import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Locator, Page

from tests.people import COMMENTS, MODERATION, a_submission
from tests.service import Service, children, command_of, run

PASSWORD = "ba con vịt xòe ra hai cái cánh"
DECIDED = re.compile("/moderate/decisions")  # the request of a decision
_WATCH = """
    window.broken = [];
    addEventListener("securitypolicyviolation", (event) => broken.push(event.violatedDirective + event.blockedURI));
    addEventListener("error", (event) => broken.push(String(event.message)));
    window.hit = () => { window.wasHit = true; };
"""


def watch(context: BrowserContext) -> None:
    """Notes on every page what must not happen; `troubles` tells."""
    context.add_init_script(_WATCH)


def troubles(page: Page) -> list[str]:
    """Broken content policies and failed scripts of a page, and whether a script of a stranger's ran."""
    found: list[str] = page.evaluate("window.broken.concat(window.wasHit ? ['a foreign script ran'] : [])")
    return found


class Newsroom:
    """Gets a service into a state through its API and its command line; tells what it holds."""

    def __init__(self, service: Service, data: Path) -> None:
        self._service = service
        self._data = str(data)
        self._token = ""

    def submitted(self, **fields: Any) -> str:
        """The id of a comment that was accepted."""
        status, answer = self._ask("POST", COMMENTS, a_submission(**fields))
        assert status == 202, answer
        return str(answer["id"])

    def receipt(self, **fields: Any) -> str:
        """The address of the receipt of a comment that was accepted."""
        return str(self._ask("POST", COMMENTS, a_submission(**fields))[1]["receipt_url"])

    def submit(self, **fields: Any) -> int:
        """The status of an attempt."""
        return self._ask("POST", COMMENTS, a_submission(**fields))[0]

    def approve(self, *ids: str) -> None:
        verdicts = [{"id": one, "version": 1, "decision": "approve"} for one in ids]
        status, answer = self._ask("POST", f"{MODERATION}/decisions", {"decisions": verdicts})
        assert status == 200, answer
        assert {result["outcome"] for result in answer["results"]} == {"done"}, answer

    def reject(self, comment_id: str, reason: str) -> None:
        verdict = {"id": comment_id, "version": 1, "decision": "reject", "reason": reason}
        _, answer = self._ask("POST", f"{MODERATION}/decisions", {"decisions": [verdict]})
        assert answer["results"][0]["outcome"] == "done", answer

    def approved(self, **fields: Any) -> str:
        """The id of a comment that is public."""
        comment_id = self.submitted(**fields)
        self.approve(comment_id)
        return comment_id

    def comments(self, article: str, status: str = "pending") -> list[dict[str, Any]]:
        """An article's comments in a status, the oldest first."""
        code, answer = self._ask(
            "GET", f"{MODERATION}/comments?article={article}&status={status}&sort=oldest&limit=100"
        )
        assert code == 200, answer
        return list(answer["comments"])

    def moderator(self, name: str) -> str:
        """The name of a moderator who may sign in."""
        done = run("moderator", "add", name, "--password-stdin", "--data", self._data, typed=PASSWORD + "\n")
        assert done.returncode == 0, done.stderr
        return name

    @contextmanager
    def hung_store(self) -> Iterator[None]:
        """The store answers nothing for as long as the block lasts."""
        (store,) = [pid for pid in children(self._service.process.pid) if "valkey-server" in command_of(pid)]
        os.kill(store, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(store, signal.SIGCONT)

    def _ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        if path.startswith(MODERATION) and not self._token:
            done = run("token", "add", "tests", "--data", self._data)
            assert done.returncode == 0, done.stderr
            self._token = done.stdout.strip()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"}
        connection = http.client.HTTPConnection("127.0.0.1", self._service.port, timeout=10)
        try:
            connection.request(method, path, json.dumps(body) if body else None, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()


def demo(page: Page, lang: str = "vi") -> Locator:
    """Goes to the demo article's comments; the widget, once it has loaded them."""
    page.goto(f"/demo?lang={lang}")
    widget = page.locator("article-comments")
    widget.scroll_into_view_if_needed()
    widget.get_by_role("form").wait_for()
    return widget


VI = {"body": "Bình luận", "name": "Tên", "email": "Email", "send": "Gửi bình luận"}
EN = {"body": "Comment", "name": "Name", "email": "Email", "send": "Send comment"}


def fill(form: Page | Locator, words: dict[str, str] = VI, **texts: str) -> None:
    """Fills a form's fields, found by their labels."""
    said = a_submission()
    for field in ("body", "name", "email"):
        box(form, words[field]).fill(texts.get(field, said[field]))


def box(form: Page | Locator, label: str) -> Locator:
    return form.get_by_role("textbox", name=label, exact=True)


def write(form: Page | Locator, words: dict[str, str] = VI, **texts: str) -> None:
    """Fills a form and sends it."""
    fill(form, words, **texts)
    form.get_by_role("button", name=words["send"]).click()


def sign_in(page: Page, name: str) -> None:
    page.goto("/moderate/")
    box(page, "Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("button", name="Sign out").wait_for()


def card_of(page: Page, comment_id: str) -> Locator:
    """A comment on the review page."""
    return page.locator(f"#comment-{comment_id}")


def focused(page: Page) -> str:
    """The id of what has the focus."""
    return str(page.evaluate("document.activeElement.id"))
