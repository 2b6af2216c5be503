"""The commands `wait` and `download`: wait for the end of one task, show its outcome, and save its videos.

Both are free of charge. Each change of a task is shown by `watch`.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import attrs

from ...errors import ConfigurationError, DownloadError, EvolinkError, ParamsError
from ...jobs import Completed, Failed, Outcome
from ...pool import SessionPool
from .. import exit_codes
from ..inputs.service import Service
from ..inputs.task_choice import TaskChoice
from ..output.notices import Notices
from ..output.numbers import number
from ..output.outcomes import outcome_object, sentence_of
from ..output.terminal import Terminal


def wait(
    task: TaskChoice, service: Service, terminal: Terminal, *, timeout: float | None = None, out: str | None = None
) -> int:
    """Wait until a task ends, and show how; return the exit code.

    Args:
        task: The task, which any process may have submitted.
        service: The service that runs it.
        terminal: Where the outcome is printed.
        timeout: Seconds to wait; None waits until the task ends.
        out: Folder or file to save the videos in; None saves none.

    Raises:
        ConfigurationError: There is no API key, the address is invalid, or `out` cannot be written to.
    """
    known = task.outcome
    # What the journal knows needs no request, and the service may have deleted the task.
    if isinstance(known, Failed) or (known is not None and out is None and not known.has_expired(time.time())):
        outcome: Outcome = known
    else:
        journal = None if out is None else _free_journal(task, terminal)
        pool = service.pool(journal=journal, observer=Notices(terminal))
        outcome = asyncio.run(_outcome_of(pool, task, timeout, out))
    show_outcome(outcome, task.model, terminal)
    return exit_codes.of_outcomes((outcome,))


def _free_journal(task: TaskChoice, terminal: Terminal) -> Path | None:
    """Return the journal that is to learn where the videos are; None if there is none, or a run is using it."""
    from ...journal.doubts import holder_of

    holder = None if task.journal is None else holder_of(task.journal)
    if holder is None:
        return task.journal
    terminal.note(f"note: {holder} uses the journal, so it does not learn where the video is saved.")
    return None


async def _outcome_of(pool: SessionPool, task: TaskChoice, timeout: float | None, out: str | None) -> Outcome:
    async with pool:
        outcome = await _ended(pool, task, timeout, out)
        if out is None or isinstance(outcome, Failed):
            return outcome
        try:
            return await pool.download(outcome, out)
        except DownloadError as error:
            return attrs.evolve(outcome, download_error=error)


async def _ended(pool: SessionPool, task: TaskChoice, timeout: float | None, out: str | None) -> Completed | Failed:
    # Links that have expired are asked for again where files are downloaded.
    if isinstance(task.outcome, Completed) and out is not None:
        return task.outcome
    try:
        return attrs.evolve(await pool.wait(task.task_id, timeout=timeout), key=task.key)
    except (ConfigurationError, ParamsError):
        raise
    except EvolinkError as error:
        return Failed(task.key, error, task.task_id)


def show_outcome(outcome: Outcome, model: str | None, terminal: Terminal) -> None:
    """Print the outcome of one job: as JSON in a pipe, as its files or links on a terminal.

    Args:
        outcome: How the job ended.
        model: The model that it asked for, if it is known.
        terminal: Where it is printed.
    """
    completed = outcome if isinstance(outcome, Completed) else None
    model = model or (completed.snapshot.model if completed else None)
    if not terminal.shows_tables:
        terminal.json_line(outcome_object(outcome, model))
    elif completed is not None:
        # A line each, which can be copied; a table would fold them.
        terminal.say("\n".join(map(str, completed.files or completed.urls)))
        cost = "" if completed.credits is None else f"; {number(completed.credits)} credits"
        terminal.note(f"{completed.key} completed{cost}")
    if (problem := sentence_of(outcome)) is not None:
        terminal.error(*problem)
