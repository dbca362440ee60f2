"""What cannot work is refused at the start: one clear line, a status of its own, and nothing is changed."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from comments.store.client import connect
from comments.store.embedded import EmbeddedStore
from tests import service
from tests.faults.scenes import a_small_disk, may_mount
from tests.people import COMMENTS, a_submission


def refused(data: Path) -> str:
    """What `serve` says about a data directory that it does not take."""
    done = service.run("serve", "--port", "0", "--data", str(data))
    assert done.returncode == 78, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line


@contextmanager
def read_only(data: Path) -> Iterator[None]:
    """Root may write everywhere but on a disk that is read-only."""
    if os.geteuid() != 0:
        data.chmod(0o500)
        yield
        data.chmod(0o700)
        return
    if not may_mount():
        pytest.skip("needs the right to mount a small disk")
    with a_small_disk(data):
        subprocess.run(["mount", "-o", "remount,ro", str(data)], check=True)
        yield


def test_a_read_only_data_directory(data: Path) -> None:
    with read_only(data):
        assert refused(data) in {
            f"comments: {data}/lock: {why}" for why in ("Read-only file system", "Permission denied")
        }


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a directory away")
@pytest.mark.parametrize("place", ["", "valkey"])
def test_somebody_elses_data_directory(data: Path, place: str) -> None:
    (data / "valkey").mkdir()
    os.chown(data / place, 65534, 65534)
    assert refused(data) == f"comments: {data / place}: belongs to nobody, but this runs as root"


def test_files_of_a_store_that_is_newer(data: Path) -> None:
    with EmbeddedStore(data):
        pass
    base = next((data / "valkey" / "appendonlydir").glob("*.base.rdb"))
    kept = base.read_bytes()
    base.write_bytes(kept[:6] + b"999" + kept[9:])
    assert "Can't handle RDB format version 999" in refused(data)


def test_a_format_of_a_newer_version_and_the_older_version_again(data: Path) -> None:
    with service.serving(data) as running:
        assert running.answers("/readyz")
    with EmbeddedStore(data) as url:
        connected = connect(url, timeout=5, pause=0, pool=1)
        assert connected.command("GET", "comments:{people}:format").startswith(b"1 ")
        connected.command("SET", "comments:{people}:format", "2 9.0")
        connected.close()
    before = contents(data / "valkey" / "appendonlydir")
    assert "the store has format 2, which came with version 9.0; this is version" in refused(data)
    assert "format 2" in service.run("doctor", "--data", str(data)).stdout
    assert contents(data / "valkey" / "appendonlydir") == before


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_comments_without_the_key_that_they_came_under(data: Path) -> None:
    with service.serving(data, COMMENTS_SUBMIT_LIMIT="") as running:
        assert running.post(COMMENTS, a_submission())[0] == 202
    shutil.move(data / "keys", data / "away")
    assert "keys/secret: is not there, but the store has comments" in refused(data)
    assert not (data / "keys").exists()
    shutil.move(data / "away", data / "keys")
    with service.serving(data) as running:
        assert running.answers("/readyz")
