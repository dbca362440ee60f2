"""Whom a ban may be about: a person, the domain of an address, a range of networks; each under plain names.

The names are hashed with the installation's key before they are kept or looked up; nobody can read them back.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

from comments.model import Address

CODE = "banned"
LENGTHS = {4: (32, 24, 16), 6: (64, 56, 48, 32)}  # prefixes that a range may have: each is one look-up
_LEVELS = 3  # of a domain: a.b.example, b.example, example


def names(blind: str | None, email: Address | None, source: str | None) -> list[str]:
    """Every name under which a submission may be banned."""
    found = [person(blind)] if blind else []
    if email:
        labels = _ascii(email.reveal().rpartition("@")[2]).split(".")
        found += [f"domain\n{'.'.join(labels[at:])}" for at in range(max(0, len(labels) - _LEVELS), len(labels))]
    return found + _ranges(source or "")


def person(blind: str) -> str:
    return f"person\n{blind}"


def domain(typed: str) -> str | None:
    """The name for a typed domain; None when it is none."""
    ascii_form = _ascii(typed.strip().removeprefix("@").removeprefix("*.").strip("."))
    labels = ascii_form.split(".")
    is_domain = 2 <= len(labels) <= _LEVELS and all(label.replace("-", "a").isalnum() for label in labels)
    return f"domain\n{ascii_form}" if is_domain else None


def network(typed: str) -> str | None:
    """The name for a typed range or address (192.0.2.0/24); None when it is none, or of another size."""
    text = typed.strip()
    try:
        found = ip_network(text if "/" in text or ":" not in text else f"{text}/64", strict=False)
    except ValueError:
        return None
    return _name(found) if found.prefixlen in LENGTHS[found.version] else None


def _ascii(domain: str) -> str:
    try:
        return domain.lower().encode("idna").decode() if domain else ""
    except UnicodeError:
        return ""


def _ranges(source: str) -> list[str]:
    """The ranges that a source (as the limit counts it) is in."""
    prefix, is_v6, _ = source.partition("::/64")
    try:
        address = IPv6Address(int(prefix, 16) << 64) if is_v6 else IPv4Address(source)
    except ValueError:
        return []
    return [_name(ip_network((address, length), strict=False)) for length in LENGTHS[address.version]]


def _name(found: IPv4Network | IPv6Network) -> str:
    return f"range\n{found}"
