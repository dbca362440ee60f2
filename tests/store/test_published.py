"""The public form as it is kept: nothing of it is lost, and most of it is the words alone."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comments.model import Comment, Status
from comments.store.published import _whole, finished
from comments.text import to_html

AT = datetime(2026, 1, 2, tzinfo=UTC)
COMMENT = Comment("00" + "0" * 26, "main", "a", "Hoa", "text", AT, Status.PENDING, 1)
HARD = st.sampled_from(["&", "<", '"', "'", "\\", "n", "\n", "https://a.example/", '","html":"', "ơ", " ", "x"])


@given(
    st.lists(HARD, min_size=1).map("".join),
    st.sampled_from(["Hoa", '"', '","body":"', "<b>"]),
    st.sampled_from([None, "00" + "1" * 26]),
    st.sampled_from([None, "https://hoa.example/"]),
    st.booleans(),
)
def test_nothing_is_lost(body: str, name: str, parent: str | None, website: str | None, is_staff: bool) -> None:
    comment = replace(COMMENT, body=body, name=name, parent=parent, website=website, staff=is_staff)
    said = json.loads(_whole(comment.id.encode(), finished(comment, to_html(body))))
    assert said == comment.public_form(html=to_html(body))


@pytest.mark.parametrize("body", ["Bài viết rất hay.", "“Hay” & <đúng>, 'nhưng' \"không\"\nphải\n\nvậy."])
def test_the_words_are_kept_once(body: str) -> None:
    kept = finished(replace(COMMENT, body=body, parent="00" + "1" * 26), to_html(body))
    assert kept.count("vậy".encode() if "vậy" in body else "viết".encode()) == 1
    assert b"null" not in kept
    assert b'"id"' not in kept
