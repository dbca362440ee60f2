"""What the doctor makes of a store's facts."""

import pytest

from comments import doctor
from comments.store.health import Facts

SAFE = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}


def facts(product: str = "Valkey", version: tuple[int, ...] = (9, 1, 2), replicas: int = 0, **config: str) -> Facts:
    return Facts(product, version, replicas, {**SAFE, **{k.replace("_", "-"): v for k, v in config.items()}}, 0.0)


@pytest.mark.parametrize(
    ("product", "version", "verdict"),
    [
        ("Redis", (6, 2, 14), doctor.PROBLEM),
        ("Redis", (7, 0, 0), doctor.OK),
        ("Redis", (8, 2, 1), doctor.OK),
        ("Valkey", (7, 2, 5), doctor.PROBLEM),
        ("Valkey", (8, 0, 0), doctor.OK),
        ("Valkey", (9, 0, 0), doctor.PROBLEM),  # anyone can stop it
        ("Valkey", (9, 0, 2), doctor.PROBLEM),
        ("Valkey", (9, 0, 3), doctor.OK),
    ],
)
def test_old_and_broken_servers_are_named(product: str, version: tuple[int, ...], verdict: str) -> None:
    assert doctor._version(facts(product, version)).verdict == verdict


@pytest.mark.parametrize(
    ("wanted", "found", "verdict"),
    [
        ("disk", facts(), doctor.OK),
        ("disk", facts(appendfsync="everysec"), doctor.PROBLEM),
        ("disk", facts(appendonly="no"), doctor.PROBLEM),
        ("replica", facts(), doctor.PROBLEM),
        ("replica", facts(replicas=1), doctor.OK),
        ("replica", facts(replicas=1, appendfsync="everysec"), doctor.PROBLEM),
        ("memory", facts(appendonly="no"), doctor.OK),
        ("disk", facts()._replace(config=None), doctor.UNKNOWN),
    ],
)
def test_the_promise_is_compared_with_the_server(wanted: str, found: Facts, verdict: str) -> None:
    assert doctor._durability(found, wanted).verdict == verdict


@pytest.mark.parametrize(("difference", "verdict"), [(0.3, doctor.OK), (-6.0, doctor.PROBLEM), (3600, doctor.PROBLEM)])
def test_clocks_may_differ_a_little(difference: float, verdict: str) -> None:
    assert doctor._clocks(difference).verdict == verdict
