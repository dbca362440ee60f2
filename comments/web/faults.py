"""What can be wrong with a field: in the reader's language, and as a code for programs that say it in another."""

from typing import Self

from comments.web.language import gettext


class Fault(str):
    """A message about a field, with a stable `code` and the `values` that are in its words."""

    code: str
    values: dict[str, str | int]

    def __new__(cls, message: str, code: str, **values: str | int) -> Self:
        fault = super().__new__(cls, message)
        fault.code = code
        fault.values = values
        return fault


def required() -> Fault:
    return Fault(gettext("This field is required."), "required")


def not_text() -> Fault:
    return Fault(gettext("This must be text."), "not_text")


def too_long(most: int, length: int) -> Fault:
    """A text has `length` characters where `most` are accepted."""
    message = gettext("At most %(most)s characters; this has %(length)s.", most=most, length=length)
    return Fault(message, "too_long", most=most, length=length)


def bad_character(codepoint: str) -> Fault:
    """A text has a character that none may have, `U+0000`."""
    message = gettext("The character %(code)s is not allowed.", code=codepoint)
    return Fault(message, "bad_character", character=codepoint)


def too_many_marks() -> Fault:
    return Fault(gettext("Too many marks on one letter."), "too_many_marks")


def bad_email() -> Fault:
    return Fault(gettext("Enter a valid email address."), "bad_email")


def bad_web_address() -> Fault:
    return Fault(gettext("Enter an address that starts with http:// or https://."), "bad_web_address")


def bad_language() -> Fault:
    return Fault(gettext("Enter a language code such as vi or en."), "bad_language")


def bad_key() -> Fault:
    return Fault(gettext("A key is 1 to 200 printable ASCII characters."), "bad_key")


def parent_gone() -> Fault:
    return Fault(gettext("The comment you answer is not on this page any more."), "parent_gone")
