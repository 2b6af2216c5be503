"""Results from hostile hosts: no connection where none belongs, whole files or none, nothing overwritten."""

from __future__ import annotations

import asyncio
import gzip
import resource
import socket
import tracemalloc
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest

from evolink_async.client import HttpOptions
from evolink_async.client.options import USER_AGENT
from evolink_async.concurrency import Limiter
from evolink_async.downloads import Downloads, Folder, ResultReader
from evolink_async.downloads.host_guard import ForbiddenAddressError, guarded_socket
from evolink_async.errors import ConfigurationError, DownloadError, EvolinkError, LinkExpiredError, ServerError
from evolink_async.jobs import Completed, Timing
from evolink_async.settings import RetryPolicy
from evolink_async.task import Snapshot
from tests.servers import Act, flood, free_port, hang, reply, reset, serving, then_hang, then_reset

pytestmark = pytest.mark.anyio

PRIVATE_TOO = HttpOptions(allow_private_results=True)
HASTY_TO_READ = HttpOptions(allow_private_results=True, download_read_timeout=0.3)
"""For a host that says nothing."""
HASTY = RetryPolicy(attempts=2, base=0.001, cap=0.001)
MIB = 1 << 20
FILM = bytes(range(256)) * 100


async def text_of(url: str, options: HttpOptions = PRIVATE_TOO) -> bytes:
    """What a link leads to."""
    result_reader = ResultReader(options)
    try:
        async with result_reader.open(url) as remote:
            return b"".join([piece async for piece in remote.pieces])
    finally:
        await result_reader.aclose()


async def nobody(task_id: str) -> EvolinkError:
    """A service that gives no fresh link."""
    return ServerError(500, "x")


def completed_with(*urls: str, key: str = "shot-1", finished_at: float = 0.0, expires_at: float = 0.0) -> Completed:
    """A job that has these results."""
    return Completed(
        key=key,
        task_id="t",
        urls=urls,
        expires_at=expires_at,
        snapshot=Snapshot(task_id="t", state="completed", model="wan2.6-reference-video"),
        timing=Timing(accepted_at=None, finished_at=finished_at, looks=1, lag=0.0),
    )


async def save(
    folder: Path,
    *urls: str,
    key: str = "shot-1",
    max_bytes: int = 64 * MIB,
    options: HttpOptions = PRIVATE_TOO,
    finished_at: float = 0.0,
    expires_at: float = 0.0,
    poll: Callable[[str], Awaitable[Snapshot | EvolinkError]] = nobody,
    policy: RetryPolicy = HASTY,
) -> Completed:
    """Save the links of one job."""
    result_reader = ResultReader(options)
    completed = completed_with(*urls, key=key, finished_at=finished_at, expires_at=expires_at)
    try:
        downloads = Downloads(Folder(folder), result_reader, Limiter(2), policy=policy, poll=poll, max_bytes=max_bytes)
        return await downloads.save(completed)
    finally:
        await result_reader.aclose()


# --- no connection where results never come from


@pytest.fixture
def watched():
    """A port on every loopback address, and who came."""
    listeners = []
    with socket.socket() as four:
        four.bind(("127.0.0.1", 0))
        port = four.getsockname()[1]
        listeners.append(four)
        six = socket.socket(socket.AF_INET6)
        try:
            six.bind(("::1", port))
            listeners.append(six)
        except OSError:
            pass  # no IPv6 on this machine
        for listener in listeners:
            listener.listen()
            listener.setblocking(False)
        yield port
        for listener in listeners:
            with pytest.raises(BlockingIOError):
                listener.accept()
        six.close()


FORBIDDEN = [
    "127.0.0.1",
    "127.0.0.2",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "017700000001",
    "0",
    "0.0.0.0",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "ip6-localhost",
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::FFFF:0:1]",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "169.254.169.254",
    "[::ffff:169.254.169.254]",
    "100.64.0.1",
    "[fe80::1%25lo]",
    "[fc00::1]",
    "224.0.0.1",
    "[ff02::1]",
    "255.255.255.255",
    "user:pw@127.0.0.1",
    "example.com@127.0.0.1",
]


@pytest.mark.parametrize("host", FORBIDDEN)
async def test_no_connection_is_made_to_a_private_address(host, watched):
    """However it is written: an error before a packet leaves."""
    with pytest.raises(DownloadError) as caught:
        await text_of(f"https://{host}:{watched}/film.mp4", HttpOptions(connect_timeout=0.3))
    assert not isinstance(caught.value, LinkExpiredError)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{}/",
        "HTTP://localhost:{}/",
        "http://example.com:{}/",
        "file:///etc/passwd",
        "File:/etc/passwd",
        "ftp://127.0.0.1:{}/",
        "ws://127.0.0.1:{}/",
        "data:text/plain,x",
        "javascript:alert(1)",
        "//127.0.0.1:{}/",
        "",
        "film.mp4",
        "https:",
        "https://",
        "https:///film.mp4",
        "https://[::1",
        "https://a:99999/",
        "https://\x00/",
        "�",
    ],
)
async def test_only_https_is_fetched(url, watched):
    """Other schemes, and what is no link at all: our error, no connection."""
    with pytest.raises(DownloadError):
        await text_of(url.format(watched), HttpOptions(connect_timeout=0.3))


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("::ffff:93.184.216.34", True),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("192.0.2.1", False),
        ("100.100.100.200", False),
        ("::1", False),
        ("::ffff:10.0.0.1", False),
        ("fe80::1%eth0", False),
        ("fd00:ec2::254", False),
        ("ff02::1", False),
    ],
)
async def test_the_guard_judges_the_address_a_name_came_to(address, allowed):
    """The resolved address is checked, so a name that changes between two look-ups gains nothing."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    info = (family, socket.SOCK_STREAM, 0, "", (address, 443))
    if allowed:
        guarded_socket(info).close()
    else:
        with pytest.raises(ForbiddenAddressError, match="no public address"):
            guarded_socket(info)


async def test_every_hop_of_a_redirect_passes_the_guard():
    """A host that may be asked sends us to the cloud's metadata service: no second connection."""

    def all_but_the_first(info):
        if info[4][0] == "127.0.0.1":
            return socket.socket(*info[:3])  # stands in for a public host
        return guarded_socket(info)

    for target in ("http://169.254.169.254/latest/meta-data", "http://[::ffff:a9fe:a9fe]/", "http://[::1]:1/"):
        async with serving(reply(b"", 302, Location=target)) as server:
            result_reader = ResultReader(PRIVATE_TOO)
            result_reader._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(socket_factory=all_but_the_first)
            )
            with pytest.raises(DownloadError, match="no public address"):
                async with result_reader.open(server.url):
                    raise AssertionError("opened")
            await result_reader.aclose()
            assert server.accepted == 1


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://127.0.0.1/", "javascript:1", "data:,x", "https://", "http:"]
)
async def test_a_redirect_to_another_scheme_is_not_followed(target):
    """Nor to no address at all."""
    async with serving(reply(b"", 302, Location=target)) as server:
        with pytest.raises(DownloadError):
            await text_of(server.url)


@pytest.mark.parametrize(
    "target",
    [b"/\xe4.mp4", b"https://films.example/\xff", b"http://[::1", b"https://\xe4.example/"],
)
async def test_a_redirect_to_no_address_is_told(target):
    """As it was sent, and not as the encoding of this process says it."""
    head = reply(b"", 302, Location="X").replace(b"Location: X", b"Location: " + target)
    async with serving(head) as server:
        with pytest.raises(DownloadError, match="which is no address"):
            await text_of(server.url)


# --- redirects, refusals


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_three_redirects_are_followed(status):
    """Relative ones too; the fourth is one too many."""
    hops = [reply(b"", status, Location=f"/{number}?a=%2F") for number in range(3)]
    async with serving([*hops, reply(FILM)]) as server:
        assert await text_of(f"{server.url}/film?sig=a%2Fb%3D") == FILM
        assert [head.split(b" ")[1] for head in server.heads] == [
            b"/film?sig=a%2Fb%3D",
            b"/0?a=%2F",
            b"/1?a=%2F",
            b"/2?a=%2F",
        ]
    async with serving([*hops, reply(b"", status, Location="/4"), reply(FILM)]) as server:
        with pytest.raises(DownloadError, match="more than 3 times"):
            await text_of(server.url)
        assert server.accepted == 4


@pytest.mark.parametrize("status", [403, 404, 410])
async def test_a_link_that_expired_is_told_from_other_failures(status):
    """The advice is another."""
    async with serving(reply(b"gone", status)) as server:
        with pytest.raises(LinkExpiredError) as caught:
            await text_of(server.url)
    assert caught.value.url == server.url


@pytest.mark.parametrize("status", [201, 204, 206, 300, 302, 304, 400, 401, 429, 500, 503])
async def test_other_answers_are_no_film(status):
    """Also a part that was not requested, and a redirect without a target."""
    async with serving(reply(b"" if status in (204, 304) else b"x", status)) as server:
        with pytest.raises(DownloadError) as caught:
            await text_of(server.url)
        assert not isinstance(caught.value, LinkExpiredError)


async def test_a_result_host_learns_no_key():
    """An honest User-Agent, as some hosts refuse Python's; neither key nor cookies."""
    async with serving([reply(b"", 302, Location="/b", Set_Cookie="a=b"), reply(FILM)]) as server:
        await text_of(server.url)
    for head in server.heads:
        assert f"User-Agent: {USER_AGENT}".encode() in head
        assert b"authorization:" not in head.lower()
        assert b"cookie:" not in head.lower()


# --- whole files, or none


@pytest.mark.parametrize(
    ("url", "content_type", "name"),
    [
        ("/film.mp4", "video/mp4", "shot-1.mp4"),
        ("/film", "video/mp4", "shot-1.mp4"),
        ("/film.MOV?x=.exe", "application/octet-stream", "shot-1.mov"),
        ("/film.exe", "video/quicktime", "shot-1.mov"),
        ("/film.exe", "application/octet-stream", "shot-1.bin"),
        ("/..%2f..%2fetc.mp4", "image/png", "shot-1.png"),
    ],
)
async def test_a_whole_file_is_saved(tmp_path, url, content_type, name):
    """Under the job's name, with a suffix of the type; nothing else is left in the folder."""
    async with serving(reply(FILM, Content_Type=content_type)) as server:
        completed = await save(tmp_path / "new" / "folder", server.url + url)
    assert completed.download_error is None
    assert completed.files == (tmp_path / "new" / "folder" / name,)
    assert completed.files[0].read_bytes() == FILM
    assert list(completed.files[0].parent.iterdir()) == [completed.files[0]]


BROKEN: dict[str, bytes | Act] = {
    "cut": reply(FILM[:-1], Content_Length=len(FILM)),
    "cut, then reset": then_reset(reply(FILM[:-1], Content_Length=len(FILM))),
    "cut, then silence": then_hang(reply(FILM[:-1], Content_Length=len(FILM))),
    "chunks cut": reply(b"5\r\nabcde\r\n", Content_Length=None, Transfer_Encoding="chunked"),
    "reset": reset,
    "silence": hang,
    "too long": flood(b"HTTP/1.1 200 OK\r\n\r\n", bytes(MIB), 3),
    "too long, announced": reply(bytes(3 * MIB)),
    "no HTTP": b"hello\r\n",
    "gzip cut": reply(gzip.compress(FILM)[:-9], Content_Encoding="gzip"),
    "gzip with a hole": reply(gzip.compress(FILM)[:-9] + bytes(9), Content_Encoding="gzip"),
    "gzip in name and in its first bytes": reply(b"\x1f\x8b no gzip", Content_Encoding="gzip"),
    "compressed with br": reply(FILM, Content_Encoding="br"),
    "expired": reply(b"", 404),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_download_leaves_nothing(tmp_path, name):
    """No part under any name; the outcome stays completed, with the reason, and the link."""
    options = HASTY_TO_READ if "silence" in name else PRIVATE_TOO
    async with serving(BROKEN[name]) as server:
        completed = await save(tmp_path, f"{server.url}/film.mp4", max_bytes=2 * MIB, options=options)
    assert completed.files == ()
    assert isinstance(completed.download_error, DownloadError)
    assert completed.download_error.url == completed.url
    assert not completed.download_error.may_resubmit
    assert list(tmp_path.iterdir()) == []


async def test_a_port_without_a_listener(tmp_path):
    """A host that is gone."""
    completed = await save(tmp_path, f"http://127.0.0.1:{free_port()}/film.mp4")
    assert type(completed.download_error) is DownloadError
    assert list(tmp_path.iterdir()) == []


async def test_what_was_saved_before_a_failure_is_kept(tmp_path):
    """The first of two results is saved; the failure of the second is reported."""
    async with serving([reply(FILM), reply(b"", 404)]) as server:
        completed = await save(tmp_path, f"{server.url}/a.mp4", f"{server.url}/b.mp4")
    assert [path.name for path in completed.files] == ["shot-1-1.mp4"]
    assert isinstance(completed.download_error, LinkExpiredError)
    assert list(tmp_path.iterdir()) == list(completed.files)


async def test_nothing_is_overwritten(tmp_path):
    """A file, a folder or a dead link that is there already: the next free name is taken."""
    (tmp_path / "shot-1.mp4").write_text("mine")
    (tmp_path / "shot-1-2.mp4").mkdir()
    (tmp_path / "shot-1-3.mp4").symlink_to(tmp_path / "elsewhere" / "x")
    async with serving([reply(FILM), reply(FILM)]) as server:
        first = await save(tmp_path, f"{server.url}/film.mp4")
        second = await save(tmp_path, f"{server.url}/film.mp4")
    assert [first.files[0].name, second.files[0].name] == ["shot-1-4.mp4", "shot-1-5.mp4"]
    assert (tmp_path / "shot-1.mp4").read_text() == "mine"
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("key", ["../../escaped", "/etc/passwd", "..", "a/b", "con", "x" * 255, "\u202e", "."])
async def test_no_key_leads_out_of_the_folder(tmp_path, key):
    """Each gives one file in it."""
    folder = tmp_path / "inner"
    async with serving(reply(FILM, Content_Type="video/mp4")) as server:
        completed = await save(folder, f"{server.url}/film.mp4", key=key)
    assert completed.files[0].parent == folder
    assert list(folder.iterdir()) == [completed.files[0]]
    assert list(tmp_path.iterdir()) == [folder]


async def test_a_cancelled_download_leaves_nothing(tmp_path):
    """In the middle of the body: no part, no open connection."""
    left = asyncio.Event()

    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(FILM[:-1], Content_Length=len(FILM)))
        await writer.drain()
        await reader.read()
        left.set()

    async with serving(half) as server:
        result_reader = ResultReader(HttpOptions(allow_private_results=True))
        downloads = Downloads(Folder(tmp_path), result_reader, Limiter(1), policy=HASTY, poll=nobody, max_bytes=MIB)
        task = asyncio.create_task(downloads.save(completed_with(f"{server.url}/film.mp4")))
        while not (server.heads and list(tmp_path.glob(".*.part"))):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await left.wait()
        await result_reader.aclose()
    assert list(tmp_path.iterdir()) == []


async def test_a_full_disk_leaves_nothing(tmp_path):
    """Simulated by a limit of one MiB a file: a DownloadError with the message of the system, and no part."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with serving(reply(bytes(2 * MIB))) as server:
        resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, hard))
        try:
            completed = await save(tmp_path, f"{server.url}/film.mp4")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "could not be saved" in str(completed.download_error)
    assert list(tmp_path.iterdir()) == []


async def test_a_folder_that_cannot_be_used_is_refused_at_once(tmp_path):
    """A file in its place, or no right to write: before any job is sent."""
    (tmp_path / "file").write_text("x")
    for folder in (tmp_path / "file", tmp_path / "file" / "inner", Path("/proc/nowhere"), Path("a\0b")):
        with pytest.raises(ConfigurationError, match="cannot write to the folder"):
            Folder(folder)


async def test_a_long_film_costs_little_memory(tmp_path):
    """96 MiB through at most 32."""
    size = 96 * MIB
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode()
    async with serving(flood(head, bytes(MIB), 96)) as server:
        tracemalloc.start()
        try:
            completed = await save(tmp_path, f"{server.url}/film.mp4", max_bytes=size)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert completed.files[0].stat().st_size == size
    assert peak <= 32 * MIB
