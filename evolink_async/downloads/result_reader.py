"""Reading result files from whatever host a link names: no key, no cookies, no trust.

The other importer of aiohttp in the core. Where the bytes go is `files.download`'s business.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from urllib.request import getproxies

import aiohttp
import attrs
from yarl import URL

from ..client import HttpOptions, describe_failure
from ..errors import DownloadError, LinkExpiredError
from .host_guard import ForbiddenAddressError, guarded_socket, refusal_of

REDIRECTS = 3
RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18})")
BUFFER_BYTES = 1 << 17
"""Bytes of a file read ahead: with fewer, reading is halted and begun again all the time. Twice as many may come, and
are lost when the connection is."""


class InterruptedDownloadError(DownloadError):
    """The way to the host, or the host itself, failed: what is missing may be asked for again."""


class ChangedResultError(InterruptedDownloadError):
    """The host's file is not the one that was begun: it is to be asked for from its beginning."""


@attrs.frozen
class ResumePoint:
    """Where a transfer stopped: bytes already here, and the host's word for the version they are of."""

    offset: int
    version: str


@attrs.frozen(kw_only=True)
class RemoteFile:
    """A result file about to be read.

    Attributes:
        offset: Where the bytes begin: the mark's, or 0 if the host sends the file anew.
        size_bytes: The whole file's length, if the host names it.
        content_type: Its type.
        version: A strong ETag, or else the date of its last change; None if the host names neither.
        pieces: The bytes.
    """

    offset: int
    size_bytes: int | None
    content_type: str
    version: str | None
    pieces: AsyncIterator[bytes]


class ResultReader:
    """Reads result files. Opens its one session at the first use, so call it inside the pool's event loop."""

    def __init__(self, options: HttpOptions) -> None:
        self._options = options
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def open(self, url: str, *, after: ResumePoint | None = None) -> AsyncGenerator[RemoteFile, None]:
        """Ask for a file, or for what comes after a mark if the file is still the same one, and hold it open.

        Raises:
            LinkExpiredError: The host no longer serves it (403, 404, 410).
            ChangedResultError: There is nothing after the mark, or it is another file's.
            InterruptedDownloadError: The network failed, or the host did (408, 429, 5xx), also while bytes are read.
            DownloadError: Anything else that keeps the bytes from us.
        """
        try:
            async with await self._get(url, after) as reply:
                yield _remote(reply, url, after)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            if isinstance(error, DownloadError):
                raise
            kind = DownloadError if _is_final(error) else InterruptedDownloadError
            raise kind(f"the result could not be read: {describe_failure(error)}", url=url) from None

    async def _get(self, url: str, after: ResumePoint | None) -> aiohttp.ClientResponse:
        """Follow redirects ourselves, so that each hop passes the same checks."""
        target = URL(url, encoded=True)
        headers = {"Range": f"bytes={after.offset}-", "If-Range": after.version} if after is not None else {}
        for _ in range(REDIRECTS + 1):
            if (refusal := refusal_of(target, allows_private=self._options.allow_private_results)) is not None:
                raise DownloadError(refusal, url=url)
            reply = await self._open_session().get(target, headers=headers, allow_redirects=False)
            location = reply.headers.get("Location")
            if reply.status not in (301, 302, 303, 307, 308) or location is None:
                return _usable(reply, url, after)
            reply.release()
            target = target.join(URL(location, encoded=True))
        raise DownloadError(f"the result's host redirects more than {REDIRECTS} times", url=url)

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            options = self._options
            # Behind a proxy every socket leads to the proxy, and only the proxy knows what a name resolves to.
            has_proxy = options.proxy is not None or (options.trust_env and bool(getproxies()))
            guard = None if options.allow_private_results or has_proxy else guarded_socket
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(socket_factory=guard),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": options.agent, "Accept-Encoding": "identity"},
                timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=options.connect_timeout, sock_read=options.download_read_timeout
                ),
                trust_env=options.trust_env,
                proxy=options.proxy,
                read_bufsize=BUFFER_BYTES,
            )
        return self._session

    async def aclose(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()


def _usable(reply: aiohttp.ClientResponse, url: str, after: ResumePoint | None) -> aiohttp.ClientResponse:
    status = reply.status
    if status == 200 or (status == 206 and after is not None):
        return reply
    reply.release()
    kind = DownloadError
    if status in (403, 404, 410):
        kind = LinkExpiredError
    elif status == 416 and after is not None:
        kind = ChangedResultError
    elif status in (408, 429) or status >= 500:
        kind = InterruptedDownloadError
    raise kind(f"the result's host answered HTTP {status}", url=url)


def _remote(reply: aiohttp.ClientResponse, url: str, after: ResumePoint | None) -> RemoteFile:
    offset, size_bytes = 0, reply.content_length
    if reply.status == 206:
        named = RANGE.fullmatch(reply.headers.get("Content-Range", ""))
        if after is None or named is None or int(named[1]) != after.offset:
            raise DownloadError("the result's host sent another part than the one asked for", url=url)
        if (
            reply.headers.get("ETag" if after.version.startswith('"') else "Last-Modified", after.version)
            != after.version
        ):
            raise ChangedResultError("the result's host sent a part of another file", url=url)
        offset, size_bytes = after.offset, int(named[2])
    is_plain = reply.headers.get("Content-Encoding", "identity") == "identity"
    tag = reply.headers.get("ETag", "")
    return RemoteFile(
        offset=offset,
        size_bytes=size_bytes if is_plain else None,
        content_type=reply.content_type,
        version=(tag if tag.startswith('"') else reply.headers.get("Last-Modified")) if is_plain else None,
        pieces=reply.content.iter_any(),
    )


def _is_final(error: Exception) -> bool:
    """Whether asking again leads to the same end: a forbidden address, a certificate, a URL that is none."""
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    return isinstance(cause, ForbiddenAddressError | aiohttp.ClientSSLError | ValueError)
