"""The commands `wait` and `download`: wait for the end of one task, show its outcome, and save its videos.

Both are free of charge. Each change of a task is shown by `watch`.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import attrs

from ...errors import ConfigurationError, DownloadError, EvolinkError, ParamsError
from ...jobs import Completed, Failed, Outcome
from ...pool import SessionPool
from .. import exit_codes
from ..inputs.service import Service
from ..inputs.task_choice import TaskChoice
from ..output.outcomes import outcome_object, sentence_of
from ..output.tables import closing_table
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
    journal = None if out is None else _free_journal(task, terminal)
    outcome = asyncio.run(_outcome_of(service.pool(journal=journal), task, timeout, out))
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
        try:
            completed = attrs.evolve(await pool.wait(task.task_id, timeout=timeout), key=task.key)
        except (ConfigurationError, ParamsError):
            raise
        except EvolinkError as error:
            return Failed(task.key, error, task.task_id)
        if out is None:
            return completed
        try:
            return await pool.download(completed, out)
        except DownloadError as error:
            return attrs.evolve(completed, download_error=error)


def show_outcome(outcome: Outcome, model: str | None, terminal: Terminal) -> None:
    """Print the outcome of one job: as JSON in a pipe, as a table and its links on a terminal.

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
        terminal.say(closing_table([completed], {completed.key: model or ""}))
        if not completed.files:
            terminal.say("\n".join(completed.urls))
    if (problem := sentence_of(outcome)) is not None:
        terminal.error(*problem)
