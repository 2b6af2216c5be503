"""From the last look at a task to the outcome of its job.

The clock is read here; nothing is written down or told.
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
    """The outcome of a task whose watching has ended with `last`."""
    timing = Timing(accepted_at=entry.accepted_at, finished_at=time.time(), looks=entry.polls, lag=entry.lag)
    return outcome_of(key, entry.task_id, last, timing)


def outcome_of(key: str, task_id: str, last: Snapshot | EvolinkError, timing: Timing) -> Completed | Failed:
    """The outcome that the last look at a task amounts to."""
    if isinstance(last, EvolinkError):
        return Failed(key, last, task_id)
    if last.state != TaskState.COMPLETED:
        return Failed(key, task_error(last), task_id)
    return Completed(
        key=key,
        task_id=task_id,
        urls=last.urls,
        expires_at=timing.finished_at - timing.lag + LINK_LIFE,
        snapshot=last,
        timing=timing,
    )


def deadline(task_id: str, waited: float) -> DeadlineError:
    """Our patience ended, the task goes on."""
    return DeadlineError(f"task {task_id} did not end within {waited:g} s; it goes on", task_id=task_id, waited=waited)
