"""What is said of a request that failed: words for people, not the class names of aiohttp.

aiohttp's own text is shown only where it cannot show the headers of the request, and so the key.
"""

from __future__ import annotations

import os
import ssl
from errno import ECONNREFUSED

import aiohttp

_OF_PROXY = {
    403: "it does not allow this address: ask who runs it",
    407: "it wants a user name and a password: put them in the proxy's address",
}


def describe_failure(error: BaseException) -> str:
    """Return the reason of a failed request."""
    if isinstance(error, aiohttp.ClientHttpProxyError):
        advice = _OF_PROXY.get(error.status)
        return f"the proxy refused with HTTP {error.status}" + (f"; {advice}" if advice else "")
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return f"the proxy: {_reason(error.os_error)}"
    if isinstance(error, aiohttp.ClientConnectorError):
        return _reason(error.os_error)
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the connection was closed before an answer came"
    if isinstance(error, aiohttp.ClientResponseError):
        return "what came is not HTTP that can be read"
    if isinstance(error, aiohttp.ClientPayloadError):
        return _of_body(error)
    if isinstance(error, OSError):
        return _reason(error)
    if isinstance(error, aiohttp.ClientConnectionError):
        return "the connection was closed"
    # It quotes the address, which may be that of a proxy, with its password.
    if isinstance(error, aiohttp.InvalidURL):
        return "an address that is no URL"
    # aiohttp's other ValueErrors quote at most the host.
    if isinstance(error, ValueError) and str(error):
        return str(error)
    return f"an error of the HTTP library, {type(error).__name__}"


def _of_body(error: aiohttp.ClientPayloadError) -> str:
    text = str(error)
    # aiohttp raises it in the place of others, and quotes those.
    is_quoted = not text or text.startswith("Response payload") or isinstance(error.__cause__, aiohttp.ClientError)
    return "the answer broke off before its end" if is_quoted else text


def _reason(error: OSError) -> str:
    """Return the system's word for a failed connection: asyncio's own names the address once more."""
    if error.errno == ECONNREFUSED:
        return "refused"
    # Errors of TLS have numbers of their own, and a text that says more.
    if isinstance(error, ssl.SSLError):
        return str(error)
    # Negative numbers are those of name look-ups, which `os.strerror` does not know.
    words = os.strerror(error.errno) if error.errno is not None and error.errno > 0 else error.strerror or str(error)
    return f"{words[:1].lower()}{words[1:]}" if words else "no connection"
