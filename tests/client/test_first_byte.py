"""A paid request is withdrawn as long as not one byte of it has left: right before the first one, it is asked for."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
import pytest

from evolink_async import HttpOptions
from evolink_async.client import AiohttpTransport, ApiKey, FirstByte, base_url
from evolink_async.errors import NotDeliveredError
from evolink_async.wire import encode_submit
from tests.kit import dance, until

pytestmark = pytest.mark.anyio
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}"


class Wire:
    """What has come over the connections of a server."""

    def __init__(self) -> None:
        self.port = 0
        self.connections = self.ended = 0
        self.got = b""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take what comes, and answer the first piece."""
        self.connections += 1
        with suppress(ConnectionError):
            while piece := await reader.read(65536):
                self.got += piece
                writer.write(REPLY)
        writer.close()
        self.ended += 1

    async def quiet(self) -> None:
        """Wait until all connections that were ever made are over; they are taken in their order."""
        before = self.connections
        _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.close()
        await until(lambda: self.connections > before and self.ended == self.connections)


@asynccontextmanager
async def transport(**options: Any) -> AsyncIterator[tuple[AiohttpTransport, Wire]]:
    """A transport to a server that notes every byte."""
    wire = Wire()
    async with await asyncio.start_server(wire.answer, "127.0.0.1") as server:
        wire.port = server.sockets[0].getsockname()[1]
        one = AiohttpTransport(
            base_url(f"http://127.0.0.1:{wire.port}"), ApiKey("sk-a"), options=HttpOptions(**options)
        )
        yield one, wire
        await one.aclose()


async def test_nothing_leaves_that_may_not():
    """The connection is there, the answer is no: not one byte goes over it, and it is closed."""
    first_byte = FirstByte(lambda: False)
    async with transport() as (one, wire):
        with pytest.raises(NotDeliveredError, match="nothing was sent"):
            await one.send(encode_submit(dance(), "ev-1"), first_byte)
        await until(lambda: wire.ended == 1)
        assert (wire.connections, wire.got) == (1, b"")
        assert (first_byte.has_left, first_byte.is_held_back) == (False, True)


async def test_a_request_that_may_leave_is_sent_whole():
    """Its headers and its body; nobody is asked twice."""
    left = [True]
    first_byte = FirstByte(left.pop)
    async with transport() as (one, wire):
        assert (await one.send(encode_submit(dance(), "ev-1"), first_byte)).status == 200
        assert wire.got.startswith(b"POST ")
        assert b"A person dancing" in wire.got
        assert (first_byte.has_left, first_byte.is_held_back, left) == (True, False, [])


async def test_a_session_of_the_user_is_asked_before_the_request():
    """Its first byte cannot be watched: from then on it may have left."""
    first_byte, second = FirstByte(lambda: True), FirstByte(lambda: False)
    async with aiohttp.ClientSession() as session, transport(session=session) as (one, wire):
        sending = asyncio.create_task(one.send(encode_submit(dance(), "ev-1"), first_byte))
        await asyncio.sleep(0)
        assert (first_byte.has_left, wire.connections) == (True, 0)
        assert (await sending).status == 200
        with pytest.raises(NotDeliveredError):
            await one.send(encode_submit(dance(), "ev-2"), second)
        assert second.is_held_back
        assert wire.got.count(b"POST ") == 1


async def test_a_send_cancelled_after_any_turn_knows_whether_a_byte_left():
    """If it says that none has, the server gets none, also later."""
    told = set[bool]()
    for turns in itertools.count():
        first_byte = FirstByte()
        async with transport() as (one, wire):
            sending = asyncio.create_task(one.send(encode_submit(dance(), "ev-1"), first_byte))
            for _ in range(turns):
                await asyncio.sleep(0)
            sending.cancel()
            await asyncio.wait([sending])
            has_left = first_byte.has_left
            await wire.quiet()
            assert has_left or not wire.got
        told.add(has_left)
        if not sending.cancelled():
            break
    assert told == {False, True}
