"""Requests over aiohttp to the one API origin, and nothing else: no meaning, no retries.

The API key is added here, for the API's own origin only, and taken out of whatever an answer echoes. Exceptions of
aiohttp end here and are not chained: their repr prints the key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

import aiohttp
from yarl import URL

from ..errors import NotDeliveredError, TransportError
from ..wire import READ_HEADERS, REQUEST_KINDS, Request, Response
from .api_key import ApiKey
from .options import HttpOptions

# Raised before a byte of the request is sent. ConnectionTimeoutError and SocketTimeoutError share a parent, and
# ClientConnectorError is a ClientOSError: only these narrow classes are certain.
_NOT_DELIVERED = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientProxyConnectionError,
    aiohttp.ClientHttpProxyError,
)


class _Progress:
    """Whether anything of a request has gone out; aiohttp tells us before it writes the first byte."""

    __slots__ = ("sent",)

    def __init__(self) -> None:
        self.sent = False


async def _note_sent(_: aiohttp.ClientSession, context: Any, __: object) -> None:  # noqa: ANN401  # aiohttp's type
    context.trace_request_ctx.sent = True


def _tracing() -> aiohttp.TraceConfig:
    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(_note_sent)
    return trace


class Transport(Protocol):
    """What a session needs of the network; tests and other HTTP libraries may bring their own."""

    async def send(self, request: Request) -> Response:
        """Send once and return the complete answer, whatever its status.

        Raises:
            NotDeliveredError: The request certainly never reached the service.
            TransportError: No complete answer; the request may have been acted on.
        """
        ...

    async def aclose(self) -> None:
        """Close every connection."""
        ...


class AiohttpTransport:
    """One API key's connections to the API.

    Submits have a connector of their own that opens a fresh connection each time: a kept-alive socket that the
    service closed a moment ago would look like a paid submit without an answer. That costs 0.3 ms (1.6 ms with TLS)
    once per paid job. Reads keep their connections. Redirects are never followed: a 307 would repeat a paid POST.
    """

    def __init__(self, origin: URL, key: ApiKey, *, options: HttpOptions) -> None:
        self._prefix = str(origin).rstrip("/")
        self._key = key
        self._options = options
        self._headers = {
            "Authorization": key.authorization(),
            "User-Agent": options.agent,
            "Accept": "application/json",
        }
        self._timeouts = {kind: options.timeout(kind) for kind in REQUEST_KINDS}
        self._own: list[aiohttp.ClientSession] = []
        if options.session is not None:
            self._submits = self._reads = options.session
        else:
            # Calls are counted by permits, which can be retuned; a second limit here would only hide a queue.
            self._submits = self._open(aiohttp.TCPConnector(limit=0, force_close=True), _tracing())
            self._reads = self._open(aiohttp.TCPConnector(limit=0))

    def _open(self, connector: aiohttp.TCPConnector, *traces: aiohttp.TraceConfig) -> aiohttp.ClientSession:
        session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=self._options.trust_env,
            trace_configs=list(traces),
        )
        self._own.append(session)
        return session

    async def send(self, request: Request) -> Response:
        """Send once; see `Transport.send`."""
        is_submit = request.kind == "submit"
        session = self._submits if is_submit else self._reads
        if session.closed:
            raise NotDeliveredError("the aiohttp session is closed", kind=request.kind)
        progress = _Progress()
        progress.sent = session is not self._submits or session not in self._own  # only our own submits are traced
        try:
            async with session.request(
                request.method,
                URL(self._prefix + request.path, encoded=True),
                data=request.body if request.pieces is None else request.pieces,
                headers={**self._headers, **request.headers},
                timeout=self._timeouts[request.kind],
                proxy=self._options.proxy,
                allow_redirects=False,
                trace_request_ctx=progress,
            ) as reply:
                return Response(
                    status=reply.status,
                    headers=self._readable(reply.headers),
                    body=self._key.scrub(await self._read(reply)),
                )
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if isinstance(error, _NOT_DELIVERED) or not progress.sent:
                raise NotDeliveredError(
                    f"no connection to {self._prefix}: {describe_failure(error)}", kind=request.kind
                ) from None
            raise TransportError(
                f"no whole answer from {self._prefix}: {describe_failure(error)}", kind=request.kind
            ) from None

    async def _read(self, reply: aiohttp.ClientResponse) -> bytes:
        """Read the body up to the cap: aiohttp's own `read` has none."""
        body = bytearray()
        async for piece in reply.content.iter_any():
            body += piece
            if len(body) > self._options.max_body_bytes:
                raise aiohttp.ClientPayloadError(f"longer than {self._options.max_body_bytes} bytes")
        return bytes(body)

    def _readable(self, headers: Mapping[str, str]) -> dict[str, str]:
        """The headers that mean something to us, without our key."""
        return {
            name: self._key.scrub(value.encode("utf-8", "surrogateescape")).decode("utf-8", "replace")
            for name in READ_HEADERS
            if (value := headers.get(name)) is not None
        }

    async def aclose(self) -> None:
        """Close the connections we opened; a session that was handed to us stays open."""
        for session in self._own:
            await session.close()
        if self._own:
            await asyncio.sleep(0)  # let transports close within this turn, before a loop that ends with us


def describe_failure(error: BaseException) -> str:
    """Say what went wrong, without aiohttp's own text where that could show the request, and so the key."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return str(error.os_error) or type(error.os_error).__name__
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, aiohttp.ClientPayloadError | OSError):
        return str(error) or type(error).__name__
    return type(error).__name__
