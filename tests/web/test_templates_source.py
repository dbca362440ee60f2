"""What the templates' text alone shows: no markup of a reader's, no inline script or style."""

import re
from pathlib import Path

import pytest

from comments import resources

FOLDER = resources.folder("templates")
TEMPLATES = sorted(FOLDER.rglob("*.html"))


@pytest.fixture(params=TEMPLATES, ids=lambda path: str(path.relative_to(FOLDER)))
def template(request: pytest.FixtureRequest) -> str:
    path: Path = request.param
    return path.read_text(encoding="utf-8")


def test_nothing_is_declared_safe(template: str) -> None:
    assert not re.search(r"\|\s*safe\b|Markup\(|autoescape", template)


def test_no_script_or_style_stands_in_a_page(template: str) -> None:
    """The policy of our pages (`script-src 'self'; style-src 'self'`) would refuse it."""
    loaded = re.sub(
        r'<script type="application/(?:ld\+)?json">{{ \w+\|tojson }}</script>', "", template
    )  # data, not code
    assert not re.search(r"<style|<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=|javascript:", loaded, re.IGNORECASE)
