"""The field that no person sees. What fills it in is kept, as spam, where a moderator can still find it."""

from comments.model import Submission

CODE = "honeypot"


def sprung(submission: Submission) -> bool:
    return submission.trapped
