"""What the widget's text alone shows: nothing in it can turn a reader's words into markup, and it stays small."""

import gzip
import re

import pytest

from comments import resources

SOURCE = (resources.folder("static") / "widget.js").read_text(encoding="utf-8")
CODE = re.sub(r"/\*[\s\S]*?\*/|^ *//.*$", "", SOURCE, flags=re.MULTILINE)
PRIVATE_LINES = {
    "en": "Your email address will not be published. Required fields are marked *",
    "vi": "Email của bạn sẽ không được hiển thị công khai. Các trường bắt buộc được đánh dấu *",
}


@pytest.mark.parametrize(
    "word",
    [
        *("innerHTML", "outerHTML", "insertAdjacentHTML", "setHTML", "createContextualFragment", "DOMParser"),
        *("document.write", "eval(", "new Function", "import(", "javascript:"),  # strings that would become code
        *(".style.", "cssText"),  # a strict style-src refuses inline styles
        *("localStorage", "sessionStorage", "indexedDB", ".cookie"),  # the address must not be kept
        *("postMessage", '"message"', "window.name", "window.opener"),  # nothing is believed from other windows
    ],
)
def test_it_does_without(word: str) -> None:
    assert word not in CODE


def test_only_the_style_fallback_makes_a_style_element() -> None:
    assert CODE.count('h("style"') == 1


def test_it_defines_no_global() -> None:
    assert CODE.lstrip().startswith("(() => {")
    assert not re.search(r"\b(?:window|globalThis|self)\.\w+\s*=[^=]", CODE)


def test_links_of_readers_pass_the_one_check_and_carry_their_rel() -> None:
    assert len(re.findall(r"href, rel: REL", CODE)) == 2
    assert re.search(r'REL = "ugc nofollow noopener"', CODE)


def test_both_languages_say_the_same_things() -> None:
    english, vietnamese = strings("en"), strings("vi")
    assert english.keys() == vietnamese.keys()
    assert {name: slots(text) for name, text in english.items()} == {n: slots(t) for n, t in vietnamese.items()}


@pytest.mark.parametrize("language", PRIVATE_LINES)
def test_the_form_says_that_the_address_stays_private(language: str) -> None:
    assert strings(language)["private"] == PRIVATE_LINES[language]


def test_its_weight() -> None:
    """Peers' widgets weigh 20 to 60 kB. First the file as it is, then without comments and indents."""
    bare = "\n".join(line.strip() for line in CODE.splitlines() if line.strip())
    assert len(gzip.compress(SOURCE.encode(), 9)) <= 9_800
    assert len(gzip.compress(bare.encode(), 9)) <= 9_000


def strings(language: str) -> dict[str, str]:
    block = re.search(rf"^    {language}: {{(.*?)^    }},$", CODE, re.DOTALL | re.MULTILINE)
    assert block
    return dict(re.findall(r'^      (\w+): (?:"|{.*?other: ")(.*?)"(?: })?,$', block[1], re.MULTILINE))


def slots(text: str) -> list[str]:
    return sorted(re.findall(r"\{\w+\}", text))
