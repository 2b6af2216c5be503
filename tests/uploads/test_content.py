"""Parcels against real servers: what goes out of a file that may change, and what is left when it does not."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evolink_async.client import AiohttpTransport, ApiKey, HttpOptions, base_url
from evolink_async.errors import ConfigurationError, TransportError, UploadError
from evolink_async.pool.arguments import files_origin_of
from evolink_async.uploads import file_content
from evolink_async.uploads.content import Content, InlineContent, LocalFileError
from evolink_async.uploads.file_content import FileContent
from evolink_async.wire import Response, decode_upload
from tests.kit import until
from tests.servers import Act, hang, reply, reset, serving, then_hang, then_reset
from tests.uploads.file_service import LINK, early, file_service, receipt, refusal

pytestmark = pytest.mark.anyio

CANARY = "sk-canary-0123456789abcdef"
CALM = HttpOptions()
HASTY = HttpOptions(upload_timeout=0.4)
"""For a service that says nothing."""
FILM = bytes(range(256)) * 2000
MIB = 1 << 20


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """A file of half a megabyte."""
    path = tmp_path / "film.mp4"
    path.write_bytes(FILM)
    return path


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read in pieces of 16 KiB, so that a small file takes many."""
    monkeypatch.setattr(file_content, "PIECE_BYTES", 1 << 14)


async def send(url: str, content: Content, tell: Any = id, options: HttpOptions = CALM) -> Response:
    """Send once over a transport made for it."""
    transport = AiohttpTransport(base_url(url), ApiKey(CANARY), options=options)
    try:
        return await content.send(transport, tell)
    finally:
        await transport.aclose()


def open_files() -> set[str]:
    """What this process has open in the folders of tests."""
    return {name for name in map(_target, Path("/proc/self/fd").iterdir()) if "pytest" in name and ".mp4" in name}


def _target(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink())
    except OSError:
        return ""


# --- the bytes


@pytest.mark.usefixtures("small_pieces")
async def test_a_file_arrives_byte_for_byte(film):
    """In one request of a known length, under the key, with its progress told."""
    told: list[int] = []
    async with file_service(receipt()) as service:
        content = await FileContent.of(film)
        upload = decode_upload(await send(service.url, content, told.append), now=0, sha256=content.sha256)
    [taken] = service.taken
    assert taken.is_whole
    assert taken.file == FILM
    assert f"Authorization: Bearer {CANARY}".encode() in taken.head
    assert b"Transfer-Encoding" not in taken.head
    assert (upload.url, upload.sha256) == (LINK, hashlib.sha256(FILM).hexdigest())
    assert told == sorted(told)
    assert told[-1] == len(FILM)
    assert len(told) > 30


@pytest.mark.parametrize("size", [1, (1 << 14) - 1, 1 << 14, (1 << 14) + 1])
@pytest.mark.usefixtures("small_pieces")
async def test_files_that_end_beside_a_piece(film, size):
    """One byte, and a piece less or more a byte."""
    film.write_bytes(FILM[:size])
    async with file_service(receipt()) as service:
        await send(service.url, await FileContent.of(film))
    assert service.taken[0].file == FILM[:size]


async def test_a_parcel_can_be_sent_again(film):
    """Each try reads the file anew."""
    content = await FileContent.of(film)
    async with file_service(refusal(500), receipt()) as service:
        await send(service.url, content)
        await send(service.url, content)
    assert [taken.file for taken in service.taken] == [FILM, FILM]


async def test_a_letter_is_its_request():
    """A content and a URL travel as JSON."""
    async with file_service(receipt()) as service:
        inline = await InlineContent.of_bytes(b"film", "a.png")
        await send(service.url, inline)
        await send(service.url, InlineContent.of_url("https://example.com/a.png?signature=x", None))
    assert [taken.is_whole for taken in service.taken] == [True, True]
    assert (inline.sha256, inline.size_bytes) == (hashlib.sha256(b"film").hexdigest(), 4)
    assert b'"file_url":"https://example.com/a.png?signature=x"' in service.taken[1].body


def test_what_a_url_is_signed_with_is_in_no_name():
    """Errors and events tell the host alone."""
    assert (
        InlineContent.of_url("https://user@example.com/p/a.png?signature=x", None).source == "the file at example.com"
    )


# --- files that are not what they were


def replace_file(path: Path) -> None:
    path.unlink()
    path.write_bytes(b"x" * len(FILM))


CHANGES: dict[str, Callable[[Path], object]] = {
    "other bytes": lambda path: path.write_bytes(FILM[::-1]),
    "one byte": lambda path: path.write_bytes(FILM[:-1] + b"\0"),
    "shorter": lambda path: os.truncate(path, 1000),
    "empty": lambda path: os.truncate(path, 0),
    "longer": lambda path: path.open("ab").write(b"more"),
    "another file": replace_file,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
async def test_a_file_changed_after_it_was_measured_is_not_sent_whole(film, change):
    """The error says so, and the service never gets the end of the form."""
    content = await FileContent.of(film)
    change(film)
    async with file_service(receipt()) as service:
        with pytest.raises(LocalFileError, match=r"film\.mp4' changed since it was measured"):
            await send(service.url, content)
    assert service.whole == 0


@pytest.mark.parametrize(
    "change",
    [lambda path: path.open("ab").write(b"more"), lambda path: os.truncate(path, 1000)],
    ids=["grows", "shrinks"],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
async def test_a_file_that_changes_while_it_is_sent(film, change):
    """Found before the end of the form goes out."""
    film.write_bytes(FILM * 20)
    content = await FileContent.of(film)
    async with file_service(receipt(), midway=lambda: change(film)) as service:
        with pytest.raises(LocalFileError, match="changed"):
            await send(service.url, content)
    assert service.whole == 0


async def test_a_file_deleted_after_it_was_measured(film):
    """The system's own words, and the path."""
    content = await FileContent.of(film)
    film.unlink()
    async with file_service(receipt()) as service:
        with pytest.raises(LocalFileError, match=r"film\.mp4' cannot be read: No such file"):
            await send(service.url, content)
    assert service.whole == 0


# --- files that are none


def pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def unix_socket(path: Path) -> Path:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
    return path


def sparse(path: Path) -> Path:
    path.touch()
    os.truncate(path, 8 << 30)
    return path


def looped(path: Path) -> Path:
    path.symlink_to(path)
    return path


def touched(path: Path) -> Path:
    path.touch()
    return path


NO_FILES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "missing": (lambda path: path, "cannot be read: No such file"),
    "empty": (touched, "is empty"),
    "a folder": (lambda path: path.parent, "is a folder"),
    "a pipe": (pipe, "is a device, pipe or socket, not a regular file"),
    "a device": (lambda _: Path("/dev/zero"), "is a device, pipe or socket, not a regular file"),
    "a socket": (unix_socket, "is a device, pipe or socket, not a regular file"),
    "8 GB": (sparse, "has 8589934592 bytes, more than the 104857600"),
    "a circle": (looped, "cannot be read: Too many levels"),
    "a NUL": (lambda path: path / "a\0b", "cannot be read: no file can have this name"),
    "a long name": (lambda path: path.parent / ("x" * 5000), "cannot be read: File name too long"),
}


@pytest.mark.parametrize(("make", "words"), NO_FILES.values(), ids=NO_FILES)
@pytest.mark.parametrize("sha256", [None, "0" * 64], ids=["unmeasured", "measured"])
async def test_what_is_no_file_is_refused_in_one_sentence(tmp_path, make, words, sha256):
    """Before anything is sent, and without waiting for a pipe's other end."""
    path = make(tmp_path / "f")
    with pytest.raises(LocalFileError) as caught:
        await FileContent.of(path, sha256=sha256)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.source == str(path)
    assert caught.value.may_resubmit
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(("content", "words"), [(b"", "is empty"), (bytes(10 * MIB + 1), "has 10485761 bytes")])
async def test_contents_have_limits_too(content, words):
    """And the sentence names the way out."""
    with pytest.raises(LocalFileError, match=words):
        await InlineContent.of_bytes(content, "a.png")


# --- services that fail


BROKEN: dict[str, bytes | Act] = {
    "reset": reset,
    "silence": hang,
    "closed": b"",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "half a body": reply(b'{"success":', Content_Length=50),
    "half a body, then a reset": then_reset(reply(b'{"success":', Content_Length=50)),
    "half a body, then silence": then_hang(reply(b'{"success":', Content_Length=50)),
    "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n",
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_lost_answer_is_a_transport_error(film, name):
    """Of its kind, without the key, and no file is left open."""
    options = HASTY if "silence" in name else CALM
    async with file_service(BROKEN[name]) as service:
        with pytest.raises(TransportError) as caught:
            await send(service.url, await FileContent.of(film), options=options)
    assert caught.value.kind == "upload"
    assert CANARY not in repr(vars(caught.value)) + str(caught.value)
    await until(lambda: not open_files())  # a thread may be about to close it


async def test_a_reset_in_the_middle_of_a_body(film):
    """The service goes away when half of the file is there."""
    film.write_bytes(FILM * 20)

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(100_000)
        await reset(reader, writer)

    async with serving(act, at_once=True) as server:
        with pytest.raises(TransportError):
            await send(server.url, await FileContent.of(film))
    await until(lambda: not open_files())  # a thread may be about to close it


async def test_a_service_that_reads_no_further(film):
    """The whole try has a limit in time."""
    film.write_bytes(FILM * 20)

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with serving(act, at_once=True) as server:
        with pytest.raises(TransportError, match="timed out"):
            await send(server.url, await FileContent.of(film), options=HASTY)
    await until(lambda: not open_files())  # a thread may be about to close it


async def test_an_early_yes_is_no_yes(film):
    """A service that answers before it has the file cannot have it."""
    film.write_bytes(FILM * 40)
    async with serving(early(receipt()), at_once=True) as server:
        with pytest.raises(TransportError, match="before it had the whole file"):
            await send(server.url, await FileContent.of(film))
    await until(lambda: not open_files())  # a thread may be about to close it


async def test_an_early_no_is_heard(film):
    """A refusal is taken at once, and the rest of the file is not sent."""
    film.write_bytes(FILM * 40)
    async with serving(early(refusal(413, "too large", 413)), at_once=True) as server:
        response = await send(server.url, await FileContent.of(film))
    assert response.status == 413
    await until(lambda: not open_files())  # a thread may be about to close it


async def test_a_redirect_is_not_followed(film):
    """Neither the file nor the key goes anywhere else."""
    async with file_service(receipt()) as other, file_service(reply(b"", 307, Location=other.url)) as service:
        response = await send(service.url, await FileContent.of(film))
        assert (response.status, other.taken) == (307, [])


async def test_an_echoed_key_is_blanked_out(film):
    """In the body of an answer and in its headers."""
    async with file_service(refusal(400, f"bad key {CANARY}", x_request_id=CANARY)) as service:
        response = await send(service.url, await FileContent.of(film))
    assert b"bad key ***" in response.body
    assert CANARY not in repr(response)


OFFICIAL = "https://files-api.evolink.ai"


@pytest.mark.parametrize(
    ("given", "environment", "api", "files"),
    [
        (None, None, "https://api.evolink.ai", OFFICIAL),
        (None, None, "https://beta-api.evolink.ai", OFFICIAL),
        (None, "https://files.example.com/", "https://api.evolink.ai", "https://files.example.com/"),
        (
            "https://files.example.org",
            "https://files.example.com",
            "https://api.evolink.ai",
            "https://files.example.org",
        ),
        (None, None, "http://127.0.0.1:8787", "http://127.0.0.1:8787"),
        (None, None, "http://localhost:8787", "http://localhost:8787"),
        (None, "http://[::1]:9", "http://127.0.0.1:8787", "http://[::1]:9"),
        (OFFICIAL, None, "http://127.0.0.1:8787", OFFICIAL),
    ],
)
def test_where_files_go(monkeypatch, given, environment, api, files):
    """To the service's own host; from an emulator's client no file leaves this machine unasked."""
    monkeypatch.delenv("EVOLINK_FILES_BASE_URL", raising=False)
    if environment is not None:
        monkeypatch.setenv("EVOLINK_FILES_BASE_URL", environment)
    assert files_origin_of(given, base_url(api)) == base_url(files)


@pytest.mark.parametrize(
    "given", ["http://files.example.com", "files.example.com", "https://user:word@files.example.com"]
)
def test_where_no_file_and_no_key_goes(given):
    """By plain http, unless to this machine; or to what is no address."""
    with pytest.raises(ConfigurationError, match="base URL must"):
        files_origin_of(given, base_url("https://api.evolink.ai"))


# --- cost


async def test_a_long_file_takes_little_memory(tmp_path, record_property):
    """95 MB in a few pieces at a time."""
    path = tmp_path / "long.mp4"
    path.touch()
    os.truncate(path, 95 * MIB)
    async with file_service(receipt(), keep=False) as service:
        tracemalloc.start()
        try:
            response = await send(service.url, await FileContent.of(path))
            [_, peak] = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert response.status == 200
    assert service.taken[0].announced == 0
    record_property("peak_mib", peak / MIB)
    assert peak < 6 * MIB


@pytest.mark.usefixtures("small_pieces")
async def test_sending_cancelled_at_every_await(film):
    """No file stays open, no task is left, whenever the cancellation comes."""
    content = await FileContent.of(film)
    tasks = asyncio.all_tasks()
    async with file_service(receipt()) as service:
        for turns in [*range(40), *range(40, 200, 9)]:
            task = asyncio.ensure_future(send(service.url, content))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled() or task.result().status == 200
    await until(lambda: not open_files())  # a thread may be about to close it
    assert {task for task in asyncio.all_tasks() - tasks if not task.done()} == set()


def test_a_local_file_error_is_an_upload_error():
    """A LocalFileError is an UploadError."""
    assert issubclass(LocalFileError, UploadError)
