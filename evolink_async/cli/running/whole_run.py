"""A run from its plan to its exit code: the emulator if it has one, the pool, the folder, the report.

Which jobs are run is decided in `commands`; the run itself is in `run_pool`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import attrs

from ...errors import ConfigurationError
from ...jobs import Completed
from ...settings import Budget
from .. import exit_codes
from ..inputs.local_emulator import emulated
from ..inputs.service import Service
from ..output.notices import Notices
from ..output.outcomes import summary
from ..output.results_file import ResultsWriter
from ..output.run_report import report_run
from ..output.tables import closing_table
from ..output.terminal import Terminal
from .run_plan import RunPlan
from .run_pool import run_pool
from .run_result import RunResult


@attrs.frozen(kw_only=True)
class RunMeans:
    """What a run is carried out with.

    Attributes:
        service: The service, and how it is used.
        emulator_speed: Speed of the local emulator that stands for the service; None for no emulator.
        budget: The limit of spending; None for none.
        results: The file that outcomes are appended to; None for none.
    """

    service: Service
    emulator_speed: float | None = None
    budget: Budget | None = None
    results: Path | None = None


def run_to_end(plan: RunPlan, means: RunMeans, terminal: Terminal, *, bad_lines: int = 0) -> int:
    """Run the jobs of a plan and report on them; return the exit code.

    Args:
        plan: What to run.
        means: What it is carried out with.
        terminal: Where progress and results are printed.
        bad_lines: Lines of the jobs file that are not valid jobs.

    Raises:
        ConfigurationError: The folder, the API key, an address or an option is invalid; nothing was sent.
    """
    models = {job.key: job.params.model for job in plan.jobs}
    result = asyncio.run(_run(plan, models, means, terminal))
    report_run(result, terminal)
    _show(result, models, terminal)
    return exit_codes.of_run(result, bad_lines=bad_lines)


async def _run(plan: RunPlan, models: Mapping[str, str], means: RunMeans, terminal: Terminal) -> RunResult:
    async with AsyncExitStack() as stack:
        service = means.service
        if means.emulator_speed is not None:
            service = await stack.enter_async_context(emulated(means.emulator_speed, service))
        # In this order: a missing key or a bad address leaves no results file and no folder behind.
        pool = service.pool(journal=plan.journal, budget=means.budget, observer=Notices(terminal))
        # The results file may be in the folder.
        if plan.folder is not None:
            _make_folder(plan.folder)
        write = stack.enter_context(ResultsWriter(means.results, models, terminal))
        return await run_pool(pool, plan, terminal, write)


def _make_folder(folder: Path) -> None:
    # Before the pool is opened, which makes the journal in this folder.
    try:
        folder.mkdir(parents=True, exist_ok=True)
    # ValueError: a null byte.
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise ConfigurationError(f"cannot write to the folder {str(folder)!r}: {reason}") from None


def _show(result: RunResult, models: Mapping[str, str], terminal: Terminal) -> None:
    if terminal.shows_tables and result.outcomes:
        terminal.say(closing_table(result.outcomes, models))
    completed = [outcome for outcome in result.outcomes if isinstance(outcome, Completed)]
    out, where = result.plan.folder, ""
    if out is None and terminal.shows_tables:
        for outcome in completed:
            terminal.say("\n".join(outcome.urls))
    # A resumed job may have its video in the folder of an earlier run.
    files = (file for outcome in completed for file in outcome.files)
    if out is not None and any(file.absolute().is_relative_to(out.absolute()) for file in files):
        where = f"; videos in {out}"
    terminal.note(summary(result.outcomes, result.seconds) + where)
