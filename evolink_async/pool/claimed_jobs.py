"""Jobs that a pool claims in a journal it shares with other processes, before it does anything for them.

How claims are kept is in `submitting`. A pool claims the jobs it works on by itself; this is for an engine that brings
the same jobs to several workers.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager

from ..frozen import plain
from .recorded_jobs import RecordedJobs


class ClaimedJobs(RecordedJobs):
    """The method of a pool that claims jobs."""

    @asynccontextmanager
    async def claiming(self, keys: Iterable[str]) -> AsyncGenerator[frozenset[str]]:
        """Claim jobs for as long as the context lasts, and give the keys of those that this pool has then.

        No other process works on these. The others are being worked on elsewhere; `run` would wait for their ends. A
        pool may claim the same jobs several times at once. When the context is left, the jobs for which nothing is done
        here are free for all within a third of the lease, or at once when the pool is closed. A request under way, or a
        task that somebody waits for here, keeps its job.

        In a journal that no other process shares, all jobs are this pool's.

        Args:
            keys: The keys of the jobs. They need not be in the journal.

        Raises:
            ConfigurationError: The pool is not open in this event loop.
            JournalError: The journal cannot be used.
        """
        asked: list[str] = list(dict.fromkeys(map(plain, keys)))
        claims = self._open_engine().claims
        if claims is None:
            yield frozenset(asked)
            return
        async with claims.holding(asked) as mine:
            yield mine
