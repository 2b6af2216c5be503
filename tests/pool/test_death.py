"""A pool whose poller has died buys nothing more, says why, and leaves nobody waiting."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import Awaitable, Callable

import pytest

import evolink_async as ev
from evolink_async.callbacks import CallbackReceiver
from evolink_async.emulator import Emulator, HandClock
from evolink_async.errors import ConfigurationError, JournalError
from evolink_async.journal import MemoryJournal
from evolink_async.polling import Poller
from tests.kit import dance, jobs, open_pool, own_tasks, turns, until

pytestmark = pytest.mark.anyio


async def kill_poller() -> None:
    """Cancel the background task from outside, as a program does that cancels all tasks it can find."""
    for task in own_tasks():
        if task.get_name() == "evolink_async poller":
            task.cancel()
    await turns(10)


async def run_one(pool: ev.SessionPool) -> object:
    """Run a job that is not bought yet."""
    return [outcome async for outcome in pool.run([ev.Job("new", dance(2))])]


METHODS: dict[str, Callable[[ev.SessionPool], Awaitable[object]]] = {
    "run": run_one,
    "submit": lambda pool: pool.submit(dance(2)),
    "generate": lambda pool: pool.generate(dance(2)),
    "wait": lambda pool: pool.wait("task-unified-1-abcdefgh"),
    "upload": lambda pool: pool.upload(b"x", file_name="x.png"),
    "retry_keys": lambda pool: pool.retry_keys(),
}


@pytest.mark.parametrize("method", METHODS)
async def test_every_call_is_refused_before_anything_is_bought(emulator, method):
    """The message says what happened and what to do."""
    async with open_pool(emulator) as pool:
        await kill_poller()
        received = len(emulator.received)
        with pytest.raises(ConfigurationError, match="has died") as caught:
            await METHODS[method](pool)
        assert not caught.value.may_resubmit
        assert "Open a new pool" in caught.value.advice
        assert len(emulator.received) == received


async def test_the_cause_is_kept(emulator_at_rest, monkeypatch):
    """Whatever it was."""

    def out_of_memory(*_: object) -> None:
        raise MemoryError("no room")

    emulator = emulator_at_rest
    pool = open_pool(emulator)
    await pool.__aenter__()
    accepted = await pool.submit(dance())
    waiting = asyncio.create_task(pool.wait(accepted.task_id))
    await until(lambda: [one for one in emulator.received if one.kind in ("poll", "batch")])
    monkeypatch.setattr(Poller, "_sleep", out_of_memory)
    with pytest.raises(MemoryError, match="no room"):
        await asyncio.wait_for(waiting, 10)
    with pytest.raises(ConfigurationError, match="MemoryError: no room") as caught:
        await pool.submit(dance(2))
    assert isinstance(caught.value.__cause__, MemoryError)
    with pytest.raises(MemoryError, match="no room"):
        await pool.aclose()
    assert emulator.ledger.accepted == 1


async def test_runs_and_waits_under_way_end(emulator_at_rest):
    """A run raises after the outcomes that it has; its jobs stay known by their tasks."""
    emulator = emulator_at_rest
    async with open_pool(emulator) as pool:
        run = asyncio.create_task(run_all(pool))
        await until(lambda: emulator.ledger.accepted == 3)
        waiting = asyncio.create_task(pool.wait(next(iter(emulator.tasks))))
        await turns(20)
        await kill_poller()
        for call in (run, waiting):
            with pytest.raises(ConfigurationError, match="has died"):
                await asyncio.wait_for(call, 10)
        # The answer to the last submit may have been under way: its task is learned all the same.
        await until(lambda: len(pool.unfinished()) == 3)


async def run_all(pool: ev.SessionPool) -> list[ev.Outcome]:
    """Run three jobs."""
    return [outcome async for outcome in pool.run(jobs(3))]


@pytest.fixture
def emulator_at_rest():
    """An emulator whose tasks never end."""
    with Emulator(clock=HandClock()).in_thread() as emulator:
        yield emulator


class Unreadable(MemoryJournal):
    """A journal that opens, and cannot be read."""

    async def ledger(self):
        raise JournalError("the disk is gone")


async def test_a_pool_that_cannot_be_opened_leaves_nothing_open(emulator):
    """Neither connections nor the journal, which another pool may open then."""
    journal = Unreadable()
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        with pytest.raises(JournalError, match="the disk is gone"):
            await open_pool(emulator, journal=journal, budget=ev.Budget(credits=1)).__aenter__()
        gc.collect()
        await turns()
    assert not own_tasks()
    async with open_pool(emulator, journal=journal):
        pass


async def test_another_pool_may_take_the_callbacks(emulator):
    """As the advice says: open a new pool. The dead one takes no more."""
    receiver = CallbackReceiver("https://hooks.example.com/evolink", "s" * 32)
    async with open_pool(emulator, callbacks=receiver):
        assert "not attached" not in repr(receiver)
        await kill_poller()
        async with open_pool(emulator, callbacks=receiver):
            assert "not attached" not in repr(receiver)
