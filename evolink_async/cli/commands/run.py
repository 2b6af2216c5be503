"""The command `run`: runs the jobs of a JSONL file and saves their videos.

The jobs are read by `inputs.jobs_file`, run by `running.run_pool` and reported by `output`.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from ...errors import ConfigurationError
from ...jobs import Completed
from .. import exit_codes
from ..inputs.job_lines import ParsedJobs
from ..inputs.jobs_file import STDIN, read_jobs
from ..inputs.local_emulator import emulated
from ..inputs.run_options import RunOptions
from ..output.notices import Notices
from ..output.outcomes import summary
from ..output.remarks import grouped
from ..output.results_file import ResultsWriter
from ..output.run_report import report_run
from ..output.tables import closing_table
from ..output.terminal import Terminal
from ..running.run_plan import RunPlan
from ..running.run_pool import run_pool
from ..running.run_result import RunResult


def run(source: str, options: RunOptions, terminal: Terminal) -> int:
    """Read, check and run the jobs of a file, and report on them; return the exit code.

    Args:
        source: The jobs file, "-" for standard input.
        options: The options of the command.
        terminal: Where progress and results are printed.

    Raises:
        ConfigurationError: A file, the folder, the API key, an address or an option is invalid; nothing was sent.
    """
    journal = options.journal_file(source)
    parsed = read_jobs(source)
    _report_lines(source, parsed, terminal)
    if not parsed.jobs:
        terminal.note("There is no job to do; nothing was sent.")
        return exit_codes.FAILED if parsed.bad else exit_codes.OK
    _check_results_file(options.results, source, journal)
    plan = RunPlan(
        jobs=parsed.jobs,
        folder=options.out,
        name=options.name,
        timeout=options.timeout,
        journal=journal,
        line_numbers=parsed.line_numbers,
        tasks_outlive_run=not options.emulator,
    )
    models = {job.key: job.params.model for job in parsed.jobs}
    result = asyncio.run(_run(plan, models, options, terminal))
    report_run(result, terminal)
    _show(result, models, terminal)
    return exit_codes.of_run(result, bad_lines=len(parsed.bad))


async def _run(plan: RunPlan, models: dict[str, str], options: RunOptions, terminal: Terminal) -> RunResult:
    async with AsyncExitStack() as stack:
        service = options.service
        if options.emulator:
            service = await stack.enter_async_context(emulated(options.speed, service))
        # In this order: a missing key or a bad address leaves no results file and no folder behind.
        pool = service.pool(journal=plan.journal, budget=options.spending_limit(), observer=Notices(terminal))
        # The results file may be in the folder.
        _make_folder(plan.folder)
        write = stack.enter_context(ResultsWriter(options.results, models, terminal))
        return await run_pool(pool, plan, terminal, write)


def _report_lines(source: str, parsed: ParsedJobs, terminal: Terminal) -> None:
    name = "standard input" if source == STDIN else source
    for remark in grouped(parsed.bad):
        terminal.error(f"{name}, {remark}")
    for remark in grouped(parsed.notes):
        terminal.note(f"note: {name}, {remark}")
    if parsed.bad:
        count = f"{len(parsed.bad)} of {len(parsed.bad) + len(parsed.jobs)} lines"
        terminal.note(f"{count} are bad and are left out; correct them and run them in a file of their own.")


def _check_results_file(results: Path | None, source: str, journal: Path | None) -> None:
    """Keep outcomes from being appended to the jobs file or the journal."""
    if results is None:
        return
    if source != STDIN and _are_one_file(results, Path(source)):
        raise ConfigurationError(f"the results file must not be the jobs file {source!r}")
    if journal is not None and _are_one_file(results, journal):
        raise ConfigurationError(f"the results file must not be the journal {str(journal)!r}")


def _are_one_file(one: Path, other: Path) -> bool:
    try:
        # By path too: the journal may not exist yet.
        return one.resolve() == other.resolve() or (one.exists() and other.exists() and one.samefile(other))
    # RuntimeError: a loop of symbolic links. No file can be at such paths: opening it tells the reason.
    except (OSError, ValueError, RuntimeError):
        return False


def _make_folder(folder: Path) -> None:
    # Before the pool is opened, which makes the journal in this folder.
    try:
        folder.mkdir(parents=True, exist_ok=True)
    # ValueError: a null byte.
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise ConfigurationError(f"cannot write to the folder {str(folder)!r}: {reason}") from None


def _show(result: RunResult, models: dict[str, str], terminal: Terminal) -> None:
    out = result.plan.folder
    if terminal.shows_tables and result.outcomes:
        terminal.say(closing_table(result.outcomes, models))
    files = (file for outcome in result.outcomes if isinstance(outcome, Completed) for file in outcome.files)
    # A resumed job may have its video in the folder of an earlier run.
    has_saved = any(file.absolute().is_relative_to(out.absolute()) for file in files)
    where = f"; videos in {out}" if has_saved else ""
    terminal.note(summary(result.outcomes, result.seconds) + where)
