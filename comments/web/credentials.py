"""What people type to say who they are: names, passwords, and the password once more before what matters."""

from flask import request

from comments import passwords
from comments.model import NAME_MAX
from comments.text import Refused, clean_line
from comments.web.access import signed_in, this_session
from comments.web.here import here
from comments.web.language import gettext
from comments.web.origins import source_of

_PROVED = 10 * 60  # seconds after signing in during which somebody without a password is still believed


def typed(name: str | None, password: str | None) -> tuple[str, str]:
    """The name and the password as typed; neither may be longer than any that we keep."""
    password = password or ""
    try:
        name = clean_line(name or "")
        password.encode()
    except (Refused, UnicodeEncodeError):
        return "", ""
    return (name, password) if len(name) <= NAME_MAX and len(password) <= 1024 else ("", "")


def refused(name: str, password: str) -> str | None:
    """Why this name and new password cannot be a moderator's, or None."""
    if not name:
        return gettext("Please enter your name.")
    refusal = passwords.refuse(password, (name,))
    if not refusal:
        return None
    words = {
        "too_short": gettext("The password is too short: at least %(least)s characters.", least=passwords.SHORTEST),
        "too_long": gettext("The password is too long: at most %(most)s characters.", most=passwords.LONGEST),
        "common": gettext("This password is easily guessed: it is very common, or says what this service is."),
        "contains": gettext("This password is easily guessed: it is very common, or says what this service is."),
    }
    if refusal.word == name:
        return gettext("The password contains your name, which is easily guessed.")
    return words[refusal.code]


def not_proved(password: str | None) -> str | None:
    """Why whoever is signed in is not believed to be there just now, or None.

    They type their password once more; without one, a sign-in of the last minutes counts.
    """
    moderator, people = signed_in(), here().people
    if moderator.password_hash is None:
        recent = here().now() - this_session().proved < _PROVED
        return None if recent else gettext("Please sign out and in again, then repeat this.")
    source = source_of(request, here().settings.server.trusted_proxies)
    if people.try_again_after(moderator.name, source):
        return gettext("There were too many attempts. Please try again in a minute.")
    if not passwords.verify(moderator.password_hash, typed(moderator.name, password)[1]):
        return gettext("Your present password is not right. Nothing has changed.")
    people.forgive(moderator.name, source)
    return None
