"""The pool of a worker: opened by the first who wants it, closed after the last."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from evolink_async import SessionPool
from evolink_async.engines.worker_pool import WorkerPool
from evolink_async.errors import ConfigurationError, JournalError
from tests.kit import open_pool, turns

pytestmark = pytest.mark.anyio


class Maker:
    """Makes pools, and counts them."""

    def __init__(self, emulator: Any) -> None:
        self.emulator = emulator
        self.made: list[SessionPool] = []
        self.failure: Exception | None = None

    def __call__(self) -> SessionPool:
        if self.failure is not None:
            raise self.failure
        self.made.append(open_pool(self.emulator))
        return self.made[-1]


@pytest.fixture
def maker(emulator) -> Maker:
    """Nothing is made yet."""
    return Maker(emulator)


async def test_all_share_one_pool(maker):
    """Those who come while it is being opened too; who comes after the last gets another."""
    shared = WorkerPool(maker)

    async def use() -> SessionPool:
        async with shared.opened() as pool:
            await turns()
            return pool

    assert len({await one for one in [asyncio.create_task(use()) for _ in range(3)]}) == 1
    with pytest.raises(ConfigurationError, match="closed"):
        await maker.made[0].poll("task-1")
    await use()
    assert len(maker.made) == 2


async def test_a_pool_that_does_not_open_is_made_again(maker):
    """All who wait for it get the error; the next one may have better luck."""
    shared = WorkerPool(maker)
    maker.failure = JournalError("the server is away")
    for _ in range(2):
        with pytest.raises(JournalError):
            async with shared.opened():
                pass
    maker.failure = None
    async with shared.opened() as pool:
        assert pool is maker.made[0]


async def test_closed_for_all(maker):
    """Whoever comes then gets another one, and the others leave without closing that."""
    shared = WorkerPool(maker)
    async with shared.opened() as pool:
        await shared.close_for_all(pool)
        async with shared.opened() as other:
            assert other is not pool
            await shared.close_for_all(pool)
            async with shared.opened() as same:
                assert same is other


async def test_cancelled_while_it_opens(maker):
    """It is closed all the same, and nobody else is cut short."""
    shared = WorkerPool(maker)

    async def use() -> None:
        async with shared.opened() as pool:
            await pool.find("a")

    one, other = asyncio.create_task(use()), asyncio.create_task(use())
    await asyncio.sleep(0)
    one.cancel()
    await asyncio.wait([one, other])
    assert one.cancelled()
    assert other.exception() is None
    last = asyncio.create_task(use())
    await asyncio.sleep(0)
    last.cancel()
    await asyncio.wait([last])
    for pool in maker.made:
        with pytest.raises(ConfigurationError):
            await pool.poll("task-1")
