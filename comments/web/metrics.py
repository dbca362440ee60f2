"""Numbers for Prometheus, computed from the store at each scrape: every process gives the same, whichever answers."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from flask import Blueprint, Response, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from comments.errors import Unavailable
from comments.model import Status
from comments.store.outbox import Standing
from comments.web.access import require_token
from comments.web.here import House, here
from comments.web.origins import client_address

blueprint = Blueprint("metrics", __name__)


class _Store(Collector):
    """What the store tells at this moment. Where it does not answer, that is all there is to say."""

    def collect(self) -> Iterator[Metric]:
        try:
            told = list(_told())
        except Unavailable:
            told = []
        yield _gauge("comments_store_up", "Whether the store answers.", 1 if told else 0)
        yield from told


@blueprint.get("/metrics")
def metrics() -> Response:
    """Prometheus text, for this machine, or with an API token."""
    _refuse_outsiders()
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Store())
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _told() -> Iterator[Metric]:
    house = here()
    standing = GaugeMetricFamily("comments_in_status", "Comments that stand in a status.", labels=["status"])
    for status, count in house.store.waiting().items():
        standing.add_metric([status], count)
    yield standing
    oldest = house.store.queue(Status.PENDING, limit=1).comments
    if oldest:
        created = oldest[0].created_at.timestamp()
        yield _gauge("comments_oldest_waiting_timestamp_seconds", "When the oldest waiting comment came.", created)
    tally = house.numbers.tally(until=int(house.now() * 1000), days=1)
    decided = GaugeMetricFamily("comments_decided_today", "Decisions since midnight UTC.", labels=["status"])
    outcomes = tally.outcomes()
    for status in Status:
        decided.add_metric([status], outcomes[status])
    yield decided
    yield _gauge("comments_received_today", "Comments that came in since midnight UTC.", tally.came.total())
    waited = GaugeMetricFamily(
        "comments_decision_wait_today_seconds",
        "How long comments had waited for their first decision, of those decided since midnight UTC.",
        labels=["quantile"],
    )
    for share in (0.5, 0.95):
        if (seconds := tally.waited_at_most(share)) is not None:
            waited.add_metric([str(share)], seconds)
    yield waited
    yield from _webhooks(house)


def _webhooks(house: House) -> Iterator[Metric]:
    """By host alone: the rest of an address may be a secret."""
    waiting = GaugeMetricFamily("comments_webhook_waiting", "Changes a webhook has yet to hear of.", labels=["host"])
    failing = GaugeMetricFamily("comments_webhook_failing", "Those of them that failed already.", labels=["host"])
    given_up = GaugeMetricFamily("comments_webhook_given_up", "Changes that were given up.", labels=["host"])
    hosts: dict[str, list[Standing]] = {}
    for url in house.settings.notices.webhook_urls:
        hosts.setdefault(urlsplit(url).hostname or "", []).append(house.outbox.standing(url))
    for host, standing in hosts.items():
        waiting.add_metric([host], sum(one.waiting for one in standing))
        failing.add_metric([host], sum(one.failing for one in standing))
        given_up.add_metric([host], sum(one.given_up for one in standing))
    if hosts:
        yield from (waiting, failing, given_up)


def _gauge(name: str, says: str, value: float) -> Metric:
    return GaugeMetricFamily(name, says, value=value)


def _refuse_outsiders() -> None:
    """Raises:
    Problem: 401 unauthorized, for a request that came through a proxy or from elsewhere without an API token.
    """
    direct = "X-Forwarded-For" not in request.headers and "Forwarded" not in request.headers
    address = client_address(request, 0)
    if direct and address and address.is_loopback:
        return
    require_token()
