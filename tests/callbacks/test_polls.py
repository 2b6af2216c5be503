"""Callbacks and polls: an end is known when its callback comes, and without callbacks all the same."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import attrs
import pytest

import evolink_async as ev
from evolink_async.callbacks import CallbackReceiver
from evolink_async.callbacks.answers import Head
from evolink_async.emulator import Emulator, faults
from evolink_async.emulator.clock import HandClock
from evolink_async.events import PollingTrouble
from evolink_async.polling import call_record
from tests.callbacks.kit import SECRET, SERVERS, URL, new_receiver
from tests.footage import clip
from tests.kit import FAST, as_completed, dance, jobs, open_pool, until

pytestmark = pytest.mark.anyio

SELDOM = ev.Cadence(polls_per_second=2000, first_look=3600, min_interval=0.01, max_interval=3600)
"""No poll comes within a test, but for a callback."""


def callback_urls(emulator: Emulator) -> list[str | None]:
    """What the service was told, in the order of the tasks."""
    return [task.callback_url for task in emulator.tasks.values()]


@pytest.mark.parametrize("server", SERVERS)
async def test_a_callback_brings_the_poll_forward(server):
    """The end of each job is known at once, with at most two status requests a task."""
    receiver, clock = new_receiver(), HandClock(time.time())
    async with (
        SERVERS[server](receiver) as port,
        Emulator(clock=clock, callbacks_to=f"http://127.0.0.1:{port}", failure_share=0.2) as emulator,
        open_pool(emulator, callbacks=receiver, cadence=SELDOM) as pool,
    ):
        run = pool.run(jobs(20))
        reading = asyncio.create_task(anext(run))
        await until(lambda: pool.stats().in_flight == 20)
        assert pool.stats().looks == 0
        clock.advance(10_000)
        outcomes = [await reading, *[outcome async for outcome in run]]
        assert pool.stats().status_requests <= 40
    assert {outcome.key for outcome in outcomes} == {f"shot-{number}" for number in range(1, 21)}
    assert {type(outcome) for outcome in outcomes} == {ev.Completed, ev.Failed}


async def test_every_call_is_answered_before_the_work(stage):
    """Also while the journal cannot be read; the work is done later."""
    calls = []

    class Held(ev.journal.MemoryJournal):
        async def purchases(self, idempotency_keys):
            calls.append(idempotency_keys)
            await asyncio.Event().wait()
            raise AssertionError

    async with open_pool(stage.emulator, callbacks=stage.receiver, journal=Held()):
        url = stage.receiver.url_for("nobody", "ev-" + "0" * 32)
        head = Head("POST", url.rpartition("/")[2], None)

        async def body():
            yield b"{}"

        assert [await stage.receiver._answer(head, body()) for _ in range(3)] == [204] * 3
        await until(lambda: calls)
    assert len(calls) == 1


@pytest.mark.parametrize("refused", [1, 2, 3])
async def test_a_callback_that_is_refused_comes_again(refused):
    """After 1, 2 and 4 s of the service's time."""

    class Shy(CallbackReceiver):
        """Refuses the first calls."""

        left = refused

        async def _answer(self, head, pieces):
            if self.left:
                self.left -= 1
                await pieces.aclose()
                return 503
            return await super()._answer(head, pieces)

    receiver, clock = Shy(URL, SECRET), HandClock(time.time())
    async with (
        SERVERS["aiohttp"](receiver) as port,
        Emulator(clock=clock, callbacks_to=f"http://127.0.0.1:{port}") as emulator,
        open_pool(emulator, callbacks=receiver, cadence=SELDOM) as pool,
    ):
        making = asyncio.create_task(pool.generate(dance()))
        await until(lambda: pool.stats().in_flight == 1)
        clock.advance(10_000)
        while not making.done():
            clock.advance(0.5)
            await asyncio.sleep(0.001)
        assert receiver.left == 0
        assert (await making).url
        assert pool.stats().status_requests == 1


async def test_with_all_callbacks_lost_everything_is_found(monkeypatch):
    """The polls are the safety net, and the observer is told."""
    monkeypatch.setattr(call_record, "CALL_GRACE", 0.0)
    events: list[ev.Event] = []
    async with (
        Emulator(speed=1000, callbacks_to="http://127.0.0.1:9") as emulator,
        open_pool(emulator, callbacks=new_receiver(), observer=events.append) as pool,
    ):
        outcomes = [outcome async for outcome in pool.run(jobs(100))]
    assert {outcome.key for outcome in outcomes} == {f"shot-{number}" for number in range(1, 101)}
    [trouble] = [event for event in events if isinstance(event, PollingTrouble)]
    assert "without their callback" in trouble.reason


async def test_a_callback_that_comes_before_anybody_waits(stage):
    """The task is polled as soon as somebody does."""
    async with open_pool(stage.emulator, callbacks=stage.receiver, cadence=SELDOM) as pool:
        accepted = await pool.submit(dance(), key="shot-1")
        await stage.end_all()
        assert pool.stats().looks == 0
        assert (await pool.wait(accepted.task_id)).url


@pytest.mark.parametrize("kind", ["memory", "file"])
async def test_a_callback_that_comes_before_the_answer_to_the_submit(stage, tmp_path: Path, kind):
    """It counts as soon as the task is known."""
    stage.emulator.faults.on("submit", 1, faults.slow_loris(0.002))
    journal = None if kind == "memory" else tmp_path / "run.db"
    async with open_pool(stage.emulator, callbacks=stage.receiver, cadence=SELDOM, journal=journal) as pool:
        making = asyncio.create_task(pool.generate(dance(), key="shot-1"))
        await until(lambda: stage.emulator.tasks)
        await stage.end_all()
        assert not making.done()
        assert (await making).url
        assert stage.status_requests == 1


async def test_a_callback_after_a_restart(stage, tmp_path: Path):
    """The journal knows the job, and the receiver of the new process is the same."""
    path = tmp_path / "run.db"
    async with open_pool(stage.emulator, callbacks=stage.receiver, cadence=SELDOM, journal=path) as pool:
        await pool.submit(dance(), key="shot-1")
    async with open_pool(stage.emulator, callbacks=stage.receiver, cadence=SELDOM, journal=path) as pool:
        waiting = asyncio.create_task(pool.wait(key="shot-1"))
        await until(lambda: pool.stats().in_flight == 1)
        await stage.end_all()
        assert (await waiting).url
        [url] = callback_urls(stage.emulator)
        assert url is not None
        before = stage.status_requests
        assert await stage.caller.call(url) == 204
        assert stage.status_requests == before, "one that comes late changes nothing"
        assert isinstance(await pool.find("shot-1"), ev.Completed)


async def test_a_url_of_the_users_own_is_kept(stage):
    """Such a task is polled as usual, and so is a request without a class, which is sent unchanged."""
    own = "https://own.example.com/hook"
    raw = ev.RawParams("wan2.6-reference-video", ev.dump_params(dance(2)))
    async with open_pool(stage.emulator, callbacks=stage.receiver) as pool:
        await pool.submit(dance(1, callback_url=own))
        await pool.submit(raw)
        await pool.submit(dance(3))
        urls = callback_urls(stage.emulator)
        assert urls[:2] == [own, None]
        assert str(urls[2]).startswith(f"{URL}/ev-")
        expected = [pool._open_engine().calls.is_expected(task_id) for task_id in stage.emulator.tasks]
        assert expected == [False, False, True]


async def test_callbacks_are_no_part_of_a_job(stage, tmp_path: Path):
    """A job that was bought without them is the same with them, and the other way round."""
    path = tmp_path / "run.db"
    for callbacks in (None, stage.receiver, None):
        async with open_pool(stage.emulator, callbacks=callbacks, journal=path) as pool:
            accepted = await pool.submit(dance(), key="shot-1")
            assert accepted.task_id == next(iter(stage.emulator.tasks))
    assert len(stage.emulator.tasks) == 1


async def test_a_purchase_has_one_url(stage, tmp_path: Path):
    """A send that is repeated under its key is the same bytes, also after a restart with another receiver."""
    stage.emulator.faults.on("submit", [1, 2], faults.DROP_BEFORE_ACCEPT)
    retry = ev.RetryPolicy(resubmit="same_key", base=0.01, cap=0.01, attempts=2)
    async with open_pool(stage.emulator, callbacks=stage.receiver, retry=retry, journal=tmp_path / "run.db") as pool:
        with pytest.raises(ev.SubmissionUnknownError):
            await pool.submit(dance(), key="shot-1")
    other = CallbackReceiver("https://elsewhere.example.com", SECRET)
    async with open_pool(stage.emulator, callbacks=other, retry=retry, journal=tmp_path / "run.db") as pool:
        accepted = await pool.submit(dance(), key="shot-1")
        assert not pool._open_engine().calls.is_expected(accepted.task_id)
    bodies = {request.body for request in stage.emulator.received if request.kind == "submit"}
    assert len(bodies) == 1


async def test_a_job_with_files_has_its_url_too(stage, tmp_path: Path):
    """Its request is made after its files were uploaded."""
    film = tmp_path / "film.mp4"
    film.write_bytes(clip())
    async with open_pool(stage.emulator, callbacks=stage.receiver) as pool:
        await pool.submit(dance(video_urls=[film]))
    assert str(callback_urls(stage.emulator)[0]).startswith(URL)


async def test_who_waits_only_now_and_then_is_told_too(stage):
    """A second wait of a task that has a callback is woken by it."""
    cadence = attrs.evolve(FAST, max_interval=3600, first_look=3600)
    async with open_pool(stage.emulator, callbacks=stage.receiver, cadence=cadence) as pool:
        accepted = await pool.submit(dance())
        with pytest.raises(ev.DeadlineError):
            await pool.wait(accepted.task_id, timeout=0.01)
        waiting = asyncio.create_task(pool.wait(accepted.task_id))
        await until(lambda: pool.stats().in_flight == 1)
        await stage.end_all()
        assert as_completed(await waiting).task_id == accepted.task_id
