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
        "unchecked": gettext("It came while a part of the store was away: bans and its author are not checked."),
        "link": gettext("It contains a link."),
        "honeypot": gettext("It filled in a field that people cannot see."),
        "reported_spam": gettext("Readers reported it as advertising."),
        "reported_abuse": gettext("Readers reported it as insulting or threatening."),
        "reported_personal": gettext("Readers reported that it tells private things about somebody."),
        "reported_false": gettext("Readers reported that it is not true."),
        "reported_other": gettext("Readers reported it."),
        "staff": gettext("A colleague has written it."),
        "banned": gettext("Its author was banned, quietly."),
        "damaged": gettext("Its record in the store is damaged."),
    }


def rejections() -> dict[str, str]:
    """The codes that a rejection can carry, each with what its author reads on the receipt."""
    return {
        "off_topic": gettext("It has nothing to do with the article."),
        "insult": gettext("It insults people."),
        "private": gettext("It tells private things about others."),
        "advertising": gettext("It advertises something."),
        "unproven": gettext("It makes claims that we cannot check."),
        "unreadable": gettext("It cannot be understood."),
        "repeated": gettext("It says the same as another comment."),
    }


def in_words(reason: str | None) -> str | None:
    """A reason as its author reads it: the text of a code, or a moderator's own words."""
    return rejections().get(reason, reason) if reason else None
