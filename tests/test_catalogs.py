"""Every word that a person sees is there in Vietnamese too."""

import re
from collections.abc import Iterator

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from comments import resources

KEYWORDS = {"gettext": None, "ngettext": (1, 2), "_": None}
ROOT = resources.folder("translations").parent


def said() -> Iterator[tuple[str, str | tuple[str, ...]]]:
    for folder, pattern, method in (("comments", "**.py", "python"), ("templates", "**.html", "jinja2")):
        options = {pattern: {"newstyle_gettext": "true", "silent": "false"}}
        for file, line, message, _, _ in extract_from_dir(
            ROOT / folder, method_map=[(pattern, method)], options_map=options, keywords=KEYWORDS
        ):
            yield f"{folder}/{file}:{line}", message


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    path = resources.folder("translations") / "vi" / "LC_MESSAGES" / "messages.po"
    with path.open("rb") as source:
        return read_po(source, locale="vi", abort_invalid=True)


def test_no_string_is_missing_in_vietnamese(catalog: Catalog) -> None:
    missing = []
    for place, message in said():
        found = catalog.get(message if isinstance(message, str) else message[0])
        if not found or not found.string or (isinstance(found.string, tuple) and not all(found.string)):
            missing.append((place, message))
    assert missing == []


def test_no_string_is_left_over(catalog: Catalog) -> None:
    used = {message if isinstance(message, str) else message[0] for _, message in said()}
    kept = {m.id if isinstance(m.id, str) else m.id[0] for m in catalog if m.id}
    assert kept - used == set()


def test_placeholders_agree(catalog: Catalog) -> None:
    def names(text: str) -> set[str]:
        return set(re.findall(r"%\((\w+)\)", text))

    for message in catalog:
        if not message.id:
            continue
        ids = [message.id] if isinstance(message.id, str) else list(message.id)
        strings = [message.string] if isinstance(message.string, str) else list(message.string)
        for text in strings:
            assert names(text) == names(ids[-1]), ids
