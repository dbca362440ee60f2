"""The pages for other programmers tell the truth: their examples run, their answers fit, their tables are whole."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from comments import model
from tests.description import DESCRIPTION, validate
from tests.service import clean_environment, serving

DOCS = Path(__file__).parent.parent / "docs"
API = (DOCS / "api.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The examples of `api.md` in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", API, re.MULTILINE | re.DOTALL)


def test_the_examples_run(data: Path) -> None:
    if not shutil.which("curl"):
        pytest.skip("there is no curl")
    (data / "approve.py").write_text(blocks("python")[0], encoding="utf-8")
    *commands, close_and_log = blocks("sh")
    script = ["set -eu", *commands, "export SERVICE TOKEN", f"'{sys.executable}' approve.py", close_and_log]
    with serving(data, COMMENTS_SUBMIT_LIMIT="") as service:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-c", "\n".join(script).replace("http://127.0.0.1:8080", f"http://127.0.0.1:{service.port}")],
            cwd=data,
            env=clean_environment(PATH=path, COMMENTS_DATA=str(data)),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert '"receipt_url"' in done.stdout
    assert "}304\n" in done.stdout
    assert '"status":"withdrawn"' in done.stdout.replace(" ", "")
    assert done.stdout.count(" done approved\n") == 2
    assert '"open":false' in done.stdout.replace(" ", "")
    assert '"type":"about:blank"' in done.stdout.replace(" ", ""), "the one mistake that is shown"


@pytest.mark.parametrize(("schema", "example"), re.findall(r"^<!-- (\w+) -->\n```json\n(.*?)^```$", API, re.M | re.S))
def test_an_answer_that_is_shown_is_as_described(schema: str, example: str) -> None:
    validate(json.loads(example), DESCRIPTION["components"]["schemas"][schema])


def test_every_json_example_says_what_it_shows() -> None:
    assert len(blocks("json")) == len(re.findall(r"^<!-- \w+ -->\n```json$", API, re.MULTILINE)) > 5


def test_the_table_of_errors_is_whole() -> None:
    codes = re.findall(r"^\| \d{3} \| `(\w+)` \|", API, re.MULTILINE)
    assert sorted(codes) == sorted(DESCRIPTION["components"]["schemas"]["Problem"]["properties"]["code"]["enum"])


def test_every_described_address_is_told_of() -> None:
    said = "".join(path.read_text(encoding="utf-8") for path in DOCS.glob("*.md"))
    addresses = {path.partition("/{")[0] for path in DESCRIPTION["paths"]} - {"/"}
    assert {address for address in addresses if address not in said} == set()


def test_limits_are_the_ones_that_are_checked() -> None:
    fields = DESCRIPTION["components"]["schemas"]["Submission"]["properties"]
    most = {name: field["maxLength"] for name, field in fields.items() if "maxLength" in field}
    assert most | {"idempotency_key": 200} == {
        "article": model.ARTICLE_MAX,
        "site": model.SITE_MAX,
        "name": model.NAME_MAX,
        "email": model.EMAIL_MAX,
        "body": model.BODY_MAX,
        "website": model.URL_MAX,
        "article_url": model.URL_MAX,
        "article_title": model.TITLE_MAX,
        "idempotency_key": 200,
    }
    for number in (model.ARTICLE_MAX, model.NAME_MAX, model.BODY_MAX, model.URL_MAX, model.TITLE_MAX, model.SITE_MAX):
        assert f" {number} characters" in API
