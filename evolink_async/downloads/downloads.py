"""Saving the results of completed jobs: a file is complete or absent, and saved files are not downloaded again.

How the bytes are read is in `result_reader` and `transfer`, what is on the disk in `folder`, `part_file` and
`existing_files`, and the order of downloads in `download_queue`.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeAlias

import anyio.to_thread
import attrs

from ..concurrency import Limiter, on_disk
from ..errors import DownloadError, EvolinkError, JournalError, LinkExpiredError
from ..events import Downloaded, Emit
from ..jobs import Completed, SavedFile
from ..journal import Journal
from ..settings import RetryPolicy
from ..task import Snapshot
from .download_queue import DownloadQueue
from .existing_files import find_named, find_same, unchanged_files
from .file_owners import FileOwners, Published
from .folder import Folder
from .names import Name, suffix_of
from .part_file import PartFile
from .remote_file import InterceptedResultError, MissingResultError
from .result_reader import ResultReader
from .templates import Exactly, Template, names_of
from .transfer import Transfer, save_error

PollTask: TypeAlias = Callable[[str], Awaitable[Snapshot | EvolinkError]]
"""Polls the task of this id once."""

Finish: TypeAlias = Callable[[Completed, int, Name, str, PartFile], Awaitable[SavedFile]]
"""Makes a saved file of one link's part file, which is complete; takes the suffix for it too."""

IsResult: TypeAlias = Callable[[SavedFile, Completed, int], Awaitable[bool]]
"""Whether a file, which has the right bytes, is a result of a job; the number is the place of the link."""

_log = logging.getLogger("evolink_async")


class Downloads:
    """Saves the results of completed jobs in one folder.

    Args:
        folder: Where files are saved.
        result_reader: Reads the links.
        limiter: How many files are downloaded at once.
        template: How files are named; None for the job's key, with a number if the job has several links.
        policy: How often an interrupted download is resumed, and after which pauses.
        poll: Polls a task again when its links have expired.
        max_bytes: Size limit of one file.
        journal: Records the saved files; None to record nothing.
        published: The files that others are about to record; None if nobody else saves any.
        emit: Receives an event for every file.
        clock: Unix seconds. Not monotonic: links expire also while a laptop sleeps.
    """

    def __init__(
        self,
        folder: Folder,
        result_reader: ResultReader,
        limiter: Limiter,
        *,
        template: Template | Exactly | None = None,
        policy: RetryPolicy,
        poll: PollTask,
        max_bytes: int,
        journal: Journal | None = None,
        published: Published | None = None,
        emit: Emit | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._result_reader = result_reader
        self._queue = DownloadQueue(limiter, emit=emit, clock=clock)
        self._template = template
        self._policy = policy
        self._poll = poll
        self._max_bytes = max_bytes
        self._journal = journal
        self._emit = emit
        self._clock = clock
        self._owners = FileOwners(journal, {} if published is None else published)
        self._is_swept = False

    async def save(self, completed: Completed) -> Completed:
        """Save every result of a job that is not saved yet.

        A file that an earlier run saved is not downloaded again, unless it was changed or removed. A file that no
        journal has recorded counts only if it has the very bytes of the result, which is downloaded to compare them.

        Returns:
            The job with its files in `saved`. A failure is in `download_error`; the links work on until they expire.
        """
        existing: Sequence[SavedFile | None] = (None,) * len(completed.urls)
        # 1. Recorded files are compared with their record. For a changed one no other file is looked for.
        # 2. Without a record, the run may have died between publishing and recording.
        may_be_unrecorded = completed.resumed and not completed.saved
        if completed.resumed and completed.saved:
            existing = await anyio.to_thread.run_sync(unchanged_files, completed)
        find = partial(self._find_or_publish, is_result=self._owners.is_free)
        finish: Finish = find if may_be_unrecorded else self._publish
        saved = await self._save_missing(completed, existing, finish)
        if isinstance(saved.download_error, LinkExpiredError) and may_be_unrecorded:
            return await self._with_hint(saved, saved.download_error)
        if saved.saved and saved.download_error is None:
            await self._record(saved)
        return saved

    async def fetch(self, completed: Completed) -> Completed:
        """Download every link of a job, also those that are saved already: each call makes files of its own.

        Only what a call that was cut short has left without a record is kept, if it has the same bytes.

        Raises:
            DownloadError: A result cannot be saved; those before it are saved.
        """
        nothing = (None,) * len(completed.urls)
        finish = partial(self._find_or_publish, is_result=self._owners.is_left_over)
        fetched = await self._save_missing(attrs.evolve(completed, download_error=None), nothing, finish)
        if fetched.download_error is not None:
            raise fetched.download_error
        await self._record(fetched)
        return fetched

    async def _record(self, saved: Completed) -> None:
        """Record in the journal where the files are; without that, a later run has to download them to know them."""
        try:
            if self._journal is not None:
                await self._journal.saved(saved)
            self._owners.record(saved)
        except JournalError as error:
            # The files exist, so the user gets them. A journal that failed once accepts no further intent: the next
            # submit raises the error.
            _log.warning("the files of %s are saved, but the journal could not record it: %s", saved.key, error)

    async def _publish(self, completed: Completed, number: int, name: Name, suffix: str, part: PartFile) -> SavedFile:
        saved = await on_disk(lambda: part.publish(name, suffix), save_error(completed.urls[number]))
        self._owners.publish(saved, completed.key, number)
        return saved

    async def _find_or_publish(
        self, completed: Completed, number: int, name: Name, suffix: str, part: PartFile, *, is_result: IsResult
    ) -> SavedFile:
        """Keep the file of an earlier call that has the same bytes, and drop the new one; otherwise publish that."""
        same = SavedFile(self._folder.path, part.size_bytes, part.sha256)
        since = completed.timing.finished_at
        found = await anyio.to_thread.run_sync(find_same, self._folder, name.spellings(suffix), same, since)
        for file in found:
            if await self._holds(is_result, file, completed, number):
                self._owners.publish(file, completed.key, number)
                return file
        return await self._publish(completed, number, name, suffix, part)

    async def _with_hint(self, completed: Completed, error: LinkExpiredError) -> Completed:
        """Name the file that may be the result, if its link has expired: nothing can tell whether it is."""
        number, since = len(completed.saved), completed.timing.finished_at
        name = names_of(completed, self._template)[number]
        path = await anyio.to_thread.run_sync(find_named, self._folder, name, since)
        if path is None or not await self._holds(self._owners.is_free, SavedFile(path), completed, number):
            return completed
        text = f"{error}; {path} may be it, but no journal knows that file, so it is not taken for the result"
        return attrs.evolve(completed, download_error=LinkExpiredError(text, url=error.url))

    async def _holds(self, is_result: IsResult, file: SavedFile, completed: Completed, number: int) -> bool:
        try:
            return await is_result(file, completed, number)
        except JournalError as error:
            _log.warning(
                "%s is not taken for the file of %s, because the journal cannot be read: %s",
                file.path,
                completed.key,
                error,
            )
            return False

    async def _save_missing(
        self, completed: Completed, existing: Sequence[SavedFile | None], finish: Finish
    ) -> Completed:
        await self._sweep_once()
        names = names_of(completed, self._template)
        files: list[SavedFile] = []
        for number, name in enumerate(names):
            saved = existing[number] or await self._save_and_report(completed, number, name, finish)
            may_be_expired = isinstance(saved, LinkExpiredError | InterceptedResultError)
            if may_be_expired and (fresh := await self._fresh_links(completed)) is not None:
                completed = fresh
                saved = await self._save_and_report(completed, number, name, finish)
            if isinstance(saved, MissingResultError) and self._is_new(completed):
                saved = await self._save_and_report(completed, number, name, finish, met=saved)
            if isinstance(saved, DownloadError):
                return attrs.evolve(completed, saved=tuple(files), download_error=_public(saved))
            files.append(saved)
        return attrs.evolve(completed, saved=tuple(files))

    async def _sweep_once(self) -> None:
        if not self._is_swept:
            self._is_swept = True
            await anyio.to_thread.run_sync(self._folder.sweep, self._clock())

    async def _fresh_links(self, completed: Completed) -> Completed | None:
        """Poll the task again, as the service may return new links; None if it does not."""
        polled = await self._poll(completed.task_id)
        if not isinstance(polled, Snapshot) or len(polled.urls) != len(completed.urls):
            return None
        return None if polled.urls == completed.urls else attrs.evolve(completed, urls=polled.urls, snapshot=polled)

    def _is_new(self, completed: Completed) -> bool:
        """Whether a file may still be on its way to the place from which its host serves it."""
        return self._clock() - completed.timing.finished_at < self._policy.patience

    async def _save_and_report(
        self, completed: Completed, number: int, name: Name, finish: Finish, *, met: MissingResultError | None = None
    ) -> SavedFile | DownloadError:
        async with self._queue.permit(completed.expires_at):
            at = self._clock()
            try:
                saved: SavedFile | DownloadError = await self._save_one(completed, number, name, finish, met)
            except DownloadError as error:
                saved = error
            seconds = self._clock() - at
        self._queue.record(seconds)
        if self._emit is not None:
            self._emit(_downloaded(completed.key, saved, at=at, seconds=seconds))
        return saved

    async def _save_one(
        self, completed: Completed, number: int, name: Name, finish: Finish, met: MissingResultError | None
    ) -> SavedFile:
        url = completed.urls[number]
        try:
            part = PartFile(self._folder, _label(completed, number))
        except OSError as error:
            raise save_error(url)(error) from None
        with part:
            if part.has_earlier_bytes:
                # The monotonic clock counts from the start of the machine. On systems where it stops during sleep the
                # difference is too late rather than too early, so that fewer part files are resumed.
                started_at = self._clock() - time.monotonic()
                await on_disk(lambda: part.resume(started_at), save_error(url))
            transfer = Transfer(
                url, part, max_bytes=self._max_bytes, expires_at=completed.expires_at, met=met, emit=self._emit
            )
            await transfer.run(self._result_reader, self._policy)
            return await finish(completed, number, name, suffix_of(url, transfer.content_type), part)


def _label(completed: Completed, number: int) -> str:
    """Return the label of a result's part file: the same in every run."""
    return hashlib.sha256(f"{completed.key}\0{completed.task_id}\0{number}".encode()).hexdigest()[:32]


def _public(error: DownloadError) -> DownloadError:
    """Return an error of this room as one of those that users know."""
    if isinstance(error, MissingResultError):
        return LinkExpiredError(str(error), url=error.url)
    return DownloadError(str(error), url=error.url) if isinstance(error, InterceptedResultError) else error


def _downloaded(key: str, saved: SavedFile | DownloadError, *, at: float, seconds: float) -> Downloaded:
    if isinstance(saved, DownloadError):
        return Downloaded(at=at, seconds=seconds, key=key, error=saved)
    return Downloaded(at=at, seconds=seconds, key=key, path=str(saved.path), size_bytes=saved.size_bytes or 0)
