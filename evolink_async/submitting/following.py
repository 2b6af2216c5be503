"""Jobs that another process has: followed in the journal until they have ended there, or are free.

Nothing is sent here, and no task is polled: who has the job does both.
"""

from __future__ import annotations

import asyncio
import copy
from contextlib import suppress
from typing import Any

from ..errors import JournalConflictError, JournalError
from ..jobs import Accepted, Failed, Job, Planned, Standing, Unknown
from ..journal import Journal, Known
from ..settings import Resubmit
from ..wire import may_send_again
from .job_claims import JobClaims

LOOK_SECONDS = 1.0
"""Between two looks at the jobs that are followed, when the journal tells of nothing."""
SPACING = 0.05
"""Seconds between two looks at least, however much happens in the journal."""


class Following:
    """The jobs of a pool that other processes have.

    Args:
        journal: An open journal.
        claims: Where a job is claimed once it is free.
        resubmit: Which doubts this pool sends again.
    """

    def __init__(self, journal: Journal, claims: JobClaims, resubmit: Resubmit) -> None:
        self._journal = journal
        self._claims = claims
        self._resubmit: Resubmit = resubmit
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._accepted: dict[str, asyncio.Future[Accepted]] = {}
        self._looking: asyncio.Task[None] | None = None

    async def until_free(self, job: Job) -> Known | Failed | None:
        """Wait until a job has ended or is in doubt, or is claimed by this pool. It sends no doubt without the claim.

        Returns:
            What is known of it; None if it was claimed and may be sent. A `Failed` if its key is in the journal with
            other parameters, or if the journal cannot be used.
        """
        try:
            while True:
                await self._wait(job.key)
                is_mine = await self._claims.take((job.key,))
                known = (await self._journal.known((job,))).get(job.key)
                if isinstance(known, JournalConflictError):
                    return Failed(job.key, known)
                # It may have been settled, and sent by another process, since it was looked at.
                if is_mine or self._is_over((await self._journal.find((job.key,))).get(job.key)):
                    return known
        except JournalError as error:
            return Failed(job.key, error)

    async def accepted(self, key: str, until: asyncio.Task[Any]) -> Accepted | None:
        """Wait until a followed job is accepted by the process that has it; None if `until` has ended before."""
        future = self._accepted.setdefault(key, asyncio.get_running_loop().create_future())
        await asyncio.wait([future, until], return_when=asyncio.FIRST_COMPLETED)
        return future.result() if future.done() and not until.done() else None

    async def earlier_tasks(self, key: str) -> tuple[str, ...]:
        """Return the tasks of a job that failed: another process may have bought it anew since it was looked up."""
        with suppress(JournalError):  # then it is not sent
            standing = (await self._journal.find((key,))).get(key)
            return standing.earlier_tasks if isinstance(standing, Planned | Unknown) else ()
        return ()

    async def aclose(self) -> None:
        """Stop looking. Who waits is cancelled by its own owner."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])

    async def _wait(self, key: str) -> None:
        self._waiting[key] = asyncio.get_running_loop().create_future()
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_for_ever(), name="evolink_async following")
        try:
            await self._waiting[key]
        finally:
            del self._waiting[key]
            # Who waits for it waits for the end of this follower too.
            self._accepted.pop(key, None)

    async def _look_for_ever(self) -> None:
        while self._waiting:
            count = self._journal.ends.count
            try:
                await self._look(list(self._waiting))
            except Exception as error:  # noqa: BLE001  # whatever it is, who waits must not wait for ever
                for future in self._waiting.values():
                    if not future.done():
                        future.set_exception(copy.copy(error) if isinstance(error, JournalError) else error)
                return
            await asyncio.sleep(SPACING)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._journal.ends.wait_past(count)

    async def _look(self, keys: list[str]) -> None:
        """Look at all jobs at once, and claim those that are free."""
        found = await self._journal.find(keys)
        ended = {key for key, standing in found.items() if self._is_over(standing)}
        free = await self._claims.take([key for key in keys if key not in ended])
        for key in keys:  # who has waited longest goes on first
            future = self._waiting.get(key) if key in ended or key in free else None
            if future is not None and not future.done():
                future.set_result(None)
        for key, standing in found.items():
            accepted = self._accepted.get(key)
            if accepted is not None and isinstance(standing, Accepted) and not accepted.done():
                accepted.set_result(standing)

    def _is_over(self, standing: Standing | None) -> bool:
        """Whether there is nothing to wait for: a job has ended, or is in a doubt that is not sent again."""
        if isinstance(standing, Unknown):
            return not may_send_again(standing.error, self._resubmit)
        return standing is not None and not isinstance(standing, Planned | Accepted)
