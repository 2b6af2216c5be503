"""`nox -s bench`: CPU per submit and look, memory per watched task, import time; each with its rival and its goal."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tracemalloc
from pathlib import Path

import aiohttp
import attrs
from yarl import URL

import evolink_async as ev
from evolink_async.inflight import InFlight
from evolink_async.limits import Cadence
from evolink_async.permits import Permits
from evolink_async.poller import Poller

from .journal import journals
from .measure import ROUNDS, WORKERS, Row, lowest
from .vendor import KEY, vendor

HEADERS = {"Authorization": f"Bearer {KEY}"}
SHOT = {"model": "wan2.6-reference-video", "prompt": "A dance", "video_urls": ["https://example.com/a.mp4"]}


async def looks(base_url: str) -> list[Row]:
    """A look through the pool, beside a bare GET."""
    async with ev.SessionPool(KEY, base_url=base_url) as pool, aiohttp.ClientSession() as bare:
        task_id = (await pool.submit(ev.load_params(SHOT))).task_id
        url = URL(f"{base_url}/v1/tasks/{task_id}")

        async def rival(_: int) -> object:
            async with bare.get(url, headers=HEADERS) as reply:
                return await reply.json()

        theirs, ours = await lowest(rival, lambda _: pool.poll(task_id))
    return [Row("one look, pool.poll / bare GET", ours, theirs, "us CPU", 1.10)]


async def submits(base_url: str) -> list[Row]:
    """A submit through the pool, beside a bare POST on a fresh connection."""
    connector = aiohttp.TCPConnector(force_close=True)
    limits = ev.Limits(requests=WORKERS, submits=WORKERS)
    async with (
        ev.SessionPool(KEY, base_url=base_url, limits=limits) as pool,
        aiohttp.ClientSession(connector=connector) as bare,
    ):

        async def rival(number: int) -> object:
            body = SHOT | {"prompt": f"Take {number}"}
            async with bare.post(f"{base_url}/v1/videos/generations", json=body, headers=HEADERS) as reply:
                return await reply.json()

        async def ours(number: int) -> object:
            video = ev.Wan26ReferenceVideo(prompt=f"Take {number}", video_urls=SHOT["video_urls"])
            return await pool.submit(video)

        theirs_us, ours_us = await lowest(rival, ours)
    return [Row("one submit, validated and journalled / bare POST", ours_us, theirs_us, "us CPU", 1.50)]


async def memory(count: int = 100_000) -> list[Row]:
    """Bytes of a watched task, beside a sleeping asyncio task."""

    class Nobody:
        busy = 0
        poll_many = None

        async def poll(self, task_id: str) -> ev.EvolinkError:
            raise NotImplementedError

    def heard(_: InFlight, __: object) -> None: ...

    poller, account = Poller(Cadence(), Permits(1)), Nobody()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(count):
        poller.tasks.watch(
            f"task-unified-1757169743-{number:08}", account, heard, shape=("wan", None, None), accepted_at=0.0
        )
    ours = (tracemalloc.get_traced_memory()[0] - before) / count
    sleepers = [asyncio.create_task(asyncio.sleep(3600)) for _ in range(count // 10)]
    await asyncio.sleep(0)
    theirs = (tracemalloc.get_traced_memory()[0] - before - ours * count) / len(sleepers)
    tracemalloc.stop()
    for sleeper in sleepers:
        sleeper.cancel()
    await asyncio.gather(*sleepers, return_exceptions=True)
    return [Row("a watched task / a sleeping asyncio task", ours, theirs, "bytes", 0.50)]


def imports() -> list[Row]:
    """CPU time of importing us, beside importing aiohttp alone."""

    def milliseconds(module: str) -> float:
        code = f"import time; b = time.process_time(); import {module}; print(time.process_time() - b)"
        runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, check=True) for _ in range(ROUNDS)]
        return min(float(run.stdout) for run in runs) * 1000

    return [
        Row("import evolink_async / import aiohttp", milliseconds("evolink_async"), milliseconds("aiohttp"), "ms", 1.4)
    ]


async def measure() -> list[Row]:
    """Every row of the table."""
    with vendor() as base_url:
        rows = [*await looks(base_url), *await submits(base_url), *await journals(base_url)]
    return [*rows, *await memory(), *imports()]


def main() -> None:
    """Print the table; with a path as argument, write it there as JSON too."""
    rows = asyncio.run(measure())
    print(f"{'what':<52}{'ours':>9}{'rival':>9} {'unit':<8}{'ratio':>7}{'goal':>7}")
    for row in rows:
        missed = "" if row.ratio <= row.goal else "  missed"
        print(f"{row.what:<52}{row.ours:9.0f}{row.rival:9.0f} {row.unit:<8}{row.ratio:7.2f}{row.goal:7.2f}{missed}")
    if sys.argv[1:]:
        Path(sys.argv[1]).write_text(json.dumps([attrs.asdict(row) for row in rows], indent=1))


if __name__ == "__main__":
    main()
