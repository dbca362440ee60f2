"""What one setting may be: readers turn text or a TOML value into the finished value.

A reader raises ValueError with the end of the sentence "COMMENTS_PORT: 'abc' ...", so each message says what would
have been right. The environment has only text; therefore every reader accepts text.
"""

import base64
import math
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from email_validator import EmailNotValidError, validate_email

from comments.endpoint import several

Reader = Callable[[object], Any]

_SWITCH = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_LIMIT = re.compile(r"([1-9][0-9]{0,5}) ?/ ?([1-9][0-9]{0,3})? ?(second|minute|hour|day)s?")
_PLACEHOLDER = re.compile(r"change|replace|example|placeholder|your.?secret|default|insecure", re.IGNORECASE)
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Secret:
    """A value that never prints itself; `reveal()` is the one, searchable way to read it."""

    _value: str = field(repr=False)

    def __repr__(self) -> str:
        return "<secret>"

    def reveal(self) -> str:
        """The value itself."""
        return self._value


@dataclass(frozen=True)
class Limit:
    """At most `count` events within `seconds`."""

    count: int
    seconds: int


def whole(low: int, high: int) -> Reader:
    """A whole number within both bounds."""

    def read(value: object) -> int:
        number = value if type(value) is int else _int(value)
        if number is None or not low <= number <= high:
            raise ValueError(f"is not a whole number from {low} to {high}")
        return number

    return read


def _int(value: object) -> int | None:
    text = str(value) if isinstance(value, str) else ""
    return int(text) if re.fullmatch(r"-?[0-9]{1,18}", text) else None


def fraction(low: float, high: float) -> Reader:
    """A number within both bounds."""

    def read(value: object) -> float:
        number = math.nan
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            with suppress(ValueError):
                number = float(value)
        if not low <= number <= high:  # also false for nan
            raise ValueError(f"is not a number from {low:g} to {high:g}")
        return number

    return read


def switch(value: object) -> bool:
    """Yes or no."""
    answer = value if isinstance(value, bool) else _SWITCH.get(str(value).lower())
    if answer is None:
        raise ValueError("is neither true nor false")
    return answer


def choice(*allowed: str) -> Reader:
    """One of a few words."""

    def read(value: object) -> str:
        if value not in allowed:
            raise ValueError(f"is not one of {', '.join(allowed)}")
        return str(value)

    return read


def host(value: object) -> str:
    """A name or address to listen on."""
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9.:_-]+", value):
        raise ValueError("is not a host name or an address")
    return value


def namespace(value: object) -> str:
    """A prefix of keys. Braces would change the cluster slot of every key."""
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", value):
        raise ValueError("is not a name of 1 to 64 letters, digits, dots, hyphens and underscores")
    return value


def data_directory(value: object) -> Path:
    """A directory; `~` is the user's home."""
    if not isinstance(value, str | Path) or not str(value) or "\0" in str(value):
        raise ValueError("is not a directory's path")
    return Path(value).expanduser()


def file(value: object) -> Path | None:
    """A file that is there; empty is none."""
    if value == "":
        return None
    path = data_directory(value)
    if not path.is_file():
        raise ValueError("is not a file that is there")
    return path


def limit(value: object) -> Limit | None:
    """\"5/minute\" or \"20/10 minutes\"; empty is no limit."""
    if value == "":
        return None
    match = _LIMIT.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError('is not a limit like "5/minute" or "20/10 minutes" (empty: no limit)')
    return Limit(count=int(match[1]), seconds=int(match[2] or 1) * _UNITS[match[3]])


def origin(value: object) -> str:
    """\"https://comments.example\", as a browser writes it, or empty."""
    return _origin(value) if value != "" else ""


def issuer(value: object) -> str:
    """The address of an OpenID provider, exactly as it calls itself; empty is none. TLS, except on this machine."""
    if value == "":
        return ""
    parts = _split(value)
    local = parts is not None and parts.hostname in ("127.0.0.1", "localhost", "::1")
    if parts is None or not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and local)):
        raise ValueError("is not an address like https://login.example/realms/news")
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("has more than scheme, host and path")
    return str(value)


def line(value: object) -> str:
    """One line of text, or empty."""
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError("is not one line of text")
    return value


def secret(value: object) -> Secret | None:
    """A secret that somebody else has made; empty is none."""
    return Secret(line(value)) if value != "" else None


def webhook_secret(value: object) -> Secret | None:
    """A key to sign with, in the form of standardwebhooks.com; empty is none."""
    if value == "":
        return None
    key = str(value).removeprefix("whsec_")
    try:
        length = len(base64.b64decode(key, validate=True))
    except ValueError:
        length = 0
    if not str(value).startswith("whsec_") or not 24 <= length <= 64:
        raise ValueError("is not “whsec_” and 24 to 64 random bytes in base64")
    return Secret(str(value))


def webhook_urls(value: object) -> tuple[str, ...]:
    """A list of addresses that are told of decisions, in text separated by commas or spaces."""
    return tuple(map(_webhook_url, _entries(value, "addresses")))


def _webhook_url(value: object) -> str:
    parts = _split(value)
    if parts is None or parts.scheme not in _DEFAULT_PORTS or not parts.hostname or not str(value).isascii():
        raise ValueError("is not an address like https://cms.example/hooks/comments")
    if parts.fragment or "@" in parts.netloc:
        raise ValueError("has a name, a password or a fragment in it")
    return str(value)


def addresses(value: object) -> tuple[str, ...]:
    """A list of e-mail addresses, in text separated by commas or spaces."""
    return tuple(map(address, _entries(value, "e-mail addresses")))


def address(value: object) -> str:
    """An e-mail address, or empty."""
    if value == "":
        return ""
    try:
        found = validate_email(str(value), check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        raise ValueError("is not an e-mail address") from error
    return found.ascii_email or ""


def origins(value: object) -> tuple[str, ...]:
    """A list of origins, in text separated by commas or spaces; \"*\" is any."""
    return tuple(entry if entry == "*" else _origin(entry) for entry in _entries(value, "origins"))


def _entries(value: object, what: str) -> list[object]:
    """The entries of a list, in text separated by commas or spaces."""
    entries = re.split(r"[,\s]+", value.strip(", \t\n")) if isinstance(value, str) else value
    if not isinstance(entries, list | tuple):
        raise ValueError(f"is not a list of {what}")
    return [entry for entry in entries if entry != ""]


def _origin(value: object) -> str:
    parts = _split(value)
    if parts is None or parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ValueError("is not an origin like https://news.example (scheme and host)")
    if parts.path or parts.query or parts.fragment or "?" in str(value) or "#" in str(value) or "@" in parts.netloc:
        raise ValueError("has more than scheme, host and port; write it like https://news.example, without a slash")
    if not re.fullmatch(r"[a-z0-9.-]+|[0-9a-f:]+", parts.hostname):
        raise ValueError("has a host that is not in its ASCII form (xn--...)")
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = "" if parts.port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{parts.port}"
    return f"{parts.scheme}://{name}{port}"


def redis_url(value: object) -> str:
    """Address of a Redis or Valkey; empty is the service's own."""
    if value == "":
        return ""
    if isinstance(value, str) and value.isprintable() and several(value):
        return value
    parts = _split(value)
    if parts is None or parts.scheme not in {"redis", "rediss", "unix"}:
        raise ValueError("is not a redis://, rediss://, unix://, redis+sentinel:// or redis+cluster:// address")
    if not (parts.path if parts.scheme == "unix" else parts.hostname):
        raise ValueError("names no socket" if parts.scheme == "unix" else "names no host")
    return str(value)


def _split(value: object) -> SplitResult | None:
    """The parts of an address, or None when it is none."""
    if not isinstance(value, str) or not value.isprintable() or " " in value:
        return None
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018 - raises for a port that is no number
    except ValueError:
        return None
    return parts


def secret_key(value: object) -> Secret | None:
    """At least 32 characters that nobody else has; empty is a key file in the data directory."""
    if value == "":
        return None
    if not isinstance(value, str) or len(value) < 32:
        raise ValueError("is too short: a secret key has at least 32 characters")
    if len(set(value)) < 8 or _PLACEHOLDER.search(value):
        raise ValueError("looks like a placeholder, not like a secret")
    return Secret(value)
