"""From the last poll of a task to the outcome of its job.

Nothing is written to the journal or handed to callers here.
"""

from __future__ import annotations

import time

from ..errors import DeadlineError, EvolinkError
from ..jobs import Completed, Failed, Timing
from ..polling import WatchedTask
from ..task import Snapshot, TaskState
from ..wire import task_error

LINK_LIFE = 24 * 3600.0
"""Seconds a result link works. Source: every model page (read 2026-11-20)."""


def conclude(key: str, entry: WatchedTask, last: Snapshot | EvolinkError) -> Completed | Failed:
    """Return the outcome of a watched task.

    Args:
        key: The job's key.
        entry: The task.
        last: The final snapshot, or the error that ended the watching.
    """
    timing = Timing(accepted_at=entry.accepted_at, finished_at=time.time(), looks=entry.polls, lag=entry.lag)
    return outcome_of(key, entry.task_id, last, timing)


def outcome_of(key: str, task_id: str, last: Snapshot | EvolinkError, timing: Timing) -> Completed | Failed:
    """Return the outcome that a final snapshot, or an error, means for a job."""
    if isinstance(last, EvolinkError):
        return Failed(key, last, task_id)
    if last.state != TaskState.COMPLETED:
        return Failed(key, task_error(last), task_id)
    return Completed(
        key=key,
        task_id=task_id,
        urls=last.urls,
        # The links may be as old as the last poll that showed none, so their life is counted from there.
        expires_at=timing.finished_at - timing.lag + LINK_LIFE,
        snapshot=last,
        timing=timing,
    )


def deadline(task_id: str, waited: float) -> DeadlineError:
    """Return the error for a wait that ended before its task did."""
    return DeadlineError(f"task {task_id} did not end within {waited:g} s; it goes on", task_id=task_id, waited=waited)
