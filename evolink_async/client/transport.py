"""HTTP requests over aiohttp, to one origin and with one API key.

What an answer means is decided in `wire`, and retries in `retry`. The key is added here and removed from every answer
that echoes it. Exceptions of aiohttp are replaced and not chained, because their repr shows the request headers, and so
the key.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Protocol

import aiohttp
from yarl import URL

from ..concurrency import TimeLimit
from ..errors import NotDeliveredError, TransportError, UnsendableError
from ..wire import READ_HEADERS, REPEATED_HEADERS, REQUEST_KINDS, Request, Response
from .api_key import ApiKey
from .compression import PLAIN, inflated
from .connections import open_session
from .failures import describe_failure
from .first_byte import FirstByte, first_byte_trace
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
_POLLS = ("poll", "batch")


class _Progress:
    """What is known of a request under way: whether a byte may have been sent, and what has come of the answer."""

    __slots__ = ("body", "first_byte", "reply")

    def __init__(self, first_byte: FirstByte) -> None:
        self.first_byte = first_byte
        self.reply: aiohttp.ClientResponse | None = None
        self.body = bytearray()


class Transport(Protocol):
    """What a session needs of an HTTP library."""

    async def send(self, request: Request, first_byte: FirstByte | None = None) -> Response:
        """Send a request once and return the complete answer, of any status.

        Args:
            request: The request.
            first_byte: Of a paid request: asked whether it may leave.

        Raises:
            NotDeliveredError: No byte of the request was sent, so the service cannot have acted on it. It is an
                UnsendableError if the same request would fail in the same way again.
            TransportError: No complete answer arrived; the service may have acted on the request.
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
        answered: The origins that have answered, which all keys of a pool share: a certificate that is refused there
            later is a trouble that passes.

    Raises:
        ConfigurationError: The environment names a proxy that cannot be used.
    """

    def __init__(self, origin: URL, key: ApiKey, *, options: HttpOptions, answered: set[URL] | None = None) -> None:
        self._origin = origin
        self._answered = set[URL]() if answered is None else answered
        self._path = origin.raw_path.rstrip("/")
        self._key = key
        self._options = options
        key_header = {"Authorization": key.authorization()}
        headers = {"User-Agent": options.agent, "Accept": "application/json", **PLAIN}
        self._proxy = Proxies.of(options).for_url(origin)
        # Without `total`: a time-out of aiohttp's takes for silence what came while the loop stood still. Without
        # `connect`: that counts the wait for a free connection of the pool as a failure to connect.
        self._timeouts = {
            kind: aiohttp.ClientTimeout(sock_connect=min(options.connect_timeout, options.timeout(kind)))
            for kind in REQUEST_KINDS
        }
        self._own: list[aiohttp.ClientSession] = []
        # Sessions of our own hold these, which saves 3 us a request. The key comes with each request: aiohttp shows the
        # headers of a session to proxies.
        self._headers = key_header if options.session is None else {**key_header, **headers}
        if options.session is not None:
            self._submits = self._reads = options.session
        else:
            # No limit on connections: `Limits` counts the calls already, and a second limit would hide a queue.
            # No keep-alive for submits: on a connection that the service has just closed, a paid request would end in
            # doubt. A new connection costs 0.3 ms, 1.6 ms with TLS, once per paid job.
            self._submits = open_session(keeps_alive=False, traces=[first_byte_trace()], headers=headers)
            self._reads = open_session(headers=headers)
            self._own += [self._submits, self._reads]

    async def send(self, request: Request, first_byte: FirstByte | None = None) -> Response:
        """Send a request once; see `Transport.send`, also for what it raises.

        If it is cancelled, a paid request may have been sent: `first_byte` tells.
        """
        session = self._submits if request.kind == "submit" else self._reads
        if session.closed or session.auth is not None:
            raise _unusable(session, request.kind, is_own=bool(self._own))
        progress = self._begin(request, first_byte or FirstByte())
        try:
            async with (
                TimeLimit(self._options.timeout(request.kind)),
                session.request(
                    request.method,
                    # Half of the time that `URL` takes to read a whole address, of which each task has another.
                    self._origin.with_path(self._path + request.path, encoded=True),
                    data=request.body if request.pieces is None else request.pieces,
                    headers={**self._headers, **request.headers},
                    timeout=self._timeouts[request.kind],
                    proxy=self._proxy,
                    # A 307 or 308 would repeat a paid POST, and send the key to another host.
                    allow_redirects=False,
                    # What a status means is decided in `wire`. A session of the user's may raise at an error instead,
                    # and a refusal would pass for an answer that was lost.
                    raise_for_status=False,
                    # A middleware of theirs that repeats what has failed would buy the job twice.
                    middlewares=() if request.kind == "submit" else None,
                    trace_request_ctx=progress.first_byte,
                ) as reply,
            ):
                progress.reply = reply
                self._answered.add(self._origin)
                return self._response(reply, await self._read(reply, progress.body))
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if progress.first_byte.is_held_back:
                raise _withdrawn(request) from None
            failure = self._failure(error, request, is_sent=progress.first_byte.has_left)
            # A task that was paid for may be named in what came.
            if request.kind == "submit" and progress.body and (cut := self._cut(progress, failure)) is not None:
                return cut
            raise failure from None
        finally:
            progress.first_byte.give_up()

    def _response(self, reply: aiohttp.ClientResponse, body: bytes, cut: str | None = None) -> Response:
        headers = self._readable(reply)
        body = self._key.scrub(body) if cut is None else self._key.scrub_cut(body)
        return Response(status=reply.status, headers=headers, body=body, cut=cut)

    def _cut(self, progress: _Progress, failure: TransportError) -> Response | None:
        """Return what came of an answer; None if it cannot be read."""
        if progress.reply is None:
            return None
        try:
            return self._response(progress.reply, self._plain(progress.reply, progress.body), str(failure))
        except (aiohttp.ClientError, OSError, ValueError):
            return None  # cut in the middle of what is compressed, or too long: the failure itself is raised

    def _begin(self, request: Request, first_byte: FirstByte) -> _Progress:
        # Only submits over a session of our own are traced. For other requests, assume that a byte was sent.
        if (request.kind != "submit" or not self._own) and not first_byte.leaves():
            raise _withdrawn(request)
        return _Progress(first_byte)

    def _failure(self, error: Exception, request: Request, *, is_sent: bool) -> TransportError:
        reason = describe_failure(error)
        # A wrong set-up is told at once. But a certificate that was good before is wrong for a moment, as where a login
        # page intercepts; and what polls ask for is paid, so they are repeated whatever they meet.
        may_pass = self._origin in self._answered or request.kind in _POLLS
        is_certificate = isinstance(error, _CERTIFICATE)
        if (is_certificate and not may_pass) or (isinstance(error, ValueError) and not is_certificate and not is_sent):
            # Also requests that aiohttp refuses to build: the same request fails in the same way again.
            return UnsendableError(f"no request to {self._origin} can be made: {reason}", kind=request.kind)
        if isinstance(error, _NOT_DELIVERED) or not is_sent:
            return NotDeliveredError(f"no connection to {self._origin} ({reason})", kind=request.kind)
        return TransportError(f"no complete answer from {self._origin}: {reason}", kind=request.kind)

    async def _read(self, reply: aiohttp.ClientResponse, body: bytearray) -> bytes:
        """Read the body into `body`, up to `max_body_bytes`, also after decompression."""
        # aiohttp's own `read` has no limit.
        while piece := await reply.content.readany():
            body += piece
            if len(body) > self._options.max_body_bytes:
                break
        return self._plain(reply, body)

    def _plain(self, reply: aiohttp.ClientResponse, body: bytearray) -> bytes:
        most = self._options.max_body_bytes
        plain = inflated(bytes(body), reply.headers.getall("Content-Encoding", ()), most)
        if len(plain) > most:
            raise aiohttp.ClientPayloadError(f"longer than {most} bytes")
        return plain

    def _readable(self, reply: aiohttp.ClientResponse) -> dict[str, str]:
        """Return the headers that `wire` reads, with the key removed; those that came several times as lines."""
        return {
            name: self._key.scrub(value.encode("utf-8", "surrogateescape")).decode("utf-8", "replace")
            for name in READ_HEADERS
            if (value := "\n".join(reply.headers.getall(name, ())[: None if name in REPEATED_HEADERS else 1]))
            or name in reply.headers
        }

    async def aclose(self) -> None:
        """Close the connections; `HttpOptions.session` stays open."""
        for session in self._own:
            await session.close()
        # Transports close in the next iteration of the loop, which may not come if the loop ends now.
        if self._own:
            await asyncio.sleep(0)


def _unusable(session: aiohttp.ClientSession, kind: str, *, is_own: bool) -> NotDeliveredError:
    """Return the error of a session that can send nothing. It is made before a request is begun: no byte is sent."""
    if is_own:  # the pool is closing
        return NotDeliveredError("the aiohttp session is closed", kind=kind)
    if session.closed:
        text = "the aiohttp session of HttpOptions.session is closed, for good: open a pool with another one"
        return UnsendableError(text, kind=kind)
    # aiohttp's own ValueError says the same, but not whether a byte was sent before.
    text = "the aiohttp session of HttpOptions.session has `auth`, and aiohttp refuses to send that with an API key"
    return UnsendableError(f"{text}: use a session without it", kind=kind)


def _withdrawn(request: Request) -> NotDeliveredError:
    return NotDeliveredError("withdrawn before its first byte; nothing was sent", kind=request.kind)
