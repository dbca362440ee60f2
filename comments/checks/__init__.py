"""What is known of a submission that a moderator should see, and what files it as spam at once.

A code per finding; the texts people read are in the catalogs.
"""

from comments.checks import honeypot, links
from comments.model import Status, Submission

FIRST = "first_comment"
UNCHECKED = "unchecked"  # a part of the store was away: bans, or the pseudonym


def examine(submission: Submission, *, is_new_person: bool) -> tuple[Status, list[str]]:
    """The status a submission is queued in, and the codes that say why it is held, most telling first."""
    if honeypot.sprung(submission):
        return Status.SPAM, [honeypot.CODE]
    reasons = []
    if links.found(submission):
        reasons.append(links.CODE)
    if is_new_person:
        reasons.append(FIRST)
    return Status.PENDING, reasons or ["review"]
