"""The stream of all outcomes: every end at least once, told durably, whoever asked for the job."""

from __future__ import annotations

import asyncio
import gc
import logging
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import evolink_async as ev
from evolink_async.emulator import faults
from evolink_async.errors import JournalError
from evolink_async.events import JobEnded
from evolink_async.journal import MemoryJournal
from evolink_async.journal.kept_ends import KeptEnds
from evolink_async.pool import AllOutcomes
from tests.kit import as_completed, as_failed, dance, jobs, open_pool, own_tasks, until

pytestmark = pytest.mark.anyio

FILE = "run.db"


@pytest.fixture(params=["memory", "file"])
def journal(request, tmp_path: Path) -> Any:
    """Each kind of journal."""
    return MemoryJournal() if request.param == "memory" else tmp_path / FILE


async def take(stream: AllOutcomes, count: int) -> list[ev.Outcome]:
    """The next outcomes."""
    return [await anext(stream) for _ in range(count)]


async def test_every_job_is_told_whoever_asked_for_it(emulator, journal):
    """Submitted, run and generated ones, from before and after the stream was opened, each once."""
    async with open_pool(emulator, journal=journal) as pool:
        await pool.submit(dance(11), key="before")
        await pool.generate(dance(12), key="ended before")
        async with pool.outcomes() as ends:
            await pool.submit(dance(13), key="after")
            generating = asyncio.create_task(pool.generate(dance(14), key="generated"))
            async for _ in pool.run(jobs(5)):
                pass
            told = await take(ends, 9)
            assert {outcome.key for outcome in told} == {
                *("before", "ended before", "after", "generated"),
                *(f"shot-{number}" for number in range(1, 6)),
            }
            assert all(not as_completed(outcome).resumed for outcome in told)
            await generating
            assert pool.stats().completed == 9
        async with pool.outcomes() as ends:
            await pool.submit(dance(15), key="later")
            assert (await anext(ends)).key == "later", "nothing is told twice"
        assert pool.unfinished() == (), "what was told was taken, so that a journal in memory does not grow"
    assert own_tasks() == set()


async def test_what_an_earlier_process_left_is_told(emulator, tmp_path):
    """Accepted and ended jobs; those that had ended come with the mark that an earlier run has ended them."""
    async with open_pool(emulator, journal=tmp_path / FILE) as pool:
        await pool.generate(dance(1), key="ended")
        await pool.submit(dance(2), key="going")
    async with open_pool(emulator, journal=tmp_path / FILE) as pool, pool.outcomes() as ends:
        told = {outcome.key: as_completed(outcome).resumed for outcome in await take(ends, 2)}
    assert told == {"ended": True, "going": False}
    assert emulator.ledger.accepted == 2


@pytest.mark.parametrize("leaves_by", ["end of the block", "aclose", "next", "exception", "cancellation", "crash"])
async def test_when_an_outcome_counts_as_told(emulator, tmp_path, leaves_by):
    """When the next one is asked for, or the stream is left cleanly; otherwise it comes again."""
    last = ""

    async def handle() -> None:
        nonlocal last
        async with open_pool(emulator, journal=tmp_path / FILE) as pool:
            for number in (1, 2):
                await pool.generate(dance(number), key=f"shot-{number}")
            async with pool.outcomes() as ends:
                last = (await anext(ends)).key
                if leaves_by == "aclose":
                    await ends.aclose()
                elif leaves_by == "next":
                    last = (await anext(ends)).key
                    raise ValueError("on its second")
                elif leaves_by == "exception":
                    raise ValueError("in the middle of it")
                elif leaves_by == "cancellation":
                    await asyncio.Event().wait()
                elif leaves_by == "crash":
                    await pool.aclose()  # the journal is closed under the stream

    handling = asyncio.create_task(handle())
    await until(lambda: last)
    if leaves_by == "cancellation":
        handling.cancel()
    with suppress(ValueError, asyncio.CancelledError):
        await handling
    async with open_pool(emulator, journal=tmp_path / FILE) as pool, pool.outcomes() as ends:
        await pool.submit(dance(3), key="later")
        told = [(await anext(ends)).key]
        while told[-1] != "later":
            told.append((await anext(ends)).key)
    repeats = {"end of the block": [], "aclose": [], "next": ["shot-2"]}.get(leaves_by, ["shot-1"])
    expected = repeats + (["shot-2"] if leaves_by != "next" else [])
    assert told == [*expected, "later"]


async def test_a_doubt_is_told_and_what_it_becomes_too(emulator, journal):
    """First as `Unknown`; settled with its task, as `Completed`."""
    emulator.faults.on("submit", 1, faults.DROP_AFTER_ACCEPT)
    async with open_pool(emulator, journal=journal) as pool, pool.outcomes() as ends:
        with pytest.raises(ev.SubmissionUnknownError):
            await pool.submit(dance(), key="shot")
        assert isinstance(await anext(ends), ev.Unknown)
        [task_id] = emulator.tasks
        await pool.settle("shot", task_id)
        assert as_completed(await anext(ends)).task_id == task_id


@pytest.mark.parametrize("how", ["abandon", "resubmit"])
async def test_a_doubt_that_is_given_up_or_bought_again(emulator, journal, how):
    """Giving up is an end; buying again is none until the new task has ended."""
    emulator.faults.on("submit", 1, faults.DROP_AFTER_ACCEPT)
    async with open_pool(emulator, journal=journal) as pool, pool.outcomes() as ends:
        with pytest.raises(ev.SubmissionUnknownError):
            await pool.submit(dance(), key="shot")
        assert isinstance(await anext(ends), ev.Unknown)
        await pool.settle("shot", how)
        if how == "abandon":
            assert isinstance(as_failed(await anext(ends)).error, ev.SubmissionUnknownError)
        else:
            bought = await pool.submit(dance(), key="shot")
            assert as_completed(await anext(ends)).task_id == bought.task_id


async def test_a_doubt_that_was_settled_before_it_was_told(emulator, tmp_path):
    """Its end is told, though the doubt was marked in between."""
    emulator.faults.on("submit", 1, faults.DROP_AFTER_ACCEPT)
    async with open_pool(emulator, journal=tmp_path / FILE) as pool:
        async with pool.outcomes() as ends:
            with pytest.raises(ev.SubmissionUnknownError):
                await pool.submit(dance(), key="shot")
            assert isinstance(await anext(ends), ev.Unknown)
            [task_id] = emulator.tasks
            await pool.settle("shot", task_id)
            await pool.wait(task_id)
        async with pool.outcomes() as ends:
            assert as_completed(await anext(ends)).task_id == task_id


async def test_closing_again_after_a_failure_marks_nothing(emulator, journal):
    """What was being handled when the consumer failed is told by the next stream."""
    async with open_pool(emulator, journal=journal) as pool:
        ends = pool.outcomes()
        with pytest.raises(ValueError, match="while it was handled"):
            async with ends:
                bought = await pool.submit(dance(), key="shot")
                assert as_completed(await anext(ends)).task_id == bought.task_id
                raise ValueError("while it was handled")
        await ends.aclose()
        async with pool.outcomes() as again:
            assert as_completed(await anext(again)).task_id == bought.task_id


async def test_a_job_that_was_refused_is_told_once(emulator, tmp_path):
    """It stays planned, so no later stream has it."""
    emulator.faults.on("submit", 1, faults.error(400))
    async with open_pool(emulator, journal=tmp_path / FILE) as pool:
        async with pool.outcomes() as ends:
            with pytest.raises(ev.InvalidRequestError):
                await pool.submit(dance(), key="shot")
            assert isinstance(as_failed(await anext(ends)).error, ev.InvalidRequestError)
        async with pool.outcomes() as ends:
            await pool.submit(dance(2), key="later")
            assert (await anext(ends)).key == "later"


async def test_a_task_that_the_service_forgets_is_told_once(emulator, tmp_path):
    """To the stream, the observer and the figures, though a run watches the same task."""
    said = []
    emulator.faults.on("poll", faults.ALWAYS, faults.error(404))
    emulator.faults.on("batch", faults.ALWAYS, faults.error(404))
    observer = lambda event: said.append(event.outcome.key) if isinstance(event, JobEnded) else None  # noqa: E731
    async with open_pool(emulator, journal=tmp_path / FILE, observer=observer) as pool, pool.outcomes() as ends:
        outcomes = [outcome async for outcome in pool.run(jobs(1))]
        assert isinstance(as_failed(await anext(ends)).error, ev.TaskNotFoundError)
        assert [type(as_failed(outcome).error) for outcome in outcomes] == [ev.TaskNotFoundError]
        assert said == ["shot-1"]
        assert pool.stats().failed == 1


async def test_files_are_saved_before_an_outcome_is_told(emulator, tmp_path):
    """Also those of a job that an earlier process had ended; what is saved already is not fetched again."""
    async with open_pool(emulator, journal=tmp_path / FILE) as pool:
        await pool.generate(dance(1), key="ended")
        async for _ in pool.run(jobs(1), download_to=tmp_path / "films"):
            pass
        async with pool.outcomes(download_to=tmp_path / "films") as ends:
            await pool.submit(dance(2), key="later")
            told = [as_completed(outcome) for outcome in await take(ends, 3)]
    assert {outcome.files[0].name for outcome in told} == {"ended.mp4", "shot-1.mp4", "later.mp4"}
    assert all(outcome.files[0].stat().st_size for outcome in told)
    assert sum(request.kind == "result" for request in emulator.received) == 3


async def test_one_stream_at_a_time(emulator):
    """A second one raises; after the first was closed or dropped, another one may be opened."""
    async with open_pool(emulator) as pool:
        async with pool.outcomes():
            with pytest.raises(ev.ConfigurationError, match="one at a time"):
                await anext(pool.outcomes())
        dropped = pool.outcomes()
        await pool.generate(dance(), key="shot")
        await anext(dropped)
        with pytest.warns(ResourceWarning, match="dropped"):
            del dropped
            gc.collect()
        await until(lambda: not pool._engine or not pool._engine.runs)
        async with pool.outcomes() as ends:
            assert (await anext(ends)).key == "shot", "the dropped stream has not marked it"


async def test_a_pool_that_closes_ends_the_stream_aloud(emulator, journal):
    """Whoever reads is told so, and an outcome in his hands stays untold."""
    async with open_pool(emulator, journal=journal) as pool:
        ends = pool.outcomes()
        reading = asyncio.create_task(anext(ends))
        await until(lambda: pool._engine and pool._engine.runs)
    with pytest.raises(ev.ConfigurationError, match="closed"):
        await reading
    with pytest.raises(StopAsyncIteration):
        await anext(ends)


async def test_a_journal_that_breaks_ends_the_stream_aloud(emulator, tmp_path, monkeypatch):
    """Nothing is waited for that can never be told."""
    async with open_pool(emulator, journal=tmp_path / FILE) as pool, pool.outcomes() as ends:
        reading = asyncio.create_task(anext(ends))
        await pool.submit(dance(), key="shot")

        async def broken(*_: object) -> None:
            raise JournalError("the disk is full")

        monkeypatch.setattr(pool._journal, "untold", broken)
        with pytest.raises(JournalError, match="the disk is full"):
            await reading


async def test_a_slow_reader_keeps_little_ready(emulator, tmp_path, monkeypatch):
    """What he has not asked for stays in the journal."""
    monkeypatch.setattr("evolink_async.pool.outcome_feed.PAGE", 4)
    async with open_pool(emulator, journal=tmp_path / FILE) as pool:
        async for _ in pool.run(jobs(30)):
            pass
        async with pool.outcomes() as ends:
            await anext(ends)
            await asyncio.sleep(0)
            assert len(ends._feed._ready) <= 4
            assert len({outcome.key for outcome in await take(ends, 29)}) == 29


def test_a_journal_in_memory_keeps_the_last_outcomes(caplog):
    """It says once how many were dropped untold."""
    kept = KeptEnds(most=3)
    for number in range(5):
        kept.add(ev.Failed(f"shot-{number}", ev.EvolinkError("no")))
    kept.mark_told([3])
    with caplog.at_level(logging.WARNING, "evolink_async"):
        assert [end.outcome.key for end in kept.untold(0, 10)] == ["shot-3", "shot-4"]
        assert [end.number for end in kept.untold(4, 10)] == [5]
    assert len(caplog.records) == 1
    assert "2 outcomes were not told" in caplog.text
    assert kept.find("shot-1") is None
