"""Downloading one result into a part file, over as many connections as that takes.

The host may fail at any byte. Names and folders are chosen in `downloads`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from ..client import delays
from ..concurrency import on_disk
from ..errors import DownloadError
from ..settings import RetryPolicy
from .part_file import PartFile
from .remote_file import ChangedResultError, InterruptedDownloadError, RemoteFile, ResumePoint
from .result_reader import ResultReader

# With less, the hops to a thread cost more than the writing; with more, allocating memory does. After `kill -9` at
# most this much is downloaded again.
FLUSH_BYTES = 1 << 20
"""Bytes gathered before they are written in a thread."""


class Transfer:
    """The download of one file. It resumes where a connection broke off, if the host's file is still the same.

    Args:
        url: The link.
        part: Where the bytes are written; the caller closes it.
        max_bytes: Size limit of the file.

    Attributes:
        content_type: The media type that the host names; empty before the first answer.
    """

    def __init__(self, url: str, part: PartFile, *, max_bytes: int) -> None:
        self.content_type: str = ""
        self._url = url
        self._part = part
        self._max_bytes = max_bytes

    async def run(self, result_reader: ResultReader, policy: RetryPolicy) -> None:
        """Download the whole file into the part file.

        Gives up after `policy.attempts` tries in a row that brought no byte.

        Raises:
            DownloadError: The file cannot be read or written, is empty, or is longer than `max_bytes`.
        """
        tries, waits = 0, delays(policy)
        while True:
            before = self._part.size_bytes
            try:
                async with result_reader.open(self._url, after=self._resume_point()) as remote:
                    await self._receive(remote)
            except ChangedResultError:
                # Without a version the next request asks for the whole file.
                self._part.version = None
            except InterruptedDownloadError as error:
                # A long file over a bad line may need any number of connections, so progress resets the count.
                tries = tries + 1 if self._part.size_bytes <= before else 1
                if tries >= policy.attempts:
                    raise self._error(str(error)) from None
                await asyncio.sleep(next(waits))
            else:
                return

    def _resume_point(self) -> ResumePoint | None:
        part = self._part
        return ResumePoint(part.size_bytes, part.version) if part.size_bytes and part.version else None

    async def _receive(self, remote: RemoteFile) -> None:
        # An HTML page with status 200, as a login portal sends, is not the result: no model returns text.
        if remote.content_type.startswith("text/"):
            raise self._error(f"the result's host sent {remote.content_type} in place of the result")
        self._check_limit(remote.size_bytes or 0)
        self.content_type = remote.content_type
        if remote.offset == 0:
            # On the event loop: if the connection broke during a hop to a thread, aiohttp would drop the bytes that
            # have arrived already.
            self._write_here(partial(self._part.reset, remote.version))
        pieces, size_bytes = list[bytes](), 0
        try:
            async for piece in remote.pieces:
                pieces.append(piece)
                size_bytes += len(piece)
                self._check_limit(self._part.size_bytes + size_bytes)
                if size_bytes >= FLUSH_BYTES:
                    full, pieces, size_bytes = pieces, [], 0
                    await on_disk(partial(self._part.write, full), save_error(self._url))
        except Exception:
            # What came before a failure is kept for the next try. Not after a cancellation, which is no `Exception`:
            # then the part file is removed anyway.
            self._write_here(partial(self._part.write, pieces))
            raise
        self._write_here(partial(self._part.write, pieces))
        self._check_complete(remote.size_bytes)

    def _write_here(self, act: Callable[[], None]) -> None:
        """Write on the event loop: for less than `FLUSH_BYTES` a hop to a thread costs more than the writing."""
        try:
            act()
        except OSError as error:
            raise save_error(self._url)(error) from None

    def _check_limit(self, size_bytes: int) -> None:
        if size_bytes > self._max_bytes:
            raise self._error(
                f"the result has {size_bytes} bytes or more, longer than HttpOptions.max_download_bytes"
                f" ({self._max_bytes}); raise that limit to save it"
            )

    def _check_complete(self, announced: int | None) -> None:
        size_bytes = self._part.size_bytes
        if not size_bytes:
            raise self._error("the result is empty")
        if announced is not None and size_bytes != announced:
            # Missing bytes can be requested. With surplus bytes nothing tells which of them are right.
            kind = InterruptedDownloadError if size_bytes < announced else DownloadError
            raise kind(f"the result has {size_bytes} bytes, not the {announced} announced", url=self._url)

    def _error(self, message: str) -> DownloadError:
        return DownloadError(message, url=self._url)


def save_error(url: str) -> Callable[[OSError], DownloadError]:
    """Return a function that makes the error for a result from an error of the file system."""
    return lambda error: DownloadError(f"the result could not be saved: {error.strerror or error}", url=url)
