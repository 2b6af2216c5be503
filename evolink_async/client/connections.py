"""Sessions of aiohttp with defaults of our own: nothing is read from the machine that the user has not asked for.

Proxies are in `proxies`; what is sent is in `transport`, and in `downloads.result_reader`.
"""

from __future__ import annotations

import inspect
import socket
from collections.abc import Callable, Sequence
from typing import Any

import aiohttp

# aiohttp's own 8,190 are less than gateways send, for example in a long policy header or a signed cookie.
HEADER_BYTES = 1 << 16
"""Longest status line, and longest header, that is read."""
MOST_HEADERS = 512
"""Headers of an answer that are read; aiohttp's own 128 cost an answer, which may name a paid task."""
# Not all versions of aiohttp that are allowed can be told.
_MORE_HEADERS: dict[str, Any] = (
    {"max_headers": MOST_HEADERS} if "max_headers" in inspect.signature(aiohttp.ClientSession).parameters else {}
)


def open_session(
    *,
    keeps_alive: bool = True,
    limit: int = 0,
    socket_factory: Callable[[tuple[Any, ...]], socket.socket] | None = None,
    traces: Sequence[aiohttp.TraceConfig] = (),
    **more: Any,  # noqa: ANN401  # arguments of aiohttp
) -> aiohttp.ClientSession:
    """Open a session without cookies, and without a look at the environment.

    Args:
        keeps_alive: Whether a connection serves several requests.
        limit: Connections at once; 0 for any number.
        socket_factory: Makes the sockets.
        traces: What is told of the requests.
        more: Other arguments of `aiohttp.ClientSession`.
    """
    connector = aiohttp.TCPConnector(
        limit=limit,
        force_close=not keeps_alive,
        socket_factory=socket_factory,
        # Not aiodns, which aiohttp prefers when it is installed: it knows neither all of /etc/hosts nor mDNS, nor what
        # containers and VPNs put in the place of a name server.
        resolver=aiohttp.ThreadedResolver(),
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        trace_configs=list(traces),
        # Else aiohttp would read .netrc, and send a password from it in the place of the key, or to a result's host.
        trust_env=False,
        max_line_size=HEADER_BYTES,
        max_field_size=HEADER_BYTES,
        # A wrong Content-Encoding would make aiohttp throw an answer away, even one with a paid task in it.
        auto_decompress=False,
        **_MORE_HEADERS,
        **more,
    )
