"""To which job a file in the folder belongs: what the journal has recorded, and what this run has just published.

The bytes of files are compared in `existing_files`.
"""

from __future__ import annotations

from collections.abc import Collection, MutableMapping
from pathlib import Path
from typing import TypeAlias

import anyio
import anyio.to_thread

from ..jobs import Completed, JobState, SavedFile
from ..journal import Journal

Published: TypeAlias = MutableMapping[Path, tuple[str, int]]
"""Keys of jobs and places of their links, by the absolute paths of files that are published, and not recorded yet."""

_STATES: tuple[JobState, ...] = ("completed",)
PAGE = 1000
"""Jobs that are read from the journal at once."""


class FileOwners:
    """The owners of result files.

    Args:
        journal: What it has recorded is read when it is first needed, and only once; None if nothing is recorded.
        published: What this process has published; shared by all that save files at the same time.
    """

    def __init__(self, journal: Journal | None, published: Published) -> None:
        self._journal = journal
        self._published = published
        # Keys of jobs and paths of their files, by the paths and by the digests; None while nobody has asked.
        self._recorded: dict[str, set[tuple[str, Path]]] | None = None
        self._reading = anyio.Lock()

    def publish(self, file: SavedFile, key: str, number: int) -> None:
        """Note that a file is now that of one link of a job."""
        self._published[file.path.absolute()] = (key, number)

    def record(self, completed: Completed) -> None:
        """Note that the journal has recorded the files of a job."""
        for path in completed.files:
            self._published.pop(path.absolute(), None)
        if self._recorded is not None:
            _add(self._recorded, completed)

    async def is_free(self, file: SavedFile, completed: Completed, number: int) -> bool:
        """Whether a file belongs to no other result than this one of a job.

        Raises:
            JournalError: The journal cannot be read.
        """
        result = (completed.key, number)
        if self._published.get(file.path.absolute(), result) != result:
            return False
        return not await self._is_recorded(file, but=completed.key)

    async def is_left_over(self, file: SavedFile, completed: Completed, number: int) -> bool:
        """Whether a download of this very result has left a file without a record, because it was cut short.

        Raises:
            JournalError: The journal cannot be read.
        """
        published = self._published.get(file.path.absolute())
        # This process knows what it has published itself; of a job that is resumed, an earlier one may have.
        if published != (completed.key, number) and (published is not None or not completed.resumed):
            return False
        return not await self._is_recorded(file)

    async def _is_recorded(self, file: SavedFile, *, but: str | None = None) -> bool:
        """Whether the journal knows the file of a job, of another one than `but`."""
        recorded = await self._read()
        others = {path for sign in _signs(file) for owner, path in recorded.get(sign, ()) if owner != but}
        return await anyio.to_thread.run_sync(_may_be_one_of, file.path, others)

    async def _read(self) -> dict[str, set[tuple[str, Path]]]:
        async with self._reading:
            if self._recorded is None:
                # What is recorded meanwhile is noted here too.
                self._recorded = {}
                try:
                    await self._read_into(self._recorded)
                except BaseException:
                    self._recorded = None
                    raise
            return self._recorded

    async def _read_into(self, recorded: dict[str, set[tuple[str, Path]]]) -> None:
        after, is_more = "", self._journal is not None
        while self._journal is not None and is_more:
            page = await self._journal.jobs(_STATES, after, PAGE)
            for standing in page:
                if isinstance(standing, Completed):
                    _add(recorded, standing)
            after, is_more = page[-1].key if page else after, len(page) == PAGE


def _add(recorded: dict[str, set[tuple[str, Path]]], completed: Completed) -> None:
    for file in completed.saved:
        for sign in _signs(file):
            recorded.setdefault(sign, set()).add((completed.key, file.path))


def _signs(file: SavedFile) -> tuple[str, ...]:
    path = str(file.path.absolute())
    return (path,) if file.sha256 is None else (path, file.sha256)


def _may_be_one_of(file: Path, others: Collection[Path]) -> bool:
    """Whether a file is one of those that are recorded at the same path or with the same digest."""
    for other in others:
        # Two files of the same bytes are two files, and paths may be spelled in several ways.
        try:
            if file.samefile(other):
                return True
        # The other one is gone, or cannot be looked at: this may be it, moved.
        except (OSError, ValueError):
            return True
    return False
