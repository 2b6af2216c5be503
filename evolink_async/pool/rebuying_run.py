"""A run that buys jobs anew whose tasks have failed.

A run that never does so is in `run`. Which failures count is decided in `purchases.rebuying`.
"""

from __future__ import annotations

import asyncio

from ..errors import EvolinkError
from ..jobs import Accepted, Completed, Failed, Job, Outcome, has_failed_task
from ..submitting import Submission, Submitted
from ..task import Snapshot
from .engine import Engine
from .job_source import JobSource
from .run import Run
from .work import Save


class RebuyingRun(Run):
    """A run that keeps its jobs, so that it can send them again.

    Args:
        source: As of `Run`.
        engine: As of `Run`.
        timeout: As of `Run`.
        save: As of `Run`.
        retry_failed: Whether jobs are bought anew, once, whose tasks failed in an earlier run, for whatever reason.
    """

    def __init__(
        self, source: JobSource, engine: Engine, *, timeout: float | None, save: Save | None, retry_failed: bool
    ) -> None:
        super().__init__(source, engine, timeout=timeout, save=save)
        self._retry_failed = retry_failed
        self._jobs: dict[str, Job] = {}
        self._stopped = asyncio.Event()

    def _go_on_with(self, job: Job, submitted: Submitted, *, is_first: bool = True) -> None:
        is_earlier = isinstance(submitted, Failed) and submitted.resumed and has_failed_task(submitted)
        if isinstance(submitted, Failed) and is_earlier and self._retry_failed and not self._stopped.is_set():
            self._read_ahead.release()
            self._engine.in_flight.release()
            self._conclude(self._retry(job, submitted))
        else:
            super()._go_on_with(job, submitted, is_first=is_first)

    async def _retry(self, job: Job, failed: Failed) -> None:
        """Buy a job anew whose task failed in an earlier run."""
        if not await self._buy_anew(job, failed):
            self._tell(failed)

    async def _start(self, job: Job) -> Submission | Submitted:
        with self._engine.rebuys.asking(job.key):
            await self._engine.rebuys.learn(job.key)
            return await super()._start(job)

    def _watch(self, job: Job, accepted: Accepted) -> None:
        if job.key not in self._jobs:
            self._jobs[job.key] = job
            self._engine.rebuys.begin(job.key)
        super()._watch(job, accepted)

    async def _end(self, outcome: Completed | Failed, last: Snapshot | EvolinkError) -> None:
        job = self._jobs.get(outcome.key)
        if job is not None and isinstance(outcome, Failed) and self._engine.rebuys.is_no_end(outcome):
            is_bought = False
            try:
                await self._engine.rebuys.pause(outcome, self._stopped)
                is_bought = await self._buy_anew(job, outcome)
            finally:
                if not is_bought:
                    self._engine.rebuys.give_up(outcome)
            if is_bought:
                return
        self._let_go(outcome.key)
        await super()._end(outcome, last)

    async def _buy_anew(self, job: Job, failed: Failed) -> bool:
        """Send a job again, as a new purchase; return False if the run was stopped before, or the journal refused."""
        await self._engine.in_flight.acquire()
        # The job was read long ago, and the one permit that is left may be that of an input that waits.
        self._read_ahead.borrow()
        bought: Submitted | None = None
        goes_on = False
        try:
            if not self._stopped.is_set():
                bought = await self._engine.rebuys.successor(failed)
                goes_on = bought is not None or await self._engine.rebuys.write_down(failed)
        finally:
            goes_on = goes_on and not self._stopped.is_set()
            if not goes_on:
                self._read_ahead.release()
                self._engine.in_flight.release()
        if not goes_on:
            return False
        # What another process has bought is followed, not watched.
        if bought is not None and not self._engine.journal.is_shared:
            self._go_on_with(job, bought)
        else:
            await self._submit(job)
        return True

    def _tell(self, outcome: Outcome, *, is_first: bool = True) -> None:
        self._let_go(outcome.key)
        super()._tell(outcome, is_first=is_first)

    def _let_go(self, key: str) -> None:
        if self._jobs.pop(key, None) is not None:
            self._engine.rebuys.end(key)

    def drain(self) -> None:
        """Stop as a plain run does, and buy nothing anew."""
        self._stopped.set()
        super().drain()

    def shut(self, error: BaseException | None = None) -> None:
        """Stop as a plain run does, and buy nothing anew."""
        self._stopped.set()
        super().shut(error)
        for key in list(self._jobs):
            self._let_go(key)
