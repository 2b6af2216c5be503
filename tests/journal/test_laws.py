"""What every journal keeps to: the same laws in memory, in a file, in PostgreSQL and in the simulation of it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from evolink_async import (
    Accepted,
    Completed,
    Failed,
    Job,
    Planned,
    RawParams,
    Snapshot,
    SubmissionUnknownError,
    Unknown,
)
from evolink_async.errors import JournalConflictError, JournalError, TaskNotFoundError
from evolink_async.jobs import STANDINGS, Timing, digest
from evolink_async.journal import Found, Intent, Journal, Known, MemoryJournal
from evolink_async.journal.sqlite import SqliteJournal
from evolink_async.media import Upload
from evolink_async.params import AnyParams
from evolink_async.task import TaskState
from evolink_async.wire import encode_submit, task_error
from tests.kit import dance

pytestmark = pytest.mark.anyio

SESSION = "5e551019"


def new_journal(kind: str, request: pytest.FixtureRequest, folder: Path) -> Journal:
    """A journal of a kind, not opened yet."""
    if kind == "memory":
        return MemoryJournal()
    if kind == "sqlite":
        return SqliteJournal(folder / "run.db")
    if kind == "simulated":
        pytest.importorskip("psycopg")
        from tests.simulation.local_server import LocalServer

        return LocalServer().journal()
    from evolink_async.journal.postgres import PostgresJournal

    return PostgresJournal(request.getfixturevalue("postgres"))


@pytest.fixture(params=["memory", "sqlite", "postgres", "simulated"])
async def journal(request, tmp_path: Path) -> AsyncIterator[Journal]:
    """An open journal of each kind."""
    one = new_journal(request.param, request, tmp_path)
    await one.open()
    yield one
    await one.aclose()


def intent(key: str, params: AnyParams | None = None, *, purchase: str = "", body: bytes | None = None) -> Intent:
    """What the submitter would write."""
    params = params or dance()
    return Intent(
        key=key,
        model=params.model,
        path=params.path,
        body=body or encode_submit(params, "").body or b"",
        digest=digest(params),
        idempotency_key=purchase or f"ev-{key}",
        session=SESSION,
        price_class="any",
    )


def accepted(key: str, task_id: str = "") -> Accepted:
    """The answer to a submit."""
    snapshot = Snapshot(task_id=task_id or f"task-{key}", state=TaskState.PENDING)
    return Accepted(key=key, task_id=snapshot.task_id, snapshot=snapshot, accepted_at=1e9, session=SESSION)


def completed(key: str, task_id: str = "") -> Completed:
    """A good end."""
    snapshot = Snapshot(
        task_id=task_id or f"task-{key}", state=TaskState.COMPLETED, urls=("https://example.com/v.mp4",)
    )
    timing = Timing(accepted_at=1e9, finished_at=1e9 + 60, looks=2, lag=1.0)
    return Completed(
        key=key, task_id=snapshot.task_id, urls=snapshot.urls, expires_at=2e9, snapshot=snapshot, timing=timing
    )


def failed(key: str) -> Failed:
    """A bad end."""
    snapshot = Snapshot(task_id=f"task-{key}", state=TaskState.FAILED)
    return Failed(key, task_error(snapshot), snapshot.task_id)


def doubt(key: str, *, purchase: str = "") -> Unknown:
    """A submit without a readable answer."""
    error = SubmissionUnknownError("lost", key=key, idempotency_key=purchase or f"ev-{key}", sent_at=1e9)
    return Unknown(key, error)


async def buy(journal: Journal, *keys: str) -> None:
    """Submit jobs and have them accepted."""
    for key in keys:
        await journal.submitting(intent(key))
        await journal.accepted(accepted(key))


async def lose(journal: Journal, key: str, **settings: Any) -> None:
    """Submit a job whose answer is lost."""
    await journal.submitting(intent(key, **settings))
    await journal.doubted(doubt(key))


async def found(journal: Journal, key: str, params: AnyParams | None = None) -> Found | None:
    """What the journal knows of a job."""
    return (await journal.known([Job(key, params or dance())])).get(key)


async def where(journal: Journal, key: str) -> object:
    """Where a job stands."""
    return (await journal.find([key])).get(key)


async def standing(journal: Journal, key: str) -> object:
    """The state of a job; None if it may be sent."""
    known = await found(journal, key)
    return known.standing if isinstance(known, Known) else known


# --- reads


@pytest.mark.parametrize("count", [1, 3, 40])
async def test_many_keys_are_looked_up_at_once(journal, count):
    """The mapping holds those that are known; a conflict is a value among the others."""
    keys = [f"shot-{number}" for number in range(count)]
    await buy(journal, *keys[::2])
    await lose(journal, "lost")
    asked = [Job(key, dance()) for key in [*keys, "nothing"]] + [Job("lost", dance(2))]
    known = await journal.known(asked)
    assert known.keys() == {*keys[::2], "lost"}
    assert isinstance(known.pop("lost"), JournalConflictError)
    assert all(isinstance(one, Known) and isinstance(one.standing, Accepted) for one in known.values())
    owners = await journal.owner([f"task-{key}" for key in [*keys, "nothing"]])
    assert {task_id: owner.standing.key for task_id, owner in owners.items()} == {
        f"task-{key}": key for key in keys[::2]
    }
    assert {owner.session for owner in owners.values()} == {SESSION}
    assert await journal.known([]) == await journal.owner([]) == await journal.hosted([]) == {}


@pytest.mark.parametrize("count", [2, 40])
async def test_many_contents_are_looked_up_at_once(journal, count):
    """The mapping holds those that were uploaded."""
    uploads = [
        Upload(
            file_id=None,
            url=f"https://example.com/{number}",
            sha256=f"digest-{number}",
            size_bytes=1,
            mime_type=None,
            uploaded_at=1.0,
            expires_at=2e9,
        )
        for number in range(count)
    ]
    for upload in uploads:
        await journal.uploaded(upload)
    asked = [f"digest-{number}" for number in range(count + 1)]
    assert await journal.hosted(asked) == {upload.sha256: upload for upload in uploads}


async def test_reads_work_after_closing(journal):
    """`unfinished` too, which is a plain call."""
    await buy(journal, "one")
    await lose(journal, "lost")
    await journal.aclose()
    assert [type(job) for job in journal.unfinished()] == [Accepted, Unknown]
    assert isinstance(await standing(journal, "one"), Accepted)
    assert (await journal.known([Job(f"job-{n}", dance()) for n in range(40)])) == {}
    await journal.open()


# --- claims and epochs


async def test_a_key_is_claimed_by_one_owner(journal):
    """Its owner gets an epoch, everybody else the owner's name, until it is released."""
    mine = await journal.claim(["a", "b"], "me")
    assert set(map(type, mine.values())) == {int}
    assert await journal.claim(["b", "c"], "other") == {"b": "me", "c": mine["a"]}
    assert await journal.claim(["a"], "me") == {"a": mine["a"]}
    assert set(await journal.renew(["a", "b", "c", "d"], "me")) == {"a", "b"}
    await journal.release(["a", "c"], "me")
    assert set(await journal.renew(["a", "b", "c"], "me")) == {"b"}
    assert await journal.claim(["a", "c"], "other") == {"a": mine["a"], "c": mine["a"]}


async def test_every_opening_has_a_higher_epoch(journal):
    """And earlier claims are over."""
    first = (await journal.claim(["a"], "me"))["a"]
    await journal.aclose()
    await journal.open()
    second = (await journal.claim(["a"], "other"))["a"]
    assert isinstance(first, int)
    assert isinstance(second, int)
    assert second > first


async def test_who_has_closed_the_journal_writes_nothing(journal):
    """Every write about a job is refused, and changes nothing."""
    await buy(journal, "one")
    await lose(journal, "lost")
    before = [repr(job) for job in journal.unfinished()]
    await journal.aclose()
    for write in (
        journal.submitting(intent("next")),
        journal.refused("lost"),
        journal.doubted(doubt("lost")),
        journal.ended(completed("one")),
        journal.missing("one", "task-one"),
        journal.settled("lost", "abandon"),
        journal.mark_told([1]),
        journal.claim(["next"], "me"),
        journal.renew(["next"], "me"),
        journal.release(["next"], "me"),
    ):
        with pytest.raises(JournalError, match="not open"):
            await write
    assert [repr(job) for job in journal.unfinished()] == before
    await journal.open()


# --- ends, taken and told


async def test_ends_are_read_in_their_order_until_they_are_told(journal):
    """In batches; what was told does not come again, and nothing else marks it."""
    keys = ["c", "a", "d", "b"]
    await buy(journal, *sorted(keys))
    for key in keys:
        await journal.ended(failed(key) if key == "d" else completed(key))
    first = await journal.untold(limit=3)
    rest = await journal.untold(after=first[-1].number, limit=3)
    assert [end.outcome.key for end in first] == ["c", "a", "d"]
    assert [end.outcome.key for end in rest] == ["b"]
    assert [type(end.outcome) for end in [*first, *rest]] == [Completed, Completed, Failed, Completed]
    numbers = {end.outcome.key: end.number for end in [*first, *rest]}
    await journal.mark_told([numbers["c"], numbers["d"], 99])
    assert [end.outcome.key for end in await journal.untold()] == ["a", "b"]
    await journal.mark_told([numbers[key] for key in "cab"])
    assert await journal.untold() == []
    await buy(journal, "later")
    await journal.ended(completed("later"))
    [later] = await journal.untold(after=rest[-1].number)
    assert later.outcome.key == "later"


async def test_an_end_is_recorded_once(journal):
    """A second end of the same task does not come as another one."""
    await buy(journal, "one")
    for _ in range(2):
        await journal.ended(completed("one"))
    await journal.ended(Failed("one", JournalError("not an end"), "task-one"))
    assert len(await journal.untold()) == 1


async def test_the_end_of_another_task_is_not_the_jobs(journal):
    """A job that was bought again is not ended, nor forgotten, by the end of what was bought before."""
    await buy(journal, "one")
    await journal.missing("one", "task-one")
    await journal.settled("one", "resubmit")
    await journal.submitting(intent("one", purchase="ev-second"))
    await journal.accepted(accepted("one", "task-second"))
    await journal.ended(completed("one"))
    journal.taken(completed("one"))
    state = await standing(journal, "one")
    assert isinstance(state, Accepted)
    assert state.task_id == "task-second"
    assert await journal.untold() == []
    await journal.ended(completed("one", "task-second"))
    assert len(await journal.untold()) == 1


async def test_a_doubt_is_an_outcome_until_it_is_settled(journal):
    """It is told, and so is what it becomes, with a later number, whenever the first was marked."""
    await lose(journal, "one")
    [first] = await journal.untold()
    assert isinstance(first.outcome, Unknown)
    await journal.settled("one", "task-one")
    assert await journal.untold() == []
    await journal.ended(completed("one"))
    await journal.mark_told([first.number])
    [second] = await journal.untold()
    assert isinstance(second.outcome, Completed)
    assert second.number > first.number


async def test_a_doubt_that_was_not_sent_again_is_the_same(journal):
    """As when its key was closed while it waited."""
    await lose(journal, "one")
    [first] = await journal.untold()
    await journal.mark_told([first.number])
    await journal.doubted(doubt("one"))
    assert await journal.untold() == []


@pytest.mark.parametrize("how", ["resubmit", "sent again", "late answer"])
async def test_a_doubt_that_goes_on_is_no_outcome(journal, how):
    """Whether it is bought again, sent again under its key, or answered late."""
    await lose(journal, "one")
    if how == "late answer":
        assert await journal.late_answer("ev-one", "task-one")
    elif how == "resubmit":
        await journal.settled("one", "resubmit")
    else:
        await journal.submitting(intent("one"))
    assert await journal.untold() == []


async def test_the_tasks_that_failed_before_are_remembered(journal):
    """In every state of the purchase that replaced them: planned, sent twice, in doubt, and settled with its task."""
    await journal.submitting(intent("a"))
    await journal.accepted(accepted("a", "task-1"))
    await journal.bought_anew("a", "task-1")
    seen = [await journal.find(("a",))]
    for _ in range(2):
        await journal.submitting(intent("a", purchase="second"))
        seen.append(await journal.find(("a",)))
    await journal.doubted(Unknown("a", SubmissionUnknownError("lost", key="a", idempotency_key="second")))
    seen.append(await journal.find(("a",)))
    await journal.settled("a", "task-2")
    seen.append(await journal.find(("a",)))
    assert [type(standing["a"]) for standing in seen] == [Planned, Planned, Planned, Unknown, Accepted]
    assert {standing["a"].earlier_tasks for standing in seen} == {("task-1",)}


@pytest.mark.parametrize("owner", ["a", "b"])
async def test_the_task_of_a_purchase_that_was_followed_settles_no_doubt(journal, owner, caplog):
    """Whether a person or a callback names it: neither for its own job nor for another one."""
    await journal.submitting(intent(owner))
    await journal.accepted(accepted(owner, "task-1"))
    await journal.bought_anew(owner, "task-1")
    await journal.submitting(intent("a", purchase="second"))
    await journal.doubted(Unknown("a", SubmissionUnknownError("lost", key="a", idempotency_key="second")))
    with pytest.raises(JournalError, match="task-1 belongs to"):
        await journal.settled("a", "task-1")
    assert not await journal.late_answer("second", "task-1")
    assert isinstance((await journal.find(("a",)))["a"], Unknown)


async def test_a_doubt_that_was_given_up_is_told(journal):
    """Again, as a failure."""
    await lose(journal, "one")
    [first] = await journal.untold()
    await journal.mark_told([first.number])
    await journal.settled("one", "abandon")
    [second] = await journal.untold()
    assert isinstance(second.outcome, Failed)


async def test_who_waits_for_outcomes_is_woken_by_each(journal):
    """By an end, a doubt and a settled job, also if the call that writes it was cancelled."""
    for write in (lose(journal, "lost"), journal.ended(completed("one")), journal.settled("lost", "abandon")):
        if not await journal.find(["one"]):
            await buy(journal, "one")
        count = journal.ends.count
        writing = asyncio.create_task(write)
        await asyncio.wait_for(journal.ends.wait_past(count), 5)
        await writing
    await buy(journal, "two")
    count = journal.ends.count
    writing = asyncio.create_task(journal.ended(completed("two")))
    await asyncio.sleep(0)
    writing.cancel()
    # A shared journal may tell of an earlier write once more.
    while "two" not in {end.outcome.key for end in await journal.untold()}:
        await asyncio.wait_for(journal.ends.wait_past(count), 5)
        count = journal.ends.count


# --- money


async def test_the_next_owner_knows_what_was_spent_and_is_held(journal):
    """What was charged, what is under way or in doubt, and what completed without a price; failures are free."""
    for key, reserved, used in (
        ("paid", 10.0, 8.0),
        ("unnamed", None, None),
        ("going", 10.0, None),
        ("bad", 10.0, None),
    ):
        await journal.submitting(intent(key))
        job = accepted(key)
        await journal.accepted(attrs.evolve(job, snapshot=attrs.evolve(job.snapshot, credits_reserved=reserved)))
        end = completed(key)
        snapshot = attrs.evolve(end.snapshot, credits_reserved=reserved, credits_used=used)
        if key != "going":
            await journal.ended(failed(key) if key == "bad" else attrs.evolve(end, snapshot=snapshot))
    await lose(journal, "lost")
    await journal.aclose()
    await journal.open()
    ledger = await journal.ledger()
    assert ledger.spent == 8.0
    assert sorted(ledger.held.values()) == [10.0, 10.0, 10.0]
    assert {key.partition("\0")[0] for key in ledger.held} == {"unnamed", "going", "lost"}
    assert {key.partition("\0")[0] for key in ledger.unpriced} == {"unnamed", "lost"}
    assert {key.partition("\0")[0] for key in ledger.doubts} == {"unnamed", "lost"}
    assert ledger.prices == {"any": 10.0}
    assert set(ledger.classes) == set(ledger.held)
    await journal.settled("lost", "abandon")
    assert len((await journal.ledger()).held) == 2


@pytest.mark.parametrize("first", [None, 10.0, 90.0])
@pytest.mark.parametrize("used", [None, 8.0])
async def test_the_next_owner_knows_a_price_that_only_an_end_named(journal, first, used):
    """A task costs what it used, else the most that it has reserved, and the class costs the most that was named."""
    job, end = accepted("a"), completed("a")
    await journal.submitting(intent("a"))
    await journal.accepted(attrs.evolve(job, snapshot=attrs.evolve(job.snapshot, credits_reserved=first)))
    snapshot = attrs.evolve(end.snapshot, credits_reserved=60.0, credits_used=used)
    await journal.ended(attrs.evolve(end, snapshot=snapshot))
    await journal.aclose()
    await journal.open()
    ledger, dearest = await journal.ledger(), max(first or 0.0, 60.0)
    assert ledger.spent == (dearest if used is None else used)
    assert ledger.prices == {"any": dearest}
    assert not ledger.held


async def test_a_price_that_only_a_submit_named_is_paid_at_the_end(journal):
    """The end of a task may name no price at all."""
    job = accepted("a")
    await journal.submitting(intent("a"))
    await journal.accepted(attrs.evolve(job, snapshot=attrs.evolve(job.snapshot, credits_reserved=10.0)))
    await journal.ended(completed("a"))
    ledger = await journal.ledger()
    assert (ledger.spent, ledger.held) == (10.0, {})


@pytest.mark.parametrize("state", [TaskState.FAILED, TaskState.CANCELLED])
async def test_what_a_task_was_charged_though_it_failed_stays_spent(journal, state):
    """Also when its job is bought anew. A failure that names no charge, or 0, is free, and names no price by that."""
    for key, used in (("charged", 4.0), ("zero", 0.0), ("unnamed", None)):
        await buy(journal, key)
        snapshot = Snapshot(task_id=f"task-{key}", state=state, credits_used=used)
        await journal.ended(attrs.evolve(failed(key), error=task_error(snapshot)))
    for step in range(3):
        ledger = await journal.ledger()
        assert (ledger.spent, ledger.held, ledger.prices) == (4.0, {}, {"any": 4.0})
        await journal.aclose()
        await journal.open()
        if step == 0:
            await journal.bought_anew("charged", "task-charged")
            await journal.bought_anew("charged", "task-charged")


@pytest.mark.parametrize("how", ["bought anew", "resubmit"])
async def test_what_a_task_reserved_is_no_price_of_the_next_one(journal, how):
    """A job that is bought once more costs what its new task names; what the earlier one named, its class once cost."""
    job = accepted("a")
    await journal.submitting(intent("a"))
    await journal.accepted(attrs.evolve(job, snapshot=attrs.evolve(job.snapshot, credits_reserved=200.0)))
    if how == "resubmit":
        await journal.missing("a", "task-a")
        await journal.settled("a", how)
    else:
        await journal.bought_anew("a", "task-a")
    await lose(journal, "a", purchase="ev-again")
    ledger = await journal.ledger()
    assert ledger.prices == {"any": 200.0}
    assert dict(ledger.unpriced) == {"a": "any"}
    await journal.aclose()
    await journal.open()
    assert await journal.ledger() == ledger
    await journal.settled("a", "task-again")
    assert (await journal.ledger()).unpriced == {"a": "any"}


# --- where jobs stand


@pytest.mark.parametrize("count", [0, 40])
async def test_jobs_are_found_by_their_keys(journal, count):
    """Whatever their parameters are, in every state, few or many at once."""
    await journal.submitting(intent("sent"))
    await buy(journal, "going", "done", "bad", *(f"shot-{number}" for number in range(count)))
    await journal.ended(completed("done"))
    await journal.ended(failed("bad"))
    await lose(journal, "lost")
    asked = ["sent", "going", "done", "bad", "lost", "nothing"]
    found = await journal.find([*asked, *(f"shot-{number}" for number in range(count))])
    assert found["sent"] == Planned("sent", is_submitting=True)
    kinds = {key: type(found[key]) for key in asked[1:] if key in found}
    assert kinds == {"going": Accepted, "done": Completed, "bad": Failed, "lost": Unknown}
    assert len(found) == 5 + count
    await journal.submitting(intent("lost"))
    assert isinstance((await journal.find(["lost"]))["lost"], Unknown), "sent again, it is still in doubt"


async def test_jobs_are_listed_in_the_order_of_their_keys(journal):
    """Page by page, each once, all or those in some states."""
    await buy(journal, "d", "b", "é", "a")
    await journal.ended(completed("b"))
    await lose(journal, "c")
    every = tuple(STANDINGS)
    assert [job.key for job in await journal.jobs(every)] == ["a", "b", "c", "d", "é"]
    assert [job.key for job in await journal.jobs(every, "b", 2)] == ["c", "d"]
    assert [job.key for job in await journal.jobs(("accepted", "unknown"))] == ["a", "c", "d", "é"]
    assert await journal.jobs(("failed",)) == []


async def test_newer_links_of_a_job_are_kept(journal):
    """Whether it was told or not; a job that has not completed has none."""
    await buy(journal, "one", "two")
    await journal.ended(completed("one"))
    newer = attrs.evolve(completed("one"), urls=("https://example.com/new.mp4",), expires_at=3e9)
    await journal.refreshed(newer)
    await journal.refreshed(attrs.evolve(newer, key="two"))
    found = await journal.find(["one", "two"])
    assert (found["one"].urls, found["one"].expires_at) == (newer.urls, 3e9)
    assert isinstance(found["two"], Accepted)
    [end] = await journal.untold()
    assert end.outcome.urls == newer.urls


# --- bodies and conflicts


async def test_the_body_as_sent_comes_with_a_doubt(journal):
    """Whatever the parameters would give today; an accepted job needs none."""
    sent = b'{"model": "wan2.6-reference-video", "note": "as it was sent"}'
    await journal.submitting(intent("one", body=sent))
    known = await found(journal, "one")
    assert isinstance(known, Known)
    assert known.body == sent
    await journal.doubted(doubt("one"))
    known = await found(journal, "one")
    assert isinstance(known, Known)
    assert known.body == sent
    await journal.settled("one", "task-one")
    known = await found(journal, "one")
    assert isinstance(known, Known)
    assert known.body is None


async def test_a_callback_is_no_part_of_a_job(journal):
    """Another one, or none, is the same job."""
    params = [dance(), dance(callback_url="https://example.com/a"), dance(callback_url="https://example.com/b")]
    assert len({digest(one) for one in params}) == 1
    await journal.submitting(intent("one", params[1]))
    for one in params:
        assert isinstance(await found(journal, "one", one), Known)
    raw = [
        RawParams("new-model", {"prompt": "x"}),
        RawParams("new-model", {"prompt": "x", "callback_url": "https://a.b"}),
    ]
    assert len({digest(one) for one in raw}) == 1


async def test_a_conflict_names_what_differs(journal):
    """In the message and as `fields`; `callback_url` is not among them."""
    await journal.submitting(intent("one", dance(callback_url="https://example.com/a")))
    error = await found(journal, "one", dance(prompt="another", duration=10, callback_url="https://example.com/b"))
    assert isinstance(error, JournalConflictError)
    assert set(error.fields) == {"prompt", "duration"}
    assert "prompt, duration" in str(error) or "duration, prompt" in str(error)


async def test_a_conflict_with_an_accepted_job(journal):
    """A file still names what differs; a journal in memory says that it does not keep it."""
    await buy(journal, "one")
    error = await found(journal, "one", dance(2))
    assert isinstance(error, JournalConflictError)
    assert error.fields == (() if isinstance(journal, MemoryJournal) else ("prompt",))
    assert ("does not keep which" in str(error)) == isinstance(journal, MemoryJournal)


# --- late answers


@pytest.mark.parametrize("state", ["submitting", "in doubt"])
async def test_a_late_answer_is_taken_while_none_is_known(journal, state):
    """The job is accepted with that task, as if it had been answered in time."""
    await journal.submitting(intent("one"))
    if state == "in doubt":
        await journal.doubted(doubt("one"))
    assert await journal.late_answer("ev-one", "task-late")
    job = await standing(journal, "one")
    assert isinstance(job, Accepted)
    assert job.task_id == "task-late"
    assert job.accepted_at > 0
    assert await journal.late_answer("ev-one", "task-late")
    with pytest.raises(JournalError, match="not sent again"):
        await journal.submitting(intent("one"))


async def test_a_late_answer_that_nobody_needs_is_kept(journal, caplog):
    """A second task of one purchase, one of an earlier purchase, one of an unknown purchase: each is an ERROR."""
    await buy(journal, "one")
    await lose(journal, "again")
    await journal.settled("again", "resubmit")
    await journal.submitting(intent("again", purchase="ev-second"))
    with caplog.at_level(logging.ERROR, "evolink_async"):
        for purchase, task_id in (("ev-one", "task-2"), ("ev-again", "task-3"), ("ev-nobody", "task-4")):
            caplog.clear()
            assert not await journal.late_answer(purchase, task_id)
            assert task_id in caplog.text
    job = await standing(journal, "one")
    assert isinstance(job, Accepted)
    assert job.task_id == "task-one"
    assert isinstance(await standing(journal, "again"), Unknown)


async def test_a_late_answer_with_the_task_of_another_job(journal, caplog):
    """Two jobs never share a task."""
    await buy(journal, "one")
    await lose(journal, "lost")
    with caplog.at_level(logging.ERROR, "evolink_async"):
        assert not await journal.late_answer("ev-lost", "task-one")
    assert "task-one" in caplog.text
    assert isinstance(await standing(journal, "lost"), Unknown)


async def test_an_answer_that_comes_too_late_is_not_thrown_away(journal, caplog):
    """A job that was settled meanwhile stays as it is; the task id of its answer is an ERROR."""
    await lose(journal, "one")
    await journal.settled("one", "task-found")
    with caplog.at_level(logging.ERROR, "evolink_async"):
        await journal.accepted(accepted("one"))
        await journal.accepted(accepted("nobody"))
    assert "task-one" in caplog.text
    job = await standing(journal, "one")
    assert isinstance(job, Accepted)
    assert job.task_id == "task-found"


async def test_answers_to_unknown_jobs_change_nothing(journal):
    """No exception either: the submitter has nobody to tell."""
    await journal.accepted(accepted("nobody"))
    await journal.doubted(doubt("nobody"))
    await journal.refused("nobody")
    await journal.ended(completed("nobody"))
    await journal.missing("nobody", "task-nobody")
    assert journal.unfinished() == ()
    assert await standing(journal, "nobody") is None


# --- purchases


@pytest.mark.parametrize("count", [1, 40])
async def test_purchases_are_found_by_their_idempotency_keys(journal, count):
    """Those that are being submitted or in doubt, with their model and the time of the first send; others are not."""
    began = time.time()
    for number in range(count):
        await journal.submitting(intent(f"shot-{number}"))
    await lose(journal, "lost")
    between = time.time()
    await journal.submitting(intent("lost"))
    asked = [f"ev-shot-{number}" for number in range(count)] + ["ev-lost", "ev-nobody"]
    found = await journal.purchases(asked)
    assert found.keys() == {*asked} - {"ev-nobody"}
    assert all(purchase == f"ev-{bought.key}" for purchase, bought in found.items())
    assert {bought.model for bought in found.values()} == {dance().model}
    assert all(began <= bought.sent_at <= between for bought in found.values())
    assert all(bought.is_unanswered and bought.is_latest and bought.task_id is None for bought in found.values())
    assert await journal.purchases([]) == {}


async def test_a_purchase_that_was_answered_is_not_unanswered(journal):
    """Nor is one whose job was bought again; a file knows more of them."""
    await buy(journal, "going", "done")
    await journal.ended(completed("done"))
    await lose(journal, "again")
    await journal.settled("again", "resubmit")
    await journal.submitting(intent("again", purchase="ev-second"))
    found = await journal.purchases(["ev-going", "ev-done", "ev-again", "ev-second"])
    assert found.pop("ev-second").is_unanswered
    assert not any(bought.is_unanswered for bought in found.values())
    if isinstance(journal, MemoryJournal):
        assert found == {}
    else:
        assert {purchase: bought.task_id for purchase, bought in found.items()} == {
            "ev-going": "task-going",
            "ev-done": None,
            "ev-again": None,
        }
        assert [found[purchase].is_latest for purchase in ("ev-going", "ev-done", "ev-again")] == [True, True, False]


async def test_a_late_answer_with_the_task_of_a_job_that_has_ended(journal, caplog):
    """It is that job's task, also when its outcome was taken."""
    await buy(journal, "one")
    await journal.ended(completed("one"))
    journal.taken(completed("one"))
    await lose(journal, "lost")
    with caplog.at_level(logging.ERROR, "evolink_async"):
        assert not await journal.late_answer("ev-lost", "task-one")
    assert "task-one" in caplog.text
    assert isinstance(await standing(journal, "lost"), Unknown)


# --- settling


@pytest.mark.parametrize("how", ["abandon", "resubmit", "task-other", "task-one"])
async def test_a_job_whose_task_is_missing_is_settled(journal, how):
    """Given up, bought again, or another task; before the note it cannot be."""
    await buy(journal, "one")
    with pytest.raises(JournalError, match="in doubt"):
        await journal.settled("one", how)
    await journal.missing("one", "task-else")
    with pytest.raises(JournalError, match="no longer knows"):
        await journal.settled("one", how)
    await journal.missing("one", "task-one")
    await journal.settled("one", how)
    state = await standing(journal, "one")
    if how in ("task-other", "task-one"):
        assert isinstance(state, Accepted)
        assert state.task_id == how
        assert list(await journal.owner(["task-one", "task-other"])) == [how]
    elif how == "resubmit" or isinstance(journal, MemoryJournal):
        assert state is None
        await journal.submitting(intent("one", purchase="ev-second"))
    else:
        assert isinstance(state, Failed)
        assert isinstance(state.error, TaskNotFoundError)
        assert not state.error.may_resubmit
        assert state.task_id == "task-one"
        [end] = await journal.untold()
        assert isinstance(end.outcome, Failed)
    with pytest.raises(JournalError):
        await journal.settled("one", "abandon")


async def test_a_missing_task_that_comes_back_is_ended(journal):
    """The note is over with the end."""
    await buy(journal, "one")
    await journal.missing("one", "task-one")
    await journal.ended(completed("one"))
    with pytest.raises(JournalError):
        await journal.settled("one", "resubmit")


async def test_the_task_of_a_job_that_has_ended_is_not_missing(journal):
    """A poll that was under way may say so after the end."""
    await buy(journal, "one")
    await journal.ended(completed("one"))
    await journal.missing("one", "task-one")
    with pytest.raises(JournalError, match="no longer knows"):
        await journal.settled("one", "resubmit")


async def test_a_task_settles_one_job(journal):
    """The id of another job's task is refused."""
    await buy(journal, "one")
    await lose(journal, "lost")
    with pytest.raises(JournalError, match="belongs to"):
        await journal.settled("lost", "task-one")
    assert isinstance(await standing(journal, "lost"), Unknown)


async def test_a_doubt_settled_with_its_task_was_accepted_when_it_was_sent(journal):
    """Not when the person settled it, which may be days later."""
    began = time.time()
    await lose(journal, "one")
    lost = time.time()
    await journal.settled("one", "task-one")
    job = await standing(journal, "one")
    assert isinstance(job, Accepted)
    # A journal in memory knows what the doubt says.
    assert job.accepted_at == 1e9 if isinstance(journal, MemoryJournal) else began <= job.accepted_at <= lost


async def test_a_submit_under_way_is_not_settled(journal):
    """Its answer may still come."""
    await journal.submitting(intent("one"))
    for how in ("abandon", "resubmit", "task-found"):
        with pytest.raises(JournalError, match="in doubt"):
            await journal.settled("one", how)


def test_a_conflict_is_picklable_with_its_fields():
    """As every error."""
    import pickle

    error = JournalConflictError("other parameters", fields=("prompt",))
    assert pickle.loads(pickle.dumps(error)).fields == ("prompt",)
    assert attrs.evolve(accepted("one"), session="").session == ""
