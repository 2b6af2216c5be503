"""What outcomes look like to a program and to a person: JSON objects, sentences, tables, exit codes.

Pure; nothing is written here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from rich.table import Table

from ...errors import BudgetError, ConfigurationError, EvolinkError, JournalConflictError, SubmissionUnknownError
from ...jobs import Completed, Failed, Outcome, Unknown
from .terminal import plain

OK, FAILED, USAGE, UNKNOWN, INTERRUPTED, READER_GONE = 0, 1, 2, 3, 130, 141
"""Exit codes. The last two are 128 + SIGINT and 128 + SIGPIPE, as a shell shows them."""

MAX_ROWS = 100
"""Rows of a closing table; more than that nobody reads, and the failed ones would drown."""


def outcome_object(outcome: Outcome, model: str | None) -> dict[str, object]:
    """Return the JSON object that tells an outcome.

    Args:
        outcome: How a job ended.
        model: What it asked for.
    """
    done = outcome if isinstance(outcome, Completed) else None
    error = problem_of(outcome)
    return {
        "custom_id": outcome.key,
        "status": status_of(outcome).replace(" ", "_"),
        "task_id": None if isinstance(outcome, Unknown) else outcome.task_id,
        "model": model,
        "urls": list(done.urls) if done else [],
        "files": [str(path) for path in done.files] if done else [],
        "expires_at": round(done.expires_at, 3) if done else None,
        "credits": done.credits if done else None,
        "resumed": done.resumed if done else False,
        "error": error_object(error) if error else None,
    }


def error_object(error: EvolinkError) -> dict[str, object]:
    """Return the JSON object that tells an error."""
    return {
        "type": type(error).__name__,
        "message": str(error),
        "advice": error.advice,
        "may_resubmit": error.may_resubmit,
    }


def status_of(outcome: Outcome) -> str:
    """Return one of: completed, failed, not sent, unknown."""
    return "not sent" if is_unaffordable(outcome) else type(outcome).__name__.lower()


def is_unaffordable(outcome: Outcome) -> bool:
    """Whether the budget kept a job from being sent."""
    return isinstance(outcome, Failed) and isinstance(outcome.error, BudgetError)


def is_withdrawn(outcome: Outcome) -> bool:
    """Whether a job, good as it was read, was taken back before it was sent."""
    return isinstance(outcome, Failed) and isinstance(outcome.error, ConfigurationError)


def is_conflict(outcome: Outcome) -> bool:
    """Whether the parameters of a job are not those the journal has under its key."""
    return isinstance(outcome, Failed) and isinstance(outcome.error, JournalConflictError)


def problem_of(outcome: Outcome) -> EvolinkError | None:
    """Return what went wrong with a job: why there is no video, or why it was not saved."""
    return outcome.download_error if isinstance(outcome, Completed) else outcome.error


def sentence_of(outcome: Outcome) -> tuple[str, str] | None:
    """Return what went wrong with a job and what to do about it; None if nothing did."""
    error = problem_of(outcome)
    if error is None:
        return None
    if isinstance(outcome, Failed) and isinstance(error, SubmissionUnknownError):
        return f"{outcome.key} failed: it was abandoned while in doubt", "To have it made, give it another custom_id."
    if not isinstance(outcome, Completed):
        return f"{outcome.key} {status_of(outcome)}: {error}", error.advice
    return f"{outcome.key} is completed but not saved: {error}; its link: {' '.join(outcome.urls)}", error.advice


def exit_code(outcomes: Iterable[Outcome], *, bad_lines: int = 0) -> int:
    """Return 3 if a job is in doubt, else 1 if anything went wrong, else 0."""
    outcomes = tuple(outcomes)
    if any(isinstance(outcome, Unknown) for outcome in outcomes):
        return UNKNOWN
    return FAILED if bad_lines or any(problem_of(outcome) for outcome in outcomes) else OK


def summary(outcomes: Sequence[Outcome], seconds: float) -> str:
    """Return one sentence about a whole run."""
    done = [outcome for outcome in outcomes if isinstance(outcome, Completed)]
    now = [outcome for outcome in done if not outcome.resumed]
    states = Counter(map(status_of, outcomes))
    counts = {
        "completed": len(done),
        "of them in earlier runs": len(done) - len(now),
        "not saved": sum(outcome.download_error is not None for outcome in done),
        **{word: states[word] for word in ("failed", "not sent", "unknown")},
    }
    told = ", ".join(f"{count} {word}" for word, count in counts.items() if count or word in ("completed", "failed"))
    return f"{told} in {clock(seconds)}; {number(total_credits(now))} credits charged"


def total_credits(done: Iterable[Completed]) -> float:
    """Return what completed jobs cost, as far as the service said."""
    return sum(outcome.credits or 0.0 for outcome in done)


def closing_table(outcomes: Sequence[Outcome], models: Mapping[str, str]) -> Table:
    """Return a table of how jobs ended; of very many, those that need attention come first.

    Args:
        outcomes: How they ended.
        models: The model of each job, by its key.
    """
    table = listing("job", "model", "status", "credits", "file")
    chosen = sorted(outcomes, key=lambda outcome: problem_of(outcome) is None) if len(outcomes) > MAX_ROWS else outcomes
    for outcome in chosen[:MAX_ROWS]:
        done = outcome if isinstance(outcome, Completed) else None
        status = "not saved" if done and done.download_error else status_of(outcome)
        files = ", ".join(map(str, done.files)) if done else ""
        cells = (outcome.key, models.get(outcome.key, ""), status, number(done.credits) if done else "", files)
        table.add_row(*map(plain, cells), style=None if status == "completed" else "red")
    if len(outcomes) > MAX_ROWS:
        table.caption = f"and {len(outcomes) - MAX_ROWS} more"
    return table


def listing(*columns: str, right: Iterable[str] = ("credits",), is_tight: bool = False) -> Table:
    """Return an empty table in the one look that all tables of this package have.

    Args:
        columns: Their headings.
        right: Those whose cells stand at the right: figures.
        is_tight: Leave one space between columns instead of two.
    """
    table = Table(box=None, pad_edge=False, header_style="bold", caption_justify="left", collapse_padding=is_tight)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return table


def number(value: float | None) -> str:
    """Return a figure with at most two decimals; what is not known stays empty."""
    return "" if value is None else f"{value:.2f}".removesuffix("0").removesuffix("0").removesuffix(".")


def clock(seconds: float) -> str:
    """Return a span of time as 0:07 or 1:02:03."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
