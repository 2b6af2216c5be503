"""Reads off outcomes, return values, exceptions and events what the laws judge.

Nothing else of the library's values is looked at.
"""

from __future__ import annotations

from typing import Any

from evolink_async import Accepted, Completed, Failed, SubmissionUnknownError, TaskState, Unknown
from evolink_async.events import JobEnded
from tests.simulation.trace import Said, Told


def told(what: Any) -> Told:
    """Read off an outcome, a return value or an exception what the laws judge."""
    match what:
        case Completed():
            text = "" if what.task_id in what.url else f"the link of another task: {what.url}"
            return Told(0.0, 0, "", "", "completed", what.task_id, resumed=what.resumed, text=text)
        case Accepted():
            return Told(0.0, 0, "", "", "accepted", what.task_id)
        case Unknown():
            return _of_error(what.error, "unknown", "")
        case Failed():
            return _of_error(what.error, "failed", what.task_id or "", resumed=what.resumed)
        case Exception():
            return _of_error(what, "unknown" if isinstance(what, SubmissionUnknownError) else "failed", "")
        case _:
            kind = "completed" if what.state == TaskState.COMPLETED and what.urls else "failed"
            return Told(0.0, 0, "", "", "final", what.task_id, error="" if kind == "completed" else str(what.state))


def said(event: JobEnded, at: float, process: int) -> Said:
    """Read off an end that the observer was told."""
    end = told(event.outcome)
    return Said(at, process, event.outcome.key, end.kind, end.task, end.resumed, end.error)


def _of_error(error: Exception, kind: str, task_id: str, *, resumed: bool = False) -> Told:
    task = task_id or getattr(error, "task_id", None) or ""
    return Told(
        0.0,
        0,
        "",
        "",
        kind,
        task,
        error=type(error).__name__,
        code=getattr(error, "status", None),
        may_resubmit=bool(getattr(error, "may_resubmit", False)),
        is_about_task=bool(task),
        resumed=resumed,
        text=str(error)[:160],
    )
