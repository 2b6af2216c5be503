"""Checks of URLs in requests: whether one is a web address, and whether its host is private.

Host names are not resolved: a public name that resolves to a private address passes.
"""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

_PRIVATE_SUFFIXES = (".localhost", ".local", ".internal", ".localdomain")


def is_web_address(value: object) -> bool:
    """Whether `value` is an absolute http or https URL with a host; a value that is not text passes."""
    # A JSON Schema format applies to strings only; `type` refuses other values.
    if not isinstance(value, str):
        return True
    # urlsplit silently removes tabs and newlines.
    if any(character.isspace() or not character.isprintable() for character in value):
        return False
    try:
        parts = urlsplit(value)
        # Reading the port raises ValueError for a bad one.
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def is_private(url: str) -> bool:
    """Whether the host of `url` is loopback, private, link-local or otherwise not globally reachable.

    Source: the callback_url text of the model pages, read 2026-11-20.
    """
    host = (urlsplit(url).hostname or "").rstrip(".").lower()
    if not host or host == "localhost" or host.endswith(_PRIVATE_SUFFIXES):
        return True
    address = _ip_address(host)
    if address is None:
        return False
    # Python versions disagree on whether ::ffff:8.8.8.8 is global, so the IPv4 address in it decides.
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return not (mapped or address).is_global


def _ip_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        # A zone, as in fe80::1%eth0, does not change the kind of an address.
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    try:
        # inet_aton accepts the same short forms as a C resolver: 127.1, 0x7f000001, 2130706433.
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        return None
