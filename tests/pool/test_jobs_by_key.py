"""A job by its key: where it stands, waiting for it, watching it, links that have expired, and the list of all jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest

import evolink_async as ev
from evolink_async.emulator import Emulator, faults
from evolink_async.errors import JournalClaimError, JournalError
from evolink_async.events import Event, JobEnded
from evolink_async.journal import MemoryJournal
from evolink_async.pool import SessionPool
from tests.kit import FAST, KEY, as_accepted, as_completed, dance, jobs, open_pool, turns, until

pytestmark = pytest.mark.anyio

FILE = "run.db"


@pytest.fixture(params=["memory", "file"])
def journal(request, tmp_path: Path) -> Any:
    """Each kind of journal."""
    return MemoryJournal() if request.param == "memory" else tmp_path / FILE


async def kinds(pool: SessionPool, *keys: str) -> dict[str, type]:
    """Where jobs stand."""
    return {key: type(job) for key, job in (await pool.find_many(keys)).items()}


def is_under_way(pool: SessionPool) -> bool:
    """Whether the job is being submitted."""
    return pool._engine is not None and pool._engine.submitter.is_under_way("shot")


async def test_a_job_is_found_in_every_state(emulator, journal):
    """Before its submit, while it runs, at its end, in doubt; and a key that nobody has used is not there."""
    async with open_pool(emulator, journal=journal) as pool:
        assert await pool.find("shot-1") is None
        emulator.faults.on("submit", 1, faults.HANG_AFTER_ACCEPT)
        going = asyncio.create_task(pool.submit(dance(1), key="shot-1"))
        await until(lambda: emulator.received)
        assert await pool.find("shot-1") == ev.Planned("shot-1", is_submitting=True)
        going.cancel()
        await asyncio.wait([going])
        accepted = await pool.submit(dance(2), key="shot-2")
        assert as_accepted(await pool.find("shot-2")).task_id == accepted.task_id
        done = await pool.wait(accepted.task_id)
        found = as_completed(await pool.find("shot-2"))
        assert (found.task_id, found.urls) == (done.task_id, done.urls)
    assert await kinds(pool, "shot-1", "shot-2", "other") == {"shot-1": ev.Unknown, "shot-2": ev.Completed}


async def test_finding_sends_nothing(emulator, journal):
    """And works before opening and after closing."""
    pool = open_pool(emulator, journal=journal)
    assert await pool.find("shot-1") is None
    async with pool:
        async for _ in pool.run(jobs(3)):
            pass
        sent = len(emulator.received)
        assert await kinds(pool, *(f"shot-{n}" for n in range(1, 30))) == {f"shot-{n}": ev.Completed for n in (1, 2, 3)}
    assert await kinds(pool, "shot-2") == {"shot-2": ev.Completed}
    assert len(emulator.received) == sent


@pytest.mark.parametrize("how", ["refused", "failed", "abandoned"])
async def test_a_job_that_came_to_nothing(emulator, tmp_path, how):
    """One that was refused stays planned; a task that failed, or a doubt that was given up, is a `Failed`."""
    async with open_pool(emulator, journal=tmp_path / FILE) as pool:
        if how == "refused":
            emulator.faults.on("submit", 1, faults.error(400))
        elif how == "failed":
            emulator.faults.on("poll", faults.ALWAYS, faults.state("failed"))
        else:
            emulator.faults.on("submit", faults.ALWAYS, faults.DROP_AFTER_ACCEPT)
        with pytest.raises(ev.EvolinkError):
            await pool.generate(dance(), key="shot")
        if how == "abandoned":
            await pool.settle("shot", "abandon")
        standing = await pool.find("shot")
        assert standing == ev.Planned("shot") if how == "refused" else isinstance(standing, ev.Failed)
        with pytest.raises(ev.EvolinkError) as raised:
            await pool.wait(key="shot")
        expected = {"refused": JournalError, "failed": ev.TaskFailedError, "abandoned": ev.SubmissionUnknownError}
        assert type(raised.value) is expected[how]


async def test_waiting_by_key_joins_a_submit(emulator, journal):
    """It buys nothing, and ends with the job."""
    async with open_pool(emulator, journal=journal) as pool:
        emulator.faults.on("submit", 1, faults.delay(0.2))
        buying = asyncio.create_task(pool.submit(dance(), key="shot"))
        await until(lambda: emulator.received)
        done = await pool.wait(key="shot")
        assert done.task_id == (await buying).task_id
        assert (await pool.wait(key="shot")).urls == done.urls
    assert emulator.ledger.accepted == 1


async def test_a_submit_that_fails_ends_the_wait_with_its_error(emulator):
    """As its buyer gets it."""
    async with open_pool(emulator) as pool:
        emulator.faults.on("submit", 1, faults.error(400))
        buying = asyncio.create_task(pool.submit(dance(), key="shot"))
        while not is_under_way(pool):  # it may be over within a millisecond
            await asyncio.sleep(0)
        with pytest.raises(ev.InvalidRequestError):
            await pool.wait(key="shot")
        with pytest.raises(ev.InvalidRequestError):
            await buying


async def test_a_wait_by_key_has_one_deadline(emulator):
    """For the submit and the task together."""
    async with open_pool(emulator) as pool:
        emulator.faults.on("submit", 1, faults.HANG_AFTER_ACCEPT)
        buying = asyncio.create_task(pool.submit(dance(), key="shot"))
        await until(lambda: emulator.received)
        with pytest.raises(ev.DeadlineError) as caught:
            await pool.wait(key="shot", timeout=0.01)
        assert (caught.value.task_id, caught.value.waited) == ("", 0.01)
        assert "by its key" in caught.value.advice
        buying.cancel()
        await asyncio.wait([buying])


async def test_who_waits_by_key_keeps_no_job_alive(emulator):
    """When its buyer leaves before the request, the job is withdrawn, and the wait ends with why."""
    async with open_pool(emulator, limits=ev.Limits(submits=1)) as pool:
        emulator.faults.on("submit", 1, faults.HANG_AFTER_ACCEPT)
        first = asyncio.create_task(pool.submit(dance(1), key="first"))
        await until(lambda: emulator.received)
        buying = asyncio.create_task(pool.submit(dance(2), key="shot"))
        await until(lambda: is_under_way(pool))
        waiting = asyncio.create_task(pool.wait(key="shot"))
        await asyncio.sleep(0)
        buying.cancel()
        with pytest.raises(ev.ConfigurationError, match="withdrawn"):
            await waiting
        first.cancel()
        await asyncio.wait([first, buying])


async def test_a_restart_knows_old_and_running_jobs(emulator, tmp_path):
    """A GET for an order after a restart needs no table of its own."""
    async with open_pool(emulator, journal=tmp_path / FILE) as pool:
        done = await pool.generate(dance(1), key="done")
        going = await pool.submit(dance(2), key="going")
    async with open_pool(emulator, journal=tmp_path / FILE) as pool:
        assert as_completed(await pool.find("done")).urls == done.urls
        assert [snap.state async for snap in pool.watch(key="done")] == ["completed"]
        assert (await pool.wait(key="going")).task_id == going.task_id
    assert emulator.ledger.accepted == 2


async def test_watching_by_key(emulator, journal):
    """The changes of a running task, the last snapshot of one that has ended, the error of one that was not sent."""
    async with open_pool(emulator, journal=journal) as pool:
        await pool.submit(dance(), key="shot")
        states = [snap.state async for snap in pool.watch(key="shot")]
        assert states[-1] == "completed"
        assert [snap.state async for snap in pool.watch(key="shot")] == ["completed"]
        emulator.faults.on("poll", faults.ALWAYS, faults.state("failed"))
        await pool.submit(dance(2), key="bad")
        assert [snap.state async for snap in pool.watch(key="bad")][-1] == "failed"
        with pytest.raises(JournalError, match="not known"):
            await anext(pool.watch(key="other"))


@pytest.mark.parametrize("arguments", [{}, {"key": "a", "task_id": "b"}])
async def test_a_task_or_a_key(emulator, arguments):
    """One of both, and the error says so before anything is sent."""
    async with open_pool(emulator) as pool:
        with pytest.raises(ev.ConfigurationError, match="key="):
            await pool.wait(**arguments)
        with pytest.raises(ev.ConfigurationError, match="key="):
            pool.watch(**arguments)
    assert emulator.received == []


# --- links


async def expired(pool: SessionPool, journal: Any, key: str) -> ev.Completed:
    """Let the links of a job have expired."""
    old = as_completed(await pool.find(key))
    await pool._journal.refreshed(attrs.evolve(old, urls=("http://127.0.0.1/gone.mp4",), expires_at=1.0))
    job = as_completed(await pool.find(key))
    assert job.has_expired(1.0)
    assert not old.has_expired(old.expires_at - 1)
    return job


async def test_links_that_have_expired_are_asked_for_again(emulator, journal, tmp_path):
    """By a wait and by a download, with one request, and the journal has the new ones from then on."""
    async with open_pool(emulator, journal=journal) as pool:
        done = await pool.generate(dance(), key="shot")
        await expired(pool, journal, "shot")
        sent = len(emulator.received)
        fresh = await pool.wait(key="shot")
        assert fresh.urls == done.urls
        assert fresh.expires_at > 1e9
        assert len(emulator.received) == sent + 1
        assert as_completed(await pool.find("shot")).urls == done.urls
        saved = await pool.download(await expired(pool, journal, "shot"), tmp_path / "films/")
        assert saved.files[0].stat().st_size > 0


async def test_links_that_the_service_has_no_more(emulator, journal):
    """The job is told as it is, with a link that says that it has expired."""
    async with open_pool(emulator, journal=journal) as pool:
        await pool.generate(dance(), key="shot")
        old = await expired(pool, journal, "shot")
        emulator.faults.on("poll", faults.ALWAYS, faults.error(404))
        assert (await pool.wait(key="shot")).urls == old.urls


# --- the list


async def test_all_jobs_are_listed_in_pages(emulator, journal, monkeypatch):
    """In the order of their keys, all or those of one state, each once."""
    monkeypatch.setattr("evolink_async.pool.recorded_jobs.PAGE", 3)
    async with open_pool(emulator, journal=journal) as pool:
        async for _ in pool.run(jobs(8)):
            pass
        emulator.faults.on("submit", faults.ALWAYS, faults.DROP_AFTER_ACCEPT)
        with pytest.raises(ev.SubmissionUnknownError):
            await pool.submit(dance(9), key="lost")
        assert [job.key async for job in pool.jobs()] == ["lost", *(f"shot-{n}" for n in range(1, 9))]
        assert [job.key async for job in pool.jobs(state="unknown")] == ["lost"]
        assert len([job async for job in pool.jobs(state="completed")]) == 8
        assert [job async for job in pool.jobs(state="accepted")] == []
        with pytest.raises(ev.ConfigurationError, match="planned, accepted, completed, failed, unknown"):
            await anext(pool.jobs(state="done"))  # type: ignore[arg-type]  # what a user may type


async def test_a_pool_opened_by_hand(emulator):
    """As in a notebook."""
    pool = await open_pool(emulator).open()
    assert (await pool.generate(dance())).url
    await pool.aclose()
    with pytest.raises(ev.ConfigurationError):
        await pool.open()


def test_a_pool_without_an_event_loop_is_refused(journal):
    """As in a loop that is not asyncio's. In one that is, it opens later all the same."""
    pool = ev.SessionPool(KEY, journal=journal)
    with pytest.raises(ev.ConfigurationError, match="event loop"):
        pool.open().send(None)

    async def later() -> None:
        await pool.open()
        await pool.aclose()

    asyncio.run(later())


async def test_a_doubt_that_is_sent_again_stays_a_doubt(tmp_path):
    """Under its old key, until the service accepts."""
    async with Emulator(speed=1000, idempotency=True) as emulator:
        emulator.faults.on("submit", faults.ALWAYS, faults.DROP_AFTER_ACCEPT)
        async with open_pool(emulator, journal=tmp_path / FILE) as pool:
            with pytest.raises(ev.SubmissionUnknownError):
                await pool.submit(dance(), key="shot")
        emulator.faults.on("submit", 2, faults.HANG_AFTER_ACCEPT)
        retry = ev.RetryPolicy(resubmit="same_key", grace=0.01)
        async with open_pool(emulator, journal=tmp_path / FILE, retry=retry) as pool:
            again = asyncio.create_task(pool.submit(dance(), key="shot"))
            sent = len(emulator.received)
            await until(lambda: len(emulator.received) > sent)
            assert isinstance(await pool.find("shot"), ev.Unknown)
            again.cancel()
            await asyncio.wait([again])


class Full(MemoryJournal):
    """A journal that cannot write down what was accepted."""

    async def accepted(self, accepted: ev.Accepted) -> None:
        raise JournalError("the disk is full")


async def by_wait(pool: SessionPool) -> str:
    """Wait for the job while it is submitted."""
    submitting = asyncio.create_task(pool.submit(dance(), key="shot"))
    await until(lambda: is_under_way(pool))
    done = await pool.wait(key="shot")
    await submitting
    return done.key


async def by_watch(pool: SessionPool) -> str:
    """Watch the job while it is submitted."""
    submitting = asyncio.create_task(pool.submit(dance(), key="shot"))
    await until(lambda: is_under_way(pool))
    assert [snapshot async for snapshot in pool.watch(key="shot")][-1].state == "completed"
    await submitting
    return "shot"


async def by_generate(pool: SessionPool) -> str:
    """Submit and wait in one."""
    return (await pool.generate(dance(), key="shot")).key


@pytest.mark.parametrize("use", [by_generate, by_wait, by_watch])
async def test_a_job_that_the_journal_did_not_take_ends_under_its_key(emulator, use):
    """Who knows the key is answered by it, the observer too, and what the job held is free."""
    ends: list[str] = []

    def observe(event: Event) -> None:
        if isinstance(event, JobEnded):
            ends.append(event.outcome.key)

    async with open_pool(emulator, journal=Full(), budget=ev.Budget(credits=1000), observer=observe) as pool:
        assert await use(pool) == "shot"
        stats = pool.stats()
        assert (stats.completed, stats.credits_held) == (1, 0)
        assert stats.credits_spent == emulator.ledger.charged > 0
    assert ends == ["shot"]


@pytest.mark.parametrize("again", ["run", "generate", "submit"])
@pytest.mark.parametrize("seen_by", ["poll", "watch"])
@pytest.mark.parametrize("has_heard", [False, True], ids=["watching", "heard"])
async def test_a_job_is_not_bought_again_before_its_run_has_told_it(emulator, again, seen_by, has_heard):
    """A poll or a watch shows its end, and the run that bought it has not: it watches, or nobody has read it yet."""
    cadence = FAST if has_heard else ev.Cadence(first_look=600, max_interval=600)
    [job] = jobs(1)

    async def buy() -> str | None:
        if again == "submit":
            return (await pool.submit(job.params, key=job.key)).task_id
        if again == "generate":
            return (await pool.generate(job.params, key=job.key)).task_id
        [outcome] = [outcome async for outcome in pool.run([job])]
        return as_completed(outcome).task_id

    async with open_pool(emulator, cadence=cadence) as pool, pool.run([job]) as stream:
        await until(lambda: pool.stats().in_flight == 1)
        [task_id] = emulator.tasks
        await until(lambda: not has_heard or pool.stats().completed == 1)
        while seen_by == "poll" and not (await pool.poll(task_id)).is_final:
            pass
        if seen_by == "watch":
            # It shares the polls of the run, which hears the end then too.
            assert [snapshot async for snapshot in pool.watch(task_id)][-1].is_final
        buying = asyncio.create_task(buy())
        await until(lambda: pool.hint(task_id) or buying.done())
        assert await buying == task_id
        [outcome] = [outcome async for outcome in stream]
        assert as_completed(outcome).task_id == task_id
        assert pool.stats().completed == 1
    assert emulator.ledger.accepted == 1


async def test_a_job_may_be_bought_again_once_its_end_was_seen(emulator):
    """In memory, by a poll, when nobody else waits for it."""
    async with open_pool(emulator) as pool:
        first = await pool.submit(dance(), key="shot")
        while not (await pool.poll(first.task_id)).is_final:
            pass
        assert pool.unfinished() == ()
        assert (await pool.submit(dance(), key="shot")).task_id != first.task_id


async def test_a_job_waits_for_the_credits_of_one_whose_task_the_journal_looks_up(emulator, monkeypatch):
    """However slowly it does so, before the task is watched and after its end."""
    monkeypatch.setattr("evolink_async.budget.waiting.HAND_OVER_SECONDS", 0.0)
    asked: list[asyncio.Event] = []

    class Slow(MemoryJournal):
        async def owner(self, task_ids: Any) -> Any:
            asked.append(asyncio.Event())
            await asked[-1].wait()
            return await super().owner(task_ids)

    async with Emulator(speed=1000) as other, open_pool(other) as pool:
        price = (await pool.submit(dance())).credits_reserved or 0.0
    budget = ev.Budget(credits=1.5 * price, most_per_job=price)
    emulator.faults.on("poll", faults.ALWAYS, faults.state("failed"))
    async with open_pool(emulator, journal=Slow(), budget=budget) as pool:
        first = asyncio.create_task(pool.generate(dance(1), key="first"))
        await until(lambda: asked)
        second = asyncio.create_task(pool.submit(dance(2), key="second"))
        await until(lambda: pool._engine and pool._engine.submitter.is_under_way("second"))
        for reads in (1, 2):
            await until(lambda reads=reads: len(asked) == reads)
            await turns(50)
            assert not second.done()
            asked[-1].set()
        await second
        with pytest.raises(ev.TaskFailedError):
            await first
    assert emulator.ledger.accepted == 2


class Stale(MemoryJournal):
    """A journal of a process that stood still: it takes no end before its claims are renewed."""

    is_stale = True

    async def ended(self, outcome: ev.Outcome) -> None:
        if self.is_stale:
            raise JournalClaimError("this process was away too long")
        await super().ended(outcome)

    async def renew(self, keys: Sequence[str], owner: str) -> frozenset[str]:
        self.is_stale = False
        return await super().renew(keys, owner)


async def test_an_end_is_written_down_though_the_process_stood_still(emulator):
    """Its claims are renewed first. No other process would write the end down: nobody else watches the task."""
    async with open_pool(emulator, journal=Stale()) as pool:
        done = await pool.generate(dance(), key="shot")
        assert as_completed(await pool.find("shot")).task_id == done.task_id
        assert pool.unfinished() == ()
