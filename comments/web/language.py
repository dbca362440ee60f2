"""Vietnamese and English: which one a request wants, and the words in it (gettext catalogs)."""

from datetime import datetime
from urllib.parse import urlencode

from babel.dates import format_date, format_timedelta
from flask import Flask, g, has_request_context, request, url_for

from comments.model import moment_of, rfc3339
from comments.web.here import here
from comments.words import catalog, when

LANGUAGES = (("vi", "Tiếng Việt"), ("en", "English"))
_CODES = tuple(code for code, _ in LANGUAGES)


def language() -> str:
    """The language of this answer: `lang` or `language` asked for, else what the browser prefers, else the setting."""
    if not has_request_context():
        return "en"
    if "language" not in g:
        asked = (request.args.get("lang") or "")[:2]
        preferred = request.accept_languages.best_match(_CODES)
        g.language = asked if asked in _CODES else preferred or here().settings.pages.language
    return str(g.language)


def speak(code: str | None) -> None:
    """Answers this request in that language, when we have it (`vi`, `vi-VN`)."""
    if code and code[:2].lower() in _CODES:
        g.language = code[:2].lower()


def gettext(message: str, **values: object) -> str:
    text = catalog(language()).gettext(message)
    return text % values if values else text


def ngettext(one: str, many: str, number: int, **values: object) -> str:
    return catalog(language()).ngettext(one, many, number) % {"num": number, **values}


def day(moment: datetime, code: str) -> str:
    """The day of a moment, UTC."""
    return format_date(moment, "d MMMM y", locale=code)


def ago(moment: datetime, code: str) -> str:
    """How long ago a moment was, in words."""
    return format_timedelta(moment - moment_of(int(here().now() * 1000)), add_direction=True, locale=code)


def switch_url(code: str) -> str:
    """The present page in another language."""
    path = url_for(request.endpoint or "pages.index", **(request.view_args or {}))
    kept = {name: value for name, value in request.args.items() if name != "email"}  # what should never have been there
    return f"{path}?{urlencode({**kept, 'lang': code})}"


def init_app(app: Flask) -> None:
    """Gives the templates their words."""
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]  # added by the extension
    app.jinja_env.filters.update(when=when, day=day, ago=ago, rfc3339=rfc3339)
    app.context_processor(lambda: {"lang": language(), "languages": LANGUAGES, "switch_url": switch_url})
