"""Owners of jobs: a job without an owner is not sent again, and its outcome says whether it was sent."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Iterator
from typing import NoReturn

import aiohttp
import pytest

import evolink_async as ev
from evolink_async.emulator import faults
from evolink_async.events import Event, JobEnded, JobStarted
from evolink_async.journal import MemoryJournal
from tests.kit import as_completed, dance, jobs, open_pool, own_tasks, until
from tests.submitting.small_vendor import Post, pool_of, small_vendor

pytestmark = pytest.mark.anyio

REFUSED = {
    "429": faults.error(429, headers={"Retry-After": "0"}),
    "503 in the vendor's words": faults.error(503, generation="old"),
}


async def left(pool: ev.SessionPool, how: str, begun) -> list[ev.Outcome]:
    """Send a job, release it before the answer comes, and return the outcomes of a drained run."""
    if how == "cancel":
        call = asyncio.create_task(pool.submit(dance()))
        await begun()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        return []
    stream = pool.run(jobs(1))
    await stream.__aenter__()
    await begun()
    if how == "aclose":
        await stream.aclose()
        return []
    stream.drain()
    return [outcome async for outcome in stream]


@pytest.mark.parametrize("how", ["aclose", "drain", "cancel"])
@pytest.mark.parametrize("fault", REFUSED.values(), ids=REFUSED)
async def test_a_refused_send_without_an_owner_is_not_repeated(emulator, how, fault):
    """After close, drain or cancel there is no further POST, no purchase and no doubt."""
    emulator.faults.on("submit", range(1, 100), fault)
    sent = 0
    async with open_pool(emulator) as pool:

        async def begun() -> None:
            nonlocal sent
            await until(lambda: emulator.received)
            sent = pool.stats().submits  # more than one, if this task was late

        outcomes = await left(pool, how, begun)
        await until(lambda: pool.stats().submitting == 0)
        assert pool.unfinished() == ()
    assert emulator.ledger.accepted == 0
    # One that was still connecting is taken back.
    assert 1 <= sum(request.kind == "submit" for request in emulator.received) <= sent
    assert [type(outcome) for outcome in outcomes] == ([ev.Failed] if how == "drain" else [])


async def test_a_second_release_does_not_withdraw_the_job_of_another_run(emulator):
    """Two runs share a job. One is drained three times; the other still gets the video."""
    emulator.faults.on("submit", 1, faults.delay(0.1))
    async with open_pool(emulator) as pool:
        one, other = pool.run(jobs(1)), pool.run(jobs(1))
        await one.__aenter__()
        await other.__aenter__()
        await until(lambda: pool.stats().submits == 1)
        for _ in range(3):
            one.drain()
        outcomes = [[outcome async for outcome in stream] for stream in (one, other)]
    assert [[type(outcome) for outcome in told] for told in outcomes] == [[ev.Completed]] * 2
    assert emulator.ledger.accepted == 1


class Slow(MemoryJournal):
    """A journal that takes 0.1 s to record a doubt."""

    async def doubted(self, unknown: ev.Unknown) -> None:
        await asyncio.sleep(0.1)
        await super().doubted(unknown)


@pytest.mark.parametrize("how", ["drain", "close the pool"])
async def test_a_doubt_is_never_told_as_unsent(emulator, how):
    """The outcome is `Unknown`, also if the job is released several times while the doubt is recorded."""
    emulator.faults.on("submit", 1, faults.DROP_AFTER_ACCEPT)
    pool = open_pool(emulator, journal=Slow())
    async with pool:
        stream = pool.run(jobs(1))
        await stream.__aenter__()
        await until(lambda: pool.stats().faults == 1)
        if how == "drain":
            for _ in range(3):
                stream.drain()
                await asyncio.sleep(0)
            assert [type(outcome) async for outcome in stream] == [ev.Unknown]
    assert [type(job) for job in pool.unfinished()] == [ev.Unknown]


async def test_a_withdrawn_job_frees_its_key_at_once():
    """The same job can be submitted again in the same turn of the event loop."""
    is_over = asyncio.Event()

    async def late(_: Post) -> None:
        await is_over.wait()

    async with small_vendor() as vendor, pool_of(vendor, submits=2) as pool:
        vendor.on_post = late
        others = [asyncio.create_task(pool.submit(dance(90 + number))) for number in range(2)]
        await until(lambda: pool.stats().submitting == 2)
        stream = pool.run(jobs(1))
        await stream.__aenter__()
        await until(lambda: pool.stats().waiting == 1)
        stream.drain()
        is_over.set()
        assert [type(one) async for one in pool.run(jobs(1))] == [ev.Completed]
        await stream.aclose()
        await asyncio.gather(*others)


# --- an exception that no rule expects


class StrangeError(BaseException):
    """What a program raises that is no `Exception`."""


@pytest.fixture(params=[RuntimeError, StrangeError])
async def broken(request):
    """HTTP options with an aiohttp session whose tracing raises when a POST begins."""
    trace = aiohttp.TraceConfig()

    async def raises(_: object, __: object, params: aiohttp.TraceRequestStartParams) -> None:
        if params.method == "POST":
            raise request.param("my tracer is broken")

    trace.on_request_start.append(raises)
    async with aiohttp.ClientSession(trace_configs=[trace]) as session:
        yield ev.HttpOptions(session=session, allow_private_results=True)


async def test_an_unexpected_exception_ends_its_jobs_and_is_raised_by_the_run(emulator, broken):
    """The run yields the outcomes of the jobs that it has read, then raises the exception."""
    outcomes = []
    async with open_pool(emulator, http=broken) as pool:
        with pytest.raises((RuntimeError, StrangeError), match="my tracer is broken"):
            async for outcome in pool.run(jobs(3)):
                outcomes.append(outcome)
        assert {type(outcome) for outcome in outcomes} <= {ev.Unknown, ev.Failed}
        assert any(isinstance(outcome, ev.Unknown) for outcome in outcomes)
        assert pool.stats().submitting == pool.stats().waiting == 0


@pytest.mark.parametrize("call", ["submit", "generate"])
async def test_an_unexpected_exception_is_raised_by_single_calls(emulator, broken, call):
    """The job is in doubt, because a request had begun."""
    async with open_pool(emulator, http=broken) as pool:
        with pytest.raises((RuntimeError, StrangeError), match="my tracer is broken"):
            await getattr(pool, call)(dance(), key="one")
        assert [type(job) for job in pool.unfinished()] == [ev.Unknown]


# --- inputs that fail, and drained runs


@pytest.mark.parametrize("read_first", [0, 1, 3])
async def test_an_input_that_lets_a_cancellation_out_raises_in_the_reader(emulator, read_first):
    """The run yields the outcomes of the jobs that it has read, then raises `ConfigurationError`."""

    async def source():
        for job in jobs(read_first):
            yield job
        inner = asyncio.create_task(asyncio.sleep(10))
        inner.cancel()
        await inner

    outcomes = []
    async with open_pool(emulator) as pool:
        with pytest.raises(ev.ConfigurationError, match="raised CancelledError"):
            async for outcome in pool.run(source()):
                outcomes.append(outcome)
    assert len(outcomes) == read_first


def of_a_generator(error: BaseException) -> Iterator[ev.Job]:
    """Two jobs, then the error."""
    yield from jobs(2)
    raise error


async def of_an_async_generator(error: BaseException) -> AsyncIterator[ev.Job]:
    """The same."""
    for job in jobs(2):
        yield job
    raise error


class OfAnIterator:
    """The same."""

    def __init__(self, error: BaseException) -> None:
        self._left = jobs(2)
        self._error = error

    def __aiter__(self) -> OfAnIterator:
        return self

    async def __anext__(self) -> ev.Job:
        if not self._left:
            raise self._error
        return self._left.pop(0)


@pytest.mark.parametrize("source", [of_a_generator, of_an_async_generator, OfAnIterator])
@pytest.mark.parametrize(
    "error",
    [StrangeError("x"), BaseExceptionGroup("x", [StrangeError()]), GeneratorExit("x"), pytest.fail.Exception("x")],
    ids=lambda error: type(error).__name__,
)
async def test_whatever_an_input_raises_is_raised_in_the_reader(emulator, source, error):
    """Of any class, after the outcomes of the jobs that were read."""
    outcomes = []
    async with open_pool(emulator) as pool:
        with pytest.raises(type(error)) as caught:
            async for outcome in pool.run(source(error)):
                outcomes.append(outcome)
        assert caught.value is error
        assert sorted(as_completed(outcome).key for outcome in outcomes) == ["shot-1", "shot-2"]
        assert pool.stats().waiting == 0


async def test_a_reading_that_is_cancelled_from_outside_raises_in_the_reader(emulator):
    """As a program does that cancels all tasks it can find: the input was not read to its end."""

    async def source():
        yield jobs(1)[0]
        await asyncio.sleep(0)  # an eager task is listed once it has waited
        [feeder] = [task for task in own_tasks() if task.get_name() == "evolink_async input"]
        feeder.cancel()
        await asyncio.sleep(0)

    outcomes = []
    async with open_pool(emulator) as pool:
        with pytest.raises(ev.ConfigurationError, match="cancelled from outside"):
            async for outcome in pool.run(source()):
                outcomes.append(as_completed(outcome))
    assert len(outcomes) == 1


async def test_an_error_in_the_middle_of_a_look_up_frees_its_place_in_flight(emulator, monkeypatch):
    """Else a later run of the pool would wait for it for ever."""
    async with open_pool(emulator, limits=ev.Limits(in_flight=1)) as pool:
        with monkeypatch.context() as patched:

            async def broken(_: object) -> NoReturn:
                raise StrangeError

            patched.setattr(pool._journal, "known", broken)
            with pytest.raises(StrangeError):
                assert not [outcome async for outcome in pool.run(jobs(1))]
        assert [type(outcome) async for outcome in pool.run(jobs(1))] == [ev.Completed]


async def test_an_exception_after_a_lost_answer_leaves_a_doubt(emulator, tmp_path):
    """A filter of the user's logging fails when the trouble is logged: the task is paid for, and not bought again."""

    def fail(_: logging.LogRecord) -> NoReturn:
        raise StrangeError

    emulator.faults.on("submit", 1, faults.DROP_AFTER_ACCEPT)
    logger = logging.getLogger("evolink_async")
    async with open_pool(emulator, journal=tmp_path / "run.db") as pool:
        logger.addFilter(fail)
        try:
            with pytest.raises(StrangeError):
                await pool.submit(dance(), key="one")
        finally:
            logger.removeFilter(fail)
    async with open_pool(emulator, journal=tmp_path / "run.db") as pool:
        with pytest.raises(ev.SubmissionUnknownError):
            await pool.submit(dance(), key="one")
    assert emulator.ledger.accepted == 1


async def test_every_job_read_has_an_outcome_after_drain(emulator):
    """Also the job that waits for a free place in flight when the run is drained."""
    read = []

    def source():
        for job in jobs(5):
            read.append(job.key)
            yield job

    async with open_pool(emulator, limits=ev.Limits(in_flight=1)) as pool:
        first = await pool.run([ev.Job("first", dance(9))]).__aenter__()
        await until(lambda: pool.stats().in_flight == 1)
        second = await pool.run(source()).__aenter__()
        await until(lambda: bool(read))
        second.drain()
        assert {outcome.key async for outcome in second} == set(read)
        await first.aclose()


@pytest.mark.parametrize("close", [False, True])
async def test_an_observer_that_hears_of_a_job_can_stop_its_run_unsent(emulator, close):
    """Drained, or closed, while `JobStarted` is told, the run buys nothing: the job has begun, and nobody wants it."""
    stopping: list[asyncio.Task[None]] = []

    def stop(event: Event) -> None:
        if isinstance(event, JobStarted) and not stopping:
            stream.drain()
            stopping.extend([asyncio.create_task(stream.aclose())] if close else [])

    async with open_pool(emulator, observer=stop) as pool:
        stream = pool.run(jobs(3))
        async with stream:
            outcomes = [outcome async for outcome in stream]
        await asyncio.gather(*stopping)
        assert {type(outcome) for outcome in outcomes} == (set() if close else {ev.Failed})
        assert (await pool.generate(dance(), key="later")).key == "later"
    assert emulator.ledger.accepted == 1


async def test_a_run_drained_before_its_first_outcome_reads_nothing(emulator):
    """The stream ends at once and no request is sent."""
    async with open_pool(emulator) as pool:
        stream = pool.run(jobs(5))
        stream.drain()
        assert [outcome async for outcome in stream] == []
    assert emulator.received == []


# --- watchers


async def test_many_watchers_of_one_end_count_it_once(emulator):
    """Five waits, a run and a poll of one task give one end, one charge and one event."""
    events: list[Event] = []
    async with open_pool(emulator, observer=events.append) as pool:
        accepted = await pool.submit(dance(), key="one")
        waits = [asyncio.create_task(pool.wait(accepted.task_id)) for _ in range(5)]
        outcomes = [outcome async for outcome in pool.run([ev.Job("one", dance())])]
        done = await asyncio.gather(*waits)
        await pool.poll(accepted.task_id)
        stats = pool.stats()
    assert {one.key for one in done} == {outcome.key for outcome in outcomes} == {"one"}
    assert (stats.completed, stats.failed) == (1, 0)
    assert stats.credits_used == pytest.approx(emulator.ledger.charged)
    assert sum(isinstance(event, JobEnded) for event in events) == 1


async def test_a_watch_that_was_dropped_stops_polling(emulator):
    """Twenty watches that `break` leaves are collected, and the task is not in flight any more."""
    async with open_pool(emulator) as pool:
        accepted = await pool.submit(dance())
        for _ in range(20):
            async for _snapshot in pool.watch(accepted.task_id):
                break
        gc.collect()
        await until(lambda: pool.stats().in_flight == 0)


async def test_a_run_polls_once_more_at_its_deadline(emulator):
    """A task that has completed by the deadline is `Completed`, although no poll was due."""
    slow = ev.Cadence(first_look=60, min_interval=30, max_interval=60)
    async with open_pool(emulator, cadence=slow) as pool:
        [outcome] = [one async for one in pool.run(jobs(1), timeout=1.0)]
    assert isinstance(outcome, ev.Completed)
