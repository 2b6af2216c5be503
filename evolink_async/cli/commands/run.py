"""The command `run`: runs the jobs of a JSONL file and saves their videos.

The jobs are read by `inputs.jobs_file`, and run by `running.whole_run`.
"""

from __future__ import annotations

from pathlib import Path

from ...errors import ConfigurationError
from .. import exit_codes
from ..inputs.jobs_file import STDIN, name_of, read_jobs
from ..inputs.run_options import RunOptions
from ..output.remarks import report_lines
from ..output.terminal import Terminal
from ..running.run_plan import RunPlan
from ..running.whole_run import RunMeans, run_to_end


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
    means = RunMeans(
        service=options.service,
        emulator_speed=options.emulator_speed(),
        budget=options.spending_limit(),
        results=options.results,
        has_page=True,
        dashboard_port=options.page_port(),
    )
    parsed = read_jobs(source)
    report_lines(name_of(source), parsed, terminal)
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
        retry_failed=options.retry_failed,
    )
    return run_to_end(plan, means, terminal, bad_lines=len(parsed.bad))


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
