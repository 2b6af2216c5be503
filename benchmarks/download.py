"""Saving a result of 200 MiB through `pool.run(download_to=)`, beside a bare aiohttp copy loop with SHA-256 and fsync.

It runs in a process of its own (`python -m benchmarks.download`), whose peak of memory is then that of downloading.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp

import evolink_async as ev

from .cpu import shot
from .measure import MIB, Row, cpu, peak_bytes
from .service import Lives
from .stub import stub
from .vendor import KEY

BYTES = 200 * MIB
SMALL = 8 * MIB
ROUNDS = 5
CADENCE = ev.Cadence(first_look=0.1, min_interval=0.05, max_interval=0.1)


def download() -> Iterator[Row]:
    """CPU, and the memory it takes."""
    with (
        tempfile.TemporaryDirectory() as folder,
        _host(Path(folder)) as host,
        stub(Lives(0.0, results=f"{host}/long.mp4?")) as url,
    ):
        command = [sys.executable, "-m", "benchmarks.download", url, host, folder]
        told = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
    yield Row("saving 200 MiB / bare copy, SHA-256 and fsync", told["ours"], told["bare"], "ms CPU", 1.3)
    yield Row("saving 200 MiB: memory that grew by / 32 MiB", told["grew"] / MIB, 32, "MiB", 1.0)


@contextmanager
def _host(folder: Path) -> Iterator[str]:
    """Serve one long file and a short one, from a process of their own; yields the address."""
    for name, size in (("small.mp4", SMALL), ("long.mp4", BYTES)):
        with (folder / name).open("wb") as file:
            for _ in range(0, size, MIB):
                file.write(os.urandom(MIB))
    command = [sys.executable, "-um", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout is not None
            yield f"http://127.0.0.1:{server.stdout.readline().split()[5]}"
        finally:
            server.terminate()


# --- in that process


async def _measured(url: str, host: str, folder: Path) -> dict[str, object]:
    http = ev.HttpOptions(allow_private_results=True)
    async with ev.SessionPool(KEY, base_url=url, cadence=CADENCE, http=http) as pool, aiohttp.ClientSession() as bare:
        await _copy(bare, f"{host}/small.mp4", folder / "bare.mp4")
        before = peak_bytes()
        ours, theirs = [await _save(pool, folder, 0)], list[float]()
        grew = peak_bytes() - before
        for turn in range(1, ROUNDS + 1):
            theirs.append(await _copy(bare, f"{host}/long.mp4", folder / "bare.mp4"))
            ours.append(await _save(pool, folder, turn))
    return {"ours": min(ours), "bare": min(theirs), "grew": grew}


async def _save(pool: ev.SessionPool, folder: Path, turn: int) -> float:
    began = cpu()
    async with pool.run([ev.Job(f"saved-{turn}", shot(turn))], download_to=folder / "saved") as outcomes:
        [outcome] = [outcome async for outcome in outcomes]
    assert isinstance(outcome, ev.Completed)
    assert outcome.files[0].stat().st_size == BYTES, outcome
    return (cpu() - began) * 1000


async def _copy(session: aiohttp.ClientSession, url: str, path: Path) -> float:
    began, digest = cpu(), hashlib.sha256()
    async with session.get(url) as reply:
        with path.open("wb") as file:
            async for piece in reply.content.iter_chunked(1 << 18):
                digest.update(piece)
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
    return (cpu() - began) * 1000


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_measured(sys.argv[1], sys.argv[2], Path(sys.argv[3])))))
