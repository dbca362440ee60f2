"""Links in a text: the commonest mark of advertising."""

from comments.model import Submission
from comments.text import has_link

CODE = "link"


def found(submission: Submission) -> bool:
    return has_link(submission.body)
