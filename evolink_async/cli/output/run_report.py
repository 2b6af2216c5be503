"""What is printed about a run that ended early, and about jobs without a video: running, not sent, in doubt.

The exit code of such a run is in `exit_codes`; the closing table is in `tables`.
"""

from __future__ import annotations

import shlex

from ...errors import BudgetError, OutageError, TaskError
from ...jobs import Failed, Unknown
from ..running.run_result import RunResult
from .numbers import number
from .problems import tell_problem
from .progress_display import budget_line
from .terminal import Terminal


def report_run(result: RunResult, terminal: Terminal) -> None:
    """Print what ended a run early, which jobs are left, and how to go on; nothing if all is well."""
    if result.ended_early:
        _report_early_end(result, terminal)
    # Tasks of an embedded emulator are gone with the command.
    if result.plan.tasks_outlive_run:
        _report_open_jobs(result, terminal)
    _report_unrecorded(result, terminal)
    _report_budget(result, terminal)
    _report_failed_tasks(result, terminal)
    _point_to_doubts(result, terminal)
    if result.ended_early and result.plan.journal is not None:
        terminal.note("The same command again goes on from here.")


def _report_early_end(result: RunResult, terminal: Terminal) -> None:
    reason = result.stopped_by
    if isinstance(reason, BrokenPipeError):
        cause = "the reader of the output has closed it"
    elif isinstance(reason, OSError):
        cause = f"the output cannot be written: {reason.strerror or reason}"
    elif isinstance(reason, OutageError):
        terminal.error(str(reason), reason.advice)
        cause = "stopped by the outage"
    else:
        cause = "stopped by Ctrl-C or a signal"
    terminal.note(f"{cause}; jobs that had ended: {len(result.outcomes)}; not sent: {result.unsent}.")


def _report_open_jobs(result: RunResult, terminal: Terminal) -> None:
    if result.open_tasks:
        # A run that was not stopped waited for all its own tasks: what is left was in the journal before.
        which = "" if result.stopped_by else ", of jobs that this run was not given"
        terminal.note(f"Accepted, paid for and going on at the service ({len(result.open_tasks)}{which}):")
        for key, task_id in result.open_tasks.items():
            terminal.note(f"  {task_id}  {key}")
        terminal.note("Their links, each for 24 hours: evolink-async status ID [ID ...]")
    for doubt in result.in_doubt:
        tell_problem(doubt, result.plan, terminal)


def _report_unrecorded(result: RunResult, terminal: Terminal) -> None:
    if (count := result.stats.unrecorded) and result.plan.journal is not None:
        journal = shlex.quote(str(result.plan.journal))
        terminal.error(
            f"the journal {str(result.plan.journal)!r} could not be written ({count} times), so it does not know all"
            " that was bought",
            "Keep this output: it names the task of each job that was accepted. Make room on the disk; then settle with"
            f" these tasks what the journal has in doubt: evolink-async settle {journal} KEY TASK.",
        )


def _report_budget(result: RunResult, terminal: Terminal) -> None:
    if (line := budget_line(result.stats)) is not None:
        terminal.note(f"{line[:1].upper()}{line[1:]}.")
    refusals = [one.error for one in result.outcomes if isinstance(one, Failed) and isinstance(one.error, BudgetError)]
    if not refusals:
        return
    left, needed = refusals[-1].left, sum(error.needed for error in refusals)
    # The price of a class is learned from its first task, so `needed` is 0 until one is accepted.
    unpriced = sum(not error.needed for error in refusals)
    jobs = "1 job was" if len(refusals) == 1 else f"{len(refusals)} jobs were"
    more = f", and the price of {unpriced} is not known yet" if unpriced else ""
    by = f" higher by {number(needed - left)} or more" if needed > left else ", a higher one"
    terminal.error(
        f"{jobs} not sent: needed are {number(needed)} credits{more}; the budget has {number(left)} left",
        f"Run the same command again with a --budget{by}.",
    )
    blocked_by = dict.fromkeys(key for error in refusals for key in error.blocked_by)
    if blocked_by and result.plan.journal is not None:
        journal = shlex.quote(str(result.plan.journal))
        terminal.note(
            f"The price of these jobs was never named, so that no more of their kind are sent: {', '.join(blocked_by)}"
        )
        terminal.note(f"Settle those in doubt (evolink-async settle {journal} KEY ...), or set --most-per-job.")


def _report_failed_tasks(result: RunResult, terminal: Terminal) -> None:
    has_any = any(isinstance(one, Failed) and isinstance(one.error, TaskError) for one in result.outcomes)
    if has_any and result.plan.journal is not None:
        terminal.note(
            "A task that failed is not bought again by the same command; with --retry-failed each is, once more."
        )


def _point_to_doubts(result: RunResult, terminal: Terminal) -> None:
    has_any = result.in_doubt or any(isinstance(outcome, Unknown) for outcome in result.outcomes)
    if has_any and result.plan.journal is not None:
        journal = shlex.quote(str(result.plan.journal))
        terminal.note(f"What to look for, for all jobs in doubt: evolink-async doubts {journal}")
