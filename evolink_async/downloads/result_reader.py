"""Reading result files from any host that a link names: without the API key, without cookies.

One of the few files that import aiohttp. What status and headers mean is in `remote_file`, which addresses are allowed
in `host_guard`, and where the bytes go in `transfer`.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from yarl import URL

from ..client import PLAIN, HttpOptions, PlainPieces, Proxies, describe_failure, open_session
from ..errors import DownloadError
from ..urls import quoted
from .file_version import FileVersion
from .host_guard import ForbiddenAddressError, guarded_socket, refusal_of
from .host_trouble import HostOutages
from .remote_file import (
    ChangedResultError,
    InterruptedDownloadError,
    RemoteFile,
    ResumePoint,
    part_after,
    status_error,
    told_size,
    whole_size,
)

REDIRECTS = 3
"""Most redirects followed for one request."""
# With less, aiohttp pauses and resumes reading all the time. It may buffer twice as much, which is lost when the
# connection breaks.
BUFFER_BYTES = 1 << 17
"""Bytes that aiohttp reads ahead."""


class ResultReader:
    """Reads result files. Its HTTP session opens at the first use, so it may be made outside of the event loop.

    Args:
        options: Timeouts, proxy, and whether private addresses are allowed.

    Attributes:
        outages: What was told of hosts that did not give results.

    Raises:
        ConfigurationError: The environment names a proxy that cannot be used.
    """

    def __init__(self, options: HttpOptions) -> None:
        self.outages: HostOutages = HostOutages()
        self._options = options
        self._proxies = Proxies.of(options)
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def open(
        self, url: str, *, after: ResumePoint | None = None, expires_at: float = 0.0
    ) -> AsyncGenerator[RemoteFile, None]:
        """Request a file, or the rest of it, and hold the connection open.

        Args:
            url: The link.
            after: Where to resume. The host sends the whole file if it has changed since.
            expires_at: Unix seconds when the link expires; 0 if that is not known.

        Raises:
            LinkExpiredError: The host no longer serves the file (403, 410).
            MissingResultError: It does not have the file, or not yet (404).
            ChangedResultError: There is nothing after the resume point, it is of another version, or the host does not
                send the part that was requested.
            InterceptedResultError: A web page refused the file (401, 403, 407), and the link has not expired.
            InterruptedDownloadError: The network or the host failed (408, 425, 429, 5xx), also while bytes are read.
            DownloadError: The address is forbidden, or the host answers anything else.
        """
        try:
            async with await self._get(url, {} if after is None else after.headers) as reply:
                is_resumed, now = after is not None, time.time()
                error = status_error(
                    reply.status, reply.headers, url, is_resumed=is_resumed, now=now, expires_at=expires_at
                )
                if error is not None:
                    raise error
                yield await _remote_file(reply, url, after)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            if isinstance(error, DownloadError):
                raise
            kind = DownloadError if _is_final(error) else InterruptedDownloadError
            raise kind(f"the result could not be read: {describe_failure(error)}", url=url) from None

    async def whole_size(self, url: str, size_bytes: int) -> int | None:
        """Ask a host whether anything comes after so many bytes of a file.

        Returns:
            The size of the whole file; None if there is no answer, or if it does not tell.
        """
        try:
            async with await self._get(url, {"Range": f"bytes={size_bytes}-"}) as reply:
                return told_size(reply.status, reply.headers)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, DownloadError):
            # The bytes are here, and the question was only about their end: no answer is one that does not tell.
            return None

    async def _get(self, url: str, headers: dict[str, str]) -> aiohttp.ClientResponse:
        # aiohttp would follow redirects without checking their addresses.
        target = URL(quoted(url), encoded=True)
        for _ in range(REDIRECTS + 1):
            if (refusal := refusal_of(target, allows_private=self._options.allow_private_results)) is not None:
                raise DownloadError(refusal, url=url)
            reply = await self._open_session().get(
                target, headers=headers, allow_redirects=False, proxy=self._proxies.for_url(target)
            )
            location = reply.headers.get("Location")
            if reply.status not in (301, 302, 303, 307, 308) or location is None:
                return reply
            reply.release()
            target = _redirected(target, location, url)
        raise DownloadError(f"the result's host redirects more than {REDIRECTS} times", url=url)

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            options = self._options
            # Behind a proxy every socket leads to the proxy, and only the proxy knows what a name resolves to.
            guard = None if options.allow_private_results or self._proxies else guarded_socket
            self._session = open_session(
                socket_factory=guard,
                limit=100,
                # Videos do not compress, and a compressed response could be resumed only with the same compression.
                headers={"User-Agent": options.agent, **PLAIN},
                # No total: a large file may take hours, as long as bytes arrive.
                timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=options.connect_timeout, sock_read=options.download_read_timeout
                ),
                read_bufsize=BUFFER_BYTES,
            )
        return self._session

    async def aclose(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()


def _redirected(target: URL, location: str, url: str) -> URL:
    """Return where a redirect leads.

    Raises:
        DownloadError: To no address.
    """
    try:
        return target.join(URL(quoted(location), encoded=True))
    # A byte that is no UTF-8, or a bracket without its partner.
    except ValueError:
        raise DownloadError(
            f"the result's host redirects to {location[:200]!a}, which is no address", url=url
        ) from None


async def _remote_file(reply: aiohttp.ClientResponse, url: str, after: ResumePoint | None) -> RemoteFile:
    is_plain, offset, stop = True, 0, reply.content_length
    pieces: AsyncIterator[bytes] = aiter(reply.content.iter_any())
    if encodings := reply.headers.getall("Content-Encoding", ()):
        found = await PlainPieces.of(pieces, encodings)
        is_plain, pieces = not found.is_inflated, aiter(found)
    if after is not None and reply.status == 206:
        if not is_plain:
            # Only a file that was plain has a resume point, and an offset in compressed bytes is another one.
            raise ChangedResultError("the result's host sent a compressed part of a file that was plain", url=url)
        part = part_after(reply.headers, after, url)
        offset, stop, version = after.offset, part.stop, part.version
    else:
        if reply.status == 206:
            stop = whole_size(reply.headers)
        # Of compressed bytes Content-Length counts others than those that are written, and an offset means nothing.
        stop = stop if is_plain else None
        version = FileVersion.of_headers(reply.headers, stop) if is_plain else FileVersion()
    # Compressed bytes, and chunks, mark their end themselves.
    is_chunked = "chunked" in reply.headers.get("Transfer-Encoding", "").lower()
    return RemoteFile(
        offset=offset,
        stop=stop,
        content_type=reply.content_type,
        version=version,
        is_open_ended=stop is None and is_plain and not is_chunked,
        pieces=pieces,
    )


def _is_final(error: Exception) -> bool:
    """Whether the same request would fail again: a forbidden address, a bad certificate, an invalid URL."""
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    return isinstance(cause, ForbiddenAddressError | aiohttp.ClientSSLError | ValueError)
