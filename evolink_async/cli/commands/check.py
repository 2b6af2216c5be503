"""The command `check`: what is wrong with a batch, before it is paid for.

Nothing is sent; without `--remote` not a single connection is made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import anyio
import attrs

from ...client import HttpOptions
from ...downloads import ResultReader
from ...errors import PreflightError
from ...media import MediaFacts
from ...params import AnyParams
from ...uploads import Preflight, billed_input_seconds
from ..inputs.job_lines import JobsFile, read_jobs
from ..output import outcomes as report
from ..output.terminal import Terminal, plain
from .run import folder_of, lines_of

_AT_ONCE = 16
"""Jobs looked at at once; with `--remote` the most connections."""


@attrs.frozen(kw_only=True)
class Checked:
    """What there is to say of a line.

    Attributes:
        line: Its number, counted from 1.
        key: The job's key; None if the line is no job.
        model: What it asks for.
        faults: What is wrong with it.
        billed: Seconds of input that are billed on top of the output; None where that is not known.
    """

    line: int
    key: str | None = None
    model: str | None = None
    faults: tuple[str, ...] = ()
    billed: float | None = None


def check(source: str, terminal: Terminal, *, reads_links: bool, allows_private: bool) -> int:
    """Check a jobs file and the files it names; return the exit code.

    Args:
        source: The file of jobs, "-" for standard input.
        terminal: Where to show what is wrong.
        reads_links: Read the beginning of what stands behind URLs too.
        allows_private: Read it from plain http and private addresses too.

    Raises:
        ConfigurationError: The file cannot be read.
    """
    file = read_jobs(lines_of(source), folder_of(source))
    options = HttpOptions(allow_private_results=allows_private) if reads_links else None
    found = asyncio.run(_checked(file, options))
    if terminal.for_eyes:
        _show(found, terminal)
    else:
        for one in found:
            terminal.json_line(checked_object(one))
    for remark in file.notes:
        terminal.note(f"note: {remark}")
    terminal.note(_summary(found))
    return report.FAILED if any(one.faults for one in found) else report.OK


async def _checked(file: JobsFile, options: HttpOptions | None) -> list[Checked]:
    """Look at every line, in their order; with options, at what stands behind URLs too."""
    preflight, result_reader = Preflight(), None if options is None else ResultReader(options)
    found = [Checked(line=remark.line, faults=(remark.text,)) for remark in file.bad]
    waiting = iter(file.jobs)

    async def work() -> None:
        for job in waiting:
            line = Checked(line=file.lines[job.key], key=job.key, model=job.params.model)
            try:
                facts = await _facts(job.params, preflight, result_reader)
            except PreflightError as error:
                found.append(attrs.evolve(line, faults=tuple(map(str, error.faults))))
            else:
                found.append(attrs.evolve(line, billed=billed_input_seconds(job.params, facts)))

    try:
        async with anyio.create_task_group() as group:
            for _ in range(_AT_ONCE):
                group.start_soon(work)
    finally:
        if result_reader is not None:
            await result_reader.aclose()
    return sorted(found, key=lambda one: one.line)


async def _facts(
    params: AnyParams, preflight: Preflight, result_reader: ResultReader | None
) -> Mapping[str, MediaFacts]:
    if result_reader is not None:
        return await preflight.remote(params, result_reader)
    return preflight.facts_of(await preflight.with_digests(params))


def checked_object(one: Checked) -> dict[str, object]:
    """Return the JSON object that tells what is wrong with a line."""
    return {
        "line": one.line,
        "custom_id": one.key,
        "model": one.model,
        "ok": not one.faults,
        "faults": list(one.faults),
        "billed_input_seconds": one.billed,
    }


def _show(found: list[Checked], terminal: Terminal) -> None:
    rows = [one for one in found if one.faults or one.billed is not None]
    if len(rows) > report.MAX_ROWS:
        rows.sort(key=lambda one: not one.faults)
    table = report.listing("line", "key", "billed input", "what is wrong", right=("line", "billed input"))
    for one in rows[: report.MAX_ROWS]:
        billed = "" if one.billed is None else f"{report.number(one.billed)} s"
        table.add_row(*map(plain, (str(one.line), one.key or "", billed, "\n".join(one.faults))))
    if len(rows) > report.MAX_ROWS:
        table.caption = f"and {len(rows) - report.MAX_ROWS} more"
    if rows:
        terminal.say(table)


def _summary(found: list[Checked]) -> str:
    bad = sum(bool(one.faults) for one in found)
    billed = [one.billed for one in found if one.billed is not None]
    words = f"bad lines: {bad} of {len(found)}" if bad else f"good lines: {len(found)}"
    seconds = f"; {report.number(sum(billed))} s of input are billed for {len(billed)}" if billed else ""
    return f"{words}{seconds}; nothing was sent."
