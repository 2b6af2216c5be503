"""A task that an earlier process has bought is polled at once, whatever the wall clock says of its age."""

from __future__ import annotations

import asyncio
import time

import pytest

from evolink_async import Cadence, Completed
from evolink_async.emulator import Emulator
from tests.kit import jobs, open_pool, until

pytestmark = pytest.mark.anyio

# A task that is not polled at once is polled after the test's time limit.
SLOW = Cadence(first_look=3600, min_interval=3600, max_interval=7200)


@pytest.mark.parametrize("shift", [0.0, -86400.0, 86400.0], ids=["a quick restart", "a day back", "a day ahead"])
@pytest.mark.parametrize("how", ["run", "wait", "wait by key"])
async def test_a_task_of_an_earlier_process_is_polled_at_once(tmp_path, monkeypatch, shift, how):
    """It has ended before the restart."""
    journal, [job] = tmp_path / "jobs.db", jobs(1)
    async with Emulator(speed=100_000) as emulator:
        async with open_pool(emulator, journal=journal, cadence=SLOW) as pool:
            accepted = await pool.submit(job.params, key=job.key)
        wall = time.time
        monkeypatch.setattr(time, "time", lambda: wall() + shift)
        async with open_pool(emulator, journal=journal, cadence=SLOW) as pool:
            if how == "run":
                [outcome] = [outcome async for outcome in pool.run([job])]
            else:
                outcome = await (pool.wait(accepted.task_id) if how == "wait" else pool.wait(key=job.key))
        assert isinstance(outcome, Completed)
        assert emulator.ledger.accepted == 1


async def test_a_task_of_this_process_is_polled_by_the_schedule(monkeypatch):
    """Also when the wall clock has jumped a day since, and whoever waits asks by its id."""
    wall = time.time
    async with Emulator(speed=1) as emulator, open_pool(emulator, cadence=SLOW) as pool:
        accepted = await pool.submit(jobs(1)[0].params)
        monkeypatch.setattr(time, "time", lambda: wall() + 86400)
        waiting = asyncio.create_task(pool.wait(accepted.task_id))
        engine = pool._engine
        assert engine is not None
        await until(lambda: len(engine.tasks))
        [entry] = engine.tasks
        assert entry.due > time.monotonic() + 60
        waiting.cancel()
