"""What the newsroom knows of a reader, by pseudonym: their record, notes of colleagues, and bans."""

import re
from datetime import datetime

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from comments.errors import Invalid, NotFound
from comments.model import REASON_MAX, moment_of
from comments.store.bans import REFUSE, SILENCE, Ban, Note
from comments.text import Refused, clean
from comments.web.access import signed_in
from comments.web.here import here
from comments.web.language import gettext
from comments.web.reasons import rejections, sentences

blueprint = Blueprint("readers", __name__, url_prefix="/moderate/readers")

_PERSON = re.compile(r"[0-9a-f]{16}")
_TERMS = (1, 7, 30, 365)  # days


@blueprint.get("/<person>")
def person(person: str) -> Response:
    """One reader: what became of their comments, the last of them, notes, and the ban in force."""
    return _page(person)


@blueprint.post("/<person>/notes")
def note(person: str) -> AnyResponse:
    """Notes something for colleagues."""
    text = _text("note")
    if not text:
        return _page(_known(person), 422, error=gettext("Write something first."))
    here().bans.note(_known(person), Note(signed_in().name, int(here().now()), text))
    return redirect(url_for("readers.person", person=person, lang=request.args.get("lang")), 303)


@blueprint.get("")
def bans() -> Response:
    """Every ban in force."""
    return _bans()


@blueprint.post("/ban")
def ban() -> AnyResponse:
    """Keeps somebody away for a time, with or without telling them."""
    kind, about, days = (request.form.get(name, "") for name in ("kind", "about", "days"))
    effect = request.form.get("effect")
    if kind not in ("person", "domain", "range") or effect not in (REFUSE, SILENCE) or days not in map(str, _TERMS):
        raise Invalid({"kind": [gettext("This is none of ours.")]})
    reason = _text("own") or request.form.get("reason", "")[:REASON_MAX]
    by = signed_in().name
    if not here().desk.ban(kind, about[:300], effect=effect, days=int(days), reason=reason, by=by):
        wrong = gettext("A domain looks like spam.example, a range like 192.0.2.0/24 or 2001:db8::/48.")
        return _bans(422, error=wrong)
    here().people.note(by, "ban", about if kind == "person" else kind)
    if kind == "person":
        return redirect(url_for("readers.person", person=about, lang=request.args.get("lang")), 303)
    return redirect(url_for("readers.bans", lang=request.args.get("lang")), 303)


@blueprint.post("/lift")
def lift() -> AnyResponse:
    """Ends a ban before its time."""
    if here().bans.lift(request.form.get("id", "")[:32]):
        here().people.note(signed_in().name, "ban lifted", request.form.get("about", "")[:32])
    return redirect(url_for("readers.bans", lang=request.args.get("lang")), 303)


def _page(person: str, status: int = 200, error: str | None = None) -> Response:
    record = here().search.records([_known(person)]).get(person)
    found = here().store.comments(record.latest if record else [])
    html = render_template(
        "moderate/reader.html",
        person=person,
        record=record,
        comments=[found[each] for each in (record.latest if record else []) if each in found],
        notes=[(each, moment_of(each.at * 1000)) for each in here().bans.notes(person)],
        bans=[(each, until) for each, until in _in_force() if each.about == person],
        error=error,
        **_words(),
    )
    return Response(html, status, mimetype="text/html")


def _bans(status: int = 200, error: str | None = None) -> Response:
    html = render_template("moderate/bans.html", bans=_in_force(), error=error, **_words())
    return Response(html, status, mimetype="text/html")


def _in_force() -> list[tuple[Ban, datetime]]:
    """Each ban with its end."""
    return [(each, moment_of(each.until * 1000)) for each in here().bans.all(int(here().now()))]


def _words() -> dict[str, object]:
    return {"terms": _TERMS, "rejections": rejections(), "reasons": sentences()}


def _known(person: str) -> str:
    if not _PERSON.fullmatch(person):
        raise NotFound(person)
    return person


def _text(name: str) -> str:
    """A colleague's own words, cleaned like any other text."""
    try:
        return clean(request.form.get(name, ""))[:REASON_MAX]
    except Refused as refused:
        message = gettext("The character %(code)s is not allowed.", code=refused.codepoint)
        raise Invalid({name: [message]}) from refused
