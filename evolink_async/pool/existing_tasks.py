"""What a pool does with tasks that exist already: wait, poll, watch, settle.

New tasks are made in `session_pool`.
"""

from __future__ import annotations

from collections.abc import Hashable

from ..errors import EvolinkError
from ..jobs import Accepted, Completed, Unknown
from ..task import Snapshot
from ..wire import encode_poll
from .arguments import check_timeout
from .conclusion import deadline
from .lifetime import Lifetime
from .streams import SnapshotStream


class ExistingTasks(Lifetime):
    """The methods of a pool that take the id of a task, or the key of a job in doubt. All are free of charge."""

    async def wait(self, task_id: str, *, timeout: float | None = None) -> Completed:
        """Wait until a task completes. The task may be of this pool, of an earlier process, or of another program.

        Polls that fail are repeated. Free of charge. Cancelling this call does not affect the task.

        Args:
            task_id: The vendor's id.
            timeout: Seconds to wait; None waits until the task ends.

        Raises:
            TaskFailedError: The task failed; nothing is charged.
            TaskCancelledError: The task was cancelled at the service.
            DeadlineError: `timeout` passed; the task goes on.
            TaskNotFoundError: The service does not know the task, and `Cadence.not_found_grace` has passed.
            AuthenticationError: The key was refused (401) four times over `Cadence.max_interval`. 402 and 403 raise
                `InsufficientCreditsError` and `AccessDeniedError` in the same way.
            ReplyError: The task completed without a result link.
        """
        return await self._wait(task_id, timeout, None)

    async def _wait(self, task_id: str, timeout: float | None, duration_class: Hashable) -> Completed:
        engine = self._open_engine()
        # Raises for an id that no task has, before anything is sent.
        encode_poll(task_id)
        check_timeout(timeout)
        outcome = await engine.task_waits.wait(task_id, timeout, duration_class)
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
        engine = self._open_engine()
        encode_poll(task_id)
        seen = await engine.task_waits.poll(task_id)
        if isinstance(seen, EvolinkError):
            raise seen
        return seen

    def watch(self, task_id: str) -> SnapshotStream:
        """Yield a snapshot of a task whenever a poll shows another state or progress; the final one is the last.

        All who wait for one task share its polls. Raises what `wait` raises, but for a task that ends without a result:
        that is a snapshot like any other.
        """
        encode_poll(task_id)
        return SnapshotStream(self._open_engine(), task_id)

    async def settle(self, key: str, how: str) -> None:
        """Resolve a doubt, after a person has looked in the dashboard.

        Args:
            key: The key of a job whose outcome was `Unknown`, or a `Failed` with a `TaskNotFoundError`.
            how: The id of its task, if the dashboard shows one: the next run waits for it. "resubmit" if it shows none:
                the next run buys the job again, under a new idempotency key. "abandon" to give the job up.

        Raises:
            JournalError: No job of this key is in doubt, or has a task that the service no longer knows.
            ParamsError: `how` is neither a task id nor one of these words.
            ConfigurationError: The pool is not open in this event loop.
        """
        engine = self._open_engine()
        if how not in ("resubmit", "abandon"):
            encode_poll(how)
        await self._journal.settled(key, how)
        if how in ("resubmit", "abandon"):
            engine.budget_queue.released(key)
        else:
            engine.budget_queue.found(key)

    def unfinished(self) -> tuple[Accepted | Unknown, ...]:
        """Return the jobs accepted or in doubt whose outcome was not taken yet. Works after closing too."""
        return self._journal.unfinished()

    def hint(self, task_id: str) -> bool:
        """Poll a task soon, because there may be news of it, as after its callback. Free of charge.

        Polls of one task stay `Cadence.min_interval` apart, however many hints there are.

        Returns:
            Whether the task is watched here.
        """
        return self._open_engine().tasks.hint(task_id)
