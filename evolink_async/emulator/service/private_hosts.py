"""Whether a host is somewhere the vendor would not call back to.

Nothing here resolves names: a public name that points inside is not seen.
"""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

_INSIDE_NAMES = (".localhost", ".local", ".internal", ".localdomain")


def is_private(url: str) -> bool:
    """Tell whether `url` points to a loopback, private, link-local or otherwise unroutable host.

    Source: the callback_url text of the model pages, read 2026-11-20.
    """
    host = (urlsplit(url).hostname or "").rstrip(".").lower()
    if not host or host == "localhost" or host.endswith(_INSIDE_NAMES):
        return True
    address = _literal_address(host)
    if address is None:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return not (mapped or address).is_global


def _literal_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    try:
        # inet_aton reads what a C resolver reads: 127.1, 0x7f000001, 2130706433.
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        return None
