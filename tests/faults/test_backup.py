"""A copy that is made while people submit is a backup: restored elsewhere, it has everything from before it began."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from comments import doctor, installation, keys, notary, settings
from comments.store import embedded
from comments.store.client import connect
from comments.store.comments import CommentStore
from comments.store.embedded import EmbeddedStore
from comments.store.people import People
from comments.store.repair import repair
from comments.store.seals import Seals
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


@contextmanager
def opened(data: Path) -> Iterator[tuple[Seals, Callable[[], bool]]]:
    """Seals of the store in this directory after one more entry; and whether the doctor finds the store too old."""
    with EmbeddedStore(data) as url:
        chosen = settings.load({}, redis_url=url, data=data, secret_key="0123456789abcdefghijklmnopqrstuvwxyz")
        with installation.client(chosen) as client:
            People(client, namespace="comments", now=time.time).note("Chief", "export", "")
            found = notary.seals(client, chosen, keys.secret_of(chosen))
            yield found, lambda: any(notary.OLDER in finding.says for finding in doctor._seals(client, chosen))


def test_an_old_backup_that_was_put_back_is_found(data: Path, tmp_path: Path) -> None:
    log, copy, file = data / "valkey" / "appendonlydir", tmp_path / "copy", data / "last-seal"

    def sealed(seals: Seals) -> bool:
        seals.seal()
        return notary.note_last(seals, file)

    with opened(data) as (seals, is_old):
        assert (sealed(seals), is_old()) == (True, False)
    shutil.copytree(log, copy)
    with opened(data) as (seals, is_old):
        assert (sealed(seals), is_old()) == (True, False)
    shutil.rmtree(log)
    shutil.copytree(copy, log)
    with opened(data) as (seals, is_old):
        assert is_old()
        assert (sealed(seals), is_old()) == (False, True), "new seals do not hide it"
        file.unlink()
        assert (sealed(seals), is_old()) == (True, False)


def test_the_commands_note_the_last_seal_and_say_what_is_older(data: Path) -> None:
    said = {"COMMENTS_DATA": str(data)}
    assert service.run("seal", **said).returncode == 0
    (data / ".last-seal").mkdir()
    (data / "last-seal").unlink()
    full = service.run("seal", **said)
    assert (full.returncode, full.stderr.count("\n")) == (1, 1), "one line, whatever the disk says"
    (data / ".last-seal").rmdir()
    (data / "last-seal").write_text(f"17 {'0' * 64}\n")
    late = service.run("seal", **said)
    assert (late.returncode, late.stderr.count(notary.OLDER)) == (1, 1)
    assert notary.OLDER in service.run("doctor", **said).stdout
