"""Every row of the poll table: a poll is free, so only a lasting refusal ends the watching."""

from __future__ import annotations

import json
import time

import attrs
import pytest

from evolink_async import (
    AccessDeniedError,
    AuthenticationError,
    Completed,
    DeadlineError,
    Failed,
    HttpOptions,
    ReplyError,
    TaskFailedError,
    TaskNotFoundError,
)
from evolink_async.emulator import Emulator, faults
from evolink_async.errors import TaskCancelledError
from tests.kit import FAST, KEY, arrivals, as_accepted, as_failed, dance, error_of, jobs, open_pool, task_ids

pytestmark = pytest.mark.anyio

HASTY = HttpOptions(poll_timeout=0.1, connect_timeout=0.1, allow_private_results=True)
NO_TASK = "task-unified-1-nobody00"

SURVIVED = {
    "refused at the socket": faults.REFUSE,
    "reset": faults.DROP_BEFORE_ACCEPT,
    "no answer": faults.HANG_BEFORE_ACCEPT,
    "cut in the middle": faults.cut(30),
    "byte by byte": faults.slow_loris(0.05),
    "without end": faults.endless(50_000_000),
    "a page with status 200": faults.HTML_200,
    "half a JSON": faults.NOT_JSON,
    "no status": faults.missing("status"),
    "null status": faults.nulled("status"),
    "status that is a number": faults.extra({"status": 3}),
    "another task's id": faults.wrong_task_id(),
    "null id": faults.nulled("id"),
    "unknown state": faults.state("dreaming"),
    "queued": faults.state("queued"),
    "progress backwards": faults.PROGRESS_BACKWARDS,
    "progress that is text": faults.extra({"progress": "99"}),
    "completed without results": faults.COMPLETED_WITHOUT_RESULTS,
    "301": faults.redirect(301, "https://elsewhere.example/"),
    "304": faults.reply(304),
    "400": faults.error(400),
    "408": faults.error(408),
    "409": faults.error(409),
    "418": faults.error(418),
    "429": faults.error(429),
    "429 old": faults.error(429, generation="old"),
    "429 with Retry-After": faults.error(429, headers={"Retry-After": "0.03"}),
    "429 with nonsense": faults.error(429, headers={"Retry-After": "soon"}),
    "429 with a past date": faults.error(429, headers={"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}),
    "500": faults.error(500),
    "502 with a page": faults.reply(502, "<html>bad gateway</html>", content_type="text/html"),
    "503": faults.error(503),
    "504 empty": faults.reply(504),
}


@pytest.mark.parametrize("fault", SURVIVED.values(), ids=SURVIVED)
async def test_wait_survives_every_fault(emulator, fault):
    """Three polls in a row fail; the video is delivered after one paid submit."""
    emulator.faults.on("poll", range(1, 4), fault)
    async with open_pool(emulator, http=HASTY) as pool:
        accepted = await pool.submit(dance())
        completed = await pool.wait(accepted.task_id)
        assert completed.urls
        assert completed.task_id == accepted.task_id
        assert pool.unfinished() == ()
    assert emulator.ledger.accepted == 1


async def test_a_stream_survives_a_bad_network():
    """Sixty jobs while a third of the polls fail in four ways: sixty videos, sixty purchases."""
    async with Emulator(speed=1000, seed=4) as emulator:
        for seed, fault in enumerate((faults.DROP_BEFORE_ACCEPT, faults.error(500), faults.cut(10), faults.HTML_200)):
            emulator.faults.on("poll", faults.sometimes(0.1, seed=seed), fault)
        async with open_pool(emulator) as pool:
            outcomes = [outcome async for outcome in pool.run(jobs(60))]
        assert all(isinstance(outcome, Completed) for outcome in outcomes)
        assert emulator.ledger.accepted == 60


@pytest.mark.parametrize(("status", "kind"), [(401, AuthenticationError), (403, AccessDeniedError)])
async def test_a_lasting_denial_is_raised_with_the_task_id(emulator, status, kind):
    """Polled four times over `max_interval`, then raised; the task stays unfinished, as it goes on."""
    emulator.faults.on("poll", faults.ALWAYS, faults.error(status))
    async with open_pool(emulator) as pool:
        accepted = await pool.submit(dance())
        with pytest.raises(kind) as caught:
            await pool.wait(accepted.task_id)
        assert caught.value.task_id == accepted.task_id
        polls = arrivals(emulator, "poll")
        assert len(polls) == 4
        assert polls[-1] - polls[0] >= FAST.max_interval
        assert task_ids(pool.unfinished()) == [accepted.task_id]


STRAYS = {
    "a balancer's 404": faults.reply(404, "404 page not found", content_type="text/plain"),
    "a firewall's 403": faults.reply(403, "<html><title>Just a moment...</title></html>", content_type="text/html"),
    "a login page's 401": faults.reply(401, "<html>SSO</html>", content_type="text/html"),
    "402": faults.error(402),
    "a redirect": faults.redirect(302, "https://login.example.com/"),
}


@pytest.mark.parametrize("fault", STRAYS.values(), ids=STRAYS)
async def test_what_is_no_word_of_the_service_about_the_task_is_survived(emulator, fault):
    """Polled again until the service itself answers; the key is not suspended."""
    emulator.faults.on("poll", range(1, 30), fault)
    async with open_pool(emulator) as pool:
        [outcome] = [outcome async for outcome in pool.run(jobs(1))]
        assert isinstance(outcome, Completed)
        assert (await pool.generate(dance(2))).url


async def test_a_passing_denial_is_survived(emulator):
    """A key that is refused three times, then works, loses nothing but time."""
    emulator.faults.on("poll", range(1, 4), faults.error(401))
    async with open_pool(emulator) as pool:
        accepted = await pool.submit(dance())
        assert (await pool.wait(accepted.task_id)).url


async def test_in_a_stream_a_lasting_denial_is_a_failure_that_names_the_task(emulator):
    """The outcome carries the id, and the job stays known as unfinished."""
    emulator.faults.on("poll", faults.ALWAYS, faults.error(403, code="key_disabled"))
    async with open_pool(emulator) as pool:
        [outcome] = [outcome async for outcome in pool.run(jobs(1))]
        assert isinstance(outcome, Failed)
        assert as_failed(outcome).task_id == as_accepted(pool.unfinished()[0]).task_id


async def test_not_found_is_tolerated_for_the_grace_period(emulator):
    """404 right after the submit is a task not visible yet."""
    emulator.faults.on("poll", range(1, 4), faults.error(404))
    # Long enough for three polls on a busy machine in debug mode.
    async with open_pool(emulator, cadence=attrs.evolve(FAST, not_found_grace=30)) as pool:
        assert (await pool.generate(dance())).url


async def test_not_found_is_final_after_the_grace_period(emulator):
    """An unknown id ends in TaskNotFoundError, not in endless waiting."""
    async with open_pool(emulator) as pool:
        started = time.monotonic()
        with pytest.raises(TaskNotFoundError) as caught:
            await pool.wait(NO_TASK)
        assert time.monotonic() - started >= FAST.not_found_grace
        assert caught.value.task_id == NO_TASK
        assert len(emulator.received) > 1


async def test_completed_without_a_link_ends_as_a_reply_error(emulator):
    """A service that never names the link: a few polls, then a ReplyError."""
    emulator.faults.on("poll", faults.ALWAYS, faults.COMPLETED_WITHOUT_RESULTS)
    async with open_pool(emulator) as pool:
        [outcome] = [outcome async for outcome in pool.run(jobs(1))]
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, ReplyError)
    assert str(outcome.task_id) in str(outcome.error)


async def test_failed_tasks_say_why_and_what_to_do():
    """Every task fails: typed, with the service's code and a piece of advice; nothing is charged."""
    async with Emulator(speed=1000, failure_share=1.0) as emulator, open_pool(emulator) as pool:
        outcomes = [outcome async for outcome in pool.run(jobs(12))]
        for outcome in outcomes:
            error = error_of(outcome)
            assert isinstance(error, TaskFailedError)
            assert str(error.code) in str(error)
            assert error.snapshot is not None
            assert error.snapshot.task_id == as_failed(outcome).task_id
            assert error.may_resubmit
            assert error.advice
        assert emulator.ledger.charged == 0
        with pytest.raises(TaskFailedError):
            await pool.generate(dance(99))


async def test_a_failed_task_without_an_error_object_is_still_a_failure(emulator):
    """Older pages show failed tasks with no reason at all."""
    emulator.faults.on("poll", faults.ALWAYS, faults.state("failed"))
    async with open_pool(emulator) as pool:
        with pytest.raises(TaskFailedError, match="no code given"):
            await pool.generate(dance())


async def test_cancelled_is_final(emulator):
    """A state that the published list does not have, and the callbacks do."""
    emulator.faults.on("poll", faults.ALWAYS, faults.state("cancelled"))
    async with open_pool(emulator) as pool:
        with pytest.raises(TaskCancelledError):
            await pool.generate(dance())


async def test_a_deadline_leaves_the_task_running_and_known(emulator):
    """DeadlineError names the task; waiting again brings the video, without a second purchase."""
    emulator.faults.on("poll", range(1, 200), faults.state("processing"))
    async with open_pool(emulator) as pool:
        accepted = await pool.submit(dance())
        with pytest.raises(DeadlineError) as caught:
            await pool.wait(accepted.task_id, timeout=0.05)
        assert caught.value.task_id == accepted.task_id
        assert task_ids(pool.unfinished()) == [accepted.task_id]
        emulator.faults.clear()
        assert (await pool.wait(accepted.task_id)).url
    assert emulator.ledger.accepted == 1


async def test_a_stream_with_a_timeout_gives_up_each_task_by_itself(emulator):
    """Tasks that never end become `Failed(DeadlineError)`, each with its id, and stay unfinished."""
    emulator.faults.on("poll", faults.ALWAYS, faults.state("processing"))
    async with open_pool(emulator) as pool:
        outcomes = [outcome async for outcome in pool.run(jobs(5), timeout=0.1)]
        assert sorted(map(str, task_ids(outcomes))) == sorted(map(str, task_ids(pool.unfinished())))
        assert all(isinstance(error_of(outcome), DeadlineError) for outcome in outcomes)
        assert len(outcomes) == 5


async def test_429_pauses_every_poll(emulator):
    """Retry-After on one poll holds back the polls of all other tasks."""
    emulator.faults.on("poll", 1, faults.error(429, headers={"Retry-After-Ms": "600"}))
    cadence = attrs.evolve(FAST, polls_per_second=50, batch="never")
    async with open_pool(emulator, cadence=cadence) as pool:
        assert len([outcome async for outcome in pool.run(jobs(20))]) == 20
    polls = arrivals(emulator, "poll")
    assert len(polls) > 20
    assert not [look for look in polls if 0.3 < look - polls[0] < 0.59]  # the first burst was on its way already


def asked_for(request) -> tuple[str, ...]:
    """The tasks that a status request names."""
    if request.kind == "batch":
        return tuple(json.loads(request.body)["task_ids"])
    return (request.path.rpartition("/")[2],) if request.kind == "poll" else ()


async def test_a_task_is_asked_for_with_the_key_that_made_it():
    """Two keys: every poll of a task carries the key of its submit, also in a batch."""
    async with Emulator(speed=1000, api_keys=(KEY, "sk-second")) as emulator:
        async with open_pool(emulator, api_key=[KEY, "sk-second"]) as pool:
            outcomes = [outcome async for outcome in pool.run(jobs(20))]
        assert all(isinstance(outcome, Completed) for outcome in outcomes)
        submits = [request.headers["Authorization"] for request in emulator.received if request.kind == "submit"]
        assert len(set(submits)) == 2
        polls = {(task, r.headers["Authorization"]) for r in emulator.received for task in asked_for(r)}
        assert len(polls) == 20
