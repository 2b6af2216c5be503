"""What counts as a web address, and which hosts the public internet can reach.

Plain text in, verdicts out: no name is resolved and nothing is fetched here.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from urllib.parse import urlsplit

__all__ = (
    "foreign_sign",
    "is_public_host",
    "web_host",
)

# RFC 3986 allows these and percent-encoding; a backslash or a quote also makes parsers disagree on the host.
_FOREIGN = re.compile(r"[^!#-;=?-\[\]_a-z~]")
_HOME_NAMES = ("localhost", "local", "internal")
_LOOKS_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")
_V4_INSIDE = tuple(IPv6Network(text) for text in ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96"))
_NUMBER = re.compile(r"0x(?P<hex>[0-9a-f]{0,16})|0(?P<octal>[0-7]{0,16})|(?P<decimal>[1-9][0-9]{0,16})")


def foreign_sign(url: str) -> str | None:
    """Return the first character that has to be percent-encoded in a URL; None if there is none."""
    found = _FOREIGN.search(url)
    return found[0] if found else None


def web_host(url: str) -> str | None:
    """Return the host of an absolute http or https URL, in lower case; None if `url` is no such thing.

    The text must be what RFC 3986 calls a URI: spaces, control characters and whatever is not ASCII have to
    be percent-encoded.
    """
    if foreign_sign(url) is not None:
        return None
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or parts.port == 0:
            return None
        return parts.hostname or None
    except ValueError:  # a port that is no number, a bracket that is never closed
        return None


def is_public_host(host: str) -> bool:
    """Tell whether `host` may be one that the public internet reaches.

    Refused are names of this house (`localhost`, `*.localhost`, `*.local`, `*.internal`) and every address
    that is loopback, private, link-local, multicast or reserved, however it is spelled: `127.1`,
    `0x7f000001`, `2130706433`, `::ffff:127.0.0.1`, `64:ff9b::7f00:1`. Other names pass: what they resolve to
    is not known here.
    """
    name = host.lower().removesuffix(".")
    if "%" in name or not name:  # an IPv6 zone is link-local; an encoded host has no honest use
        return False
    last_label = name.rsplit(".", 1)[-1]
    if ":" in name:
        return _is_public(_ipv6(name))
    if _LOOKS_NUMERIC.fullmatch(last_label):  # never the end of a name, so it is an address or nothing
        return _is_public(_ipv4(name))
    return last_label not in _HOME_NAMES


def _is_public(address: IPv4Address | IPv6Address | None) -> bool:
    if address is None:
        return False
    if isinstance(address, IPv6Address):
        inner = _embedded(address)
        if inner is not None:
            return _is_public(inner)
    return address.is_global and not (address.is_multicast or address.is_reserved)


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that a gateway would make of an IPv6 one: mapped, 6to4, NAT64, or translated."""
    if any(address in network for network in _V4_INSIDE):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour


def _ipv6(name: str) -> IPv6Address | None:
    try:
        return IPv6Address(name)
    except ValueError:
        return None


def _ipv4(name: str) -> IPv4Address | None:
    """Read an address as resolvers do: one to four parts, decimal, octal or hex, the last filling up."""
    parts = [_number(part) for part in name.split(".")]
    numbers = [part for part in parts if part is not None]
    if len(parts) > 4 or len(numbers) < len(parts):
        return None
    *heads, tail = numbers
    room = 4 - len(heads)
    if any(head > 255 for head in heads) or tail >= 256**room:
        return None
    return IPv4Address(bytes(heads) + tail.to_bytes(room))


def _number(text: str) -> int | None:
    found = _NUMBER.fullmatch(text)
    if found is None:
        return None
    if found["hex"] is not None:
        return int(found["hex"] or "0", 16)
    return int(found["octal"] or "0", 8) if found["octal"] is not None else int(found["decimal"])
