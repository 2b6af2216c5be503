"""Waiting for jobs by their keys: where a job stands once it is not being submitted, and links that work.

Waiting for a task by its id is in `task_waits`.
"""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import suppress

import attrs

from ..errors import DeadlineError, JournalError, TaskError
from ..jobs import Accepted, Completed, Planned, Standing
from ..task import Snapshot
from .conclusion import LINK_LIFE_SECONDS
from .engine import Engine

UNSENT_ADVICE = "Submit the job, or run it; then wait for it."
LOOK_SECONDS = 1.0
"""Seconds between two reads of a job that another process submits, or a buyer buys anew, while nothing tells of it."""


async def sent_job(
    engine: Engine, key: str, timeout: float | None = None, began: float | None = None
) -> Accepted | Completed:
    """Return the job of a key that was paid for; one that is being submitted, or bought anew, is waited for.

    Args:
        engine: An open pool.
        key: The job's key.
        timeout: Seconds to wait for its submit.
        began: When they began, on the monotonic clock; default: now.

    Raises:
        EvolinkError: What the job has failed with, or why it was not sent.
        SubmissionUnknownError: The job is in doubt.
        DeadlineError: `timeout` passed before the job was accepted.
        JournalError: There is no such job, or it is not being submitted.
    """
    until = math.inf if timeout is None else (time.monotonic() if began is None else began) + timeout
    # A submit may begin while the journal is read.
    while (submission := engine.submitter.find(key)) is None or submission.task is None:
        count = engine.journal.ends.count
        standing = (await engine.journal.find((key,))).get(key)
        if _goes_on(engine, key, standing):
            if time.monotonic() >= until:
                raise _not_accepted(key, timeout)
            await _until_changed(engine, count, until)
            engine.check()
        elif isinstance(standing, Accepted | Completed):
            return standing
        elif standing is not None and not isinstance(standing, Planned):
            raise standing.error
        elif not engine.submitter.is_under_way(key):
            about = "is not known to the journal" if standing is None else "was not sent"
            raise JournalError(f"the job {key!r} {about}", advice=UNSENT_ADVICE)
    await asyncio.wait([submission.task], timeout=None if timeout is None else max(0.0, until - time.monotonic()))
    if not submission.task.done():
        raise _not_accepted(key, timeout)
    outcome = engine.submitter.outcome(submission)
    if isinstance(outcome, Accepted | Completed):
        return outcome
    raise outcome.error


def _goes_on(engine: Engine, key: str, standing: Standing | None) -> bool:
    """Whether another process submits the job now, or a buyer here is about to buy it anew."""
    if isinstance(standing, Accepted):
        return engine.rebuys.is_going_on(key, standing.task_id)
    if standing is not None and not isinstance(standing, Planned):
        return False
    is_elsewhere = engine.journal.is_shared and standing is not None and standing.is_submitting
    return is_elsewhere or engine.rebuys.has_buyer(key)


async def _until_changed(engine: Engine, count: int, until: float) -> None:
    """Wait until whoever submits the job, or buys it anew, may have gone on, or until time is up."""
    with suppress(TimeoutError):
        async with asyncio.timeout(min(until - time.monotonic(), LOOK_SECONDS)):
            await engine.journal.ends.wait_past(count)


def _not_accepted(key: str, timeout: float | None) -> DeadlineError:
    """Return the error of a wait that ended while the job was being submitted."""
    error = DeadlineError(f"the job {key!r} was not accepted in time", task_id="", waited=timeout or 0.0)
    # That of the class is for a task that was paid for.
    error.advice = "Wait for the job again, by its key. Do not submit it under another key: it may be accepted yet."
    return error


async def task_of(engine: Engine, key: str) -> Accepted | Snapshot:
    """Return a job that is watched by its key, or the last snapshot of one that has ended.

    Raises:
        EvolinkError: What `sent_job` raises, but for a task that has failed.
    """
    try:
        job = await sent_job(engine, key)
    except TaskError as error:
        return error.snapshot
    return job if isinstance(job, Accepted) else job.snapshot


async def with_working_links(engine: Engine, completed: Completed) -> Completed:
    """Return a job with links that work, if the service still has some: those that have expired are asked for again.

    One request, free of charge. If it fails, the job is returned as it was.
    """
    if not completed.has_expired(time.time()):
        return completed
    seen = await engine.task_waits.poll(completed.task_id)
    if not isinstance(seen, Snapshot) or seen.urls in ((), completed.urls):
        return completed
    renewed = attrs.evolve(completed, urls=seen.urls, expires_at=time.time() + LINK_LIFE_SECONDS, snapshot=seen)
    await engine.send_loop.record(engine.journal.refreshed(renewed))
    return renewed
