"""What became of a decision, in words."""

from comments.model import Comment, Result, Status
from comments.web.language import gettext, ngettext


def became_of_many(status: Status, number: int) -> str:
    """What to say after many decisions at once."""
    match status:
        case Status.APPROVED:
            return ngettext("Approved: %(num)s comment.", "Approved: %(num)s comments.", number)
        case Status.REJECTED:
            return ngettext("Rejected: %(num)s comment.", "Rejected: %(num)s comments.", number)
        case Status.SPAM:
            return ngettext("Filed as spam: %(num)s comment.", "Filed as spam: %(num)s comments.", number)
        case _:
            return ngettext("Back in the queue: %(num)s comment.", "Back in the queue: %(num)s comments.", number)


def became(comment: Comment) -> str:
    """What to say after a decision about the comment as it stands now."""
    words = {
        Status.APPROVED: gettext("Approved: the comment by %(name)s is on the page.", name=comment.name),
        Status.REJECTED: gettext("Rejected: the comment by %(name)s.", name=comment.name),
        Status.SPAM: gettext("Filed as spam: the comment by %(name)s.", name=comment.name),
        Status.PENDING: gettext("Back in the queue: the comment by %(name)s.", name=comment.name),
        Status.WITHDRAWN: gettext("Withdrawn by its author: the comment by %(name)s.", name=comment.name),
    }
    return words[comment.status]


def said(result: Result) -> str:
    """What to tell a moderator about one result."""
    by = result.decided_by or gettext("its author")
    words = {
        Status.APPROVED: gettext("%(by)s has already approved this comment.", by=by),
        Status.REJECTED: gettext("%(by)s has already rejected this comment.", by=by),
        Status.SPAM: gettext("%(by)s has already filed this comment as spam.", by=by),
        Status.PENDING: gettext("%(by)s has put this comment back in the queue; look at it again.", by=by),
        Status.WITHDRAWN: gettext("Its author has withdrawn this comment."),
    }
    if result.outcome == "done":
        return ""
    if result.outcome == "not_found" or result.status is None:
        return gettext("This comment is not there any more.")
    if result.outcome == "invalid":
        return gettext("That cannot be decided from where this comment stands now.")
    if result.status == Status.PENDING and not result.decided_by:
        return gettext("This comment has changed in the meantime; look at it again.")
    return words[result.status]
