"""The address of several servers that are one store, taken apart.

    redis+sentinel://user:password@host:port,host:port/service      the sentinels; they know the primary
    redis+cluster://user:password@host:port,host:port               some nodes; they know the others

`rediss+...` speaks TLS to all of them. User and password are for the servers that keep the data; sentinels that want
some get them in the query: `?sentinel_username=...&sentinel_password=...`.
"""

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

_SHAPE = re.compile(
    r"redis(?P<tls>s?)\+(?P<kind>sentinel|cluster)://(?:(?P<user>[^@/:]*)(?::(?P<password>[^@/]*))?@)?"
    r"(?P<hosts>[^@/?#]*)(?:/(?P<service>[^/?#]*))?(?:\?(?P<query>[^#]*))?"
)
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::([0-9]{1,5}))?")
_PORTS = {"sentinel": 26379, "cluster": 6379}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`kind` is sentinel or cluster; `service` is the name that sentinels know the primary by."""

    kind: str
    tls: bool
    hosts: tuple[tuple[str, int], ...]
    service: str
    username: str | None
    password: str | None = field(repr=False)
    sentinel_username: str | None
    sentinel_password: str | None = field(repr=False)


def several(url: str) -> Endpoint | None:
    """The parts of such an address; None for one of another kind.

    Raises:
        ValueError: the end of a sentence about what is wrong.
    """
    if not re.match(r"rediss?\+(sentinel|cluster)://", url):
        return None
    match = _SHAPE.fullmatch(url)
    if not match:
        raise ValueError("is not an address like redis+sentinel://host:port,host:port/service")
    kind, service = match["kind"], unquote(match["service"] or "")
    if kind == "sentinel" and not service:
        raise ValueError("does not end with the /service that the sentinels watch")
    if kind == "cluster" and service not in ("", "0"):
        raise ValueError("names a database, but a cluster has only one")
    query = dict(parse_qsl(match["query"] or "", keep_blank_values=True))
    if set(query) - {"sentinel_username", "sentinel_password"} or (query and kind == "cluster"):
        raise ValueError("has something after the ? that is not known")
    return Endpoint(
        kind=kind,
        tls=bool(match["tls"]),
        hosts=tuple(_host(text, _PORTS[kind]) for text in match["hosts"].split(",")),
        service=service if kind == "sentinel" else "",
        username=unquote(match["user"]) if match["user"] else None,
        password=unquote(match["password"]) if match["password"] else None,
        sentinel_username=query.get("sentinel_username"),
        sentinel_password=query.get("sentinel_password"),
    )


def _host(text: str, default: int) -> tuple[str, int]:
    match = _HOST.fullmatch(text)
    if not match or int(match[3] or default) > 65535:
        raise ValueError("names no hosts like a.example:6379,b.example:6379")
    return match[1] or match[2], int(match[3] or default)
