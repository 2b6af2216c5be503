"""The command `check`: finds what is wrong with jobs and their files, before anything is paid for.

Nothing is sent; without `--remote` no connection is made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import anyio
import attrs

from ...client import HttpOptions
from ...downloads import ResultReader
from ...errors import PreflightError
from ...media import MediaFacts, missing_libraries
from ...params import AnyParams, Params, local_media
from ...uploads import Preflight, billed_input_seconds
from ..exit_codes import FAILED, OK
from ..inputs.job_lines import ParsedJobs
from ..inputs.jobs_file import read_jobs
from ..output.numbers import number
from ..output.tables import MAX_ROWS, empty_table
from ..output.terminal import Terminal, plain

_WORKERS = 16
"""Jobs checked at once; with `--remote` also the most connections."""


@attrs.frozen(kw_only=True)
class CheckedLine:
    """What was found about one line.

    Attributes:
        line: The number of the line, counted from 1.
        key: The job's key; None if the line is no job.
        model: The model that the job asks for.
        faults: What is wrong with the line.
        billed: Seconds of input that are billed on top of the output; None if not known.
    """

    line: int
    key: str | None = None
    model: str | None = None
    faults: tuple[str, ...] = ()
    billed: float | None = None


def check(source: str, terminal: Terminal, *, reads_links: bool, allows_private: bool) -> int:
    """Check a jobs file and the files it names; return the exit code.

    Args:
        source: The jobs file, "-" for standard input.
        terminal: Where the result is printed.
        reads_links: Read the first mebibyte behind each URL too.
        allows_private: Read from plain http and private addresses too.

    Raises:
        ConfigurationError: The jobs file cannot be read.
    """
    parsed = read_jobs(source)
    options = HttpOptions(allow_private_results=allows_private) if reads_links else None
    checked = asyncio.run(_check_lines(parsed, options))
    _note_missing(parsed, terminal, reads_links=reads_links)
    if terminal.shows_tables:
        _show(checked, terminal)
    else:
        for one in checked:
            terminal.json_line(checked_object(one))
    for remark in parsed.notes:
        terminal.note(f"note: {remark}")
    terminal.note(_summary(checked))
    return FAILED if any(one.faults for one in checked) else OK


def _note_missing(parsed: ParsedJobs, terminal: Terminal, *, reads_links: bool) -> None:
    """Say once what is not checked, if there are files and the libraries that measure them are missing."""
    missing = missing_libraries()
    if missing and (
        reads_links or any(isinstance(job.params, Params) and local_media(job.params) for job in parsed.jobs)
    ):
        what = "lengths, pixels and pages of files are not checked in full"
        terminal.note(f'note: {what} without {", ".join(missing)}; to install: pip install "evolink-async[media]"')


async def _check_lines(parsed: ParsedJobs, options: HttpOptions | None) -> list[CheckedLine]:
    """Check every line; return them in the order of the file. With options, links are read too."""
    preflight, result_reader = Preflight(), None if options is None else ResultReader(options)
    checked = [CheckedLine(line=remark.line, faults=(remark.text,)) for remark in parsed.bad]
    # One iterator for all workers: each takes the next job when it is free.
    waiting = iter(parsed.jobs)

    async def work() -> None:
        for job in waiting:
            line = CheckedLine(line=parsed.line_numbers[job.key], key=job.key, model=job.params.model)
            try:
                facts = await _facts(job.params, preflight, result_reader)
            except PreflightError as error:
                checked.append(attrs.evolve(line, faults=tuple(map(str, error.faults))))
            else:
                checked.append(attrs.evolve(line, billed=billed_input_seconds(job.params, facts)))

    try:
        async with anyio.create_task_group() as group:
            for _ in range(_WORKERS):
                group.start_soon(work)
    finally:
        if result_reader is not None:
            await result_reader.aclose()
    return sorted(checked, key=lambda one: one.line)


async def _facts(
    params: AnyParams, preflight: Preflight, result_reader: ResultReader | None
) -> Mapping[str, MediaFacts]:
    if result_reader is not None:
        return await preflight.remote(params, result_reader)
    return preflight.facts_of(await preflight.with_digests(params))


def checked_object(checked: CheckedLine) -> dict[str, object]:
    """Return what was found about a line as a JSON object."""
    return {
        "line": checked.line,
        "custom_id": checked.key,
        "model": checked.model,
        "ok": not checked.faults,
        "faults": list(checked.faults),
        "billed_input_seconds": checked.billed,
    }


def _show(checked: list[CheckedLine], terminal: Terminal) -> None:
    # Valid lines without billed input are counted in the summary only.
    rows = [one for one in checked if one.faults or one.billed is not None]
    if len(rows) > MAX_ROWS:
        rows.sort(key=lambda one: not one.faults)
    table = empty_table("line", "key", "billed input", "what is wrong", right=("line", "billed input"))
    for one in rows[:MAX_ROWS]:
        billed = "" if one.billed is None else f"{number(one.billed)} s"
        table.add_row(*map(plain, (str(one.line), one.key or "", billed, "\n".join(one.faults))))
    if len(rows) > MAX_ROWS:
        table.caption = f"and {len(rows) - MAX_ROWS} more"
    if rows:
        terminal.say(table)


def _summary(checked: list[CheckedLine]) -> str:
    bad = sum(bool(one.faults) for one in checked)
    billed = [one.billed for one in checked if one.billed is not None]
    words = f"bad lines: {bad} of {len(checked)}" if bad else f"good lines: {len(checked)}"
    seconds = f"; {number(sum(billed))} s of input are billed for {len(billed)}" if billed else ""
    return f"{words}{seconds}; nothing was sent."
