"""Jobs of a journal as JSON objects and as a table.

How a job ended is told in `outcomes`; the table of a run is in `tables`.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from ...jobs import Accepted, Completed, Failed, JobState, Planned, Standing, Unknown, error_of
from .numbers import number
from .outcomes import error_object
from .tables import MAX_ROWS, empty_table
from .terminal import plain

_WIDE_COLUMNS = 110
"""Columns of a terminal from which on models have a column."""


def state_of(standing: Standing) -> JobState:
    """Return the state of a job, as `SessionPool.jobs` takes it."""
    match standing:
        case Planned():
            return "planned"
        case Accepted():
            return "accepted"
        case Completed():
            return "completed"
        case Failed():
            return "failed"
        case Unknown():
            return "unknown"


def job_object(standing: Standing, model: str) -> dict[str, object]:
    """Return where a job stands as a JSON object.

    Args:
        standing: What the journal knows of the job.
        model: The model that it asked for.
    """
    ended = standing if isinstance(standing, Completed | Failed | Unknown) else None
    completed = standing if isinstance(standing, Completed) else None
    error = None if ended is None else error_of(ended)
    return {
        "custom_id": standing.key,
        "state": state_of(standing),
        "task_id": task_of(standing),
        "model": model,
        "is_submitting": isinstance(standing, Planned) and standing.is_submitting,
        "files": [str(path) for path in completed.files] if completed else [],
        "credits": credits_of(standing),
        "earlier_tasks": list(standing.earlier_tasks),
        "error": error_object(error) if error else None,
    }


def task_of(standing: Standing) -> str | None:
    """Return the id of the task of a job, if it is known."""
    return None if isinstance(standing, Planned | Unknown) else standing.task_id


def credits_of(standing: Standing) -> float | None:
    """Return the credits that a job has cost, or that are held for it."""
    if isinstance(standing, Accepted):
        return standing.credits_reserved
    return standing.credits if isinstance(standing, Completed) else None


def jobs_table(jobs: Sequence[tuple[Standing, str]], total: int, *, width: int) -> Table:
    """Return a table of the first `MAX_ROWS` jobs.

    Args:
        jobs: Jobs, each with the model that it asked for.
        total: The number of jobs in all.
        width: Columns of the terminal: a narrow one shows no models, as ids that are folded cannot be copied.
    """
    has_models = width >= _WIDE_COLUMNS
    table = empty_table("job", "state", *(["model"] if has_models else []), "task", "credits", "file")
    for column in table.columns:
        column.no_wrap = column.header == "task"
    for standing, model in jobs[:MAX_ROWS]:
        files = ", ".join(map(str, standing.files)) if isinstance(standing, Completed) else ""
        state, task = state_of(standing), task_of(standing) or ""
        style = "red" if state in ("failed", "unknown") else None
        models = [model] if has_models else []
        cells = (standing.key, state, *models, task, number(credits_of(standing)), files)
        table.add_row(*map(plain, cells), style=style)
    if total > MAX_ROWS:
        table.caption = f"and {total - MAX_ROWS} more; in a pipe, all are listed"
    return table
