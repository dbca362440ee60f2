"""Starts a server that Sentinels watch, never as a primary beside another: `python -m comments.store.rejoin ...`

A primary that comes back after a failover believes that it still is one until the sentinels correct it. When a second
failure falls into that moment, they may choose it again, and everything acknowledged since the first is lost. So this
asks the sentinels first, and starts the server as a replica of whomever most of them name, if that is another one. It
starts nothing while most of them do not answer.

    python -m comments.store.rejoin --me 10.0.0.1:6379 redis+sentinel://10.0.0.1,10.0.0.2,10.0.0.3/comments \\
        -- valkey-server /etc/valkey/valkey.conf
"""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from comments.endpoint import Endpoint, several

_TIMEOUT = 2.0  # seconds for each sentinel

Place = tuple[str, int]


class NoAnswer(Exception):
    """Too few sentinels answer to know who the primary is."""


def primary(endpoint: Endpoint) -> Place:
    """Whom most of the sentinels name.

    Raises:
        NoAnswer: fewer than a majority name one and the same.
    """
    named = Counter(place for host in endpoint.hosts if (place := _asked(host, endpoint)))
    place, votes = named.most_common(1)[0] if named else (("", 0), 0)
    if votes <= len(endpoint.hosts) // 2:
        raise NoAnswer(f"only {votes} of {len(endpoint.hosts)} sentinels name one primary")
    return place


def _asked(host: Place, endpoint: Endpoint) -> Place | None:
    connection = redis.Redis(
        *host,
        username=endpoint.sentinel_username,
        password=endpoint.sentinel_password,
        ssl=endpoint.tls,
        socket_timeout=_TIMEOUT,
        socket_connect_timeout=_TIMEOUT,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        answer: Any = connection.sentinel_get_master_addr_by_name(endpoint.service)
        return (answer[0].decode(), int(answer[1])) if answer else None
    except redis.RedisError:
        return None
    finally:
        connection.close()


def command(server: Sequence[str], me: Place, named: Place) -> list[str]:
    """What to run: the server as it is, when it is the primary they name, else as that one's replica."""
    return [*server] if named == me else [*server, "--replicaof", named[0], str(named[1])]


def main() -> None:
    """Becomes the server, or ends with status 75 (try again later)."""
    parser = argparse.ArgumentParser(prog="comments.store.rejoin", description="Start a server that Sentinels watch.")
    parser.add_argument("sentinels", help="redis+sentinel://host:port,host:port/service")
    parser.add_argument("--me", required=True, help="host:port of this server, as the sentinels know it")
    parser.add_argument("server", nargs="+", help="-- valkey-server /etc/valkey/valkey.conf")
    given = parser.parse_args()
    endpoint = several(given.sentinels)
    host, _, port = given.me.rpartition(":")
    if endpoint is None or not host or not port.isdigit():
        parser.error("needs --me host:port and an address of sentinels")
    try:
        words = command(given.server, (host, int(port)), primary(endpoint))
    except NoAnswer as error:
        print(f"not started: {error}", file=sys.stderr)
        sys.exit(75)
    os.execvp(words[0], words)  # noqa: S606 - becomes the program it was given, which is its purpose


if __name__ == "__main__":
    main()
