"""On a cluster a dead shard is nobody else's trouble."""

import signal
import time
from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from comments.errors import Unavailable
from comments.store.client import connect
from comments.store.keys import Keys
from comments.store.repair import repair
from comments.store.servers import slot_of
from tests.people import Moderator, Reader
from tests.topologies.fleet import Nodes, Valkey, clustered

ARTICLES = [f"article {n}" for n in range(40)]
WITHIN = 0.5  # seconds, 99 of 100 answers


@pytest.fixture
def alone() -> Iterator[Nodes]:
    """A cluster of this test's own: nobody takes over from a primary that is lost."""
    with clustered(replicas=False) as nodes:
        yield nodes


def articles_of(nodes: Nodes, server: Valkey) -> set[str]:
    keys = Keys("comments")
    return {a for a in ARTICLES if nodes.owner(slot_of(("GET", keys.article("main", a).public))) is server}


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP])
def test_a_lost_shard_holds_up_no_submission_to_an_article_elsewhere(
    make_app: Callable[..., Flask], alone: Nodes, fault: signal.Signals, eventually: Callable[..., None]
) -> None:
    app = make_app(redis_url=alone.url, submit_limit="100000/minute")
    house = app.extensions["comments"]
    reader, moderator = Reader(app.test_client()), Moderator(app.test_client(), house.people.add_token("Lan"))
    same = "mai@reader-mail.vn"
    known = house.store.comments([reader.submitted(email=same, article=article) for article in ARTICLES])
    lost = alone.servers[0]
    theirs = articles_of(alone, lost)
    assert 0 < len(theirs) < len(ARTICLES)
    lost.signal(fault)

    took: list[float] = []
    struck = time.monotonic()
    accepted: list[str] = []
    for number in range(10):  # each with addresses whose pseudonyms lie everywhere
        for article in ARTICLES:
            began = time.monotonic()
            email = same if number == 0 else None
            answer = reader.submit(article=article, **({"email": email} if email else {}))
            took.append(time.monotonic() - began)
            assert answer.status_code == (503 if article in theirs else 202), (article, answer.text)
            if answer.status_code == 202:
                accepted.append(answer.json["id"])
    # one that hangs costs one request its time limit in each window of a second, whatever their number
    windows = time.monotonic() - struck if fault == signal.SIGSTOP else 0
    assert len([seconds for seconds in took if seconds > WITHIN]) <= max(len(took) / 100, windows)
    ready = reader.client.get("/readyz")
    assert (ready.status_code, ready.json["status"], ready.json["answering"]) == (200, "degraded", 2)
    if fault == signal.SIGSTOP:
        lost.signal(signal.SIGCONT)
    else:
        lost.kill()
        lost.start()

    eventually(lambda: reader.submit(article=min(theirs)).status_code == 202, within=10)
    found = house.store.comments(accepted)
    unnamed = [comment for comment in found.values() if not comment.person]
    assert 0 < len(unnamed) < len(found)
    assert all("unchecked" in comment.reasons for comment in unnamed)
    mended = repair(house.client, "comments").counts
    assert mended.pop("unnamed") >= len(unnamed)
    assert mended == {}
    assert repair(house.client, "comments").counts == {}
    found = house.store.comments(accepted)
    assert all(comment.person for comment in found.values())
    (person,) = {comment.person for comment in known.values()}
    again = len(ARTICLES) - len(theirs)
    assert {comment.person for comment in list(found.values())[:again]} == {person}
    assert moderator.decide(accepted[0], "approve")["outcome"] == "done"


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
