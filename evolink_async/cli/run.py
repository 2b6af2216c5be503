"""The command `run`: a JSONL file in, videos and outcomes out.

It reads, checks and reports; the jobs are carried out by `running`.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from io import FileIO
from pathlib import Path

import attrs

from ..errors import ConfigurationError
from ..outcome import Completed, Outcome
from . import report
from .jobs_file import JobsFile, read_jobs
from .running import Batch, Ending, carry_out, explain_stop
from .service import Service, emulated
from .terminal import Terminal, json_text


@attrs.frozen(kw_only=True)
class Errand:
    """What `run` was asked to do.

    Attributes:
        source: The file of jobs, "-" for standard input.
        out: The folder for videos.
        results: A file that outcomes are appended to, None for standard output.
        service: Where to; of an emulator only how to treat it counts.
        emulator_speed: How many times faster than life an emulator of our own is; None to use EvoLink.
        timeout: Seconds a task may take, None for as long as it likes.
    """

    source: str
    out: Path
    results: Path | None
    service: Service
    emulator_speed: float | None
    timeout: float | None


def run(errand: Errand, terminal: Terminal) -> int:
    """Read, check, carry out, report; return the exit code.

    Raises:
        ConfigurationError: Something is wrong with the files, the folder, the key or the address.
    """
    file = read_jobs(_lines(errand.source))
    _report_lines(errand.source, file, terminal)
    if not file.jobs:
        terminal.note("There is no job to do; nothing was sent.")
        return report.FAILED if file.bad else report.OK
    return asyncio.run(_run(errand, file, terminal))


def _lines(source: str) -> list[bytes]:
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


async def _run(errand: Errand, file: JobsFile, terminal: Terminal) -> int:
    models = {job.key: job.params.model for job in file.jobs}
    async with AsyncExitStack() as stack:
        service = errand.service
        if errand.emulator_speed is not None:
            local = await stack.enter_async_context(emulated(errand.emulator_speed))
            service = attrs.evolve(local, in_flight=service.in_flight, resubmit=service.resubmit)
        pool = service.pool()
        tell = stack.enter_context(_Telling(errand, models, terminal))
        batch = Batch(jobs=file.jobs, folder=errand.out, timeout=errand.timeout)
        ending = await carry_out(pool, batch, terminal, tell)
    code = explain_stop(ending, terminal, can_go_on=errand.emulator_speed is None)
    _close(ending, errand.out, models, terminal)
    return report.exit_code(ending.outcomes, bad_lines=len(file.bad)) if code is None else code


def _close(ending: Ending, out: Path, models: dict[str, str], terminal: Terminal) -> None:
    if terminal.for_eyes and ending.outcomes:
        terminal.say(report.closing_table(ending.outcomes, models))
    saved = any(isinstance(outcome, Completed) and outcome.files for outcome in ending.outcomes)
    where = f"; videos in {out}" if saved else ""
    terminal.note(report.summary(ending.outcomes, ending.seconds) + where)


class _Telling:
    """Writes outcomes as JSON lines: to the results file, else to standard output if a program reads it."""

    def __init__(self, errand: Errand, models: dict[str, str], terminal: Terminal) -> None:
        self._errand, self._models, self._terminal = errand, models, terminal
        self._file: FileIO | None = None
        self._to_stdout = errand.results is None and not terminal.for_eyes

    def __enter__(self) -> Callable[[Outcome], None]:
        path = self._errand.results
        if path is not None:
            _refuse_input_as_results(self._errand.source, path)
            try:
                self._file = FileIO(path, "a")  # unbuffered: a line is there as soon as its job has ended
            except (OSError, ValueError) as error:
                reason = (error.strerror if isinstance(error, OSError) else None) or error
                raise ConfigurationError(f"cannot write the results file {str(path)!r}: {reason}") from None
        return self._tell

    def _tell(self, outcome: Outcome) -> None:
        told = report.outcome_object(outcome, self._models.get(outcome.key))
        if self._file is not None:
            self._append(self._file, told)
        if self._to_stdout:
            self._terminal.json_line(told)

    def _append(self, file: FileIO, told: dict[str, object]) -> None:
        line = json_text(told).encode()
        try:
            reason = "the disk is full" if file.write(line) < len(line) else None
        except OSError as error:
            reason = error.strerror or str(error)
        if reason is not None:
            self._terminal.complain(
                f"cannot write to the results file: {reason}",
                "This outcome and all that follow are on standard output instead.",
            )
            self._file, self._to_stdout = None, True
            file.close()

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()


def _refuse_input_as_results(source: str, results: Path) -> None:
    if source != "-" and results.exists() and results.samefile(source):
        raise ConfigurationError(f"the results file must not be the jobs file {source!r}")
