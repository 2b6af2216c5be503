"""Buying jobs anew whose tasks have failed: for passing reasons, as often as allowed, each a purchase of its own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import evolink_async as ev
from evolink_async.emulator import Emulator, faults
from evolink_async.emulator.service.json_types import JsonObject
from evolink_async.errors import JournalError
from evolink_async.events import JobEnded
from evolink_async.journal import MemoryJournal
from evolink_async.journal.file import JournalFile
from tests.kit import as_completed, as_failed, dance, error_of, jobs, open_pool, until

pytestmark = pytest.mark.anyio

FILE = "run.db"
PASSING = ("service_error", "generation_timeout", "resource_exhausted", "service_unavailable")


@pytest.fixture(params=["memory", "file"])
def journal(request, tmp_path: Path) -> Any:
    """Each kind of journal."""
    return MemoryJournal() if request.param == "memory" else tmp_path / FILE


def policy(rebuy: int) -> ev.RetryPolicy:
    """A policy with short pauses."""
    return ev.RetryPolicy(base=0.01, cap=0.02, patience=5, grace=1, rebuy=rebuy)


def fail_first(emulator: Emulator, count: int, code: str = "service_error", *, used: float = 0.0) -> None:
    """Let the first `count` tasks fail with a code, and say what they were charged."""

    def change(task: JsonObject) -> JsonObject:
        if task.get("id") not in list(emulator.tasks)[:count]:
            return task
        return {
            **task,
            "status": "failed",
            "results": [],
            "error": {"code": code, "message": "no", "type": "task_error"},
            "usage": {"credits_used": used},
        }

    for kind in ("poll", "batch"):
        emulator.faults.on(kind, faults.ALWAYS, faults.rewrite("failed", change))


@pytest.mark.parametrize("code", PASSING)
async def test_a_passing_failure_is_bought_anew(emulator, journal, code):
    """One outcome comes, of the last task; it names the earlier ones, and the journal too."""
    fail_first(emulator, 2, code)
    said: list[ev.Event] = []
    async with open_pool(emulator, journal=journal, retry=policy(2), observer=said.append) as pool:
        [done] = [as_completed(outcome) async for outcome in pool.run(jobs(1))]
        first, second, third = emulator.tasks
        assert (done.task_id, done.earlier_tasks) == (third, (first, second))
        assert as_completed(await pool.find("shot-1")).earlier_tasks == (first, second)
        assert (pool.stats().completed, pool.stats().failed) == (1, 0)
    ends = [event.outcome for event in said if isinstance(event, JobEnded)]
    assert [as_completed(end).task_id for end in ends] == [third]
    assert len(set(emulator.ledger.tasks_by_key)) == 3, "each is a purchase of its own"


async def test_a_failure_that_was_charged_is_bought_anew_only_by_who_asks_for_it(emulator, tmp_path):
    """Its charge counts for the budget, over all runs."""
    fail_first(emulator, 1, used=4.0)
    settings: dict[str, Any] = {"journal": tmp_path / FILE, "budget": ev.Budget(credits=100), "retry": policy(3)}
    async with open_pool(emulator, **settings) as pool:
        [outcome] = [outcome async for outcome in pool.run(jobs(1))]
        assert as_failed(outcome).earlier_tasks == ()
        assert (pool.stats().credits_spent, pool.stats().credits_held) == (4.0, 0.0)
    async with open_pool(emulator, **settings) as pool:
        assert pool.stats().credits_spent == 4.0
        [outcome] = [outcome async for outcome in pool.run(jobs(1), retry_failed=True)]
        spent = 4.0 + (as_completed(outcome).credits or 0.0)
        assert pool.stats().credits_spent == pytest.approx(spent)
    async with open_pool(emulator, **settings) as pool:
        assert pool.stats().credits_spent == pytest.approx(spent)


@pytest.mark.parametrize("code", ["content_policy_violation", "invalid_parameters", "quota_exceeded", "unknown_error"])
async def test_other_failures_are_told_at_once(emulator, code):
    """Content, parameters, an empty account: another try would fail too."""
    fail_first(emulator, 9, code)
    async with open_pool(emulator, retry=policy(3)) as pool:
        [outcome] = [outcome async for outcome in pool.run(jobs(1))]
    assert isinstance(error_of(outcome), ev.TaskFailedError)
    assert emulator.ledger.accepted == 1


@pytest.mark.parametrize("rebuy", [0, 1, 2])
async def test_it_is_bought_anew_so_often_and_no_more(emulator, journal, rebuy):
    """Then the failure is the outcome; without the policy it is at once."""
    fail_first(emulator, 99)
    async with open_pool(emulator, journal=journal, retry=policy(rebuy)) as pool:
        [failed] = [as_failed(outcome) async for outcome in pool.run(jobs(1))]
        assert len(failed.earlier_tasks) == rebuy
        assert pool.stats().failed == 1
    assert emulator.ledger.accepted == 1 + rebuy


async def test_generate_buys_anew(emulator, journal):
    """As a run does."""
    fail_first(emulator, 1)
    async with open_pool(emulator, journal=journal, retry=policy(1)) as pool:
        done = await pool.generate(dance(), key="shot")
        assert len(done.earlier_tasks) == 1
        emulator.faults.clear()
        fail_first(emulator, 99)
        with pytest.raises(ev.TaskFailedError):
            await pool.generate(dance(2), key="other")
        assert pool.stats().failed == 1


async def test_a_doubt_is_never_bought_anew(emulator):
    """Whatever the policy."""
    emulator.faults.on("submit", 1, faults.DROP_AFTER_ACCEPT)
    async with open_pool(emulator, retry=policy(5)) as pool:
        [outcome] = [outcome async for outcome in pool.run(jobs(1))]
    assert isinstance(outcome, ev.Unknown)
    assert emulator.ledger.accepted == 1


async def test_a_stream_of_all_outcomes_tells_the_last_one(emulator, journal):
    """Failures that are bought anew are no ends, whoever sees them."""
    fail_first(emulator, 1)
    async with open_pool(emulator, journal=journal, retry=policy(1)) as pool, pool.outcomes() as ends:
        [done] = [outcome async for outcome in pool.run(jobs(1))]
        assert as_completed(await anext(ends)).task_id == as_completed(done).task_id
        assert as_completed(done).earlier_tasks


async def test_who_else_sees_the_end_does_not_make_it_more_often(emulator, journal):
    """A stream of all outcomes that concludes the last failure first."""
    fail_first(emulator, 99)
    async with open_pool(emulator, journal=journal, retry=policy(1)) as pool, pool.outcomes() as ends:
        with pytest.raises(ev.TaskFailedError):
            await pool.generate(dance(), key="shot")
        assert len(as_failed(await anext(ends)).earlier_tasks) == 1
    assert emulator.ledger.accepted == 2


async def test_two_buyers_of_one_job_buy_it_anew_once(emulator, journal, monkeypatch):
    """The one that comes later, when the other's outcome was taken already, gets that outcome."""
    fail_first(emulator, 1)
    pauses = iter([0.01, 1.0])
    monkeypatch.setattr("evolink_async.pool.rebuys.random.uniform", lambda *_: next(pauses))
    async with open_pool(emulator, journal=journal, retry=policy(1)) as pool:
        first, second = await asyncio.gather(*(pool.generate(dance(), key="shot") for _ in range(2)))
        assert first.task_id == second.task_id
    assert emulator.ledger.accepted == 2


async def test_a_run_and_a_caller_buy_one_job_anew_once(emulator, journal, monkeypatch):
    """Whoever of them is later."""
    fail_first(emulator, 1)
    pauses = iter([0.01, 1.0])
    monkeypatch.setattr("evolink_async.pool.rebuys.random.uniform", lambda *_: next(pauses))
    async with open_pool(emulator, journal=journal, retry=policy(1)) as pool:

        async def run() -> ev.Outcome:
            [outcome] = [outcome async for outcome in pool.run(jobs(1))]
            return outcome

        one, other = await asyncio.gather(pool.generate(jobs(1)[0].params, key="shot-1"), run())
        assert one.task_id == as_completed(other).task_id
    assert emulator.ledger.accepted == 2


@pytest.mark.parametrize("failures", [1, 99])
async def test_who_waits_or_watches_by_key_sees_the_last_task(emulator, journal, monkeypatch, failures):
    """The failure of the first is no end for them either, though it says that the job may be submitted again."""
    monkeypatch.setattr("evolink_async.pool.job_waits.LOOK_SECONDS", 0.01)
    fail_first(emulator, failures)
    async with open_pool(emulator, journal=journal, retry=policy(1)) as pool:

        async def watched() -> list[ev.Snapshot]:
            return [snapshot async for snapshot in pool.watch(key="shot-1")]

        async with pool.run(jobs(1)) as stream:
            await until(lambda: len(emulator.tasks) == 1 and pool.stats().in_flight == 1)
            waiting, watching = asyncio.create_task(pool.wait(key="shot-1")), asyncio.create_task(watched())
            [outcome] = [outcome async for outcome in stream]
        [told] = await asyncio.gather(waiting, return_exceptions=True)
        second = list(emulator.tasks)[-1]
        assert [snapshot.task_id for snapshot in await watching if snapshot.is_final] == [second]
        if failures == 1:
            assert as_completed(told).task_id == as_completed(outcome).task_id == second
        else:
            assert isinstance(told, ev.TaskFailedError)
            assert told.task_id == second
    assert emulator.ledger.accepted == 2


async def test_who_waits_by_key_is_told_a_failure_that_nobody_buys_anew(emulator, journal, monkeypatch):
    """The run is left in its pause; until then there is no end, and a wait with a deadline meets that."""
    monkeypatch.setattr("evolink_async.pool.job_waits.LOOK_SECONDS", 0.01)
    monkeypatch.setattr("evolink_async.pool.rebuys.random.uniform", lambda *_: 3600.0)
    fail_first(emulator, 99)
    async with open_pool(emulator, journal=journal, retry=policy(1)) as pool:
        async with pool.run(jobs(1)) as stream:
            await until(lambda: len(emulator.tasks) == 1 and pool.stats().in_flight == 1)
            waiting = asyncio.create_task(pool.wait(key="shot-1"))
            with pytest.raises(ev.DeadlineError):
                await pool.wait(key="shot-1", timeout=0.2)
            assert not waiting.done()
            stream.drain()
            as_failed(await anext(stream))
        with pytest.raises(ev.TaskFailedError):
            await waiting
    assert emulator.ledger.accepted == 1


@pytest.mark.parametrize("buyer", ["call", "run"])
async def test_a_buyer_that_leaves_before_it_sees_the_failure_leaves_an_end(emulator, tmp_path, buyer):
    """Somebody else has polled the task: its failure is told to who waits by the key, counted and recorded."""
    fail_first(emulator, 1)
    seldom = ev.Cadence(first_look=600, max_interval=600)
    async with open_pool(emulator, journal=tmp_path / FILE, retry=policy(1), cadence=seldom) as pool:
        run = pool.run(jobs(1))
        call = asyncio.create_task(pool.generate(dance(), key="shot-1")) if buyer == "call" else run.__aenter__()
        bought = asyncio.ensure_future(call)
        await until(lambda: pool.stats().in_flight == 1)
        [task_id] = emulator.tasks
        while (await pool.poll(task_id)).state != "failed":
            pass
        bought.cancel()
        await asyncio.wait([bought])
        await run.aclose()
        waits = asyncio.create_task(pool.wait(key="shot-1"))
        await until(lambda: pool.hint(task_id) or waits.done())
        with pytest.raises(ev.TaskFailedError):
            await asyncio.wait_for(waits, 10)
        assert (pool.unfinished(), pool.stats().failed) == ((), 1)
    assert emulator.ledger.accepted == 1


async def test_a_restart_counts_what_was_bought_before(emulator, tmp_path):
    """The task of a second purchase is taken up, and its failure is the last."""
    fail_first(emulator, 99)
    async with open_pool(emulator, journal=tmp_path / FILE, retry=policy(1)) as pool, pool.run(jobs(1)):
        await until(lambda: emulator.ledger.accepted == 2 and pool.unfinished())
    async with open_pool(emulator, journal=tmp_path / FILE, retry=policy(1)) as pool:
        [failed] = [as_failed(outcome) async for outcome in pool.run(jobs(1))]
    assert emulator.ledger.accepted == 2
    assert failed.earlier_tasks == (next(iter(emulator.tasks)),)


async def test_a_later_run_retries_what_has_failed(emulator, tmp_path):
    """Once, for whatever reason; what completed is not bought again."""
    fail_first(emulator, 1, "content_policy_violation")
    async with open_pool(emulator, journal=tmp_path / FILE, limits=ev.Limits(submits=1)) as pool:
        outcomes = {outcome.key: type(outcome) async for outcome in pool.run(jobs(3))}
        assert outcomes == {"shot-1": ev.Failed, "shot-2": ev.Completed, "shot-3": ev.Completed}
    async with open_pool(emulator, journal=tmp_path / FILE) as pool:
        again = {outcome.key: outcome async for outcome in pool.run(jobs(3), retry_failed=True)}
        assert as_completed(again["shot-1"]).earlier_tasks == (next(iter(emulator.tasks)),)
        assert {outcome.key async for outcome in pool.run(jobs(3), retry_failed=True)} == again.keys()
    assert emulator.ledger.accepted == 4


@pytest.mark.parametrize("stop", ["drain", "close", "pool"])
async def test_a_run_that_is_stopped_in_the_pause_buys_nothing(emulator, tmp_path, stop):
    """Drained, it tells the failure; closed, the next run decides."""
    fail_first(emulator, 99)
    slow = ev.RetryPolicy(base=0.01, cap=1000, patience=5, grace=1, rebuy=3)
    async with open_pool(emulator, journal=tmp_path / FILE, retry=slow) as pool:
        stream = pool.run(jobs(1))
        reading = asyncio.create_task(anext(stream))
        await until(lambda: emulator.ledger.accepted and pool._engine and not pool.stats().in_flight)
        if stop == "drain":
            stream.drain()
            assert isinstance(error_of(await reading), ev.TaskFailedError)
            assert isinstance(await pool.find("shot-1"), ev.Failed)
        elif stop == "close":
            await stream.aclose()
            with pytest.raises(StopAsyncIteration):
                await reading
    if stop == "pool":
        with pytest.raises(ev.ConfigurationError):
            await reading
    assert emulator.ledger.accepted == 1


async def test_a_failed_task_frees_its_credits_before_the_pause(emulator, tmp_path):
    """A job that waits for credits is not refused meanwhile."""
    fail_first(emulator, 1)
    price = 10.0
    async with Emulator(speed=1000) as other, open_pool(other) as pool:
        price = (await pool.submit(dance(), key="price")).credits_reserved or 0.0
    async with open_pool(
        emulator, journal=tmp_path / FILE, retry=policy(1), budget=ev.Budget(credits=price, most_per_job=price)
    ) as pool:
        outcomes = {outcome.key: outcome async for outcome in pool.run(jobs(2))}
    errors = [type(outcome.error) for outcome in outcomes.values() if isinstance(outcome, ev.Failed)]
    assert errors == [ev.BudgetError], "the other one has the credits now"
    assert sum(isinstance(outcome, ev.Completed) for outcome in outcomes.values()) == 1


class FullDisk(MemoryJournal):
    """A journal that cannot write down that a job is bought anew."""

    async def bought_anew(self, key: str, task_id: str) -> None:
        """Refuse."""
        raise JournalError("the disk is full")


@pytest.mark.parametrize("buyers", ["run", "generate", "both"])
async def test_what_cannot_be_written_down_is_not_bought_anew(emulator, buyers):
    """The failure is the end: told to each buyer, counted once, and the entry that failed is counted too."""
    fail_first(emulator, 99)
    said: list[ev.Event] = []
    async with open_pool(emulator, journal=FullDisk(), retry=policy(2), observer=said.append) as pool:

        async def run() -> ev.EvolinkError:
            [outcome] = [outcome async for outcome in pool.run(jobs(1))]
            return error_of(outcome)

        async def generate() -> ev.EvolinkError:
            with pytest.raises(ev.TaskFailedError) as caught:
                await pool.generate(jobs(1)[0].params, key="shot-1")
            return caught.value

        acts = {"run": [run], "generate": [generate], "both": [run, generate]}[buyers]
        errors = await asyncio.wait_for(asyncio.gather(*(act() for act in acts)), 10)
        assert {type(error) for error in errors} == {ev.TaskFailedError}
        stats = pool.stats()
        assert (stats.failed, stats.unrecorded, stats.in_flight) == (1, len(acts), 0)
        assert isinstance(await pool.find("shot-1"), ev.Failed)
        assert pool._engine is not None
        assert pool._engine.in_flight.used == 0
    [end] = [event.outcome for event in said if isinstance(event, JobEnded)]
    assert as_failed(end).earlier_tasks == ()
    assert emulator.ledger.accepted == 1


async def test_a_failure_of_an_earlier_run_is_told_again_if_the_file_is_full(emulator, tmp_path, monkeypatch):
    """A run that buys failures anew ends; nothing was bought."""

    def full(*_: object) -> None:
        raise OSError("no space left")

    fail_first(emulator, 1)
    async with open_pool(emulator, journal=tmp_path / FILE) as pool:
        [first] = [as_failed(outcome) async for outcome in pool.run(jobs(1))]
    async with open_pool(emulator, journal=tmp_path / FILE) as pool:
        with monkeypatch.context() as broken:
            broken.setattr(JournalFile, "commit", full)

            async def run() -> list[ev.Outcome]:
                return [outcome async for outcome in pool.run(jobs(1), retry_failed=True)]

            [again] = await asyncio.wait_for(run(), 10)
        assert as_failed(again).task_id == first.task_id
        assert pool.stats().unrecorded == 1
    assert emulator.ledger.accepted == 1


async def test_a_buyer_that_is_cancelled_while_the_journal_fails_leaves_an_end(emulator):
    """A later run that buys failures anew ends too: the job is not taken for one that was bought anew."""
    fail_first(emulator, 99)
    writing, failing = asyncio.Event(), asyncio.Event()

    class SlowlyFull(FullDisk):
        async def bought_anew(self, key: str, task_id: str) -> None:
            writing.set()
            await failing.wait()
            await super().bought_anew(key, task_id)

    async with open_pool(emulator, journal=SlowlyFull(), retry=policy(1)) as pool:
        buying = asyncio.create_task(pool.generate(jobs(1)[0].params, key="shot-1"))
        await writing.wait()
        buying.cancel()
        failing.set()
        await asyncio.wait([buying])
        assert buying.cancelled()

        async def run() -> list[ev.Outcome]:
            return [outcome async for outcome in pool.run(jobs(1))]

        [outcome] = await asyncio.wait_for(run(), 10)
        assert isinstance(error_of(outcome), ev.TaskFailedError)
    assert emulator.ledger.accepted == 1


async def test_a_journal_forgets_nothing_of_a_job_while_a_buyer_asks_for_its_tasks(emulator):
    """One run is told the end meanwhile. The other gets the same, and buys nothing."""
    asked, answer = asyncio.Event(), asyncio.Event()

    class Slow(MemoryJournal):
        async def find(self, keys):
            if asked.is_set():
                return await super().find(keys)
            asked.set()
            await answer.wait()
            return await super().find(keys)

    async with open_pool(emulator, journal=Slow(), retry=policy(1)) as pool:

        async def run() -> str:
            [outcome] = [outcome async for outcome in pool.run(jobs(1))]
            return as_completed(outcome).task_id

        slow = asyncio.create_task(run())
        await asked.wait()
        first = await run()
        answer.set()
        assert await slow == first
        assert await run() != first, "it was told to all who waited, so it is forgotten"
    assert emulator.ledger.accepted == 2
