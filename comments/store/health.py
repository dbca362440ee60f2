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


def look(client: Client) -> dict[str, Facts]:
    """Asks every server that takes writes; by its name. Raises Unavailable like every call."""
    configs = _configs(client) or {}
    return {
        name: _facts(info, time, configs.get(name))
        for name, (info, time) in client.everywhere(("INFO",), ("TIME",)).items()
    }


def _facts(info: dict[str, Any], now: tuple[int, int], config: dict[str, str] | None) -> Facts:
    product = "Valkey" if "valkey_version" in info else "Redis"
    version = str(info[f"{product.lower()}_version"])
    return Facts(
        product=product,
        version=tuple(int(part) for part in version.split(".") if part.isdigit()),
        replicas=int(info.get("connected_slaves", 0)),
        config=config,
        time=int(now[0]) + int(now[1]) / 1e6,
    )


def broken_promise(client: Client, durability: str) -> str | None:
    """Why the store does not do what `durability` promises: "" when it does, None when it does not let us see.

    Raises Unavailable like every call.
    """
    configs = _configs(client)
    if configs is None:
        return None if durability != "memory" else ""
    if durability != "replica":
        return next(filter(None, (missing(config, 0, durability) for config in configs.values())), "")
    replicas = {
        name: int(info["connected_slaves"]) for name, (info,) in client.everywhere(("INFO", "replication")).items()
    }
    found = (missing(config, replicas.get(name, 0), durability) for name, config in configs.items())
    return next(filter(None, found), "")


def missing(config: dict[str, str], replicas: int, durability: str) -> str:
    """What one server lacks for a promise; "" for nothing."""
    if durability == "memory":
        return ""
    if config["appendonly"] != "yes" or config["appendfsync"] != "always":
        kept = f"appendonly {config['appendonly']}, appendfsync {config['appendfsync']}"
        return f"{kept}: comments that readers were told are safe can be lost in a crash"
    if durability == "replica" and not replicas:
        return "“replica” was asked for, but no replica is connected"
    return ""


def _configs(client: Client) -> dict[str, dict[str, str]] | None:
    try:
        # a server that still reads its log back tells its configuration, but answers no PING
        answers = client.everywhere(("PING",), *(("CONFIG GET", option) for option in _WANTED))
    except ResponseError:  # forbidden by an ACL, or renamed: usual on hosted servers
        return None
    return {
        name: {option: _text(reply, option) for option, reply in zip(_WANTED, replies[1:], strict=True)}
        for name, replies in answers.items()
    }


def _text(answer: dict[Any, Any], name: str) -> str:
    value = answer.get(name, answer.get(name.encode(), ""))
    return value.decode() if isinstance(value, bytes) else str(value)
