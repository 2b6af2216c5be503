"""Tells what went wrong with jobs while a run goes on; what many jobs have in common is told once, with their number.

What is printed about a whole run is in `run_report`.
"""

from __future__ import annotations

import re

from ...jobs import Failed, Outcome, Unknown, error_of
from ..running.run_plan import RunPlan
from .numbers import listed
from .outcomes import is_conflict, is_unaffordable, sentence_of
from .settling import settle_command
from .terminal import Terminal

# Each answer of the service has an id of its own.
_REQUEST = re.compile(r" \(request [^()\s]*\)")


class Problems:
    """Tells the first of many equal problems when it happens, and the number of the others at the end.

    Args:
        plan: What is run.
        terminal: Where it is told.
    """

    def __init__(self, plan: RunPlan, terminal: Terminal) -> None:
        self._plan, self._terminal = plan, terminal
        self._others: dict[tuple[str, str], list[str]] = {}

    def tell(self, outcome: Outcome) -> None:
        """Tell what went wrong with a job, if anything did and it was not told for another job before."""
        error = error_of(outcome)
        # A job in doubt, or a video with a link that expires, needs its own line whatever the reason was.
        if error is not None and isinstance(outcome, Failed) and not is_unaffordable(outcome):
            kind = type(error).__name__, _without_own_names(str(error), outcome.key)
            if kind in self._others:
                self._others[kind].append(outcome.key)
                return
            self._others[kind] = []
        tell_problem(outcome, self._plan, self._terminal)

    def tell_others(self) -> None:
        """Tell how many further jobs had each problem."""
        for (_, message), keys in self._others.items():
            if keys:
                jobs = "1 more job" if len(keys) == 1 else f"{len(keys)} more jobs"
                self._terminal.error(f"{jobs} failed alike ({listed(keys)}): {message}")
        self._others.clear()


def tell_problem(outcome: Outcome, plan: RunPlan, terminal: Terminal) -> None:
    """Print what went wrong with a job, if anything did, and what to do about it."""
    problem = sentence_of(outcome)
    # Jobs beyond the budget may be thousands: one sentence at the end covers them all.
    if problem is None or is_unaffordable(outcome):
        return
    sentence, advice = problem
    if isinstance(outcome, Unknown) and plan.journal is not None:
        # Not the error's own advice: with a journal it is safe to run the job again, and its id goes to `settle`.
        advice = (
            "Look in the dashboard for its task, then tell the journal: "
            f"{settle_command(str(plan.journal), outcome.key)} "
            "(TASK_ID | resubmit | abandon). Until then it is not sent again."
        )
    line = plan.line_numbers.get(outcome.key)
    terminal.error(f"line {line}, {sentence}" if line and is_conflict(outcome) else sentence, advice)


def _without_own_names(message: str, key: str) -> str:
    """Take out of a message what no other job has: its key and the id of its request."""
    return _REQUEST.sub("", message).replace(repr(key), "this key")
