"""How a run went, and what is said of jobs that have no video yet: going on, not sent, in doubt.

Nothing is decided here about the jobs themselves.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

import attrs

from ...errors import BudgetError, TaskError
from ...jobs import Failed, Job, Outcome, Unknown
from . import outcomes as report
from .terminal import Terminal, abandon_stdout


@attrs.frozen(kw_only=True)
class RunPlan:
    """What to do.

    Attributes:
        jobs: Good jobs, no key twice.
        folder: Where the videos go.
        timeout: Seconds a task may take, None for as long as it likes.
        journal: The file jobs are written down in, None for memory.
        lines: Where each job stands in its file, by key; empty if it comes from none.
        lives_on: Whether accepted tasks go on when the command ends; those of an embedded emulator do not.
        name: What videos are called, None for their job's key.
    """

    jobs: tuple[Job, ...]
    folder: Path
    timeout: float | None = None
    journal: Path | None = None
    lines: Mapping[str, int] = attrs.field(factory=dict[str, int])
    lives_on: bool = True
    name: str | None = None


@attrs.frozen(kw_only=True)
class RunEnd:
    """How it went.

    Attributes:
        batch: What was to do.
        outcomes: What was told, in the order the jobs ended.
        seconds: How long it took.
        stopped_by: What cut it short, None if nothing did.
        drained: Whether a first Ctrl-C kept jobs from being sent.
        left: Task ids by job: paid for, and not told of.
        in_doubt: Submits that may have been paid for, and were not told of.
    """

    batch: RunPlan
    outcomes: tuple[Outcome, ...]
    seconds: float
    stopped_by: BaseException | None = None
    drained: bool = False
    left: Mapping[str, str] = attrs.field(factory=dict[str, str])
    in_doubt: tuple[Unknown, ...] = ()

    @property
    def unsent(self) -> int:
        """Jobs that were not sent because the run was cut short."""
        spoken_of = {one.key for one in (*self.outcomes, *self.in_doubt)} | self.left.keys()
        return sum(job.key not in spoken_of for job in self.batch.jobs)


def explain(ending: RunEnd, terminal: Terminal) -> int | None:
    """Say what cut a run short, what was left behind, and how it goes on.

    Returns:
        The exit code, None if it was not cut short or nothing was left.
    """
    code = _explain_stop(ending, terminal)
    if ending.batch.lives_on:
        _name_left(ending, terminal)
    _name_unaffordable(ending, terminal)
    _say_what_stays_failed(ending, terminal)
    _point_to_doubts(ending, terminal)
    if code is not None and ending.batch.journal is not None:
        terminal.note("The same command again goes on from here.")
    return code


def _explain_stop(ending: RunEnd, terminal: Terminal) -> int | None:
    reason = ending.stopped_by
    if reason is None and not (ending.drained and ending.unsent):
        return None
    if isinstance(reason, BrokenPipeError):
        abandon_stdout()
        what, code = "nobody reads the output any more", report.READER_GONE
    elif isinstance(reason, OSError):
        what, code = f"the disk refused: {reason.strerror or reason}", report.FAILED
    else:
        what, code = "stopped by Ctrl-C", report.INTERRUPTED
    terminal.note(f"{what}; jobs that had ended: {len(ending.outcomes)}; not sent: {ending.unsent}.")
    return report.UNKNOWN if ending.in_doubt and code == report.FAILED else code


def _name_left(ending: RunEnd, terminal: Terminal) -> None:
    """Name what is paid for: after an early end the rest of the run, else what the journal holds besides it."""
    if ending.left:
        which = "" if ending.stopped_by else ", of jobs that this run was not given"
        terminal.note(f"Accepted, paid for and going on at the service ({len(ending.left)}{which}):")
        for key, task_id in ending.left.items():
            terminal.note(f"  {task_id}  {key}")
        terminal.note("Their links, each for 24 hours: evolink-async status ID [ID ...]")
    for doubt in ending.in_doubt:
        complain_of(doubt, ending.batch, terminal)


def _name_unaffordable(ending: RunEnd, terminal: Terminal) -> None:
    refusals = [one.error for one in ending.outcomes if isinstance(one, Failed) and isinstance(one.error, BudgetError)]
    if not refusals:
        return
    left, needed = refusals[-1].left, sum(error.needed for error in refusals)
    unpriced = sum(not error.needed for error in refusals)
    jobs = "1 job was" if len(refusals) == 1 else f"{len(refusals)} jobs were"
    more = f", and the price of {unpriced} is not known yet" if unpriced else ""
    by = f" higher by {report.number(needed - left)} or more" if needed > left else ", a higher one"
    terminal.complain(
        f"{jobs} not sent: needed are {report.number(needed)} credits{more}; the budget has {report.number(left)} left",
        f"Run the same command again with a --budget{by}.",
    )


def _say_what_stays_failed(ending: RunEnd, terminal: Terminal) -> None:
    is_any = any(isinstance(one, Failed) and isinstance(one.error, TaskError) for one in ending.outcomes)
    if is_any and ending.batch.journal is not None:
        terminal.note("A task that failed is not bought again by the same command: for another try, change custom_id.")


def _point_to_doubts(ending: RunEnd, terminal: Terminal) -> None:
    is_any = ending.in_doubt or any(isinstance(outcome, Unknown) for outcome in ending.outcomes)
    if is_any and ending.batch.journal is not None:
        journal = shlex.quote(str(ending.batch.journal))
        terminal.note(f"What to look for, for all jobs in doubt: evolink-async doubts {journal}")


def complain_of(outcome: Outcome, batch: RunPlan, terminal: Terminal) -> None:
    """Say what went wrong with a job, if anything did; of those beyond the budget all is said at the end."""
    told = report.sentence_of(outcome)
    if told is None or report.is_unaffordable(outcome):
        return
    sentence, advice = told
    if isinstance(outcome, Unknown) and batch.journal is not None:
        # Not the error's own advice: with a journal it is safe to run it again, and its id goes to `settle`.
        advice = (
            "Look in the dashboard for its task, then tell the journal: "
            f"evolink-async settle {shlex.quote(str(batch.journal))} {shlex.quote(outcome.key)} "
            "(TASK_ID | resubmit | abandon). Until then it is not sent again."
        )
    line = batch.lines.get(outcome.key)
    terminal.complain(f"line {line}, {sentence}" if line and report.is_conflict(outcome) else sentence, advice)
