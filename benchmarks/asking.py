"""How often the service is asked, and how late an end is noticed, on a service twenty times as fast as life."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from statistics import median

import evolink_async as ev

from .cpu import shot
from .measure import Row
from .rivals.waits import JOB_SECONDS, rival_requests
from .service import Lives
from .stub import stub
from .vendor import KEY, vendor

SPEED = 20
CADENCE = ev.Cadence(
    polls_per_second=20 * SPEED,
    first_look=60 / SPEED,
    min_interval=1 / SPEED,
    max_interval=30 / SPEED,
    look_price=0.5 / SPEED,
)
"""The defaults, on that clock."""
TASKS = 1000
ALIVE = 300
MEDIAN = 150 / SPEED


async def asking() -> AsyncIterator[Row]:
    """Every row about status requests."""
    shared = await _shared()
    yield Row(f"status requests a look, {ALIVE} in flight / one", 1 / shared, 1, "requests", 1 / 40)
    late, each = await _lived()
    yield Row(f"{TASKS:,} tasks on the emulator: median lag / duration", late[0] * 1000, late[1] * 1000, "ms", 0.03)
    yield Row("  status requests a task / one", each, 1, "requests", 1.0)
    for name, requests in sorted((await rival_requests()).items(), key=lambda pair: pair[1]):
        yield Row(f"  status requests a task / {name}, for {JOB_SECONDS:.0f} s", each, requests, "requests", None)


async def _shared() -> float:
    """Looks that a status request carries while so many tasks are always in flight."""
    noted: list[tuple[int, int]] = []
    with stub(Lives(median=MEDIAN)) as url:
        limits = ev.Limits(in_flight=ALIVE)
        async with ev.SessionPool(KEY, base_url=url, cadence=CADENCE, limits=limits) as pool:

            def jobs() -> Iterator[ev.Job]:
                for number in range(3 * ALIVE):
                    if number == ALIVE + 1 or number == 3 * ALIVE - 1:
                        noted.append((pool.stats().looks, pool.stats().status_requests))
                    yield ev.Job(str(number), shot(number))

            async with pool.run(jobs()) as outcomes:
                assert len([outcome async for outcome in outcomes]) == 3 * ALIVE
    (polls, requests), (later_polls, later_requests) = noted
    return (later_polls - polls) / (later_requests - requests)


async def _lived() -> tuple[tuple[float, float], float]:
    """Median lag and median duration in real seconds, and status requests a task."""
    with vendor(SPEED) as (url, ends):
        limits = ev.Limits(in_flight=TASKS)
        async with ev.SessionPool(KEY, base_url=url, cadence=CADENCE, limits=limits) as pool:
            async with pool.run([ev.Job(str(number), shot(number)) for number in range(TASKS)]) as outcomes:
                told = [outcome async for outcome in outcomes if isinstance(outcome, ev.Completed)]
            each = pool.stats().status_requests / TASKS
    assert len(told) == TASKS
    lags = [outcome.timing.finished_at - ends[outcome.task_id] for outcome in told]
    lives = [ends[outcome.task_id] - (outcome.timing.accepted_at or 0.0) for outcome in told]
    return (median(lags), median(lives)), each
