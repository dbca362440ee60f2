"""The newsroom's people in the store: moderators, their sessions, one-time links, API tokens, throttled attempts.

Secrets are kept as SHA-256 digests (tokens and cookies are random, so a plain digest cannot be guessed) or, for
passwords, as the hash that the caller made. Who is who is one record each, changed only if it still is what was seen,
by the script that notes the change in the people's log.
"""

import json
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from comments.errors import AlreadyExists, StoreFull
from comments.model import moment_of
from comments.store.client import Client, Command
from comments.store.keys import Keys
from comments.store.scripts import ADMIT, AMEND, SESSION, SIGN_IN, Call

ROLES = ("reader-of-log", "moderator", "admin")  # each may do more than the one before
SETUP_LIFETIME = 24 * 3600
LINK_LIFETIME = 30 * 60
HALF_WAY = "half"  # of a session whose second step is still to come
_HALF_WAY_SECONDS = 10 * 60
_CHALLENGE_SECONDS = 300
_SEEN_EVERY = 60  # seconds between two notes that a session or a token is used: each is a durable write


@dataclass(frozen=True, slots=True)
class Passkey:
    """A public key that somebody's device signs with."""

    id: str  # base64url, as browsers say it
    public_key: str  # base64url
    count: int
    name: str
    created: int


@dataclass(frozen=True, slots=True)
class Moderator:
    """Someone who may sign in. `password_hash` is None until they have chosen one."""

    name: str
    role: str
    created_at: datetime
    password_hash: str | None = field(default=None, repr=False)
    epoch: str = ""  # sessions of another one are over
    user: str = ""  # random, for passkeys: tells nothing
    totp: str | None = field(default=None, repr=False)  # the sealed secret of an authenticator app
    step: int = 0  # the last time step whose code was used
    recovery: tuple[str, ...] = field(default=(), repr=False)  # digests of the codes that are left
    passkeys: tuple[Passkey, ...] = ()
    identity: str | None = None  # who they are at the sign-in provider: a subject, or a verified address
    record: str = field(default="", repr=False, compare=False)  # as it is kept: what "still is what was seen" means


@dataclass(frozen=True, slots=True)
class Session:
    """A session and whose it is, with the role they have at this moment."""

    moderator: Moderator
    way: str  # how they signed in: password, code, passkey, provider; or HALF_WAY
    proved: int  # when they last proved who they are, in seconds


@dataclass(frozen=True, slots=True)
class Device:
    """A session as its owner sees it in a list. `handle` names it and opens nothing."""

    handle: str
    agent: str
    created_at: datetime
    seen_at: datetime
    is_this: bool


@dataclass(frozen=True, slots=True)
class Link:
    """What a one-time link lets its holder do: join with a role, or (with a name) choose a new password."""

    role: str
    by: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """An API token, without its secret. `used_at` is right to a minute."""

    name: str
    role: str
    created_at: datetime
    used_at: datetime | None = None


class People:
    """All that the house asks of the store about people. Every method may raise `Unavailable` or `StoreFull`.

    `by` is who makes a change, "" for the command line.
    """

    def __init__(self, client: Client, *, namespace: str, now: Callable[[], float]) -> None:
        self._client = client
        self._keys = Keys(namespace)
        self._now = now

    # -- moderators

    def add_moderator(
        self, name: str, *, role: str = "moderator", password_hash: str | None = None, by: str = ""
    ) -> None:
        """Raises:
        AlreadyExists: the name is taken.
        """
        new = self._new(role, password=password_hash, epoch=secrets.token_hex(8), user=secrets.token_urlsafe(16))
        if not self._amend(name, "", new, by, "added", role):
            raise AlreadyExists(name)

    def add_first_moderator(self, setup_token: str, name: str, password_hash: str) -> bool:
        """Makes the first moderator, an admin, if this one-time token is good; uses it up."""
        if not self._client.command("GETDEL", self._keys.setup(_digest(setup_token))):
            return False
        if self._client.command("HLEN", self._keys.moderators):
            return False
        self.add_moderator(name, role="admin", password_hash=password_hash, by=name)
        return True

    def moderators(self) -> list[Moderator]:
        found = self._client.command("HGETALL", self._keys.moderators)
        return sorted((_moderator(name, text) for name, text in found.items()), key=lambda m: m.name)

    def moderator(self, name: str) -> Moderator | None:
        found = self._client.command("HGET", self._keys.moderators, name)
        return _moderator(name.encode(), found) if found else None

    def remove_moderator(self, name: str, *, by: str = "") -> bool:
        """Whether there was one; their sessions end at once."""
        seen = self.moderator(name)
        while seen and not self._amend(name, seen.record, "", by, "removed", seen.role):
            seen = self.moderator(name)
        self._forget_sessions(name)
        return bool(seen)

    def set_password(self, name: str, password_hash: str, *, by: str = "") -> bool:
        """Whether there is such a moderator; their sessions end at once."""
        return self._renew(name, by, "password", password=password_hash)

    def set_role(self, name: str, role: str, *, by: str) -> bool:
        """Whether there is such a moderator; it counts from their next request on."""
        if role not in ROLES:
            raise ValueError(role)
        return self._change(name, by, "role", role, {"role": role})

    def end_sessions(self, name: str, *, by: str = "") -> bool:
        """Ends every session of a moderator; whether there is such a moderator."""
        return self._renew(name, by, "sessions")

    def set_second_factor(self, name: str, totp: str | None, step: int, recovery: tuple[str, ...], *, by: str) -> bool:
        """Sets or (None) removes the authenticator app with its recovery codes; every session ends."""
        what = "second-factor" if totp else "no-second-factor"
        return self._renew(name, by, what, totp=totp, step=step, recovery=list(recovery))

    def remove_second_factor(self, name: str, *, by: str) -> bool:
        """Removes authenticator app, recovery codes and passkeys of somebody who has lost them; every session ends."""
        return self._renew(name, by, "no-second-factor", totp=None, step=0, recovery=[], passkeys=[])

    def set_identity(self, name: str, identity: str | None, *, by: str) -> bool:
        """Who somebody is at the sign-in provider."""
        return self._change(name, by, "identity", "", {"identity": identity})

    def keep(self, seen: Moderator, *, what: str = "", by: str = "", detail: str = "", **changes: object) -> bool:
        """Changes fields of a record if it still is what was seen: of two uses of one code, one succeeds."""
        new = json.dumps({**json.loads(seen.record), **changes})
        return self._amend(seen.name, seen.record, new, by, what, detail)

    def _renew(self, name: str, by: str, what: str, **changes: object) -> bool:
        """A change that ends every session, also one that begins at this moment with what was true before."""
        done = self._change(name, by, what, "", {**changes, "epoch": secrets.token_hex(8)})
        self._forget_sessions(name)
        return done

    def _change(self, name: str, by: str, what: str, detail: str, changes: Mapping[str, object]) -> bool:
        while seen := self.moderator(name):
            if self.keep(seen, what=what, by=by, detail=detail, **changes):
                return True
        return False

    def _amend(self, name: str, seen: str, new: str, by: str, what: str, detail: str) -> bool:
        return self._record(self._keys.moderators, name, seen, new, by, what, name, detail)

    def _record(self, key: str, field: str, seen: str, new: str, by: str, what: str, person: str, detail: str) -> bool:
        said: list[str | int] = [field, seen, new, int(self._now() * 1000), by, what, person, detail]
        return bool(self._client.run(Call(AMEND, [key, self._keys.people_log], said)))

    # -- one-time links

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

    def issue_link(self, role: str, *, by: str, name: str | None = None) -> str:
        """A one-time token for joining with a role, or for a new password of `name`; good for half an hour."""
        token = secrets.token_urlsafe(32)
        said = json.dumps({"role": role, "by": by, "name": name})
        self._client.command("SET", self._keys.link(_digest(token)), said, "EX", LINK_LIFETIME)
        self.note(by, "link" if name else "invitation", name or "", role)
        return token

    def link(self, token: str) -> Link | None:
        """What a one-time token is for, as long as it is good. Looking does not use it up."""
        return _link(self._client.command("GET", self._keys.link(_digest(token))))

    def use_link(self, token: str) -> Link | None:
        """The same, and uses it up."""
        return _link(self._client.command("GETDEL", self._keys.link(_digest(token))))

    def note(self, by: str, what: str, person: str, detail: str = "") -> None:
        """An entry in the people's log about something that changes no record; `person` may be anybody."""
        noted = False
        while not noted:
            found = self._client.command("HGET", self._keys.moderators, person)
            kept = found.decode() if found else ""
            noted = self._amend(person, kept, kept, by, what, detail)

    # -- passkeys

    def issue_challenge(self, name: str) -> str:
        """A random text for a device to sign, for this person ("": whoever it will be); good for five minutes."""
        challenge = secrets.token_urlsafe(32)
        self._client.command("SET", self._keys.challenge(_digest(challenge)), name, "EX", _CHALLENGE_SECONDS)
        return challenge

    def use_challenge(self, challenge: str) -> str | None:
        """For whom a challenge was issued, if it is one of ours; uses it up."""
        found = self._client.command("GETDEL", self._keys.challenge(_digest(challenge)))
        return None if found is None else str(found.decode())

    # -- sign-in at a provider

    def keep_journey(self, state: str, *, nonce: str, verifier: str, seconds: int) -> None:
        """What the return from a provider is checked with."""
        said = json.dumps({"nonce": nonce, "verifier": verifier})
        self._client.command("SET", self._keys.challenge(_digest(state)), said, "EX", seconds)

    def end_journey(self, state: str) -> dict[str, str] | None:
        """What was kept for this state, once."""
        found = self._client.command("GETDEL", self._keys.challenge(_digest(state)))
        try:
            said = json.loads(found or b"")
        except ValueError:
            return None
        return said if isinstance(said, dict) else None

    # -- sessions

    def start_session(self, moderator: Moderator, *, idle: int, way: str = "password", agent: str = "") -> str:
        """A new session of a moderator; the secret for the cookie. `idle` is its life unseen, in seconds."""
        token = secrets.token_urlsafe(32)
        digest, now = _digest(token), int(self._now())
        session, mine = self._keys.session(digest), self._keys.sessions_of(moderator.name)
        life = min(idle, _HALF_WAY_SECONDS) if way == HALF_WAY else idle
        who = [moderator.name, moderator.epoch, way, agent[:60]]
        self._client.run(Call(SIGN_IN, [session, mine], [digest, life, 31 * 24 * 3600, *who, now]))
        return token

    def session(self, token: str, *, idle: int, absolute: int) -> Session | None:
        """The session of a cookie, with its moderator's role at this moment; one round trip. Limits in seconds."""
        keys = [self._keys.session(_digest(token)), self._keys.moderators]
        found = self._client.run(Call(SESSION, keys, [int(self._now()), idle, absolute, _SEEN_EVERY]))
        if not found:
            return None
        name, record, epoch, way, proved = found
        moderator = _moderator(name, record)
        return Session(moderator, way.decode(), int(proved)) if epoch.decode() == moderator.epoch else None

    def devices(self, name: str, token: str = "") -> list[Device]:
        """Where somebody is signed in, the latest first; `token` is the session that asks."""
        digests = [one.decode() for one in self._client.command("SMEMBERS", self._keys.sessions_of(name))]
        ask: list[Command] = [("HMGET", self._keys.session(d), "created", "seen", "agent", "way") for d in digests]
        found = list(zip(digests, self._client.pipeline(ask) if ask else [], strict=True))
        if gone := [digest for digest, fields in found if not fields[0]]:
            self._client.command("SREM", self._keys.sessions_of(name), *gone)
        devices = [
            Device(
                digest[:16],
                (agent or b"").decode(),
                moment_of(int(created) * 1000),
                moment_of(int(seen) * 1000),
                digest == _digest(token),
            )
            for digest, (created, seen, agent, way) in found
            if created and way != HALF_WAY.encode()
        ]
        return sorted(devices, key=lambda device: device.seen_at, reverse=True)

    def end_session(self, token: str) -> None:
        self._client.command("DEL", self._keys.session(_digest(token)))

    def end_device(self, name: str, handle: str) -> bool:
        """Ends one session of somebody; whether there was one."""
        digests = [one.decode() for one in self._client.command("SMEMBERS", self._keys.sessions_of(name))]
        wanted = [self._keys.session(digest) for digest in digests if digest[:16] == handle]
        return bool(wanted and self._client.command("DEL", *wanted))

    def _forget_sessions(self, name: str) -> None:
        mine = self._keys.sessions_of(name)
        digests = self._client.command("SMEMBERS", mine)
        keys = [self._keys.session(digest.decode()) for digest in digests]
        self._client.command("DEL", mine, *keys)

    # -- API tokens

    def add_token(self, name: str, role: str = "moderator", *, by: str = "") -> str:
        """The secret of a new API token; only its digest is kept.

        Raises:
            AlreadyExists: a token has that name.
        """
        if any(token.name == name for token in self.tokens()):
            raise AlreadyExists(name)
        token = f"cmt_{secrets.token_urlsafe(32)}"
        self._record(self._keys.tokens, _digest(token), "", self._new(role, name=name), by, "token", name, role)
        return token

    def tokens(self) -> list[Token]:
        found = self._client.command("HGETALL", self._keys.tokens)
        return sorted((_token(text) for text in found.values()), key=lambda token: token.name)

    def token(self, secret: str) -> Token | None:
        """The token with this secret, if it is known. That it was used is noted, now and then."""
        digest = _digest(secret)
        found = self._client.command("HGET", self._keys.tokens, digest)
        if not found:
            return None
        kept, now = json.loads(found), int(self._now())
        if now - kept.get("used", 0) >= _SEEN_EVERY:
            with suppress(StoreFull):
                used = json.dumps({**kept, "used": now})
                self._record(self._keys.tokens, digest, found.decode(), used, "", "", "", "")
        return _token(found)

    def remove_token(self, name: str, *, by: str = "") -> bool:
        """Whether there was one; every token of that name is worth nothing from then on."""
        removed = False
        while found := self._token_named(name):
            digest, text = found
            done = self._record(self._keys.tokens, digest, text, "", by, "no-token", name, json.loads(text)["role"])
            removed = removed or done
        return removed

    def _token_named(self, name: str) -> tuple[str, str] | None:
        kept = self._client.command("HGETALL", self._keys.tokens)
        return next(((d.decode(), text.decode()) for d, text in kept.items() if _token(text).name == name), None)

    # -- throttled attempts

    def try_again_after(self, name: str, source: str) -> float:
        """Takes one attempt of this name from this source (and one of the source); seconds to wait, 0 = go on.

        A name is throttled per source, so that an outsider cannot lock its owner out.
        """
        now = int(self._now() * 1000)
        pair = Call(ADMIT, [self._keys.attempts("pair", f"{name}\0{source}")], [now, 30_000, 5 * 30_000])
        alone = Call(ADMIT, [self._keys.attempts("source", source)], [now, 3_000, 20 * 3_000])
        return float(max(self._client.run_all([pair, alone]))) / 1000

    def code_again_after(self, name: str) -> float:
        """Takes one attempt at a code of this name, from wherever: only who knows the password comes this far."""
        call = Call(ADMIT, [self._keys.attempts("code", name)], [int(self._now() * 1000), 30_000, 5 * 30_000])
        return float(self._client.run(call)) / 1000

    def source_again_after(self, source: str) -> float:
        """Takes one attempt of this source, whoever it is."""
        call = Call(ADMIT, [self._keys.attempts("source", source)], [int(self._now() * 1000), 3_000, 20 * 3_000])
        return float(self._client.run(call)) / 1000

    def forgive(self, name: str, source: str) -> None:
        """Forgets the failed attempts of this name from this source."""
        self._client.command("DEL", self._keys.attempts("pair", f"{name}\0{source}"))

    def _new(self, role: str, **more: object) -> str:
        if role not in ROLES:
            raise ValueError(role)
        return json.dumps({"role": role, "created": int(self._now()), **more})


def _digest(secret: str) -> str:
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _moderator(name: bytes, text: bytes) -> Moderator:
    kept: dict[str, Any] = json.loads(text)
    return Moderator(
        name.decode(),
        kept["role"],
        moment_of(kept["created"] * 1000),
        kept.get("password"),
        epoch=kept.get("epoch", ""),
        user=kept.get("user", ""),
        totp=kept.get("totp"),
        step=kept.get("step", 0),
        recovery=tuple(kept.get("recovery", ())),
        passkeys=tuple(Passkey(**passkey) for passkey in kept.get("passkeys", ())),
        identity=kept.get("identity"),
        record=text.decode(),
    )


def _link(text: bytes | None) -> Link | None:
    return Link(**json.loads(text)) if text else None


def _token(text: bytes) -> Token:
    kept: dict[str, Any] = json.loads(text)
    used = moment_of(kept["used"] * 1000) if "used" in kept else None
    return Token(kept["name"], kept["role"], moment_of(kept["created"] * 1000), used)
