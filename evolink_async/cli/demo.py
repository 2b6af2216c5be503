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

import aiohttp
import anyio.to_thread
import attrs
from rich.table import Table

from ..errors import ConfigurationError, ReplyError
from ..json_text import dump, parse
from ..outcome import Completed, Outcome
from . import report
from .ending import Batch, Ending, explain
from .footage import Footage, footage_of
from .jobs_file import read_jobs
from .media import make_media
from .running import carry_out
from .service import Service, emulated
from .terminal import Terminal, plain

_MEDIA = "media:"
_ROOMY_COLUMNS = 90  # with fewer the table needs every one of them
_UPLOAD = "/api/v1/files/upload/stream"


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
    """Return the packaged example jobs, one JSON object each; `media:` stands for a file made on the spot."""
    return (files(__name__.rpartition(".")[0]) / "examples" / "jobs.jsonl").read_bytes().splitlines()


def chosen(lines: Sequence[bytes], count: int | None) -> Sequence[bytes]:
    """Return the first `count` lines.

    Raises:
        ConfigurationError: There are not so many.
    """
    if count is not None and not 1 <= count <= len(lines):
        raise ConfigurationError(f"--jobs must be 1 to {len(lines)}, not {count}")
    return lines[:count]


async def _demo(out: Path, speed: float, lines: Sequence[bytes], terminal: Terminal) -> int:
    bodies = [parse(line) for line in lines]
    async with emulated(speed) as service:
        names = sorted(set(named_media(bodies)))
        terminal.note(f"A local EvoLink is up, {speed:g} times faster than life: no key, no cost.")
        links = await _bring_media(names, service)
        terminal.note(f"Made and uploaded {len(names)} reference files: clips, pictures, voices.")
        file = read_jobs(dump(with_links(body, links)) for body in bodies)
        terminal.note(f"Running {len(file.jobs)} jobs over {len({job.params.model for job in file.jobs})} models.")
        ending = await carry_out(service.pool(), Batch(jobs=file.jobs, folder=out, lives_on=False), terminal)
    code = explain(ending, terminal)
    models = {job.key: job.params.model for job in file.jobs}
    await _show(ending, models, out, terminal)
    return report.exit_code(ending.outcomes, bad_lines=len(file.bad)) if code is None else code


def named_media(value: object) -> Iterable[str]:
    """Find the names of all files that stand for something to be made, at any depth."""
    if isinstance(value, str) and value.startswith(_MEDIA):
        yield value.removeprefix(_MEDIA)
    elif isinstance(value, dict):
        yield from named_media([*cast("dict[str, object]", value).values()])
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield from named_media(item)


def with_links(value: object, links: Mapping[str, str]) -> object:
    """Return a value with the link of each file in the place of its name, at any depth."""
    if isinstance(value, str) and value.startswith(_MEDIA):
        return links[value.removeprefix(_MEDIA)]
    if isinstance(value, dict):
        return {name: with_links(item, links) for name, item in cast("dict[str, object]", value).items()}
    if isinstance(value, list):
        return [with_links(item, links) for item in cast("list[object]", value)]
    return value


async def _bring_media(names: Sequence[str], service: Service) -> dict[str, str]:
    """Make the files and upload them, as everybody has to do with local files; return their links."""
    with tempfile.TemporaryDirectory(prefix="evolink-demo-") as folder:
        headers = {"Authorization": f"Bearer {service.api_key}"}
        async with aiohttp.ClientSession(service.base_url, headers=headers) as http:
            links = [await _upload(http, name, await _content(name, Path(folder))) for name in names]
    return dict(zip(names, links, strict=True))


async def _content(name: str, folder: Path) -> bytes:
    return await anyio.to_thread.run_sync(lambda: make_media(name, folder).read_bytes())


async def _upload(http: aiohttp.ClientSession, name: str, content: bytes) -> str:
    form = aiohttp.FormData()
    form.add_field("file", content, filename=name, content_type="application/octet-stream")
    async with http.post(_UPLOAD, data=form) as reply:
        body = await reply.read()
    answer = parse(body) if reply.status == 200 else None
    stored = answer.get("data") if isinstance(answer, dict) else None
    link = stored.get("file_url") if isinstance(stored, dict) else None
    if not isinstance(link, str):
        raise ReplyError(f"the file service did not take {name}", status=reply.status)
    return link


@attrs.frozen
class Shot:
    """A row of the closing table: how a job ended, and what its file is if there is one."""

    outcome: Outcome
    footage: Footage | None


async def _show(ending: Ending, models: Mapping[str, str], out: Path, terminal: Terminal) -> None:
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
