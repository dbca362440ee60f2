"""What a text may contain, and the one thing it becomes: HTML of paragraphs, line breaks and links.

Rules (design, "Text"): NFC; control, bidi-override and lone-surrogate characters are refused; zero-width ones
are removed outside emoji and the scripts that need them; nothing is ever cut. Every function is linear in its input.
"""

import re
import unicodedata
from html import escape

from linkify_it import LinkifyIt

# C0 and C1 controls (tab and line feed excepted), bidi embeddings, overrides and isolates (Unicode UAX #9: they
# reorder what a moderator reads), lone surrogates, and the code points that Unicode keeps out of interchange.
_REFUSED = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef"
    "\ufff9-\ufffb\ufffe\uffff" + "".join(f"{chr(p << 16 | 0xFFFE)}{chr(p << 16 | 0xFFFF)}" for p in range(1, 17)) + "]"
)
# Characters without a width of their own. Joiners and direction marks stay beside a script that needs them,
# joiners and tags stay inside an emoji; everywhere else they only hide something.
_HIDDEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2060-\u2065\u206a-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]"
)
_JOINERS = "\u200c\u200d"
_MARKS = "\u061c\u200e\u200f"
_SELECTORS = "\ufe00\ufe01\ufe02\ufe03\ufe04\ufe05\ufe06\ufe07\ufe08\ufe09\ufe0a\ufe0b\ufe0c\ufe0d\ufe0e\ufe0f"
# Scripts that write with joiners or from right to left: Hebrew, Arabic, Syriac, Thaana, N'Ko ... (0590-08FF,
# presentation forms FB1D-FDFF, FE70-FEFE), Indic and South-East Asian (0900-109F, 1780-17FF), Mongolian (1800-18AF).
_JOINING = re.compile("[\u0590-\u109f\u1780-\u18af\ufb1d-\ufdcf\ufdf0-\ufdff\ufe70-\ufefe]")
_PICTURE = re.compile("[#*0-9\u00a9\u00ae\u203c-\u3299\U0001f000-\U0001faff]")
_TAG_BASE = "\U0001f3f4"  # the black flag that starts the flags of Scotland, Wales ... (UTS #51, tag sequences)

_LINE_ENDS = re.compile("\r\n?|[\u2028\u2029]")
_BLANK_LINES = re.compile(r"\n[ \t]*(?:\n[ \t]*)+")
_MAX_MARKS = 4  # of one base; Vietnamese needs two, Hebrew and Arabic at most four


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
    if found := _REFUSED.search(text):
        raise Refused(found.group())
    if not text.isascii():
        text = _without_hidden(unicodedata.normalize("NFC", text))
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
        run = run + 1 if unicodedata.combining(character) else 0
        if run > _MAX_MARKS:
            return True
    return False


def is_visible(text: str) -> bool:
    """Whether anything in it can be seen: a letter, a number, a sign or a picture."""
    return any(unicodedata.category(c)[0] in "LNPS" and c != "\u2800" for c in text)


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
    if character in _MARKS:
        return joining
    if character in _JOINERS:
        in_emoji = character == "\u200d" and bool(_ends_picture(before) and after and _PICTURE.match(after))
        return joining or in_emoji
    if character in _SELECTORS:
        return bool(before and (_PICTURE.match(before) or unicodedata.category(before)[0] == "L"))
    return "\u180b" <= character <= "\u180f" and joining  # Mongolian variation selectors


def _ends_picture(before: str) -> bool:
    return bool(before) and (before == "\ufe0f" or bool(_PICTURE.match(before)))


def _linkify() -> LinkifyIt:
    finder = LinkifyIt(options={"fuzzy_link": False, "fuzzy_email": False, "fuzzy_ip": False})
    for schema in ("ftp:", "mailto:", "//"):
        finder.add(schema, None)
    return finder


_LINKS = _linkify()


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
    if "://" not in text:
        return escape(text).replace("\n", "<br>")
    parts: list[str] = []
    last = 0
    for link in _LINKS.match(text) or ():
        address = link.text
        if "@" in address.split("/", 3)[2]:
            continue  # https://bank.example@attacker.example: what is read is not where it leads
        parts.append(escape(text[last : link.index]))
        parts.append(f'<a href="{escape(address)}" rel="ugc nofollow noopener">{escape(address)}</a>')
        last = link.last_index
    parts.append(escape(text[last:]))
    return "".join(parts).replace("\n", "<br>")
