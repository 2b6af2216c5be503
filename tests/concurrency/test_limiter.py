"""The limiter: a fair number of permits that can be changed while they are in use."""

from __future__ import annotations

import asyncio

import pytest

from evolink_async.concurrency import Limiter
from tests.kit import turns

pytestmark = pytest.mark.anyio


async def test_a_limiter_counts_the_permits_in_use_and_their_peak():
    """Three permits among ten tasks: never more than three are in use."""
    limiter, release = Limiter(3), asyncio.Event()

    async def use() -> None:
        async with limiter:
            await release.wait()

    tasks = [asyncio.create_task(use()) for _ in range(10)]
    await turns()
    assert (limiter.used, limiter.peak) == (3, 3)
    release.set()
    await asyncio.gather(*tasks)
    assert (limiter.used, limiter.peak) == (0, 3)


async def test_a_cancelled_wait_takes_no_permit():
    """Cancelled in line, or at the moment a permit comes free."""
    limiter = Limiter(1)
    await limiter.acquire()
    for waits in range(4):
        waiting = asyncio.create_task(limiter.acquire())
        await turns()
        limiter.release()
        await turns(waits)
        waiting.cancel()
        await asyncio.wait([waiting])
        if waiting.cancelled():
            await limiter.acquire()
    assert limiter.used == 1
    limiter.release()
    async with limiter:
        assert limiter.used == 1


async def test_a_limiter_can_be_resized_while_permits_are_in_use():
    """A larger total admits those in line at once; a smaller one takes no permit back."""
    limiter, inside, release = Limiter(1), [], asyncio.Event()

    async def work(name: int) -> None:
        async with limiter:
            inside.append(name)
            await release.wait()

    tasks = [asyncio.create_task(work(name)) for name in range(4)]
    await turns()
    assert inside == [0]
    limiter.resize(3)
    await turns()
    assert inside == [0, 1, 2]
    limiter.resize(1)
    assert (limiter.used, limiter.total, limiter.peak) == (3, 1, 3)
    release.set()
    await asyncio.gather(*tasks)
    assert inside == [0, 1, 2, 3]
    assert limiter.used == 0


async def test_a_permit_given_to_a_cancelled_waiter_is_not_lost():
    """It goes to the next in line."""
    limiter = Limiter(1)
    await limiter.acquire()
    first, second = (asyncio.create_task(limiter.acquire()) for _ in range(2))
    await turns()
    limiter.release()  # handed to the first ...
    first.cancel()  # ... which is cancelled before it runs
    await asyncio.wait([first, second])
    assert first.cancelled()
    assert second.result() is None
    assert limiter.used == 1


async def test_cancelled_waiters_are_passed_over():
    """A permit goes to the first waiter that still waits."""
    limiter = Limiter(1)
    await limiter.acquire()
    waiters = [asyncio.create_task(limiter.acquire()) for _ in range(5)]
    await turns()
    for waiter in waiters[:4]:
        waiter.cancel()
    limiter.release()
    await asyncio.wait(waiters)
    assert [waiter.cancelled() for waiter in waiters] == [True] * 4 + [False]
    limiter.release()
    assert limiter.used == 0
    await limiter.acquire()
