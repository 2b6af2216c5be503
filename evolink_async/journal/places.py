"""A journal by its file or its address, for the commands that read and settle jobs without a pool.

Files are read in `listing`, `doubts` and `histories`, a server in `postgres_place`; jobs are removed in `pruning`.
Import this module by its own path: it needs SQLite, which the package's `__init__` does not load.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Protocol

import attrs

from ..jobs import JobState
from . import doubts, listing
from .address import check_address, check_path, is_address, missing_extra
from .doubts import Doubt
from .histories import Histories, HistoryReader
from .listing import RecordedJob
from .pruning import Pruned, Pruning, prune_file

__all__ = ("JournalInFile", "JournalPlace", "Pruned", "Pruning", "journal_at")


class JournalPlace(Protocol):
    """What can be done with a journal that no pool of this process has open. All calls but `settle` and `prune` block.

    Each raises a ConfigurationError if there is no such journal, and a JournalError if it cannot be read or written.

    """

    @property
    def name(self) -> str:
        """Its file, or its address without user and password."""
        ...

    @property
    def word(self) -> str:
        """What stands for it in a command to be copied."""
        ...

    def jobs(self, states: Collection[JobState], after: str = "") -> list[RecordedJob]:
        """Return some of the jobs in some states, in the order of their keys, that come after a key."""
        ...

    def ends(self, after: int | None = None) -> Iterator[RecordedJob]:
        """Yield jobs that have ended or are in doubt, in the order of their ends.

        Args:
            after: Only ends whose numbers are higher; None for all.
        """
        ...

    def count_ends(self) -> int:
        """Return how many ends the journal has counted: if it is the same as before, there are no new ones."""
        ...

    def doubts(self) -> list[Doubt]:
        """Return the jobs that a person may settle, in the order in which they were sent."""
        ...

    def histories(self) -> Histories:
        """Return a reader of all that is kept of the jobs. Nothing is read yet."""
        ...

    def holder(self) -> str | None:
        """Return who keeps others from settling anything in the journal; None if nobody does."""
        ...

    async def settle(self, key: str, how: str) -> None:
        """Record what became of a job; see `Journal.settled`."""
        ...

    async def prune(self, pruning: Pruning) -> Pruned:
        """Remove jobs that ended long ago, and count those that stay."""
        ...


@attrs.frozen
class JournalInFile:
    """A journal file. See `JournalPlace`."""

    path: Path

    @property
    def name(self) -> str:
        """Its path."""
        return str(self.path)

    @property
    def word(self) -> str:
        """Its path."""
        return str(self.path)

    def jobs(self, states: Collection[JobState], after: str = "") -> list[RecordedJob]:
        """Read a page of jobs."""
        return listing.read_jobs(self.path, states, after)

    def ends(self, after: int | None = None) -> Iterator[RecordedJob]:
        """Read ends."""
        return listing.read_ends(self.path, after)

    def count_ends(self) -> int:
        """Read the counter."""
        return listing.count_ends(self.path)

    def doubts(self) -> list[Doubt]:
        """Read the doubts."""
        return doubts.read_doubts(self.path)

    def histories(self) -> Histories:
        """Return a reader of the file."""
        return HistoryReader(self.path)

    def holder(self) -> str | None:
        """Return the process that has the file open."""
        return doubts.holder_of(self.path)

    async def settle(self, key: str, how: str) -> None:
        """Settle a job; no process may have the file open."""
        await doubts.settle_doubt(self.path, key, how)

    async def prune(self, pruning: Pruning) -> Pruned:
        """Remove jobs; no process may have the file open."""
        return await prune_file(self.path, pruning)


def journal_at(given: str | Path) -> JournalPlace:
    """Return the journal of a path or an address; nothing is opened yet.

    Args:
        given: The path of a file, or an address as postgresql://user@host/database.

    Raises:
        ConfigurationError: The address cannot be read, or is none of PostgreSQL, or the extra for it is not installed.
    """
    if isinstance(given, Path) or not is_address(given):
        check_path(given)
        return JournalInFile(Path(given))
    check_address(given)
    try:
        from .postgres_place import JournalOnServer
    except ImportError:
        raise missing_extra() from None
    return JournalOnServer(given)
