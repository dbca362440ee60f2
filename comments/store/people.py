"""The newsroom's people in the store: moderators, their sessions, API tokens, and throttled attempts.

Secrets are kept as SHA-256 digests (tokens and cookies are random, so a plain digest cannot be guessed) or, for
passwords, as the hash that the caller made.
"""

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from comments.errors import AlreadyExists
from comments.model import moment_of
from comments.store.client import Client
from comments.store.keys import Keys
from comments.store.scripts import ADMIT, SESSION, Call

ROLES = ("reader-of-log", "moderator", "admin")  # each may do more than the one before
SETUP_LIFETIME = 24 * 3600
_SEEN_EVERY = 60  # seconds between two notes that a session is alive: each is a durable write


@dataclass(frozen=True, slots=True)
class Moderator:
    """Someone who may decide. `password_hash` is None until they have chosen one."""

    name: str
    role: str
    created_at: datetime
    password_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """An API token, without its secret."""

    name: str
    role: str
    created_at: datetime


class People:
    """All that the house asks of the store about people. Every method may raise `Unavailable` or `StoreFull`."""

    def __init__(self, client: Client, *, namespace: str, now: Callable[[], float]) -> None:
        self._client = client
        self._keys = Keys(namespace)
        self._now = now

    # -- moderators

    def add_moderator(self, name: str, *, role: str = "moderator", password_hash: str | None = None) -> None:
        """Raises:
        AlreadyExists: the name is taken.
        """
        if not self._client.command("HSETNX", self._keys.moderators, name, self._new(role, password_hash)):
            raise AlreadyExists(name)

    def add_first_moderator(self, setup_token: str, name: str, password_hash: str) -> bool:
        """Makes the first moderator, an admin, if this one-time token is good; uses it up."""
        if not self._client.command("GETDEL", self._keys.setup(_digest(setup_token))):
            return False
        if self._client.command("HLEN", self._keys.moderators):
            return False
        self.add_moderator(name, role="admin", password_hash=password_hash)
        return True

    def moderators(self) -> list[Moderator]:
        found = self._client.command("HGETALL", self._keys.moderators)
        return sorted((_moderator(name, text) for name, text in found.items()), key=lambda m: m.name)

    def moderator(self, name: str) -> Moderator | None:
        found = self._client.command("HGET", self._keys.moderators, name)
        return _moderator(name.encode(), found) if found else None

    def remove_moderator(self, name: str) -> bool:
        """Whether there was one; their sessions end at once."""
        removed = bool(self._client.command("HDEL", self._keys.moderators, name))
        self.end_sessions(name)
        return removed

    def set_password(self, name: str, password_hash: str) -> bool:
        """Whether there is such a moderator; their sessions end at once."""
        moderator = self.moderator(name)
        if not moderator:
            return False
        self._client.command("HSET", self._keys.moderators, name, self._new(moderator.role, password_hash))
        self.end_sessions(name)
        return True

    def issue_setup_link(self) -> str | None:
        """A one-time token for making the first moderator, good for a day; None when there is one already."""
        if self._client.command("HLEN", self._keys.moderators):
            return None
        token = secrets.token_urlsafe(32)
        self._client.command("SET", self._keys.setup(_digest(token)), "1", "EX", SETUP_LIFETIME)
        return token

    def setup_is_good(self, setup_token: str) -> bool:
        """Whether a one-time token would be taken now."""
        if self._client.command("HLEN", self._keys.moderators):
            return False
        return bool(self._client.command("EXISTS", self._keys.setup(_digest(setup_token))))

    # -- sessions

    def start_session(self, name: str, *, idle: int) -> str:
        """A new session of a moderator; the secret for the cookie. `idle` is its life unseen, in seconds."""
        token = secrets.token_urlsafe(32)
        digest, now = _digest(token), int(self._now())
        session, mine = self._keys.session(digest), self._keys.sessions_of(name)

        self._client.pipeline(
            [
                ("HSET", session, "name", name, "created", now, "seen", now),
                ("EXPIRE", session, idle),
                ("SADD", mine, digest),
                ("EXPIRE", mine, 7 * 24 * 3600),
            ]
        )
        return token

    def session(self, token: str, *, idle: int, absolute: int) -> Moderator | None:
        """Whose session it is, with the role they have at this moment; one round trip. Limits are in seconds."""
        keys = [self._keys.session(_digest(token)), self._keys.moderators]
        found = self._client.run(Call(SESSION, keys, [int(self._now()), idle, absolute, _SEEN_EVERY]))
        return _moderator(*found) if found else None

    def end_session(self, token: str) -> None:
        self._client.command("DEL", self._keys.session(_digest(token)))

    def end_sessions(self, name: str) -> None:
        """Ends every session of a moderator."""
        mine = self._keys.sessions_of(name)
        digests = self._client.command("SMEMBERS", mine)
        keys = [self._keys.session(digest.decode()) for digest in digests]
        self._client.command("DEL", mine, *keys)

    # -- API tokens

    def add_token(self, name: str, role: str = "moderator") -> str:
        """The secret of a new API token; only its digest is kept.

        Raises:
            AlreadyExists: a token has that name.
        """
        if any(token.name == name for token in self.tokens()):
            raise AlreadyExists(name)
        token = f"cmt_{secrets.token_urlsafe(32)}"
        self._client.command("HSET", self._keys.tokens, _digest(token), self._new(role, None, name=name))
        return token

    def tokens(self) -> list[Token]:
        found = self._client.command("HGETALL", self._keys.tokens)
        return sorted((_token(text) for text in found.values()), key=lambda token: token.name)

    def token(self, secret: str) -> Token | None:
        """The token with this secret, if it is known."""
        found = self._client.command("HGET", self._keys.tokens, _digest(secret))
        return _token(found) if found else None

    def remove_token(self, name: str) -> bool:
        found = self._client.command("HGETALL", self._keys.tokens)
        digests = [digest for digest, text in found.items() if _token(text).name == name]
        return bool(digests and self._client.command("HDEL", self._keys.tokens, *digests))

    # -- throttled attempts

    def try_again_after(self, name: str, source: str) -> float:
        """Takes one attempt of this name from this source (and one of the source); seconds to wait, 0 = go on.

        A name is throttled per source, so that an outsider cannot lock its owner out.
        """
        now = int(self._now() * 1000)
        pair = Call(ADMIT, [self._keys.attempts("pair", f"{name}\0{source}")], [now, 30_000, 5 * 30_000])
        alone = Call(ADMIT, [self._keys.attempts("source", source)], [now, 3_000, 20 * 3_000])
        return float(max(self._client.run_all([pair, alone]))) / 1000

    def forgive(self, name: str, source: str) -> None:
        """Forgets the failed attempts of this name from this source."""
        self._client.command("DEL", self._keys.attempts("pair", f"{name}\0{source}"))

    def _new(self, role: str, password_hash: str | None, **more: str) -> str:
        if role not in ROLES:
            raise ValueError(role)
        return json.dumps({"role": role, "password": password_hash, "created": int(self._now()), **more})


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


def _moderator(name: bytes, text: bytes) -> Moderator:
    kept: dict[str, Any] = json.loads(text)
    return Moderator(name.decode(), kept["role"], moment_of(kept["created"] * 1000), kept["password"])


def _token(text: bytes) -> Token:
    kept: dict[str, Any] = json.loads(text)
    return Token(kept["name"], kept["role"], moment_of(kept["created"] * 1000))
