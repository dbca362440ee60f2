"""On a cluster: every key lies where its command goes, and a dead shard is nobody else's trouble."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from flask import Flask

from comments.errors import Unavailable
from comments.store.client import connect
from comments.store.keys import Keys
from comments.store.servers import Cluster, Command, slot_of
from tests.people import COMMENTS, Moderator, Reader
from tests.topologies.fleet import Nodes, clustered, empty


def keys_of(command: Command) -> list[Any]:
    """All keys that a command names: of a script those that it declares, of others every word that looks like one."""
    if command[0] in ("EVALSHA", "EVAL"):
        return list(command[3 : 3 + int(command[2])])
    return [command[1], *(word for word in command[2:] if str(word).startswith("comments:"))]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Command]:
    """Every command that goes to a cluster."""
    commands: list[Command] = []
    send = Cluster.send

    def noted(self: Cluster, some: Sequence[Command], tail: Command | None = None) -> list[Any]:
        commands.extend(some)
        return send(self, some, tail)

    monkeypatch.setattr(Cluster, "send", noted)
    return commands


def test_all_keys_of_one_command_are_of_one_slot(
    make_app: Callable[..., Flask], cluster: Nodes, sent: list[Command]
) -> None:
    empty(cluster.servers)
    app = make_app(redis_url=cluster.url, submit_limit="1000/minute")
    house = app.extensions["comments"]
    reader, moderator = Reader(app.test_client()), Moderator(app.test_client(), house.people.add_token("Lan"))
    top = moderator.approved(reader, article="a")
    moderator.approved(reader, article="a", parent=top)
    waiting = reader.submit(article="b", key="k").json
    reader.submit(article="b", key="k")
    reader.read("a")
    reader.client.get(f"{COMMENTS}?article=a&parent={top}")
    reader.client.get("/api/v1/counts?article=a&article=b")
    reader.client.get(f"{COMMENTS}/{top}")
    reader.client.get(waiting["receipt_url"])
    reader.client.patch(f"/api/v1/receipts/{waiting['receipt']}", json={"body": "Câu chữ khác."})
    reader.client.post(f"{COMMENTS}/{top}/reports", json={"reason": "spam"})
    reader.client.delete(f"/api/v1/receipts/{waiting['receipt']}")
    reader.client.get("/feeds/article.atom?article=a")
    moderator.queue(status="approved", q="Hoa")
    moderator.log(comment=top)
    moderator.log()
    moderator.decide(top, "reject", version=2)
    moderator.client.put("/api/v1/moderation/articles?article=a", json={"open": False}, headers=moderator.headers)
    house.people.add_moderator("Mai", password_hash="x")
    mai = house.people.moderator("Mai")
    house.people.session(house.people.start_session(mai, idle=60), idle=60, absolute=60)
    house.people.try_again_after("Mai", "s")
    house.people.remove_moderator("Mai")
    reader.client.get("/metrics")
    assert len(sent) > 300
    crossing = [c for c in sent if len({slot_of(("GET", key)) for key in keys_of(c)}) > 1]
    assert crossing == []


def test_a_dead_shard_is_the_trouble_of_its_own_articles(eventually: Callable[..., None]) -> None:
    keys = Keys("comments")
    with clustered(replicas=False) as nodes:
        client = connect(nodes.url, timeout=1, pause=0.2, pool=4)
        read = {n: ("HLEN", keys.article("main", f"article {n}").public) for n in range(30)}
        client.pipeline(list(read.values()))
        dead = nodes.servers[0]
        theirs = {n for n, command in read.items() if nodes.owner(slot_of(command)) is dead}
        assert 0 < len(theirs) < 30
        dead.kill()

        def failing() -> set[int]:
            failed = set()
            for n, command in read.items():
                try:
                    client.pipeline([command])
                except Unavailable:
                    failed.add(n)
            return failed

        assert failing() == theirs  # at once
        eventually(lambda: failing() == theirs)  # and after the others have noticed
        dead.start()
        eventually(lambda: failing() == set(), within=10)
        client.close()
