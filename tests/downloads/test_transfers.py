"""A transfer that breaks off is taken up where it stopped, and only if the host's file is still the same."""

from __future__ import annotations

import asyncio
import hashlib
import random
import re
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest

from evolink_async.client import HttpOptions
from evolink_async.downloads import Folder, ResultReader
from evolink_async.downloads.names import Name
from evolink_async.downloads.part_file import PartFile
from evolink_async.downloads.transfer import Transfer
from evolink_async.errors import DownloadError
from evolink_async.jobs import SavedFile
from evolink_async.settings import RetryPolicy

pytestmark = pytest.mark.anyio

OPTIONS = HttpOptions(allow_private_results=True, connect_timeout=2, download_read_timeout=2)
POLICY = RetryPolicy(attempts=3, base=0.001, cap=0.001)
DICE = random.Random(4)
FILM, OTHER = DICE.randbytes(600_000), DICE.randbytes(500_000)


@attrs.define
class Host:
    """Serves one film; breaks off after so many bytes, time after time, until it has no more drops.

    Attributes:
        drops: Bytes of the body to send before each break.
        films: What is served; the next one from the second connection on, the third from the third ...
        tags: Whether it names versions; without them nothing can be resumed.
        knows_range: Whether it obeys Range.
        lies: Whether it says another place than the one it was asked for.
    """

    drops: Iterator[int]
    films: list[bytes]
    tags: bool = True
    knows_range: bool = True
    lies: bool = False
    url: str = ""
    asked: list[int] = attrs.field(factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request, one answer, and the connection is over."""
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        film = self.films.pop(0) if len(self.films) > 1 else self.films[0]
        tag = f'"{zlib.crc32(film):08x}"'
        wanted = re.search(r"Range: bytes=(\d+)-", request)
        start = int(wanted[1]) if wanted and self.knows_range and f"If-Range: {tag}" in request else 0
        self.asked.append(int(wanted[1]) if wanted else 0)
        status = "206 Partial Content" if start else "200 OK"
        head = f"HTTP/1.1 {status}\r\nContent-Type: video/mp4\r\nContent-Length: {len(film) - start}\r\n"
        head += f"ETag: {tag}\r\n" if self.tags else ""
        head += f"Content-Range: bytes {start + self.lies}-{len(film) - 1}/{len(film)}\r\n" if start else ""
        count = next(self.drops, len(film))
        writer.write(head.encode() + b"\r\n" + film[start : start + count])
        await writer.drain()
        writer.close()


@asynccontextmanager
async def serving(host: Host) -> AsyncIterator[Host]:
    """The host on a free port."""
    server = await asyncio.start_server(host.serve, "127.0.0.1")
    async with server:
        host.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/film.mp4"
        yield host


async def transfer(host: Host, path: Path, *, max_bytes: int = 1 << 20) -> None:
    """Fetch the host's film into a file."""
    result_reader = ResultReader(OPTIONS)
    try:
        async with serving(host):
            with PartFile(Folder(path.parent), "0" * 32) as part:
                await Transfer(host.url, part, max_bytes=max_bytes).run(result_reader, POLICY)
                saved = part.publish(Name(path.name, ""), "")
    finally:
        await result_reader.aclose()
    assert saved.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert saved == SavedFile(path, path.stat().st_size, saved.sha256, path.stat().st_mtime_ns)
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("seed", range(5))
async def test_a_hundred_drops_at_random_offsets_cost_nothing_twice(tmp_path, seed):
    """Each request asks for exactly what is missing; the file is whole; tries that bring bytes are not counted."""
    dice = random.Random(seed)
    drops = [dice.choice([1, dice.randrange(1, 4000), dice.randrange(4000, 12_000)]) for _ in range(100)]
    host = Host(iter(drops), [FILM])
    await transfer(host, tmp_path / "film")
    assert (tmp_path / "film").read_bytes() == FILM
    assert host.asked == [sum(drops[:number]) for number in range(101)]


async def test_a_film_that_changes_midway_is_fetched_anew(tmp_path):
    """What was there of the old one is thrown away: no file is of two films."""
    host = Host(iter([400_000]), [FILM, OTHER])
    await transfer(host, tmp_path / "film")
    assert (tmp_path / "film").read_bytes() == OTHER
    assert host.asked == [0, 400_000]


@pytest.mark.parametrize("gift", [{"knows_range": False}, {"tags": False}], ids=str)
async def test_a_host_that_cannot_resume_sends_it_all_again(tmp_path, gift):
    """The file is whole all the same; without a version nothing is resumed at all."""
    host = Host(iter([100_000]), [FILM], **gift)
    await transfer(host, tmp_path / "film")
    assert (tmp_path / "film").read_bytes() == FILM
    assert host.asked == [0, 100_000 if host.tags else 0]


async def test_a_part_from_another_place_is_refused(tmp_path):
    """Whatever the host meant, the file would not be the film, so all of it is fetched."""
    host = Host(iter([5000]), [FILM], lies=True)
    await transfer(host, tmp_path / "film")
    assert (tmp_path / "film").read_bytes() == FILM
    assert host.asked == [0, 5000, 0]


@pytest.mark.parametrize(
    "gift",
    [
        {"tags": False, "films": [FILM]},
        {"knows_range": False, "films": [FILM]},
        {"lies": True, "films": [FILM]},
        {"films": [FILM[number:] for number in range(99)]},
    ],
    ids=["no version", "no range", "wrong parts", "another film each time"],
)
@pytest.mark.parametrize("seed", range(5))
async def test_a_host_that_always_breaks_off_and_sends_no_part_is_given_up(tmp_path, seed, gift):
    """However far it got: what cannot be continued is no progress."""
    dice = random.Random(seed)
    host = Host(iter(lambda: dice.randrange(1, 500_000), None), **gift)
    with pytest.raises(DownloadError):
        await transfer(host, tmp_path / "film")
    assert 2 <= len(host.asked) <= 2 * POLICY.attempts


async def test_a_host_that_brings_nothing_more_is_given_up(tmp_path):
    """After as many tries in a row without a byte as the policy allows; the error is a plain one."""
    host = Host(iter([5000, *[0] * 50]), [FILM])
    with pytest.raises(DownloadError) as caught:
        await transfer(host, tmp_path / "film")
    assert type(caught.value) is DownloadError
    assert host.asked == [0, *[5000] * POLICY.attempts][: len(host.asked)]
    assert len(host.asked) == POLICY.attempts
