"""Callbacks and doubts: one that names the task settles it, once that task was read and fits; nothing else does."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path
from typing import Any

import pytest

import evolink_async as ev
from evolink_async.emulator import Emulator, faults
from evolink_async.emulator.clock import HandClock
from evolink_async.journal import MemoryJournal
from evolink_async.pool import call_inbox
from tests.callbacks.conftest import Stage
from tests.callbacks.kit import Caller, in_aiohttp, new_receiver
from tests.callbacks.test_polls import SELDOM
from tests.kit import as_completed, dance, open_pool, turns, until

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["memory", "file"])
def journal(request, tmp_path: Path) -> Any:
    """Each kind of journal."""
    return MemoryJournal() if request.param == "memory" else tmp_path / "run.db"


def lose(emulator: Emulator, *numbers: int) -> None:
    """Have submits accepted, and their answers lost."""
    emulator.faults.on("submit", set(numbers), faults.DROP_AFTER_ACCEPT)


async def doubt(pool: ev.SessionPool, number: int = 1) -> None:
    """Submit a job whose answer is lost."""
    with pytest.raises(ev.SubmissionUnknownError):
        await pool.submit(dance(number), key=f"shot-{number}")


def url_of(emulator: Emulator, number: int = 1) -> str:
    """The callback URL of a task."""
    return str(list(emulator.tasks.values())[number - 1].callback_url)


def about(emulator: Emulator, number: int = 1) -> dict[str, str]:
    """A body about a task."""
    return {"id": list(emulator.tasks)[number - 1], "status": "completed"}


async def state(pool: ev.SessionPool, number: int = 1) -> type:
    """Where a job stands."""
    return type(await pool.find(f"shot-{number}"))


async def test_a_genuine_callback_settles_a_doubt(stage, journal):
    """The job is accepted, its credits count for a task that is known, and an open stream tells its end."""
    lose(stage.emulator, 1)
    budget = ev.Budget(credits=1000)
    async with open_pool(
        stage.emulator, callbacks=stage.receiver, cadence=SELDOM, journal=journal, budget=budget
    ) as pool:
        async with pool.outcomes() as ends:
            await doubt(pool)
            assert isinstance(await anext(ends), ev.Unknown)
            stage.clock.advance(10_000)
            done = as_completed(await anext(ends))
        assert (done.key, done.task_id) == ("shot-1", next(iter(stage.emulator.tasks)))
        assert await state(pool) is ev.Completed
    assert stage.emulator.ledger.accepted == 1


async def test_a_doubt_of_an_earlier_process_is_settled(stage, tmp_path: Path):
    """By its journal: the next run waits for the task, and buys nothing."""
    lose(stage.emulator, 1)
    path = tmp_path / "run.db"
    async with open_pool(stage.emulator, callbacks=stage.receiver, journal=path) as pool:
        await doubt(pool)
    async with open_pool(stage.emulator, callbacks=stage.receiver, journal=path) as pool:
        assert await state(pool) is ev.Unknown
        stage.clock.advance(10_000)
        while await state(pool) is ev.Unknown:
            await asyncio.sleep(0.001)
        assert (await pool.generate(dance(), key="shot-1")).url
    assert stage.emulator.ledger.accepted == 1


async def test_a_task_that_cannot_be_read_yet_is_read_again(stage, journal, monkeypatch):
    """No other poll is planned for a doubt."""
    monkeypatch.setattr(call_inbox, "PAUSES", (0.0, 0.01, 0.01, 0.01))
    lose(stage.emulator, 1)
    stage.emulator.faults.on("poll", 1, faults.REFUSE)
    stage.emulator.faults.on("poll", 2, faults.error(404))
    stage.emulator.faults.on("poll", 3, faults.error(503))
    async with open_pool(stage.emulator, callbacks=stage.receiver, journal=journal) as pool:
        await doubt(pool)
        assert await stage.caller.call(url_of(stage.emulator), about(stage.emulator)) == 204
        while await state(pool) is ev.Unknown:
            await asyncio.sleep(0.001)
        assert await state(pool) is ev.Accepted


async def nothing_comes_of(stage: Stage, pool: ev.SessionPool, body: object, *, polls: int) -> None:
    """A call for the doubt of `shot-1`, many times: it stays in doubt, and is read at most `polls` times."""
    before = stage.status_requests
    for _ in range(20):
        assert await stage.caller.call(url_of(stage.emulator), body) == 204
    inbox = next(work for work in pool._open_engine().runs if isinstance(work, call_inbox.CallInbox))
    await until(lambda: not inbox._waiting and not inbox._busy)
    await turns(20)
    assert await state(pool) is ev.Unknown
    assert stage.status_requests - before == polls


async def test_what_names_no_task_settles_nothing(stage, journal):
    """And is read no time."""
    lose(stage.emulator, 1)
    async with open_pool(stage.emulator, callbacks=stage.receiver, journal=journal) as pool:
        await doubt(pool)
        for body in ({}, {"id": "../../credits"}, {"id": None}, b"task-1", {"id": "t" * 200}):
            await nothing_comes_of(stage, pool, body, polls=0)


async def test_a_task_of_another_job_settles_nothing(stage, journal, caplog):
    """Whether that job is accepted or has ended; a WARNING tells of it, once."""
    lose(stage.emulator, 1)
    async with open_pool(stage.emulator, callbacks=stage.receiver, journal=journal) as pool:
        await doubt(pool)
        accepted = await pool.submit(dance(2), key="shot-2")
        with caplog.at_level(logging.WARNING, "evolink_async"):
            await nothing_comes_of(stage, pool, {"id": accepted.task_id, "status": "failed"}, polls=0)
        assert caplog.text.count("belongs to another job") == 1
        assert await state(pool, 2) is ev.Accepted


async def test_a_task_of_a_job_that_has_ended_settles_nothing(stage, journal):
    """A journal in memory finds out when the task was read."""
    lose(stage.emulator, 1)
    async with open_pool(stage.emulator, callbacks=stage.receiver, cadence=SELDOM, journal=journal) as pool:
        await doubt(pool)
        making = asyncio.create_task(pool.generate(dance(2), key="shot-2"))
        await until(lambda: pool.stats().in_flight == 1)
        take, _ = stage.receiver._take, stage.receiver.detach()
        stage.clock.advance(10_000)
        pool.hint(list(stage.emulator.tasks)[1])
        done = await making
        stage.receiver.attach(take)
        polls = 1 if isinstance(journal, MemoryJournal) else 0
        await nothing_comes_of(stage, pool, {"id": done.task_id, "status": "completed"}, polls=polls)


async def test_a_task_of_another_model_settles_nothing(stage, journal, caplog):
    """It was made by somebody else with our key."""
    lose(stage.emulator, 1)
    cat = ev.Wan26ImageToVideoFlash(prompt="A cat", image_urls=["https://example.com/cat.png"])
    async with (
        open_pool(stage.emulator) as other,
        open_pool(stage.emulator, callbacks=stage.receiver, journal=journal) as pool,
    ):
        await doubt(pool)
        foreign = await other.submit(cat)
        await nothing_comes_of(stage, pool, {"id": foreign.task_id, "status": "completed"}, polls=1)
    assert "is of another model" in caplog.text


@pytest.mark.parametrize(("clock_is_off_by", "settles"), [(-3600, False), (-61, False), (-50, True), (3600, False)])
async def test_a_task_that_was_made_at_another_time_settles_nothing(journal, clock_is_off_by, settles, caplog):
    """Before the job was sent, or later than now; a minute is forgiven."""
    receiver, clock = new_receiver(), HandClock(time.time() + clock_is_off_by)
    async with (
        in_aiohttp(receiver) as port,
        Emulator(clock=clock, callbacks_to="http://127.0.0.1:9") as emulator,
        open_pool(emulator, callbacks=receiver, journal=journal) as pool,
    ):
        stage = Stage(receiver, emulator, clock, Caller(port))
        lose(emulator, 1)
        await doubt(pool)
        if settles:
            assert await stage.caller.call(url_of(emulator), about(emulator)) == 204
            while await state(pool) is ev.Unknown:
                await asyncio.sleep(0.001)
        else:
            await nothing_comes_of(stage, pool, about(emulator), polls=1)
            assert "was made before the job was sent" in caplog.text


async def test_a_task_that_nobody_knows_settles_nothing(stage, journal, monkeypatch, caplog):
    """After some tries it is given up; the next callback begins anew."""
    monkeypatch.setattr(call_inbox, "PAUSES", (0.0, 0.01))
    lose(stage.emulator, 1)
    async with open_pool(stage.emulator, callbacks=stage.receiver, journal=journal) as pool:
        await doubt(pool)
        inbox = next(work for work in pool._open_engine().runs if isinstance(work, call_inbox.CallInbox))
        for _ in range(2):
            body = {"id": "task-unified-nobody", "status": "completed"}
            assert await stage.caller.call(url_of(stage.emulator), body) == 204
            await until(lambda: not inbox._waiting and not inbox._busy)
        assert await state(pool) is ev.Unknown
    assert stage.status_requests == 4
    assert "cannot be read" in caplog.text


async def test_the_callback_of_a_purchase_that_was_given_up(stage, tmp_path: Path, caplog):
    """Its job was bought again: the paid task is kept and reported, and the job stays as it is."""
    lose(stage.emulator, 1)
    async with open_pool(stage.emulator, callbacks=stage.receiver, journal=tmp_path / "run.db") as pool:
        await doubt(pool)
        await pool.settle("shot-1", "resubmit")
        accepted = await pool.submit(dance(1), key="shot-1")
        with caplog.at_level(logging.ERROR, "evolink_async"):
            for _ in range(5):
                assert await stage.caller.call(url_of(stage.emulator), about(stage.emulator)) == 204
                await until(lambda: "was paid for" in caplog.text)
                await turns(20)
        assert caplog.text.count("was paid for") == 1
        found = await pool.find("shot-1")
        assert isinstance(found, ev.Accepted)
        assert found.task_id == accepted.task_id != about(stage.emulator)["id"]


async def test_with_same_key_the_submit_goes_first(stage, journal):
    """While a doubt is sent again the callback waits; the answer settles it, and the callback brings its poll."""
    stage.emulator.faults.on("submit", 1, faults.DROP_AFTER_ACCEPT)
    stage.emulator.faults.on("submit", 2, faults.slow_loris(0.001))
    retry = ev.RetryPolicy(resubmit="same_key", base=0.01, cap=0.01)
    async with open_pool(
        stage.emulator, callbacks=stage.receiver, cadence=SELDOM, retry=retry, journal=journal
    ) as pool:
        making = asyncio.create_task(pool.generate(dance(1), key="shot-1"))
        await until(lambda: sum(request.kind == "submit" for request in stage.emulator.received) == 2)
        await stage.end_all()
        assert (await making).url
    assert stage.emulator.ledger.accepted == 1
