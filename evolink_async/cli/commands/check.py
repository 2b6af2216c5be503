"""The command `check`: finds what is wrong with jobs and their files, before anything is paid for.

Nothing is bought; without `--remote` and `--online` no connection is made.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import anyio
import attrs

from ...budget import Estimate, JobPrice, KnownPrices, PriceBasis, UnknownPrice, estimate, price_of
from ...client import HttpOptions
from ...downloads import ResultReader
from ...errors import PreflightError
from ...jobs import Job
from ...media import MediaFacts, missing_libraries
from ...params import AnyParams, Params, local_media
from ...uploads import Preflight, billed_input_seconds
from ...version import how_to_install
from ..exit_codes import FAILED, OK
from ..inputs.job_lines import ParsedJobs, Remark
from ..inputs.jobs_file import read_jobs
from ..inputs.known_prices import Recorded, basis_of, check_journal, free_jobs, known_prices, recorded_jobs
from ..inputs.service import Service
from ..output.estimates import estimate_note, estimate_object, estimate_table, price_object
from ..output.numbers import listed, number
from ..output.remarks import grouped
from ..output.tables import MAX_ROWS, empty_table
from ..output.terminal import Terminal, plain

_WORKERS = 16
"""Jobs checked at once; with `--remote` also the most connections."""


@attrs.frozen(kw_only=True)
class CheckedLine:
    """What was found about one line.

    Attributes:
        line: The number of the line, counted from 1.
        key: The job's key; None if the line is bad and has no valid one.
        model: The model that the line asks for.
        faults: What is wrong with the line.
        billed: Seconds of input that are billed on top of the output; None if not known.
        job: The job, with the digests of its files; None if it cannot be made of the line, or would be bought and
            something is wrong with its files.
        basis: What its price depends on.
        recorded: What the journal knows of the job, so that it costs nothing more; None if it would be bought.
        price: What it would cost, or why that is not known.
    """

    line: int
    key: str | None = None
    model: str | None = None
    faults: tuple[str, ...] = ()
    billed: float | None = None
    job: Job | None = None
    basis: PriceBasis | None = None
    recorded: Recorded | None = None
    price: JobPrice | UnknownPrice | None = None


def check(
    source: str,
    terminal: Terminal,
    *,
    reads_links: bool,
    allows_private: bool,
    journal: Path | None = None,
    service: Service | None = None,
    retry_failed: bool = False,
) -> int:
    """Check a jobs file and the files it names, and estimate what its jobs cost; return the exit code.

    Args:
        source: The jobs file, "-" for standard input.
        terminal: Where the result is printed.
        reads_links: Read the first mebibyte behind each URL too.
        allows_private: Read from plain http and private addresses too.
        journal: Journal file that knows prices, and which jobs were bought before; None for none.
        service: Whose price catalogue is asked for; None for no connection.
        retry_failed: Price jobs too whose tasks failed in an earlier run, as `run --retry-failed` buys them.

    Raises:
        ConfigurationError: The jobs file or the journal cannot be read, or there is no API key for `service`.
        JournalError: The file is no journal, or cannot be read.
    """
    check_journal(journal)
    parsed = read_jobs(source)
    options = HttpOptions(allow_private_results=allows_private) if reads_links else None
    checked, total = asyncio.run(_check_all(parsed, options, journal, service, retry_failed=retry_failed))
    _note_missing(parsed, terminal, reads_links=reads_links)
    if terminal.shows_tables:
        _show(checked, terminal)
        if total.jobs:
            terminal.say(estimate_table(total))
    else:
        for one in checked:
            terminal.json_line(checked_object(one))
        if any(one.job for one in checked):
            terminal.json_line({"estimate": estimate_object(total)})
    for remark in grouped(parsed.notes):
        terminal.note(f"note: {remark}")
    terminal.note(_summary(checked))
    if any(one.job for one in checked):
        terminal.note(estimate_note(total))
    return FAILED if any(one.faults for one in checked) else OK


def _note_missing(parsed: ParsedJobs, terminal: Terminal, *, reads_links: bool) -> None:
    """Say once what is not checked, if there are files and the libraries that measure them are missing."""
    missing = missing_libraries()
    if missing and (
        reads_links or any(isinstance(job.params, Params) and local_media(job.params) for job in parsed.jobs)
    ):
        what = "lengths, pixels and pages of files are not checked in full"
        terminal.note(f"note: {what} without {', '.join(missing)}; {how_to_install('media')}")


async def _check_all(
    parsed: ParsedJobs,
    options: HttpOptions | None,
    journal: Path | None,
    service: Service | None,
    *,
    retry_failed: bool,
) -> tuple[list[CheckedLine], Estimate]:
    """Check every line, then price the good ones."""
    prices = await known_prices(journal, service)
    checked = await _check_lines(parsed, options)
    jobs = [one.job for one in checked if one.job is not None]
    recorded = await recorded_jobs(journal, jobs, retry_failed=retry_failed)
    priced = [_priced(one, recorded, prices) for one in checked]
    counts = Counter(one.basis for one in priced if one.price is not None and one.basis is not None)
    free = free_jobs(one.recorded for one in priced if one.recorded is not None)
    return priced, estimate(counts, prices, free)


def _priced(line: CheckedLine, recorded: Mapping[str, Recorded], prices: KnownPrices) -> CheckedLine:
    known = None if line.job is None else recorded.get(line.job.key)
    if line.faults and known in (None, "conflict"):
        return attrs.evolve(line, job=None)
    if known is not None:
        # The files of a job that was sent are not needed any more.
        return attrs.evolve(line, recorded=known, faults=())
    if line.basis is None:
        return line
    return attrs.evolve(line, price=price_of(line.basis, prices))


async def _check_lines(parsed: ParsedJobs, options: HttpOptions | None) -> list[CheckedLine]:
    """Check every line; return them in the order of the file. With options, links are read too."""
    preflight, result_reader = Preflight(), None if options is None else ResultReader(options)
    checked: list[CheckedLine] = []
    # One iterator for all workers: each takes the next line when it is free.
    waiting: Iterator[Job | Remark] = iter((*parsed.bad, *parsed.jobs))

    async def work() -> None:
        for item in waiting:
            if isinstance(item, Remark):
                checked.append(await _check_bad_line(item, preflight))
            else:
                number = parsed.line_numbers[item.key]
                checked.append(await _check_job(item, number, preflight, result_reader))

    try:
        async with anyio.create_task_group() as group:
            for _ in range(_WORKERS):
                group.start_soon(work)
    finally:
        if result_reader is not None:
            await result_reader.aclose()
    return sorted(checked, key=lambda one: one.line)


async def _check_job(job: Job, number: int, preflight: Preflight, result_reader: ResultReader | None) -> CheckedLine:
    line = CheckedLine(line=number, key=job.key, model=job.params.model)
    try:
        facts = await _facts(job.params, preflight, result_reader)
        params = await preflight.with_digests(job.params)
    except PreflightError as error:
        return attrs.evolve(line, faults=tuple(map(str, error.faults)), job=job)
    billed, basis = billed_input_seconds(params, facts), basis_of(params, facts, preflight)
    return attrs.evolve(line, billed=billed, job=Job(job.key, params), basis=basis)


async def _check_bad_line(remark: Remark, preflight: Preflight) -> CheckedLine:
    """Check the files of a line whose fields are bad already: one correction is enough for both."""
    line = CheckedLine(line=remark.line, key=remark.key, model=remark.model, faults=remark.faults)
    return attrs.evolve(line, faults=(*line.faults, *map(str, await preflight.faults(remark.files))))


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
        "recorded": checked.recorded,
        "credits": None if checked.price is None else price_object(checked.price),
    }


def _show(checked: list[CheckedLine], terminal: Terminal) -> None:
    # Valid lines without billed input are counted in the summary only. Lines with equal faults share a row.
    rows: dict[object, list[CheckedLine]] = {}
    for one in checked:
        if one.faults or one.billed is not None:
            rows.setdefault(one.faults or one.line, []).append(one)
    chosen = sorted(rows.values(), key=lambda row: not row[0].faults) if len(rows) > MAX_ROWS else [*rows.values()]
    table = empty_table("line", "key", "billed input", "what is wrong", right=("line", "billed input"))
    for row in chosen[:MAX_ROWS]:
        first, count = row[0], f"\n({len(row)} lines)" if len(row) > 1 else ""
        billed = "" if first.billed is None else f"{number(first.billed)} s"
        keys = listed([one.key for one in row if one.key], 3)
        cells = (listed([one.line for one in row], 3), keys, billed, "\n".join(first.faults) + count)
        table.add_row(*map(plain, cells))
    if len(rows) > MAX_ROWS:
        table.caption = f"and {len(rows) - MAX_ROWS} more"
    if rows:
        terminal.say(table)


def _summary(checked: list[CheckedLine]) -> str:
    bad = sum(bool(one.faults) for one in checked)
    billed = [one.billed for one in checked if one.billed is not None]
    words = f"bad lines: {bad} of {len(checked)}" if bad else f"good lines: {len(checked)}"
    seconds = f"; {number(sum(billed))} s of input are billed for {len(billed)}" if billed else ""
    return f"{words}{seconds}; nothing was bought."
