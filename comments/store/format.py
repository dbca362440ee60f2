"""The format of what is stored: a version of the service that does not know it leaves everything as it is."""

from comments.store.claim import DataUnusable
from comments.store.client import Client
from comments.store.keys import Keys

FORMAT = 1  # another one whenever an older version would misread what a newer one writes


def check_format(client: Client, namespace: str, version: str) -> None:
    """Notes the format, and the version of the service that brings it, where nothing is noted yet.

    Raises:
        DataUnusable: the store has a format that this version does not know; the text names both versions.
        Unavailable, StoreFull: see Client.
    """
    key = Keys(namespace).format
    (found,) = client.pipeline([("GET", key)])
    if not found:  # of two that start at once, one is the first
        (found,) = client.pipeline([("SET", key, f"{FORMAT} {version}", "NX", "GET")])
    number, _, since = (found or b"%d" % FORMAT).decode(errors="replace").partition(" ")
    if number != str(FORMAT):
        raise DataUnusable(
            f"the store has format {number}, which came with version {since}; "
            f"this is version {version}, which knows format {FORMAT}"
        )
