"""Hosts that send too much, too little, or something else: little memory, whole files or none."""

from __future__ import annotations

import asyncio
import gzip
import socket
import tracemalloc
import zlib
from itertools import pairwise

import aiohttp
import pytest

from evolink_async.client import HttpOptions
from evolink_async.downloads import ResultReader
from evolink_async.downloads.host_guard import guarded_socket
from evolink_async.errors import DownloadError
from tests.downloads.test_downloads import FILM, FORBIDDEN, MIB, PRIVATE_TOO, save, text_of
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


# --- something else


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


@pytest.mark.parametrize("answered", [reply(b"<html>", Content_Type="text/html"), reply(b"", Content_Type="video/mp4")])
async def test_a_page_or_an_empty_body_is_no_video(tmp_path, answered):
    """Status 200 alone does not make a result."""
    async with serving(answered) as server:
        saved = await save(tmp_path, server.url + "/film.mp4")
    assert saved.download_error is not None
    assert list(tmp_path.iterdir()) == []


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
