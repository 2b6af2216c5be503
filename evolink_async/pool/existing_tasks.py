"""What a pool does with tasks that exist already, whoever made them: wait, poll, watch, settle.

Making new ones is in `session_pool`.
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
    """The methods of a pool that cost nothing: they take the id of a task, or the key of a job in doubt."""

    async def wait(self, task_id: str, *, timeout: float | None = None) -> Completed:
        """Wait for a task, made by this pool, an earlier process or somebody else, to complete.

        Survives whatever may go wrong with a look. Free of charge. Cancelling it leaves the task alone.

        Args:
            task_id: The vendor's id.
            timeout: Seconds to wait; None waits for ever.

        Raises:
            TaskFailedError: The task failed; nothing is charged.
            TaskCancelledError: Somebody cancelled it.
            DeadlineError: `timeout` passed; the task goes on.
            TaskNotFoundError: The service does not know the task, `Cadence.not_found_grace` after we first asked.
            AuthenticationError: Or 402, 403: the key was refused four times over `Cadence.max_interval`.
            ReplyError: The task completed without a result link.
        """
        return await self._wait(task_id, timeout, None)

    async def _wait(self, task_id: str, timeout: float | None, duration_class: Hashable) -> Completed:
        engine = self._open_engine()
        encode_poll(task_id)  # refuses what can be no id
        check_timeout(timeout)
        outcome = await engine.wait(task_id, timeout, duration_class)
        if outcome is None:
            raise deadline(task_id, timeout or 0.0)
        if isinstance(outcome, Completed):
            return outcome
        raise outcome.error

    async def poll(self, task_id: str) -> Snapshot:
        """Look at a task once, now. Free of charge.

        Raises:
            TransportError: Nobody answered.
            StatusError: The service refused, or does not know the task.
            ReplyError: The answer describes no task.
            ParamsError: No task can have this id.
        """
        engine = self._open_engine()
        encode_poll(task_id)
        seen = await engine.poll(task_id)
        if isinstance(seen, EvolinkError):
            raise seen
        return seen

    def watch(self, task_id: str) -> SnapshotStream:
        """Yield a snapshot at every change of state or progress that a look shows; the final one is the last.

        Looks are shared with everybody else who waits for the task. Raises what `wait` does, but a task that ends
        without a result is a snapshot like any other.
        """
        encode_poll(task_id)
        return SnapshotStream(self._open_engine(), task_id)

    async def settle(self, key: str, how: str) -> None:
        """Resolve a doubt, after a look in the dashboard.

        Args:
            key: The key of a job that came back as `Unknown`.
            how: The id of its task, if there is one: it is watched by the next run. Or "resubmit", if there is none:
                the next run buys it anew, under a new idempotency key. Or "abandon": the job is over.

        Raises:
            JournalError: No job of this key is in doubt.
            ParamsError: `how` is none of these.
            ConfigurationError: The pool is not open here.
        """
        self._open_engine()
        if how not in ("resubmit", "abandon"):
            encode_poll(how)
        await self._journal.settled(key, how)

    def unfinished(self) -> tuple[Accepted | Unknown, ...]:
        """Jobs accepted, or perhaps accepted, whose end nobody was told yet. Works after closing too."""
        return self._journal.unfinished()

    def hint(self, task_id: str) -> bool:
        """Say that there may be news of a task, as when its callback came: it is looked at soon. Free of charge.

        Looks at one task never come closer than `Cadence.min_interval`, however many hints there are.

        Returns:
            Whether anybody waits for that task here.
        """
        return self._open_engine().tasks.hint(task_id)
