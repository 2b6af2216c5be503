"""The gate that keeps an outage from becoming a storm, and permits that count."""

from __future__ import annotations

import asyncio

import pytest

from evolink_async.client import OutageGate
from evolink_async.concurrency import Limiter

pytestmark = pytest.mark.anyio


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock at second 1000."""
    return Clock()


async def turns(count: int = 5) -> None:
    """Let everybody run who can."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_an_open_gate_lets_everybody_pass_at_once(clock):
    """Nobody waits for anybody."""
    gate = OutageGate(60, now=clock)
    async with gate.passage(), gate.passage(), gate.passage():
        assert gate.is_open
    assert gate.outage == 0


async def test_a_shut_gate_lets_one_at_a_time_try(clock):
    """The others wait until the first is through, not only until it has set out."""
    gate, inside, release = OutageGate(60, now=clock), [], asyncio.Event()

    async def attempt(name: int) -> None:
        async with gate.passage():
            inside.append(name)
            await release.wait()

    gate.shut(0)
    tasks = [asyncio.create_task(attempt(name)) for name in range(3)]
    await turns()
    assert inside == [0]
    release.set()
    await asyncio.gather(*tasks)
    assert inside == [0, 1, 2]


async def test_nobody_passes_before_the_time_asked_for(clock):
    """Also when another refusal puts the time off meanwhile; a shorter one does not bring it forward."""
    gate, passed = OutageGate(60, now=clock), asyncio.Event()

    async def attempt() -> None:
        async with gate.passage():
            passed.set()

    gate.shut(0.01)
    gate.shut(0.005)
    task = asyncio.create_task(attempt())
    await turns()
    assert not passed.is_set()
    gate.shut(0.02)
    clock.now += 0.0199
    await asyncio.sleep(0.015)  # the first wish is over on the loop's clock
    assert not passed.is_set()
    clock.now += 0.001
    await task


async def test_success_opens_the_gate(clock):
    """For everybody, and the outage is forgotten."""
    gate = OutageGate(60, now=clock)
    gate.shut(0)
    clock.now += 30
    gate.shut(0)
    assert (gate.is_open, gate.outage) == (False, 30)
    gate.open()
    assert (gate.is_open, gate.outage) == (True, 0)


async def test_an_outage_lasts_from_its_first_to_its_last_failure(clock):
    """Further failures do not begin it anew; once it outlasts our patience everybody may try once."""
    gate = OutageGate(60, now=clock)
    for _ in range(3):
        gate.shut(0)
        clock.now += 30
    assert (gate.outage, gate.is_open) == (60, False)
    gate.shut(0)
    assert (gate.outage, gate.is_open) == (90, True)


async def test_what_went_wrong_long_ago_is_another_outage(clock):
    """A quiet time longer than our patience begins the count anew."""
    gate = OutageGate(60, now=clock)
    gate.shut(0)
    clock.now += 61
    gate.shut(0)
    assert (gate.outage, gate.is_open) == (0, False)


async def test_a_cancelled_prober_gives_its_place_up(clock):
    """The next in line tries."""
    gate, passed = OutageGate(60, now=clock), asyncio.Event()

    async def attempt() -> None:
        async with gate.passage():
            passed.set()

    gate.shut(0.005)
    first, second = asyncio.create_task(attempt()), asyncio.create_task(attempt())
    await turns()
    first.cancel()
    clock.now += 1
    await second
    assert passed.is_set()
    assert first.cancelled()


async def test_permits_count_what_is_out_and_the_most_there_ever_was():
    """Never more than there are."""
    permits, release = Limiter(3), asyncio.Event()

    async def use() -> None:
        async with permits:
            await release.wait()

    tasks = [asyncio.create_task(use()) for _ in range(10)]
    await turns()
    assert (permits.used, permits.peak) == (3, 3)
    release.set()
    await asyncio.gather(*tasks)
    assert (permits.used, permits.peak) == (0, 3)


async def test_a_cancelled_wait_takes_no_permit():
    """Cancelled in line, or in the moment a permit comes free."""
    permits = Limiter(1)
    await permits.acquire()
    for waits in range(4):
        waiting = asyncio.create_task(permits.acquire())
        await turns()
        permits.release()
        await turns(waits)
        waiting.cancel()
        await asyncio.wait([waiting])
        if waiting.cancelled():
            await permits.acquire()
    assert permits.used == 1
    permits.release()
    async with permits:
        assert permits.used == 1


async def test_permits_can_be_made_more_and_fewer_while_they_are_out():
    """More lets those in line in at once; fewer cuts nobody short, and lets nobody in until there is room."""
    permits, inside, release = Limiter(1), [], asyncio.Event()

    async def work(name: int) -> None:
        async with permits:
            inside.append(name)
            await release.wait()

    tasks = [asyncio.create_task(work(name)) for name in range(4)]
    await turns()
    assert inside == [0]
    permits.resize(3)
    await turns()
    assert inside == [0, 1, 2]
    permits.resize(1)
    assert (permits.used, permits.total, permits.peak) == (3, 1, 3)
    release.set()
    await asyncio.gather(*tasks)
    assert inside == [0, 1, 2, 3]
    assert permits.used == 0


async def test_a_permit_that_comes_in_the_moment_of_a_cancellation_is_not_lost():
    """It goes to the next in line."""
    permits = Limiter(1)
    await permits.acquire()
    first, second = (asyncio.create_task(permits.acquire()) for _ in range(2))
    await turns()
    permits.release()  # handed to the first ...
    first.cancel()  # ... who is cancelled before it runs
    await asyncio.wait([first, second])
    assert first.cancelled()
    assert second.result() is None
    assert permits.used == 1


async def test_those_who_gave_up_waiting_are_in_nobodys_way():
    """A permit passes them by."""
    permits = Limiter(1)
    await permits.acquire()
    waiters = [asyncio.create_task(permits.acquire()) for _ in range(5)]
    await turns()
    for waiter in waiters[:4]:
        waiter.cancel()
    permits.release()
    await asyncio.wait(waiters)
    assert [waiter.cancelled() for waiter in waiters] == [True] * 4 + [False]
    permits.release()
    assert permits.used == 0
    await permits.acquire()
