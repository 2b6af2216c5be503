"""An event loop that stands still, as in a laptop that sleeps: no time-out hides what arrived meanwhile."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from yarl import URL

from evolink_async.client import AiohttpTransport, ApiKey, HttpOptions
from evolink_async.concurrency import TimeLimit
from evolink_async.concurrency.standstill import STANDSTILL_SECONDS
from evolink_async.emulator import Emulator
from evolink_async.errors import EvolinkError, TransportError
from evolink_async.wire import Request
from tests.kit import KEY, dance, open_pool

pytestmark = pytest.mark.anyio

POLL = Request(kind="poll", method="GET", path="/v1/tasks/a")
SUBMIT = Request(kind="submit", method="POST", path="/v1/videos/generations", body=b"{}")
LIMIT = 1.0
STILL = LIMIT + STANDSTILL_SECONDS + 0.4
"""Seconds for which the loop is blocked: beyond the time-out, and long enough to be noticed."""


def stand_still() -> None:
    """Block the event loop, as code does that is not asynchronous."""
    time.sleep(STILL)


@contextmanager
def answering(answer: bytes) -> Iterator[tuple[str, threading.Event]]:
    """A server in a thread of its own, which answers while our loop stands still; an empty answer is none."""
    asked, over = threading.Event(), threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                asked.set()
                time.sleep(LIMIT / 2)  # by now nobody reads
                connection.sendall(answer)
                over.wait(30)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked
        finally:
            over.set()
            thread.join()


async def sent(url: str, asked: threading.Event, request: Request) -> object:
    """Send a request, and stand still as soon as it has arrived."""
    options = HttpOptions(submit_timeout=LIMIT, poll_timeout=LIMIT, upload_timeout=LIMIT)
    transport = AiohttpTransport(URL(url), ApiKey(KEY), options=options)
    try:
        call = asyncio.create_task(transport.send(request))
        while not asked.is_set():
            await asyncio.sleep(0)
        stand_still()
        return await call
    except EvolinkError as error:
        return error
    finally:
        await transport.aclose()


@pytest.mark.parametrize("request_", [SUBMIT, POLL], ids=["submit", "poll"])
async def test_an_answer_that_came_meanwhile_is_read(request_):
    """The time-out is due in the same turn of the loop in which the answer is read."""
    with answering(b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"id":"a"}') as (url, asked):
        response = await sent(url, asked, request_)
    assert getattr(response, "body", response) == b'{"id":"a"}'


async def test_silence_still_ends():
    """After a standstill the answer gets a little more time, once."""
    with answering(b"") as (url, asked):
        assert isinstance(await sent(url, asked, POLL), TransportError)


async def test_a_limit_in_a_loop_that_runs_is_kept():
    """What takes too long ends with TimeoutError; what is in time does not."""
    with pytest.raises(TimeoutError):
        async with TimeLimit(0.01):
            await asyncio.Event().wait()
    async with TimeLimit(60):
        await asyncio.sleep(0)


async def test_a_cancellation_from_outside_is_none_of_the_limit():
    """It stays a cancellation."""
    task = asyncio.create_task(_limited())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def _limited() -> None:
    async with TimeLimit(60):
        await asyncio.Event().wait()


async def test_a_pool_that_stood_still_has_no_doubt():
    """Paid submits under way when a lid closes are accepted, and each once."""
    http = HttpOptions(submit_timeout=LIMIT, poll_timeout=LIMIT)
    with Emulator(latency=LIMIT / 2).in_thread() as emulator:
        async with open_pool(emulator, http=http) as pool:
            calls = [asyncio.create_task(pool.submit(dance(number))) for number in range(4)]
            while len(emulator.received) < 4:
                await asyncio.sleep(0)
            stand_still()
            accepted = await asyncio.gather(*calls)
        assert len({one.task_id for one in accepted}) == emulator.ledger.accepted == 4


async def test_a_limit_waits_for_what_takes_a_few_turns_to_be_read():
    """As a long answer over TLS does; a limit that is merely exceeded does not wait."""

    async def read_slowly() -> int:
        turns = 0
        async with TimeLimit(LIMIT):
            stand_still()
            for turns in range(1, 100):  # noqa: B007  # told below
                await asyncio.sleep(0)
        return turns

    assert await read_slowly() == 99
