"""The installation's keys, as files of mode 0600 in the data directory.

`secret` signs and indexes; `mail-public` seals addresses; `mail-private` opens them and may be moved away from web
servers. Several processes that start at once agree: a file appears complete or not at all, and the first one wins.
"""

import base64
import binascii
import os
import secrets
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from nacl.public import PrivateKey

from comments.errors import CommentsError
from comments.settings import Settings

_OTHERS_MAY_READ = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


class KeyFault(CommentsError):
    """A key is missing, damaged or open to others; the text says which and what to do."""

    code = "key_fault"


class Keys(NamedTuple):
    """What the service signs and seals with."""

    secret: bytes
    mail_public: bytes  # 32 bytes
    mail_private_path: Path  # the file need not be there


def folder(data: Path) -> Path:
    """Where the key files of a data directory are."""
    return data / "keys"


def load(settings: Settings, *, create: bool) -> Keys:
    """Reads the keys, creating what is missing when `create` is true.

    Without `create` a missing secret is a fault, while the mail keys are still made, so that a web server needs
    nothing but COMMENTS_SECRET_KEY.

    Raises:
        KeyFault: see above.
        OSError: the directory cannot be used.
    """
    directory = folder(settings.store.data)
    given = settings.secret_key
    secret = given.reveal() if given else _secret(directory / "secret", create=create)
    return Keys(secret.encode(), _mail_public(directory), directory / "mail-private")


def _secret(path: Path, *, create: bool) -> str:
    if create:
        _create(path, secrets.token_urlsafe(32))
    elif not path.exists():
        raise KeyFault("no secret key: set COMMENTS_SECRET_KEY or run `comments keys`")
    return read_secret(path)


def read_secret(path: Path) -> str:
    """The secret in a file. Raises KeyFault."""
    secret = _read(path, _OTHERS_MAY_READ)
    if len(secret) < 32:
        raise KeyFault(f"{path}: is damaged or too short; a secret key has at least 32 characters")
    return secret


def secret_of(settings: Settings) -> bytes:
    """The installation's secret, without creating one. Raises KeyFault."""
    given = settings.secret_key
    return (given.reveal() if given else read_secret(folder(settings.store.data) / "secret")).encode()


def _mail_public(directory: Path) -> bytes:
    """The public key; made from the private key when missing, so that the two can never belong to different pairs."""
    public, private = directory / "mail-public", directory / "mail-private"
    if not public.exists():
        _create(private, _text(bytes(PrivateKey.generate())))
        _create(public, _text(bytes(PrivateKey(_key(private, _OTHERS_MAY_READ)).public_key)))
    return _key(public, _OTHERS_MAY_WRITE)  # no secret, but whoever changes it reads every address from then on


def mail_private(keys: Keys) -> bytes:
    """The key that opens addresses, 32 bytes.

    Raises:
        KeyFault: it is not on this machine, damaged or open to others.
    """
    return _key(keys.mail_private_path, _OTHERS_MAY_READ)


def read_mail_keys(data: Path) -> tuple[bytes, bytes | None]:
    """The public and, if it is on this machine, the private mail key, without creating any. Raises KeyFault."""
    public, private = folder(data) / "mail-public", folder(data) / "mail-private"
    return _key(public, _OTHERS_MAY_WRITE), _key(private, _OTHERS_MAY_READ) if private.exists() else None


def _key(path: Path, forbidden: int) -> bytes:
    try:
        key = base64.b64decode(_read(path, forbidden), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != 32:
        raise KeyFault(f"{path}: is damaged; a key is 32 bytes in base64")
    return key


def _text(key: bytes) -> str:
    return base64.b64encode(key).decode()


def _read(path: Path, forbidden: int) -> str:
    try:
        with path.open(encoding="ascii") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & forbidden:
                raise KeyFault(f"{path}: is open to other users (mode {mode:04o}); run: chmod 600 {path}")
            return file.read().strip()
    except FileNotFoundError as error:
        raise KeyFault(f"{path}: is not there") from error
    except UnicodeDecodeError as error:
        raise KeyFault(f"{path}: is damaged; it is not a text file") from error


def _create(path: Path, text: str) -> None:
    """Writes a new file, complete and on disk before it has its name; an existing file stays as it is."""
    if path.exists():
        return
    path.parent.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.parent.mkdir(exist_ok=True, mode=0o700)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # mode 0600
    try:
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another process was first, and its key counts
            os.link(temporary, path)
        _sync_directory(path.parent)
    finally:
        os.unlink(temporary)


def _sync_directory(path: Path) -> None:
    """Puts the names in a directory on disk: a key lost with the power would orphan all that it sealed."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
