"""The purchases of a pool: those under way by the keys of their jobs, and which ends have had their effects.

Plain bookkeeping; what an end changes is done in `pool.ends`.
"""

from __future__ import annotations

from typing import Generic, TypeVar

import attrs

from ..jobs import KeySet
from .fresh_tasks import FreshTasks
from .purchase import Purchase

P = TypeVar("P", bound=Purchase)


@attrs.frozen
class End:
    """How new the end of a task is.

    Attributes:
        is_new: Whether it is the first time for this job, so that it is counted, written down and told.
        is_charged: Whether it is the first time for this task, so that its price counts.
    """

    is_new: bool
    is_charged: bool


class Book(Generic[P]):
    """The purchases of a pool.

    A purchase stands under the key of its job while it is under way. It leaves in the same step that withdraws it, and
    its successor under that key may be there before it has come to its end.

    Args:
        fresh_seconds: Age until which an accepted task is fresh.

    Attributes:
        fresh: The tasks that were accepted a moment ago.
    """

    def __init__(self, fresh_seconds: float = 0.0) -> None:
        self.fresh: FreshTasks = FreshTasks(fresh_seconds)
        self._under_way: dict[str, P] = {}
        self._ended_jobs = KeySet()
        self._ended_tasks = KeySet()

    def find(self, key: str) -> P | None:
        """Return the purchase under way for a job."""
        return self._under_way.get(key)

    def enter(self, purchase: P) -> None:
        """A purchase begins."""
        self._under_way[purchase.job.key] = purchase

    def leave(self, purchase: P, now: float) -> None:
        """A purchase is no longer under way at `now` (monotonic seconds). Its successor, if it has one, stays."""
        if purchase.accepted is not None:
            self.fresh.add(purchase.accepted.task_id, now)
        if self._under_way.get(purchase.job.key) is purchase:
            del self._under_way[purchase.job.key]

    def ended(self, key: str, task_id: str) -> End:
        """Note that the task of a job has ended, by whomever that was seen. Only the first time has effects.

        Args:
            key: The job's key; the id of the task for who waits for a bare id.
            task_id: The vendor's id. Two jobs may have one task, which is charged once.
        """
        is_charged = self._ended_tasks.add(task_id)
        is_new = self._ended_jobs.add(_end_mark(key, task_id))
        # Who waits for a bare task id, after its job was told and forgotten, brings no new end.
        is_bare = key == task_id
        return End(is_new and (is_charged or not is_bare), is_charged)

    def has_ended(self, key: str, task_id: str) -> bool:
        """Whether the end of this task of this job was noted."""
        return _end_mark(key, task_id) in self._ended_jobs


def _end_mark(key: str, task_id: str) -> str:
    return f"{key}\0{task_id}"
