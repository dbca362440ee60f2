"""What `durability` promises: kept by real servers, or said not to be."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from flask import Flask

from comments import doctor
from comments.errors import Unavailable
from comments.model import Status
from comments.settings import load
from comments.store.client import connect
from tests import service
from tests.people import Moderator, Reader, a_submission
from tests.topologies.fleet import Nodes, Valkey, Watched, empty

Make = Callable[..., Flask]


@pytest.mark.topologies
@pytest.mark.parametrize("durability", ["disk", "replica"])
def test_ready_and_doctor_say_whether_the_promise_is_kept(make_app: Make, store_url: str, durability: str) -> None:
    said = make_app(durability=durability).test_client().get("/readyz").json
    alone = store_url.startswith("unix") and durability == "replica"
    assert said["durability"].startswith("not kept: " if alone else "kept")
    found = doctor.store(load({}, redis_url=store_url, durability=durability), now=lambda: 0.0)
    assert {one.verdict for one in found if one.what.startswith("durability")} == {
        doctor.PROBLEM if alone else doctor.OK
    }


@pytest.mark.topologies
def test_what_the_store_does_not_do_is_said(make_app: Make, store_url: str) -> None:
    client = connect(store_url, timeout=2, pause=0, pool=1)
    reader = make_app().test_client()
    client.everywhere(("CONFIG", "SET", "appendfsync", "everysec"))
    try:
        assert "appendfsync everysec" in reader.get("/readyz").json["durability"]
    finally:
        client.everywhere(("CONFIG", "SET", "appendfsync", "always"))
    assert reader.get("/readyz").json["durability"] == "kept"
    client.close()


def test_a_store_of_its_own_has_no_replica_so_that_nothing_is_acknowledged(make_app: Make) -> None:
    reader = Reader(make_app(durability="replica", timeout=1.0, pause=0).test_client())
    for _ in range(2):  # the second time finds the first one's answer, which is on no replica either
        refused = reader.submit(key="k", **a_submission(email="a@b.vn"))
        assert (refused.status_code, refused.json["outcome"]) == (503, "unknown")


def test_with_every_replica_hung_nothing_is_acknowledged_and_the_retry_is_one_comment(
    make_app: Make, sentinels: Watched, eventually: Callable[..., None]
) -> None:
    empty(sentinels.servers)
    app = make_app(redis_url=sentinels.url, durability="replica", timeout=1.0, pause=0)
    reader = Reader(app.test_client())
    said = a_submission()
    assert reader.submit(**a_submission()).status_code == 202
    with replicas_stopped(sentinels):
        refused = reader.submit(key="once", **said)
    assert (refused.status_code, refused.json["outcome"]) == (503, "unknown")
    eventually(lambda: reader.submit(key="once", **said).status_code == 202)
    moderator = Moderator(app.test_client(), app.extensions["comments"].people.add_token("Lan"))
    assert [one["body"] for one in moderator.queue()].count(said["body"]) == 2


def test_what_was_asked_again_beyond_the_limit_waits_for_a_replica_too(make_app: Make, sentinels: Watched) -> None:
    empty(sentinels.servers)
    app = make_app(redis_url=sentinels.url, durability="replica", timeout=1.0, pause=0, submit_limit="1/hour")
    reader = Reader(app.test_client())
    said = a_submission()
    with replicas_stopped(sentinels):
        answers = [reader.submit(key="once", **said) for _ in range(2)]  # the second one finds the first one's answer
    assert [(one.status_code, one.json["outcome"]) for one in answers] == [(503, "unknown")] * 2
    assert reader.submit(key="once", **said).status_code == 202


def test_a_decision_that_is_told_of_is_on_a_replica(make_app: Make, sentinels: Watched) -> None:
    empty(sentinels.servers)
    app = make_app(redis_url=sentinels.url, durability="replica", timeout=1.0, pause=0)
    reader = Reader(app.test_client())
    moderator = Moderator(app.test_client(), app.extensions["comments"].people.add_token("Lan"))
    comment_id, verdict = reader.submitted(), {"version": 1, "decision": "approve"}
    with replicas_stopped(sentinels):
        for _ in range(2):  # the second one is a conflict with what may be gone again
            assert moderator.send([{"id": comment_id, **verdict}]).status_code == 503
    assert moderator.decide(comment_id, "approve")["outcome"] == "conflict"


def test_a_withdrawal_that_was_on_no_replica_is_not_confirmed(make_app: Make, sentinels: Watched) -> None:
    empty(sentinels.servers)
    app = make_app(redis_url=sentinels.url, durability="replica", timeout=1.0, pause=0)
    desk, accepted = app.extensions["comments"].desk, Reader(app.test_client()).submit().json
    with replicas_stopped(sentinels):
        for _ in range(2):
            with pytest.raises(Unavailable):
                desk.withdraw(accepted["receipt"])
    assert desk.withdraw(accepted["receipt"]).status == Status.WITHDRAWN


@contextmanager
def replicas_stopped(sentinels: Watched) -> Iterator[None]:
    replicas = [one for one in sentinels.servers if one is not sentinels.primary()]
    for replica in replicas:
        replica.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for replica in replicas:
            replica.signal(signal.SIGCONT)
        service.until(lambda: sentinels.primary().ask("WAIT", 2, 1000) == 2, 10)


def on_replicas(servers: list[Valkey], key: str) -> list[int]:
    """How many entries each replica has of a log."""
    return [one.ask("XLEN", key) for one in servers if one.facts("INFO", "replication")["role"] == "slave"]


def test_what_is_acknowledged_is_on_a_replica(make_app: Make, sentinels: Watched) -> None:
    empty(sentinels.servers)
    app = make_app(redis_url=sentinels.url, durability="replica")
    reader = Reader(app.test_client())
    for count in range(1, 20):
        comment_id = reader.submitted()
        assert count in on_replicas(sentinels.servers, f"comments:{{c:{comment_id[:2]}}}:log")


def test_on_a_cluster_each_node_is_examined(cluster: Nodes) -> None:
    empty(cluster.servers)
    found = doctor.store(load({}, redis_url=cluster.url), now=lambda: 0.0)
    assert len([one for one in found if one.what.startswith("durability of ")]) == 3
