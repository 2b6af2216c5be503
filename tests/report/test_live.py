"""The server of the live page, over real sockets."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest

from evolink_async.errors import ConfigurationError, JournalError
from evolink_async.journal.sqlite import SqliteJournal
from evolink_async.report import DashboardServer
from evolink_async.report.cards import Card
from evolink_async.report.watching import QUEUE, Watching
from tests.report.kit import body_of, make_film, mixed_journal, write_job, write_journal

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def served(path: Path | str, **settings: Any):
    """A server, and a client that knows its address."""
    async with DashboardServer(path, **settings) as server, aiohttp.ClientSession() as client:
        yield server, client


async def events(response: aiohttp.ClientResponse):
    """The events of a stream: number, name, value."""
    number, name = "", ""
    async for line in response.content:
        field, _, value = line.decode().strip().partition(": ")
        if field == "id":
            number = value
        elif field == "event":
            name = value
        elif field == "data":
            yield number, name, json.loads(value)


async def cards_in(stream) -> list[dict[str, Any]]:
    """The next jobs that a stream tells of."""
    async for _, name, value in stream:
        if name == "cards" and value:
            return value
    return []


async def test_changes_are_told(tmp_path):
    """A page gets what changes, once; one that connects again gets what it missed."""
    path = tmp_path / "jobs.db"
    await asyncio.to_thread(mixed_journal, path, 5)
    journal = SqliteJournal(path)
    await journal.open()
    async with served(path) as (server, client), client.get(f"{server.address}events") as response:
        stream = events(response)
        assert len(await cards_in(stream)) == 5
        await write_job(journal, "new", "ready", 7, body_of(7))
        assert [card["key"] for card in await cards_in(stream)] == ["new"]
        async with client.get(f"{server.address}events", headers={"Last-Event-ID": "1"}) as again:
            assert [card["key"] for card in await cards_in(events(again))] == ["new"]
        await journal.aclose()
        await server.aclose("Over.")
        assert [value async for _, name, value in stream if name == "end"] == [{"message": "Over."}]


async def test_a_journal_that_comes_later(tmp_path):
    """A page may be looked at before the run has made its journal."""
    path = tmp_path / "jobs.db"
    async with served(path, facts=lambda: {"left": 5}) as (server, client):
        async with client.get(server.address) as response:
            assert response.status == 200
        async with client.get(f"{server.address}events") as response:
            stream = events(response)
            await asyncio.to_thread(mixed_journal, path, 3)
            assert len(await cards_in(stream)) == 3


async def test_films(tmp_path):
    """Films of the journal are served in ranges, and nothing else is."""
    path, film = tmp_path / "jobs.db", make_film(tmp_path)
    await asyncio.to_thread(write_journal, path, [("shot", "ready", body_of(1), {"film": film})])
    async with served(path) as (server, client):
        await (await client.get(server.address)).read()
        async with client.get(f"{server.address}films/1/0", headers={"Range": "bytes=0-9"}) as response:
            assert (response.status, await response.read()) == (206, film.read_bytes()[:10])
        for wrong in ("films/1/1", "films/2/0", "films/-1/0", "films/1/-1", "films/1/²", "films/1/%2e%2e", "jobs.db"):
            async with client.get(f"{server.address}{wrong}") as response:
                assert response.status == 404
        film.unlink()
        async with client.get(f"{server.address}films/1/0") as response:
            assert response.status == 404


async def test_strangers(tmp_path):
    """Without the token there is no answer, be it a page, a stream or a film; every answer keeps the address secret."""
    await asyncio.to_thread(mixed_journal, tmp_path / "jobs.db", 3)
    async with served(tmp_path / "jobs.db") as (server, client):
        origin = server.address[: server.address.index("/", 8)]
        for place in ("/", "/x/", "/x/events", "/x/films/1/0", "/../", f"{server.address[len(origin) : -2]}/"):
            async with client.get(origin + place) as response:
                assert response.status == 403
        async with client.get(server.address, headers={"Host": "evil.example"}) as response:
            assert response.status == 403
        async with client.get(server.address) as response:
            assert response.headers["Referrer-Policy"] == "no-referrer"
            assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
            assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("target", ["OPTIONS *", "CONNECT evil.example:443", "GET http://evil.example/", "GET //x/"])
async def test_targets_that_are_no_path(tmp_path, target):
    """What proxies are asked is refused like everything else without the token."""
    async with DashboardServer(tmp_path / "jobs.db") as server:
        port = int(server.address.split("/")[2].rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"{target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
    assert answer.startswith((b"HTTP/1.1 403", b"HTTP/1.1 400")), answer


async def test_settling(tmp_path):
    """A job is settled when its own page asks and has confirmed, and in no other way."""
    settled: list[tuple[str, str]] = []

    async def settle(key: str, how: str) -> str:
        if how == "no":
            raise JournalError("it cannot be")
        settled.append((key, how))
        return "done"

    await asyncio.to_thread(mixed_journal, tmp_path / "jobs.db", 3)
    async with served(tmp_path / "jobs.db", settle=settle) as (server, client):
        own = {"Origin": server.address[: server.address.index("/", 8)]}
        good = {"key": "a", "how": "abandon", "confirmed": True}

        async def ask(value: object, headers: dict[str, str] = own) -> int:
            async with client.post(f"{server.address}settle", json=value, headers=headers) as response:
                assert (await response.json())["message"]
                return response.status

        assert await ask(good, {}) == 403
        assert await ask(good, {"Origin": "http://evil.example"}) == 403
        bad: list[object] = [[], "x", {}, {"key": "a", "how": "abandon"}, good | {"confirmed": 1}, good | {"key": 1}]
        for wrong in bad:
            assert await ask(wrong) == 400
        assert await ask(good | {"how": "no"}) == 409
        assert settled == []
        assert await ask(good) == 200
        assert settled == [("a", "abandon")]
        async with client.get(f"{server.address}settle") as response:
            assert response.status == 405
    async with served(tmp_path / "jobs.db") as (server, client):
        own = {"Origin": server.address[: server.address.index("/", 8)]}
        async with client.post(f"{server.address}settle", json=good, headers=own) as response:
            assert response.status == 409


async def test_a_port_that_is_taken(tmp_path):
    """It is one sentence."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"cannot listen on port {port}"):
            async with DashboardServer(tmp_path / "jobs.db", port):
                pass


class Still:
    """A reader of a journal in which one job changes at every look."""

    mark = 0

    def changes(self) -> list[Card]:
        Still.mark += 1
        return [Card(place=1, key="a", state="making", model="m", polls=Still.mark)]


class Slow:
    """A reader whose first look lasts until it is let go."""

    mark = 0

    def __init__(self) -> None:
        self.began, self.may_end, self.is_read = threading.Event(), threading.Event(), False

    def changes(self) -> list[Card]:
        if self.is_read:
            return []
        self.began.set()
        self.may_end.wait(20)
        self.is_read = True
        return [Card(place=1, key="a", state="making", model="m")]


async def test_closing_in_the_middle_of_a_look():
    """What that look finds is told before the end."""
    reader = Slow()
    watching = Watching(cast("Any", reader), dict)
    watching.start()
    with watching.listening() as page:
        await asyncio.to_thread(reader.began.wait, 20)
        closing = asyncio.create_task(watching.aclose("over"))
        await asyncio.sleep(0)
        reader.may_end.set()
        await closing
        pieces = [await page.get() for _ in range(page.qsize())]
    assert [piece and piece.split(b"\n")[0] for piece in pieces] == [b"id: 1", b"event: end", None]


async def test_a_page_that_does_not_read():
    """It is closed when too much waits for it, and costs no more memory; others are told on."""
    reader: Any = Still()
    watching = Watching(reader, dict)
    with watching.listening() as slow:
        for _ in range(QUEUE + 10):
            await watching.look()
        assert slow.qsize() == QUEUE + 1
    with watching.listening() as quick:
        await watching.look()
        assert quick.qsize() == 1
        await watching.aclose("over")
        assert [await quick.get() for _ in range(quick.qsize())][-1] is None


async def test_a_page_whose_figures_fail(caplog):
    """It says that it stands still, the log says why, and closing goes on."""

    def fail() -> dict[str, object]:
        raise KeyError("left")

    reader: Any = Still()
    watching = Watching(reader, fail)
    watching.start()
    with watching.listening() as page:
        pieces = list[bytes]()
        while (piece := await page.get()) is not None:
            pieces.append(piece)
        assert b"cannot be kept up to date" in pieces[-1]
        await watching.aclose("over")
    assert "no more changes: KeyError('left')" in caplog.text
