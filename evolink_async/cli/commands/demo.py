"""The command `demo`: the vendor's own example requests, from reference material to saved videos, at no cost.

It prepares material and shows results; the jobs are carried out by `running`, as those of `run` are.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import cast

import anyio.to_thread
import attrs
from rich.table import Table

from ...errors import ConfigurationError
from ...jobs import Completed, Outcome
from ...json_text import parse
from ..demo_material.media import make_media
from ..inputs.job_lines import read_jobs
from ..inputs.service import emulated
from ..output import outcomes as report
from ..output.run_report import RunEnd, RunPlan, explain
from ..output.terminal import Terminal, plain
from ..output.video_facts import Footage, footage_of
from ..running.run_pool import carry_out

_FILE = "file:"
_ROOMY_COLUMNS = 90  # with fewer the table needs every one of them


def demo(out: Path, *, speed: float, jobs: int | None, terminal: Terminal) -> int:
    """Run the examples on an emulator of our own and save their videos; return the exit code.

    Args:
        out: The folder for the videos.
        speed: Emulated seconds per real one.
        jobs: How many of the examples; None for all.
        terminal: Where to say and show it.

    Raises:
        ConfigurationError: The extra `emulator` is not installed, there are not so many examples, or the folder
            cannot be written to.
    """
    return asyncio.run(_demo(out.absolute(), speed, chosen(example_lines(), jobs), terminal))


def example_lines() -> list[bytes]:
    """Return the packaged example jobs, one JSON object each; `file:` stands for a file made on the spot."""
    return (files("evolink_async.cli.demo_material") / "jobs.jsonl").read_bytes().splitlines()


def chosen(lines: Sequence[bytes], count: int | None) -> Sequence[bytes]:
    """Return the first `count` lines.

    Raises:
        ConfigurationError: There are not so many.
    """
    if count is not None and not 1 <= count <= len(lines):
        raise ConfigurationError(f"--jobs must be 1 to {len(lines)}, not {count}")
    return lines[:count]


async def _demo(out: Path, speed: float, lines: Sequence[bytes], terminal: Terminal) -> int:
    with tempfile.TemporaryDirectory(prefix="evolink-demo-") as name:
        folder = Path(name)
        async with emulated(speed) as service:
            names = sorted(set(named_files([parse(line) for line in lines])))
            terminal.note(f"A local EvoLink is up, {speed:g} times faster than life: no key, no cost.")
            await anyio.to_thread.run_sync(_make, names, folder)
            terminal.note(
                f"Made {len(names)} reference files: clips, pictures, voices. Each is checked and uploaded once."
            )
            file = read_jobs(lines, folder)
            terminal.note(f"Running {len(file.jobs)} jobs over {len({job.params.model for job in file.jobs})} models.")
            ending = await carry_out(service.pool(), RunPlan(jobs=file.jobs, folder=out, lives_on=False), terminal)
    code = explain(ending, terminal)
    models = {job.key: job.params.model for job in file.jobs}
    await _show(ending, models, out, terminal)
    return report.exit_code(ending.outcomes, bad_lines=len(file.bad)) if code is None else code


def named_files(value: object) -> Iterable[str]:
    """Find the names of all local files, at any depth."""
    if isinstance(value, str) and value.startswith(_FILE):
        yield value.removeprefix(_FILE)
    elif isinstance(value, dict):
        yield from named_files([*cast("dict[str, object]", value).values()])
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield from named_files(item)


def _make(names: Sequence[str], folder: Path) -> None:
    for name in names:
        make_media(name, folder)


@attrs.frozen
class Shot:
    """A row of the closing table: how a job ended, and what its file is if there is one."""

    outcome: Outcome
    footage: Footage | None


async def _show(ending: RunEnd, models: Mapping[str, str], out: Path, terminal: Terminal) -> None:
    shots = [Shot(outcome, await anyio.to_thread.run_sync(_look, outcome)) for outcome in ending.outcomes]
    saved = sum(shot.footage is not None for shot in shots)
    if shots:
        terminal.say(shot_table(shots, models, is_tight=terminal.out.width < _ROOMY_COLUMNS))
        terminal.say()
    terminal.say(f"{report.summary(ending.outcomes, ending.seconds)} (all of it make-believe).")
    terminal.say(f"{saved} videos are in {out}")
    terminal.say("For real ones set EVOLINK_API_KEY, then:\n  evolink-async run jobs.jsonl --out videos")


def _look(outcome: Outcome) -> Footage | None:
    return footage_of(outcome.files[0]) if isinstance(outcome, Completed) and outcome.files else None


def shot_table(shots: Iterable[Shot], models: Mapping[str, str], *, is_tight: bool = False) -> Table:
    """Return the closing table: what was asked for, and what the files really are."""
    table = report.listing(
        *("job", "model", "pixels", "secs", "audio", "credits", "size", "lag"),
        right=("pixels", "secs", "credits", "size", "lag"),
        is_tight=is_tight,
    )
    for shot in sorted(shots, key=lambda shot: shot.outcome.key):
        table.add_row(*map(plain, cells_of(shot, models.get(shot.outcome.key, ""))))
    return table


def cells_of(shot: Shot, model: str) -> tuple[str, ...]:
    """Return the cells of one row."""
    outcome, footage = shot.outcome, shot.footage
    if footage is None or not isinstance(outcome, Completed):
        return outcome.key, model, report.status_of(outcome)
    return (
        outcome.key,
        model,
        f"{footage.width}x{footage.height}",
        f"{footage.seconds:g}",
        "yes" if footage.has_audio else "no",
        report.number(outcome.credits),
        f"{footage.size_bytes / 1000:.0f} kB",
        f"{outcome.timing.lag:.1f} s",
    )
