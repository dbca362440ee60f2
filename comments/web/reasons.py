"""Why a comment is held, in words."""

from comments.web.language import gettext


def sentence(code: str) -> str:
    """The sentence for a code of `comments.checks`; an unknown code speaks for itself."""
    return sentences().get(code, code)


def sentences() -> dict[str, str]:
    """Every code that there is with its sentence."""
    return {
        "review": gettext("Every comment is read before it appears."),
        "first_comment": gettext("First comment from this address."),
        "link": gettext("It contains a link."),
        "honeypot": gettext("It filled in a field that people cannot see."),
        "reported_spam": gettext("Readers reported it as advertising."),
        "reported_abuse": gettext("Readers reported it as insulting or threatening."),
        "reported_personal": gettext("Readers reported that it tells private things about somebody."),
        "reported_false": gettext("Readers reported that it is not true."),
        "reported_other": gettext("Readers reported it."),
        "damaged": gettext("Its record in the store is damaged."),
    }
