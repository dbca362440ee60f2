"""The submission form (Flask-WTF): what each field must be, and what it becomes.

A validator cleans its field's text in place, so that what is measured, kept and shown is the same text.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from urllib.parse import urlsplit

from email_validator import EmailNotValidError, validate_email
from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
from wtforms import Form, StringField
from wtforms.fields import Field
from wtforms.validators import StopValidation

from comments import text
from comments.model import (
    ARTICLE_MAX,
    BODY_MAX,
    DEFAULT_SITE,
    EMAIL_MAX,
    NAME_MAX,
    SITE_MAX,
    TITLE_MAX,
    URL_MAX,
    Address,
    Submission,
)
from comments.web import faults
from comments.web.here import here

Validator = Callable[[Form, Field], None]

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}")  # BCP 47 as far as it is used
_KEY = re.compile(r"[\x21-\x7e]{1,200}")  # printable ASCII


def line(most: int, *, required: bool = False) -> Validator:
    """One line of text of at most `most` characters."""

    def check(_form: Form, field: Field) -> None:
        field.data = _cleaned(text.clean_line, field.data)
        _measure(field.data, most, required)

    return check


def name(_form: Form, field: Field) -> None:
    """A name that can be seen and does not pile marks on its letters."""
    field.data = _cleaned(text.clean_line, field.data)
    _measure(field.data, NAME_MAX, required=True)
    if not text.is_visible(field.data):
        raise StopValidation(faults.required())
    if text.has_piled_marks(field.data):
        raise StopValidation(faults.too_many_marks())


def body(_form: Form, field: Field) -> None:
    """The comment itself: lines and paragraphs."""
    field.data = _cleaned(text.clean, field.data)
    _measure(field.data, BODY_MAX, required=True)
    if not text.is_visible(field.data):
        raise StopValidation(faults.required())


def email(_form: Form, field: Field) -> None:
    """An address that mail could reach, by its form; the DNS is asked only where the setting says so."""
    settings = here().settings.comments
    typed = (field.data or "").strip()
    if not typed and not settings.require_email:
        field.data = None
        return
    _measure(typed, EMAIL_MAX, required=True)
    try:
        found = validate_email(typed, check_deliverability=settings.check_email_dns)
    except (EmailNotValidError, ValueError) as error:
        raise StopValidation(faults.bad_email()) from error
    field.data = found.normalized


def web_address(_form: Form, field: Field) -> None:
    """An http(s) address, judged after parsing: a host, no user name in front of it."""
    field.data = _cleaned(text.clean_line, field.data) or None
    if field.data is None:
        return
    _measure(field.data, URL_MAX, required=False)
    try:
        parts = urlsplit(field.data)
        good = bool(parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc)
        good = good and (parts.port is None or parts.port > 0) and " " not in field.data and "\\" not in field.data
    except ValueError:
        good = False
    if not good:
        raise StopValidation(faults.bad_web_address())


def language(_form: Form, field: Field) -> None:
    if field.data and not _LANGUAGE.fullmatch(field.data):
        raise StopValidation(faults.bad_language())


def idempotency_key(_form: Form, field: Field) -> None:
    if field.data and not _KEY.fullmatch(field.data):
        raise StopValidation(faults.bad_key())


class SubmissionForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """A reader's comment (contract: POST /api/v1/comments).

    The public API knows no cookie, so there is nothing that a forged request could borrow, and no CSRF token.
    """

    class Meta:
        csrf = False

    article = StringField(validators=[line(ARTICLE_MAX, required=True)])
    site = StringField(validators=[line(SITE_MAX)])
    parent = StringField(validators=[line(64)])
    name = StringField(validators=[name])
    email = StringField(validators=[email])
    body = StringField(validators=[body])
    website = StringField(validators=[web_address])
    article_url = StringField(validators=[web_address])
    article_title = StringField(validators=[line(TITLE_MAX)])
    language = StringField(validators=[language])
    homepage = StringField()  # the honeypot: no person sees it
    idempotency_key = StringField(validators=[idempotency_key])

    def submission(self) -> Submission:
        """What was said; only after `validate()`."""
        address = self._said("email")
        return Submission(
            article=self.article.data,
            name=self.name.data,
            body=self.body.data,
            email=Address(address) if address else None,
            site=self._said("site") or DEFAULT_SITE,
            parent=self._said("parent"),
            website=self._said("website"),
            article_url=self._said("article_url"),
            article_title=self._said("article_title"),
            language=self._said("language"),
            trapped=bool(self._said("homepage")),
            idempotency_key=self._said("idempotency_key"),
        )

    def _said(self, name: str) -> str | None:
        field = getattr(self, name)
        return (field.data or None) if field else None


class BodyForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Another text for a comment: what is asked of it is what was asked of the first."""

    class Meta:
        csrf = False

    body = StringField(validators=[body])


FIELDS = frozenset(name for name, value in vars(SubmissionForm).items() if hasattr(value, "field_class"))
_REQUIRED = frozenset({"article", "name", "email", "body"})


def submission_form(fields: Mapping[str, str], *, whole: bool = True) -> SubmissionForm:
    """The form, filled with what came in; a program's needs no field that it did not send (`whole` false)."""
    sent = FIELDS if whole else _REQUIRED | (FIELDS & fields.keys())
    return _form_with(sent)(formdata=MultiDict(fields))


@cache
def _form_with(sent: frozenset[str]) -> type[SubmissionForm]:
    """The form with these fields alone (of 2^8 sets at most): WTForms spends its time on making fields."""
    return type("SubmissionForm", (SubmissionForm,), dict.fromkeys(FIELDS - sent))


def identity(site: str, article: str) -> tuple[str, str]:
    """A (site, article) from a query, cleaned exactly as in a submission.

    Raises:
        StopValidation: with the message for `article` or `site` as `.args[0]`.
    """
    site = _cleaned(text.clean_line, site)
    article = _cleaned(text.clean_line, article)
    _measure(article, ARTICLE_MAX, required=True)
    _measure(site, SITE_MAX, required=False)
    return site or DEFAULT_SITE, article


def _cleaned(clean: Callable[[str], str], typed: str | None) -> str:
    try:
        return clean(typed or "")
    except text.Refused as refused:
        raise StopValidation(faults.bad_character(refused.codepoint)) from refused


def _measure(cleaned: str, most: int, required: bool) -> None:
    if required and not cleaned:
        raise StopValidation(faults.required())
    if len(cleaned) > most:
        raise StopValidation(faults.too_long(most, len(cleaned)))
