"""What a text may contain, and the HTML it becomes."""

import re
import unicodedata
from html.parser import HTMLParser
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comments import text
from tests.growth import growth

ZWNJ, ZWJ, ZWSP = "\u200c", "\u200d", "\u200b"

# every kind of character the rules speak of, dense enough that they meet
MIXED = st.text(
    st.one_of(
        st.sampled_from("aá1 #<&>\"'\n\t\r(@:/.一あกาمही"),
        st.sampled_from("\u0300\u0301\u0323\u0302\u0489\u0e47\u0344\u0f73\u20e3"),
        st.sampled_from("\u00ad\u034f\u061c\u115f\u17b4\u180b\u180e\u200b\u200c\u200d\u200e\u200f\u2060\ufe0f\ufeff"),
        st.sampled_from("👩👨❤️☠🏴🏳🌈🇻🇳\u2028\u3000\u00a0\U000e0067\U000e007f\U000e0100"),
        st.characters(),
    ),
    max_size=60,
)


def cleaned(typed: str) -> str:
    try:
        return text.clean(typed)
    except text.Refused:
        return ""


@given(MIXED)
def test_cleaning_twice_changes_nothing(typed: str) -> None:
    once = cleaned(typed)
    assert text.clean(once) == once


@given(MIXED)
def test_a_cleaned_line_stays_as_it_is(typed: str) -> None:
    line = " ".join(cleaned(typed).split())
    assert text.clean_line(line) == line


@given(MIXED)
def test_a_cleaned_text_is_composed_and_holds_nothing_refused(typed: str) -> None:
    once = cleaned(typed)
    assert unicodedata.is_normalized("NFC", once)
    assert not re.search("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]", once)
    assert once == once.strip()
    once.encode()


@pytest.mark.parametrize(
    "refused", ["\0", "\x07", "\x1b[31m", "\x85", "\u202e", "\u2066", "\ud800", "\uffff", "\U0001fffe"]
)
def test_controls_overrides_and_surrogates_are_refused_by_name(refused: str) -> None:
    with pytest.raises(text.Refused) as error:
        text.clean(f"a{refused}b")
    assert error.value.codepoint == f"U+{ord(refused[0]):04X}"


def test_line_ends_become_line_feeds_and_tabs_stay() -> None:
    assert text.clean(" a\r\nb\rc\u2028d\te ") == "a\nb\nc\nd\te"
    assert text.clean_line("a\r\n b\t c\u00a0d") == "a b c d"


@pytest.mark.parametrize("word", ["Nguyễn Thị Hường", "Đặng Ngọc Ỹ", "ấậẫẩầ ớợỡởờ ứựữửừ ếệễểề ốộỗổồ"])
def test_three_ways_to_type_vietnamese_are_one_text(word: str) -> None:
    tones = {"\u0300", "\u0301", "\u0303", "\u0309", "\u0323"}
    decomposed = unicodedata.normalize("NFD", word)
    # hat or horn composed with the letter, the tone alone: what some Vietnamese keyboards send
    mixed = "".join(
        unicodedata.normalize("NFC", "".join(m for m in cluster if m not in tones))
        + "".join(m for m in cluster if m in tones)
        for cluster in re.findall(r"[^\u0300-\u036f][\u0300-\u036f]*", decomposed)
    )
    assert len({word, decomposed, mixed}) == 3
    assert {text.clean(typed) for typed in (word, decomposed, mixed)} == {word}


@pytest.mark.parametrize(
    "kept",
    [
        "👨‍👩‍👧‍👦 👩🏽‍⚕️ 🧑🏿‍🤝‍🧑🏻 ❤️‍🔥 👩‍❤️‍💋‍👨 🐦‍⬛ 🏃🏾‍♀️‍➡️",  # families and other joined pictures
        "🇻🇳🇫🇷 🏴󠁧󠁢󠁥󠁮󠁧󠁿🏴󠁧󠁢󠁳󠁣󠁴󠁿 🏳️‍🌈 🏴‍☠️",  # flags
        "#️⃣ *️⃣ 1️⃣0️⃣ ©️ ™️ ↔️ ㊗️",  # keycaps and signs shown as pictures
        f"می{ZWNJ}خواهم کتاب{ZWNJ}ها",  # Persian
        f"क्{ZWJ}ष र्{ZWJ}य শ্{ZWNJ}ব",  # Hindi, Bengali
        "עברית\u200f! العربية\u200e (1)",  # marks of direction beside the scripts that need them
        "葛\U000e0100城 辻\ufe00",  # ideographs in a chosen form
    ],
)
def test_what_a_script_or_a_picture_needs_is_kept(kept: str) -> None:
    assert text.clean(kept) == kept


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (f"H{ZWSP}o{ZWJ}a\ufeff", "Hoa"),
        ("so\u00adft", "soft"),
        (f"1{ZWJ}2 あ{ZWJ}い", "12 あい"),
        ("a\ufe0f 1\ufe0f", "a 1"),
        (f"e{ZWNJ}\u0301", "é"),
        ("a\u061c\u061cb", "ab"),
        (f"a{ZWJ}\u180bb", "ab"),
        ("x\U000e0067\U000e007fy", "xy"),  # tags without their flag
        (ZWSP * 5, ""),
    ],
)
def test_hidden_characters_are_dropped_elsewhere(typed: str, kept: str) -> None:
    assert text.clean(typed) == kept


@pytest.mark.parametrize("unseen", ["", " ", ZWSP, "\u2800", "\u3164", "\u0301", "\u115f\u1160", f"{ZWJ}\ufe0f"])
def test_what_cannot_be_seen_is_not_visible(unseen: str) -> None:
    assert not text.is_visible(text.clean(unseen))


@pytest.mark.parametrize(
    ("name", "piled"),
    [
        ("Nguyễn", False),
        ("Đặng Ỹ", False),
        ("é\u0323\u0301", False),
        ("H\u0300\u0301\u0302\u0303\u0304", True),
        ("ก" + "\u0e47" * 9, True),
    ],
)
def test_piles_of_marks_are_recognised(name: str, piled: bool) -> None:
    assert text.has_piled_marks(name) is piled


def test_the_order_of_marks_in_a_pile_does_not_count() -> None:
    ways = {text.clean("a" + "".join(marks) * 20) for marks in permutations("\u0301\u0323\u0315")}
    assert len(ways) == 1


class Shown(HTMLParser):
    """What a browser shows of some HTML, and the addresses it links to."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.links: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "a":
            assert set(attributes) == {"href", "rel"}
            assert attributes["rel"] == "ugc nofollow noopener"
            self.links.append(attributes["href"] or "")
        else:
            assert tag in ("p", "br")
            assert not attributes
        self.text += "\n" * (tag == "br")

    def handle_endtag(self, tag: str) -> None:
        self.text += "\n\n" * (tag == "p")

    def handle_data(self, data: str) -> None:
        self.text += data


@given(st.one_of(MIXED, st.from_regex(r"\A([<>&\"' ]?(https?://)?[a-z@(\[./\\?#]{1,9}){1,9}\Z")))
def test_html_says_the_text_and_adds_nothing_but_its_three_tags(typed: str) -> None:
    said = cleaned(typed)
    shown = Shown(text.to_html(said))
    assert shown.text.split() == said.split()
    assert all(link.lower().startswith(("http://", "https://")) and link in said for link in shown.links)


@pytest.mark.parametrize(
    "attack",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "javascript:alert(1) data:text/html,x vbscript:x",
        'http://x.vn/"onmouseover="alert(1)',
        "http://x.vn/'><svg/onload=alert(1)>",
        "&lt;script&gt; &#60;b&#62;",
        "[x](javascript:alert(1)) <http://x.vn>",
        "]]><!-- --><![CDATA[",
    ],
)
def test_markup_is_shown_not_obeyed(attack: str) -> None:
    assert Shown(text.to_html(attack)).text.strip() == attack


@pytest.mark.parametrize(
    ("said", "links"),
    [
        ("Xem https://báo.vn/bài-1?a=1&b=2#c.", ["https://báo.vn/bài-1?a=1&b=2#c"]),
        ("(http://a.vn/x) “http://b.vn”, HTTP://C.VN!", ["http://a.vn/x", "http://b.vn", "HTTP://C.VN"]),
        ("http://a.vn/Tho_(thi_ca)", ["http://a.vn/Tho_(thi_ca)"]),
        ("https://bank.example@attacker.example/", []),
        ("http://good.example\\@attacker.example/", []),
        ("ftp://a.vn mailto:a@b.vn //a.vn www.a.vn", []),
        ("http:// http://. http://[ http://[::1", []),
    ],
)
def test_links_are_what_reads_as_one(said: str, links: list[str]) -> None:
    assert Shown(text.to_html(said)).links == links


def test_blank_lines_part_paragraphs_and_line_ends_break_lines() -> None:
    assert text.to_html("a\nb\n \n\nc") == "<p>a<br>b</p><p>c</p>"


MARKS = ["a\u0301\u0323", "\u0301\u0323", "\u0315\u0301\u0323", "\u0f73", "\u0e47", "ế"]
HIDDEN = [f"م{ZWNJ}", f"👩{ZWJ}", ZWSP, "\ufe0f", "\r\n "]
LINKS = ["http://a.vn/(", "http://a.vn?", "http://", "http://[", "http://a.vn)", "((((", "\n ", "a.", "&", "@"]


@pytest.mark.parametrize("unit", MARKS + HIDDEN, ids=ascii)
def test_cleaning_takes_linear_time(unit: str) -> None:
    assert growth(text.clean, lambda n: "a" + unit * (n // len(unit)), 20_000) < 3


@pytest.mark.parametrize("unit", LINKS)
def test_html_takes_linear_time(unit: str) -> None:
    assert growth(text.to_html, lambda n: "http://a.vn/" + unit * (n // len(unit)), 40_000) < 3


def test_the_short_way_for_common_text_leads_to_the_same_end() -> None:
    common = [c for c in map(chr, range(0x3000)) if text._COMMON.fullmatch(c)]
    assert len(common) > 1000
    assert "ệ" in common
    for character in common:
        assert not text._REFUSED.search(character), hex(ord(character))
        assert not text._HIDDEN.search(character), hex(ord(character))
