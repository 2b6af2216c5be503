"""A run from its plan to its exit code: the emulator if it has one, the pool, the folder, the report.

Which jobs are run is decided in `commands`; the run itself is in `run_pool`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import attrs

from ...errors import ConfigurationError, JournalError
from ...jobs import Completed
from ...pool import SessionPool
from ...settings import Budget
from .. import exit_codes
from ..inputs.local_emulator import emulated
from ..inputs.service import Service
from ..output.notices import Notices
from ..output.outcomes import summary
from ..output.pace import Pace, seconds_to_go
from ..output.progress_display import Progress
from ..output.results_file import ResultsWriter
from ..output.run_report import report_run
from ..output.settling import what_follows
from ..output.tables import closing_table
from ..output.terminal import Terminal
from .run_page import can_make_pages, check_dashboard, passing_journal, write_page
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
        has_page: Whether a page is written beside the films at the end.
        dashboard_port: The port of the live page, 0 for a free one; None for no live page.
    """

    service: Service
    emulator_speed: float | None = None
    budget: Budget | None = None
    results: Path | None = None
    has_page: bool = False
    dashboard_port: int | None = None


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
    with ExitStack() as stack:
        journal = plan.journal
        if journal is None and means.emulator_speed is not None and means.has_page and can_make_pages():
            journal = stack.enter_context(passing_journal("emulator"))
        if means.dashboard_port is not None:
            check_dashboard(journal)
        result = asyncio.run(_run(plan, models, means, journal, terminal))
        report_run(result, terminal)
        _show(result, models, terminal)
        if means.has_page and journal is not None and plan.folder is not None and result.outcomes:
            page = write_page(journal, plan.folder, terminal)
            if page is not None:
                terminal.note(f"Look at them in a browser: {page.as_uri()}")
    return exit_codes.of_run(result, bad_lines=bad_lines)


async def _run(
    plan: RunPlan, models: Mapping[str, str], means: RunMeans, journal: Path | None, terminal: Terminal
) -> RunResult:
    async with AsyncExitStack() as stack:
        service = means.service
        if means.emulator_speed is not None:
            service = await stack.enter_async_context(emulated(means.emulator_speed, service))
        # In this order: a missing key or a bad address leaves no results file and no folder behind.
        pool = service.pool(journal=journal, budget=means.budget, observer=Notices(terminal))
        # The results file may be in the folder.
        if plan.folder is not None:
            _make_folder(plan.folder)
        write = stack.enter_context(ResultsWriter(means.results, models, terminal))
        pace = Pace()
        if means.dashboard_port is not None and journal is not None:
            facts = partial(_facts, pool, pace, len(plan.jobs))
            page = _dashboard(journal, means.dashboard_port, pool, facts, terminal)
            await stack.enter_async_context(page)
        return await run_pool(pool, plan, terminal, write, pace)


@asynccontextmanager
async def _dashboard(
    journal: Path, port: int, pool: SessionPool, facts: Callable[[], Mapping[str, object]], terminal: Terminal
) -> AsyncGenerator[None, None]:
    from ...report import DashboardServer

    async def settle(key: str, how: str) -> str:
        await pool.settle(key, how)
        return what_follows(key, how)

    async with DashboardServer(journal, port, facts=facts, settle=settle) as server:
        terminal.note(f"Watch it in a browser: {server.address}")
        yield


def _facts(pool: SessionPool, pace: Pace, total: int) -> Mapping[str, object]:
    """Return what the live page shows of a run that its journal does not hold."""
    # A journal that cannot be read stops the run where jobs are sent, not here.
    try:
        stats = pool.stats()
    except JournalError:
        return {}
    progress = Progress(total=total, ended=pace.ended, seconds=0.0, stats=stats)
    to_go = seconds_to_go(stats, progress.counts()["queued"])
    return {
        "left": stats.credits_left,
        "rate": None if pace.latest is None else round(pace.latest, 1),
        "eta": None if to_go is None else round(to_go),
        "total": total,
    }


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
