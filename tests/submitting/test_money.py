"""Budgets are not exceeded, circuit breakers stop repeated refusals, and a person can settle a doubt."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import NoReturn

import attrs
import pytest

import evolink_async as ev
from evolink_async.emulator import Emulator, faults
from evolink_async.errors import BudgetError, JournalError
from evolink_async.journal import MemoryJournal
from evolink_async.journal.sqlite import SqliteJournal
from evolink_async.settings import Budget
from tests.kit import PATIENT, dance, error_of, jobs, open_pool, until

pytestmark = pytest.mark.anyio

PRICE = 23.8  # credits of one `dance` job at the emulator


@pytest.fixture(params=["memory", "file"])
def journal(request, tmp_path):
    """Each kind of journal."""
    return None if request.param == "memory" else tmp_path / "run.db"


async def test_a_budget_is_never_exceeded_by_64_at_once(journal):
    """64 concurrent jobs share the budget of 10: 10 are bought, 54 fail with `BudgetError` and are not sent."""
    async with Emulator(speed=1000, latency=0.005) as emulator:
        limits = ev.Limits(requests=64, submits=64)
        async with open_pool(
            emulator, budget=Budget(credits=10 * PRICE + 0.001), limits=limits, journal=journal
        ) as pool:
            outcomes = [outcome async for outcome in pool.run(jobs(64))]
            assert pool.unfinished() == ()
        assert emulator.ledger.accepted == 10
        assert emulator.ledger.charged == pytest.approx(10 * PRICE)
        failed = [outcome for outcome in outcomes if isinstance(outcome, ev.Failed)]
        assert len(failed) == 54
        assert all(isinstance(outcome.error, BudgetError) for outcome in failed)
        assert [getattr(outcome.error, "needed", None) for outcome in failed] == [pytest.approx(PRICE)] * 54


async def test_a_failed_task_gives_its_credits_back():
    """Ten tasks fail, so a budget of two jobs is enough for all."""
    async with Emulator(speed=1000, failure_share=1.0) as emulator:
        async with open_pool(emulator, budget=Budget(credits=2 * PRICE + 0.001)) as pool:
            outcomes = [outcome async for outcome in pool.run(jobs(10))]
        assert not [outcome for outcome in outcomes if isinstance(error_of(outcome), BudgetError)]
        assert emulator.ledger.accepted == 10


async def test_a_budget_spans_the_runs_of_one_journal(emulator, tmp_path):
    """A second run counts the credits and knows the prices of the first."""
    for _ in range(2):
        async with open_pool(emulator, budget=Budget(credits=3 * PRICE + 0.001), journal=tmp_path / "run.db") as pool:
            outcomes = [outcome async for outcome in pool.run(jobs(5))]
        assert sum(isinstance(outcome, ev.Completed) for outcome in outcomes) == 3
    assert emulator.ledger.accepted == 3
    async with open_pool(emulator, budget=Budget(credits=9 * PRICE), journal=tmp_path / "run.db") as pool:
        assert len([o async for o in pool.run(jobs(5)) if isinstance(o, ev.Completed)]) == 5
    assert emulator.ledger.accepted == 5


async def test_a_doubt_keeps_its_credits(emulator):
    """A job in doubt holds its price, so a budget of two jobs buys one more."""
    emulator.faults.on("submit", 2, faults.DROP_AFTER_ACCEPT)
    async with open_pool(emulator, budget=Budget(credits=2 * PRICE + 0.001), limits=ev.Limits(submits=1)) as pool:
        outcomes = [outcome async for outcome in pool.run(jobs(4))]
    kinds = sorted(type(outcome).__name__ for outcome in outcomes)
    assert kinds == ["Completed", "Failed", "Failed", "Unknown"]
    assert emulator.ledger.accepted == 2


async def test_a_cancelled_wait_for_credits_holds_nothing(emulator):
    """A job that is cancelled while it waits for credits leaves the budget unchanged."""
    emulator.faults.on("submit", 1, faults.delay(0.1))
    async with open_pool(emulator, budget=Budget(credits=2 * PRICE + 0.001)) as pool:
        first = asyncio.create_task(pool.generate(dance(1)))
        await until(lambda: pool.stats().submits == 1)
        waiting = asyncio.create_task(pool.generate(dance(2)))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        await first
        assert (await pool.generate(dance(3))).url
    assert emulator.ledger.accepted == 2


async def test_a_watched_task_of_another_program_keeps_nobody_waiting_for_credits():
    """Its end frees nothing, and nobody waits for the task that holds the credits: the job is told at once."""
    async with Emulator(speed=1) as emulator:
        async with open_pool(emulator) as other:
            foreign = await other.submit(dance(1))
        async with open_pool(emulator, budget=Budget(credits=1.5 * PRICE)) as pool:
            await pool.submit(dance(2))
            watching = pool.watch(foreign.task_id)
            await anext(watching)
            with pytest.raises(BudgetError):
                await asyncio.wait_for(pool.generate(dance(3)), 10)


async def test_a_job_waits_for_the_credits_of_a_task_that_is_only_watched():
    """The task fails, which its watcher sees; so there are credits for the next job, whose task fails too."""
    budget = Budget(credits=1.5 * PRICE)
    async with Emulator(speed=1000, failure_share=1.0) as emulator, open_pool(emulator, budget=budget) as pool:
        watching = pool.watch((await pool.submit(dance(1))).task_id)
        await anext(watching)
        waits = asyncio.create_task(pool.generate(dance(2)))
        assert [seen.state async for seen in watching][-1] == "failed"
        with pytest.raises(ev.TaskFailedError):
            await waits


async def test_equal_refusals_stop_further_submits_of_the_model(emulator, caplog):
    """50 jobs for a refused model give 5 requests, 1 warning and 50 failures."""
    emulator.faults.on("submit", faults.ALWAYS, faults.error(403, code="permission_denied"))
    async with open_pool(emulator, limits=ev.Limits(submits=1)) as pool:
        with caplog.at_level(logging.WARNING, logger="evolink_async"):
            outcomes = [outcome async for outcome in pool.run(jobs(50))]
    assert len(emulator.received) == 5
    assert {type(error_of(outcome)) for outcome in outcomes} == {ev.AccessDeniedError}
    assert len(outcomes) == 50
    assert len([record for record in caplog.records if record.name == "evolink_async"]) == 1


async def in_doubt(emulator, pool) -> ev.Unknown:
    """Run a job whose reply is lost."""
    emulator.faults.on("submit", 1, faults.DROP_AFTER_ACCEPT)
    [outcome] = [outcome async for outcome in pool.run(jobs(1))]
    assert isinstance(outcome, ev.Unknown)
    return outcome


def is_under_way(pool: ev.SessionPool, key: str) -> bool:
    """Whether a job is being submitted."""
    return pool._engine is not None and pool._engine.submitter.is_under_way(key)


async def test_a_doubt_settled_with_its_task_is_taken_up(emulator, journal):
    """After `settle` with a task id, the same run returns the video and buys nothing."""
    async with open_pool(emulator, journal=journal) as pool:
        await in_doubt(emulator, pool)
        [task_id] = emulator.tasks
        await pool.settle("shot-1", task_id)
        [outcome] = [outcome async for outcome in pool.run(jobs(1))]
        assert isinstance(outcome, ev.Completed)
        assert outcome.task_id == task_id
        assert pool.unfinished() == ()
    assert emulator.ledger.accepted == 1


async def test_a_doubt_settled_by_resubmit_is_a_new_purchase(emulator, journal):
    """The next run submits the job with a new idempotency key."""
    async with open_pool(emulator, journal=journal) as pool:
        lost = await in_doubt(emulator, pool)
        await pool.settle("shot-1", "resubmit")
        [outcome] = [outcome async for outcome in pool.run(jobs(1))]
        assert isinstance(outcome, ev.Completed)
    first, second = [request.headers["Idempotency-Key"] for request in emulator.received if request.kind == "submit"]
    assert first == lost.error.idempotency_key != second


async def test_a_doubt_abandoned_is_over(emulator, tmp_path):
    """The next run reports the job as failed and sends nothing."""
    async with open_pool(emulator, journal=tmp_path / "run.db") as pool:
        await in_doubt(emulator, pool)
        await pool.settle("shot-1", "abandon")
        assert pool.unfinished() == ()
        [outcome] = [outcome async for outcome in pool.run(jobs(1))]
        assert isinstance(outcome, ev.Failed)
    assert emulator.ledger.accepted == 1


@pytest.mark.parametrize("how", ["resubmit", "abandon", "task-1"])
async def test_a_doubt_is_not_settled_while_a_run_sends_it_again(emulator, journal, how):
    """It waits for the one permit; settled now, its send would be outside the budget. Left by its run, it may be."""
    journal = journal or MemoryJournal()
    async with open_pool(emulator, journal=journal) as pool:
        await in_doubt(emulator, pool)
    emulator.faults.on("submit", 2, faults.HANG_AFTER_ACCEPT)
    retry = attrs.evolve(PATIENT, resubmit="same_key", grace=0.01)
    budget, limits = Budget(credits=2 * PRICE, most_per_job=PRICE), ev.Limits(submits=1)
    async with open_pool(emulator, journal=journal, retry=retry, budget=budget, limits=limits) as pool:
        first = asyncio.create_task(pool.submit(dance(9)))
        await until(lambda: [request.kind for request in emulator.received].count("submit") == 2)
        async with pool.run(jobs(1)):
            await until(lambda: is_under_way(pool, "shot-1"))
            with pytest.raises(JournalError, match="is being submitted"):
                await pool.settle("shot-1", how)
            assert pool.stats().credits_held == pytest.approx(2 * PRICE)
        await pool.settle("shot-1", how)
        assert pool.stats().credits_held == pytest.approx(PRICE * (2 if how == "task-1" else 1))
        first.cancel()
    assert [request.kind for request in emulator.received].count("submit") == 2


async def test_only_a_doubt_can_be_settled(emulator, journal):
    """A wrong key, a job that is accepted, an id that is none: a clear error each."""
    async with open_pool(emulator, journal=journal) as pool:
        await pool.submit(dance(), key="sure")
        for key in ("sure", "unknown"):
            with pytest.raises(JournalError, match="in doubt"):
                await pool.settle(key, "resubmit")
        with pytest.raises(ev.ParamsError):
            await pool.settle("sure", "../credits")


async def test_draining_finishes_what_is_in_flight_and_submits_no_more(emulator):
    """After `drain` the stream yields every accepted job, then ends; no other job is bought."""
    async with open_pool(emulator, limits=ev.Limits(in_flight=10)) as pool:
        async with pool.run(jobs(200)) as stream:
            outcomes = [await anext(stream)]
            stream.drain()
            await until(lambda: pool.stats().submitting == 0)
            bought = emulator.ledger.accepted
            outcomes += [outcome async for outcome in stream]
        assert emulator.ledger.accepted == bought < 200
        completed = [outcome for outcome in outcomes if isinstance(outcome, ev.Completed)]
        assert len(completed) == bought
        assert pool.unfinished() == ()


async def test_three_doubts_of_an_unlearned_price_stop_their_kind(emulator, journal):
    """Every reply is lost, so no price is named: 3 jobs are bought, and none after a restart."""
    emulator.faults.on("submit", range(1, 100), faults.DROP_AFTER_ACCEPT)
    for _ in range(2):
        async with open_pool(emulator, budget=Budget(credits=1000), journal=journal) as pool:
            outcomes = [outcome async for outcome in pool.run(jobs(10))]
        if journal is None:
            break
    assert emulator.ledger.accepted == 3
    kinds = [type(outcome) for outcome in outcomes]
    assert [kinds.count(kind) for kind in (ev.Completed, ev.Unknown, ev.Failed)] == [0, 3, 7]
    errors = [outcome.error for outcome in outcomes if isinstance(outcome, ev.Failed)]
    assert {type(error) for error in errors} == {BudgetError}
    [blocked_by] = {error.blocked_by for error in errors if isinstance(error, BudgetError)}
    assert set(blocked_by) == {outcome.key for outcome in outcomes if isinstance(outcome, ev.Unknown)}


async def test_a_named_price_holds_for_earlier_doubts(emulator, journal):
    """Two replies are lost, the third names a price: a budget of 4 jobs buys 4."""
    emulator.faults.on("submit", range(1, 3), faults.DROP_AFTER_ACCEPT)
    for _ in range(2):
        async with open_pool(emulator, budget=Budget(credits=4 * PRICE), journal=journal) as pool:
            outcomes = [outcome async for outcome in pool.run(jobs(10))]
        if journal is None:
            break
    assert emulator.ledger.accepted == 4
    kinds = [type(outcome) for outcome in outcomes]
    assert [kinds.count(kind) for kind in (ev.Completed, ev.Unknown, ev.Failed)] == [2, 2, 6]


@pytest.mark.parametrize("how", ["abandon", "resubmit"])
async def test_a_settled_doubt_frees_its_credits_in_the_open_pool(emulator, tmp_path, how):
    """The next job can use them."""
    emulator.faults.on("submit", 2, faults.DROP_BEFORE_ACCEPT)
    async with open_pool(emulator, budget=Budget(credits=2 * PRICE), journal=tmp_path / "run.db") as pool:
        first, second = jobs(2)
        assert [type(one) async for one in pool.run([first])] == [ev.Completed]
        assert [type(one) async for one in pool.run([second])] == [ev.Unknown]
        await pool.settle(second.key, how)
        other = ev.Job("other", dance(9))
        assert [type(one) async for one in pool.run([other])] == [ev.Completed]


async def test_with_most_per_job_the_limit_is_never_exceeded(emulator):
    """Charges stay within the limit from the first job on; a price above `most_per_job` stops the class."""
    async with open_pool(emulator, budget=Budget(credits=70, most_per_job=30)) as pool:
        outcomes = [outcome async for outcome in pool.run(jobs(10))]
        assert sum(isinstance(outcome, ev.Completed) for outcome in outcomes) == 2
    assert emulator.ledger.charged <= 70
    async with open_pool(emulator, budget=Budget(credits=70, most_per_job=10)) as pool:
        outcomes = [outcome async for outcome in pool.run(jobs(10))]
        kinds = [type(outcome) for outcome in outcomes]
        assert kinds.count(ev.Completed) <= 7
        refused = [outcome.error for outcome in outcomes if isinstance(outcome, ev.Failed)]
        assert any("more than the 10 that a job may cost" in str(error) for error in refused)


async def test_one_task_settles_one_job(emulator, journal):
    """`settle` refuses the task id of another job, because two jobs would share one video."""
    async with open_pool(emulator, journal=journal) as pool:
        await in_doubt(emulator, pool)
        other = await pool.submit(dance(7), key="other")
        with pytest.raises(JournalError, match="belongs to"):
            await pool.settle("shot-1", other.task_id)


class Slow(MemoryJournal):
    """A journal that takes an hour to record an accepted task."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked = asyncio.Event()

    async def accepted(self, accepted: ev.Accepted) -> None:
        await super().accepted(accepted)
        self.is_asked.set()
        await asyncio.sleep(3600)


async def test_a_task_id_is_told_though_the_journal_is_slow(emulator):
    """If the pool closes while the entry is written, `submit` still returns the task id."""
    retry = attrs.evolve(PATIENT, grace=0.05)
    async with open_pool(emulator, journal=(journal := Slow()), retry=retry) as pool:
        task = asyncio.create_task(pool.submit(dance()))
        await journal.is_asked.wait()
    assert (await task).task_id in emulator.tasks


class Full(SqliteJournal):
    """A journal on a disk that is full from the first answer on."""

    async def accepted(self, accepted: ev.Accepted) -> None:
        assert self._writer is not None
        self._writer._broken = JournalError("the disk is full")
        await super().accepted(accepted)


async def test_what_a_full_disk_does_not_take_is_told(emulator, tmp_path, caplog):
    """In the outcome, in the log with the task id, and in the figures; nothing more is sent."""
    path = str(tmp_path / "run.db")
    with caplog.at_level(logging.ERROR, "evolink_async"):
        async with open_pool(emulator, journal=Full(path), limits=ev.Limits(submits=1)) as pool:
            outcomes = [outcome async for outcome in pool.run(jobs(3))]
            assert pool.stats().unrecorded == 2  # the task and its end
    [done] = [outcome for outcome in outcomes if isinstance(outcome, ev.Completed)]
    assert len(outcomes) == 3
    assert emulator.ledger.accepted == 1
    assert f"the task {done.task_id} was paid for" in caplog.text
    assert caplog.text.count("the journal could not be written") == 1


class Blind(MemoryJournal):
    """A journal that cannot read the owner of a task."""

    async def owner(self, task_ids: Sequence[str]) -> NoReturn:
        raise JournalError("the disk is gone")


async def test_a_journal_that_cannot_be_read_ends_no_stream(emulator):
    """The run watches every accepted task to its end."""
    async with open_pool(emulator, journal=Blind()) as pool:
        outcomes = [outcome async for outcome in pool.run(jobs(3))]
    assert all(isinstance(outcome, ev.Completed) for outcome in outcomes)
