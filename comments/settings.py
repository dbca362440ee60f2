"""Every knob of the service, in one frozen tree that is read once.

`default.toml` < the operator's file < `COMMENTS_*` in the environment < flags of the command line. No field has a
default value here: config/default.toml is the only place that has them, and it explains each. All faults are
reported together, each with its source, so that an operator mends them in one round.
"""

import difflib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple, cast

from comments.readers import (
    Limit,
    Reader,
    Secret,
    address,
    addresses,
    choice,
    data_directory,
    file,
    fraction,
    host,
    issuer,
    limit,
    line,
    namespace,
    origin,
    origins,
    redis_url,
    secret,
    secret_key,
    switch,
    webhook_secret,
    webhook_urls,
    whole,
)
from comments.resources import folder

__all__ = [
    "Comments",
    "Limit",
    "Moderation",
    "Notices",
    "Pages",
    "Secret",
    "Server",
    "Settings",
    "SettingsFault",
    "Store",
    "load",
]

_PREFIX = "COMMENTS_"
_CONFIG = "COMMENTS_CONFIG"


class SettingsFault(Exception):
    """The service cannot start with these settings; `faults` holds one finished sentence for each reason."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = list(faults)


def _knob(reader: Reader, *, private: bool = False) -> Any:
    """A field that is read by `reader`; a private one is shown neither in a repr nor in a fault."""
    return field(metadata={"reader": reader}, repr=not private)


@dataclass(frozen=True)
class Server:
    """How `comments serve` listens and what it believes about requests."""

    host: str = _knob(host)
    port: int = _knob(whole(0, 65535))
    workers: int = _knob(whole(0, 256))
    threads: int = _knob(whole(1, 512))
    answer_within: float = _knob(fraction(0.1, 60))
    public_url: str = _knob(origin)
    trusted_proxies: int = _knob(whole(0, 10))
    allowed_origins: tuple[str, ...] = _knob(origins)
    max_body: int = _knob(whole(1024, 1024 * 1024))  # what is longer is not read to its end (wire.py)


@dataclass(frozen=True)
class Store:
    """Where comments are kept and how long a request waits for that."""

    data: Path = _knob(data_directory)
    redis_url: str = _knob(redis_url, private=True)
    tls_ca: Path | None = _knob(file)
    tls_certificate: Path | None = _knob(file)
    tls_key: Path | None = _knob(file)
    namespace: str = _knob(namespace)
    timeout: float = _knob(fraction(0.05, 60))
    pause: float = _knob(fraction(0, 60))
    durability: str = _knob(choice("disk", "replica", "memory"))
    min_free_mb: int = _knob(whole(0, 1024 * 1024))


@dataclass(frozen=True)
class Comments:
    """What is asked of a submission."""

    submit_limit: Limit | None = _knob(limit)
    report_limit: Limit | None = _knob(limit)
    require_email: bool = _knob(switch)
    check_email_dns: bool = _knob(switch)
    idempotency_hours: int = _knob(whole(1, 24 * 30))
    close_after_days: int = _knob(whole(0, 365 * 100))


@dataclass(frozen=True)
class Moderation:
    """How long a moderator stays signed in, and how the work is shared out."""

    session_idle_minutes: int = _knob(whole(1, 60 * 24 * 7))
    session_hours: int = _knob(whole(1, 24 * 30))
    second_factor: str = _knob(choice("offered", "admins", "everyone"))
    oidc_issuer: str = _knob(issuer)
    oidc_client_id: str = _knob(line)
    oidc_client_secret: Secret | None = _knob(secret, private=True)
    lease_seconds: int = _knob(whole(0, 3600))
    hold_back_seconds: int = _knob(whole(0, 3600))


@dataclass(frozen=True)
class Notices:
    """Who is told of decisions, and of comments that wait."""

    webhook_urls: tuple[str, ...] = _knob(webhook_urls, private=True)
    webhook_secret: Secret | None = _knob(webhook_secret, private=True)
    webhook_private: bool = _knob(switch)
    mail_to: tuple[str, ...] = _knob(addresses, private=True)
    mail_from: str = _knob(address, private=True)
    mail_every_minutes: int = _knob(whole(5, 60 * 24 * 7))
    smtp_host: str = _knob(host)
    smtp_port: int = _knob(whole(1, 65535))
    smtp_security: str = _knob(choice("starttls", "tls", "none"))
    smtp_user: str = _knob(line)
    smtp_password: Secret | None = _knob(secret, private=True)


@dataclass(frozen=True)
class Pages:
    """What readers get and how long it may be kept."""

    language: str = _knob(choice("en", "vi"))
    demo: bool = _knob(switch)
    structured_data: bool = _knob(switch)
    shared_cache_seconds: int = _knob(whole(0, 86400))
    cache_mb: int = _knob(whole(0, 65536))
    stale_seconds: int = _knob(whole(0, 86400))


@dataclass(frozen=True)
class Settings:
    """All of it. `secret_key` is None when the key is a file in the data directory."""

    server: Server
    store: Store
    comments: Comments
    moderation: Moderation
    notices: Notices
    pages: Pages
    secret_key: Secret | None = _knob(secret_key, private=True)


_SECTIONS: dict[str, type] = {
    "server": Server,
    "store": Store,
    "comments": Comments,
    "moderation": Moderation,
    "notices": Notices,
    "pages": Pages,
}


class Knob(NamedTuple):
    """One setting: its name is the same in the file, the environment (COMMENTS_NAME) and the code."""

    name: str
    section: str  # empty at the top of the file
    reader: Reader
    private: bool


def knobs() -> dict[str, Knob]:
    """Every setting by name."""
    sections = {**_SECTIONS, "": Settings}
    return {
        one.name: Knob(one.name, section, one.metadata["reader"], not one.repr)
        for section, shape in sections.items()
        for one in fields(shape)
        if "reader" in one.metadata
    }


class _Given(NamedTuple):
    """A value as it came, and where it came from in the operator's words."""

    value: object
    source: str


def load(environ: Mapping[str, str], *, config: Path | None = None, **overrides: object) -> Settings:
    """Reads all settings.

    `config` (else COMMENTS_CONFIG) names the operator's TOML file. Overrides are flags of the command line by
    setting name; None means not given.

    Raises:
        SettingsFault: with every fault of every source.
    """
    known = knobs()
    faults: list[str] = []
    if config is None and environ.get(_CONFIG):
        config = Path(environ[_CONFIG])

    given = dict(_from_file(folder("config") / "default.toml", known, faults))
    given.update(_from_file(config, known, faults) if config else ())
    given.update(_from_environ(environ, known, faults))
    given.update(_from_flags(overrides))
    values = dict(_read(given, known, faults))
    faults += _missing(values)
    if faults:
        raise SettingsFault(faults)
    return _assemble(values)


def _read(given: Mapping[str, _Given], known: Mapping[str, Knob], faults: list[str]) -> Iterator[tuple[str, object]]:
    for name, (value, source) in given.items():
        try:
            yield name, known[name].reader(value)
        except ValueError as error:
            shown = "the value" if known[name].private else repr(value)
            faults.append(f"{source}: {shown} {error}")


def _missing(values: Mapping[str, object]) -> Iterator[str]:
    """What one setting asks of another."""
    if values.get("webhook_urls"):
        if "webhook_secret" in values and not values["webhook_secret"]:
            yield "webhook_secret: is needed to sign what webhook_urls are told"
        urls = cast("tuple[str, ...]", values["webhook_urls"])
        if not values.get("webhook_private") and any(url.startswith("http:") for url in urls):
            yield "webhook_urls: an address with http:// is allowed on a private network alone (webhook_private = true)"
    if values.get("mail_to") and "mail_from" in values and not values["mail_from"]:
        yield "mail_from: is needed where mail_to is given"


def _assemble(values: Mapping[str, object]) -> Settings:
    sections: dict[str, Any] = {
        section: shape(**{one.name: values[one.name] for one in fields(shape)}) for section, shape in _SECTIONS.items()
    }
    top: dict[str, Any] = {knob.name: values[knob.name] for knob in knobs().values() if not knob.section}
    return Settings(**sections, **top)


def _from_flags(overrides: Mapping[str, object]) -> Iterator[tuple[str, _Given]]:
    for name, value in overrides.items():
        if value is not None:
            yield name, _Given(value, "--" + name.replace("_", "-"))


def _from_environ(
    environ: Mapping[str, str], known: Mapping[str, Knob], faults: list[str]
) -> Iterator[tuple[str, _Given]]:
    for variable, text in environ.items():
        if not variable.startswith(_PREFIX) or variable == _CONFIG:
            continue
        name = variable.removeprefix(_PREFIX).lower()
        if variable == _PREFIX + name.upper() and name in known:
            yield name, _Given(text, variable)
        else:
            meant = _closest(variable, [_CONFIG, *(_PREFIX + one.upper() for one in known)])
            faults.append(f"{variable}: there is no such setting{meant}")


def _from_file(path: Path, known: Mapping[str, Knob], faults: list[str]) -> Iterator[tuple[str, _Given]]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        faults.append(f"{path}: cannot be read ({error.strerror})")
        return
    except ValueError as error:  # not UTF-8, or not TOML
        faults.append(f"{path}: is not a TOML file ({error})")
        return

    for section, name, value in _entries(content):
        source = f"{path}: {name}" if not section else f"{path}: [{section}] {name}"
        if name in known and known[name].section == section:
            yield name, _Given(value, source)
        else:
            faults.append(f"{source}: there is no such setting{_elsewhere(name, known)}")


def _entries(content: Mapping[str, object]) -> Iterator[tuple[str, str, object]]:
    """Section, name and value of everything in a file; the section is empty at the top."""
    for name, value in content.items():
        if isinstance(value, dict):
            yield from ((name, inner, entry) for inner, entry in value.items())
        else:
            yield "", name, value


def _elsewhere(name: str, known: Mapping[str, Knob]) -> str:
    if name not in known:
        return _closest(name, list(known))
    section = known[name].section
    return f"; it belongs in [{section}]" if section else "; it belongs at the top, before any [section]"


def _closest(name: str, names: list[str]) -> str:
    close = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {close[0]}?" if close else ""
