"""What a pool tells of jobs by their keys, from its journal. Nothing is sent here.

What it does with tasks is in `existing_tasks`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

import attrs

from ..errors import ConfigurationError
from ..frozen import plain
from ..jobs import STANDINGS, Accepted, JobState, Planned, Standing, Unknown
from .lifetime import Lifetime

PAGE = 500
"""Jobs that are read from the journal together."""


class RecordedJobs(Lifetime):
    """The methods of a pool that read its journal. They send no request, and work after closing too."""

    async def find(self, key: str) -> Standing | None:
        """Return where a job stands, as the journal knows it; None for a key that it does not know.

        A journal in memory knows the jobs under way and the last 10,000 outcomes.

        Raises:
            JournalError: The journal cannot be read.
        """
        return (await self.find_many((key,))).get(plain(key))

    async def find_many(self, keys: Iterable[str]) -> dict[str, Standing]:
        """Return where jobs stand, by their keys, with one read of the journal. Unknown keys are left out.

        Raises:
            JournalError: The journal cannot be read.
        """
        asked: list[str] = [plain(key) for key in keys]
        found = dict(await self._journal.find(asked))
        # A job that waits for its turn is not written down yet.
        if self._engine is not None:
            for key in filter(self._engine.submitter.is_under_way, asked):
                job = found.setdefault(key, Planned(key))
                if isinstance(job, Planned):
                    found[key] = attrs.evolve(job, is_submitting=True)
        return found

    async def jobs(self, *, state: JobState | None = None) -> AsyncIterator[Standing]:
        """Yield the jobs of the journal in the order of their keys, all or those in one state.

        The journal is read in pages, so a job that changes meanwhile is told as it was when its page was read.

        Args:
            state: "planned", "accepted", "completed", "failed" or "unknown".

        Raises:
            ConfigurationError: There is no such state.
            JournalError: The journal cannot be read.
        """
        if state is not None and state not in STANDINGS:
            raise ConfigurationError(f"no job is {state!r}; the states are {', '.join(STANDINGS)}")
        states: tuple[JobState, ...] = tuple(STANDINGS) if state is None else (state,)
        after = ""
        while page := await self._journal.jobs(states, after, PAGE):
            for job in page:
                yield job
            after = page[-1].key

    def unfinished(self) -> tuple[Accepted | Unknown, ...]:
        """Return the jobs accepted or in doubt whose outcome was not taken yet. Works after closing too."""
        return self._journal.unfinished()
