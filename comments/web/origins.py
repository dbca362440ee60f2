"""Where a request comes from: the client's address, the scheme, and the page that sent it.

Forwarded headers count only from the configured number of trusted proxies, read from the right.
"""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from flask import Request, Response, request

from comments.settings import Server
from comments.web.here import here
from comments.web.language import gettext
from comments.web.problems import Problem

_LONGEST = 80  # characters of an address, with a zone, brackets and a port


def client_address(request: Request, trusted_proxies: int) -> IPv4Address | IPv6Address | None:
    """The address of the client, or None when a proxy gave something that is none.

    With N trusted proxies it is the N-th entry of X-Forwarded-For from the right; with none, the peer.
    """
    peer = request.environ.get("REMOTE_ADDR", "")
    chain = [entry.strip() for value in request.headers.getlist("X-Forwarded-For") for entry in value.split(",")]
    hops = [*chain, peer]
    chosen = hops[-1 - trusted_proxies] if len(hops) > trusted_proxies else hops[0]
    return _address(chosen) if len(chosen) <= _LONGEST else None


def source_of(request: Request, trusted_proxies: int) -> str:
    """What the limit counts by: an IPv4 address, or the /64 of an IPv6 address; anything unreadable is one source."""
    address = client_address(request, trusted_proxies)
    if address is None:
        return "unknown"
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return f"{int(address) >> 64:x}::/64"
    return str(address)


def is_secure() -> bool:
    """Whether the client's connection is TLS."""
    return came_securely(here().settings.server, request.scheme, request.headers.get("X-Forwarded-Proto"))


def came_securely(settings: Server, scheme: str, forwarded: str | None) -> bool:
    """Whether a client's connection is TLS: as `public_url` says, or the trusted proxy, or as we see it."""
    if settings.public_url:
        return settings.public_url.startswith("https:")
    if settings.trusted_proxies:
        return (scheme if forwarded is None else forwarded).split(",")[-1].strip() == "https"
    return scheme == "https"


def is_allowed(origin: str | None) -> bool:
    """Whether a page of that origin may submit: our own, and those in the settings; no origin is no browser's page."""
    if origin is None:
        return True
    if is_own(origin):
        return True
    origins = here().settings.server.allowed_origins
    return allows_any(origins) or origin in origins


def is_own(origin: str) -> bool:
    """Whether that is the origin of this service itself."""
    if own := here().settings.server.public_url:
        return origin == own
    try:
        return bool(request.host) and urlsplit(origin).netloc == request.host
    except ValueError:  # http://[
        return False


def named_host(address: str) -> str | None:
    """The host in an address that a reader sent, if the settings name its origin (`*` names none); else None.

    Links of ours lead only there. The Host header is not asked: it is the client's word too.
    """
    server = here().settings.server
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    origin = f"{parts.scheme}://{parts.netloc}".lower()
    named = parts.scheme in ("http", "https") and origin in (server.public_url, *server.allowed_origins)
    return parts.netloc.lower() if named else None


def allows_any(origins: tuple[str, ...]) -> bool:
    return "*" in origins


def refuse_foreign() -> None:
    """For requests that change something: only from pages that may (browsers say which page sent it).

    Raises:
        Problem: 403 origin_not_allowed.
    """
    if not is_allowed(request.headers.get("Origin")):
        raise Problem(403, "origin_not_allowed", gettext("Pages of this origin may not send comments here."))


def let_pages_write(response: Response, methods: str) -> Response:
    """CORS for what a page of an allowed origin may read and change with these methods; no cookie is ever involved."""
    origin = request.headers.get("Origin")
    if origin and is_allowed(origin):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = "Retry-After"
        response.vary.add("Origin")
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Methods"] = methods
            response.headers["Access-Control-Allow-Headers"] = "Content-Type"
            response.headers["Access-Control-Max-Age"] = "86400"
    return response


def refuse_foreign_to_moderators() -> None:
    """For the moderation pages: only from these pages themselves.

    Raises:
        Problem: 403 origin_not_allowed.
    """
    origin = request.headers.get("Origin")
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    if site not in ("same-origin", "none") or (origin is not None and not is_own(origin)):
        raise Problem(403, "origin_not_allowed", gettext("This must be sent from the moderation pages."))


@lru_cache(maxsize=1000)
def _address(text: str) -> IPv4Address | IPv6Address | None:
    for candidate in (text, text.strip("[]"), text.rpartition(":")[0].strip("[]")):
        try:
            return ip_address(candidate.partition("%")[0])
        except ValueError:
            continue
    return None
