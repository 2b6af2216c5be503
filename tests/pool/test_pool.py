"""The pool as users meet it: many jobs, one job, any task, and what it says of itself."""

from __future__ import annotations

import asyncio
import gc
import pickle
import random
import warnings
from collections.abc import Awaitable, Callable, Iterator
from itertools import pairwise
from typing import Any

import aiohttp
import attrs
import pytest

import evolink_async as ev
from evolink_async.downloads import has_files
from evolink_async.emulator import Emulator, HandClock, faults
from evolink_async.errors import LinkExpiredError, UnsendableError
from evolink_async.models import Wan25TextToImage
from tests.kit import (
    FAST,
    KEY,
    SINGLY,
    arrivals,
    as_accepted,
    as_completed,
    dance,
    error_of,
    jobs,
    open_pool,
    own_tasks,
    soak,
    task_ids,
    until,
)

pytestmark = pytest.mark.anyio


def four_models(count: int) -> list[ev.Job]:
    """Jobs over the four models with vendor pages."""
    makers = (
        lambda n: ev.Wan26ReferenceVideo(prompt=f"Dance {n}", video_urls=["https://example.com/a.mp4"]),
        lambda n: ev.Wan26ReferenceVideoFlash(prompt=f"Jump {n}", video_urls=["https://example.com/a.mp4"], duration=2),
        lambda n: ev.Wan26ImageToVideoFlash(prompt=f"Cat {n}", image_urls=["https://example.com/a.png"], duration=3),
        lambda n: ev.Wan27ReferenceVideo(prompt=f"Sing {n}", image_urls=["https://example.com/a.png"], duration=4),
    )
    return [ev.Job(f"job-{n}", makers[n % 4](n)) for n in range(count)]


@pytest.mark.parametrize(("count", "in_flight"), [(60, 20), soak(300, 50)])
async def test_jobs_over_four_models(count, in_flight):
    """Each job gives exactly one outcome; no limit is ever exceeded; every task is paid for once."""
    limits = ev.Limits(requests=10, submits=4, in_flight=in_flight)
    clock = HandClock()
    async with Emulator(clock=clock, failure_share=0.1, seed=7, latency=0.01) as emulator:

        async def read(stream: ev.OutcomeStream) -> list[ev.Outcome]:
            return [outcome async for outcome in stream]

        async with open_pool(emulator, limits=limits, cadence=SINGLY) as pool:
            reading = asyncio.create_task(read(pool.run(four_models(count))))
            # No task ends before there are as many as may be.
            await until(lambda: pool.stats().in_flight == min(in_flight, count))
            while not reading.done():
                clock.advance(5)
                await asyncio.sleep(0.001)
            outcomes = await reading
            stats = pool.stats()
            assert pool.unfinished() == ()
        assert sorted(outcome.key for outcome in outcomes) == sorted(f"job-{n}" for n in range(count))
        assert {type(outcome) for outcome in outcomes} == {ev.Completed, ev.Failed}
        assert 4 < emulator.peak["all"] <= 10  # the server takes its time, so that calls do overlap
        assert emulator.peak["submit"] == 4
        assert emulator.in_flight_peak <= in_flight
        assert stats.requests_peak <= 10
        assert 10 < stats.in_flight_peak <= in_flight
        assert emulator.ledger.accepted == count
        assert stats.submits == count
        assert stats.completed + stats.failed == count
        assert stats.in_flight == stats.waiting == stats.requests == 0
        assert stats.credits_used == pytest.approx(emulator.ledger.charged)


async def test_outcomes_come_in_the_order_jobs_end():
    """The order of the stream is the order of the final polls."""
    async with Emulator(speed=1000) as emulator, open_pool(emulator) as pool:
        outcomes = [outcome async for outcome in pool.run(four_models(40))]
    finished = [as_completed(outcome).timing.finished_at for outcome in outcomes]
    assert finished == sorted(finished)
    assert [outcome.key for outcome in outcomes] != [f"job-{n}" for n in range(40)]


async def test_leaving_after_the_first_outcome_leaks_nothing(emulator):
    """No task, socket or permit stays behind, nothing more is bought, and every accepted id is known."""
    async with open_pool(emulator, limits=ev.Limits(in_flight=20)) as pool:
        await asyncio.sleep(0)  # the workers have begun
        before = own_tasks()
        async with pool.run(jobs(200)) as stream:
            outcome = await anext(stream)
        await until(lambda: not pool.stats().submitting and not pool.stats().requests)
        bought = emulator.ledger.accepted
        assert bought < 200
        await until(lambda: {task for task in own_tasks() if "Poller._work" not in task.get_name()} <= before)
        stats = pool.stats()
        assert (stats.requests, stats.in_flight, stats.waiting) == (0, 0, 0)
        known = {*task_ids(pool.unfinished()), as_completed(outcome).task_id}
        assert known == set(emulator.tasks)
        # and each of them can be taken up again
        again = await asyncio.gather(*(pool.wait(as_accepted(job).task_id) for job in pool.unfinished()))
        assert {completed.task_id for completed in again} == known - {as_completed(outcome).task_id}
        assert emulator.ledger.accepted == bought
    assert own_tasks() == set()


async def test_a_stream_dropped_without_closing_stops_buying(emulator):
    """`break` out of a bare loop: a ResourceWarning, and no further purchase."""
    async with open_pool(emulator, limits=ev.Limits(in_flight=10, submits=1)) as pool:
        with pytest.warns(ResourceWarning, match="dropped without aclose"):
            async for _ in pool.run(jobs(200)):
                break
        await until(lambda: not pool.stats().submitting and not pool.stats().in_flight)
        bought = emulator.ledger.accepted
        assert bought < 100
        await asyncio.gather(*(pool.wait(as_accepted(job).task_id) for job in pool.unfinished()))
        assert emulator.ledger.accepted == bought


async def test_input_is_read_lazily(emulator):
    """An endless input is read no further than in flight plus what may be submitted at once."""
    read = 0

    def endless():
        nonlocal read
        while True:
            read += 1
            yield dance(read)

    async with open_pool(emulator, limits=ev.Limits(in_flight=5, submits=2)) as pool, pool.run(endless()) as stream:
        taken = [await anext(stream) for _ in range(3)]
        assert read <= 5 + 3 + 2
        await asyncio.gather(*(pool.wait(as_accepted(job).task_id) for job in pool.unfinished()))
        assert read <= 5 + 3 + 2  # nobody takes outcomes, so nothing more is read
    assert len(taken) == 3


async def test_async_input_and_its_end(emulator):
    """An async generator is read, and closed when the stream is left early."""
    closed = []

    async def source():
        try:
            for number in range(100):
                await asyncio.sleep(0)
                yield dance(number)
        finally:
            closed.append(True)

    async with open_pool(emulator, limits=ev.Limits(in_flight=3)) as pool:
        async with pool.run(source()) as stream:
            await anext(stream)
        assert closed == [True]


async def test_an_input_that_fails_is_raised_after_its_outcomes(emulator):
    """Jobs read before the failure are delivered; then the caller's own exception comes through."""

    def source():
        yield dance(1)
        yield dance(2)
        raise LookupError("no more rows")

    async with open_pool(emulator) as pool:
        outcomes = []
        with pytest.raises(LookupError, match="no more rows"):
            async for outcome in pool.run(source()):
                outcomes.append(outcome)
        assert len(outcomes) == 2


async def test_keys_are_made_from_parameters_and_ordinal(emulator):
    """The same input gives the same keys on every run; equal parameters are two jobs."""
    wishes = [dance(1), dance(2), dance(1)]
    keys = []
    for _ in range(2):
        async with open_pool(emulator) as pool:
            keys.append(sorted([outcome.key async for outcome in pool.run(wishes)]))
    assert keys[0] == keys[1]
    assert len(set(keys[0])) == 3
    assert emulator.ledger.accepted == 6


async def test_a_key_given_twice(emulator):
    """A list is refused before anything is sent; a lazy input gives a failure for the second."""
    twice = [ev.Job("a", dance(1)), ev.Job("b", dance(2)), ev.Job("a", dance(3))]
    async with open_pool(emulator) as pool:
        with pytest.raises(ev.ConfigurationError, match=r"jobs\[2\] has the key 'a' of jobs\[0\]"):
            pool.run(twice)
        assert emulator.received == []
        outcomes = {type(outcome): outcome async for outcome in pool.run(iter(twice))}
    assert isinstance(error_of(outcomes[ev.Failed]), ev.ConfigurationError)
    assert emulator.ledger.accepted == 2


@pytest.mark.parametrize("call", ["submit", "generate"])
async def test_an_empty_key_is_refused(emulator, call):
    """It is one that somebody forgot: a key of our own in its place would be paid for each time."""
    async with open_pool(emulator) as pool:
        with pytest.raises(ev.ConfigurationError, match="key"):
            await getattr(pool, call)(dance(), key="")
    assert emulator.received == []


@pytest.mark.parametrize("wrong", ["prompt", b"x", dance(), ev.Job("a", dance()), [dance(), None], [{"model": "x"}]])
async def test_what_is_no_job_is_refused_before_anything_is_sent(emulator, wrong):
    """One sentence, before the network."""
    async with open_pool(emulator) as pool:
        with pytest.raises(ev.ConfigurationError):
            pool.run(wrong)
    assert emulator.received == []


async def test_urls(emulator):
    """Links only, of every result; at the end one group with the reasons of those that failed."""
    emulator.faults.on("submit", 2, faults.error(400, message="no"))
    wishes = [Wan25TextToImage(prompt="a cat", n=2), dance(1), dance(2)]
    urls = []
    async with open_pool(emulator, limits=ev.Limits(submits=1)) as pool:
        with pytest.raises(ExceptionGroup) as caught:
            async for url in pool.urls(wishes):
                urls.append(url)
    assert len(urls) == 3
    assert [type(error) for error in caught.value.exceptions] == [ev.InvalidRequestError]


@pytest.mark.parametrize("is_lost", [True, False])
async def test_urls_of_a_run_that_ends_early(emulator, is_lost):
    """The jobs in doubt are told with what ended the run; without any, that is raised as it is."""
    if is_lost:
        emulator.faults.on("submit", 1, faults.DROP_AFTER_ACCEPT)

    def broken() -> Iterator[ev.Job]:
        yield from jobs(2)
        raise ValueError("no more input")

    async with open_pool(emulator, limits=ev.Limits(submits=1)) as pool:
        with pytest.raises(ExceptionGroup if is_lost else ValueError) as caught:
            async for _ in pool.urls(broken()):
                pass
    if isinstance(caught.value, ExceptionGroup):
        assert [type(error) for error in caught.value.exceptions] == [ev.SubmissionUnknownError, ValueError]
    assert emulator.ledger.accepted == 2


async def test_generate_and_its_figures(emulator):
    """One call from parameters to a link, with times and credits."""
    async with open_pool(emulator) as pool:
        done = await pool.generate(dance(), key="shot-17")
    assert done.key == "shot-17"
    assert done.url.startswith(emulator.results_url)
    assert done.credits == pytest.approx(emulator.ledger.charged)
    assert done.timing.accepted_at is not None
    assert done.timing.accepted_at <= done.timing.finished_at < done.expires_at
    assert done.timing.looks == len([r for r in emulator.received if r.kind == "poll"])
    assert done.timing.lag > 0


async def test_any_task_can_be_waited_for(emulator):
    """A second pool, as in a later process, takes up an id and gets the video; many may wait for one task."""
    async with open_pool(emulator) as first:
        accepted = await first.submit(dance())
        assert accepted.credits_reserved == emulator.ledger.reserved
    async with open_pool(emulator) as second:
        waits = [second.wait(accepted.task_id) for _ in range(5)]
        assert len({done.url for done in await asyncio.gather(*waits)}) == 1
    assert emulator.ledger.accepted == 1


async def test_watch_shows_every_change_and_ends_with_the_last():
    """Snapshots differ from one to the next, and the last is final."""
    snapshots = []
    async with Emulator(clock=(clock := HandClock())) as emulator, open_pool(emulator) as pool:
        accepted = await pool.submit(dance())
        async for snapshot in pool.watch(accepted.task_id):
            snapshots.append(snapshot)
            clock.advance(20)
    seen = [(snapshot.state, snapshot.progress_percent) for snapshot in snapshots]
    assert len(seen) > 2
    assert all(one != other for one, other in pairwise(seen))
    assert [snapshot.is_final for snapshot in snapshots] == [False] * (len(seen) - 1) + [True]


async def test_watch_left_early_stops_polling(emulator):
    """No status request is sent without a consumer."""
    async with open_pool(emulator) as pool:
        accepted = await pool.submit(dance())
        async with pool.watch(accepted.task_id) as stream:
            await anext(stream)
        await until(lambda: pool.stats().requests == 0)
        assert pool.stats().in_flight == 0


async def test_poll_is_one_status_request(emulator):
    """One request, and errors are raised as they are."""
    async with open_pool(emulator) as pool:
        accepted = await pool.submit(dance())
        assert (await pool.poll(accepted.task_id)).task_id == accepted.task_id
        with pytest.raises(ev.TaskNotFoundError):
            await pool.poll("task-unified-1-nobody00")
        with pytest.raises(ev.ParamsError, match="task_id"):
            await pool.poll("../credits")
    assert len(emulator.received) == 3


async def test_credits(emulator):
    """What the account has left, a key at a time."""
    async with open_pool(emulator) as pool:
        await pool.generate(dance())
        [account] = await pool.credits()
    assert account.remaining == pytest.approx(emulator.ledger.balance)


async def test_a_stream_goes_on_in_its_own_loop_only(emulator):
    """Also one that has begun: what it waits for lives in that loop."""
    async with open_pool(emulator) as pool, pool.run(jobs(2)) as stream:
        await anext(stream)

        async def read() -> None:
            await anext(stream)

        with pytest.raises(ev.ConfigurationError, match="another event loop"):
            await asyncio.to_thread(asyncio.run, read())
        assert isinstance(await anext(stream), ev.Completed)


async def test_use_before_opening_after_closing_and_elsewhere(emulator):
    """Three clear sentences, none of them aiohttp's."""
    pool = open_pool(emulator)
    with pytest.raises(ev.ConfigurationError, match="not open"):
        await pool.submit(dance())
    async with pool:
        stream = pool.run(jobs(1))

        def elsewhere() -> str:
            with pytest.raises(ev.ConfigurationError) as caught:
                asyncio.run(pool.submit(dance()))
            return str(caught.value)

        assert "another event loop" in await asyncio.to_thread(elsewhere)
    for use in (lambda: pool.submit(dance()), lambda: pool.wait("task-unified-1-x"), lambda: pool.poll("t")):
        with pytest.raises(ev.ConfigurationError, match="closed"):
            await use()
    for make in (lambda: pool.run([]), lambda: pool.watch("t"), lambda: pool.urls([])):
        with pytest.raises(ev.ConfigurationError, match="closed"):
            make()
    with pytest.raises((ev.ConfigurationError, StopAsyncIteration)):
        await anext(stream)
    with pytest.raises(ev.ConfigurationError, match="opened before"):
        await pool.__aenter__()
    await pool.aclose()
    assert emulator.received == []


async def test_closing_ends_those_who_still_wait(emulator):
    """Waiters and streams of other tasks get a clear error, not silence."""
    emulator.faults.on("poll", faults.ALWAYS, faults.state("processing"))
    async with open_pool(emulator) as pool:
        accepted = await pool.submit(dance())

        async def drain(stream):
            return [item async for item in stream]

        waits = [
            asyncio.create_task(pool.wait(accepted.task_id)),
            asyncio.create_task(drain(pool.watch(accepted.task_id))),
        ]
        streaming = asyncio.create_task(drain(pool.run(jobs(3))))
        await until(lambda: pool.stats().in_flight == 4)
    for wait in (*waits, streaming):
        with pytest.raises(ev.ConfigurationError, match="closed") as caught:
            await wait
        assert not caught.value.may_resubmit  # they wait for what is paid
    assert len(pool.unfinished()) == 4


async def test_a_pool_never_closed_warns(emulator):
    """As an aiohttp session would."""
    pool = await open_pool(emulator).__aenter__()
    with pytest.warns(ResourceWarning, match="never closed"):
        pool.__del__()
    await pool.aclose()


@pytest.mark.parametrize("batch", ["never", "auto"])
async def test_a_session_of_the_caller_that_is_closed_ends_what_waits_for_it(batch):
    """Not after a day, as trouble of the network does. Tasks are paid and stay unfinished; jobs are not sent."""
    async with Emulator(clock=HandClock(0.0)) as emulator, aiohttp.ClientSession() as session:
        http = ev.HttpOptions(session=session, allow_private_results=True)
        async with open_pool(emulator, http=http, cadence=attrs.evolve(FAST, batch=batch)) as pool:
            async with pool.run(jobs(3)) as outcomes:
                await until(lambda: pool.stats().in_flight == 3)
                await session.close()
                errors = [error_of(outcome) async for outcome in outcomes]
            assert [type(error) for error in errors] == [UnsendableError] * 3
            assert not any(error.may_resubmit for error in errors)
            with pytest.raises(UnsendableError, match="open a pool with another one") as caught:
                await pool.submit(dance(4))
            assert caught.value.may_resubmit
        assert sorted(as_accepted(job).key for job in pool.unfinished()) == ["shot-1", "shot-2", "shot-3"]


def test_pools_do_not_pickle_and_show_no_key():
    """A clear TypeError; the repr shows the state, not the key."""
    pool = ev.SessionPool("sk-canary-0123456789")
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(pool)
    assert "canary" not in repr(pool)
    assert "not opened" in repr(pool)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"api_key": None}, "EVOLINK_API_KEY"),
        ({"api_key": []}, "EVOLINK_API_KEY"),
        ({"api_key": "sk with spaces"}, "spaces"),
        ({"api_key": "sk\nX-Evil: 1"}, "printable"),
        ({"api_key": ["sk-a", "sk-a"]}, "twice"),
        ({"api_key": "sk-a", "base_url": "api.evolink.ai"}, "absolute"),
        ({"api_key": "sk-a", "base_url": "ftp://api.evolink.ai"}, "absolute"),
        ({"api_key": "sk-a", "base_url": "https://[::1"}, "absolute"),
        ({"api_key": "sk-a", "base_url": "http://api.evolink.ai"}, "https"),
        ({"api_key": "sk-a", "base_url": "https://user:pw@api.evolink.ai"}, "password"),
    ],
)
def test_a_pool_that_cannot_work_is_not_made(arguments, words, monkeypatch):
    """Wrong keys and addresses are found where they are given."""
    monkeypatch.delenv("EVOLINK_API_KEY", raising=False)
    with pytest.raises(ev.ConfigurationError, match=words):
        ev.SessionPool(**arguments)


async def _async_observer(_: ev.Event) -> None: ...


class _AsyncObserver:
    __call__ = staticmethod(_async_observer)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"budget": 100}, "budget must be of the class Budget, not int"),
        ({"limits": None, "http": {}, "cadence": 3, "retry": "x"}, "limits .*; cadence .*; retry .*; http "),
        ({"journal": 5}, "a path, an address or a Journal"),
        ({"callbacks": "https://example.com"}, "CallbackReceiver"),
        ({"observer": "print"}, "a function, not str"),
        ({"observer": _async_observer}, "must not be async"),
        ({"observer": _AsyncObserver()}, "must not be async"),
        ({"base_url": 5}, "base URL must be absolute"),
        ({"files_url": b"https://files-api.evolink.ai"}, "base URL must be absolute"),
        ({"api_key": 5}, "API key must be a text, not int"),
        ({"api_key": [None]}, "API key must be a text, not NoneType"),
    ],
)
def test_arguments_of_a_wrong_class_are_named(arguments, words):
    """All of them in one error, where they are given."""
    with pytest.raises(ev.ConfigurationError, match=words):
        ev.SessionPool(**{"api_key": KEY, **arguments})


def test_the_environment_is_obeyed(monkeypatch):
    """The names EvoLink's own clients use."""
    monkeypatch.setenv("EVOLINK_API_KEY", "sk-from-environment")
    monkeypatch.setenv("EVOLINK_BASE_URL", "nonsense")
    with pytest.raises(ev.ConfigurationError, match="nonsense"):
        ev.SessionPool()
    monkeypatch.delenv("EVOLINK_BASE_URL")
    assert "1 key" in repr(ev.SessionPool())


async def test_no_poll_is_lost_under_load(emulator):
    """Two streams, waits and watches at once on one pool, in random order: everything ends."""
    dice = random.Random(5)
    async with open_pool(emulator, limits=ev.Limits(in_flight=15)) as pool:

        async def one(number: int) -> int:
            await asyncio.sleep(dice.random() / 50)
            if number % 3:
                return len((await pool.generate(dance(1000 + number))).urls)
            names = [ev.Job(f"{number}-{n}", dance(number * 100 + n)) for n in range(5)]
            return len([outcome async for outcome in pool.run(names)])

        counts = await asyncio.gather(*(one(number) for number in range(30)))
    assert sum(counts) == 20 + 10 * 5
    assert emulator.ledger.accepted == 70


async def test_the_poll_budget_is_kept(emulator):
    """No more status requests than `polls_per_second` allows, plus its burst."""
    cadence = ev.Cadence(polls_per_second=100, first_look=0.02, min_interval=0.01, max_interval=0.02)
    async with open_pool(emulator, cadence=cadence) as pool:
        assert len([outcome async for outcome in pool.run(jobs(40))]) == 40
    polls = arrivals(emulator, "poll")
    for start, poll in enumerate(polls):
        within = [other for other in polls[start:] if other - poll <= 0.2]
        assert len(within) <= 100 * (0.2 + 0.1) + 2


async def test_nothing_is_left_for_the_collector(emulator):
    """A pool that was used and closed leaves no warning and no task behind."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        async with open_pool(emulator) as pool:
            await pool.generate(dance())
        del pool
        gc.collect()
    assert own_tasks() == set()


def test_fast_settings_are_legal():
    """Every number may be made small."""
    assert FAST.min_interval == 0.01
    assert KEY


async def test_waiting_in_small_steps_learns_of_the_end(emulator):
    """Each wait polls within its own timeout, so the end is seen although the schedule would poll later."""
    slow = ev.Cadence(polls_per_second=1000, first_look=30, min_interval=0.01, max_interval=30)
    async with open_pool(emulator, cadence=slow) as pool:
        accepted = await pool.submit(dance())
        for _ in range(50):
            try:
                done = await pool.wait(accepted.task_id, timeout=0.1)
                break
            except ev.DeadlineError:
                continue
        assert done.url


@pytest.mark.parametrize("how", ["poll", "watch"])
async def test_a_final_state_seen_by_a_poll_concludes_the_job(emulator, how):
    """After a poll or a watch that showed the final state, the job is no longer unfinished."""
    async with open_pool(emulator) as pool:
        accepted = await pool.submit(dance())
        if how == "watch":
            assert [snapshot async for snapshot in pool.watch(accepted.task_id)][-1].is_final
        else:
            while not (await pool.poll(accepted.task_id)).is_final:
                await asyncio.sleep(0.01)
        assert pool.unfinished() == ()


def test_a_pool_with_a_journal_can_be_shown_before_it_is_opened(tmp_path):
    """Its repr reads no file."""
    assert "not opened" in repr(ev.SessionPool("sk-a", journal=tmp_path / "run.db"))


async def test_an_expired_link_that_the_task_still_has_is_not_tried_twice(emulator, tmp_path):
    """The task is read again, free of charge, and names no other."""
    emulator.faults.on("result", 1, faults.reply(403))
    async with open_pool(emulator) as pool:
        [outcome] = [outcome async for outcome in pool.run(jobs(1), download_to=tmp_path)]
    assert isinstance(as_completed(outcome).download_error, LinkExpiredError)
    assert sum(request.kind == "result" for request in emulator.received) == 1
    assert emulator.ledger.accepted == 1


async def test_a_link_that_the_task_no_longer_has_is_replaced(emulator, tmp_path):
    """The first answer has an expired link, the next poll a fresh one, which the outcome holds."""
    gone = f"{emulator.results_url}/results/gone/0.mp4"

    def old(task):
        was_tried = any(request.kind == "result" for request in emulator.received)
        return task if was_tried or "results" not in task else task | {"results": [gone]}

    emulator.faults.on("poll", faults.ALWAYS, faults.rewrite("old link", old))
    async with open_pool(emulator, cadence=SINGLY) as pool:
        [outcome] = [outcome async for outcome in pool.run(jobs(1), download_to=tmp_path)]
    done = as_completed(outcome)
    assert done.download_error is None
    assert done.url != gone
    assert has_files(done)


async def test_a_service_that_names_one_task_for_two_jobs_gives_both_an_outcome(emulator):
    """Whatever it means by that, each job ends once, and nothing is watched for ever."""
    first = []

    def same(task):
        first.append(task["id"])
        return task | {"id": first[0]}

    emulator.faults.on("submit", faults.ALWAYS, faults.rewrite("same task", same))
    async with open_pool(emulator) as pool:
        outcomes = [outcome async for outcome in pool.run(jobs(3))]
        stats = pool.stats()
    assert sorted(outcome.key for outcome in outcomes) == ["shot-1", "shot-2", "shot-3"]
    assert set(task_ids(outcomes)) == {first[0]}
    assert stats.in_flight == 0


async def test_a_wrong_type_of_job_or_id_is_refused(emulator):
    """An int in place of parameters or of a task id raises one of our errors."""
    with pytest.raises(ev.ConfigurationError, match="parameters"):
        ev.Job("a", 5)  # type: ignore[arg-type]  # what is tested
    async with open_pool(emulator) as pool:
        uses: tuple[Callable[[Any], Awaitable[object]], ...] = (pool.wait, pool.submit, pool.poll)
        for use in uses:
            with pytest.raises(ev.EvolinkError):
                await use(5)
