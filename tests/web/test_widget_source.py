"""What the widget's text alone shows: nothing in it can turn a reader's words into markup, and it stays small."""

import gzip
import inspect
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import brotli
import pytest
from babel import Locale
from flask import Flask

from comments import resources
from comments.model import ReportReason
from comments.web import faults
from tests.widget_build import BUILT, built

SOURCE = (resources.folder("static") / "widget.js").read_text(encoding="utf-8")
CODE = re.sub(r"/\*[\s\S]*?\*/|^ *//.*$", "", SOURCE, flags=re.MULTILINE)
PRIVATE_LINES = {
    "en": "Your email address will not be published. Required fields are marked *",
    "vi": "Email của bạn sẽ không được hiển thị công khai. Các trường bắt buộc được đánh dấu *",
}


def from_source() -> dict[str, dict[str, str | dict[str, str]]]:
    """The words that the widget brings along."""
    table = re.search(r"const row of `\n(.*?)`", SOURCE, re.DOTALL)
    assert table
    rows = [row.strip().split("|") for row in table[1].splitlines()]
    return {
        language: {row[0]: plural(row[column]) if "~" in row[1] else row[column] for row in rows}
        for column, language in ((1, "en"), (2, "vi"))
    }


def plural(text: str) -> dict[str, str]:
    one, _, other = text.rpartition("~")
    return {"one": one, "other": other} if one else {"other": other}


FOLDER = resources.folder("static") / "languages"
PROMISED = "vi en zh fr de es pt it ru uk pl cs nl ja ko th id tr ar hi"
WORDS = from_source() | {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.json"))}


def slots(text: str | dict[str, str]) -> list[list[str]]:
    """The placeholders; every form of a plural has the same."""
    forms = {
        tuple(sorted(re.findall(r"\{\w+\}", form))) for form in (text.values() if isinstance(text, dict) else [text])
    }
    return sorted(map(list, forms))


@pytest.mark.parametrize(
    "word",
    [
        *("innerHTML", "outerHTML", "insertAdjacentHTML", "setHTML", "createContextualFragment", "DOMParser"),
        *("document.write", "eval(", "new Function", "import(", "javascript:"),  # strings that would become code
        *(".style.", "cssText"),  # a strict style-src refuses inline styles
        *("sessionStorage", "indexedDB", ".cookie"),  # what is kept goes through one function
        *("postMessage", '"message"', "window.name", "window.opener"),  # nothing is believed from other windows
    ],
)
def test_it_does_without(word: str) -> None:
    assert word not in CODE


def test_what_is_kept_goes_through_one_function_and_never_holds_the_address() -> None:
    assert CODE.count("localStorage.setItem(") == CODE.count("localStorage.getItem(") == 1
    kept = re.findall(r"\bkeep\([^;]*;", CODE)
    assert kept
    assert not any("email" in call or "payload" in call for call in kept)


def test_it_defines_no_global() -> None:
    assert CODE.lstrip().startswith("(() => {")
    assert not re.search(r"\b(?:window|globalThis|self)\.\w+\s*=[^=]", CODE)


def test_links_of_readers_pass_the_one_check_and_carry_their_rel() -> None:
    assert len(re.findall(r"href, rel: REL", CODE)) == 2
    assert re.search(r'REL = "ugc nofollow noopener"', CODE)


def test_every_language_says_the_same_things() -> None:
    english = WORDS["en"]
    for language, words in WORDS.items():
        assert words.keys() - SAID_BY_THE_SERVER.keys() == english.keys(), language
        for name in english:
            assert slots(words[name]) == slots(english[name]), (language, name)
            assert isinstance(words[name], dict) == isinstance(english[name], dict), (language, name)


# What a form can be refused for. The server says it in English and Vietnamese, the widget in all others.
SAID_BY_THE_SERVER = {
    fault.code: [[f"{{{name}}}" for name in sorted(fault.values)]]
    for fault in (
        faults.too_long(80, 81),
        faults.too_many_marks(),
        faults.bad_character("U+0000"),
        faults.bad_email(),
        faults.bad_web_address(),
        faults.parent_gone(),
    )
}
NOT_THE_READERS = {"not_text", "bad_language", "bad_key"}  # what only a program can do wrong


@pytest.mark.parametrize("language", sorted(WORDS.keys() - {"en", "vi"}))
def test_what_the_server_finds_wrong_has_words_in_every_language(language: str) -> None:
    for code, values in SAID_BY_THE_SERVER.items():
        assert slots(WORDS[language][code]) == values, code


def test_there_is_no_other_fault_that_a_reader_can_make() -> None:
    codes = set(re.findall(r'"([a-z_]+)"(?:, \w+=\w+)*\)$', inspect.getsource(faults), re.MULTILINE))
    assert codes == SAID_BY_THE_SERVER.keys() | NOT_THE_READERS | {"required"}


def test_there_are_the_languages_that_are_promised() -> None:
    listed = re.search(r'MORE = "([a-z ]+)"', CODE)
    assert listed
    assert set(WORDS) == {"en", "vi", *listed[1].split()} == set(PROMISED.split())


@pytest.mark.parametrize("language", PROMISED.split())
def test_plurals_are_those_of_the_language(language: str) -> None:
    forms = set(Locale.parse(language).plural_form.tags) | {"other"}
    for name in ("count", "fresh"):
        given = set(WORDS[language][name])
        assert given <= forms, (name, given - forms)
        missing = forms - given
        assert not {form for form in missing if reached(language, form)}, (name, missing)


def reached(language: str, form: str) -> bool:
    """Whether a whole number of comments takes that form."""
    rule = Locale.parse(language).plural_form
    return any(rule(n) == form for n in range(1, 1001))


def test_no_word_is_missing_or_left_over() -> None:
    named = set(re.findall(r'\bt\("(\w+)"', CODE)) | set(
        re.findall(r'(?:button|quiet|more|field|option)\((?:\w+, )?"(\w+)"', CODE)
    )
    said = {
        "staff",
        "pinned",
        "sending",
        "send",
        "pending",
        "rejected",
        "unavailable",
        "offline",
        "too_many",
        "invalid",
        "closed",
    }
    reasons = {str(reason) for reason in ReportReason}
    assert WORDS["en"].keys() == named - {"homepage"} | said | reasons


@pytest.mark.parametrize("language", PRIVATE_LINES)
def test_the_form_says_that_the_address_stays_private(language: str) -> None:
    assert WORDS[language]["private"] == PRIVATE_LINES[language]


def test_what_is_served_is_made_of_this_source() -> None:
    assert BUILT.read_text(encoding="utf-8") == built(), "run: python -m tests.widget_build"


@pytest.mark.parametrize(("encoding", "most"), [("gzip", 9_000), ("br", 8_000)])
def test_its_weight_as_it_is_served(make_app: Callable[..., Flask], encoding: str, most: int) -> None:
    """Peers' widgets weigh 20 to 60 kB. All is in it: styles, and the words in English and Vietnamese."""
    answer = make_app().test_client().get("/widget.js", headers={"Accept-Encoding": encoding})
    assert answer.headers["Content-Encoding"] == encoding
    unpack = {"gzip": gzip.decompress, "br": brotli.decompress}[encoding]
    assert unpack(answer.data) == BUILT.read_bytes()
    assert len(answer.data) <= most


def test_the_types_are_sound(tmp_path: Path) -> None:
    compiler = shutil.which("tsc")
    if not compiler:
        pytest.skip("there is no TypeScript compiler (tsc)")
    page = tmp_path / "page.ts"
    page.write_text(PAGE.format(types=BUILT.with_name("widget.d.ts")), encoding="utf-8")
    command = [compiler, "--noEmit", "--strict", "--target", "es2022", "--lib", "es2022,dom", str(page)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "")


PAGE = """
/// <reference path="{types}" />
const widget = document.createElement("article-comments");
widget.setAttribute("article", "a");
document.addEventListener("comments:loaded", (event) => {{ const n: number = event.detail.count; }});
widget.addEventListener("comments:submitted", (event) => {{ const id: string = event.detail.id; }});
// @ts-expect-error: there is no such member
document.addEventListener("comments:error", (event) => event.detail.email);
const badge: CommentCountElement = document.createElement("comment-count");
"""
