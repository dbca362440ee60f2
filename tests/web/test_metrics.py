"""Numbers for Prometheus."""

from collections.abc import Callable

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from tests.people import Moderator, Reader


def scraped(app: Flask) -> dict[str, float]:
    """Every sample, by its name and labels as they are written."""
    answer = app.test_client().get("/metrics")
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.text)
    return {
        ",".join([sample.name, *sample.labels.values()]): sample.value
        for family in families
        for sample in family.samples
    }


def test_what_stands_and_what_was_done_can_be_scraped(
    make_app: Callable[..., Flask], reader: Reader, moderator: Moderator
) -> None:
    for decision in ("approve", "approve", "reject"):
        moderator.decide(reader.submitted(), decision)
    waiting = reader.submitted()
    apps = [make_app() for _ in range(2)]
    found, again = map(scraped, apps)
    assert found == again, "whichever process answers"
    assert found["comments_store_up"] == 1
    assert (found["comments_in_status,pending"], found["comments_in_status,approved"]) == (1, 2)
    assert (found["comments_decided_today,approved"], found["comments_decided_today,rejected"]) == (2, 1)
    assert found["comments_received_today"] == 4
    (comment,) = moderator.queue()
    assert comment["id"] == waiting
    assert found["comments_oldest_waiting_timestamp_seconds"] == pytest.approx(1.79e9, rel=0.2)
    assert 0 <= found["comments_decision_wait_today_seconds,0.5"] < 60


def test_with_nothing_to_tell_it_tells_that(app: Flask) -> None:
    found = scraped(app)
    assert "comments_oldest_waiting_timestamp_seconds" not in found
    assert found["comments_decided_today,approved"] == 0


def test_without_a_store_it_says_so(make_app: Callable[..., Flask]) -> None:
    assert scraped(make_app(redis_url="unix:///nowhere.sock")) == {"comments_store_up": 0}
