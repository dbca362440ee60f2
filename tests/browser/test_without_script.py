"""Everything works in a browser that runs no JavaScript."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import OpenWindow
from tests.browser.newsroom import EN, Newsroom, box, card_of, fill, sign_in, write

SAID = "Hồi đó tôi cũng quá giang chuyến sớm, nước ròng phải chờ cả tiếng."


def test_a_comment_goes_from_the_form_to_the_page(window: OpenWindow, newsroom: Newsroom) -> None:
    newsroom.moderator("Minh")
    reader, moderator = (window(java_script_enabled=False).new_page() for _ in range(2))
    reader.goto("/embed?article=without-script&lang=en")
    fill(reader, EN, body=SAID, name="Trần Văn Bình")
    with reader.expect_response("**/api/v1/comments") as answer:
        reader.get_by_role("button", name=EN["send"]).click()
    assert answer.value.status == 303
    expect(reader).to_have_url(re.compile("/receipts/"))
    expect(reader.get_by_role("heading", level=1)).to_have_text("Waiting for review")

    sign_in(moderator, "Minh")
    moderator.get_by_role("article", name="Trần Văn Bình").get_by_role("button", name="Approve").click()
    expect(moderator.get_by_role("region", name="The last decision")).to_contain_text(
        "Approved: the comment by Trần Văn Bình is on the page."
    )

    reader.reload()
    expect(reader.get_by_role("heading", level=1)).to_have_text("Published")
    reader.goto("/embed?article=without-script&lang=en")
    expect(reader.get_by_role("article", name="Trần Văn Bình")).to_contain_text(SAID)


def test_a_decision_is_taken_back(window: OpenWindow, newsroom: Newsroom) -> None:
    comment_id = newsroom.submitted(article="taken-back")
    page = window(java_script_enabled=False).new_page()
    sign_in(page, newsroom.moderator("Quý"))
    card_of(page, comment_id).get_by_role("button", name="Reject", exact=True).click()
    expect(card_of(page, comment_id)).to_have_count(0)
    page.get_by_role("region", name="The last decision").get_by_role("button", name="Undo").click()
    expect(card_of(page, comment_id)).to_be_visible()


def test_a_form_with_errors_keeps_the_text(window: OpenWindow) -> None:
    page = window(java_script_enabled=False).new_page()
    page.goto("/embed?article=with-errors&lang=en")
    page.locator("form.form").evaluate("form => { form.noValidate = true }")
    write(page, EN, body=SAID, name="Hoa", email="hoa@nowhere")
    expect(box(page, "Comment")).to_have_value(SAID)
    expect(box(page, "Name")).to_have_value("Hoa")
    expect(box(page, "Email")).to_have_attribute("aria-invalid", "true")
    expect(box(page, "Email")).to_have_accessible_description("Enter a valid email address.")
    expect(page.get_by_role("alert").get_by_role("link", name="Email: Enter a valid email address.")).to_be_visible()


def test_a_double_click_makes_one_comment(window: OpenWindow, newsroom: Newsroom) -> None:
    page = window(java_script_enabled=False).new_page()
    page.goto("/embed?article=double-plain&lang=en")
    fill(page, EN)
    page.get_by_role("button", name=EN["send"]).dblclick()
    expect(page.get_by_role("heading", level=1)).to_have_text("Waiting for review")
    assert len(newsroom.comments("double-plain")) == 1
