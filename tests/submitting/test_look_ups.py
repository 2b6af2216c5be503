"""Jobs looked up in a journal that takes its time: whoever comes meanwhile, one job is bought once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

import evolink_async as ev
from evolink_async.journal import Found, Known, MemoryJournal
from evolink_async.journal.sqlite import SqliteJournal
from tests.kit import dance, jobs, open_pool, until

pytestmark = pytest.mark.anyio


class Far(SqliteJournal):
    """A journal whose answers are late: each was true when it was asked, and some turns of the loop have gone by."""

    def __init__(self, path: Path, turns: Sequence[int]) -> None:
        super().__init__(path)
        self._turns = turns
        self._asked = 0

    async def known(self, jobs: Sequence[ev.Job]) -> dict[str, Found]:
        """Wait before and after the look-up."""
        before, after = self._turns[self._asked % len(self._turns)], self._turns[(self._asked + 1) % len(self._turns)]
        self._asked += 1
        for _ in range(before):
            await asyncio.sleep(0)
        found = await super().known(jobs)
        for _ in range(after):
            await asyncio.sleep(0)
        return found


class Held(MemoryJournal):
    """A journal that answers when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.may_answer = asyncio.Event()
        self.reading = 0

    async def known(self, jobs: Sequence[ev.Job]) -> dict[str, Found]:
        """Wait until the test lets it go on."""
        found = await super().known(jobs)
        self.reading += 1
        await self.may_answer.wait()
        return found


class LateOwner(Held):
    """A journal that answers when it is let, to who asks for a task."""

    async def owner(self, task_ids: Sequence[str]) -> dict[str, Known]:
        """Wait until the test lets it go on."""
        self.reading += 1
        await self.may_answer.wait()
        return await super().owner(task_ids)


@pytest.mark.parametrize("turns", [[3], [0, 1, 7, 40], [200, 0]])
async def test_64_calls_for_one_key_are_one_purchase(emulator, tmp_path, turns):
    """Runs, `submit` and `generate` of one key join one submission, however late the journal answers each of them."""

    async def ran(pool: ev.SessionPool) -> str:
        [outcome] = [outcome async for outcome in pool.run([ev.Job("one", dance())])]
        assert isinstance(outcome, ev.Completed)
        return outcome.task_id

    async def submitted(pool: ev.SessionPool) -> str:
        return (await pool.submit(dance(), key="one")).task_id

    async def generated(pool: ev.SessionPool) -> str:
        return (await pool.generate(dance(), key="one")).task_id

    async with open_pool(emulator, journal=Far(tmp_path / "run.db", turns)) as pool:
        calls = [(ran, submitted, generated)[number % 3](pool) for number in range(64)]
        assert len(set(await asyncio.gather(*calls))) == 1
    assert sum(request.kind == "submit" for request in emulator.received) == emulator.ledger.accepted == 1


async def test_a_caller_that_gives_up_leaves_the_look_up_to_the_others(emulator):
    """Half of the callers are cancelled while the journal is read, the first one among them."""
    journal = Held()
    async with open_pool(emulator, journal=journal) as pool:
        calls = [asyncio.create_task(pool.submit(dance(), key="one")) for _ in range(8)]
        await until(lambda: journal.reading == 1)
        for call in calls[::2]:
            call.cancel()
        journal.may_answer.set()
        told = await asyncio.gather(*calls, return_exceptions=True)
    assert [isinstance(one, asyncio.CancelledError) for one in told] == [True, False] * 4
    assert len({one.task_id for one in told if isinstance(one, ev.Accepted)}) == 1
    assert emulator.ledger.accepted == 1


async def test_all_callers_that_give_up_buy_nothing(emulator):
    """Cancelled while the journal is read, a call has begun nothing; the next one begins anew."""
    journal = Held()
    async with open_pool(emulator, journal=journal) as pool:
        calls = [asyncio.create_task(pool.submit(dance(), key="one")) for _ in range(3)]
        await until(lambda: journal.reading == 1)
        for call in calls:
            call.cancel()
        await asyncio.wait(calls)
        journal.may_answer.set()
        assert pool.stats().waiting == emulator.ledger.accepted == 0
        await pool.submit(dance(), key="one")
    assert emulator.ledger.accepted == 1


async def test_a_run_drained_while_the_journal_is_read_tells_its_job(emulator):
    """Its job has an outcome, nothing is bought, and its place in flight is free again."""
    journal = Held()
    async with open_pool(emulator, journal=journal, limits=ev.Limits(in_flight=1)) as pool:
        stream = await pool.run(jobs(1)).__aenter__()
        await until(lambda: journal.reading == 1)
        for _ in range(3):
            stream.drain()
            await asyncio.sleep(0)
        journal.may_answer.set()
        [outcome] = [outcome async for outcome in stream]
        assert isinstance(outcome, ev.Failed)
        assert isinstance(outcome.error, ev.ConfigurationError)
        assert [type(one) async for one in pool.run(jobs(1))] == [ev.Completed]
    assert emulator.ledger.accepted == 1


async def test_a_run_closed_while_the_journal_is_read_ends(emulator):
    """Closing the pool waits for nothing, and nothing is sent."""
    journal = Held()
    async with open_pool(emulator, journal=journal) as pool:
        stream = await pool.run(jobs(3)).__aenter__()
        await until(lambda: journal.reading == 1)
    with pytest.raises(ev.ConfigurationError, match="closed"):
        await anext(stream)
    assert emulator.ledger.accepted == 0


async def test_a_call_whose_look_up_ends_while_the_pool_closes_is_not_sent(emulator):
    """Closing waits for the journal's answer, and the call is told that nothing was sent."""
    journal = Held()
    async with open_pool(emulator, journal=journal) as pool:
        call = asyncio.create_task(pool.submit(dance(), key="one"))
        await until(lambda: journal.reading == 1)
        asyncio.get_running_loop().call_soon(journal.may_answer.set)
    assert call.done()
    with pytest.raises(ev.ConfigurationError, match="nothing was charged"):
        await call
    assert emulator.received == []


async def test_who_begins_to_wait_while_the_pool_closes_is_told(emulator):
    """`wait` and `watch` read the journal first; closed meanwhile, they raise and wait for nothing."""
    journal = LateOwner()
    async with open_pool(emulator, journal=journal) as pool:
        waiting = asyncio.create_task(pool.wait("task-1"))
        watching = asyncio.create_task(anext(pool.watch("task-1")))
        await until(lambda: journal.reading == 2)
    journal.may_answer.set()
    for call in (waiting, watching):
        with pytest.raises(ev.ConfigurationError, match="closed"):
            await call
