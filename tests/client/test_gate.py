"""The outage gate: one request at a time tries while the service is down, and all pass when it is back."""

from __future__ import annotations

import asyncio

import pytest

from evolink_async.client import OutageGate
from tests.kit import turns

pytestmark = pytest.mark.anyio


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock at second 1000."""
    return Clock()


async def test_an_open_gate_lets_all_pass_at_once(clock):
    """No request waits for another."""
    gate = OutageGate(60, now=clock)
    async with gate.passage(), gate.passage(), gate.passage():
        assert gate.is_open
    assert gate.outage == 0


async def test_a_shut_gate_lets_one_at_a_time_try(clock):
    """The others wait until the first has its answer, not only until it is sent."""
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


async def test_none_passes_before_the_time_asked_for(clock):
    """A later refusal may put the time off; a shorter one does not bring it forward."""
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
    await asyncio.sleep(0.015)  # the first delay is over on the loop's clock
    assert not passed.is_set()
    clock.now += 0.001
    await task


async def test_success_opens_the_gate(clock):
    """All may pass, and the length of the outage is 0 again."""
    gate = OutageGate(60, now=clock)
    gate.shut(0)
    clock.now += 30
    gate.shut(0)
    assert (gate.is_open, gate.outage) == (False, 30)
    gate.open()
    assert (gate.is_open, gate.outage) == (True, 0)


async def test_an_outage_lasts_from_its_first_to_its_last_failure(clock):
    """Further failures do not restart it; once it outlasts the patience each request may try once."""
    gate = OutageGate(60, now=clock)
    for _ in range(3):
        gate.shut(0)
        clock.now += 30
    assert (gate.outage, gate.is_open) == (60, False)
    gate.shut(0)
    assert (gate.outage, gate.is_open) == (90, True)


async def test_a_failure_after_a_quiet_time_begins_a_new_outage(clock):
    """A quiet time longer than the patience."""
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
