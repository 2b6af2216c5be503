"""Several pools with a budget over one journal in PostgreSQL: together they stay within it, and use it up."""

from __future__ import annotations

import asyncio

import pytest

import evolink_async as ev
from evolink_async.budget import SharedBudgetQueue
from evolink_async.emulator import Emulator, faults
from evolink_async.errors import BudgetError
from evolink_async.journal.postgres import PostgresJournal
from tests.kit import as_completed, dance, error_of, jobs, open_pool, until
from tests.pool.test_rebuying import fail_first

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]  # processes and servers start slowly on a busy machine

PRICE = 23.8
"""Credits of one of the jobs."""


@pytest.fixture
def journal(postgres: str):
    """Makes journals on the same tables; their leases are short."""

    def make(**settings) -> PostgresJournal:
        return PostgresJournal(postgres, **{"lease": 3.0, **settings})

    return make


async def ends(pool: ev.SessionPool, wishes: list[ev.Job]) -> list[ev.Outcome]:
    """What a run tells."""
    return [outcome async for outcome in pool.run(wishes)]


def waiting_room(pool: ev.SessionPool) -> dict[str, object]:
    """What a pool still remembers of requests for credits."""
    assert pool._engine is not None
    queue = pool._engine.budget_queue
    assert isinstance(queue, SharedBudgetQueue)
    return {**queue._held, **{waiter.key: request for waiter, request in queue._asked.items()}}


@pytest.mark.parametrize("listen", [True, False])
async def test_two_pools_buy_what_one_would_buy(emulator, journal, listen):
    """An exact budget buys its last job, and no more; both streams tell all."""
    budget = ev.Budget(credits=10 * PRICE)
    async with (
        open_pool(emulator, journal=journal(listen=listen), budget=budget) as one,
        open_pool(emulator, journal=journal(listen=listen), budget=budget) as other,
    ):
        mine, yours = [[ev.Job(f"{name}-{n}", dance(n)) for n in range(12)] for name in ("mine", "yours")]
        first, second = await asyncio.gather(ends(one, mine), ends(other, yours))
        done = [outcome for outcome in first + second if isinstance(outcome, ev.Completed)]
        assert len(done) == 10
        assert all(
            isinstance(outcome, ev.Completed) or isinstance(error_of(outcome), BudgetError)
            for outcome in first + second
        )
        for pool in (one, other):
            await until(lambda pool=pool: pool.stats().credits_spent == 10 * PRICE)
            assert pool.stats().credits_left == 0
            assert waiting_room(pool) == {}
    assert emulator.ledger.accepted == 10


async def test_two_pools_over_the_same_jobs_share_the_budget(emulator, journal):
    """A job that no process can pay for is told by both."""
    budget = ev.Budget(credits=5 * PRICE)
    async with (
        open_pool(emulator, journal=journal(), budget=budget) as one,
        open_pool(emulator, journal=journal(), budget=budget) as other,
    ):
        first, second = await asyncio.gather(ends(one, jobs(8)), ends(other, jobs(8)))
    assert emulator.ledger.accepted == 5
    for told in (first, second):
        assert sum(isinstance(outcome, ev.Completed) for outcome in told) == 5
        assert {type(error_of(outcome)) for outcome in told if isinstance(outcome, ev.Failed)} == {BudgetError}


async def test_a_job_waits_for_what_another_pool_frees(journal):
    """Also for the end of a task that is watched there: one that fails costs nothing."""
    async with Emulator(speed=1000, median_seconds=400, latency=0.01) as slow:
        fail_first(slow, 1, "content_policy_violation")
        budget = ev.Budget(credits=PRICE)
        async with (
            open_pool(slow, journal=journal(), budget=budget) as one,
            open_pool(slow, journal=journal(), budget=budget) as other,
        ):
            first = asyncio.create_task(one.generate(dance(1), key="first"))
            await until(lambda: slow.ledger.accepted)
            second = asyncio.create_task(other.generate(dance(2), key="second"))
            with pytest.raises(ev.TaskFailedError):
                await first
            await second
            with pytest.raises(BudgetError):
                await one.generate(dance(3), key="third")
        assert slow.ledger.accepted == 2


@pytest.mark.parametrize("refusal", [400, 402])
async def test_a_job_that_is_refused_frees_its_credits_for_the_next(emulator, journal, refusal):
    """In the same pool, while it is open: it costs nothing, and neither does a later one wait for its claim to end."""
    budget = ev.Budget(credits=PRICE, most_per_job=PRICE)
    emulator.faults.on("submit", 1, faults.error(refusal))
    async with open_pool(emulator, journal=journal(), budget=budget) as pool:
        [refused] = await ends(pool, [ev.Job("refused", dance(1))])
        assert isinstance(refused, ev.Failed)
        await pool.retry_keys()
        [bought] = await ends(pool, [ev.Job("bought", dance(2))])
        assert as_completed(bought).key == "bought"
    assert emulator.ledger.charged == PRICE


async def test_a_job_that_waits_is_withdrawn(emulator, journal):
    """Cancelled while it is asked for, in any turn of the loop, it leaves the budget as it was."""
    budget = ev.Budget(credits=2 * PRICE, most_per_job=PRICE)
    async with open_pool(emulator, journal=journal(), budget=budget) as pool:
        for turns in range(0, 60, 3):
            asking = asyncio.create_task(pool.submit(dance(), key="shot"))
            for _ in range(turns):
                await asyncio.sleep(0)
            asking.cancel()
            await asyncio.wait([asking])
        done = [await pool.generate(dance(number), key=f"shot-{number}") for number in (1,)]
        assert all(map(as_completed, done))
        await until(lambda: pool.stats().credits_held == PRICE * (emulator.ledger.accepted - 1))


async def test_closing_frees_what_was_not_sent(emulator, journal):
    """The other pool gets it at once."""
    budget = ev.Budget(credits=PRICE, most_per_job=PRICE)
    emulator.faults.on("submit", faults.ALWAYS, faults.error(429, headers={"Retry-After": "3"}))
    async with open_pool(emulator, journal=journal(), budget=budget) as other:
        async with open_pool(emulator, journal=journal(), budget=budget) as one:
            waits = asyncio.create_task(one.submit(dance(1), key="first"))
            await until(lambda: emulator.received)
            second = asyncio.create_task(other.submit(dance(2), key="second"))
            await asyncio.sleep(0)
        with pytest.raises(ev.EvolinkError):
            await waits
        emulator.faults.clear()
        await second
    assert emulator.ledger.accepted == 1


async def test_without_a_budget_nothing_is_counted(emulator, journal, postgres):
    """Until a pool with one opens the journal: then all that was bought counts."""
    async with open_pool(emulator, journal=journal()) as pool:
        await ends(pool, jobs(3))
    async with open_pool(emulator, journal=journal(), budget=ev.Budget(credits=5 * PRICE)) as pool:
        assert pool.stats().credits_spent == pytest.approx(3 * PRICE)
        told = await ends(pool, jobs(9))
    assert sum(isinstance(outcome, ev.Completed) for outcome in told) == 5
    assert emulator.ledger.accepted == 5
