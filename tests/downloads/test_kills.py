"""`kill -9` in the middle of a file: nothing corrupt under its name, and the next run fetches what is missing."""

from __future__ import annotations

import asyncio
import random
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import attrs
import pytest

from evolink_async.downloads.downloads import _label
from evolink_async.downloads.transfer import SPILL_BYTES
from tests.downloads.test_downloads import completed_with
from tests.kit import soak, until

pytestmark = pytest.mark.anyio

DICE = random.Random(9)
FILM, OTHER = DICE.randbytes(3 << 20), DICE.randbytes(2 << 20)


@attrs.define
class Holder:
    """A host that sends a film up to a place, and then nothing more.

    Attributes:
        film: What it sends.
        tag: The version of that.
        stop: How far, of the whole film.
    """

    film: bytes
    tag: str = '"1"'
    stop: int | None = None
    url: str = ""
    asked: list[int] = attrs.field(factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request, one answer."""
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        wanted = re.search(r"Range: bytes=(\d+)-", request)
        self.asked.append(int(wanted[1]) if wanted else 0)
        start = int(wanted[1]) if wanted and f"If-Range: {self.tag}" in request else 0
        head = f"HTTP/1.1 {'206 Part' if start else '200 OK'}\r\nContent-Type: video/mp4\r\nETag: {self.tag}\r\n"
        head += f"Content-Range: bytes {start}-{len(self.film) - 1}/{len(self.film)}\r\n" if start else ""
        writer.write(f"{head}Content-Length: {len(self.film) - start}\r\n\r\n".encode() + self.film[start : self.stop])
        with suppress(ConnectionError):
            await reader.read()  # until the client leaves
        writer.close()


@asynccontextmanager
async def holding(host: Holder) -> AsyncIterator[Holder]:
    """The host on a free port."""
    server = await asyncio.start_server(host.serve, "127.0.0.1", limit=1 << 26)
    async with server:
        host.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/film.mp4"
        yield host


async def saver(folder: Path, host: Holder) -> asyncio.subprocess.Process:
    """A process that saves the host's film."""
    return await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.downloads.saver", str(folder), host.url)


def part_of(folder: Path) -> int:
    """Bytes in the part; 0 while there is none."""
    sizes = [0]
    for path in folder.glob(".*.part"):
        with suppress(FileNotFoundError):
            sizes.append(path.stat().st_size)
    return max(sizes)


async def kill_at(stop: int, folder: Path, host: Holder) -> int:
    """Kill a saver that has got so many bytes; gives how many of them are on the disk."""
    host.stop = stop
    before = len(host.asked)
    process = await saver(folder, host)
    try:
        await until(lambda: len(host.asked) > before and part_of(folder) > stop - SPILL_BYTES)
    finally:
        process.kill()
        await process.wait()
    assert not list(folder.glob("*.mp4"))
    return part_of(folder)


async def finish(folder: Path, host: Holder) -> None:
    """Let another saver do the rest."""
    host.stop = None
    process = await saver(folder, host)
    assert await process.wait() == 0
    [film] = folder.iterdir()
    assert film.name == "shot-1.mp4"
    assert film.read_bytes() == host.film


@pytest.mark.parametrize("stop", [soak(1), SPILL_BYTES + 1, soak(len(FILM) - 1)])
async def test_a_killed_download_goes_on_where_it_was(tmp_path, stop):
    """At most what is gathered for one hop to the disk is fetched again; no part is left."""
    async with holding(Holder(FILM)) as host:
        there = await kill_at(stop, tmp_path, host)
        await finish(tmp_path, host)
    assert stop - SPILL_BYTES < there <= stop
    assert host.asked == [0, max(0, there - 1)]


async def test_a_download_killed_when_it_was_whole_is_not_fetched_again(tmp_path):
    """But for one byte, as there is no asking for none."""
    async with holding(Holder(FILM)) as host:
        label = _label(completed_with(host.url), 0)
        (tmp_path / f".{label}.part").write_bytes(FILM)
        (tmp_path / f".{label}.mark").write_text(host.tag)
        await finish(tmp_path, host)
    assert host.asked == [len(FILM) - 1]


async def test_a_film_that_changed_meanwhile_is_fetched_anew(tmp_path):
    """No file is of two films."""
    async with holding(Holder(FILM)) as host:
        there = await kill_at(2 << 20, tmp_path, host)
        host.film, host.tag = OTHER, '"2"'
        await finish(tmp_path, host)
    assert host.asked == [0, there - 1]


async def test_two_processes_at_one_file_make_two(tmp_path):
    """The second neither waits nor writes into the part of the first."""
    async with holding(Holder(FILM, stop=1 << 20)) as host:
        first = await saver(tmp_path, host)
        await until(lambda: part_of(tmp_path) > 0 and host.asked)
        host.stop = None
        second = await saver(tmp_path, host)
        assert await second.wait() == 0
        first.kill()
        await first.wait()
        assert (tmp_path / "shot-1.mp4").read_bytes() == FILM
        assert 0 < part_of(tmp_path) <= 1 << 20
    assert host.asked == [0, 0]
