"""Downloads at full size: drops, kills, names, long films. The small sizes are in `tests/downloads`."""

from __future__ import annotations

import asyncio
import random
import sys
import zlib
from pathlib import Path

import pytest

from evolink_async.downloads.result_reader import BUFFER_BYTES
from evolink_async.downloads.transfer import FLUSH_BYTES
from evolink_async.errors import DownloadError
from tests import servers
from tests.downloads.test_downloads import MIB, save
from tests.downloads.test_folder import hostile, publish_all, snapshot
from tests.downloads.test_kills import Holder, finish, holding, kill_at
from tests.downloads.test_transfers import Host, transfer
from tests.servers import Act, flood, reply

pytestmark = [pytest.mark.anyio, pytest.mark.soak, pytest.mark.timeout(900)]

GIB = 1 << 30
DICE = random.Random(1)


@pytest.mark.parametrize("seed", range(3))
async def test_five_hundred_drops(tmp_path, seed):
    """At random offsets of a long film: it is whole, and only what was not yet written comes twice."""
    dice = random.Random(seed)
    drops = [dice.choice([dice.randrange(1, 100), dice.randrange(MIB // 4), dice.randrange(MIB)]) for _ in range(500)]
    film = dice.randbytes(sum(drops) + MIB)
    host = Host(iter(drops), [film])
    await transfer(host, tmp_path / "film", max_bytes=len(film))
    assert (tmp_path / "film").read_bytes() == film
    sent = zip(host.asked, drops, host.asked[1:], strict=False)
    twice = [start + count - after for start, count, after in sent]
    print(f"fetched twice: {max(twice)} bytes at most, {sum(twice)} of {len(film)} in all")  # noqa: T201
    assert min(twice) >= 0
    assert max(twice) <= max(FLUSH_BYTES, 2 * BUFFER_BYTES)


async def test_a_hundred_kills(tmp_path):
    """At random places of one film: each run goes on where the one before it died."""
    host = Holder(DICE.randbytes(100 * MIB))
    async with holding(host):
        there = 0
        for _ in range(100):
            stop = min(there + DICE.randrange(1, 2 * MIB), len(host.film) - 1)
            now = await kill_at(stop, tmp_path, host)
            assert host.asked[-1] == max(0, there - 1)
            assert stop - FLUSH_BYTES < now <= stop
            there = now
        await finish(tmp_path, host)


def test_a_hundred_thousand_hostile_names(tmp_path):
    """Each a whole file in the folder, and none that was there before is touched."""
    folder = tmp_path / "inner"
    folder.mkdir()
    publish_all(folder, hostile(100_000))
    contents = snapshot(folder).values()
    assert sorted(int(content) for content in contents if isinstance(content, bytes)) == list(range(100_000))
    assert list(tmp_path.iterdir()) == [folder]


async def grown_by(folder: Path, act: Act | bytes) -> tuple[int, int]:
    """Save what a server sends, in a process of its own; gives its exit code, and the bytes its memory grew by."""
    async with servers.serving(act) as server:
        command = [sys.executable, "-m", "tests.downloads.saver", str(folder), f"{server.url}/film.mp4"]
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        told, _ = await process.communicate()
    return process.returncode or 0, int(told) * 1024


async def test_a_long_film_takes_little_memory(tmp_path):
    """2 GiB through at most 32 MiB."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: {2 * GIB}\r\n\r\n".encode()
    code, grown = await grown_by(tmp_path, flood(head, bytes(MIB), 2048))
    print(f"grew by {grown / MIB:.1f} MiB")  # noqa: T201
    assert code == 0
    assert (tmp_path / "shot-1.mp4").stat().st_size == 2 * GIB
    assert 0 < grown <= 32 * MIB


async def test_a_gzip_bomb_takes_little_memory(tmp_path):
    """1 GiB of zeros in one MiB: unpacked piece by piece, and saved, as it is within the limit."""
    packer = zlib.compressobj(wbits=31)
    body = b"".join([packer.compress(bytes(MIB)) for _ in range(1024)]) + packer.flush()
    code, grown = await grown_by(tmp_path, reply(body, Content_Encoding="gzip", Content_Type="video/mp4"))
    print(f"grew by {grown / MIB:.1f} MiB")  # noqa: T201
    assert code == 0
    assert (tmp_path / "shot-1.mp4").stat().st_size == GIB
    assert 0 < grown <= 32 * MIB


@pytest.mark.parametrize("size", [64, 512])
async def test_an_endless_body_ends_at_the_limit(tmp_path, size):
    """Nothing of it is left."""
    async with servers.serving(flood(b"HTTP/1.1 200 OK\r\n\r\n", bytes(MIB), 1 << 20)) as server:
        saved = await save(tmp_path, server.url, max_bytes=size * MIB)
    assert isinstance(saved.download_error, DownloadError)
    assert list(tmp_path.iterdir()) == []
