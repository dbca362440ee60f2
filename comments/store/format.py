"""The format of what is stored: a version of the service that does not know it leaves everything as it is."""

from comments.store import records
from comments.store.claim import DataUnusable
from comments.store.client import Client
from comments.store.keys import Keys
from comments.store.shards import SHARDS

FORMAT = 1  # another one whenever an older version would misread what a newer one writes


def check_format(client: Client, namespace: str, version: str) -> None:
    """Notes the format, and the version of the service that brings it, where nothing is noted yet.

    Raises:
        DataUnusable: the store has a format that this version does not know, or from before there were any; the text
            names both versions.
        Unavailable, StoreFull: see Client.
    """
    keys = Keys(namespace)
    if _is_from_before(client, keys):
        raise DataUnusable(
            "the store has comments of a version from before format 1; "
            f"this is version {version}, which knows format {FORMAT}"
        )
    (found,) = client.pipeline([("GET", keys.format)])
    if not found:  # of two that start at once, one is the first
        (found,) = client.pipeline([("SET", keys.format, f"{FORMAT} {version}", "NX", "GET")])
    number, _, since = (found or b"%d" % FORMAT).decode(errors="replace").partition(" ")
    if number != str(FORMAT):
        raise DataUnusable(
            f"the store has format {number}, which came with version {since}; "
            f"this is version {version}, which knows format {FORMAT}"
        )


def _is_from_before(client: Client, keys: Keys) -> bool:
    """Whether the log has whole words for statuses, where format 1 has letters.

    Neither a missing number tells (a service that started while its store was away noted nothing), nor one that is
    there: format 1 was still changed for some hours after it had its number.
    """
    for entries in client.pipeline([("XRANGE", keys.log(shard), "-", "+", "COUNT", 1) for shard in range(SHARDS)]):
        for _, pairs in entries:
            if len(records.said(pairs).get(b"to", b"")) > 1:
                return True
    return False
