"""Hosts that send too much, too little, or something else: little memory, whole files or none."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import socket
import time
import tracemalloc
import zlib
from itertools import pairwise
from typing import Any

import aiohttp
import attrs
import pytest

from evolink_async.client import HttpOptions
from evolink_async.downloads import ResultReader
from evolink_async.downloads.host_guard import guarded_socket
from evolink_async.downloads.retries import Retries
from evolink_async.errors import DownloadError, LinkExpiredError
from evolink_async.settings import RetryPolicy
from evolink_async.task import Snapshot
from tests.downloads.test_downloads import FILM, FORBIDDEN, HASTY, MIB, PRIVATE_TOO, save, text_of
from tests.footage import clip, image
from tests.servers import Act, flood, reply, serving

pytestmark = pytest.mark.anyio

OTHER = FILM[::-1]
CUT = reply(FILM[:1000], Content_Length=len(FILM), ETag='"1"', Content_Type="video/mp4")


def bomb(size_bytes: int) -> bytes:
    """Zeros, packed a thousandfold."""
    packer = zlib.compressobj(wbits=31)
    return b"".join([packer.compress(bytes(MIB)) for _ in range(size_bytes // MIB)]) + packer.flush()


def part_of(film: bytes, start: int, stop: int | None = None, *, tag: str = '"1"', total: int | None = None) -> bytes:
    """The answer to a Range."""
    body = film[start:stop]
    place = f"bytes {start}-{start + len(body) - 1}/{total or len(film)}"
    return reply(body, 206, Content_Range=place, ETag=tag, Content_Type="video/mp4")


def starts(heads: list[bytes]) -> list[int]:
    """Where each request wanted to begin."""
    ranges = [head.partition(b"Range: bytes=")[2].partition(b"-")[0] for head in heads]
    return [int(start or 0) for start in ranges]


# --- too much

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\n"
TOO_MUCH: dict[str, Act | bytes] = {
    "a gzip bomb": reply(bomb(128 * MIB), Content_Encoding="gzip"),
    "a deflate bomb": reply(zlib.compress(bytes(128 * MIB)), Content_Encoding="deflate"),
    "a body without an end": flood(PLAIN + b"\r\n", bytes(MIB), 1000),
    "chunks without an end": flood(
        PLAIN + b"Transfer-Encoding: chunked\r\n\r\n", b"%x\r\n%s\r\n" % (MIB, bytes(MIB)), 1000
    ),
    "one long header": flood(PLAIN + b"X-Long: ", b"x" * MIB, 10),
    "many headers": flood(PLAIN, b"X-Many: 1\r\n" * 100_000, 10),
    "a long status line": flood(b"HTTP/1.1 200 ", b"x" * MIB, 10),
    "a long chunk extension": flood(PLAIN + b"Transfer-Encoding: chunked\r\n\r\n5;", b"x" * MIB, 10),
}


@pytest.mark.parametrize("act", TOO_MUCH.values(), ids=TOO_MUCH)
async def test_too_much_is_refused_in_little_memory(tmp_path, act):
    """Our error, no file, and never more than 32 MiB."""
    async with serving(act) as server:
        tracemalloc.start()
        try:
            completed = await save(tmp_path, f"{server.url}/film.mp4", max_bytes=16 * MIB)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert isinstance(completed.download_error, DownloadError)
    assert list(tmp_path.iterdir()) == []
    assert peak <= 32 * MIB


async def test_what_is_announced_too_long_is_not_begun(tmp_path):
    """The error names the limit, the length, and the way out."""
    async with serving(reply(b"x", Content_Length=2 * MIB)) as server:
        completed = await save(tmp_path, f"{server.url}/film.mp4", max_bytes=MIB)
    assert str(completed.download_error) == (
        "the result has 2097152 bytes or more, longer than HttpOptions.max_download_bytes (1048576);"
        " raise that limit to save it"
    )
    assert server.accepted == 1


async def test_a_packed_film_within_the_limit_is_whole(tmp_path):
    """It was not requested, and the file is complete."""
    async with serving(reply(gzip.compress(FILM), Content_Encoding="gzip", Content_Type="video/mp4")) as server:
        completed = await save(tmp_path, f"{server.url}/film.mp4", max_bytes=len(FILM))
    assert completed.files[0].read_bytes() == FILM


@pytest.mark.parametrize("named", ["gzip", "deflate", "x-gzip", "aws-chunked", "utf-8", "GZIP ", "none"])
async def test_a_film_that_is_only_said_to_be_packed_is_whole(tmp_path, named):
    """Its first bytes show that it is not."""
    async with serving(reply(FILM, Content_Encoding=named, Content_Type="video/mp4")) as server:
        completed = await save(tmp_path, f"{server.url}/film.mp4", max_bytes=len(FILM))
    assert completed.files[0].read_bytes() == FILM


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress], ids=["gzip", "zlib"])
@pytest.mark.parametrize("named", ["gzip", "deflate"])
async def test_a_film_packed_in_another_way_than_named_is_whole(tmp_path, pack, named):
    """As some hosts say deflate and mean gzip."""
    async with serving(reply(pack(FILM), Content_Encoding=named, Content_Type="video/mp4")) as server:
        completed = await save(tmp_path, f"{server.url}/film.mp4", max_bytes=len(FILM))
    assert completed.files[0].read_bytes() == FILM


def raw_deflate(film: bytes) -> bytes:
    """Without the header of zlib."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(film) + packer.flush()


PACKED = {
    "two members": (gzip.compress(FILM[:9000]) + gzip.compress(FILM[9000:]), "gzip"),
    "two members, and zeros": (gzip.compress(FILM[:9000]) + bytes(700) + gzip.compress(FILM[9000:]) + bytes(9), "gzip"),
    "other bytes behind": (gzip.compress(FILM) + b"\r\n\x1f", "gzip"),
    "raw": (raw_deflate(FILM), "deflate"),
    "twice": (gzip.compress(gzip.compress(FILM)), "gzip, gzip"),
    "zlib, then gzip": (gzip.compress(zlib.compress(FILM)), "deflate, gzip"),
    "raw, then gzip": (gzip.compress(raw_deflate(FILM)), "deflate,X-GZIP"),
    "gzip, then nothing": (gzip.compress(FILM), "gzip, identity, "),
    "one of two": (gzip.compress(FILM), "aws-chunked, gzip"),
}


@pytest.mark.parametrize(("body", "named"), PACKED.values(), ids=PACKED)
async def test_a_film_packed_in_several_parts_or_layers_is_whole(tmp_path, body, named):
    """All of it is unpacked, not the first part or the outer layer."""
    async with serving(reply(body, Content_Encoding=named, Content_Type="video/mp4")) as server:
        completed = await save(tmp_path, f"{server.url}/film.mp4", max_bytes=len(FILM))
    assert completed.files[0].read_bytes() == FILM


async def test_members_that_arrive_byte_by_byte_are_one_film(tmp_path):
    """Where a member begins may be anywhere in what is received."""
    film = FILM[:600]
    body = gzip.compress(film[:300]) + gzip.compress(film[300:])

    async def trickle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(b"", Content_Length=len(body), Content_Encoding="gzip"))
        for byte in body:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)

    async with serving(trickle) as server:
        completed = await save(tmp_path, f"{server.url}/film.mp4")
    assert completed.files[0].read_bytes() == film


HALF_PACKED = {
    "second member cut": (gzip.compress(FILM[:9000]) + gzip.compress(FILM[9000:])[:-3], "gzip"),
    "second member damaged": (gzip.compress(FILM[:9000]) + b"\x1f\x8b" + FILM, "gzip"),
    "raw cut": (raw_deflate(FILM)[:-3], "deflate"),
    "inner layer unknown": (gzip.compress(FILM), "br, gzip"),
    "outer layer unknown": (gzip.compress(FILM), "gzip, zstd"),
    "inner layer cut": (gzip.compress(zlib.compress(FILM)[:-5]), "deflate, gzip"),
}


@pytest.mark.parametrize(("body", "named"), HALF_PACKED.values(), ids=HALF_PACKED)
async def test_what_cannot_be_unpacked_whole_is_not_saved(tmp_path, body, named):
    """The error names the compression."""
    async with serving(reply(body, Content_Encoding=named, Content_Type="video/mp4")) as server:
        completed = await save(tmp_path, f"{server.url}/film.mp4")
    assert "compressed" in str(completed.download_error)
    assert list(tmp_path.iterdir()) == []


# --- something else


@pytest.mark.parametrize("named", ["gzip", "deflate"])
async def test_a_packed_part_is_not_put_behind_a_plain_one(tmp_path, named):
    """From a proxy that packs only the second answer: all of it is fetched anew."""
    place = f"bytes 1000-{len(FILM) - 1}/{len(FILM)}"
    packed = reply(gzip.compress(FILM[1000:]), 206, Content_Range=place, ETag='"1"', Content_Encoding=named)
    async with serving([CUT, packed, reply(FILM)]) as server:
        completed = await save(tmp_path, f"{server.url}/film.mp4")
    assert completed.files[0].read_bytes() == FILM
    assert starts(server.heads) == [0, 1000, 0]


async def test_a_part_of_another_version_is_not_put_behind_the_first(tmp_path):
    """From a host that knows Range and not If-Range: all of it is fetched anew."""
    async with serving([CUT, part_of(OTHER, 1000, tag='"2"'), reply(OTHER, ETag='"2"')]) as server:
        completed = await save(tmp_path, f"{server.url}/film.mp4")
    assert completed.files[0].read_bytes() == OTHER
    assert starts(server.heads) == [0, 1000, 0]


async def test_a_film_that_became_shorter_is_fetched_anew(tmp_path):
    """The host has nothing at that place any more."""
    short = FILM[:500]
    async with serving([CUT, reply(b"", 416, Content_Range="bytes */500"), reply(short)]) as server:
        completed = await save(tmp_path, f"{server.url}/film.mp4")
    assert completed.files[0].read_bytes() == short
    assert starts(server.heads) == [0, 1000, 0]


async def test_a_host_that_sends_a_little_at_a_time_is_asked_on(tmp_path):
    """As some do: the range they serve is not the one that was asked for, but begins there."""
    bounds = [*range(1000, len(FILM), 7000), len(FILM)]
    answers = [part_of(FILM, start, stop) for start, stop in pairwise(bounds)]
    async with serving([CUT, *answers]) as server:
        completed = await save(tmp_path, f"{server.url}/film.mp4")
    assert completed.files[0].read_bytes() == FILM
    assert starts(server.heads) == [0, *bounds[:-1]]


@pytest.mark.parametrize("version", ['W/"1"', None], ids=["weak", "none"])
async def test_a_version_that_does_not_stand_for_the_bytes_is_not_resumed(tmp_path, version):
    """A weak tag promises the same film, not the same bytes."""
    cut = reply(FILM[:1000], Content_Length=len(FILM), ETag=version)
    async with serving([cut, reply(FILM)]) as server:
        completed = await save(tmp_path, f"{server.url}/film.mp4")
    assert completed.files[0].read_bytes() == FILM
    assert starts(server.heads) == [0, 0]


@pytest.mark.parametrize("length", ["-1", "1e3", "99999999999999999999999", "0x10", "5, 6"])
async def test_a_length_that_is_none_saves_nothing(tmp_path, length):
    """Whatever aiohttp makes of it: our error, no file."""
    async with serving(reply(FILM, Content_Length=length)) as server:
        completed = await save(tmp_path, f"{server.url}/film.mp4")
    assert isinstance(completed.download_error, DownloadError)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("status", [400, 412, 416])
async def test_a_host_that_refuses_parts_is_asked_for_all_of_it_once(tmp_path, status):
    """Some do not like a Range, or an If-Range; a second refusal is final."""
    async with serving([CUT, reply(b"", status), reply(FILM)]) as server:
        completed = await save(tmp_path, f"{server.url}/film.mp4")
    assert completed.files[0].read_bytes() == FILM
    assert starts(server.heads) == [0, 1000, 0]
    async with serving([CUT, reply(b"", status), reply(b"", status)]) as server:
        completed = await save(tmp_path, f"{server.url}/other.mp4", key="shot-2")
    assert str(completed.download_error) == f"the result's host answered HTTP {status}"
    assert starts(server.heads) == [0, 1000, 0]


async def test_a_part_of_a_file_whose_size_is_not_told_again_is_put_behind_the_first(tmp_path):
    """The first answer told the size (RFC 9110, section 14.4, allows a star)."""
    bounds = [1000, 8000, len(FILM)]
    places = [(start, stop, f"bytes {start}-{stop - 1}/*") for start, stop in pairwise(bounds)]
    parts = [reply(FILM[start:stop], 206, Content_Range=place, ETag='"1"') for start, stop, place in places]
    async with serving([CUT, *parts]) as server:
        completed = await save(tmp_path, f"{server.url}/film.mp4")
    assert completed.files[0].read_bytes() == FILM
    assert starts(server.heads) == [0, *bounds[:-1]]


async def test_a_part_of_a_file_of_unknown_size_is_not_taken_for_the_rest(tmp_path):
    """Nobody has told how long the file is, so all of it is fetched anew."""
    chunks = b'HTTP/1.1 200 OK\r\nETag: "1"\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n' + FILM[:1000]
    part = reply(FILM[1000:8000], 206, Content_Range="bytes 1000-7999/*", ETag='"1"')
    async with serving([chunks, part, reply(FILM)]) as server:
        completed = await save(tmp_path, f"{server.url}/film.mp4")
    assert completed.files[0].read_bytes() == FILM
    assert starts(server.heads) == [0, 1000, 0]


LAST = len(FILM) - 1
NO_PART: dict[str, bytes] = {
    "from another place": reply(FILM[990:], 206, Content_Range=f"bytes 990-{LAST}/{len(FILM)}", ETag='"1"'),
    "without a place": reply(FILM[1000:], 206, ETag='"1"'),
    "with a place that is none": reply(FILM[1000:], 206, Content_Range="bytes", ETag='"1"'),
    "all of it, called a part": reply(FILM, 206, Content_Range=f"bytes 1000-{LAST}/{len(FILM)}", ETag='"1"'),
    "all of it, called a part, in chunks": reply(
        b"%x\r\n%s\r\n0\r\n\r\n" % (len(FILM), FILM),
        206,
        Content_Length=None,
        Transfer_Encoding="chunked",
        Content_Range=f"bytes 1000-{LAST}/{len(FILM)}",
        ETag='"1"',
    ),
    "several parts in one": reply(
        b"--x\r\nContent-Type: video/mp4\r\n\r\n" + FILM[1000:], 206, Content_Type="multipart/byteranges; boundary=x"
    ),
    "several parts with one place": reply(
        FILM[1000:],
        206,
        Content_Type="multipart/byteranges",
        Content_Range=f"bytes 1000-{LAST}/{len(FILM)}",
        ETag='"1"',
    ),
}


@pytest.mark.parametrize("answer", NO_PART.values(), ids=NO_PART)
async def test_a_host_that_sends_no_part_is_asked_for_all_of_it(tmp_path, answer):
    """One dropped connection does not cost the film."""
    async with serving([CUT, answer, reply(FILM)]) as server:
        completed = await save(tmp_path, f"{server.url}/film.mp4")
    assert completed.files[0].read_bytes() == FILM
    assert starts(server.heads) == [0, 1000, 0]


EARLY, LATE = "Fri, 27 Nov 2026 01:00:00 GMT", "Fri, 27 Nov 2026 02:00:00 GMT"
OTHER_VERSIONS: dict[str, tuple[dict[str, str], dict[str, str], int]] = {
    "longer": ({"ETag": '"1"'}, {}, len(FILM) + 7),
    "longer, with the same tag": ({"ETag": '"1"'}, {"ETag": '"1"'}, len(FILM) + 7),
    "shorter": ({"Last_Modified": EARLY}, {}, len(FILM) - 7),
    "another tag": ({"ETag": '"1"'}, {"ETag": '"2"'}, len(FILM)),
    "another date, no tag": ({"ETag": '"1"', "Last_Modified": EARLY}, {"Last_Modified": LATE}, len(FILM)),
    "another date, same tag": (
        {"ETag": '"1"', "Last_Modified": EARLY},
        {"ETag": '"1"', "Last_Modified": LATE},
        len(FILM),
    ),
    "a tag where there was none": ({"Last_Modified": EARLY}, {"ETag": '"2"'}, len(FILM)),
    "a date where there was none": ({"ETag": '"1"'}, {"Last_Modified": LATE}, len(FILM)),
    "another weak tag": (
        {"ETag": 'W/"1"', "Last_Modified": EARLY},
        {"ETag": 'W/"2"', "Last_Modified": EARLY},
        len(FILM),
    ),
}


@pytest.mark.parametrize(("first", "second", "total"), OTHER_VERSIONS.values(), ids=OTHER_VERSIONS)
async def test_a_part_that_is_told_to_be_of_another_file_is_not_put_behind_the_first(tmp_path, first, second, total):
    """By its size, its tag or its date, and whatever was named in If-Range."""
    other = (OTHER + OTHER)[:total]
    cut = reply(FILM[:1000], Content_Length=len(FILM), **first)
    part = reply(other[1000:], 206, Content_Range=f"bytes 1000-{total - 1}/{total}", **second)
    async with serving([cut, part, reply(other)]) as server:
        completed = await save(tmp_path, f"{server.url}/film.mp4")
    assert completed.files[0].read_bytes() == other
    assert starts(server.heads) == [0, 1000, 0]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"ETag": '"1"', "Last_Modified": EARLY}, {"ETag": '"1"'}),
        ({"ETag": '"1"', "Last_Modified": EARLY}, {"Last_Modified": EARLY}),
        ({"ETag": 'W/"1"', "Last_Modified": EARLY}, {"ETag": 'W/"1"'}),
        ({"Last_Modified": EARLY}, {"Last_Modified": EARLY, "ETag": '"1"'}),
        ({"Last_Modified": EARLY}, {}),
        ({"ETag": '"1"'}, {}),
    ],
    ids=str,
)
async def test_a_part_that_is_told_less_of_is_put_behind_the_first(tmp_path, first, second):
    """Hosts need not repeat everything; the size is the same."""
    cut = reply(FILM[:1000], Content_Length=len(FILM), **first)
    part = reply(FILM[1000:], 206, Content_Range=f"bytes 1000-{LAST}/{len(FILM)}", **second)
    async with serving([cut, part]) as server:
        completed = await save(tmp_path, f"{server.url}/film.mp4")
    assert completed.files[0].read_bytes() == FILM
    assert starts(server.heads) == [0, 1000]


# --- an end that is not announced

MOVIE = clip(2)
OPEN: dict[str, Any] = {"Content_Length": None, "Content_Type": "video/mp4"}


def old(answer: bytes) -> bytes:
    """The answer of a host that speaks HTTP/1.0."""
    return answer.replace(b"HTTP/1.1", b"HTTP/1.0", 1)


TELLING = {
    "nothing is there": lambda size: reply(b"", 416, Content_Range=f"bytes */{size}"),
    "a part": lambda size: reply(b"x", 206, Content_Range=f"bytes {size - 1}-{size - 1}/{size}"),
    "all of it": lambda size: reply(MOVIE[:size]),
    "all of it, from a proxy": lambda size: reply(MOVIE[:size], 203),
}


@pytest.mark.parametrize("told", TELLING.values(), ids=TELLING)
async def test_an_end_that_is_not_announced_is_asked_for(tmp_path, told):
    """Once; whatever the body looks like."""
    body = MOVIE[:-9]
    async with serving([reply(body, **OPEN), told(len(body))]) as server:
        completed = await save(tmp_path, f"{server.url}/film.mp4")
    assert completed.files[0].read_bytes() == body
    assert starts(server.heads) == [0, len(body)]


@pytest.mark.parametrize("told", TELLING.values(), ids=TELLING)
async def test_a_body_that_is_cut_before_its_end_is_fetched_again(tmp_path, told):
    """The host tells that the file is longer, and the rest is asked for if it has a version."""
    cut, rest = MOVIE[:1000], part_of(MOVIE, 1000)
    async with serving([reply(cut, ETag='"1"', **OPEN), told(len(MOVIE)), rest]) as server:
        completed = await save(tmp_path / "a", f"{server.url}/film.mp4")
    assert completed.files[0].read_bytes() == MOVIE
    assert starts(server.heads) == [0, 1000, 1000]
    async with serving([old(reply(cut, **OPEN)), told(len(MOVIE)), reply(MOVIE)]) as server:
        completed = await save(tmp_path / "b", f"{server.url}/film.mp4")
    assert completed.files[0].read_bytes() == MOVIE


SILENT = {
    "no file": reply(b"", 404),
    "busy": reply(b"", 503),
    "no part": reply(MOVIE, Content_Length=None),
    "no size": reply(b"", 416),
    "a star": reply(b"x", 206, Content_Range="bytes 0-0/*"),
    "a smaller file": reply(b"", 416, Content_Range="bytes */9"),
    "no HTTP": b"hello\r\n",
    "a redirect to nowhere": reply(b"", 302, Location="file:///etc/passwd"),
}


@pytest.mark.parametrize("silent", SILENT.values(), ids=SILENT)
async def test_where_no_host_tells_the_end_the_film_does(tmp_path, silent):
    """A whole one is saved after one question; one whose last box is cut is fetched again."""
    async with serving([reply(MOVIE, **OPEN), silent]) as server:
        completed = await save(tmp_path / "a", f"{server.url}/film.mp4")
    assert completed.files[0].read_bytes() == MOVIE
    async with serving([reply(MOVIE[:-1], **OPEN), silent, reply(MOVIE, **OPEN)] + [silent] * 2) as server:
        completed = await save(tmp_path / "b", f"{server.url}/film.mp4")
    assert completed.files[0].read_bytes() == MOVIE


async def test_a_film_that_is_always_cut_is_an_error(tmp_path):
    """After the tries of the policy, and one question about its end."""
    cut, policy = reply(MOVIE[: len(MOVIE) // 2], **OPEN), HASTY
    async with serving([cut, reply(MOVIE, Content_Length=None)] + [cut] * 9) as server:
        completed = await save(tmp_path, f"{server.url}/film.mp4")
    assert "ended before the result did" in str(completed.download_error)
    assert list(tmp_path.iterdir()) == []
    assert server.accepted == policy.attempts + 1


async def test_an_end_that_is_announced_is_not_asked_for(tmp_path):
    """By a length, by chunks, or by the compression."""
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(MOVIE), MOVIE)
    for number, answer in enumerate(
        [
            reply(MOVIE),
            reply(chunks, Content_Length=None, Transfer_Encoding="chunked"),
            reply(gzip.compress(MOVIE), Content_Length=None, Content_Encoding="gzip"),
        ]
    ):
        async with serving(answer) as server:
            completed = await save(tmp_path, f"{server.url}/film.mp4", key=f"shot-{number}")
        assert completed.files[0].read_bytes() == MOVIE
        assert server.accepted == 1


async def test_nothing_at_all_is_no_end(tmp_path):
    """The connection ended behind the headers."""
    async with serving([reply(b"", **OPEN), reply(MOVIE)]) as server:
        completed = await save(tmp_path, f"{server.url}/film.mp4")
    assert completed.files[0].read_bytes() == MOVIE


# --- asked again

LATER = {
    "not there yet": reply(b"", 404),
    "too early": reply(b"", 425),
    "too many": reply(b"", 429, Retry_After="0"),
    "busy": reply(b"", 503, Retry_After="soon"),
}


@pytest.mark.parametrize("answered", LATER.values(), ids=LATER)
async def test_a_host_that_will_have_the_file_soon_is_asked_again(tmp_path, answered):
    """The task has just ended, and its file is on its way to this host."""
    async with serving([answered, reply(FILM)]) as server:
        completed = await save(tmp_path, f"{server.url}/film.mp4", finished_at=time.time())
    assert completed.files[0].read_bytes() == FILM


async def test_a_new_link_is_taken_before_the_old_one_is_waited_for(tmp_path):
    """The service is asked for one at once, as the host may say 404 of a link that has expired."""
    async with serving(reply(b"", 404)) as old, serving(reply(FILM)) as new:

        async def fresh(task_id: str) -> Snapshot:
            return Snapshot(task_id=task_id, state="completed", urls=(f"{new.url}/film.mp4",))

        completed = await save(tmp_path, f"{old.url}/film.mp4", finished_at=time.time(), poll=fresh)
    assert completed.files[0].read_bytes() == FILM
    assert (old.accepted, new.accepted) == (1, 1)


async def test_a_host_that_never_has_the_file_is_given_up(tmp_path):
    """After as many tries as the policy allows, and at once if the task ended long ago."""
    for finished_at, tries in ((time.time(), HASTY.attempts), (time.time() - HASTY.patience, 1)):
        async with serving(reply(b"", 404)) as server:
            completed = await save(tmp_path, f"{server.url}/film.mp4", finished_at=finished_at)
        assert type(completed.download_error) is LinkExpiredError
        assert server.accepted == tries
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("status", [404, 408, 425, 429, 500, 503])
async def test_a_wait_beyond_the_patience_ends_the_tries(tmp_path, status):
    """The host asks for a day; coming back earlier is not what it asked for."""
    async with serving(reply(b"", status, Retry_After=86400)) as server:
        completed = await save(tmp_path, f"{server.url}/film.mp4", finished_at=time.time())
    message = f"the result's host answered HTTP {status}, and asked to wait 86400 s"
    assert str(completed.download_error) == message
    assert server.accepted == 1


@pytest.mark.parametrize("asked", [None, 0.0, 0.5, 5.0, 299.0])
def test_no_pause_is_shorter_than_the_host_asks(asked):
    """The own delay is added, so that many do not come back at the same moment."""
    policy = RetryPolicy(attempts=3, base=0.5, cap=1.0, patience=300)
    pause = Retries(policy, 0.0).pause(asked, now=0.0, has_progress=False)
    assert pause is not None
    assert (asked or 0) <= pause <= (asked or 0) + 0.5


def test_pauses_together_are_no_longer_than_the_patience():
    """Bytes that arrive make a new beginning."""
    retries = Retries(RetryPolicy(attempts=9, base=0.001, cap=0.001, patience=10), 0.0)
    tries = enumerate((False, False, True, False, False))
    pauses = [retries.pause(4.0, now=4.1 * number, has_progress=has_progress) for number, has_progress in tries]
    assert [pause is None for pause in pauses] == [False, False, False, False, True]


# --- names that lead home


@pytest.fixture
def listener():
    """A port on loopback that must get no connection."""
    with socket.socket() as four:
        four.bind(("127.0.0.1", 0))
        four.listen()
        four.setblocking(False)
        yield four.getsockname()[1]
        with pytest.raises(BlockingIOError):
            four.accept()


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["169.254.169.254"], ["::ffff:127.0.0.1"], ["127.0.0.1", "::1"]],
    ids=str,
)
async def test_a_name_that_resolves_to_this_machine_is_not_followed(monkeypatch, listener, addresses):
    """Public by its name, private by its address, be it at the second look-up only: no connection is made."""

    async def resolve(host: str, port: int, *_: object, **__: object) -> list[tuple]:
        families = {True: socket.AF_INET6, False: socket.AF_INET}
        return [
            (families[":" in one], socket.SOCK_STREAM, 6, "", (one, port, 0, 0) if ":" in one else (one, port))
            for one in addresses
        ]

    # On the loop, as uvloop never asks the module `socket`.
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    with pytest.raises(DownloadError, match="no public address"):
        await text_of(f"https://films.example:{listener}/film.mp4", HttpOptions(connect_timeout=0.3))


@pytest.mark.parametrize("host", FORBIDDEN)
async def test_no_redirect_leads_to_a_private_address(listener, host):
    """However it is written: the host that redirects is the only one that is met."""
    async with serving(reply(b"", 302, Location=f"http://{host}:{listener}/film.mp4")) as server:

        def guard(info: tuple) -> socket.socket:
            is_first = info[4][1] == server.port  # it stands in for a public host
            return socket.socket(*info[:3]) if is_first else guarded_socket(info)

        result_reader = ResultReader(PRIVATE_TOO)
        result_reader._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(socket_factory=guard))
        with pytest.raises(DownloadError):
            async with result_reader.open(server.url):
                raise AssertionError("opened")
        await result_reader.aclose()
        assert server.accepted == 1


async def test_a_packed_result_is_unpacked_and_whole(tmp_path):
    """Content-Length counts the packed bytes, so it is not compared with the file."""
    async with serving(reply(gzip.compress(FILM), Content_Encoding="gzip")) as server:
        saved = await save(tmp_path, server.url)
    assert saved.download_error is None
    assert saved.files[0].read_bytes() == FILM


PAGES = {
    "a page": b"<!DOCTYPE html><html>Log in</html>",
    "a page behind empty lines": b"\r\n\t  <html>",
    "a page in latin-1": "<html>Zugriff verweigert: Schlüssel".encode("latin-1"),
    "a page in UTF-16": "<html>Log in</html>".encode("utf-16"),
    "a page with a mark": b"\xef\xbb\xbf<html>",
    "a long page": b"<html>" + b"<p>Busy.</p>" * 200_000,
    "an error in XML": b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
    "an error in JSON": b'{"error": "AccessDenied"}',
}
WORDS = b"Not yet."


@pytest.mark.parametrize("named", ["text/html", "application/json", "video/mp4", "application/octet-stream", None])
@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
async def test_a_page_is_no_video_whatever_it_is_called(tmp_path, page, named):
    """Status 200 alone does not make a result, nor does a type."""
    async with serving(reply(page, Content_Type=named)) as server:
        saved = await save(tmp_path, server.url + "/film.mp4")
    assert type(saved.download_error) is DownloadError
    assert "a text" in str(saved.download_error)
    assert list(tmp_path.iterdir()) == []
    assert server.accepted == HASTY.attempts


@pytest.mark.parametrize("named", ["text/plain", "text/html; charset=utf-8", "application/json", "application/xml"])
async def test_words_that_are_called_a_text_are_no_video(tmp_path, named):
    """They begin as no page does."""
    async with serving(reply(WORDS, Content_Type=named)) as server:
        saved = await save(tmp_path, server.url + "/film.mp4")
    assert "a text" in str(saved.download_error)


PERHAPS_PAGES: dict[str, tuple[bytes, str | None]] = {
    "words without a name": (b"Access denied", None),
    "words named bytes": (b"Access denied", "application/octet-stream"),
    "words named a video": (b"error code: 1010", "video/mp4"),
    "words in latin-1": ("Schlüssel fehlt".encode("latin-1"), "video/mp4"),
    "words in UTF-16": ("Zugriff verweigert".encode("utf-16-le"), "video/mp4"),
    "a page with a zero": (b"<html>\0Log in</html>", "video/mp4"),
    "a page with the end of a DOS text": (b"<HTML><body>\x1aLog in</body>", None),
    "a page in UTF-16 without a mark": ("<html>Log in</html>".encode("utf-16-be"), "video/mp4"),
    "a Chinese page in UTF-16": ("<html>\u767b\u5f55\u3002".encode("utf-16"), "video/mp4"),
    "a packed page": (gzip.compress(b"<html>Log in</html>"), "text/html"),
    "bytes named HTML": (FILM, "text/html; charset=utf-8"),
    "bytes named JSON": (FILM, "application/problem+json"),
    "bytes named XML": (FILM, "application/xml"),
}


@pytest.mark.parametrize(("body", "named"), PERHAPS_PAGES.values(), ids=PERHAPS_PAGES)
async def test_a_text_is_no_video_in_whatever_bytes(tmp_path, body, named):
    """Words of a firewall, and pages that no browser would find clean."""
    async with serving(reply(body, Content_Type=named)) as server:
        saved = await save(tmp_path, server.url + "/film.mp4")
    assert "a text" in str(saved.download_error)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("named", ["video/mp4", "text/plain", "application/octet-stream", None])
@pytest.mark.parametrize("body", [FILM, OTHER, bytes(900)], ids=["bytes", "bytes behind a mark of UTF-16", "zeros"])
async def test_what_nobody_knows_is_saved(tmp_path, body, named):
    """Nobody knows every format."""
    async with serving(reply(body, Content_Type=named)) as server:
        saved = await save(tmp_path, server.url + "/film.mp4")
    assert saved.files[0].read_bytes() == body


async def test_a_page_that_came_in_two_parts_is_no_video(tmp_path):
    """The connection broke, and the rest was asked for: all that is there is looked at."""
    page = PAGES["a page"]
    cut = reply(page[:1], Content_Length=len(page), ETag='"1"')
    async with serving([cut, part_of(page, 1)]) as server:
        saved = await save(tmp_path, server.url + "/film.mp4")
    assert "a text" in str(saved.download_error)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("named", ["text/plain", "text/html; charset=utf-8", "application/json", "", "garbage", None])
@pytest.mark.parametrize(
    "film", [clip(1), clip(1, form="mov"), image("png"), image("gif")], ids=["mp4", "mov", "png", "gif"]
)
async def test_a_video_is_saved_whatever_it_is_called(tmp_path, film, named):
    """Some hosts call every file a text."""
    async with serving(reply(film, Content_Type=named)) as server:
        saved = await save(tmp_path, server.url + "/film.mp4")
    assert saved.files[0].read_bytes() == film


async def test_an_empty_body_is_no_video(tmp_path):
    """After the tries of the policy; the error says what came."""
    async with serving(reply(b"", Content_Type="video/mp4")) as server:
        saved = await save(tmp_path, server.url + "/film.mp4")
    assert str(saved.download_error) == "the result is empty"
    assert list(tmp_path.iterdir()) == []
    assert server.accepted == HASTY.attempts


STRAY = PAGES | {"nothing": b"", "words": WORDS}


@pytest.mark.parametrize("stray", STRAY.values(), ids=STRAY)
async def test_a_stray_page_does_not_end_the_download(tmp_path, stray):
    """Something on the way answered for the host; the next request passes."""
    async with serving([reply(stray, Content_Type="text/html"), reply(FILM)]) as server:
        saved = await save(tmp_path, server.url + "/film.mp4")
    assert saved.files[0].read_bytes() == FILM
    assert server.accepted == 2


async def test_a_stray_page_behind_a_part_does_not_end_the_download(tmp_path):
    """Nothing of it is in the film, and no part is asked for behind it."""
    async with serving([CUT, reply(PAGES["a page"], ETag='"2"'), reply(FILM)]) as server:
        saved = await save(tmp_path, server.url + "/film.mp4", policy=attrs.evolve(HASTY, attempts=4))
    assert saved.files[0].read_bytes() == FILM
    assert starts(server.heads) == [0, 1000, 0]


async def test_a_page_that_always_comes_in_parts_is_given_up(tmp_path):
    """Bytes that are thrown away are no progress, however many connections they took."""
    page, policy = PAGES["a page"], attrs.evolve(HASTY, attempts=5)
    cut = reply(page[:9], Content_Length=len(page), ETag='"1"')
    async with serving(itertools.cycle([cut, part_of(page, 9)])) as server:
        saved = await save(tmp_path, server.url + "/film.mp4", policy=policy)
    assert "a text" in str(saved.download_error)
    assert 2 < server.accepted <= 2 * policy.attempts


PLACE = f"bytes 0-{len(FILM) - 1}/{len(FILM)}"
WHOLE = {
    "203": reply(FILM, 203),
    "206": reply(FILM, 206, Content_Range=PLACE),
    "206 without a length": reply(FILM, 206, Content_Range=PLACE, Content_Length=None),
    "206, packed": reply(gzip.compress(FILM), 206, Content_Range=PLACE, Content_Encoding="gzip"),
}


@pytest.mark.parametrize("whole", WHOLE.values(), ids=WHOLE)
async def test_a_whole_film_is_saved_under_any_status_that_says_so(tmp_path, whole):
    """A proxy that changed a header says 203; a host that knows only parts sends one that is the whole file."""
    async with serving(whole) as server:
        saved = await save(tmp_path, server.url + "/film.mp4")
    assert saved.files[0].read_bytes() == FILM
    assert server.accepted == 1


@pytest.mark.parametrize("tag", ['"1"', None], ids=["a version", "no version"])
async def test_a_whole_film_called_a_part_is_resumed(tmp_path, tag):
    """Its Content-Range tells the size; the rest is asked for if it has a version."""
    cut = reply(FILM[:1000], 206, Content_Range=PLACE, Content_Length=None, ETag=tag)
    rest = part_of(FILM, 1000) if tag else reply(FILM)
    async with serving([cut, rest]) as server:
        saved = await save(tmp_path, server.url + "/film.mp4")
    assert saved.files[0].read_bytes() == FILM
    assert starts(server.heads) == [0, 1000 if tag else 0]


@pytest.mark.parametrize(
    "place",
    [
        f"bytes 0-999/{len(FILM)}",
        f"bytes 1-{len(FILM) - 1}/{len(FILM)}",
        f"bytes 0-{len(FILM) - 1}/*",
        "bytes 0-",
        None,
    ],
)
async def test_a_part_that_nobody_asked_for_is_no_film(tmp_path, place):
    """Nothing tells that it is all of the file."""
    async with serving(reply(FILM, 206, Content_Range=place)) as server:
        saved = await save(tmp_path, server.url + "/film.mp4")
    assert str(saved.download_error) == "the result's host answered HTTP 206"


LOGIN = b"<!DOCTYPE html><title>Sign in</title>"
DENIED = b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>'


@pytest.mark.parametrize("named", ["text/html", "Text/HTML;charset=utf-8", "application/xhtml+xml"])
@pytest.mark.parametrize("status", [401, 403, 407])
async def test_a_page_that_refuses_a_link_that_works_is_tried_again(tmp_path, status, named):
    """It is of a login portal or a firewall on the way, and the next request may pass."""
    async with serving([reply(LOGIN, status, Content_Type=named), reply(FILM)]) as server:
        saved = await save(tmp_path, server.url + "/film.mp4", expires_at=time.time() + 86400)
    assert saved.files[0].read_bytes() == FILM
    assert server.accepted == 2


@pytest.mark.parametrize("status", [401, 403, 407])
async def test_a_page_that_always_refuses_is_told_as_such(tmp_path, status):
    """The link has not expired, so the advice is not that of a lost video."""
    async with serving(reply(LOGIN, status, Content_Type="text/html")) as server:
        saved = await save(tmp_path, server.url + "/film.mp4", expires_at=time.time() + 86400)
    assert type(saved.download_error) is DownloadError
    assert str(saved.download_error) == f"the result's host answered HTTP {status}, with a web page"
    assert server.accepted == HASTY.attempts


async def test_a_new_link_is_asked_for_where_a_page_always_refuses(tmp_path):
    """Some hosts refuse an expired link with a page, and links may live shorter than told."""
    async with serving(reply(LOGIN, 403, Content_Type="text/html")) as old, serving(reply(FILM)) as new:

        async def fresh(task_id: str) -> Snapshot:
            return Snapshot(task_id=task_id, state="completed", urls=(f"{new.url}/film.mp4",))

        saved = await save(tmp_path, f"{old.url}/film.mp4", expires_at=time.time() + 86400, poll=fresh)
    assert saved.files[0].read_bytes() == FILM


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        (reply(DENIED, 403, Content_Type="application/xml"), 86400.0),
        (reply(b"", 403), 86400.0),
        (reply(LOGIN, 410, Content_Type="text/html"), 86400.0),
        (reply(LOGIN, 403, Content_Type="text/html"), -1.0),
    ],
    ids=["in XML", "without a word", "gone", "after 24 hours"],
)
async def test_a_refusal_of_the_storage_is_the_end(tmp_path, answer, left):
    """An object store refuses a signed link that has expired in XML; it is not asked again."""
    async with serving(answer) as server:
        saved = await save(tmp_path, server.url + "/film.mp4", expires_at=time.time() + left)
    assert type(saved.download_error) is LinkExpiredError
    assert server.accepted == 1


async def test_a_proxy_may_have_a_private_address():
    """The guard checks the host of the result, not the proxy."""
    async with serving(reply(b"", 502)) as proxy:
        with pytest.raises(DownloadError) as caught:
            await text_of("https://example.com/film.mp4", HttpOptions(proxy=proxy.url))
    assert "public" not in str(caught.value)


@pytest.mark.parametrize("host", ["64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "::127.0.0.1", "::ffff:0:127.0.0.1"])
def test_an_embedded_private_address_is_refused(host):
    """An IPv6 address that a gateway translates to a private IPv4 address."""
    with pytest.raises(OSError, match="public"):
        guarded_socket((socket.AF_INET6, socket.SOCK_STREAM, 0, "", (host, 443)))
