"""What a journal in a file costs: CPU of a submit, bytes on the disk, CPU and memory of a run that resumes."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import evolink_async as ev
from evolink_async.jobs import digest

from .cpu import LIMITS, shot
from .measure import MIB, Row, cpu, lowest, peak_bytes
from .service import Lives
from .stub import stub
from .vendor import KEY

RESUMED = 1_000_000


async def journal() -> AsyncIterator[Row]:
    """A submit with a journal in a file, beside one with the journal in memory."""
    with tempfile.TemporaryDirectory() as folder, stub(Lives()) as url:
        path = Path(folder) / "submits.db"
        async with (
            ev.SessionPool(KEY, base_url=url, limits=LIMITS) as memory,
            ev.SessionPool(KEY, base_url=url, limits=LIMITS, journal=path) as file,
        ):
            kept, written = await lowest(lambda n: memory.submit(shot(n)), lambda n: file.submit(shot(n)))
        with closing(sqlite3.connect(path)) as connection:
            [jobs, bodies] = connection.execute("SELECT count(*), sum(length(body)) FROM jobs").fetchone()
        beyond = (path.stat().st_size - bodies) / jobs
    yield Row("one submit, journal in a file / in memory", written, kept, "us CPU", 1.3)
    yield Row("a job in the file beyond its parameters / 1 KB", beyond, 1024, "bytes", 1.0)


def finished(count: int) -> Iterator[tuple[object, ...]]:
    """Rows of jobs that came to their end in an earlier run."""
    for number in range(count):
        params = shot(number)
        body, url = json.dumps(ev.dump_params(params)), f"https://files.evolink.ai/{number}.mp4?sig=0123456789abcdef"
        yield (f"shot-{number}", params.model, params.path, body, digest(params), f"task-{number}", json.dumps([url]))


def jobs(count: int) -> Iterator[ev.Job]:
    """The same jobs, as the input of a second run."""
    for number in range(count):
        yield ev.Job(f"shot-{number}", shot(number))


async def resume(count: int = RESUMED) -> AsyncIterator[Row]:
    """A run over finished jobs only; what making their parameters takes is measured by itself and taken off."""
    with tempfile.TemporaryDirectory() as folder, stub(Lives()) as url:
        path = Path(folder) / "resume.db"
        await _fill(path, url, count)
        making = -cpu()
        for _ in jobs(count):
            pass
        making += cpu()
        async with ev.SessionPool(KEY, base_url=url, journal=path) as pool:
            before, size = cpu(), peak_bytes()
            async with pool.run(jobs(count)) as stream:
                told = sum([1 async for _ in stream])
            each = (cpu() - before - making) / count * 1e6
    assert told == count
    yield Row(f"a finished job of {count:,} resumed / 25 us", each, 25, "us CPU", 1.0)
    yield Row("memory that grew by, resuming them / 32 MiB", (peak_bytes() - size) / MIB, 32, "MiB", 1.0)


async def _fill(path: Path, url: str, count: int) -> None:
    """Write a journal full of jobs that an earlier run has finished."""
    async with ev.SessionPool(KEY, base_url=url, journal=path):
        pass
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(
            "INSERT INTO jobs (key, state, model, path, body, digest, shape, task_id, urls, session, accepted_at,"
            " ended_at, expires_at, looks, lag) VALUES (?, 'completed', ?, ?, ?, ?, '', ?, ?, '', 1, 2, 9e9, 3, 1)",
            finished(count),
        )
