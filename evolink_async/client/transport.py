"""Requests over aiohttp to the one API origin, and nothing else: no meaning, no retries.

The API key is added here, for the API's own origin only, and taken out of whatever an answer echoes. Exceptions of
aiohttp end here and are not chained: their repr prints the key.
"""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Mapping
from typing import Any, Protocol

import aiohttp
import attrs
from yarl import URL

from ..errors import ConfigurationError, NotDeliveredError, TransportError
from ..settings import count, seconds
from ..version import __version__
from ..wire import KINDS, READ_HEADERS, Kind, Request, Response
from .api_key import ApiKey

USER_AGENT = f"evolink-async/{__version__} python/{platform.python_version()} aiohttp/{aiohttp.__version__}"

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


def _proxy(_: object, __: object, value: Any) -> None:  # noqa: ANN401  # attrs types validators so
    url = _url_or_none(value) if isinstance(value, str) else None
    if value is not None and (url is None or url.scheme not in ("http", "https") or not url.host):
        raise ConfigurationError("HttpOptions.proxy must be an absolute URL, as http://proxy.example:3128")


def _printable(_: object, __: object, value: Any) -> None:  # noqa: ANN401  # as above
    if value is not None and not (isinstance(value, str) and value and value.isascii() and value.isprintable()):
        raise ConfigurationError(f"HttpOptions.user_agent must be printable ASCII, not {value!r}")


def _url_or_none(text: str) -> URL | None:
    try:
        return URL(text)
    except ValueError:
        return None


@attrs.frozen(kw_only=True)
class HttpOptions:
    """How the library speaks HTTP. Times are seconds.

    Attributes:
        connect_timeout: For TCP and TLS together; the request was not delivered when it ends. Looking a name up
            counts towards the whole.
        submit_timeout: For a whole submit. Long, because a submit cut short is one whose outcome is unknown.
        poll_timeout: For a whole look.
        upload_timeout: For one try at a whole upload: five minutes carry 95 MB over a line of 2.6 Mbit/s.
        download_read_timeout: Between two pieces of a result file; its whole length has no limit in time.
        max_body_bytes: Longest API answer read, after decompression.
        max_download_bytes: Longest result file saved.
        trust_env: Obey HTTP_PROXY, HTTPS_PROXY and .netrc, as aiohttp does.
        proxy: URL of an HTTP proxy for the API and for downloads.
        user_agent: Put before our own User-Agent; say who you are.
        session: Your own aiohttp session for API calls; it is never closed and never changed. With it, connections
            of submits may be kept-alive ones, so a stale one can turn a submit into an unknown outcome.
        allow_private_results: Fetch results from plain http and from loopback or private addresses too, as the
            emulator serves them. Leave it off against the real service.

    Raises:
        ConfigurationError: A number is out of range.
    """

    connect_timeout: float = attrs.field(default=10.0, validator=seconds)
    submit_timeout: float = attrs.field(default=60.0, validator=seconds)
    poll_timeout: float = attrs.field(default=20.0, validator=seconds)
    upload_timeout: float = attrs.field(default=300.0, validator=seconds)
    download_read_timeout: float = attrs.field(default=60.0, validator=seconds)
    max_body_bytes: int = attrs.field(default=8 << 20, validator=count)
    max_download_bytes: int = attrs.field(default=4 << 30, validator=count)
    trust_env: bool = False
    proxy: str | None = attrs.field(default=None, repr=False, validator=_proxy)  # may hold a password
    user_agent: str | None = attrs.field(default=None, validator=_printable)
    session: aiohttp.ClientSession | None = attrs.field(default=None, repr=False)
    allow_private_results: bool = False

    def timeout(self, kind: Kind) -> aiohttp.ClientTimeout:
        """The bounds of one API call of this kind."""
        total = {"submit": self.submit_timeout, "upload": self.upload_timeout}.get(kind, self.poll_timeout)
        # Not `connect`: that would count waiting for one of our own connections as a failure to connect.
        return aiohttp.ClientTimeout(total=total, sock_connect=min(self.connect_timeout, total))

    @property
    def agent(self) -> str:
        """The User-Agent sent."""
        return f"{self.user_agent} {USER_AGENT}" if self.user_agent else USER_AGENT


def base_url(text: str) -> URL:
    """Check the address of the API.

    Raises:
        ConfigurationError: No absolute https URL; plain http is taken for loopback only, as the key travels there.
    """
    url = _url_or_none(text.strip())
    if url is None or url.scheme not in ("http", "https") or not url.host or url.query_string or url.fragment:
        raise ConfigurationError(f"the base URL must be absolute, as https://api.evolink.ai, not {text!r}")
    if url.user or url.password:
        raise ConfigurationError("the base URL must not hold a user name or password")
    if url.scheme == "http" and not is_loopback(url):
        raise ConfigurationError(f"the base URL must be https, for the API key's sake, unless it is loopback: {text!r}")
    return url


def is_loopback(url: URL) -> bool:
    """Whether an address leads to this machine."""
    return url.host in ("localhost", "127.0.0.1", "::1")


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
        self._timeouts = {kind: options.timeout(kind) for kind in KINDS}
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
                    f"no connection to {self._prefix}: {_reason(error)}", kind=request.kind
                ) from None
            raise TransportError(f"no whole answer from {self._prefix}: {_reason(error)}", kind=request.kind) from None

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


def _reason(error: BaseException) -> str:
    """What went wrong, without aiohttp's own text where that could hold the request."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return str(error.os_error) or type(error.os_error).__name__
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, aiohttp.ClientPayloadError | OSError):
        return str(error) or type(error).__name__
    return type(error).__name__
