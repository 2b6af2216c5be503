"""The guard of result hosts: no link leads to an address that the public internet does not reach.

What counts as public is decided in `urls`.
"""

from __future__ import annotations

import socket
from typing import Any

from ..urls import is_public_host


class ForbiddenAddressError(OSError):
    """A link leads to an address that results never come from."""


def guarded_socket(address: tuple[Any, ...]) -> socket.socket:
    """Make a socket for a final, resolved address, unless results never come from there: the guard against SSRF."""
    family, kind, protocol, _, target = address
    host = str(target[0])
    if not is_public_host(host):
        raise ForbiddenAddressError(f"{host} is no public address; allow_private_results=True is for emulators only")
    return socket.socket(family, kind, protocol)
