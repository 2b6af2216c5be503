"""How the input of a run is read."""

from __future__ import annotations

import asyncio
from itertools import count

import pytest

from evolink_async.emulator import Emulator
from evolink_async.errors import ConfigurationError
from evolink_async.pool.job_source import AT_ONCE, read_jobs
from tests.kit import as_completed, jobs, open_pool

pytestmark = pytest.mark.anyio
JOBS = 20 * AT_ONCE


async def test_a_run_that_resumes_leaves_turns_to_others(tmp_path):
    """However many ended jobs the journal knows, few are read in one turn of the event loop."""
    async with Emulator(speed=1000) as emulator, open_pool(emulator, journal=tmp_path / "jobs.db") as pool:
        async with pool.run(jobs(JOBS)) as outcomes:
            assert len([as_completed(outcome) async for outcome in outcomes]) == JOBS
        read, most = 0, 0

        def again():
            nonlocal read
            for job in jobs(JOBS):
                read += 1
                yield job

        async def watch_the_turns():
            nonlocal most
            before = 0
            while True:
                await asyncio.sleep(0)
                most, before = max(most, read - before), read

        watching = asyncio.create_task(watch_the_turns())
        async with pool.run(again()) as outcomes:
            assert all([as_completed(outcome).resumed async for outcome in outcomes])
        watching.cancel()
    assert 0 < most <= AT_ONCE + 1
    assert len(emulator.tasks) == JOBS


@pytest.mark.parametrize("taken", [1, AT_ONCE, AT_ONCE + 1])
async def test_an_input_that_is_left_early_is_closed(taken):
    """Also between two turns."""
    closed = []

    async def endless():
        try:
            for number in count():
                yield jobs(1)[0], number
        finally:
            closed.append(True)

    reading = read_jobs(endless())  # what the items are does not matter here
    for _ in range(taken):
        await anext(reading)
    await reading.aclose()
    assert closed


async def test_a_cancellation_out_of_an_input_is_an_error_for_who_reads():
    """Also in an estimate: nobody has cancelled the call."""

    def broken():
        yield from jobs(1)
        raise asyncio.CancelledError

    async with Emulator(speed=1000) as emulator, open_pool(emulator) as pool:
        with pytest.raises(ConfigurationError, match="raised CancelledError"):
            await pool.estimate(broken())
