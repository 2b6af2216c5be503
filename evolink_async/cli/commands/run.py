"""The command `run`: a JSONL file in, videos and outcomes out.

It reads, checks and reports; the jobs are carried out by `running`.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import attrs

from ...errors import ConfigurationError
from ...jobs import Completed
from ..inputs.job_lines import JobsFile, read_jobs
from ..inputs.service import Service, emulated
from ..output import outcomes as report
from ..output.results_file import ResultsWriter
from ..output.run_report import RunEnd, RunPlan, explain
from ..output.terminal import Terminal
from ..running.run_pool import carry_out


@attrs.frozen(kw_only=True)
class RunOptions:
    """What `run` was asked to do.

    Attributes:
        source: The file of jobs, "-" for standard input.
        out: The folder for videos.
        name: What they are called, None for their key.
        results: A file that outcomes are appended to, None for standard output.
        service: Where to; of an emulator only how to treat it counts.
        emulator_speed: How many times faster than life an emulator of our own is; None to use EvoLink.
        timeout: Seconds a task may take, None for as long as it likes.
        journal: The file to write jobs down in, None for memory.
        budget: Credits that may be spent at most, over all runs of the journal; None for no limit.
    """

    source: str
    out: Path
    results: Path | None
    service: Service
    emulator_speed: float | None
    timeout: float | None
    journal: Path | None = None
    budget: float | None = None
    name: str | None = None


def journal_beside(source: str, out: Path) -> Path:
    """Return where the journal of a jobs file is kept: in the folder of its videos, under its name.

    Args:
        source: The file of jobs; what is no lasting file, as standard input, goes by the name of that.
        out: The folder for videos.
    """
    return out / f"{Path(source).stem if source != '-' and Path(source).is_file() else 'stdin'}.journal.db"


def folder_of(source: str) -> Path:
    """Return what `file:` paths in a jobs file start from: its own folder, for standard input the current one."""
    return Path() if source == "-" else Path(source).parent


def run(options: RunOptions, terminal: Terminal) -> int:
    """Read, check, carry out, report; return the exit code.

    Raises:
        ConfigurationError: Something is wrong with the files, the folder, the key or the address.
    """
    file = read_jobs(lines_of(options.source), folder_of(options.source))
    _report_lines(options.source, file, terminal)
    if not file.jobs:
        terminal.note("There is no job to do; nothing was sent.")
        return report.FAILED if file.bad else report.OK
    return asyncio.run(_run(options, file, terminal))


def lines_of(source: str) -> list[bytes]:
    """Read a jobs file, "-" for standard input.

    Raises:
        ConfigurationError: It cannot be read.
    """
    try:
        content = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a name with a null byte
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise ConfigurationError(f"cannot read the jobs file {source!r}: {reason}") from None
    return content.split(b"\n")


def _report_lines(source: str, file: JobsFile, terminal: Terminal) -> None:
    name = "standard input" if source == "-" else source
    for remark in file.bad:
        terminal.complain(f"{name}, {remark}")
    for remark in file.notes:
        terminal.note(f"note: {name}, {remark}")
    if file.bad:
        count = f"{len(file.bad)} of {len(file.bad) + len(file.jobs)} lines"
        terminal.note(f"{count} are bad and are left out; correct them and run them in a file of their own.")


async def _run(options: RunOptions, file: JobsFile, terminal: Terminal) -> int:
    models = {job.key: job.params.model for job in file.jobs}
    async with AsyncExitStack() as stack:
        service = options.service
        if options.emulator_speed is not None:
            local = await stack.enter_async_context(emulated(options.emulator_speed))
            service = attrs.evolve(local, in_flight=service.in_flight, resubmit=service.resubmit)
        pool = service.pool(journal=options.journal, budget=options.budget)
        _refuse_as_results(options)
        tell = stack.enter_context(ResultsWriter(options.results, models, terminal))
        _make(options.out)
        ending = await carry_out(pool, _batch(options, file), terminal, tell)
    code = explain(ending, terminal)
    _close(ending, options.out, models, terminal)
    return report.exit_code(ending.outcomes, bad_lines=len(file.bad)) if code is None else code


def _batch(options: RunOptions, file: JobsFile) -> RunPlan:
    return RunPlan(
        jobs=file.jobs,
        folder=options.out,
        name=options.name,
        timeout=options.timeout,
        journal=options.journal,
        lines=file.lines,
        lives_on=options.emulator_speed is None,
    )


def _refuse_as_results(options: RunOptions) -> None:
    """Keep outcomes from being appended to a file that is something else."""
    results = options.results
    if results is None:
        return
    if options.source != "-" and results.exists() and results.samefile(options.source):
        raise ConfigurationError(f"the results file must not be the jobs file {options.source!r}")
    if options.journal is not None and results.resolve() == options.journal.resolve():
        raise ConfigurationError(f"the results file must not be the journal {str(options.journal)!r}")


def _make(folder: Path) -> None:
    """Make the folder, where the journal goes too."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"cannot write to the folder {str(folder)!r}: {error.strerror or error}") from None


def _close(ending: RunEnd, out: Path, models: dict[str, str], terminal: Terminal) -> None:
    if terminal.for_eyes and ending.outcomes:
        terminal.say(report.closing_table(ending.outcomes, models))
    files = (file for outcome in ending.outcomes if isinstance(outcome, Completed) for file in outcome.files)
    saved = any(file.absolute().is_relative_to(out.absolute()) for file in files)
    where = f"; videos in {out}" if saved else ""
    terminal.note(report.summary(ending.outcomes, ending.seconds) + where)
