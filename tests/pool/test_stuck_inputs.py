"""An input that does not want to end: nothing is read from it any more, and nothing waits for it for ever."""

from __future__ import annotations

import asyncio
import logging

import pytest

from evolink_async import Completed, ConfigurationError, Failed
from evolink_async.pool import input_reading
from tests.kit import error_of, jobs, open_pool

pytestmark = pytest.mark.anyio


async def drained(stream, _pool) -> list[object]:
    """Drain, and read to the end."""
    stream.drain()
    return [outcome async for outcome in stream]


async def closed(stream, _pool) -> list[object]:
    """Close the stream."""
    await stream.aclose()
    return []


async def left(_stream, pool) -> list[object]:
    """Close the pool."""
    await pool.__aexit__(None, None, None)
    return []


WAYS = pytest.mark.parametrize("leave", [drained, closed, left])


@WAYS
async def test_an_input_that_swallows_a_cancellation_is_read_no_further(emulator, leave):
    """What it hands out then comes back unsent, where somebody still reads."""
    read = []

    async def numbers():
        yield jobs(1)[0]
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass
        for job in jobs(6)[1:]:
            read.append(job.key)
            yield job

    async with open_pool(emulator) as pool:
        stream = pool.run(numbers())
        assert isinstance(await anext(stream), Completed)
        rest = await leave(stream, pool)
    assert read == ["shot-2"]
    assert emulator.ledger.accepted == 1
    assert [type(outcome) for outcome in rest] == ([Failed] if leave is drained else [])
    assert all(isinstance(error_of(outcome), ConfigurationError) for outcome in rest)


@WAYS
@pytest.mark.parametrize("where", ["at an item", "in a finally"])
async def test_an_input_that_never_ends_is_left_behind(emulator, leave, where, monkeypatch, caplog):
    """It gets a few cancellations, then one warning that names it; drain and closing go on."""
    monkeypatch.setattr(input_reading, "PATIENCE", 0.02)
    let_go, swallowed = asyncio.Event(), []

    async def wait_on():
        while not let_go.is_set():
            try:
                await let_go.wait()
            except asyncio.CancelledError:
                swallowed.append(1)

    async def stubborn():
        try:
            yield jobs(1)[0]
            if where == "at an item":
                await wait_on()
                yield jobs(2)[1]
        finally:
            await wait_on()

    with caplog.at_level(logging.WARNING, "evolink_async"):
        async with open_pool(emulator) as pool:
            stream = pool.run(stubborn())
            assert isinstance(await anext(stream), Completed)
            assert await leave(stream, pool) == []
        [record] = [record for record in caplog.records if "left behind" in record.getMessage()]
    assert "stubborn" in record.getMessage()
    assert len(swallowed) == input_reading.CANCELLATIONS
    behind = set(input_reading._left)
    assert len(behind) == 1
    let_go.set()
    await asyncio.wait(behind)
    assert not input_reading._left
    assert emulator.ledger.accepted == 1


async def test_an_input_that_fails_after_it_was_left_behind_is_told_of(emulator, monkeypatch, caplog):
    """Nobody reads it any more, so that a line of the log is all that there is."""
    monkeypatch.setattr(input_reading, "PATIENCE", 0.02)
    let_go = asyncio.Event()

    async def broken():
        yield jobs(1)[0]
        while not let_go.is_set():
            try:
                await let_go.wait()
            except asyncio.CancelledError:
                continue
        raise ValueError("the database is gone")

    with caplog.at_level(logging.WARNING, "evolink_async"):
        async with open_pool(emulator) as pool:
            stream = pool.run(broken())
            await anext(stream)
            await stream.aclose()
        let_go.set()
        await asyncio.wait(set(input_reading._left))
        await asyncio.sleep(0)
    assert "the database is gone" in caplog.text
