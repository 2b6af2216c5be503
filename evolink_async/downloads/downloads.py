"""Saving results: whole or absent, the one whose link expires first before the others.

How bytes are read off a host is the business of `fetch` and `transfer`; what is on the disk that of `folder`, `part`
and `kept`.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias

import anyio.to_thread
import attrs

from ..concurrency import Limiter, on_disk
from ..errors import DownloadError, EvolinkError, JournalError, LinkExpiredError
from ..events import Downloaded, DownloadsBehind, Emit
from ..jobs import Completed, SavedFile
from ..journal import Journal
from ..settings import RetryPolicy
from ..task import Snapshot
from .existing_files import found, kept
from .folder import Folder
from .names import Exactly, Name, Template, names_of, suffix_of
from .backlog import Pace
from .part_file import Part
from .result_reader import ResultReader
from .transfer import Transfer, unsaved

PollTask: TypeAlias = Callable[[str], Awaitable[Snapshot | EvolinkError]]

_log = logging.getLogger("evolink_async")


class Downloads:
    """Saves the results of completed jobs in one folder.

    Args:
        folder: Where to.
        result_reader: Reads the links.
        limiter: How many files are fetched at once.
        template: How files are named; None for the job's key, and a number if it has several links.
        policy: How often, and when, a transfer that broke off is taken up again.
        look: Reads a task again, when its links have expired.
        max_bytes: Longest file saved.
        journal: Where the places of saved files are written down; None for nowhere.
        emit: Told of every file.
        clock: Unix time: links expire while a laptop sleeps, too.
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
        emit: Emit | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._result_reader = result_reader
        self._limiter = limiter
        self._template = template
        self._policy = policy
        self._poll = poll
        self._max_bytes = max_bytes
        self._journal = journal
        self._emit = emit
        self._clock = clock
        self._pace = Pace()
        self._is_swept = False

    async def save(self, completed: Completed) -> Completed:
        """Have every result of a job on the disk. What goes wrong is told in `download_error`; the links work on.

        What an earlier run saved, and nobody has changed, is not fetched again.
        """
        here: Sequence[SavedFile | None] = (None,) * len(completed.urls)
        if completed.resumed and completed.saved:  # what somebody changed is not looked for under its name
            here = await anyio.to_thread.run_sync(kept, completed)
        elif completed.resumed:
            here = await self._unheard_of(completed)
        saved = await self._complete(completed, here)
        if saved.saved and saved.download_error is None:
            await self._write_down(saved)
        return saved

    async def fetch(self, completed: Completed) -> Completed:
        """Fetch every link of a job, whatever is on the disk already.

        Raises:
            DownloadError: One cannot be saved; those before it are.
        """
        fetched = await self._complete(attrs.evolve(completed, download_error=None), (None,) * len(completed.urls))
        if fetched.download_error is not None:
            raise fetched.download_error
        await self._write_down(fetched)
        return fetched

    async def _write_down(self, saved: Completed) -> None:
        """Note where the files are. Without that note a later run finds them by name, date and length."""
        if self._journal is None:
            return
        try:
            await self._journal.saved(saved)
        except JournalError as error:
            # The files are there and the user gets them. A journal that failed once takes no further intent, so the
            # next submit tells of it where it matters.
            _log.warning("the files of %s are saved, but the journal could not note it: %s", saved.key, error)

    async def _unheard_of(self, completed: Completed) -> Sequence[SavedFile | None]:
        """Files that were published by a run that died before the journal heard of them."""
        names = names_of(completed, self._template)
        files = await anyio.to_thread.run_sync(found, self._folder, names, completed.timing.finished_at)
        pairs = zip(completed.urls, files, strict=True)
        return [file if file and await self._may_be_of(url, file) else None for url, file in pairs]

    async def _may_be_of(self, url: str, file: SavedFile) -> bool:
        """Whether a file is as long as a result; names alone may be those of another job, if signs were replaced."""
        try:
            async with self._result_reader.open(url) as remote:
                return remote.size_bytes in (None, file.size_bytes)
        except DownloadError:
            return True  # nobody can tell any more

    async def _complete(self, completed: Completed, here: Sequence[SavedFile | None]) -> Completed:
        await self._sweep_once()
        names = names_of(completed, self._template)
        files: list[SavedFile] = []
        for number, name in enumerate(names):
            saved = here[number] or await self._save_and_tell(completed, number, name)
            if isinstance(saved, LinkExpiredError) and (fresh := await self._fresh_links(completed)) is not None:
                completed = fresh
                saved = await self._save_and_tell(completed, number, name)
            if isinstance(saved, DownloadError):
                return attrs.evolve(completed, saved=tuple(files), download_error=saved)
            files.append(saved)
        return attrs.evolve(completed, saved=tuple(files))

    async def _sweep_once(self) -> None:
        if not self._is_swept:
            self._is_swept = True
            await anyio.to_thread.run_sync(self._folder.sweep, self._clock())

    async def _fresh_links(self, completed: Completed) -> Completed | None:
        """Read the task again, as the service may hand out new links; None when it has no others."""
        seen = await self._poll(completed.task_id)
        if not isinstance(seen, Snapshot) or len(seen.urls) != len(completed.urls) or seen.urls == completed.urls:
            return None
        return attrs.evolve(completed, urls=seen.urls, snapshot=seen)

    async def _save_and_tell(self, completed: Completed, number: int, name: Name) -> SavedFile | DownloadError:
        async with self._turn(completed.expires_at):
            at = self._clock()
            try:
                saved: SavedFile | DownloadError = await self._save_one(completed, number, name)
            except DownloadError as error:
                saved = error
            seconds = self._clock() - at
        self._pace.took(seconds)
        self._warn_once()
        if self._emit is not None:
            self._emit(_downloaded(completed.key, saved, at=at, seconds=seconds))
        return saved

    @asynccontextmanager
    async def _turn(self, expires_at: float) -> AsyncGenerator[None, None]:
        """Wait until this file may be fetched."""
        self._pace.joined(expires_at)
        try:
            self._warn_once()
            await self._limiter.acquire(before=expires_at)
        finally:
            self._pace.left()
        try:
            yield
        finally:
            self._limiter.release()

    def _warn_once(self) -> None:
        """Somebody has to hear that links will be lost: the observer, or else the log."""
        late = self._pace.lateness(self._clock(), self._limiter.total)
        if late is None:
            return
        if self._emit is not None:
            self._emit(DownloadsBehind(at=self._clock(), waiting=late.waiting, needed=late.needed, left=late.left))
        else:
            text = "%d results wait to be saved; that takes %.0f s, and the last of their links expires in %.0f s."
            _log.warning(text + " Raise Limits.downloads.", late.waiting, late.needed, late.left)

    async def _save_one(self, completed: Completed, number: int, name: Name) -> SavedFile:
        url = completed.urls[number]
        try:
            part = Part(self._folder, _label(completed, number))
        except OSError as error:
            raise unsaved(url)(error) from None
        with part:
            if part.is_old:
                started = self._clock() - time.monotonic()  # what a power cut has left of a part is not known
                await on_disk(lambda: part.take_up(started), unsaved(url))
            transfer = Transfer(url, part, max_bytes=self._max_bytes)
            await transfer.run(self._result_reader, self._policy)
            return await on_disk(lambda: part.publish(name, suffix_of(url, transfer.content_type)), unsaved(url))


def _label(completed: Completed, number: int) -> str:
    """What the part of a file goes by: the same in every run."""
    return hashlib.sha256(f"{completed.key}\0{completed.task_id}\0{number}".encode()).hexdigest()[:32]


def _downloaded(key: str, saved: SavedFile | DownloadError, *, at: float, seconds: float) -> Downloaded:
    if isinstance(saved, DownloadError):
        return Downloaded(at=at, seconds=seconds, key=key, error=saved)
    return Downloaded(at=at, seconds=seconds, key=key, path=str(saved.path), size_bytes=saved.size_bytes or 0)
