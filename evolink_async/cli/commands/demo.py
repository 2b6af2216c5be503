"""The command `demo`: runs the vendor's own example requests on an emulator, with local reference files, at no cost.

The jobs and the reference files are in `demo_material`; the closing table is in `output.demo_table`.
"""

from __future__ import annotations

import asyncio
import shlex
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import cast

import anyio.to_thread

from ... import json_text
from ...errors import ConfigurationError
from .. import exit_codes
from ..demo_material.media import make_media
from ..inputs.job_lines import parse_jobs
from ..inputs.local_emulator import emulated
from ..output.demo_table import demo_table, read_row
from ..output.outcomes import summary
from ..output.run_report import report_run
from ..output.terminal import Terminal
from ..running.run_page import passing_journal, write_page
from ..running.run_plan import RunPlan
from ..running.run_pool import run_pool
from ..running.run_result import RunResult

REFERENCES = "references"
"""The folder, beside the videos, of the files that the examples name."""
JOBS = "jobs.jsonl"
"""The name of the jobs file in it."""

_FILE = "file:"

_WIDE_COLUMNS = 90
"""Columns of a terminal from which on the table has two spaces between columns."""


def demo(out: Path, *, speed: float, jobs: int | None, terminal: Terminal) -> int:
    """Run the examples on an embedded emulator and save their videos; return the exit code.

    Args:
        out: Folder for the videos.
        speed: Emulated seconds per real second.
        jobs: Number of examples to run; None for all.
        terminal: Where progress and results are printed.

    Raises:
        ConfigurationError: The extra `emulator` is not installed, `jobs` is out of range, or the folder cannot be
            written to.
    """
    lines, folder = first_lines(example_lines(), jobs), out.absolute()
    with passing_journal("demo") as journal:
        result, models, has_bad_lines = asyncio.run(_demo(folder, speed, lines, journal, terminal))
        report_run(result, terminal)
        page = write_page(journal, folder, terminal) if result.outcomes else None
    _show(result, models, page, terminal)
    return exit_codes.of_run(result, bad_lines=has_bad_lines)


def example_lines() -> list[bytes]:
    """Return the example jobs of the package, one JSON object each; `file:` names a file of `demo_material.media`."""
    return (files("evolink_async.cli.demo_material") / "jobs.jsonl").read_bytes().splitlines()


def first_lines(lines: Sequence[bytes], count: int | None) -> Sequence[bytes]:
    """Return the first `count` lines; all of them for None.

    Raises:
        ConfigurationError: `count` is less than 1 or more than there are.
    """
    if count is not None and not 1 <= count <= len(lines):
        raise ConfigurationError(f"--jobs must be 1 to {len(lines)}, not {count}")
    return lines[:count]


async def _demo(
    out: Path, speed: float, lines: Sequence[bytes], journal: Path, terminal: Terminal
) -> tuple[RunResult, Mapping[str, str], int]:
    """Run the jobs; return how it went, the model of each job, and the number of bad lines."""
    async with emulated(speed) as service:
        names = sorted(set(named_files([json_text.parse(line) for line in lines])))
        terminal.note(f"A local EvoLink emulator is running, {speed:g} times as fast as EvoLink: no key, no cost.")
        # In a thread: encoding takes seconds, and the emulator answers in this event loop.
        await anyio.to_thread.run_sync(_make_files, names, lines, out)
        terminal.note(f"Made {len(names)} reference files: clips, pictures, voices. Each is checked and uploaded once.")
        parsed = parse_jobs(lines, out / REFERENCES)
        models = {job.key: job.params.model for job in parsed.jobs}
        terminal.note(f"Running {len(parsed.jobs)} jobs over {len(set(models.values()))} models.")
        plan = RunPlan(jobs=parsed.jobs, folder=out, tasks_outlive_run=False)
        result = await run_pool(service.pool(journal=journal), plan, terminal)
    return result, models, len(parsed.bad)


def named_files(value: object) -> Iterable[str]:
    """Yield the names of all local files in a JSON value, at any depth."""
    if isinstance(value, str) and value.startswith(_FILE):
        yield value.removeprefix(_FILE)
    elif isinstance(value, dict):
        yield from named_files([*cast("dict[str, object]", value).values()])
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield from named_files(item)


def _make_files(names: Sequence[str], lines: Sequence[bytes], out: Path) -> None:
    """Make the reference files, and the jobs file beside them, so that the same jobs can be run again by hand."""
    folder = out / REFERENCES
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # A file that is there whole is a file of an earlier demo: it may have been changed, and stays.
        with tempfile.TemporaryDirectory(prefix=".making-", dir=folder) as making:
            for name in names:
                if not (folder / name).exists():
                    make_media(name, Path(making)).rename(folder / name)
        with suppress(FileExistsError), (folder / JOBS).open("xb") as file:
            file.write(b"".join(line + b"\n" for line in lines))
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise ConfigurationError(f"cannot write to the folder {str(out)!r}: {reason}") from None


def _show(result: RunResult, models: Mapping[str, str], page: Path | None, terminal: Terminal) -> None:
    rows = [read_row(outcome) for outcome in result.outcomes]
    saved = sum(row.facts is not None for row in rows)
    if rows:
        terminal.say(demo_table(rows, models, is_tight=terminal.out.width < _WIDE_COLUMNS))
        terminal.say()
    terminal.say(f"{summary(result.outcomes, result.seconds)} (by the emulator; nothing was paid).")
    out = result.plan.folder
    terminal.say(f"{saved} videos are in {out}")
    if page is not None:
        terminal.say(f"Look at them in a browser: {page.as_uri()}")
    if out is None:
        return
    jobs, again = shlex.quote(str(out / REFERENCES / JOBS)), shlex.quote(str(out / "again"))
    command = f"evolink-async run {jobs} --emulator --out {again} --dashboard"
    terminal.say(f"Next, the same jobs from a file, and a page that moves:\n  {command}")
    terminal.say("For real ones set EVOLINK_API_KEY and leave out --emulator; evolink-async check says what they cost.")
