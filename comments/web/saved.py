"""Saving a view of the queue under a name, and forgetting it."""

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from comments.errors import Invalid
from comments.store.views import MOST
from comments.text import Refused, clean_line
from comments.web.access import signed_in
from comments.web.here import here
from comments.web.intake import one, query_of
from comments.web.language import gettext
from comments.web.links import link
from comments.web.views import ASKS, view_of

blueprint = Blueprint("saved", __name__, url_prefix="/moderate/views")

_NAME_MAX = 40


@blueprint.post("/save")
def save() -> AnyResponse:
    """Saves the view that the address asks for."""
    query = query_of(request)
    view_of(query)  # refuses what is no view
    asks = {name: value for name in ASKS if (value := one(query, name))}
    if not here().views.save(signed_in().name, _name(), asks):
        raise Invalid({"name": [gettext("At most %(most)s views; remove one first.", most=MOST)]})
    return redirect(link("moderate.queue", asks | {"lang": request.args.get("lang")}), 303)


@blueprint.post("/remove")
def remove() -> AnyResponse:
    """Forgets a saved view."""
    here().views.remove(signed_in().name, _name())
    query = query_of(request)
    kept = {name: value for name in (*ASKS, "lang") if (value := one(query, name))}
    return redirect(link("moderate.queue", kept), 303)


def _name() -> str:
    try:
        name = clean_line(request.form.get("name", ""))
    except Refused as refused:
        message = gettext("The character %(code)s is not allowed.", code=refused.codepoint)
        raise Invalid({"name": [message]}) from refused
    if not 1 <= len(name) <= _NAME_MAX:
        raise Invalid({"name": [gettext("A name of 1 to %(most)s characters.", most=_NAME_MAX)]})
    return name
