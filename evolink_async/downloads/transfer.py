"""Downloading one result into a part file, over as many connections as that takes.

The host may fail at any byte. How often it is asked again is in `retries`, and what is told of it in `host_trouble`.
Names and folders are chosen in `downloads`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TypeVar

from ..concurrency import on_disk
from ..errors import DownloadError
from ..events import Emit
from ..settings import RetryPolicy
from ..urls import quoted, web_host
from .file_version import FileVersion
from .host_trouble import HostTrouble, Watch
from .mp4_boxes import is_truncated
from .pages import FIRST_BYTES, is_page
from .part_file import PartFile
from .remote_file import (
    ChangedResultError,
    InterceptedResultError,
    InterruptedDownloadError,
    MissingResultError,
    RemoteFile,
    ResumePoint,
)
from .result_reader import ResultReader
from .retries import Retries

T = TypeVar("T")

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
        expires_at: Unix seconds when the link expires; 0 if that is not known.
        met: That its host did not have it, if it may have it soon: then it is asked for after a pause, again and again.
        emit: Is told when the host does not give the result; without it, that is logged.

    Attributes:
        content_type: The media type that the host names; empty before the first answer.
    """

    def __init__(
        self,
        url: str,
        part: PartFile,
        *,
        max_bytes: int,
        expires_at: float = 0.0,
        met: MissingResultError | None = None,
        emit: Emit | None = None,
    ) -> None:
        self.content_type: str = ""
        self._url = url
        self._part = part
        self._max_bytes = max_bytes
        self._expires_at = expires_at
        self._met = met
        self._emit = emit
        self._version = FileVersion()
        self._tells_size = True

    async def run(self, result_reader: ResultReader, policy: RetryPolicy) -> None:
        """Download the whole file into the part file.

        Gives up after `policy.attempts` tries that brought no byte in a row or began anew, or `policy.patience` seconds
        without a byte. The first of them is told.

        Raises:
            MissingResultError: The host does not have the file.
            LinkExpiredError: It serves the file no more.
            InterceptedResultError: A web page refuses it time after time, although the link has not expired.
            DownloadError: The file cannot be read or written, is longer than `max_bytes`, or time after time empty or a
                text.
        """
        now, trouble = asyncio.get_running_loop().time, self._trouble(result_reader, policy)
        retries = Retries(policy, now())
        if self._part.version is not None:
            self._version = FileVersion.of_text(self._part.version)
        if self._met is not None:
            await _wait(retries, self._met, trouble, has_progress=False)
        while True:
            before = self._part.size_bytes
            watch = Watch(self._url, trouble.failing, retries.ends_at(now()))
            try:
                async with watch, self._opened(result_reader) as remote:
                    if remote.offset == 0 and before:
                        retries.restart()
                        before = 0
                    await self._receive(remote, result_reader, watch)
            except ChangedResultError:
                # Without a version the next request asks for the whole file.
                self._version = FileVersion()
            except InterruptedDownloadError as error:
                if isinstance(error, MissingResultError) and self._met is None:
                    raise
                # A page that came in several parts.
                if self._part.size_bytes < before:
                    retries.restart()
                await _wait(retries, error, trouble, has_progress=self._part.size_bytes > before)
            else:
                trouble.over()
                return

    def _trouble(self, result_reader: ResultReader, policy: RetryPolicy) -> HostTrouble:
        # A link that is no address is refused before anything can fail.
        host = web_host(quoted(self._url)) or "a host"
        return HostTrouble(host, policy.patience, result_reader.outages, self._emit)

    def _opened(self, result_reader: ResultReader) -> AbstractAsyncContextManager[RemoteFile]:
        return result_reader.open(self._url, after=self._resume_point(), expires_at=self._expires_at)

    def _resume_point(self) -> ResumePoint | None:
        condition = self._version.condition
        if not self._part.size_bytes or condition is None:
            return None
        return ResumePoint(self._part.size_bytes, condition, self._version)

    async def _receive(self, remote: RemoteFile, result_reader: ResultReader, watch: Watch) -> None:
        self._check_limit(remote.version.size_bytes or 0)
        self.content_type, self._version = remote.content_type, remote.version
        if remote.offset == 0:
            # On the event loop: if the connection broke during a hop to a thread, aiohttp would drop the bytes that
            # have arrived already.
            self._here(partial(self._part.reset, remote.version.text))
        await self._write_pieces(remote, watch)
        self._check_complete(remote)
        if remote.is_open_ended:
            await self._check_end(result_reader)
        # A page with status 200, as a login portal sends, is not the result, whatever it is called: no model returns
        # text. A video that is called a text is one all the same.
        if is_page(self._here(partial(self._part.first_bytes, FIRST_BYTES)), remote.content_type):
            # It may be of something on the way, which lets the next request pass. Its bytes are no progress.
            self._here(partial(self._part.reset, None))
            message = f"the result's host sent a text ({remote.content_type}) in place of the result"
            raise InterruptedDownloadError(message, url=self._url)

    async def _write_pieces(self, remote: RemoteFile, watch: Watch) -> None:
        pieces, size_bytes = list[bytes](), 0
        try:
            async for piece in remote.pieces:
                watch.hear()
                pieces.append(piece)
                size_bytes += len(piece)
                self._check_limit(self._part.size_bytes + size_bytes)
                if size_bytes >= FLUSH_BYTES:
                    full, pieces, size_bytes = pieces, [], 0
                    await on_disk(partial(self._part.write, full), save_error(self._url))
        except Exception:
            # What came before a failure is kept for the next try. Not after a cancellation, which is no `Exception`:
            # then the part file is removed anyway.
            self._here(partial(self._part.write, pieces))
            raise
        self._here(partial(self._part.write, pieces))

    def _here(self, act: Callable[[], T]) -> T:
        """Act on the event loop: for less than `FLUSH_BYTES` a hop to a thread costs more than the writing."""
        try:
            return act()
        except OSError as error:
            raise save_error(self._url)(error) from None

    def _check_limit(self, size_bytes: int) -> None:
        if size_bytes > self._max_bytes:
            raise self._error(
                f"the result has {size_bytes} bytes or more, longer than HttpOptions.max_download_bytes"
                f" ({self._max_bytes}); raise that limit to save it"
            )

    def _check_complete(self, remote: RemoteFile) -> None:
        size_bytes, stop, whole = self._part.size_bytes, remote.stop, remote.version.size_bytes
        # Behind a part, surplus bytes show that the host sent something else; all of the file may still be had.
        if remote.offset and stop is not None and size_bytes > stop:
            raise ChangedResultError("the result's host sent a part of another length than it says", url=self._url)
        if whole is not None and size_bytes != whole:
            # Missing bytes can be requested. With surplus bytes nothing tells which of them are right.
            kind = InterruptedDownloadError if size_bytes < whole else DownloadError
            raise kind(f"the result has {size_bytes} bytes, not the {whole} announced", url=self._url)
        if not size_bytes:
            raise InterruptedDownloadError("the result is empty", url=self._url)

    async def _check_end(self, result_reader: ResultReader) -> None:
        """Find out whether a file is whole whose end was only the end of the connection, and raise if it is not."""
        size_bytes = self._part.size_bytes
        whole = await result_reader.whole_size(self._url, size_bytes) if self._tells_size else None
        # A host that does not tell is not asked after every try.
        self._tells_size = whole is not None
        # A smaller size is that of another file, and tells nothing of this one.
        if whole is not None and whole >= size_bytes:
            is_cut = whole > size_bytes
        else:
            is_cut = await on_disk(partial(is_truncated, self._part.bytes_at, size_bytes), save_error(self._url))
        if is_cut:
            announced = f", not {whole}" if whole is not None and whole > size_bytes else ""
            message = f"the connection ended before the result did: {size_bytes} bytes are here{announced}"
            raise InterruptedDownloadError(message, url=self._url)

    def _error(self, message: str) -> DownloadError:
        return DownloadError(message, url=self._url)


async def _wait(retries: Retries, error: InterruptedDownloadError, trouble: HostTrouble, *, has_progress: bool) -> None:
    """Tell of a failed try, and wait for the next one.

    Raises:
        DownloadError: There is none.
    """
    pause = retries.pause(error.retry_after, now=asyncio.get_running_loop().time(), has_progress=has_progress)
    if pause is None:
        asked = "" if error.retry_after is None else f", and asked to wait {error.retry_after:g} s"
        kind = type(error) if isinstance(error, MissingResultError | InterceptedResultError) else DownloadError
        raise kind(f"{error}{asked}", url=error.url) from None
    if has_progress:
        trouble.over()
    else:
        trouble.failing(f"{error}")
    await asyncio.sleep(pause)


def save_error(url: str) -> Callable[[OSError], DownloadError]:
    """Return a function that makes the error for a result from an error of the file system."""
    return lambda error: DownloadError(f"the result could not be saved: {error.strerror or error}", url=url)
