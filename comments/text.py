"""What a text may contain, and the one thing it becomes: HTML of paragraphs, line breaks and links.

Rules (design, "Text"): NFC; control, bidi-override and lone-surrogate characters are refused; zero-width ones
are removed outside emoji and the scripts that need them; nothing is ever cut. Every function is linear in its input.
"""

import re
import unicodedata
from collections.abc import Iterator
from html import escape
from urllib.parse import urlsplit

# C0 and C1 controls (tab and line feed excepted), bidi embeddings, overrides and isolates (Unicode UAX #9: they
# reorder what a moderator reads), lone surrogates, and the code points that Unicode keeps out of interchange.
_REFUSED = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef"
    "\ufff9-\ufffb\ufffe\uffff" + "".join(f"{chr(p << 16 | 0xFFFE)}{chr(p << 16 | 0xFFFF)}" for p in range(1, 17)) + "]"
)
# What nearly every text consists of, Vietnamese included: nothing here is refused or hidden. It only saves time:
# one range after another is tried for each character of a text, and the sets below have many.
_COMMON = re.compile("[\n\x20-\x7e\xa0-\xac\xae-\u02ff\u1e00-\u1eff\u2010-\u2027\u2030-\u205e\u20a0-\u20bf]*")
# Characters without a width of their own. Joiners and direction marks stay beside a script that needs them,
# joiners and tags stay inside an emoji; everywhere else they only hide something.
_HIDDEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2060-\u2065\u206a-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]"
)
_JOINERS = "\u200c\u200d"
_DIRECTIONS = "\u061c\u200e\u200f"
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")  # they choose between two looks of one character
# Scripts that write with joiners or from right to left: Hebrew, Arabic, Syriac, Thaana, N'Ko ... (0590-08FF,
# presentation forms FB1D-FDFF, FE70-FEFE), Indic and South-East Asian (0900-109F, 1780-17FF), Mongolian (1800-18AF);
# without the hidden characters among them, which must not keep one another.
_JOINING = re.compile(
    "[\u0590-\u061b\u061d-\u109f\u1780-\u17b3\u17b6-\u180a\u1810-\u18af\ufb1d-\ufdcf\ufdf0-\ufdff\ufe70-\ufefe]"
)
_PICTURE = re.compile(
    "[\u00a9\u00ae\u203c\u2049\u20e3\u2122\u2139\u2190-\u23ff\u24c2\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff"
    "\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]"
)
_KEYCAPS = "#*0123456789"
_TAG_BASE = "\U0001f3f4"  # the black flag that starts the flags of Scotland, Wales ... (UTS #51, tag sequences)

_LINE_ENDS = re.compile("\r\n?|[\u2028\u2029]")
_BLANK_LINES = re.compile(r"\n[ \t]*(?:\n[ \t]*)+")
_MAX_MARKS = 4  # of one base; Vietnamese needs two, Hebrew and Arabic at most four
# Marks that normalising puts in order, in such numbers as nobody writes.
_COMBINING = "".join(c for c in map(chr, range(0x300, 0x1E94B)) if unicodedata.combining(c)) + "\u0f73\u0f75\u0f81"
_PILE = re.compile(f"[{_COMBINING}]{{32,}}")

_LINK = re.compile(r"https?://[^\W_][^\s<>\"]*", re.IGNORECASE)
_AFTER_A_LINK = ".,;:!?…'”’»。，、"  # a sentence's, not the address's


class Refused(ValueError):
    """A character that no text may contain; `codepoint` names it (`U+202E`)."""

    def __init__(self, character: str) -> None:
        self.codepoint = f"U+{ord(character):04X}"
        super().__init__(self.codepoint)


def clean(text: str) -> str:
    """The text as it is kept: NFC, LF line ends, no hidden characters, no white space around it.

    Raises:
        Refused: for a control, bidi-override, surrogate or non-character.
    """
    if text.isascii() and text.isprintable():
        return text.strip()
    text = _LINE_ENDS.sub("\n", text)
    if _COMMON.fullmatch(text) and unicodedata.is_normalized("NFC", text):
        return text.strip()
    if found := _REFUSED.search(text):
        raise Refused(found.group())
    if not text.isascii():
        text = _without_hidden(_composed(text))
        # what was removed may have stood between a letter and its mark
        text = unicodedata.normalize("NFC", text)
    return text.strip()


def clean_line(text: str) -> str:
    """As `clean`, on one line: runs of white space (line ends too) become one space."""
    return " ".join(clean(text).split())


def has_piled_marks(text: str) -> bool:
    """Whether any base carries more combining marks than a written language stacks ("zalgo")."""
    run = 0
    for character in unicodedata.normalize("NFD", text):
        run = run + 1 if unicodedata.category(character) in ("Mn", "Me") else 0
        if run > _MAX_MARKS:
            return True
    return False


def is_visible(text: str) -> bool:
    """Whether anything in it can be seen: a letter, a number, a sign or a picture."""
    return any(unicodedata.category(c)[0] in "LNPS" and c != "\u2800" for c in text)


def _composed(text: str) -> str:
    """NFC. Piled marks are put in order first: unicodedata's own sort takes the square of their number."""
    return unicodedata.normalize("NFC", _PILE.sub(_in_order, text))


def _in_order(pile: re.Match[str]) -> str:
    marks = "".join(unicodedata.normalize("NFD", mark) for mark in pile.group())
    return "".join(sorted(marks, key=unicodedata.combining))


def _without_hidden(text: str) -> str:
    """Drops zero-width characters except where a script or an emoji needs them."""
    if not _HIDDEN.search(text):
        return text
    kept: list[str] = []
    in_tags = False
    for here, character in enumerate(text):
        if not _HIDDEN.match(character):
            kept.append(character)
            in_tags = character == _TAG_BASE
            continue
        before = kept[-1] if kept else ""
        after = text[here + 1] if here + 1 < len(text) else ""
        in_tags = in_tags and "\U000e0020" <= character <= "\U000e007f"
        if in_tags or _is_needed(character, before, after):
            kept.append(character)
    return "".join(kept)


def _is_needed(character: str, before: str, after: str) -> bool:
    joining = bool(before and _JOINING.match(before)) or bool(after and _JOINING.match(after))
    if character in _DIRECTIONS:
        return joining
    if character in _JOINERS:
        in_emoji = character == "\u200d" and bool(_ends_picture(before) and after and _PICTURE.match(after))
        return joining or in_emoji
    if _SELECTORS.match(character):
        return bool(before) and (
            unicodedata.category(before) == "Lo"  # ideographs
            or bool(_PICTURE.match(before))
            or (before in _KEYCAPS and after == "\u20e3")
        )
    return "\u180b" <= character <= "\u180f" and joining  # Mongolian variation selectors


def _ends_picture(before: str) -> bool:
    return bool(before) and (before == "\ufe0f" or bool(_PICTURE.match(before)))


def has_link(text: str) -> bool:
    """Whether a text holds an http(s) address or something that reads like one."""
    return "http://" in text.lower() or "https://" in text.lower() or "www." in text.lower()


def to_html(text: str) -> str:
    """A cleaned plain text as HTML: paragraphs, `<br>`, http(s) links with rel="ugc nofollow noopener".

    Everything else is escaped, so that there is no markup of a reader's to sanitise.
    """
    paragraphs = _BLANK_LINES.split(text)
    return "".join(f"<p>{_with_links(p.strip(chr(10)))}</p>" for p in paragraphs if p.strip())


def _with_links(text: str) -> str:
    parts: list[str] = []
    last = 0
    for start, address in _links(text):
        parts.append(escape(text[last:start]))
        parts.append(f'<a href="{escape(address)}" rel="ugc nofollow noopener">{escape(address)}</a>')
        last = start + len(address)
    parts.append(escape(text[last:]))
    return "".join(parts).replace("\n", "<br>")


def _links(text: str) -> Iterator[tuple[int, str]]:
    """Where http(s) addresses stand in a text (as static/widget.js finds them): without what ends their sentence."""
    for found in _LINK.finditer(text):
        address = found.group()
        address = address.rstrip(_AFTER_A_LINK if "(" in address else _AFTER_A_LINK + ")]")
        if _leads_where_it_reads(address):
            yield found.start(), address


def _leads_where_it_reads(address: str) -> bool:
    """Not so https://bank.example@attacker.example, nor what browsers do not take for an address at all."""
    try:
        return "@" not in urlsplit(address).netloc
    except ValueError:
        return False
