"""The store that the settings name."""

from comments.settings import Settings
from comments.store.client import Client, connect


def connection(settings: Settings, *, pool: int) -> Client:
    """A client with at most `pool` connections to each server; connects at its first command."""
    place = settings.store
    files = {"ssl_ca_certs": place.tls_ca, "ssl_certfile": place.tls_certificate, "ssl_keyfile": place.tls_key}
    return connect(
        place.redis_url,
        timeout=place.timeout,
        pause=place.pause,
        pool=pool,
        tls={name: str(path) for name, path in files.items() if path},
        replicas=1 if place.durability == "replica" else 0,
    )
