"""Several pools over one journal in PostgreSQL: each job is paid for once, and every stream tells its end."""

from __future__ import annotations

import asyncio
import time

import attrs
import psycopg
import pytest

import evolink_async as ev
from evolink_async.emulator import Emulator, faults
from evolink_async.emulator.clock import HandClock
from evolink_async.errors import JournalConflictError, JournalError
from evolink_async.journal.postgres import PostgresJournal
from evolink_async.submitting import job_claims
from tests.kit import PATIENT, as_accepted, as_completed, dance, error_of, jobs, open_pool, until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]  # processes and servers start slowly on a busy machine


@pytest.fixture
def journal(postgres: str, monkeypatch):
    """Makes journals on the same tables. Leases outlast a machine that stands still, and yet heartbeats come often."""
    monkeypatch.setattr(job_claims, "BEATS", 100)

    def make(**settings) -> PostgresJournal:
        return PostgresJournal(postgres, **{"lease": 10.0, **settings})

    return make


@pytest.fixture
async def sluggish():
    """A service that takes its time for every answer."""
    async with Emulator(speed=1000, latency=0.2) as emulator:
        yield emulator


async def told(pool: ev.SessionPool, wishes: list[ev.Job]) -> dict[str, ev.Outcome]:
    """What a run tells, by key; each key once."""
    outcomes = [outcome async for outcome in pool.run(wishes)]
    found = {outcome.key: outcome for outcome in outcomes}
    assert len(found) == len(outcomes) == len(wishes)
    return found


def paid_once(emulator: Emulator, count: int) -> None:
    """Check that there is one task for each job."""
    assert emulator.ledger.accepted == count
    assert all(len(tasks) == 1 for tasks in emulator.ledger.tasks_by_body.values())


@pytest.mark.parametrize("listen", [True, False])
async def test_two_pools_over_the_same_jobs(emulator, journal, listen):
    """Each job is bought by one of them; both tell the same end of it, also without LISTEN."""
    async with (
        open_pool(emulator, journal=journal(listen=listen)) as one,
        open_pool(emulator, journal=journal(listen=listen)) as other,
    ):
        first, second = await asyncio.gather(told(one, jobs(30)), told(other, jobs(30)))
    paid_once(emulator, 30)
    assert {key: as_completed(end).task_id for key, end in first.items()} == {
        key: as_completed(end).task_id for key, end in second.items()
    }


async def test_an_address_makes_such_a_journal(emulator, postgres):
    """The one line that changes."""
    async with open_pool(emulator, journal=postgres) as pool:
        first = await told(pool, jobs(3))
    async with open_pool(emulator, journal=postgres) as pool:
        again = await told(pool, jobs(3))
    paid_once(emulator, 3)
    assert all(as_completed(end).resumed for end in again.values())
    assert {key: as_completed(end).urls for key, end in again.items()} == {
        key: as_completed(end).urls for key, end in first.items()
    }


async def test_the_next_job_is_read_while_others_are_made_elsewhere(emulator, journal):
    """More of them than may be submitted at once do not hold up the rest of the input."""
    emulator.faults.on("submit", range(1, 13), faults.delay(0.4))
    async with (
        open_pool(emulator, journal=journal(), limits=ev.Limits(submits=12)) as one,
        open_pool(emulator, journal=journal(), limits=ev.Limits(submits=2)) as other,
    ):
        first = asyncio.create_task(told(one, jobs(12)))
        await until(lambda: len(emulator.received) >= 12)
        second = asyncio.create_task(told(other, jobs(14)))
        await until(lambda: emulator.ledger.accepted >= 2 or second.done())
        assert not first.done()
        await asyncio.gather(first, second)
    paid_once(emulator, 14)


async def test_a_submit_waits_for_the_task_of_another_pool(emulator, journal):
    """It buys nothing, and returns as soon as the other one has the task, not at its end."""
    async with Emulator(speed=100, median_seconds=1000) as slow:
        async with open_pool(slow, journal=journal()) as one, open_pool(slow, journal=journal()) as other:
            slow.faults.on("submit", 1, faults.delay(1.0))
            first = asyncio.create_task(one.submit(dance(), key="shot"))
            await until(lambda: slow.received)
            second = await other.submit(dance(), key="shot")
            assert second.task_id == (await first).task_id
            with pytest.raises(JournalConflictError):
                await other.submit(dance(2), key="shot")
            assert as_accepted(await other.find("shot")).task_id == second.task_id
        paid_once(slow, 1)


async def test_a_job_is_waited_for_by_its_key(emulator, journal):
    """Also while another pool submits it."""
    emulator.faults.on("submit", 1, faults.delay(0.2))
    async with open_pool(emulator, journal=journal()) as one, open_pool(emulator, journal=journal()) as other:
        first = asyncio.create_task(one.generate(dance(), key="shot"))
        await until(lambda: emulator.received)
        with pytest.raises(ev.DeadlineError) as caught:
            await other.wait(key="shot", timeout=0.01)
        assert caught.value.waited == 0.01
        assert "by its key" in caught.value.advice
        done = await other.wait(key="shot")
        assert done.task_id == (await first).task_id


async def test_a_job_that_one_could_not_send_is_sent_by_the_other(sluggish, journal):
    """A refusal of one pool's key is not the end of the job for the pool that followed it."""
    emulator = sluggish
    emulator.faults.on("submit", 1, faults.error(422))
    async with open_pool(emulator, journal=journal()) as one, open_pool(emulator, journal=journal()) as other:
        first = asyncio.create_task(told(one, jobs(1)))
        await until(lambda: emulator.received)
        second = await told(other, jobs(1))
        assert isinstance(error_of((await first)["shot-1"]), ev.StatusError)
        as_completed(second["shot-1"])
    paid_once(emulator, 1)


async def test_a_doubt_is_not_settled_while_a_pool_sends_it_again(emulator, journal):
    """It waits for the one permit. Neither the pool that has it nor another one may settle it then."""
    emulator.faults.on("submit", 1, faults.DROP_AFTER_ACCEPT)
    emulator.faults.on("submit", 2, faults.HANG_AFTER_ACCEPT)
    retry = attrs.evolve(PATIENT, resubmit="same_key", grace=0.01)
    async with open_pool(emulator, journal=journal()) as pool:
        assert isinstance((await told(pool, jobs(1)))["shot-1"], ev.Unknown)
    async with (
        open_pool(emulator, journal=journal(), retry=retry, limits=ev.Limits(submits=1)) as one,
        open_pool(emulator, journal=journal()) as other,
    ):
        first = asyncio.create_task(one.submit(dance(9)))
        await until(lambda: one.stats().submitting == 1)
        async with one.run(jobs(1)):
            await until(lambda: one._engine is not None and one._engine.submitter.is_under_way("shot-1"))
            with pytest.raises(JournalError, match="is being submitted"):
                await one.settle("shot-1", "abandon")
            with pytest.raises(JournalError, match="is under way in"):
                await other.settle("shot-1", "abandon")
        await one.settle("shot-1", "abandon")
        first.cancel()
    assert emulator.ledger.accepted == 2


async def test_a_doubt_is_told_by_both(sluggish, journal):
    """And sent by neither."""
    emulator = sluggish
    emulator.faults.on("submit", 1, faults.DROP_AFTER_ACCEPT)
    async with open_pool(emulator, journal=journal()) as one, open_pool(emulator, journal=journal()) as other:
        first = asyncio.create_task(told(one, jobs(1)))
        await until(lambda: emulator.received)
        second = await told(other, jobs(1))
        assert isinstance((await first)["shot-1"], ev.Unknown)
        assert isinstance(second["shot-1"], ev.Unknown)
    assert len([request for request in emulator.received if request.kind == "submit"]) == 1


async def test_a_follower_that_lets_go_tells_that_another_has_the_job(emulator, journal):
    """Draining does not wait for it, and the text does not say that nothing was charged."""
    emulator.faults.on("submit", 1, faults.delay(1.5))
    async with open_pool(emulator, journal=journal()) as one, open_pool(emulator, journal=journal()) as other:
        first = asyncio.create_task(told(one, jobs(1)))
        await until(lambda: emulator.received)
        stream = other.run(jobs(1))
        taking = asyncio.create_task(anext(stream))
        await until(lambda: other.stats().waiting)
        stream.drain()
        outcome = await taking
        assert "another call" in str(error_of(outcome))
        assert not error_of(outcome).may_resubmit
        await first


async def test_jobs_are_free_when_nobody_wants_them_any_more(emulator, journal):
    """A pool that stays open without watching a task lets another one go on with it."""
    async with Emulator(speed=1000, median_seconds=400) as slow:
        async with open_pool(slow, journal=journal()) as one, open_pool(slow, journal=journal()) as other:
            accepted = await one.submit(dance(1), key="shot-1")
            ends = await told(other, jobs(1))
            assert as_completed(ends["shot-1"]).task_id == accepted.task_id
            assert not as_completed(ends["shot-1"]).resumed
        paid_once(slow, 1)


async def test_the_stream_of_all_outcomes_takes_up_what_others_leave(emulator, journal):
    """Also what was accepted by a pool that is gone since."""
    async with (
        Emulator(speed=1000, median_seconds=400) as slow,
        open_pool(slow, journal=journal(lease=2.0)) as teller,
        teller.outcomes() as ends,
    ):
        taking = asyncio.create_task(anext(ends))
        await asyncio.sleep(0)
        async with open_pool(slow, journal=journal()) as one:
            accepted = await one.submit(dance(1), key="shot-1")
        assert as_completed(await taking).task_id == accepted.task_id


async def test_two_streams_share_the_ends(emulator, journal):
    """Each is told by one of them, whichever pool made the job; what one has not told goes to the other."""
    async with (
        open_pool(emulator, journal=journal()) as one,
        open_pool(emulator, journal=journal()) as other,
    ):
        wanted = list(zip(range(40), [one, other] * 20, strict=True))
        async with other.outcomes() as second:
            async with one.outcomes() as first:
                await asyncio.gather(*(pool.generate(dance(number), key=f"shot-{number}") for number, pool in wanted))
                told = [(await anext(first)).key for _ in range(3)] + [(await anext(second)).key for _ in range(5)]
            told += [(await anext(second)).key for _ in range(32)]
    assert sorted(told) == sorted(f"shot-{number}" for number, _ in wanted)


async def test_a_stream_whose_process_stood_still_goes_on(emulator, journal, postgres):
    """Its lease was over, and what it had in hand may be told again; no end is lost."""
    async with open_pool(emulator, journal=journal()) as pool, pool.outcomes() as ends:
        keys = [f"shot-{number}" for number in range(12)]
        await asyncio.gather(*(pool.submit(dance(number), key=key) for number, key in enumerate(keys)))
        told = {(await anext(ends)).key}
        async with await psycopg.AsyncConnection.connect(postgres, autocommit=True) as admin:
            await admin.execute("UPDATE evolink_owners SET lease_until = clock_timestamp() - interval '1 s'")
        while len(told) < len(keys):
            told.add((await anext(ends)).key)
    assert told == set(keys)


async def test_an_end_that_could_not_be_written_is_written_when_it_is_seen_again(postgres, journal, monkeypatch):
    """The lease is over when a task ends, and so is the next one: the job is taken up again, and told."""
    monkeypatch.setattr(job_claims, "BEATS", 4)
    clock, own = HandClock(time.time()), journal(lease=2.0)
    real = own.renew

    async def renew(keys, owner):
        return await real(keys, owner) if keys else frozenset()

    monkeypatch.setattr(own, "renew", renew)
    async with Emulator(clock=clock) as emulator, open_pool(emulator, journal=own) as pool, pool.outcomes() as ends:
        accepted = await pool.submit(dance(), key="shot")
        async with await psycopg.AsyncConnection.connect(postgres, autocommit=True) as admin:
            await admin.execute("UPDATE evolink_owners SET lease_until = clock_timestamp() - interval '1 s'")
        clock.advance(10_000)
        pool.hint(accepted.task_id)
        assert as_completed(await anext(ends)).task_id == accepted.task_id


# --- claims that a caller holds


async def heartbeat(postgres: str) -> None:
    """Wait until both pools have renewed their leases."""

    async def leases() -> list[tuple[object, ...]]:
        return await (await admin.execute("SELECT lease_until FROM evolink_owners ORDER BY epoch")).fetchall()

    async with await psycopg.AsyncConnection.connect(postgres, autocommit=True) as admin:
        before = now = await leases()
        while any(lease in before for lease in now):
            await asyncio.sleep(0.01)
            now = await leases()


async def test_claimed_jobs_are_kept_while_nothing_is_done_for_them(emulator, journal, postgres):
    """Longer than the heartbeat keeps idle ones; then others have them. A pool may claim the same jobs twice."""
    async with (
        open_pool(emulator, journal=journal()) as one,
        open_pool(emulator, journal=journal()) as other,
    ):
        async with one.claiming(["a", "b", "a"]) as mine, one.claiming(["b"]) as again:
            assert mine == {"a", "b"}
            assert again == {"b"}
            for _ in range(4):
                await heartbeat(postgres)
                async with other.claiming(["a", "b", "c"]) as theirs:
                    assert theirs == {"c"}
        while True:
            async with other.claiming(["a", "b"]) as theirs:
                if theirs == {"a", "b"}:
                    break
            await asyncio.sleep(0.02)


async def test_a_claim_that_is_cancelled_frees_its_jobs(emulator, journal):
    """Also if the journal had written it already."""
    async with (
        open_pool(emulator, journal=journal()) as one,
        open_pool(emulator, journal=journal()) as other,
    ):

        async def claim() -> None:
            async with one.claiming(["a"]):
                await asyncio.sleep(60)

        for turns in range(30):
            claiming = asyncio.create_task(claim())
            for _ in range(turns):
                await asyncio.sleep(0)
            claiming.cancel()
            await asyncio.wait([claiming])
        free = frozenset[str]()
        while not free:
            async with other.claiming(["a"]) as free:
                await asyncio.sleep(0.02)


async def test_a_journal_of_one_owner_has_all_jobs(emulator):
    """Nothing is to be claimed there."""
    async with open_pool(emulator) as pool, pool.claiming(["a"]) as mine:
        assert mine == {"a"}
