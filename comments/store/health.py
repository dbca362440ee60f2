"""What a store says about itself, for `comments doctor`: plain facts, no judgement."""

from typing import Any, NamedTuple

from redis.exceptions import ResponseError

from comments.store.client import Client

_WANTED = ("appendonly", "appendfsync", "maxmemory-policy")


class Facts(NamedTuple):
    """One look at a store."""

    product: str  # "Valkey" or "Redis"
    version: tuple[int, ...]
    replicas: int
    config: dict[str, str] | None  # None when the server does not let us ask
    time: float  # its clock, in seconds since 1970


def look(client: Client) -> Facts:
    """Asks the store. Raises Unavailable like every call."""
    info = client.command("INFO")
    product = "Valkey" if "valkey_version" in info else "Redis"
    version = str(info[f"{product.lower()}_version"])
    seconds, microseconds = client.command("TIME")
    return Facts(
        product=product,
        version=tuple(int(part) for part in version.split(".") if part.isdigit()),
        replicas=int(info.get("connected_slaves", 0)),
        config=_config(client),
        time=int(seconds) + int(microseconds) / 1e6,
    )


def _config(client: Client) -> dict[str, str] | None:
    try:
        return {name: _text(client.command("CONFIG GET", name), name) for name in _WANTED}
    except ResponseError:  # forbidden by an ACL, or renamed: usual on hosted servers
        return None


def _text(answer: dict[Any, Any], name: str) -> str:
    value = answer.get(name, answer.get(name.encode(), ""))
    return value.decode() if isinstance(value, bytes) else str(value)
