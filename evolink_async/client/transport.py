"""HTTP requests over aiohttp, to one origin and with one API key.

What an answer means is decided in `wire`, and retries in `retry`. The key is added here and removed from every answer
that echoes it. Exceptions of aiohttp are replaced and not chained, because their repr shows the request headers, and so
the key.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable, Mapping
from errno import ECONNREFUSED
from functools import partial
from typing import Any, Protocol

import aiohttp
from yarl import URL

from ..concurrency import time_limit
from ..errors import JournalClaimError, NotDeliveredError, TransportError, UnsendableError
from ..wire import READ_HEADERS, REQUEST_KINDS, Request, Response
from .api_key import ApiKey
from .compression import PLAIN, inflated
from .connections import open_session
from .options import HttpOptions
from .proxies import Proxies

# Raised before a byte of the request is sent. Only these narrow classes are certain: ConnectionTimeoutError shares its
# parent with SocketTimeoutError, and the parent of ClientConnectorError, ClientOSError, is raised at any time.
_NOT_DELIVERED = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientProxyConnectionError,
    aiohttp.ClientHttpProxyError,
)


# Not the other errors of TLS, as a handshake that is cut short.
_CERTIFICATE = (aiohttp.ClientConnectorCertificateError, ssl.SSLCertVerificationError)


class _Progress:
    """Whether a byte of a request may have been sent; aiohttp's tracing sets it just before the first one."""

    __slots__ = ("is_withdrawn", "may_send", "sent")

    def __init__(self, may_send: Callable[[], bool]) -> None:
        self.sent = False
        self.may_send = may_send
        self.is_withdrawn = False


# aiohttp types the context as Any.
async def _note_sent(_: aiohttp.ClientSession, context: Any, __: object) -> None:  # noqa: ANN401
    context.trace_request_ctx.sent = True


# aiohttp sends the headers together with the first piece of the body, in the step in which this returns: nothing runs
# between the look at the clock and the first byte.
async def _check_first_byte(_: aiohttp.ClientSession, context: Any, __: object) -> None:  # noqa: ANN401
    progress: _Progress = context.trace_request_ctx
    if not progress.may_send():
        progress.sent, progress.is_withdrawn = False, True
        raise OSError


def _tracing(*, checks: bool) -> aiohttp.TraceConfig:
    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(_note_sent)
    if checks:
        trace.on_request_chunk_sent.append(_check_first_byte)
    return trace


class Transport(Protocol):
    """What a session needs of an HTTP library."""

    async def send(self, request: Request) -> Response:
        """Send a request once and return the complete answer, of any status.

        Raises:
            NotDeliveredError: No byte of the request was sent, so the service cannot have acted on it.
            TransportError: No complete answer arrived; the service may have acted on the request.
            JournalClaimError: It was withdrawn before its first byte.
        """
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...


class AiohttpTransport:
    """The connections of one API key to one origin.

    Submits open a new connection each; all other requests keep theirs alive. Redirects are not followed.

    Args:
        origin: The address that paths are appended to.
        key: Sent in the Authorization header.
        options: Time-outs, limits, proxy, or an aiohttp session to use instead of new ones.
        may_send: Asked with the idempotency key right before the first byte of a paid request, and before it is begun.
            With an aiohttp session of the user's, only before it is begun.

    Raises:
        ConfigurationError: The environment names a proxy that cannot be used.
    """

    def __init__(
        self, origin: URL, key: ApiKey, *, options: HttpOptions, may_send: Callable[[str], bool] | None = None
    ) -> None:
        self._prefix = str(origin).rstrip("/")
        self._key = key
        self._options = options
        self._headers = {
            "Authorization": key.authorization(),
            "User-Agent": options.agent,
            "Accept": "application/json",
            **PLAIN,
        }
        self._proxy = Proxies.of(options).for_url(origin)
        # Without `total`: a time-out of aiohttp's takes for silence what came while the loop stood still. Without
        # `connect`: that counts the wait for a free connection of the pool as a failure to connect.
        self._timeouts = {
            kind: aiohttp.ClientTimeout(sock_connect=min(options.connect_timeout, options.timeout(kind)))
            for kind in REQUEST_KINDS
        }
        self._may_send = may_send or _always
        self._own: list[aiohttp.ClientSession] = []
        if options.session is not None:
            self._submits = self._reads = options.session
        else:
            # No limit on connections: `Limits` counts the calls already, and a second limit would hide a queue.
            # No keep-alive for submits: on a connection that the service has just closed, a paid request would end in
            # doubt. A new connection costs 0.3 ms, 1.6 ms with TLS, once per paid job.
            self._submits = open_session(keeps_alive=False, traces=[_tracing(checks=may_send is not None)])
            self._reads = open_session()
            self._own += [self._submits, self._reads]

    async def send(self, request: Request) -> Response:
        """Send a request once; see `Transport.send`."""
        is_submit = request.kind == "submit"
        session = self._submits if is_submit else self._reads
        if session.closed:
            raise NotDeliveredError("the aiohttp session is closed", kind=request.kind)
        may_send = partial(self._may_send, request.headers.get("Idempotency-Key", ""))
        if is_submit and not may_send():
            raise _withdrawn()
        progress = _Progress(may_send)
        # Only submits over a session of our own are traced. For other requests, assume that a byte was sent.
        progress.sent = session is not self._submits or session not in self._own
        try:
            async with (
                time_limit(self._options.timeout(request.kind)),
                session.request(
                    request.method,
                    URL(self._prefix + request.path, encoded=True),
                    data=request.body if request.pieces is None else request.pieces,
                    headers={**self._headers, **request.headers},
                    timeout=self._timeouts[request.kind],
                    proxy=self._proxy,
                    # A 307 or 308 would repeat a paid POST, and send the key to another host.
                    allow_redirects=False,
                    trace_request_ctx=progress,
                ) as reply,
            ):
                return Response(
                    status=reply.status,
                    headers=self._readable(reply.headers),
                    body=self._key.scrub(await self._read(reply)),
                )
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if progress.is_withdrawn:
                raise _withdrawn() from None
            raise self._failure(error, request, is_sent=progress.sent) from None

    def _failure(self, error: Exception, request: Request, *, is_sent: bool) -> TransportError:
        reason = describe_failure(error)
        if isinstance(error, _CERTIFICATE) or (isinstance(error, ValueError) and not is_sent):
            # Certificates, and requests that aiohttp refuses to build: the same request fails in the same way again.
            return UnsendableError(f"no request to {self._prefix} can be made: {reason}", kind=request.kind)
        if isinstance(error, _NOT_DELIVERED) or not is_sent:
            return NotDeliveredError(f"no connection to {self._prefix} ({reason})", kind=request.kind)
        return TransportError(f"no complete answer from {self._prefix}: {reason}", kind=request.kind)

    async def _read(self, reply: aiohttp.ClientResponse) -> bytes:
        """Read the body, up to `max_body_bytes`, also after decompression."""
        # aiohttp's own `read` has no limit.
        body, most = bytearray(), self._options.max_body_bytes
        async for piece in reply.content.iter_any():
            body += piece
            if len(body) > most:
                break
        plain = inflated(bytes(body), reply.headers.get("Content-Encoding", ""), most)
        if len(plain) > most:
            raise aiohttp.ClientPayloadError(f"longer than {most} bytes")
        return plain

    def _readable(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers that `wire` reads, with the key removed."""
        return {
            name: self._key.scrub(value.encode("utf-8", "surrogateescape")).decode("utf-8", "replace")
            for name in READ_HEADERS
            if (value := headers.get(name)) is not None
        }

    async def aclose(self) -> None:
        """Close the connections; `HttpOptions.session` stays open."""
        for session in self._own:
            await session.close()
        # Transports close in the next iteration of the loop, which may not come if the loop ends now.
        if self._own:
            await asyncio.sleep(0)


def _always(_: str) -> bool:
    return True


def _withdrawn() -> JournalClaimError:
    return JournalClaimError("this process was away for so long that another one may have the job; nothing was sent")


def describe_failure(error: BaseException) -> str:
    """Return the reason of a failed request, without aiohttp's text where it could show the request headers."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return _reason(error.os_error)
    if isinstance(error, TimeoutError):
        return "timed out"
    # aiohttp's own ValueErrors quote at most the address.
    if isinstance(error, aiohttp.ClientPayloadError | OSError | ValueError):
        return str(error) or type(error).__name__
    return type(error).__name__


def _reason(error: OSError) -> str:
    """Return the system's word for why there is no connection: asyncio's own names the address once more."""
    if error.errno == ECONNREFUSED:
        return "refused"
    # Errors of TLS have numbers of their own, and a text that says more.
    if isinstance(error, ssl.SSLError):
        return str(error)
    # Negative numbers are those of name look-ups, which `os.strerror` does not know.
    words = os.strerror(error.errno) if error.errno is not None and error.errno > 0 else error.strerror
    return f"{words[:1].lower()}{words[1:]}" if words else str(error) or type(error).__name__
