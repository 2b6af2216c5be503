"""From the last poll of a task to the outcome of its job.

Nothing is written to the journal or handed to callers here.
"""

from __future__ import annotations

import asyncio
import copy
import time

from ..errors import ConfigurationError, DeadlineError, EvolinkError
from ..jobs import Completed, Failed, Timing
from ..polling import WatchedTask
from ..task import Snapshot, TaskState
from ..wire import task_error

LINK_LIFE_SECONDS = 24 * 3600.0
"""Seconds a result link works. Source: every model page (read 2026-11-20)."""


def conclude(
    key: str, entry: WatchedTask, last: Snapshot | EvolinkError, earlier_tasks: tuple[str, ...] = ()
) -> Completed | Failed:
    """Return the outcome of a watched task.

    Args:
        key: The job's key.
        entry: The task.
        last: The final snapshot, or the error that ended the watching.
        earlier_tasks: Tasks of the job that failed before.
    """
    now, lag = time.time(), entry.lag
    if entry.accepted_at is not None and not entry.last_running_at:
        # No poll saw it running: it may have ended at any time since it was accepted, perhaps by an earlier process.
        lag = max(lag, now - entry.accepted_at)
    timing = Timing(accepted_at=entry.accepted_at, finished_at=now, looks=entry.polls, lag=lag)
    return outcome_of(key, entry.task_id, last, timing, earlier_tasks)


def outcome_of(
    key: str, task_id: str, last: Snapshot | EvolinkError, timing: Timing, earlier_tasks: tuple[str, ...] = ()
) -> Completed | Failed:
    """Return the outcome that a final snapshot, or an error, means for a job."""
    if isinstance(last, EvolinkError):
        return Failed(key, _about_paid_task(last), task_id, earlier_tasks=earlier_tasks)
    if last.state != TaskState.COMPLETED:
        return Failed(key, task_error(last), task_id, earlier_tasks=earlier_tasks)
    return Completed(
        key=key,
        task_id=task_id,
        urls=last.urls,
        # The links may be as old as the last poll that showed none, so their life is counted from there.
        expires_at=timing.finished_at - timing.lag + LINK_LIFE_SECONDS,
        snapshot=last,
        timing=timing,
        earlier_tasks=earlier_tasks,
    )


def _about_paid_task(error: EvolinkError) -> EvolinkError:
    """Return the same error for the job of a task: its request can be corrected, but the task is paid for."""
    if not error.may_resubmit:
        return error
    own = copy.copy(error)  # others may hold it for jobs that were not sent
    own.may_resubmit = False
    own.advice = "Do not submit the job again: its task is paid for. Correct what the message names, then wait for it."
    return own


class PoolClosedError(ConfigurationError):
    """What somebody waited for, or wanted to begin, when the pool was closed."""


def closed(task_id: str | None = None) -> PoolClosedError:
    """Return the error for who waits, for a task or for outcomes, while the pool is closed."""
    about = f"task {task_id} goes on" if task_id else "tasks already accepted go on"
    error = PoolClosedError(f"the pool is closed; {about} at the service")
    error.may_resubmit = False
    error.advice = "Open a pool with the same journal and run the jobs again: it waits for what was accepted."
    if task_id:
        error.advice = f"Open a pool and call pool.wait({task_id!r}). Do not submit the job again: it is paid for."
    return error


def died(crash: BaseException | None) -> ConfigurationError:
    """Return the error of a pool whose poller has died; None as its cause means that it was cancelled."""
    reason = "it was cancelled from outside" if crash is None else f"{type(crash).__name__}: {crash}"
    error = ConfigurationError(f"the poller of this pool has died ({reason}); accepted tasks go on at the service")
    error.may_resubmit = False
    error.advice = "Open a new pool with the same journal and run the jobs again: it waits for what was accepted."
    error.__cause__ = crash
    return error


def failure_of(task: asyncio.Task[None], *, is_stopped: bool) -> BaseException | None:
    """Return what has ended a task of a stream before its time; None if nothing has.

    Args:
        task: A task that is done.
        is_stopped: Whether the stream cancels its tasks; else somebody from outside has cancelled it.
    """
    if not task.cancelled():
        return task.exception()
    return None if is_stopped else _cut_short()


def _cut_short() -> ConfigurationError:
    error = ConfigurationError("a task of this stream was cancelled from outside, so that outcomes are missing")
    error.may_resubmit = False
    error.advice = "Run the same jobs again: what was accepted is not bought again."
    return error


def deadline(task_id: str, waited: float) -> DeadlineError:
    """Return the error for a wait that ended before its task did."""
    return DeadlineError(f"task {task_id} did not end within {waited:g} s; it goes on", task_id=task_id, waited=waited)
