"""A copy that is made while people submit is a backup: restored elsewhere, it has everything from before it began."""

import shutil
from collections.abc import Callable
from pathlib import Path

from comments.store import embedded
from comments.store.client import connect
from comments.store.comments import CommentStore
from comments.store.embedded import EmbeddedStore
from comments.store.repair import repair
from tests import service
from tests.faults.load import Load, over_http


def test_a_copy_made_under_load_has_everything_that_was_acknowledged_before(
    data: Path, tmp_path: Path, eventually: Callable[..., None]
) -> None:
    with service.serving(data, COMMENTS_SUBMIT_LIMIT="") as running:
        token = service.run("token", "add", "load", COMMENTS_DATA=str(data)).stdout.strip()
        assert embedded.running(data)
        with Load(over_http(lambda: running.port), token) as load:
            eventually(lambda: load.has_accepted(150), within=30)
            before = dict(load.history.accepted)
            decided = list(load.history.done)
            shutil.copytree(data / "valkey" / "appendonlydir", tmp_path / "valkey" / "appendonlydir")
            eventually(lambda: load.has_accepted(len(before) + 20), within=30)
    with EmbeddedStore(tmp_path) as url:
        client = connect(url, timeout=10, pause=0, pool=2)
        found = CommentStore(client, "comments").comments(list(before.values()))
        assert {key: found[comment_id].body for key, comment_id in before.items()} == {key: key for key in before}
        assert [i for i, version, _ in decided if i in found and found[i].version < version] == []
        assert repair(client, "comments").counts == {}
        client.close()


def test_an_old_backup_that_was_put_back_is_found(data: Path, tmp_path: Path) -> None:
    log, copy = data / "valkey" / "appendonlydir", tmp_path / "copy"
    said = {"COMMENTS_DATA": str(data)}
    seal = [service.run("token", "add", "before", **said), service.run("seal", **said)][1]
    shutil.copytree(log, copy)
    service.run("token", "add", "after", **said)
    assert service.run("seal", **said).stdout != seal.stdout
    assert "older" not in service.run("doctor", **said).stdout
    shutil.rmtree(log)
    shutil.copytree(copy, log)
    assert "older than a seal" in service.run("doctor", **said).stdout
    with service.serving(data):
        service.run("token", "add", "another", **said)
        late = service.run("seal", **said)
    assert (late.returncode, late.stderr.count("older")) == (1, 1), "new seals do not hide it"
    found = service.run("doctor", **said)
    assert (found.returncode, found.stdout.count("older than a seal")) == (1, 1)
    (data / "last-seal").unlink()
    assert service.run("seal", **said).returncode == 0
    assert "older" not in service.run("doctor", **said).stdout
