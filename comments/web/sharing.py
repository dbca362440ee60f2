"""What an open review page asks for all the time: keep my comments, what has changed, who is here."""

from typing import Any

from flask import Blueprint, Response, jsonify, request

from comments.errors import Invalid
from comments.model import BATCH_MAX, Comment, Result
from comments.web.access import signed_in
from comments.web.here import here
from comments.web.intake import json_of
from comments.web.language import gettext
from comments.web.outcomes import said
from comments.web.screens import is_screen, lease

blueprint = Blueprint("sharing", __name__, url_prefix="/moderate")

_SEEN_MAX = 2 * BATCH_MAX


@blueprint.post("/pulse")
def pulse() -> Response:
    """Renews a screen's leases; tells which of its comments have changed or are somebody else's, and who is here."""
    given = json_of(request, max_body=here().settings.server.max_body)
    screen, seen = given.get("screen"), _seen(given.get("seen"))
    keeps = is_screen(screen) and bool(here().settings.moderation.lease_seconds)
    mine = set(seen)
    if keeps:
        mine, names = here().sharing.renew(lease(str(screen)), list(seen))
    else:
        names = here().sharing.presence(signed_in().name, now=int(here().now() * 1000))
    found = here().store.comments(list(seen))
    changed = [_result(each, found.get(each)) for each, version in seen.items() if _version(found, each) != version]
    return jsonify(
        here=[name for name in names if name != signed_in().name],
        held=[each for each in seen if each not in mine],
        changed=[{**result.as_json(), "message": said(result)} for result in changed],
    )


@blueprint.post("/release")
def release() -> Response:
    """Gives up what a closed screen held."""
    screen = json_of(request, max_body=here().settings.server.max_body).get("screen")
    if not is_screen(screen):
        raise Invalid({"screen": [gettext("This is none of ours.")]})
    here().sharing.give_up(str(screen))
    return Response(status=204)


def _seen(given: Any) -> dict[str, int]:
    """The comments on the screen, each with the version that is shown."""
    if not isinstance(given, dict) or len(given) > _SEEN_MAX:
        raise Invalid({"seen": [gettext("At most %(most)s comments with their versions.", most=_SEEN_MAX)]})
    if not all(type(version) is int for version in given.values()):
        raise Invalid({"seen": [gettext("At most %(most)s comments with their versions.", most=_SEEN_MAX)]})
    return given


def _version(found: dict[str, Comment], comment_id: str) -> int | None:
    return found[comment_id].version if comment_id in found else None


def _result(comment_id: str, comment: Comment | None) -> Result:
    if not comment:
        return Result(comment_id, "not_found")
    by, at = (comment.decided.by, comment.decided.at) if comment.decided else (None, None)
    return Result(comment_id, "conflict", comment.status, comment.version, by, at)
