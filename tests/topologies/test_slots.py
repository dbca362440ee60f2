"""On a cluster a dead shard is nobody else's trouble."""

from collections.abc import Callable

from comments.errors import Unavailable
from comments.store.client import connect
from comments.store.keys import Keys
from comments.store.servers import slot_of
from tests.topologies.fleet import clustered


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
