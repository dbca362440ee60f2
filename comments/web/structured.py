"""What search engines read of a page of comments: schema.org as JSON-LD, in the shape that Google documents."""

import json
import re
from typing import Any

from comments.web.forms import SubmissionForm


def structured_data(page: dict[str, Any], form: SubmissionForm) -> dict[str, Any]:
    """An article with its comments, from the public page that is shown; `form` knows where the article stands."""
    url, title = form.article_url.data, form.article_title.data
    article = {"@context": "https://schema.org", "@type": "Article", "commentCount": page["count"]}
    if url:
        article |= {"@id": url, "url": url}
    if title:
        article["headline"] = title
    shown = (_comment(comment, url or "") for comment in page["comments"] if not comment["removed"])
    return article | {"comment": list(shown)}


def _comment(comment: dict[str, Any], page: str) -> dict[str, Any]:
    author = {"@type": "Person", "name": comment["name"]}
    if comment["website"]:
        author["url"] = comment["website"]
    said = {
        "@type": "Comment",
        "url": f"{page}#comment-{comment['id']}",
        "author": author,
        "datePublished": comment["created_at"],
        "text": comment["body"],
    }
    if comment["edited_at"]:
        said["dateModified"] = comment["edited_at"]
    if comment["replies"]:
        said["comment"] = [_comment(reply, page) for reply in comment["replies"]]
    return said


def dumps(value: Any, **options: Any) -> str:
    """JSON for the `tojson` filter: in a page not even a quotation mark of a reader's stands as it is."""
    escapes = json.dumps(value, **options)
    return re.sub(r"\\(.)", lambda pair: "\\u0022" if pair[1] == '"' else pair[0], escapes)
