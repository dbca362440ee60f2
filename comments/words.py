"""The words that people read, in each language: gettext catalogs, and moments of time."""

from datetime import datetime
from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO

from babel.dates import format_datetime
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from comments import resources


@cache
def catalog(code: str) -> NullTranslations:
    """The catalog of a language; English is what the code says."""
    path = resources.folder("translations") / code / "LC_MESSAGES" / "messages.po"
    if not path.is_file():
        return NullTranslations()
    compiled = BytesIO()
    with path.open("rb") as source:
        write_mo(compiled, read_po(source, locale=code))
    compiled.seek(0)
    return GNUTranslations(compiled)


def when(moment: datetime, code: str) -> str:
    """A moment in words: date and time, UTC."""
    return f"{format_datetime(moment, 'd MMMM y, HH:mm', locale=code)} UTC"
