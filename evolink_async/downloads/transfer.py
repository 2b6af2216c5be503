"""The bytes of one result file, from a host that may fail midway into a part that is already open.

Names and folders are `download`'s business.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from ..client import delays
from ..concurrency import on_disk
from ..errors import DownloadError
from ..settings import RetryPolicy
from .part_file import Part
from .result_reader import ChangedResultError, InterruptedDownloadError, RemoteFile, ResultReader, ResumePoint

SPILL_BYTES = 1 << 20
"""Bytes gathered before one hop to a writing thread: with fewer the hops cost more than the writing, and with more
it is fresh memory that costs. No more than these are fetched again after `kill -9`."""


class Transfer:
    """One file on its way. What is here already is not asked for again, as long as the host's file is the same.

    Args:
        url: Where it comes from.
        part: Where it goes; whoever gave it closes it.
        max_bytes: Longest file taken.

    Attributes:
        content_type: What the host calls it.
    """

    def __init__(self, url: str, part: Part, *, max_bytes: int) -> None:
        self.content_type = ""
        self._url = url
        self._part = part
        self._max_bytes = max_bytes

    async def run(self, result_reader: ResultReader, policy: RetryPolicy) -> None:
        """Bring the whole file into the part. Tries that bring bytes are not counted.

        Raises:
            DownloadError: It cannot be had, or not be written.
        """
        tries, waits = 0, delays(policy)
        while True:
            before = self._part.size_bytes
            try:
                async with result_reader.open(self._url, after=self._mark()) as remote:
                    await self._take(remote)
            except ChangedResultError:
                self._part.version = None  # so that the next try asks for all of it
            except InterruptedDownloadError as error:
                tries = tries + 1 if self._part.size_bytes <= before else 1
                if tries >= policy.attempts:
                    raise self._error(str(error)) from None
                await asyncio.sleep(next(waits))
            else:
                return

    def _mark(self) -> ResumePoint | None:
        part = self._part
        return ResumePoint(part.size_bytes, part.version) if part.size_bytes and part.version else None

    async def _take(self, remote: RemoteFile) -> None:
        """Write what comes, in few hops to a thread, also what came before a failure."""
        if remote.content_type.startswith("text/"):
            raise self._error(f"the result's host sent {remote.content_type} in place of the result")
        self._check_room(remote.size_bytes or 0)
        self.content_type = remote.content_type
        if remote.offset == 0:  # without a turn of the event loop, in which a drop would cost what has come already
            self._now(partial(self._part.begin, remote.version))
        pieces, size_bytes = list[bytes](), 0
        try:
            async for piece in remote.pieces:
                pieces.append(piece)
                size_bytes += len(piece)
                self._check_room(self._part.size_bytes + size_bytes)
                if size_bytes >= SPILL_BYTES:
                    full, pieces, size_bytes = pieces, [], 0
                    await on_disk(partial(self._part.write, full), unsaved(self._url))
        except Exception:  # not a cancellation, after which nothing is wanted any more
            self._now(partial(self._part.write, pieces))
            raise
        self._now(partial(self._part.write, pieces))
        self._check(remote.size_bytes)

    def _now(self, act: Callable[[], None]) -> None:
        """Do what is less than a hop is worth."""
        try:
            act()
        except OSError as error:
            raise unsaved(self._url)(error) from None

    def _check_room(self, size_bytes: int) -> None:
        if size_bytes > self._max_bytes:
            raise self._error(
                f"the result has {size_bytes} bytes or more, longer than HttpOptions.max_download_bytes"
                f" ({self._max_bytes}); allow more to save it"
            )

    def _check(self, announced: int | None) -> None:
        size_bytes = self._part.size_bytes
        if not size_bytes:
            raise self._error("the result is empty")
        if announced is not None and size_bytes != announced:
            kind = InterruptedDownloadError if size_bytes < announced else DownloadError
            raise kind(f"the result has {size_bytes} bytes, not the {announced} announced", url=self._url)

    def _error(self, message: str) -> DownloadError:
        return DownloadError(message, url=self._url)


def unsaved(url: str) -> Callable[[OSError], DownloadError]:
    """Make what the system says into an error about a result."""
    return lambda error: DownloadError(f"the result could not be saved: {error.strerror or error}", url=url)
