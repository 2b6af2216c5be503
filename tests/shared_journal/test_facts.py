"""Several pools over one journal in PostgreSQL: what one learns of the service and of its key holds for all."""

from __future__ import annotations

import asyncio
from collections import Counter

import attrs
import psycopg
import pytest

import evolink_async as ev
from evolink_async.emulator import Emulator, faults
from evolink_async.errors import AuthenticationError, JournalError, RateLimitError
from evolink_async.journal.postgres import PostgresJournal
from evolink_async.submitting.told_facts import FORGOTTEN_SECONDS
from tests.kit import PATIENT, as_completed, dance, error_of, jobs, open_pool, own_tasks, until

pytestmark = pytest.mark.anyio

SUBMITS = 4
LIMITS = ev.Limits(submits=SUBMITS)
OUTAGE = ev.RetryPolicy(base=0.2, cap=0.4, patience=60, grace=1)
BAD_GATEWAY = faults.error(502)


@pytest.fixture
def journal(postgres: str):
    """Makes journals on the same tables."""

    def make(**settings) -> PostgresJournal:
        return PostgresJournal(postgres, **settings)

    return make


def brake_of(pool: ev.SessionPool):
    """What stops the paid requests of a pool."""
    assert pool._engine is not None
    return pool._engine.send_loop.brake


def health_of(pool: ev.SessionPool):
    """What is known of its key."""
    assert pool._engine is not None
    return pool._engine.sessions[0].health


async def ends(pool: ev.SessionPool, name: str, count: int) -> list[ev.Outcome]:
    """What a run of jobs that no other run has tells."""
    wishes = [ev.Job(f"{name}-{number}", dance(prompt=f"{name} {number}")) for number in range(count)]
    return [outcome async for outcome in pool.run(wishes)]


def submits(emulator: Emulator) -> int:
    """Paid requests so far."""
    return sum(request.kind == "submit" for request in emulator.received)


@pytest.mark.parametrize("listen", [True, False])
async def test_an_outage_that_one_meets_stops_all(emulator, journal, listen):
    """The other sends nothing before it has asked for its place; both go on when the service is back."""
    settings = {"limits": LIMITS, "retry": OUTAGE}
    async with (
        open_pool(emulator, journal=journal(listen=listen), **settings) as one,
        open_pool(emulator, journal=journal(listen=listen), **settings) as other,
    ):
        await asyncio.gather(ends(one, "well", 4), ends(other, "fine", 4))
        emulator.faults.on("submit", faults.ALWAYS, BAD_GATEWAY)
        emulator.faults.on("credits", faults.ALWAYS, BAD_GATEWAY)
        first = asyncio.create_task(ends(one, "one", 30))
        await until(lambda: not brake_of(other).is_open)
        sent = submits(emulator)
        assert sent <= 8 + SUBMITS + 2
        second = asyncio.create_task(ends(other, "other", 30))
        emulator.faults.clear()
        told = await first + await second
        await until(lambda: brake_of(one).is_open and brake_of(other).is_open)
    doubts = Counter(type(outcome) for outcome in told)[ev.Unknown]
    assert doubts <= SUBMITS + 2
    assert all(isinstance(outcome, ev.Completed | ev.Unknown) for outcome in told)
    assert len(told) == 60


async def test_an_outage_of_one_key_is_told_to_those_who_have_it(journal):
    """A pool with another key besides goes on with that one."""
    async with Emulator(speed=1000, api_keys=("sk-one", "sk-two")) as emulator:
        settings = {"limits": LIMITS, "retry": attrs.evolve(OUTAGE, base=5, cap=10)}
        async with (
            open_pool(emulator, api_key="sk-one", journal=journal(), **settings) as one,
            open_pool(emulator, api_key=["sk-one", "sk-two"], journal=journal(), **settings) as both,
            open_pool(emulator, api_key="sk-two", journal=journal(), **settings) as two,
        ):
            assert both._engine is not None
            first, second = both._engine.sessions
            emulator.faults.on("submit", faults.ALWAYS, BAD_GATEWAY)
            run = asyncio.create_task(ends(one, "one", 10))
            await until(lambda: not first.brake.is_open)
            emulator.faults.clear()
            assert brake_of(both).is_open
            assert second.brake.is_open
            told = [*await ends(both, "both", 10), *await ends(two, "two", 10)]
            assert brake_of(two).is_open
            run.cancel()
        assert all(isinstance(outcome, ev.Completed) for outcome in told)


async def test_one_pool_at_a_time_tries(journal):
    """However many wait: their trials are never under way together, and at most five of them end in doubt."""
    patient = ev.RetryPolicy(base=0.05, cap=0.1, patience=30, grace=1)
    async with Emulator(speed=1000, latency=0.05) as emulator:
        pools = [open_pool(emulator, journal=journal(), limits=LIMITS, retry=patient) for _ in range(3)]
        async with pools[0], pools[1], pools[2]:
            await ends(pools[0], "well", 1)
            emulator.faults.on("submit", faults.ALWAYS, BAD_GATEWAY)
            runs = [asyncio.create_task(ends(pool, f"p{number}", 20)) for number, pool in enumerate(pools)]
            await until(lambda: not any(brake_of(pool).is_open for pool in pools))
            await until(lambda: all(pool.stats().submitting == 0 for pool in pools))
            before, most = submits(emulator), 0
            while submits(emulator) < before + 3:
                most = max(most, sum(pool.stats().submitting for pool in pools))
                await asyncio.sleep(0)
            assert most == 1
            emulator.faults.clear()
            told = [outcome for run in runs for outcome in await run]
        doubts = Counter(type(outcome) for outcome in told)[ev.Unknown]
        assert doubts <= 3 * (SUBMITS + 2) + 5
        assert emulator.ledger.accepted == 60 - doubts + 1


def revoke(emulator: Emulator) -> None:
    """The service refuses the key until the faults are cleared."""
    for kind in ("submit", "credits"):
        emulator.faults.on(kind, faults.ALWAYS, faults.error(401))


async def test_a_suspended_key_is_suspended_for_all_and_well_for_all(emulator, journal):
    """The other pool sends nothing with it, and looks at once when it seems well to the first."""
    async with open_pool(emulator, journal=journal()) as one, open_pool(emulator, journal=journal()) as other:
        revoke(emulator)
        assert isinstance(error_of((await ends(one, "one", 1))[0]), AuthenticationError)
        await until(lambda: health_of(other).suspended)
        sent = submits(emulator)
        error = error_of((await ends(other, "other", 1))[0])
        assert isinstance(error, AuthenticationError)
        assert str(error) == str(health_of(one).suspended)
        assert submits(emulator) == sent
        emulator.faults.clear()
        await one.retry_keys()
        as_completed((await ends(one, "one", 1))[0])
        # A job that wants the key makes the other pool look for itself.
        while not isinstance((await ends(other, "other", 1))[0], ev.Completed):
            await asyncio.sleep(0.01)


async def test_a_pool_that_opens_later_looks_before_it_believes(emulator, journal):
    """It knows of the refusal, and checks the key for its first job, as its user may have mended the account."""
    async with open_pool(emulator, journal=journal()) as one:
        revoke(emulator)
        await ends(one, "one", 1)
        async with open_pool(emulator, journal=journal()) as other:
            await until(lambda: health_of(other).suspended is not None)
            sent = submits(emulator)
            assert isinstance(error_of((await ends(other, "other", 1))[0]), AuthenticationError)
            assert submits(emulator) == sent
    emulator.faults.clear()
    async with open_pool(emulator, journal=journal()) as other:
        as_completed((await ends(other, "other", 1))[0])


async def test_a_retry_after_holds_for_all(emulator, journal):
    """The other pool sends nothing before it is over, and knows why."""
    async with (
        open_pool(emulator, journal=journal()) as one,
        open_pool(emulator, journal=journal()) as other,
    ):
        emulator.faults.on("submit", 1, faults.error(429, headers={"Retry-After": "2"}))
        first = asyncio.create_task(ends(one, "one", 1))
        await until(lambda: health_of(other).opens_at > 0)
        assert isinstance(health_of(other).refused, RateLimitError)
        second = asyncio.create_task(ends(other, "other", 1))
        as_completed((await first)[0])
        as_completed((await second)[0])
    first_sent, *later = [request.at for request in emulator.received if request.kind == "submit"]
    assert all(at - first_sent >= 2 * emulator.speed for at in later)


async def test_the_place_of_a_pool_that_has_gone_is_free(emulator, journal):
    """It closes in the middle of an outage; the other one finds out that it is over."""
    async with open_pool(emulator, journal=journal(), limits=LIMITS, retry=OUTAGE) as other:
        async with open_pool(emulator, journal=journal(), limits=LIMITS, retry=OUTAGE) as one:
            emulator.faults.on("submit", faults.ALWAYS, BAD_GATEWAY)
            first = asyncio.create_task(ends(one, "one", 20))
            await until(lambda: brake_of(one).may_try)
            first.cancel()
        emulator.faults.clear()
        assert all(isinstance(outcome, ev.Completed) for outcome in await ends(other, "other", 20))
        await until(lambda: brake_of(other).is_open and not brake_of(other).may_try)
    assert own_tasks() == set()


async def test_an_old_outage_is_forgotten_by_a_pool_that_opens(emulator, postgres, journal):
    """All who knew of it are gone, and nothing was tried for long."""
    async with open_pool(emulator, journal=journal(), limits=LIMITS, retry=OUTAGE) as one:
        emulator.faults.on("submit", faults.ALWAYS, BAD_GATEWAY)
        first = asyncio.create_task(ends(one, "one", 20))
        await until(lambda: not brake_of(one).is_open)
        first.cancel()
    async with open_pool(emulator, journal=journal()) as other:
        assert not brake_of(other).is_open
    with psycopg.connect(postgres) as connection:
        connection.execute(
            f"UPDATE evolink_facts SET told_at = told_at - interval '{FORGOTTEN_SECONDS + 1} s'".encode()
        )
    async with open_pool(emulator, journal=journal()) as other:
        assert brake_of(other).is_open


async def test_a_rate_holds_over_pools(journal):
    """The strictest holds; a pool without one is not limited. Counted, not timed: the emulator refuses what is more."""
    async with Emulator(speed=1000, submits_per_minute=1200) as emulator:
        strict, loose = ev.Limits(submits_per_minute=1200), ev.Limits(submits_per_minute=100_000)
        async with (
            open_pool(emulator, journal=journal(), limits=strict) as one,
            open_pool(emulator, journal=journal(), limits=loose) as other,
        ):
            told = await asyncio.gather(ends(one, "one", 40), ends(other, "other", 40))
            assert one.stats().refused_for_load + other.stats().refused_for_load == 0
            one.retune(LIMITS)
            await until(lambda: one._engine.facts._per_minute is None)  # type: ignore[union-attr]  # it is open
        assert all(isinstance(outcome, ev.Completed) for outcomes in told for outcome in outcomes)
        assert emulator.ledger.accepted == 80


async def test_both_get_the_same_share_of_a_rate(journal):
    """Whoever came first. As many as possible are sent of each when the first has sent all."""
    async with Emulator(speed=1000, submits_per_minute=3000) as emulator:
        limits = ev.Limits(submits_per_minute=3000)
        async with (
            open_pool(emulator, journal=journal(), limits=limits) as one,
            open_pool(emulator, journal=journal(), limits=limits) as other,
        ):
            first = asyncio.create_task(ends(one, "one", 400))
            await until(lambda: one.stats().submits >= 20)
            second = asyncio.create_task(ends(other, "other", 100))
            await until(lambda: other.stats().submits >= 1)
            before = one.stats().submits
            await second
            # Nearly equal on a quiet machine; on one that stands still now and then, each still gets a part.
            assert 0.4 <= 100 / (one.stats().submits - before) <= 2.5
            first.cancel()


async def test_without_the_journal_jobs_are_refused_not_kept_waiting(emulator, postgres_server, journal):
    """Slots come out of the journal; when it is gone for good, jobs are told so."""
    with_patience = journal(patience=0.3)
    async with open_pool(emulator, journal=with_patience, limits=ev.Limits(submits_per_minute=6000)) as pool:
        await ends(pool, "well", 1)
        postgres_server.stop()
        try:
            told = await ends(pool, "lost", 5)
        finally:
            postgres_server.start()
        assert all(isinstance(error_of(outcome), JournalError) for outcome in told)
        assert all(isinstance(outcome, ev.Completed) for outcome in await ends(pool, "again", 5))


async def test_a_pool_with_a_journal_of_its_own_tells_nobody(emulator):
    """And asks nobody."""
    async with open_pool(emulator, retry=PATIENT) as pool:
        assert pool._engine is not None
        assert pool._engine.facts is None
        assert all(map(as_completed, [outcome async for outcome in pool.run(jobs(3))]))
        assert brake_of(pool).may_try
