"""Key files: made once, agreed upon, and closed to others."""

import multiprocessing
from pathlib import Path

import pytest
from nacl.public import PrivateKey, PublicKey, SealedBox

from comments import keys, settings
from comments.keys import KeyFault

SECRET = "0123456789abcdefghijklmnopqrstuvwxyz"


def load(data: Path, *, create: bool = True, **environ: str) -> keys.Keys:
    return keys.load(settings.load(environ, data=data), create=create)


def test_keys_are_made_once(tmp_path: Path) -> None:
    made = load(tmp_path)
    assert len(made.secret) >= 32
    assert load(tmp_path, create=False) == made


def test_key_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    load(tmp_path)
    directory = keys.folder(tmp_path)
    assert directory.stat().st_mode & 0o777 == 0o700
    assert {file.name: file.stat().st_mode & 0o777 for file in directory.iterdir()} == {
        "secret": 0o600,
        "mail-public": 0o600,
        "mail-private": 0o600,
    }


def test_the_mail_keys_are_a_pair(tmp_path: Path) -> None:
    made = load(tmp_path)
    sealed = SealedBox(PublicKey(made.mail_public)).encrypt(b"x")
    assert SealedBox(PrivateKey(keys.mail_private(made))).decrypt(sealed) == b"x"


def test_without_a_secret_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(KeyFault, match="set COMMENTS_SECRET_KEY or run `comments keys`"):
        load(tmp_path, create=False)
    assert list(tmp_path.iterdir()) == []


def test_a_given_secret_is_enough(tmp_path: Path) -> None:
    given = load(tmp_path / "new", create=False, COMMENTS_SECRET_KEY=SECRET)
    assert given.secret == SECRET.encode()
    assert len(given.mail_public) == 32
    assert not (keys.folder(tmp_path / "new") / "secret").exists()


def test_the_file_and_the_variable_are_the_same_secret(tmp_path: Path) -> None:
    made = load(tmp_path)
    text = (keys.folder(tmp_path) / "secret").read_text().strip()
    assert load(tmp_path / "elsewhere", create=False, COMMENTS_SECRET_KEY=text).secret == made.secret


def test_a_web_server_needs_the_public_key_only(tmp_path: Path) -> None:
    made = load(tmp_path)
    made.mail_private_path.unlink()
    assert load(tmp_path, create=False) == made
    with pytest.raises(KeyFault, match="is not there"):
        keys.mail_private(made)


def test_a_lost_public_key_is_made_again_from_the_private_one(tmp_path: Path) -> None:
    made = load(tmp_path)
    (keys.folder(tmp_path) / "mail-public").unlink()
    assert load(tmp_path, create=False) == made


@pytest.mark.parametrize(("name", "mode"), [("secret", 0o640), ("secret", 0o604), ("mail-public", 0o620)])
def test_keys_open_to_others_are_refused(tmp_path: Path, name: str, mode: int) -> None:
    load(tmp_path)
    file = keys.folder(tmp_path) / name
    file.chmod(mode)
    with pytest.raises(KeyFault, match=f"{name}: is open to other users .mode {mode:04o}.; run: chmod 600"):
        load(tmp_path)


def test_a_private_key_open_to_others_is_refused(tmp_path: Path) -> None:
    made = load(tmp_path)
    made.mail_private_path.chmod(0o644)
    with pytest.raises(KeyFault, match="mail-private: is open to other users"):
        keys.mail_private(made)


@pytest.mark.parametrize(
    ("name", "content"), [("secret", b"short\n"), ("secret", b"\xff" * 40), ("mail-public", b"%%")]
)
def test_damaged_keys_are_refused(tmp_path: Path, name: str, content: bytes) -> None:
    load(tmp_path)
    (keys.folder(tmp_path) / name).write_bytes(content)
    with pytest.raises(KeyFault, match=f"{name}: is damaged"):
        load(tmp_path)


def test_processes_that_start_at_once_agree(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        made = pool.map(load, [tmp_path] * 16, chunksize=1)
    assert len(set(made)) == 1
    assert sorted(file.name for file in keys.folder(tmp_path).iterdir()) == ["mail-private", "mail-public", "secret"]
