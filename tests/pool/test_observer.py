"""What an observer is called with, what a pool learns from earlier runs, and limits that can be changed."""

from __future__ import annotations

import asyncio
import logging

import attrs
import pytest

import evolink_async as ev
from evolink_async.emulator import Emulator, HandClock, faults
from evolink_async.errors import AuthenticationError, StatusError
from evolink_async.events import (
    BatchReadsOff,
    Downloaded,
    JobEnded,
    JobStarted,
    KeyRestored,
    KeySuspended,
    StatusAnswered,
    SubmitAnswered,
    SubmitsLimited,
)
from evolink_async.journal.sqlite import SqliteJournal
from evolink_async.pool.observer import SafeObserver
from tests.kit import (
    FAST,
    KEY,
    PATIENT,
    SINGLY,
    as_completed,
    dance,
    error_of,
    jobs,
    open_pool,
    task_ids,
    turns,
    until,
)

pytestmark = pytest.mark.anyio


def of(kind, events):
    """The events of one kind."""
    return [event for event in events if isinstance(event, kind)]


async def test_the_life_of_every_job_is_told_in_order(emulator, tmp_path):
    """Started, submitted, polled, saved, ended: once each, except for polls."""
    events: list[ev.events.Event] = []
    async with open_pool(emulator, observer=events.append) as pool:
        outcomes = [outcome async for outcome in pool.run(jobs(5), download_to=tmp_path / "out")]
    for outcome in outcomes:
        mine = [type(event) for event in events if getattr(event, "key", None) == outcome.key]
        assert mine == [JobStarted, SubmitAnswered, Downloaded]
        ended = [event for event in of(JobEnded, events) if event.outcome == outcome]
        assert len(ended) == 1
        [downloaded] = [event for event in of(Downloaded, events) if event.key == outcome.key]
        assert events.index(downloaded) < events.index(ended[0])
        assert downloaded.size_bytes == as_completed(outcome).files[0].stat().st_size
    answers = of(StatusAnswered, events)
    assert {task_id for event in answers for task_id in event.task_ids} == set(task_ids(outcomes))
    assert sum(len(event.task_ids) for event in answers) == pool.stats().looks
    assert len(answers) == pool.stats().status_requests
    assert all(len(event.task_ids) == len(event.states) for event in answers)


async def test_a_send_that_is_repeated_is_told_as_such(emulator):
    """Each with its number and its error; the last with the task."""
    events: list[ev.events.Event] = []
    emulator.faults.on("submit", range(1, 3), faults.error(429))
    async with open_pool(emulator, observer=events.append) as pool:
        accepted = await pool.submit(dance())
    answers = [(a.send, getattr(a.error, "status", None), a.is_repeated, a.task_id) for a in of(SubmitAnswered, events)]
    assert answers == [(1, 429, True, None), (2, 429, True, None), (3, None, False, accepted.task_id)]


async def test_a_suspended_key_and_a_lost_batch_route_are_reported_once():
    """However many requests meet them."""
    events: list[ev.events.Event] = []
    async with Emulator(speed=1000, api_keys=("sk-other",), batch=False) as emulator:
        async with open_pool(emulator, observer=events.append) as pool:
            assert all([isinstance(outcome, ev.Failed) async for outcome in pool.run(jobs(5))])
        assert len(of(KeySuspended, events)) == 1
        async with open_pool(emulator, api_key="sk-other", observer=events.append) as pool:
            assert all([isinstance(outcome, ev.Completed) async for outcome in pool.run(jobs(20))])
        assert len(of(BatchReadsOff, events)) == 1


async def test_an_observer_that_fails_harms_nothing(emulator, caplog):
    """It is logged, once for each class of what it raises."""

    def broken(event):
        raise KeyError(type(event).__name__) if isinstance(event, StatusAnswered) else RuntimeError("no")

    with caplog.at_level(logging.ERROR, "evolink_async"):
        async with open_pool(emulator, observer=broken) as pool:
            assert all([isinstance(outcome, ev.Completed) async for outcome in pool.run(jobs(10))])
    assert len(caplog.records) == 2


class StrangeError(BaseException):
    """What a program raises that is no `Exception`."""


@pytest.mark.parametrize("kind", [JobStarted, SubmitAnswered, StatusAnswered, JobEnded])
@pytest.mark.parametrize("error", [asyncio.CancelledError, GeneratorExit, StrangeError])
async def test_no_class_of_what_an_observer_raises_costs_an_outcome(emulator, caplog, kind, error):
    """Not even a cancellation, as that of a task whose result the observer reads: it is logged, and is not ours."""

    def broken(event):
        if isinstance(event, kind):
            raise error

    with caplog.at_level(logging.ERROR, "evolink_async"):
        async with open_pool(emulator, observer=broken) as pool:
            assert all([isinstance(outcome, ev.Completed) async for outcome in pool.run(jobs(4))])
            assert pool.stats().completed == 4
            assert (await pool.generate(dance(5))).url
    assert emulator.ledger.accepted == 5
    assert [record.levelname for record in caplog.records] == ["ERROR"]


async def test_a_cancellation_out_of_an_observer_makes_no_doubt(emulator):
    """The refusal that it was told of is the outcome."""

    def broken(event):
        if isinstance(event, KeySuspended):
            raise asyncio.CancelledError

    async with open_pool(emulator, api_key="sk-other", observer=broken) as pool:
        [outcome] = [outcome async for outcome in pool.run(jobs(1))]
    assert isinstance(error_of(outcome), AuthenticationError)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_program_is_let_out(error):
    """An observer may be where Ctrl-C arrives."""

    def interrupted(_):
        raise error

    with pytest.raises(error):
        SafeObserver(interrupted)(KeyRestored(at=0.0, session="a"))


async def test_what_is_raised_when_an_end_is_said_costs_no_outcome(emulator, monkeypatch):
    """The run yields the outcome, then raises."""
    outcomes = []

    def broken(_):
        raise StrangeError

    async with open_pool(emulator) as pool:
        assert pool._engine is not None
        monkeypatch.setattr(pool._engine.ends, "on_said", broken)
        with pytest.raises(StrangeError):
            async for outcome in pool.run(jobs(1)):
                outcomes.append(as_completed(outcome))
    assert len(outcomes) == 1


@pytest.mark.parametrize("stream", [lambda pool: pool.run(jobs(1)), lambda pool: pool.outcomes()], ids=["run", "all"])
async def test_an_end_that_is_cancelled_from_outside_ends_the_stream_aloud(emulator, monkeypatch, stream):
    """As a program does that cancels all tasks it can find: nobody waits for an outcome that will not come."""

    async def cancelled(*_):
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    async with open_pool(emulator) as pool, stream(pool) as outcomes:
        monkeypatch.setattr(pool._journal, "ended", cancelled)
        await pool.submit(dance(), key="shot-1")
        with pytest.raises(ev.ConfigurationError, match="cancelled from outside") as caught:
            await anext(outcomes)
        assert not caught.value.may_resubmit


async def test_a_service_that_refuses_for_load_gets_fewer_submits_at_once():
    """The limit is halved and reported; every job is bought once."""
    events: list[ev.events.Event] = []
    async with Emulator(speed=1000, latency=0.01) as emulator:
        emulator.faults.on("submit", range(5, 20), faults.error(429))
        retry = attrs.evolve(PATIENT, patience=60)
        async with open_pool(emulator, observer=events.append, cadence=SINGLY, retry=retry) as pool:
            outcomes = [outcome async for outcome in pool.run(jobs(60))]
            assert pool.stats().refused_for_load == 15
    limits = [event.limit for event in of(SubmitsLimited, events)]
    assert limits[0] == 4
    assert limits[-1] > min(limits)  # and up again
    assert emulator.ledger.accepted == 60
    assert all(isinstance(outcome, ev.Completed) for outcome in outcomes)


async def test_limits_can_be_changed_while_jobs_run():
    """More submits at once from then on, and the peak shows it."""
    async with Emulator(speed=1000, latency=0.02) as emulator:
        async with open_pool(emulator, limits=ev.Limits(submits=1, requests=4)) as pool, pool.run(jobs(60)) as stream:
            await anext(stream)
            assert emulator.peak["submit"] == 1
            pool.retune(ev.Limits(submits=6, requests=12))
            outcomes = [outcome async for outcome in stream]
        assert len(outcomes) == 59
        assert 1 < emulator.peak["submit"] <= 6
        assert emulator.peak["all"] <= 12


async def test_more_requests_at_once_are_allowed_at_once(emulator):
    """A poll that waits for the only permit is sent, while the poll that has it is not answered."""
    emulator.faults.on("poll", 1, faults.HANG_BEFORE_ACCEPT)
    async with open_pool(emulator, limits=ev.Limits(submits=1, requests=1), cadence=SINGLY) as pool:
        task = await pool.submit(dance())
        silent = asyncio.create_task(pool.poll(task.task_id))
        await until(lambda: emulator.peak["poll"] == 1)
        waiting = asyncio.create_task(pool.poll(task.task_id))
        await turns(50)
        assert not waiting.done()
        pool.retune(ev.Limits(submits=1, requests=2))
        assert (await waiting).task_id == task.task_id
        silent.cancel()
        await asyncio.wait([silent])


async def test_more_jobs_in_flight_are_allowed_at_once():
    """While no task ends, jobs that waited for another to end are bought."""
    with Emulator(clock=HandClock()).in_thread() as emulator:
        async with open_pool(emulator, limits=ev.Limits(in_flight=1)) as pool, pool.run(jobs(3)) as stream:
            first = asyncio.create_task(anext(stream))
            await until(lambda: pool.stats().in_flight == 1)
            await turns(50)
            assert emulator.ledger.accepted == 1
            pool.retune(ev.Limits(in_flight=3))
            await until(lambda: pool.stats().in_flight == 3)
            first.cancel()
            await asyncio.wait([first])
        assert emulator.ledger.accepted == 3


async def test_a_second_run_begins_with_what_the_first_learned(emulator, tmp_path):
    """Durations stand in the journal's file, by model, quality and seconds, the oldest first."""
    path = tmp_path / "run.db"
    async with open_pool(emulator, journal=path) as pool:
        outcomes = [outcome async for outcome in pool.run(ev.Job(f"a-{n}", dance(n, duration=5)) for n in range(8))]
    journal = SqliteJournal(path)
    learned = await journal.durations()
    assert {shape for shape, _ in learned} == {("wan2.6-reference-video", "720p", 5)}
    by_finish = sorted(outcomes, key=lambda outcome: int(outcome.key[2:]))
    timings = [as_completed(outcome).timing for outcome in by_finish]
    took = [timing.finished_at - timing.lag / 2 - (timing.accepted_at or 0) for timing in timings]
    assert sorted(seconds for _, seconds in learned) == pytest.approx(sorted(took))


async def test_a_hint_brings_a_poll_forward(emulator):
    """A task that is due in an hour is polled now; hints for other tasks do no harm."""
    patient = attrs.evolve(FAST, first_look=3600.0, max_interval=3600.0, look_price=1e9)
    async with open_pool(emulator, cadence=patient, retry=PATIENT) as pool:
        accepted = await pool.submit(dance())
        waiting = asyncio.create_task(pool.wait(accepted.task_id))
        await until(lambda: pool.stats().in_flight == 1)
        assert not pool.hint("task-unified-1-nobody00")
        await until(lambda: emulator.tasks[accepted.task_id].life.ends_at < emulator.clock.now())
        assert pool.hint(accepted.task_id)
        assert (await waiting).url
        assert pool.stats().looks <= 2


async def test_a_poll_of_one_task_is_reported_too(emulator):
    """`poll` is a status request like any other."""
    events: list[ev.events.Event] = []
    async with open_pool(emulator, api_key=KEY, observer=events.append) as pool:
        accepted = await pool.submit(dance())
        await pool.poll(accepted.task_id)
        with pytest.raises(StatusError):
            await pool.poll("task-unified-1-nobody00")
    assert [(event.task_ids, bool(event.error)) for event in of(StatusAnswered, events)] == [
        ((accepted.task_id,), False),
        (("task-unified-1-nobody00",), True),
    ]


@pytest.mark.parametrize("status", [400, 502])
@pytest.mark.parametrize("hows", ["run run", "submit submit", "generate generate", "run submit", "submit run"])
async def test_the_end_of_one_request_is_told_and_counted_once(emulator, status, hows):
    """However many callers share it, refused or in doubt; each of them gets it."""
    events: list[ev.events.Event] = []
    emulator.faults.on("submit", faults.ALWAYS, faults.error(status))
    async with open_pool(emulator, observer=events.append) as pool:
        [job] = jobs(1)

        async def buy(how: str) -> type[ev.EvolinkError]:
            if how == "run":
                [outcome] = [outcome async for outcome in pool.run([job])]
                return type(error_of(outcome))
            with pytest.raises(ev.EvolinkError) as caught:
                await getattr(pool, how)(job.params, key=job.key)
            return type(caught.value)

        expected = ev.InvalidRequestError if status == 400 else ev.SubmissionUnknownError
        assert await asyncio.gather(*map(buy, hows.split())) == [expected] * 2
        assert sum(request.kind == "submit" for request in emulator.received) == 1
        assert pool.stats().failed + pool.stats().unknown == 1
        assert len(of(JobEnded, events)) == 1
        if status == 400:  # a later call is another purchase
            await buy("submit")
            assert len(of(JobEnded, events)) == pool.stats().failed == 2
