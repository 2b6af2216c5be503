"""What a pool does with tasks that exist already: wait, poll, watch, settle.

What it knows of jobs without asking the service is in `recorded_jobs`; new tasks are made in `session_pool`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Hashable
from typing import cast, overload

from ..concurrency import wait_shielded
from ..errors import ConfigurationError, EvolinkError, JournalError, TaskFailedError
from ..frozen import plain
from ..jobs import Accepted, Completed
from ..journal import SETTLEMENTS
from ..task import Snapshot
from ..wire import check_task_id
from .arguments import check_settling, check_timeout
from .claimed_jobs import ClaimedJobs
from .conclusion import deadline
from .engine import Engine
from .job_waits import sent_job, with_working_links
from .streams import SnapshotStream

UNDER_WAY_ADVICE = "Wait for what becomes of it, or leave the runs and calls that submit it; then settle it."


class ExistingTasks(ClaimedJobs):
    """The methods of a pool that take the id of a task, or the key of a job that was sent. All are free of charge."""

    @overload
    async def wait(self, task_id: str, *, timeout: float | None = None) -> Completed: ...

    @overload
    async def wait(self, *, key: str, timeout: float | None = None) -> Completed: ...

    async def wait(
        self, task_id: str | None = None, *, key: str | None = None, timeout: float | None = None
    ) -> Completed:
        """Wait until a task completes. The task may be of this pool, of an earlier process, or of another program.

        Polls that fail are repeated. Free of charge. Cancelling this call does not affect the task.

        Args:
            task_id: The vendor's id.
            key: The key of the task's job, instead of the id. A job that is being submitted is waited for, and one that
                is bought anew, until its last task ends. The links of one that completed are asked for again if they
                have expired; see `Completed.has_expired`.
            timeout: Seconds to wait; None waits until the task ends. The task is polled once more then, and if the
                service is silent, its answer is waited for five seconds.

        Raises:
            JournalError: There is no job with this key, or it was not sent.
            SubmissionUnknownError: The job with this key is in doubt.
            TaskFailedError: The task failed; nothing is charged.
            TaskCancelledError: The task was cancelled at the service.
            DeadlineError: `timeout` passed; the task goes on.
            TaskNotFoundError: The service does not know the task, and `Cadence.not_found_grace` has passed; or it takes
                a text for no id of a task.
            AuthenticationError: The key was refused (401) four times over `Cadence.max_interval`. 402 and 403 raise
                `InsufficientCreditsError` and `AccessDeniedError` in the same way.
            ReplyError: The task completed without a result link.
            ConfigurationError: There is neither an id nor a key, or both; or the pool is not open in this event loop.
        """
        check_timeout(timeout)
        if key is None:
            return await self._wait(_one_of(task_id, key), timeout, None)
        engine, began = self._open_engine(), time.monotonic()
        while isinstance(job := await sent_job(engine, _one_of(task_id, key), timeout, began), Accepted):
            try:
                left = None if timeout is None else max(0.0, began + timeout - time.monotonic())
                return await self._wait(job.task_id, left, None, job)
            except TaskFailedError:
                if not engine.rebuys.is_going_on(job.key, job.task_id):
                    raise
        return await with_working_links(engine, job)

    async def _wait(
        self, task_id: str, timeout: float | None, duration_class: Hashable, job: Accepted | None = None
    ) -> Completed:
        engine = self._open_engine()
        # Raises for an id that no task has, before anything is sent.
        check_task_id(task_id)
        check_timeout(timeout)
        outcome = await engine.task_waits.wait(task_id, timeout, duration_class, job)
        if outcome is None:
            raise deadline(task_id, timeout or 0.0)
        if isinstance(outcome, Completed):
            return outcome
        raise outcome.error

    async def poll(self, task_id: str) -> Snapshot:
        """Poll a task once, now. Free of charge.

        Raises:
            TransportError: No complete answer arrived.
            StatusError: The service refused, or does not know the task.
            ReplyError: The answer does not describe a task.
            ParamsError: The id has characters that no task id has.
        """
        engine, task_id = self._open_engine(), plain(task_id)
        check_task_id(task_id)
        seen = await engine.task_waits.poll(task_id)
        if isinstance(seen, EvolinkError):
            raise seen
        return seen

    @overload
    def watch(self, task_id: str) -> SnapshotStream: ...

    @overload
    def watch(self, *, key: str) -> SnapshotStream: ...

    def watch(self, task_id: str | None = None, *, key: str | None = None) -> SnapshotStream:
        """Yield a snapshot of a task whenever a poll shows another state or progress; the final one is the last.

        All who wait for one task share its polls. Raises what `wait` raises, but for a task that ends without a result:
        that is a snapshot like any other.

        Args:
            task_id: The vendor's id.
            key: The key of the task's job, instead of the id. A job that has ended gives its last snapshot. The failure
                of a task after which the job is bought anew is left out, and its next task is watched.
        """
        engine, name = self._open_engine(), _one_of(task_id, key)
        if key is not None:
            return SnapshotStream(engine, name, is_key=True)
        check_task_id(name)
        return SnapshotStream(engine, name)

    async def settle(self, key: str, how: str) -> None:
        """Resolve a doubt, after a person has looked in the dashboard.

        Cancelling this call does not cut it short once it writes to the journal.

        Args:
            key: The key of a job whose outcome was `Unknown`, or a `Failed` with a `TaskNotFoundError`.
            how: The id of its task, if the dashboard shows one: the next run waits for it. "resubmit" if it shows none:
                the next run buys the job again, under a new idempotency key. "abandon" to give the job up.

        Raises:
            JournalError: No job of this key is in doubt, or has a task that the service no longer knows. Or the job is
                being submitted, as by a run that sends doubts again.
            ParamsError: `how` is neither a task id nor one of these words.
            ConfigurationError: `how` is one of these words with other capitals or spaces; or the pool is not open in
                this event loop.
        """
        engine, key, how = self._open_engine(), plain(key), plain(how)
        check_settling(how)
        async with engine.submitter.look_ups.alone(key):
            if engine.submitter.is_under_way(key):
                # What it holds is for a send that may still come.
                raise JournalError(f"the job {key!r} is being submitted", advice=UNDER_WAY_ADVICE)
            await wait_shielded(asyncio.create_task(self._settle(engine, key, how), name="evolink_async settle"))

    async def _settle(self, engine: Engine, key: str, how: str) -> None:
        # As a whole: a doubt that the journal has settled and the budget has not would hold its credits for ever.
        await self._journal.settled(key, how)
        if how in SETTLEMENTS:
            engine.budget_queue.released(key)
            return
        engine.budget_queue.found(key, how)
        job = await self.find(key)
        if isinstance(job, Accepted):
            engine.submitter.on_accepted(job)

    def hint(self, task_id: str) -> bool:
        """Poll a task soon, because there may be news of it, as after its callback. Free of charge.

        Polls of one task stay `Cadence.min_interval` apart, however many hints there are.

        Returns:
            Whether the task is watched here.
        """
        return self._open_engine().tasks.hint(plain(task_id))


def _one_of(task_id: str | None, key: str | None) -> str:
    """Return the one that is given.

    Raises:
        ConfigurationError: None is, or both are.
    """
    if (task_id is None) == (key is None):
        raise ConfigurationError("give the id of a task, or key= and the key of a job")
    # A member of an enum of texts would be looked for by its name.
    return cast("str", plain(key if task_id is None else task_id))
