"""The bytes of one result file, from a host that may fail midway into a file that is already open.

Names and folders are `download`'s business.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable
from functools import partial
from typing import IO, TypeVar

import anyio.to_thread

from ..errors import DownloadError
from ..fetch import Fetcher, InterruptedDownloadError, Mark, Remote
from ..limits import RetryPolicy
from ..retry import delays

T = TypeVar("T")

SPILL_BYTES = 1 << 22
"""Bytes gathered before one hop to a writing thread: a hop per piece would cost more than the writing."""


class Transfer:
    """One file on its way. What is here already is not asked for again, as long as the host's file is the same.

    Args:
        url: Where it comes from.
        part: Where it goes; whoever gave it closes it.
        max_bytes: Longest file taken.

    Attributes:
        content_type: What the host calls it.
        size_bytes: Bytes written.
    """

    def __init__(self, url: str, part: IO[bytes], *, max_bytes: int) -> None:
        self.content_type = ""
        self.size_bytes = 0
        self._url = url
        self._part = part
        self._max_bytes = max_bytes
        self._hash = hashlib.sha256()
        self._version: str | None = None

    @property
    def sha256(self) -> str:
        """The digest of the bytes written, in hex."""
        return self._hash.hexdigest()

    async def run(self, fetcher: Fetcher, policy: RetryPolicy) -> None:
        """Bring the whole file onto the disk. Tries that bring bytes are not counted.

        Raises:
            DownloadError: It cannot be had, or not be written.
        """
        tries, waits = 0, delays(policy)
        while True:
            before = self.size_bytes
            try:
                async with fetcher.open(self._url, after=self._mark()) as remote:
                    await self._take(remote)
            except InterruptedDownloadError as error:
                tries = tries + 1 if self.size_bytes <= before else 1
                if tries >= policy.attempts:
                    raise self._error(str(error)) from None
                await asyncio.sleep(next(waits))
            else:
                return await on_disk(self._flush, self._url)

    def _mark(self) -> Mark | None:
        return Mark(self.size_bytes, self._version) if self.size_bytes and self._version else None

    async def _take(self, remote: Remote) -> None:
        """Write what comes, in few hops to a thread, also what came before a failure."""
        if remote.content_type.startswith("text/"):
            raise self._error(f"the result's host sent {remote.content_type} in place of the result")
        self.content_type, self._version = remote.content_type, remote.version
        if remote.offset != self.size_bytes:
            await on_disk(self._begin_anew, self._url)
        pending = bytearray()
        try:
            async for piece in remote.pieces:
                pending += piece
                self._check_room(len(pending))
                if len(pending) >= SPILL_BYTES:
                    full, pending = pending, bytearray()
                    await on_disk(partial(self._write, full), self._url)
        except Exception:  # not a cancellation, after which nothing is wanted any more
            self._keep(pending)
            raise
        self._keep(pending)
        self._check(remote.size_bytes)

    def _keep(self, rest: bytearray) -> None:
        """Write what is less than a hop is worth."""
        try:
            self._write(rest)
        except OSError as error:
            raise unsaved(error, self._url) from None

    def _check_room(self, more: int) -> None:
        if self.size_bytes + more > self._max_bytes:
            raise self._error(f"the result is longer than {self._max_bytes} bytes")

    def _check(self, announced: int | None) -> None:
        if not self.size_bytes:
            raise self._error("the result is empty")
        if announced is not None and self.size_bytes != announced:
            raise self._error(f"the result has {self.size_bytes} bytes, not the {announced} announced")

    def _error(self, message: str) -> DownloadError:
        return DownloadError(message, url=self._url)

    # --- in a thread

    def _write(self, piece: bytearray) -> None:
        self._part.write(piece)
        self._hash.update(piece)
        self.size_bytes += len(piece)

    def _begin_anew(self) -> None:
        self._part.seek(0)
        self._part.truncate()
        self._hash, self.size_bytes = hashlib.sha256(), 0

    def _flush(self) -> None:
        self._part.flush()
        os.fsync(self._part.fileno())


async def on_disk(act: Callable[[], T], url: str) -> T:
    """Do something that blocks in a thread."""
    try:
        return await anyio.to_thread.run_sync(act)
    except OSError as error:
        raise unsaved(error, url) from None


def unsaved(error: OSError, url: str) -> DownloadError:
    """Why a file is not on the disk."""
    return DownloadError(f"the result could not be saved: {error.strerror or error}", url=url)
