"""Outcomes as JSON objects and as sentences.

Nothing is printed here; the closing table is in `tables`, exit codes are in `exit_codes`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from ...errors import (
    BudgetError,
    ConfigurationError,
    EvolinkError,
    JournalConflictError,
    OutageError,
    SubmissionUnknownError,
)
from ...jobs import Completed, Failed, Outcome, Unknown, error_of
from .numbers import clock, number


def outcome_object(outcome: Outcome, model: str | None) -> dict[str, object]:
    """Return an outcome as a JSON object.

    Args:
        outcome: How a job ended.
        model: The model that the job asked for.
    """
    completed = outcome if isinstance(outcome, Completed) else None
    error = error_of(outcome)
    return {
        "custom_id": outcome.key,
        "status": status_of(outcome).replace(" ", "_"),
        "task_id": None if isinstance(outcome, Unknown) else outcome.task_id,
        "model": model,
        "urls": list(completed.urls) if completed else [],
        "files": [str(path) for path in completed.files] if completed else [],
        "expires_at": round(completed.expires_at, 3) if completed else None,
        "credits": completed.credits if completed else None,
        "resumed": completed.resumed if completed else False,
        "earlier_tasks": list(outcome.earlier_tasks),
        "error": error_object(error) if error else None,
    }


def error_object(error: EvolinkError) -> dict[str, object]:
    """Return an error as a JSON object."""
    return {
        "type": type(error).__name__,
        "message": str(error),
        "advice": error.advice,
        "may_resubmit": error.may_resubmit,
    }


def status_of(outcome: Outcome) -> str:
    """Return "completed", "failed", "not sent" or "unknown"."""
    return "not sent" if is_unaffordable(outcome) else type(outcome).__name__.lower()


def is_of_outage(outcome: Outcome) -> bool:
    """Whether a job was not sent because the service accepts none: all such jobs are told in one sentence."""
    return isinstance(outcome, Failed) and isinstance(outcome.error, OutageError)


def is_unaffordable(outcome: Outcome) -> bool:
    """Whether the budget kept the job from being sent."""
    return isinstance(outcome, Failed) and isinstance(outcome.error, BudgetError)


def is_withdrawn(outcome: Outcome) -> bool:
    """Whether a valid job was taken back before it was sent."""
    # The pool reports the jobs that a drain withdraws as ConfigurationError; the lines of the file were valid.
    return isinstance(outcome, Failed) and isinstance(outcome.error, ConfigurationError)


def is_conflict(outcome: Outcome) -> bool:
    """Whether the journal holds other parameters under the job's key."""
    return isinstance(outcome, Failed) and isinstance(outcome.error, JournalConflictError)


def sentence_of(outcome: Outcome) -> tuple[str, str] | None:
    """Return what went wrong with a job and what to do about it; None if nothing went wrong."""
    error = error_of(outcome)
    if error is None:
        return None
    # The error's own advice is to look for the task; `settle ... abandon` has decided that already.
    if isinstance(outcome, Failed) and isinstance(error, SubmissionUnknownError):
        return f"{outcome.key} failed: it was abandoned while in doubt", "To have it made, give it another custom_id."
    if not isinstance(outcome, Completed):
        return f"{outcome.key} {status_of(outcome)}: {error}", error.advice
    return f"{outcome.key} is completed but not saved: {error}; its link: {' '.join(outcome.urls)}", error.advice


def summary(outcomes: Sequence[Outcome], seconds: float) -> str:
    """Return one sentence about a whole run: how many jobs ended how, in what time, for how many credits."""
    completed = [outcome for outcome in outcomes if isinstance(outcome, Completed)]
    # Jobs that an earlier run completed were charged then.
    charged_now = [outcome for outcome in completed if not outcome.resumed]
    states = Counter(map(status_of, outcomes))
    counts = {
        "completed": len(completed),
        "of them in earlier runs": len(completed) - len(charged_now),
        "not saved": sum(outcome.download_error is not None for outcome in completed),
        **{word: states[word] for word in ("failed", "not sent", "unknown")},
    }
    shown = ", ".join(f"{count} {word}" for word, count in counts.items() if count or word in ("completed", "failed"))
    return f"{shown} in {clock(seconds)}; {number(total_credits(charged_now))} credits charged"


def total_credits(completed: Iterable[Completed]) -> float:
    """Return what completed jobs cost; a job whose price the service did not name counts as 0."""
    return sum(outcome.credits or 0.0 for outcome in completed)
