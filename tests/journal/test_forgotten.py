"""A paid task that the service no longer knows: its job can be settled, by the pool and by the command."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

import evolink_async as ev
from evolink_async.cli.commands.doubts import doubt_object
from evolink_async.emulator import Emulator, faults
from evolink_async.errors import JournalError
from evolink_async.journal import MemoryJournal
from evolink_async.journal.doubts import read_doubts, settle_doubt
from evolink_async.settings import Budget
from tests.kit import SINGLY, dance, jobs, open_pool

pytestmark = pytest.mark.anyio

QUICK = attrs.evolve(SINGLY, not_found_grace=0.01)


@pytest.fixture(params=["memory", "file"])
def journal(request, tmp_path: Path) -> Path | MemoryJournal:
    """Each kind of journal."""
    return MemoryJournal() if request.param == "memory" else tmp_path / "run.db"


async def forget(emulator: Emulator, pool: ev.SessionPool) -> str:
    """Run a job whose task the service forgets; return the task's id."""
    emulator.faults.on("poll", faults.ALWAYS, faults.error(404))
    [outcome] = [outcome async for outcome in pool.run(jobs(1))]
    emulator.faults.clear()
    assert isinstance(outcome, ev.Failed)
    assert isinstance(outcome.error, ev.TaskNotFoundError)
    assert outcome.task_id is not None
    return outcome.task_id


@pytest.mark.parametrize("how", ["abandon", "resubmit", "task"])
async def test_a_job_whose_task_is_forgotten_is_settled(emulator, journal, how):
    """Given up, bought again under a new key, or another task found: what a doubt can be settled with."""
    async with open_pool(emulator, journal=journal, cadence=QUICK) as pool:
        task_id = await forget(emulator, pool)
        other = await emulator_task(emulator, how)
        await pool.settle("shot-1", other or how)
        [outcome] = [outcome async for outcome in pool.run(jobs(1))]
    posts = [request.headers["Idempotency-Key"] for request in emulator.received if request.kind == "submit"]
    if how == "task":
        assert isinstance(outcome, ev.Completed)
        assert outcome.task_id == other != task_id
    elif how == "resubmit" or isinstance(journal, MemoryJournal):
        assert isinstance(outcome, ev.Completed)
        assert len(set(posts)) == len(posts) == 2
    else:
        assert isinstance(outcome, ev.Failed)
        assert (type(outcome.error), outcome.task_id, len(posts)) == (ev.TaskNotFoundError, task_id, 1)


async def emulator_task(emulator: Emulator, how: str) -> str | None:
    """Make a task outside of the journal, as the dashboard may show one."""
    if how != "task":
        return None
    async with open_pool(emulator) as pool:
        return (await pool.submit(dance(7))).task_id


@pytest.mark.parametrize("how", ["abandon", "resubmit"])
async def test_settling_frees_what_the_budget_held(emulator, journal, how):
    """Until then the paid task may still be charged."""
    async with open_pool(emulator, journal=journal, cadence=QUICK, budget=Budget(credits=24)) as pool:
        await forget(emulator, pool)
        [refused] = [outcome async for outcome in pool.run([ev.Job("other", dance(2))])]
        assert isinstance(refused, ev.Failed)
        await pool.settle("shot-1", how)
        [outcome] = [outcome async for outcome in pool.run([ev.Job("other", dance(2))])]
        assert isinstance(outcome, ev.Completed)


async def test_a_task_that_is_watched_is_not_settled(emulator, journal):
    """Only what was missing for good can be: an accepted job goes on."""
    async with open_pool(emulator, journal=journal) as pool:
        await pool.submit(dance(), key="one")
        for how in ("abandon", "resubmit"):
            with pytest.raises(JournalError, match="no longer knows"):
                await pool.settle("one", how)


async def test_the_note_outlives_the_process(emulator, tmp_path):
    """`doubts` lists the job with its task, and `settle` takes it; a run in between looks again."""
    path = tmp_path / "run.db"
    async with open_pool(emulator, journal=path, cadence=QUICK) as pool:
        task_id = await forget(emulator, pool)
    [doubt] = read_doubts(path)
    assert (doubt.key, doubt.task_id, doubt.model) == ("shot-1", task_id, "wan2.6-reference-video")
    told = doubt_object(doubt)
    assert told["task_id"] == task_id
    assert "no longer knows the task" in str(told["message"])
    assert task_id in str(told["check"])
    async with open_pool(emulator, journal=path) as pool:
        [again] = pool.unfinished()
        assert isinstance(again, ev.Accepted)
    await settle_doubt(path, "shot-1", "abandon")
    assert read_doubts(path) == []


async def test_a_task_that_comes_back_is_told(emulator, tmp_path):
    """The next run polls again; its end is the job's, and nothing is left to settle."""
    path = tmp_path / "run.db"
    async with open_pool(emulator, journal=path, cadence=QUICK) as pool:
        await forget(emulator, pool)
    async with open_pool(emulator, journal=path) as pool:
        [outcome] = [outcome async for outcome in pool.run(jobs(1))]
        assert isinstance(outcome, ev.Completed)
    assert read_doubts(path) == []
    assert emulator.ledger.accepted == 1
