"""A paid request is withdrawn as long as not one byte of it has left: right before the first one, a clock is read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from evolink_async import HttpOptions
from evolink_async.client import AiohttpTransport, ApiKey, base_url
from evolink_async.errors import JournalClaimError
from evolink_async.wire import encode_poll, encode_submit
from tests.kit import dance

pytestmark = pytest.mark.anyio
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}"


class Wire:
    """What has come over the connections of a server."""

    def __init__(self) -> None:
        self.connections = 0
        self.got = b""
        self.is_closed = asyncio.Event()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take what comes, and answer the first piece."""
        self.connections += 1
        while piece := await reader.read(65536):
            self.got += piece
            writer.write(REPLY)
        writer.close()
        self.is_closed.set()


@asynccontextmanager
async def transport(may_send: Callable[[str], bool], **options: Any) -> AsyncIterator[tuple[AiohttpTransport, Wire]]:
    """A transport to a server that notes every byte."""
    wire = Wire()
    async with await asyncio.start_server(wire.answer, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        origin = base_url(f"http://127.0.0.1:{port}")
        one = AiohttpTransport(origin, ApiKey("sk-a"), options=HttpOptions(**options), may_send=may_send)
        yield one, wire
        await one.aclose()


def asked(*answers: bool) -> tuple[Callable[[str], bool], list[bool]]:
    """A clock that gives these answers; and those that were not asked for."""
    left = list(answers)
    return lambda _: left.pop(0), left


async def test_nothing_leaves_past_the_lease():
    """The connection is there, the clock says no: not one byte goes over it, and it is closed."""
    may_send, left = asked(True, False)
    async with transport(may_send) as (one, wire):
        with pytest.raises(JournalClaimError, match="nothing was sent"):
            await one.send(encode_submit(dance(), "ev-1"))
        await asyncio.wait_for(wire.is_closed.wait(), 5)
        assert (wire.connections, wire.got, left) == (1, b"", [])


async def test_no_connection_is_opened_past_the_lease():
    """The clock is read before too, which saves the connection."""
    may_send, _ = asked(False)
    async with transport(may_send) as (one, wire):
        with pytest.raises(JournalClaimError):
            await one.send(encode_submit(dance(), "ev-1"))
        assert wire.connections == 0


async def test_a_request_within_the_lease_is_sent_whole():
    """Its headers and its body; what is free of charge asks no clock."""
    may_send, left = asked(True, True)
    async with transport(may_send) as (one, wire):
        assert (await one.send(encode_submit(dance(), "ev-1"))).status == 200
        assert wire.got.startswith(b"POST ")
        assert b"A person dancing" in wire.got
        assert (await one.send(encode_poll("task-1"))).status == 200
        assert left == []


async def test_a_session_of_the_user_is_asked_before_the_request():
    """Its first byte cannot be watched."""
    may_send, left = asked(True, False)
    async with aiohttp.ClientSession() as session, transport(may_send, session=session) as (one, wire):
        assert (await one.send(encode_submit(dance(), "ev-1"))).status == 200
        with pytest.raises(JournalClaimError):
            await one.send(encode_submit(dance(), "ev-2"))
        assert wire.got.count(b"POST ") == 1
        assert left == []
