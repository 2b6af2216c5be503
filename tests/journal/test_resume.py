"""The same run again on the same journal: nothing is paid for twice, nothing is asked twice, nothing is forgotten."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs
import pytest

import evolink_async as ev
from evolink_async.client import Session
from evolink_async.emulator import Emulator, HandClock, faults
from evolink_async.errors import BudgetError, JournalConflictError, TaskCancelledError
from evolink_async.settings import Budget
from tests.kit import PATIENT, as_accepted, as_completed, as_failed, dance, error_of, jobs, open_pool, task_ids, until

pytestmark = pytest.mark.anyio

HASTY = ev.HttpOptions(submit_timeout=0.3, allow_private_results=True)
SAME_KEY = attrs.evolve(PATIENT, resubmit="same_key")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal of a test goes."""
    return tmp_path / "run.db"


async def run(emulator: Emulator, path: Path, wishes, **settings: object) -> dict[str, ev.Outcome]:
    """The outcomes of one run on a journal, by key."""
    async with open_pool(emulator, journal=path, **settings) as pool:
        return {outcome.key: outcome async for outcome in pool.run(wishes)}


def requests(emulator: Emulator, kind: str = "submit") -> list:
    """What the service got of a kind."""
    return [request for request in emulator.received if request.kind == kind]


def doubt_of(outcome: ev.Accepted | ev.Outcome) -> dict[str, object]:
    """All that an `Unknown` says."""
    assert isinstance(outcome, ev.Unknown), outcome
    assert isinstance(outcome.error, ev.SubmissionUnknownError)
    return {"message": str(outcome.error)} | vars(outcome.error)


async def test_finished_jobs_come_straight_back(emulator, path):
    """Marked as resumed, with the same links and the same expiry, without a single request."""
    first = await run(emulator, path, jobs(20))
    asked = len(emulator.received)
    for _ in range(2):
        again = await run(emulator, path, jobs(20))
        assert again.keys() == first.keys()
        assert len(emulator.received) == asked
        for key, outcome in again.items():
            before = first[key]
            assert (as_completed(outcome).resumed, as_completed(before).resumed) == (True, False)
            for name in ("task_id", "urls", "expires_at", "credits", "timing"):
                assert getattr(outcome, name) == getattr(before, name)
    assert emulator.ledger.accepted == 20


async def test_a_longer_input_buys_only_what_is_new(emulator, path):
    """Five of eight jobs are known: three are sent, eight come back."""
    await run(emulator, path, jobs(5))
    again = await run(emulator, path, jobs(8))
    assert sorted(key for key, outcome in again.items() if as_completed(outcome).resumed) == [
        f"shot-{n}" for n in range(1, 6)
    ]
    assert len(again) == emulator.ledger.accepted == 8


async def test_failed_tasks_come_back_as_the_same_failure(path):
    """Type, code, advice, task id and text are those of the first time; nothing is sent."""
    async with Emulator(speed=1000, failure_share=1) as emulator:
        first = await run(emulator, path, jobs(12))
        asked = len(emulator.received)
        again = await run(emulator, path, jobs(12))
        assert len(emulator.received) == asked
    assert len({getattr(error_of(outcome), "code", None) for outcome in first.values()}) > 1
    for key in again:
        outcome, before = as_failed(again[key]), as_failed(first[key])
        assert outcome.task_id == before.task_id
        assert type(outcome.error) is type(before.error) is ev.TaskFailedError
        assert str(outcome.error) == str(before.error)
        for name in ("code", "advice", "may_resubmit", "task_id"):
            assert getattr(outcome.error, name) == getattr(before.error, name)
        assert isinstance(outcome.error, ev.TaskFailedError)
        assert isinstance(before.error, ev.TaskFailedError)
        assert outcome.error.snapshot is not None
        assert before.error.snapshot is not None
        assert outcome.error.snapshot.fault == before.error.snapshot.fault


async def test_a_cancelled_task_comes_back_as_cancelled(emulator, path):
    """The third way a task can end is kept as well."""
    emulator.faults.on("poll", faults.ALWAYS, faults.state("cancelled"))
    for _ in range(2):
        [outcome] = (await run(emulator, path, jobs(1))).values()
        assert type(error_of(outcome)) is TaskCancelledError
    assert emulator.ledger.accepted == 1


async def test_accepted_jobs_are_polled_and_not_sent(path):
    """A run left in the middle: the next one sends nothing for what was accepted, and brings all videos."""
    async with Emulator(clock=(clock := HandClock())) as emulator:
        async with open_pool(emulator, journal=path) as pool:
            stream = pool.run(jobs(10))
            taking = asyncio.create_task(anext(stream))
            await until(lambda: emulator.ledger.accepted == 10 and not pool.stats().submitting)
            taking.cancel()
            await asyncio.wait([taking])
            await stream.aclose()
        clock.advance(3600)
        again = await run(emulator, path, jobs(10))
        assert {type(outcome) for outcome in again.values()} == {ev.Completed}
        assert set(task_ids(again.values())) == set(emulator.tasks)
        assert not any(as_completed(outcome).resumed for outcome in again.values())
        assert len(requests(emulator)) == 10


async def test_a_job_given_up_by_us_is_taken_up_again(emulator, path):
    """After a deadline the task goes on; the next run waits for it and does not buy it again."""
    emulator.faults.on("poll", faults.ALWAYS, faults.state("processing"))
    async with open_pool(emulator, journal=path) as pool:
        [outcome] = [outcome async for outcome in pool.run(jobs(1), timeout=0)]
    assert isinstance(error_of(outcome), ev.DeadlineError)
    emulator.faults.clear()
    [again] = (await run(emulator, path, jobs(1))).values()
    assert (as_completed(again).task_id, emulator.ledger.accepted) == (as_failed(outcome).task_id, 1)


@pytest.mark.parametrize("status", [400, 401, 402, 403, 422])
async def test_refused_jobs_are_sent_again(emulator, path, status):
    """Nothing was charged, so the next run tries anew, under a new idempotency key; parameters may have changed."""
    emulator.faults.on("submit", faults.ALWAYS, faults.error(status))
    refused = await run(emulator, path, jobs(3))
    assert {type(outcome) for outcome in refused.values()} == {ev.Failed}
    emulator.faults.clear()
    changed = [ev.Job(job.key, dance(prompt=f"{job.key}, and better")) for job in jobs(3)]
    again = await run(emulator, path, changed)
    assert {type(outcome) for outcome in again.values()} == {ev.Completed}
    assert emulator.ledger.accepted == 3
    assert len(emulator.ledger.tasks_by_key) == 3


async def test_jobs_never_reached_are_sent_later(path):
    """The service could not be reached at all: the next run sends each job once."""
    async with open_pool(await gone(), journal=path, retry=attrs.evolve(PATIENT, attempts=2)) as pool:
        lost = [outcome async for outcome in pool.run(jobs(3))]
    assert {type(error_of(outcome)) for outcome in lost} == {ev.NotDeliveredError}
    async with Emulator(speed=1000) as emulator:
        again = await run(emulator, path, jobs(3))
        assert {type(outcome) for outcome in again.values()} == {ev.Completed}
        assert emulator.ledger.accepted == 3


async def gone() -> Emulator:
    """A service that has closed."""
    async with Emulator() as emulator:
        return emulator


DOUBTS = {
    "lost reply": faults.DROP_AFTER_ACCEPT,
    "slow reply": faults.HANG_AFTER_ACCEPT,
    "500": faults.reply_after_accept(500, '{"error":{"code":"internal_error","message":"oops"}}'),
    "502 with a page": faults.reply_after_accept(502, "<html>bad gateway</html>", content_type="text/html"),
    "cut body": faults.cut(20),
    "200 without id": faults.missing("id"),
    "409 paid_outcome_unknown": faults.error(409, code="paid_outcome_unknown"),
}


@pytest.mark.parametrize("fault", DOUBTS.values(), ids=DOUBTS)
async def test_a_doubt_is_told_again_after_a_restart(emulator, path, fault):
    """One POST in all, and the same `Unknown` with all its facts from every later pool, in a run and outside."""
    emulator.faults.on("submit", faults.ALWAYS, fault)
    [first] = (await run(emulator, path, jobs(1), http=HASTY)).values()
    emulator.faults.clear()
    known = doubt_of(first)
    [post] = requests(emulator)
    assert known["idempotency_key"] == post.headers["Idempotency-Key"]
    assert known["sent_at"] is not None
    for _ in range(2):
        async with open_pool(emulator, journal=path) as pool:
            [unfinished] = pool.unfinished()
            [again] = [outcome async for outcome in pool.run(jobs(1))]
            with pytest.raises(ev.SubmissionUnknownError) as caught:
                await pool.generate(jobs(1)[0].params, key="shot-1")
        assert doubt_of(unfinished) == doubt_of(again) == known
        assert {"message": str(caught.value)} | vars(caught.value) == known
    assert len(emulator.received) == 1
    assert emulator.ledger.accepted <= 1


@pytest.mark.parametrize("fault", DOUBTS.values(), ids=DOUBTS)
async def test_a_doubt_is_settled_by_the_same_key(emulator, path, fault):
    """Opted in later, the next run presents the same key and the very same bytes: one paid task, and its video."""
    emulator.faults.on("submit", faults.ALWAYS, fault)
    await run(emulator, path, jobs(1), http=HASTY)
    emulator.faults.clear()
    [done] = (await run(emulator, path, jobs(1), retry=SAME_KEY)).values()
    assert isinstance(done, ev.Completed)
    first, second = requests(emulator)
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]
    assert first.body == second.body
    assert [done.task_id] == list(emulator.tasks)
    [again] = (await run(emulator, path, jobs(1), retry=SAME_KEY)).values()
    assert as_completed(again).resumed
    assert len(requests(emulator)) == 2


async def test_a_doubt_stays_one_when_the_same_key_is_refused(emulator, path):
    """A refusal of the second send says nothing of the first: still `Unknown`, never bought under another key."""
    emulator.faults.on("submit", 1, faults.DROP_AFTER_ACCEPT)
    emulator.faults.on("submit", 2, faults.error(402))
    [first] = (await run(emulator, path, jobs(1))).values()
    [second] = (await run(emulator, path, jobs(1), retry=SAME_KEY)).values()
    assert doubt_of(second)["idempotency_key"] == doubt_of(first)["idempotency_key"]
    [third] = (await run(emulator, path, jobs(1))).values()
    assert doubt_of(third)["idempotency_key"] == doubt_of(first)["idempotency_key"]
    [last] = (await run(emulator, path, jobs(1), retry=SAME_KEY)).values()
    assert isinstance(last, ev.Completed)
    assert emulator.ledger.accepted == 1


async def test_a_doubt_belongs_to_its_account(emulator, path):
    """Another API key does not present the idempotency key of the first: that would be a purchase of its own."""
    emulator.faults.on("submit", 1, faults.DROP_AFTER_ACCEPT)
    [first] = (await run(emulator, path, jobs(1))).values()
    [again] = (await run(emulator, path, jobs(1), retry=SAME_KEY, api_key="sk-another-account")).values()
    assert doubt_of(again) == doubt_of(first)
    assert len(emulator.received) == 1


async def test_a_doubt_holds_its_credits_through_every_send(emulator, path):
    """The budget still holds the credits of a job in doubt after a send with the same key whose reply is lost."""
    await run(emulator, path, [ev.Job("known price", dance(99))])
    price = emulator.ledger.charged
    emulator.faults.on("submit", faults.ALWAYS, faults.DROP_AFTER_ACCEPT)
    budget = Budget(credits=2.5 * price)
    for policy in (PATIENT, attrs.evolve(SAME_KEY, attempts=1), PATIENT):
        [outcome] = (await run(emulator, path, jobs(1), retry=policy, budget=budget)).values()
        assert isinstance(outcome, ev.Unknown)
    emulator.faults.clear()
    outcomes = await run(emulator, path, [ev.Job("other", dance(2))], budget=budget)
    assert type(error_of(outcomes["other"])) is BudgetError
    assert emulator.ledger.accepted == 2


STATES: dict[str, tuple[Any, Any] | None] = {
    "completed": None,
    "accepted": ("poll", faults.error(500)),
    "in doubt": ("submit", faults.DROP_AFTER_ACCEPT),
}


@pytest.mark.parametrize("state", STATES)
async def test_other_parameters_under_a_key_that_is_known(emulator, path, state):
    """Refused in every state a purchase can be in: raised by single calls, a `Failed` in a stream; nothing is sent."""
    async with open_pool(emulator, journal=path) as pool:
        if (befalls := STATES[state]) is not None:
            kind, fault = befalls
            emulator.faults.on(kind, faults.ALWAYS, fault)
        if state == "completed":
            await pool.generate(dance(1), key="shot-1")
        elif state == "accepted":
            await pool.submit(dance(1), key="shot-1")
        else:
            with pytest.raises(ev.SubmissionUnknownError):
                await pool.submit(dance(1), key="shot-1")
    emulator.faults.clear()
    asked = len(emulator.received)
    async with open_pool(emulator, journal=path) as pool:
        for single in (pool.submit, pool.generate):
            with pytest.raises(JournalConflictError, match="shot-1"):
                await single(dance(2), key="shot-1")
        [outcome] = [outcome async for outcome in pool.run([ev.Job("shot-1", dance(2))])]
    assert isinstance(outcome, ev.Failed)
    assert isinstance(outcome.error, JournalConflictError)
    assert len(emulator.received) == asked


async def test_equal_parameters_are_two_jobs_on_every_run(emulator, path):
    """Twins have ordinals, which are the same on the next run: nothing is bought for them again."""
    wishes = [dance(1), dance(1), dance(2), dance(1)]
    first = await run(emulator, path, wishes)
    assert len(first) == emulator.ledger.accepted == 4
    assert len(set(task_ids(first.values()))) == 4
    again = await run(emulator, path, reversed(wishes))
    assert {key: as_completed(outcome).task_id for key, outcome in again.items()} == {
        key: as_completed(outcome).task_id for key, outcome in first.items()
    }
    more = await run(emulator, path, [*wishes, dance(2)])
    assert len(more) == emulator.ledger.accepted == 5


async def test_single_calls_know_the_journal_too(emulator, path):
    """`generate` and `submit` of a finished job give it back without a request; without a key they buy anew."""
    async with open_pool(emulator, journal=path) as pool:
        first = await pool.generate(dance(), key="shot")
    asked = len(emulator.received)
    async with open_pool(emulator, journal=path) as pool:
        again = await pool.generate(dance(), key="shot")
        accepted = await pool.submit(dance(), key="shot")
        assert (again.url, again.expires_at, again.resumed) == (first.url, first.expires_at, True)
        assert (accepted.task_id, accepted.key) == (first.task_id, "shot")
        assert len(emulator.received) == asked
        assert (await pool.generate(dance())).task_id != first.task_id
    assert emulator.ledger.accepted == 2


async def test_generate_goes_on_with_an_accepted_job(emulator, path):
    """Submitted in one process, waited for in the next under its key: one purchase."""
    async with open_pool(emulator, journal=path) as pool:
        accepted = await pool.submit(dance(), key="shot")
    async with open_pool(emulator, journal=path) as pool:
        [unfinished] = pool.unfinished()
        done = await pool.generate(dance(), key="shot")
        assert (as_accepted(unfinished).task_id, done.task_id, done.key) == (accepted.task_id, accepted.task_id, "shot")
        assert pool.unfinished() == ()
    assert pool.unfinished() == ()
    assert emulator.ledger.accepted == 1


async def test_waiting_by_id_ends_the_job_of_that_id(emulator, path):
    """`wait` in a later process knows the job's key, and the run after that knows its end."""
    async with open_pool(emulator, journal=path) as pool:
        accepted = await pool.submit(dance(1), key="shot-1")
    async with open_pool(emulator, journal=path) as pool:
        done = await pool.wait(accepted.task_id)
    assert done.key == "shot-1"
    [again] = (await run(emulator, path, jobs(1))).values()
    assert as_completed(again).resumed


async def test_a_doubt_bought_anew_has_a_new_key(emulator, path):
    """`settle(key, "resubmit")` makes it a new purchase; both idempotency keys stay in the file."""
    emulator.faults.on("submit", 1, faults.DROP_AFTER_ACCEPT)
    [first] = (await run(emulator, path, jobs(1))).values()
    async with open_pool(emulator, journal=path) as pool:
        await pool.settle("shot-1", "resubmit")
        assert pool.unfinished() == ()
    [again] = (await run(emulator, path, jobs(1))).values()
    assert isinstance(again, ev.Completed)
    keys = [request.headers["Idempotency-Key"] for request in requests(emulator)]
    assert len(set(keys)) == 2
    assert keys[0] == doubt_of(first)["idempotency_key"]
    with closing(sqlite3.connect(path)) as connection:
        purchases = connection.execute("SELECT idempotency_key, key FROM purchases ORDER BY sent_at").fetchall()
    assert purchases == [(key, "shot-1") for key in keys]


async def test_an_abandoned_doubt_is_never_sent(emulator, path):
    """`settle(key, "abandon")`: a failure from then on, without a request, also with `same_key`."""
    emulator.faults.on("submit", 1, faults.DROP_AFTER_ACCEPT)
    await run(emulator, path, jobs(1))
    async with open_pool(emulator, journal=path) as pool:
        await pool.settle("shot-1", "abandon")
    for policy in (PATIENT, SAME_KEY):
        [outcome] = (await run(emulator, path, jobs(1), retry=policy)).values()
        assert isinstance(outcome, ev.Failed)
        assert isinstance(outcome.error, ev.SubmissionUnknownError)
    assert len(emulator.received) == 1


async def test_a_doubt_whose_task_was_found(emulator, path):
    """`settle(key, task_id)`: the next run watches that task."""
    emulator.faults.on("submit", 1, faults.DROP_AFTER_ACCEPT)
    await run(emulator, path, jobs(1))
    [task_id] = emulator.tasks
    async with open_pool(emulator, journal=path) as pool:
        await pool.settle("shot-1", task_id)
        assert task_ids(pool.unfinished()) == [task_id]
    [done] = (await run(emulator, path, jobs(1))).values()
    assert (as_completed(done).task_id, emulator.ledger.accepted) == (task_id, 1)


async def test_a_job_that_a_submit_of_ours_broke_on_is_in_doubt(emulator, path, monkeypatch):
    """Whatever breaks between the two entries, even our own code, the job is not sent a second time in this process."""

    async def broken(self, *sending):
        await real(self, *sending)
        raise LookupError("a fault of ours")

    real = Session.submit
    for journal in (path, None):
        async with open_pool(emulator, journal=journal) as pool:
            monkeypatch.setattr(Session, "submit", broken)
            with pytest.raises(LookupError):
                await pool.submit(dance(), key="shot")
            monkeypatch.setattr(Session, "submit", real)
            with pytest.raises(ev.SubmissionUnknownError) as caught:
                await pool.submit(dance(), key="shot")
        assert caught.value.idempotency_key == requests(emulator)[-1].headers["Idempotency-Key"]
    assert emulator.ledger.accepted == 2


async def test_waiting_for_an_ended_task_is_answered_by_the_journal(emulator, tmp_path):
    """In the same pool and in a later one, without a status request, and under the job's own key."""
    for _ in range(2):
        async with open_pool(emulator, journal=tmp_path / "run.db") as pool:
            done = await pool.generate(dance(), key="one")
            polls = sum(request.kind in ("poll", "batch") for request in emulator.received)
            again = await pool.wait(done.task_id)
            assert (again.key, again.urls) == ("one", done.urls)
    assert sum(request.kind in ("poll", "batch") for request in emulator.received) == polls


async def test_waiting_for_a_task_that_failed_raises_what_the_journal_knows(tmp_path):
    """The reason is the service's own."""
    async with Emulator(speed=1000, failure_share=1.0) as emulator:
        async with open_pool(emulator, journal=tmp_path / "run.db") as pool:
            task_id = (await pool.submit(dance(), key="one")).task_id
            with pytest.raises(ev.TaskFailedError):
                await pool.wait(task_id)
        async with open_pool(emulator, journal=tmp_path / "run.db") as pool:
            with pytest.raises(ev.TaskFailedError) as caught:
                await pool.wait(task_id)
        assert caught.value.snapshot.task_id == task_id
    assert emulator.ledger.accepted == 1
