"""Callbacks that reach another process than the one that has the job: it is told, and polls at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest

import evolink_async as ev
from evolink_async.callbacks import CallbackReceiver
from evolink_async.emulator import Emulator, faults
from evolink_async.emulator.clock import HandClock
from evolink_async.errors import JournalError
from evolink_async.journal.postgres import PostgresJournal
from evolink_async.pool import call_inbox
from evolink_async.submitting import job_claims
from tests.callbacks.conftest import Stage
from tests.callbacks.kit import Caller, in_aiohttp, new_receiver
from tests.callbacks.test_polls import SELDOM
from tests.kit import as_accepted, as_completed, dance, jobs, open_pool, until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]  # processes and servers start slowly on a busy machine


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """The service calls the receiver of `called`, whoever has the job."""
    receiver, clock = new_receiver(), HandClock(time.time())
    async with in_aiohttp(receiver) as port, Emulator(clock=clock, callbacks_to=f"http://127.0.0.1:{port}") as emulator:
        yield Stage(receiver, emulator, clock, Caller(port))


@asynccontextmanager
async def two(stage: Stage, postgres: str, **settings) -> AsyncIterator[tuple[ev.SessionPool, ev.SessionPool]]:
    """A pool that works, and one whose receiver gets all callbacks; neither polls by itself."""
    async with (
        open_pool(
            stage.emulator,
            journal=PostgresJournal(postgres, **settings),
            cadence=SELDOM,
            callbacks=new_receiver(),
        ) as working,
        open_pool(
            stage.emulator,
            journal=PostgresJournal(postgres, **settings),
            cadence=SELDOM,
            callbacks=stage.receiver,
        ) as called,
    ):
        yield working, called


def other_receiver(working: ev.SessionPool) -> CallbackReceiver:
    """The receiver of the pool that works, which the service does not call."""
    [inbox] = [work for work in working._open_engine().runs if isinstance(work, call_inbox.CallInbox)]
    assert isinstance(inbox._callbacks, CallbackReceiver)
    return inbox._callbacks


def is_idle(pool: ev.SessionPool) -> bool:
    """Whether all callbacks that reached a pool were dealt with."""
    [inbox] = [work for work in pool._open_engine().runs if isinstance(work, call_inbox.CallInbox)]
    return not inbox._waiting and not inbox._busy


@pytest.mark.parametrize("listen", [True, False])
async def test_the_holder_is_told(stage, postgres, listen):
    """Each end is known at once, with one status request a task at most; nothing is left in the journal."""
    async with two(stage, postgres, listen=listen) as (working, called):
        run = working.run(jobs(20))
        reading = asyncio.create_task(anext(run))
        await until(lambda: working.stats().in_flight == 20)
        await stage.end_all()
        outcomes = [await reading, *[outcome async for outcome in run]]
        assert {as_completed(outcome).key for outcome in outcomes} == {f"shot-{number}" for number in range(1, 21)}
        assert stage.status_requests <= 20
        assert called.stats().looks == 0
    assert stage.emulator.ledger.accepted == 20
    with psycopg.connect(postgres) as connection:
        assert connection.execute("SELECT count(*) FROM evolink_calls").fetchone() == (0,)


async def test_a_call_before_the_answer_to_the_submit(stage, postgres):
    """The called process reads the task and writes it down; the one that sends it polls it, and tells its end."""
    stage.emulator.faults.on("submit", 1, faults.slow_loris(0.002))
    async with two(stage, postgres) as (working, called):
        making = asyncio.create_task(working.generate(dance(), key="shot-1"))
        await until(lambda: stage.emulator.tasks)
        await stage.end_all()
        await until(lambda: is_idle(called))
        assert not making.done()
        assert as_accepted(await called.find("shot-1")).task_id in stage.emulator.tasks
        assert (await making).url
    assert stage.emulator.ledger.accepted == 1


async def test_a_call_before_anybody_waits(stage, postgres):
    """The pool that has the job learns of it, and polls at once when it waits."""
    async with two(stage, postgres) as (working, called):
        accepted = await working.submit(dance(), key="shot-1")
        await stage.end_all()
        await until(lambda: is_idle(called))
        await until(lambda: working._open_engine().calls.was_called(accepted.task_id))
        assert as_completed(await working.wait(accepted.task_id)).key == "shot-1"


@pytest.mark.parametrize("watches", [True, False])
async def test_a_doubt_that_nobody_has_is_settled_where_the_call_lands(stage, postgres, watches, monkeypatch):
    """And its end is told by whoever reads all outcomes."""
    stage.emulator.faults.on("submit", 1, faults.DROP_AFTER_ACCEPT)
    monkeypatch.setattr(job_claims, "BEATS", 20)
    async with two(stage, postgres, lease=2.0) as (working, called):
        with pytest.raises(ev.SubmissionUnknownError):
            await working.submit(dance(), key="shot-1")
        async with (called if watches else working).outcomes() as ends:
            assert isinstance(await anext(ends), ev.Unknown)
            await until(lambda: not working._open_engine().claims._tasks)  # type: ignore[union-attr]  # it is shared
            [(task_id, task)] = stage.emulator.tasks.items()
            await stage.end_all()
            if not watches:  # the one that watches takes the job up, and learns of its end from the next call
                await until(lambda: task_id in working._open_engine().tasks)
                await stage.caller.call(str(task.callback_url), {"id": task_id, "status": "completed"})
            assert as_completed(await anext(ends)).key == "shot-1"
    assert stage.emulator.ledger.accepted == 1


async def test_two_processes_are_called_for_one_doubt(stage, postgres, caplog):
    """The second finds that the job has its task: it is not taken for that of another job."""
    stage.emulator.faults.on("submit", 1, faults.DROP_AFTER_ACCEPT)
    async with two(stage, postgres) as (working, called), in_aiohttp(other_receiver(working)) as port:
        with pytest.raises(ev.SubmissionUnknownError):
            await working.submit(dance(), key="shot-1")
        [(task_id, task)] = stage.emulator.tasks.items()
        body = {"id": task_id, "status": "completed"}
        for caller in (stage.caller, Caller(port)):
            assert await caller.call(str(task.callback_url), body) == 204
        await until(lambda: is_idle(called) and is_idle(working))
        assert as_accepted(await working.find("shot-1")).task_id == task_id
    assert "belongs to another job" not in caplog.text


async def test_a_call_for_a_job_of_an_owner_that_is_gone(postgres):
    """It is dropped with the owner, or at the next time that one goes."""
    one, other = PostgresJournal(postgres), PostgresJournal(postgres)
    await one.open()
    await other.open()
    with psycopg.connect(postgres, autocommit=True) as connection:
        mine = one._open_lease().epoch
        for epoch in (mine, 99):
            connection.execute("INSERT INTO evolink_calls VALUES (%s, 'ev-a', 'task-a')", (epoch,))
        await other.aclose()
        assert connection.execute("SELECT epoch FROM evolink_calls").fetchall() == [(mine,)]
        assert await one.take_calls() == {"ev-a": "task-a"}
        assert await one.take_calls() == {}
    await one.aclose()
    with pytest.raises(JournalError, match="not open"):
        await one.take_calls()
