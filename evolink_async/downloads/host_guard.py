"""The guard against SSRF: no result link may lead to an address that is not public.

Which addresses are public is decided in `urls`.
"""

from __future__ import annotations

import socket
from typing import Any

from yarl import URL

from ..urls import is_public_host


class ForbiddenAddressError(OSError):
    """A host resolves to an address that is not public."""


def refusal_of(target: URL, *, allows_private: bool) -> str | None:
    """Return why an address must not be requested; None if it may be.

    Args:
        target: Where a link or a redirect leads.
        allows_private: Whether plain http and private addresses are allowed too, as emulators need.
    """
    allowed = ("https", "http") if allows_private else ("https",)
    if target.scheme not in allowed or not target.host:
        return f"results are fetched by {' or '.join(allowed)} only"
    if not allows_private and not is_public_host(target.host):
        return f"results never come from {target.host}, which is no public host"
    return None


def guarded_socket(address: tuple[Any, ...]) -> socket.socket:
    """Make a socket for a resolved address.

    Args:
        address: An entry of `getaddrinfo`, as aiohttp passes it to a socket factory.

    Raises:
        ForbiddenAddressError: The address is not public.
    """
    # The check is here, and not before resolving, because a name can resolve to another address a moment later
    # (DNS rebinding). This address is the one that is connected to.
    family, kind, protocol, _, target = address
    host = str(target[0])
    if not is_public_host(host):
        raise ForbiddenAddressError(f"{host} is no public address; allow_private_results=True is for emulators only")
    return socket.socket(family, kind, protocol)
