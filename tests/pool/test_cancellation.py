"""Cancellation, at every await, of everything that spends money or waits: nothing leaks, no paid id is lost.

A coroutine is cancelled after its first turn of the event loop, after its second, and so on, until it ends before
the cancellation comes. The server takes its time, so that every await is met.
"""

from __future__ import annotations

import asyncio
import gc

import anyio
import attrs
import pytest

import evolink_async as ev
from evolink_async.emulator import Emulator, faults
from evolink_async.errors import JournalError
from evolink_async.journal import MemoryJournal
from tests.kit import PATIENT, dance, error_of, jobs, open_pool, own_tasks, task_ids, until

pytestmark = pytest.mark.anyio

UNHURRIED = attrs.evolve(PATIENT, grace=20)
"""For a pool that must learn what became of its submits before it is closed."""


def accepted_ids(pool: ev.SessionPool) -> set[str]:
    """The task ids that the pool still knows."""
    return {job.task_id for job in pool.unfinished() if isinstance(job, ev.Accepted)}


async def quiet(pool: ev.SessionPool) -> None:
    """Wait until the pool has nothing under way."""
    await until(lambda: pool.stats().requests == 0 and pool.stats().submitting == 0)


async def cancel_after(turns: int, use) -> bool:
    """Run `use()` in a task and cancel it after so many turns; whether it was cancelled."""
    task = asyncio.ensure_future(use())
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    return task.cancelled()


def turns_until_done(limit: int = 400):
    """0, 1, 2 ... densely at first, where the awaits are, then in strides."""
    return [*range(60), *range(60, limit, 7)]


async def test_submit_cancelled_at_every_await(emulator):
    """After each cancellation the pool knows every task that was paid for, and holds no permit."""
    emulator.faults.on("submit", faults.ALWAYS, faults.delay(0.005))
    async with open_pool(emulator) as pool:
        for number, turns in enumerate(turns_until_done(150)):
            await cancel_after(turns, lambda number=number: pool.submit(dance(number)))
        await quiet(pool)
        assert accepted_ids(pool) == set(emulator.tasks)
        assert emulator.ledger.accepted > 0  # some were under way when they were cancelled
        assert pool.stats().unknown == 0


@pytest.mark.parametrize("how", ["asyncio.timeout", "anyio.move_on_after", "TaskGroup"])
async def test_a_submit_cut_short_is_still_learnt(emulator, how):
    """However the caller cancels, the id of a request on its way arrives in `unfinished`."""
    emulator.faults.on("submit", 1, faults.delay(0.5))

    async def on_arrival(end) -> None:
        await until(lambda: emulator.received)
        end()

    async with open_pool(emulator) as pool:
        if how == "asyncio.timeout":
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(None) as limit:
                    now = asyncio.get_running_loop().time
                    ending = asyncio.create_task(on_arrival(lambda: limit.reschedule(now())))
                    await pool.submit(dance())
            await ending
        elif how == "anyio.move_on_after":
            with anyio.move_on_after(None) as scope:
                ending = asyncio.create_task(on_arrival(lambda: setattr(scope, "deadline", anyio.current_time())))
                await pool.submit(dance())
            assert scope.cancelled_caught
            await ending
        else:
            with pytest.raises(ExceptionGroup):
                async with asyncio.TaskGroup() as group:
                    group.create_task(pool.submit(dance()))
                    await until(lambda: len(emulator.received) == 1)
                    raise LookupError
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        await quiet(pool)
        assert accepted_ids(pool) == set(emulator.tasks)
        assert len(emulator.tasks) == 1


async def test_poll_wait_and_watch_cancelled_at_every_await(emulator):
    """Nothing is left under way, watched, or held, whenever the cancellation comes."""
    emulator.faults.on("poll", faults.ALWAYS, faults.delay(0.002))
    async with open_pool(emulator) as pool:
        task_id = (await pool.submit(dance())).task_id
        emulator.faults.on("poll", faults.ALWAYS, faults.state("processing"))

        async def watch() -> None:
            async with pool.watch(task_id) as stream:
                async for _ in stream:
                    pass

        for use in (lambda: pool.poll(task_id), lambda: pool.wait(task_id), watch):
            for turns in turns_until_done(120):
                await cancel_after(turns, use)
        await quiet(pool)
        assert pool.stats().in_flight == 0
        assert pool.stats().requests == 0
        emulator.faults.clear()
        assert (await pool.wait(task_id)).url


@pytest.mark.parametrize("turns", [1, 2, 5])
async def test_the_last_snapshot_outlives_a_read_that_is_cancelled(emulator, tmp_path, turns):
    """As by a time-out for each snapshot that falls into the writing of the end: the next read has it."""
    async with open_pool(emulator, journal=tmp_path / "films.db") as pool:
        stream = pool.watch((await pool.submit(dance(), key="shot")).task_id)
        seen = [await anext(stream)]
        await until(lambda: pool.stats().in_flight == 0)  # the end has come, and waits to be read
        while True:
            read = asyncio.ensure_future(anext(stream))
            for _ in range(turns):
                await asyncio.sleep(0)
            read.cancel()
            await asyncio.wait([read])
            if read.cancelled():
                break
            seen.append(read.result())
        seen += [snapshot async for snapshot in stream]
        assert [snapshot.is_final for snapshot in seen] == [False] * (len(seen) - 1) + [True]
        assert isinstance(await pool.find("shot"), ev.Completed)


async def test_run_cancelled_at_every_await(emulator):
    """A consumer cancelled inside `async with`: reading stops, ids are known, permits are back."""
    emulator.faults.on("submit", faults.ALWAYS, faults.delay(0.003))
    async with open_pool(emulator, limits=ev.Limits(in_flight=6, submits=3)) as pool:
        told: set[str] = set()

        async def use(number: int) -> None:
            wishes = [ev.Job(f"{number}-{n}", dance(number * 10 + n)) for n in range(5)]
            async with pool.run(wishes) as stream:
                async for outcome in stream:
                    told.update(filter(None, task_ids([outcome])))

        for number, turns in enumerate(turns_until_done(400)):
            await cancel_after(turns, lambda number=number: use(number))
        await quiet(pool)
        await until(lambda: pool.stats().in_flight == 0)
        # also a video that was ready when its stream was closed, and that nobody took, is still known
        assert set(emulator.tasks) - told <= accepted_ids(pool)
        assert pool.stats().waiting == 0
        assert pool.stats().unknown == 0
    assert own_tasks() == set()


async def test_closing_cancelled_at_every_await(emulator):
    """`aclose` comes to its end however often it is cancelled, and then lets the cancellation through."""
    emulator.faults.on("submit", faults.ALWAYS, faults.delay(0.01))
    for turns in (0, 1, 2, 3, 5, 8, 13, 21, 34, 55):
        pool = await open_pool(emulator, retry=UNHURRIED).__aenter__()
        before = len(emulator.received)
        submitting = asyncio.create_task(pool.submit(dance(turns)))
        await until(lambda before=before: len(emulator.received) > before)
        await cancel_after(turns, pool.aclose)
        await pool.aclose()
        assert own_tasks() - {submitting} == set()
        assert (await submitting).task_id in emulator.tasks


async def test_leaving_the_pool_by_cancellation_learns_the_id(emulator):
    """The task that holds the pool is cancelled during a POST: the pool closes cleanly and knows the task."""
    emulator.faults.on("submit", 1, faults.delay(0.05))
    pool = open_pool(emulator, retry=UNHURRIED)

    async def use() -> None:
        async with pool:
            await pool.submit(dance())

    task = asyncio.create_task(use())
    await until(lambda: emulator.received)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert accepted_ids(pool) == set(emulator.tasks) != set()
    assert own_tasks() == set()


async def test_a_stalled_submit_is_unknown_after_the_grace(emulator):
    """The service accepted and says nothing: closing takes `grace` seconds, and the job is in doubt, not forgotten."""
    emulator.faults.on("submit", 1, faults.HANG_AFTER_ACCEPT)
    retry = attrs.evolve(PATIENT, grace=0.05)
    async with open_pool(emulator, retry=retry) as pool:
        task = asyncio.create_task(pool.submit(dance(), key="shot"))
        await until(lambda: emulator.ledger.accepted == 1)
    with pytest.raises(ev.SubmissionUnknownError) as caught:
        await task
    [unknown] = pool.unfinished()
    assert unknown.key == "shot"
    assert error_of(unknown) is caught.value
    [received] = emulator.received
    assert caught.value.idempotency_key == received.headers["Idempotency-Key"]


async def test_a_submit_that_waits_is_withdrawn_not_sent(emulator):
    """Cancelled behind the submit permit or a shut gate, a job is never sent."""
    emulator.faults.on("submit", 1, faults.error(429, headers={"Retry-After": "3"}))
    async with open_pool(emulator, limits=ev.Limits(submits=1)) as pool:
        tasks = [asyncio.create_task(pool.submit(dance(number))) for number in range(3)]
        await until(lambda: pool.stats().faults == 1)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert all(task.cancelled() for task in tasks)
        await quiet(pool)
    assert len(emulator.received) == 1
    assert emulator.ledger.accepted == 0
    assert pool.unfinished() == ()


async def test_closing_a_pool_withdraws_what_waits():
    """Jobs not sent when the pool closes fail with a clear error; nothing is charged."""
    async with Emulator(speed=1000) as emulator:
        emulator.faults.on("submit", faults.ALWAYS, faults.error(429, headers={"Retry-After": "3"}))
        async with open_pool(emulator) as pool:
            task = asyncio.create_task(pool.submit(dance()))
            await until(lambda: pool.stats().faults == 1)
        with pytest.raises(ev.ConfigurationError, match="withdrawn"):
            await task
        assert emulator.ledger.accepted == 0


async def test_downloads_cancelled_leave_no_half_file(emulator, tmp_path):
    """A stream closed while files are being saved: no part under a final name, no temporary file."""
    emulator.faults.on("result", faults.ALWAYS, faults.delay(0.02))
    async with open_pool(emulator) as pool, pool.run(jobs(4), download_to=tmp_path) as stream:
        await until(lambda: [request for request in emulator.received if request.kind == "result"])
        await stream.aclose()
        assert list(tmp_path.iterdir()) == []


async def test_a_closed_stream_yields_no_outcome_that_was_not_taken(emulator):
    """What had ended and was not taken is dropped when the stream is closed."""
    async with open_pool(emulator) as pool:
        stream = pool.run(jobs(3))
        await anext(stream)
        await until(lambda: pool.stats().completed == 3)
        await stream.aclose()
        with pytest.raises(StopAsyncIteration):
            await anext(stream)


@pytest.mark.parametrize("how", ["abandon", "resubmit", "task"])
async def test_a_settle_that_is_cancelled_is_done_as_a_whole(emulator, how):
    """What the journal has settled frees its credits in the open pool, or is told by its stream of all outcomes."""
    writing, written = asyncio.Event(), asyncio.Event()

    class Slow(MemoryJournal):
        async def settled(self, key: str, how: str) -> None:
            await super().settled(key, how)
            writing.set()
            await written.wait()

    emulator.faults.on("submit", 1, faults.DROP_AFTER_ACCEPT)
    budget = ev.Budget(credits=100, most_per_job=90)
    async with open_pool(emulator, journal=Slow(), budget=budget) as pool, pool.outcomes() as ends:
        [unknown] = [outcome async for outcome in pool.run(jobs(1))]
        assert (pool.stats().credits_held, await anext(ends)) == (90, unknown)
        [task_id] = emulator.tasks
        settling = asyncio.create_task(pool.settle("shot-1", task_id if how == "task" else how))
        await writing.wait()
        settling.cancel()
        written.set()
        await asyncio.wait([settling])
        assert settling.cancelled()
        if how == "task":
            assert isinstance(await asyncio.wait_for(anext(ends), 10), ev.Completed)
        assert pool.stats().credits_held == 0


async def test_what_a_cancelled_settle_was_refused_for_is_its_cause(emulator, caplog):
    """The event loop has nothing to complain about."""
    writing, written = asyncio.Event(), asyncio.Event()

    class Slow(MemoryJournal):
        async def settled(self, key: str, how: str) -> None:
            writing.set()
            await written.wait()
            await super().settled(key, how)

    async def settle(pool: ev.SessionPool) -> None:
        with pytest.raises(asyncio.CancelledError) as caught:
            await pool.settle("shot-1", "abandon")
        assert isinstance(caught.value.__cause__, JournalError)

    async with open_pool(emulator, journal=Slow()) as pool:
        settling = asyncio.create_task(settle(pool))
        await writing.wait()
        settling.cancel()
        written.set()
        await settling
    gc.collect()
    assert "never retrieved" not in caplog.text
