"""The exit codes of the commands, and which of them a run ends with.

What is printed about a run is in `output.run_report`.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import OutageError
from ..jobs import Outcome, Unknown, error_of
from .running.run_result import RunResult

# INTERRUPTED and READER_GONE are 128 + SIGINT and 128 + SIGPIPE, as a shell reports these signals.
OK, FAILED, USAGE, IN_DOUBT, INTERRUPTED, READER_GONE = 0, 1, 2, 3, 130, 141


def of_run(result: RunResult, *, bad_lines: int = 0) -> int:
    """Return the exit code of a run.

    Args:
        result: How the run ended.
        bad_lines: Lines of the jobs file that are not valid jobs.
    """
    if result.ended_early:
        return _of_early_end(result)
    return of_outcomes(result.outcomes, bad_lines=bad_lines + result.stats.unrecorded)


def of_outcomes(outcomes: Iterable[Outcome], *, bad_lines: int = 0) -> int:
    """Return 3 if a job is in doubt, else 1 if a job or a line failed, else 0."""
    # Read twice below, and an iterator would be empty the second time.
    outcomes = tuple(outcomes)
    if any(isinstance(outcome, Unknown) for outcome in outcomes):
        return IN_DOUBT
    return FAILED if bad_lines or any(error_of(outcome) for outcome in outcomes) else OK


def _of_early_end(result: RunResult) -> int:
    # 1) The reader closed the pipe: a shell expects 141, whatever else happened.
    # 2) Another OSError, as a full disk, or an outage: a failure, unless money may have been spent without an answer.
    # 3) Ctrl-C, once with jobs left or twice, or another signal: 130.
    if isinstance(result.stopped_by, BrokenPipeError):
        return READER_GONE
    if isinstance(result.stopped_by, OSError | OutageError):
        has_doubts = result.in_doubt or any(isinstance(outcome, Unknown) for outcome in result.outcomes)
        return IN_DOUBT if has_doubts else FAILED
    return INTERRUPTED
