"""The journal in PostgreSQL: leases, epochs, a server that goes away, and statements that stay on indexes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Any

import attrs
import psycopg
import pytest

from evolink_async import Accepted, Completed, Job, Unknown
from evolink_async.concurrency import Signal
from evolink_async.errors import ConfigurationError, JournalClaimError, JournalError
from evolink_async.journal import postgres as postgres_journal
from evolink_async.journal import postgres_listener, postgres_owner
from evolink_async.journal.postgres import PostgresJournal
from evolink_async.journal.postgres_calls import PASS
from evolink_async.journal.postgres_calls import TAKE as TAKE_CALLS
from evolink_async.journal.postgres_claims import CLAIM, DOUBT, ENDED, RELEASE, Lease
from evolink_async.journal.postgres_connections import run, transaction
from evolink_async.journal.postgres_histories import HISTORIES, SNAPSHOT, VERSIONS
from evolink_async.journal.postgres_place import ENDS, JOBS
from evolink_async.journal.postgres_pruning import PRUNE
from evolink_async.journal.postgres_reads import DURATIONS, FIND, KNOWN, LIST_OPEN, OUTCOMES, OWNERS, PURCHASES, UNTOLD
from evolink_async.journal.postgres_settling import ACCEPT, ANSWER_LATE, OPEN_JOB, settle
from evolink_async.journal.postgres_statements import BUY_ANEW, END, SUBMIT, TELL, end, put
from evolink_async.journal.postgres_telling import TAKE
from evolink_async.journal.rows import columns_of
from tests.journal.test_laws import accepted, buy, completed, doubt, intent, lose, where
from tests.kit import as_accepted, dance
from tests.postgres import Server, running_server

pytestmark = pytest.mark.anyio


@contextlib.asynccontextmanager
async def opened(url: str, **settings: Any) -> AsyncIterator[PostgresJournal]:
    """A journal that is open for a while."""
    journal = PostgresJournal(url, **settings)
    await journal.open()
    try:
        yield journal
    finally:
        await journal.aclose()


@pytest.fixture
async def one(postgres: str) -> AsyncIterator[PostgresJournal]:
    """A journal."""
    async with opened(postgres) as journal:
        yield journal


@pytest.fixture
async def other(postgres: str, one: PostgresJournal) -> AsyncIterator[PostgresJournal]:
    """Another process's journal, on the same tables."""
    async with opened(postgres) as journal:
        yield journal


async def sql(url: str, query: str, *values: object) -> list[tuple[Any, ...]]:
    """Run a statement past the journal."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        cursor = await connection.execute(query.encode(), values or None)
        return await cursor.fetchall() if cursor.description else []


async def expire(url: str, journal: PostgresJournal) -> None:
    """Let the lease of a journal end, as if its process had stood still."""
    assert journal._lease is not None
    await sql(
        url,
        "UPDATE evolink_owners SET lease_until = clock_timestamp() - interval '1 s' WHERE epoch = %s",
        journal._lease.epoch,
    )


# --- claims and leases


async def test_a_claim_keeps_others_out(one, other):
    """It is told who has the key; nothing of the other owner is written."""
    assert isinstance((await one.claim(["a"], "me"))["a"], int)
    assert await other.claim(["a"], "you") == {"a": "me"}
    assert await other.renew(["a"], "you") == frozenset()
    with pytest.raises(JournalClaimError, match="another process"):
        await other.submitting(intent("a"))
    with pytest.raises(JournalClaimError, match="another process"):
        await other.planned(intent("a"))
    await one.submitting(intent("a"))
    for write in (other.refused("a"), other.doubted(doubt("a")), other.missing("a", "task-a")):
        with pytest.raises(JournalClaimError, match="another process"):
            await write
    with pytest.raises(JournalError, match="in doubt"):
        await other.settled("a", "abandon")
    await one.accepted(accepted("a"))
    await one.missing("a", "task-a")
    with pytest.raises(JournalError, match="under way in me"):
        await other.settled("a", "abandon")
    await one.release(["a"], "me")
    await other.settled("a", "abandon")


async def test_a_release_that_comes_late_lets_no_other_process_send_the_job(one, other):
    """It is being sent by then; the claim is free after that."""
    await one.claim(["a"], "me")
    await one.submitting(intent("a"))
    await one.release(["a"], "me")
    assert await other.claim(["a"], "you") == {"a": "me"}
    await one.accepted(accepted("a"))
    await one.release(["a"], "me")
    assert isinstance((await other.claim(["a"], "you"))["a"], int)


async def test_many_claims_at_once(one, other):
    """Two owners over the same thousand keys: each key has one."""
    keys = [f"shot-{number}" for number in range(1000)]
    mine, yours = await asyncio.gather(one.claim(keys, "me"), other.claim(keys[::-1], "you"))
    assert mine.keys() == yours.keys() == set(keys)
    assert all((mine[key] == "you") != (yours[key] == "me") for key in keys)
    assert await one.claim([], "me") == {}


async def test_a_lease_that_has_ended_frees_its_claims(postgres, one, other):
    """For whoever asks next; the epoch is higher."""
    before = (await one.claim(["a"], "me"))["a"]
    await expire(postgres, one)
    after = (await other.claim(["a"], "you"))["a"]
    assert isinstance(before, int)
    assert isinstance(after, int)
    assert after > before


async def test_every_write_after_the_lease_is_refused(postgres, one, other):
    """But for the task id of what was paid: law by law, whether or not somebody has taken the jobs."""
    await one.claim(["next", "sent", "going", "done"], "me")
    await buy(one, "going", "done")
    await one.ended(completed("done"))
    await one.submitting(intent("sent"))
    await expire(postgres, one)
    before = await sql(postgres, "SELECT * FROM evolink_jobs ORDER BY key")
    for write in (
        one.submitting(intent("next")),
        one.planned(intent("next")),
        one.refused("sent"),
        one.doubted(doubt("sent")),
        one.ended(completed("going")),
        one.missing("going", "task-going"),
        one.saved(completed("done")),
        one.refreshed(completed("done")),
        one.settled("sent", "abandon"),
        one.mark_told([1]),
        one.claim(["next"], "me"),
    ):
        with pytest.raises(JournalClaimError, match="away too long"):
            await write
    assert await sql(postgres, "SELECT * FROM evolink_jobs ORDER BY key") == before
    await other.claim(["going"], "you")
    assert isinstance(await where(other, "sent"), Unknown)
    await one.accepted(accepted("sent"))
    assert isinstance(await where(other, "sent"), Accepted)
    assert await one.renew(["next", "going"], "me") == frozenset()
    with pytest.raises(JournalClaimError, match="another process"):
        await one.ended(completed("going"))
    await one.ended(completed("sent"))
    assert isinstance(await where(other, "sent"), Completed)


async def test_an_end_is_written_after_a_loss_if_nobody_else_has_the_job(postgres, one):
    """A new lease, and the job is claimed again with the write."""
    await one.claim(["a"], "me")
    await buy(one, "a")
    await expire(postgres, one)
    await one.renew(["a"], "me")
    await one.ended(completed("a"))
    assert isinstance(await where(one, "a"), Completed)


async def test_what_a_lost_owner_was_submitting_is_in_doubt(postgres, one, other):
    """It is told as an outcome, it is not bought again by itself, and not at once by a person either."""
    other.seconds_to_answer = one.seconds_to_answer = 70.0
    await one.renew([], "me")
    await sql(postgres, "UPDATE evolink_owners SET seconds_to_answer = 70")
    await one.submitting(intent("a"))
    await expire(postgres, one)
    count = other.ends.count
    await other.renew([], "you")
    [told] = await other.untold()
    assert isinstance(told.outcome, Unknown)
    assert told.outcome.error.idempotency_key == "ev-a"
    await asyncio.wait_for(other.ends.wait_past(count), 5)
    with pytest.raises(JournalClaimError, match="not sent again"):
        await other.submitting(intent("a", purchase="ev-second"))
    with pytest.raises(JournalError, match=r"may still wait for an answer, for \d\d s"):
        await other.settled("a", "resubmit")
    await sql(postgres, "UPDATE evolink_jobs SET not_resubmitted_before = 1")
    await other.settled("a", "resubmit")
    await other.submitting(intent("a", purchase="ev-second"))


async def test_an_answer_to_an_earlier_purchase_is_not_taken_for_a_later_one(postgres, one, other, caplog):
    """It is kept beside its own purchase: both were paid for."""
    await one.submitting(intent("a"))
    await expire(postgres, one)
    await other.renew([], "you")
    await other.settled("a", "resubmit")
    await other.submitting(intent("a", purchase="ev-second"))
    with caplog.at_level(logging.ERROR, "evolink_async"):
        await one.accepted(accepted("a", "task-first"))
    assert "task-first" in caplog.text
    await other.accepted(accepted("a", "task-second"))
    assert (await other.owner(["task-first", "task-second"])).keys() == {"task-second"}
    kept = "SELECT late_task_ids FROM evolink_purchases WHERE idempotency_key = 'ev-a'"
    assert await sql(postgres, kept) == [('["task-first"]',)]


async def test_a_doubt_goes_on_only_as_the_same_purchase(one, other):
    """A pool that had looked before there was a doubt does not buy it a second time."""
    await lose(other, "a")
    await other.aclose()
    with pytest.raises(JournalClaimError, match="not sent again"):
        await one.submitting(intent("a", purchase="ev-mine"))
    await one.submitting(intent("a"))
    await other.open()


async def test_a_lease_is_certain_until_shortly_before_its_end():
    """It counts from before the heartbeat was sent, and keeps a margin for clocks that differ."""
    lease = Lease(1, 100.0, 30.0)
    assert [lease.is_certain(at) for at in (100.0, 126.9, 127.0, 131.0)] == [True, True, False, False]


async def test_whether_a_request_may_begin(postgres, one):
    """While the lease lasts, by a clock that counts sleep; after a heartbeat again; never after closing."""
    assert one.may_send()
    one._lease = attrs.evolve(one._lease, sent_at=one._lease.sent_at - 28)
    assert not one.may_send()
    await one.renew([], "me")
    await one.submitting(intent("a"))
    assert one.may_send()
    assert one.may_send("ev-a")
    await expire(postgres, one)
    await one.renew([], "me")
    assert one.may_send()
    assert not one.may_send("ev-a")
    with pytest.raises(JournalClaimError):
        await one.submitting(intent("a"))
    await one.claim(["a"], "me")
    await one.submitting(intent("a"))
    assert one.may_send("ev-a")
    await one.aclose()
    assert not one.may_send()
    await one.open()


@pytest.mark.parametrize("is_own", [True, False])
async def test_an_end_that_stayed_lent_is_told_by_the_next_stream(one, other, monkeypatch, is_own):
    """The server was away when its stream was closed: the next one here gets it, or any after a heartbeat."""
    await lose(one, "a")
    assert [untold.number for untold in await one.take_untold()] == [1]

    async def is_away(*_: object, **__: object) -> None:
        raise JournalError("the server is away")

    monkeypatch.setattr(one._connections, "run", is_away)
    with pytest.raises(JournalError):
        await one.leave_untold()
    monkeypatch.undo()
    assert await other.take_untold() == []
    if not is_own:
        await one.renew((), "")
    assert [untold.number for untold in await (one if is_own else other).take_untold()] == [1]
    # A heartbeat takes nothing from the stream that has it now.
    await one.renew((), "")
    assert await one.take_untold() == await other.take_untold() == []


async def test_a_restarted_process_finds_its_doubts_at_once(postgres, one):
    """Closing ends the lease; what was being submitted is in doubt, and told by the next one."""
    await one.submitting(intent("a"))
    await one.aclose()
    async with opened(postgres) as later:
        assert isinstance(await where(later, "a"), Unknown)
        assert await sql(postgres, "SELECT count(*) FROM evolink_claims") == [(0,)]
        assert await sql(postgres, "SELECT count(*) FROM evolink_owners") == [(1,)]
    await one.open()


# --- told from process to process


@pytest.mark.parametrize("listen", [True, False])
async def test_another_process_is_woken(postgres, one, listen):
    """By what was written elsewhere, also where LISTEN is not to be had."""
    async with opened(postgres, listen=listen) as far:
        for write in (buy(one, "a"), one.ended(completed("a")), lose(one, "b"), one.late_answer("ev-b", "task-b")):
            count = far.ends.count
            await write
            await far.ends.wait_past(count)
        assert [end.outcome.key for end in await far.untold()] == ["a"]


async def test_notifications_that_do_not_arrive_are_noticed(one, monkeypatch):
    """A pooler accepts LISTEN and tells nothing: then the process looks by itself."""
    monkeypatch.setattr(postgres_listener, "HEARING_SECONDS", 0.05)
    monkeypatch.setattr(postgres_listener, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(postgres_listener, "NOTIFY", "SELECT pg_notify('nowhere', '')")
    looks = Signal()
    listener = postgres_listener.Listener(one._connections, "evolink_deaf", lambda _: looks.fire(), listens=True)
    for count in range(3):
        await asyncio.wait_for(looks.wait_past(count), 5)
    assert not listener.is_listening
    await listener.aclose()


# --- a server that goes away


async def cut(url: str) -> None:
    """Cut all other connections."""
    await sql(
        url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
    )


async def test_cut_connections_lose_and_repeat_nothing():
    """In the middle of writes, of claims, and while it listens."""
    with running_server() as server:
        url = server.journal()
        async with opened(url) as journal, opened(url) as far:
            keys = [f"shot-{number}" for number in range(200)]

            async def whole(key: str) -> None:
                assert isinstance((await journal.claim([key], "me"))[key], int)
                await journal.submitting(intent(key))
                await journal.accepted(accepted(key))
                await journal.ended(completed(key))

            working = asyncio.gather(*map(whole, keys))
            for turns in range(12):
                await cut(url)
                for _ in range(turns):
                    await journal.find(keys)
            await working
            ends = await far.untold(limit=1000)
            assert sorted(end.outcome.key for end in ends) == sorted(keys)
            numbers = [end.number for end in ends]
            assert numbers == sorted(set(numbers))
            assert await sql(url, "SELECT count(*) FROM evolink_purchases") == [(200,)]
            count = far.ends.count
            await lose(journal, "last")
            await asyncio.wait_for(far.ends.wait_past(count), 15)


@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_a_restart_of_the_server_is_waited_for(mode, caplog):
    """Writes and reads go on where they were; a WARNING tells of it, without the password."""
    with running_server() as server:
        url = server.journal().replace("postgres:@", "postgres:secret@")
        async with opened(url) as journal:
            await buy(journal, "a")
            await asyncio.to_thread(server.stop, mode)
            writing = asyncio.gather(journal.ended(completed("a")), journal.find(["a"]), journal.claim(["b"], "me"))
            with caplog.at_level(logging.WARNING, "evolink_async"):
                while "does not answer" not in caplog.text:
                    await asyncio.sleep(0.01)
            assert not writing.done()
            await asyncio.to_thread(server.start)
            await writing
            assert isinstance(await where(journal, "a"), Completed)
        assert "secret" not in caplog.text


async def test_a_server_that_stays_away(caplog):
    """After the patience every call raises a JournalError, and a paid task id is in the log."""
    with running_server() as server:
        journal = PostgresJournal(server.journal(), patience=0.2)
        await journal.open()
        await journal.submitting(intent("a"))
        await asyncio.to_thread(server.stop)
        for call in (journal.find(["a"]), journal.submitting(intent("b")), journal.claim(["b"], "me")):
            with pytest.raises(JournalError, match="cannot be used") as caught:
                await call
            assert "server" in caught.value.advice
        with caplog.at_level(logging.ERROR, "evolink_async"), pytest.raises(JournalError):
            await journal.accepted(accepted("a"))
        assert "task-a" in caplog.text
        with pytest.raises(JournalError):
            journal.unfinished()
        with pytest.raises(JournalError):
            await journal.aclose()
        await asyncio.to_thread(server.start)


@pytest.mark.parametrize("when", ["heartbeat", "end", "closing"])
async def test_a_paid_task_that_the_server_did_not_take_is_written_later(postgres, caplog, when):
    """With the next heartbeat, before the end of its job, or at closing; until then it is in the log."""
    journal = PostgresJournal(postgres, patience=0.2)
    await journal.open()
    await lose(journal, "late")
    await journal.submitting(intent("a"))
    await sql(postgres, "ALTER TABLE evolink_jobs RENAME TO evolink_away")
    with caplog.at_level(logging.ERROR, "evolink_async"):
        with pytest.raises(JournalError):
            await journal.accepted(accepted("a"))
        with pytest.raises(JournalError):
            await journal.late_answer("ev-late", "task-late")
    assert [word for word in ("task-a", "task-late") if word in caplog.text] == ["task-a", "task-late"]
    await sql(postgres, "ALTER TABLE evolink_away RENAME TO evolink_jobs")
    if when == "heartbeat":
        await journal.renew([], "me")
    elif when == "end":
        await journal.ended(completed("a"))
    await journal.aclose()
    async with opened(postgres) as far:
        found = await far.find(["a", "late"])
    assert [type(one) for one in found.values()] == [Completed if when == "end" else Accepted, Accepted]
    assert {as_accepted(one).task_id for one in found.values() if isinstance(one, Accepted)} <= {"task-a", "task-late"}


async def test_a_paid_task_that_cannot_be_written_before_closing_is_in_the_log(caplog, monkeypatch):
    """Though nobody waits for its answer any more."""
    monkeypatch.setattr(postgres_owner, "CLOSING_SECONDS", 0.2)
    with running_server() as server:
        journal = PostgresJournal(server.journal())
        await journal.open()
        await journal.submitting(intent("a"))
        await asyncio.to_thread(server.stop)
        writing = asyncio.create_task(journal.accepted(accepted("a")))
        while not journal._writes:
            await asyncio.sleep(0)
        writing.cancel()
        with caplog.at_level(logging.ERROR, "evolink_async"), pytest.raises(JournalError):
            await journal.aclose()
        assert "task-a was paid for" in caplog.text
        await asyncio.to_thread(server.start)
        await asyncio.wait(list(journal._writes))


async def test_a_journal_in_a_hurry_waits_for_no_server(monkeypatch):
    """Neither in calls that wait already, nor in later ones, nor for what a stream has asked for."""
    monkeypatch.setattr(postgres_owner, "CLOSING_SECONDS", 0.2)
    with running_server() as server:
        journal = PostgresJournal(server.journal(), patience=3600)
        await journal.open()
        await journal.submitting(intent("a"))
        await asyncio.to_thread(server.stop)
        taking = asyncio.create_task(journal.take_untold())
        writing = asyncio.create_task(journal.accepted(accepted("a")))
        while not journal._writes or not journal._taking:
            await asyncio.sleep(0)
        with pytest.raises(JournalError):
            await journal.leave_untold()
        assert taking.cancelled() or taking.exception()
        journal.hurry()
        with pytest.raises(JournalError):
            await writing
        with pytest.raises(JournalError):
            await journal.find(["a"])
        with pytest.raises(JournalError):
            await journal.aclose()
        await asyncio.to_thread(server.start)


async def test_a_write_that_the_server_refuses_harms_no_other(one):
    """Those that go on beside it are written."""
    write = put(SUBMIT, intent("bad"), sent_at=1.0, owner="me")
    bad = attrs.evolve(write, values={**write.values, "digest": None})
    results = await asyncio.gather(
        one.submitting(intent("a")), one._requested(bad, one._lease.epoch), one.submitting(intent("b")),
        return_exceptions=True,
    )  # fmt: skip
    assert isinstance(results[1], JournalError)
    assert (results[0], results[2]) == (None, None)
    assert (await one.find(["a", "b", "bad"])).keys() == {"a", "b"}


@pytest.mark.parametrize("how", ["resubmit", "abandon", "task-found"])
async def test_a_settling_whose_commit_was_not_heard_of_is_not_refused(postgres, one, monkeypatch, how):
    """The connection is lost after the commit: the second try sees its own work."""
    await lose(one, "a")

    async def lost_after_commit(connection: Any, settling: Any, *, is_repeated: bool) -> Any:
        result = await settle(connection, settling, is_repeated=is_repeated)
        if not is_repeated:
            raise psycopg.OperationalError("server closed the connection unexpectedly")
        return result

    monkeypatch.setattr(postgres_journal, "settle", lost_after_commit)
    await one.settled("a", how)
    monkeypatch.undo()
    with pytest.raises(JournalError):
        await one.settled("a", "abandon")


async def test_a_transaction_of_a_process_that_is_stopped_does_not_last(one):
    """The server ends it, and with it the locks that others wait for."""

    async def act(connection: Any) -> object:
        async with transaction(connection):
            [row] = await run(connection, "SHOW idle_in_transaction_session_timeout")
            return row["idle_in_transaction_session_timeout"]

    assert await one._connections.run(act) == "3s"


async def test_a_process_that_stood_still_in_a_transaction_goes_on(postgres, one):
    """The server has ended its transaction: it is begun anew."""
    met: list[int] = []

    async def act(connection: Any) -> object:
        met.append(connection.info.backend_pid)
        async with transaction(connection):
            if len(met) > 1:
                return "done"
            await connection.execute("SET LOCAL idle_in_transaction_session_timeout = '1ms'")
            while await sql(postgres, f"SELECT 1 FROM pg_stat_activity WHERE pid = {met[0]}"):
                await asyncio.sleep(0.01)
            return await run(connection, "SELECT 1")

    assert await one._connections.run(act) == "done"
    assert len(set(met)) == 2


async def test_a_process_that_stood_still_past_its_patience_tries_once_more(one):
    """What it met before it stood still says nothing about now."""
    until = asyncio.get_running_loop().time() + 0.02
    tries: list[float] = []

    async def act(connection: Any) -> str:
        tries.append(asyncio.get_running_loop().time())
        if len(tries) > 1:
            return "done"
        while asyncio.get_running_loop().time() < until:
            await asyncio.sleep(0)
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    assert await one._connections.run(act, patience=0.001) == "done"


# --- opening


async def test_tables_are_made_once(postgres):
    """By many processes at the same time."""
    journals = [PostgresJournal(postgres) for _ in range(6)]
    await asyncio.gather(*(journal.open() for journal in journals))
    assert len({journal._lease.epoch for journal in journals if journal._lease}) == 6
    with pytest.raises(JournalError, match="open in another pool"):
        await journals[0].open()
    await asyncio.gather(*(journal.aclose() for journal in journals))
    await journals[0].aclose()


async def test_tables_of_a_later_version_are_left_alone(postgres, one):
    """With a text that says so."""
    await sql(postgres, "UPDATE evolink_journal SET version = 99")
    with pytest.raises(JournalError, match="later version"):
        await PostgresJournal(postgres).open()


async def test_a_server_that_may_lose_commits_is_refused(postgres):
    """With the setting in the text."""
    url = postgres.replace("options=", "options=-csynchronous_commit%3Doff%20")
    with pytest.raises(JournalError, match="synchronous_commit is off") as caught:
        await PostgresJournal(url).open()
    assert "'on'" in caught.value.advice


async def test_a_schema_that_is_missing_is_named(postgres):
    """Before any table is made."""
    with pytest.raises(JournalError, match="schema"):
        await PostgresJournal(f"{postgres}_not").open()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:s3cr3t@127.0.0.1:1/films",
        "postgresql://user:s3cr3t@127.0.0.1:1/films?connect_timeout=s3cr3t",
    ],
)
async def test_passwords_are_shown_to_nobody(url):
    """Neither when the address cannot be read, nor when nobody answers there."""
    with pytest.raises((JournalError, ConfigurationError)) as caught:
        await PostgresJournal(url).open()
    texts = f"{caught.value!r} {caught.value} {caught.value.advice} {caught.value.__cause__} {PostgresJournal(url)!r}"
    assert "s3cr3t" not in texts


@pytest.mark.parametrize("url", ["postgresql://user:s3cr3t@[host/films", "postgresql://host/db?no_such=s3cr3t"])
def test_an_address_that_cannot_be_read(url):
    """It is not quoted, because a password may be anywhere in it."""
    with pytest.raises(ConfigurationError) as caught:
        PostgresJournal(url)
    assert "s3cr3t" not in f"{caught.value!r} {caught.value.__cause__}"


@pytest.mark.parametrize("settings", [{"lease": 0}, {"lease": float("nan")}, {"patience": -1}])
def test_settings_that_make_no_sense(settings):
    """They are named."""
    with pytest.raises(ConfigurationError, match="seconds above 0"):
        PostgresJournal("postgresql://localhost/films", **settings)


async def test_two_processes_learn_the_task_of_a_purchase_at_the_same_moment(postgres, one, other, caplog):
    """By the answer and by a callback, both while the row is locked: it is the job's, and nothing is kept beside."""
    await one.submitting(intent("a"))
    waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%evolink_jobs%'"
    async with await psycopg.AsyncConnection.connect(postgres) as holder:
        await holder.execute("SELECT FROM evolink_jobs FOR UPDATE")
        writes = [
            asyncio.create_task(one.accepted(accepted("a"))),
            *(asyncio.create_task(other.late_answer("ev-a", "task-a")) for _ in range(2)),
        ]
        while await sql(postgres, waits) != [(3,)]:
            await asyncio.sleep(0.01)
        await holder.rollback()
        assert await asyncio.gather(*writes) == [None, True, True]
    assert as_accepted((await one.find(["a"]))["a"]).task_id == "task-a"
    assert await sql(postgres, "SELECT late_task_ids FROM evolink_purchases") == [(None,)]
    assert not caplog.records


# --- many rows

ROWS = 50_000


def filling(rows: int) -> tuple[str, ...]:
    """The statements that make a journal of so many jobs: every sixth is accepted, the others have ended."""
    return (
        f"""
        INSERT INTO evolink_jobs (key, state, model, path, body, digest, shape, idempotency_key, session, task_id,
            sent_at, accepted_at, ended_at, looks, lag, end_number, told_at, epoch)
        SELECT 'shot-' || n,
            (array['accepted', 'completed', 'completed', 'completed', 'completed', 'failed'])[1 + n % 6],
            'wan', '/v1', '{{}}', md5(n::text), 'any', 'ev-' || n, 'abc', 'task-' || n, n, n, n, 3, 1,
            CASE WHEN n % 6 > 0 THEN n END, CASE WHEN n % 6 > 0 AND n < {rows} - 100 THEN 1 END, 1
        FROM generate_series(1, {rows}) AS n
        """,
        f"""
        INSERT INTO evolink_purchases (idempotency_key, key, session, sent_at)
        SELECT 'ev-' || n, 'shot-' || n, 'abc', n FROM generate_series(1, {rows}) AS n
        """,
        # Not of the first owner, who is gone when the rows are there, and its claims with it.
        f"INSERT INTO evolink_claims SELECT 'shot-' || n, 1000, 'me' FROM generate_series(1, {rows}, 6) AS n",
        f"INSERT INTO evolink_holds SELECT 'shot-' || n, 'any', 1 FROM generate_series(1, {rows}, 6) AS n",
        f"INSERT INTO evolink_queue SELECT 'shot-' || n FROM generate_series(1, {rows}, 3) AS n",
        f"INSERT INTO evolink_tellers SELECT n, 1000 FROM generate_series({rows} - 100, {rows}, 12) AS n",
        f"INSERT INTO evolink_failed_tasks SELECT 'failed-' || n FROM generate_series(1, {rows}, 6) AS n",
        "ANALYZE",
    )


KEYS = [f"shot-{number}" for number in range(20)]
JOB = {"key": "shot-7", "epoch": 1, "task_id": "task-7", "now": 1.0, "purchase": "ev-7"}
PLANS: dict[str, tuple[str, Any]] = {
    "known": (KNOWN, (KEYS,)),
    "find": (FIND, (KEYS,)),
    "list": (LIST_OPEN, ("accepted", "shot-2", 100)),
    "owners": (OWNERS, (["task-1", "task-2"],)),
    "outcomes": (OUTCOMES, (["task-1", "task-2"],)),
    "untold": (UNTOLD, (0, 100)),
    "take untold": (TAKE, {"limit": 10, "epoch": 1, "held": [7, 8]}),
    "tell": (TELL, JOB | {"numbers": [ROWS - 1, ROWS - 2]}),
    "durations": (DURATIONS, (1000,)),
    "claim": (CLAIM, JOB | {"keys": KEYS, "owner": "me"}),
    "release": (RELEASE, (KEYS, 1, "me")),
    "sweep": (DOUBT, {"epochs": [999]}),
    "ended leases": (ENDED, ()),
    "submit": (SUBMIT, JOB | dict(put(SUBMIT, intent("shot-7"), sent_at=1.0, owner="me").values)),
    "accept": (ACCEPT, JOB | {"estimated": 1.0, "credits": 1.0, "keeps": True}),
    "late": (ANSWER_LATE, JOB | {"keeps": True}),
    "buy anew": (BUY_ANEW, JOB),
    "end": (END, dict(end("shot-7", "task-7", columns_of(completed("shot-7"))).values) | {"epoch": 1}),
    "settle": (OPEN_JOB, JOB | {"how": "task-8"}),
    "pass calls": (PASS, {"purchases": ["ev-6"], "tasks": ["task-6"]}),
    "take calls": (TAKE_CALLS, (1,)),
    "purchases": (PURCHASES, (["ev-1", "ev-2"],)),
    "prune": (PRUNE, {"before": 1e9, "untold": True, "after": 0, "limit": 1000}),
    "listed": (JOBS, {"after": "shot-2", "states": ["completed"], "limit": 100}),
    "listed ends": (ENDS, {"after": 0, "limit": 100}),
    "snapshot": (SNAPSHOT, {}),
    "versions": (VERSIONS, {"limit": 10_000}),
    "histories": (HISTORIES, {"keys": KEYS}),
}


@pytest.fixture(scope="module")
def full(postgres_server: Server) -> str:
    """A journal with many rows."""
    url = postgres_server.journal()

    async def make() -> None:
        async with opened(url):
            for query in filling(ROWS):
                await sql(url, query)

    asyncio.run(make())
    return url


def scans(plan: dict[str, Any]) -> list[str]:
    """The tables that a plan reads from end to end."""
    found = [plan["Relation Name"]] if plan["Node Type"] == "Seq Scan" else []
    return found + [name for part in plan.get("Plans", ()) for name in scans(part)]


@pytest.mark.parametrize("name", PLANS)
async def test_statements_stay_on_indexes(full, name):
    """Whatever is asked while jobs run: no statement reads a whole table of jobs, claims or purchases."""
    await stays_on_indexes(full, name)


@pytest.mark.soak
async def test_statements_stay_on_indexes_with_a_million_jobs(postgres):
    """The same statements, at full size."""
    async with opened(postgres):
        for query in filling(1_000_000):
            await sql(postgres, query)
    for name in PLANS:
        await stays_on_indexes(postgres, name)


async def stays_on_indexes(url: str, name: str) -> None:
    """Check the plan of one statement."""
    query, values = PLANS[name]
    async with await psycopg.AsyncConnection.connect(url) as connection:
        cursor = await connection.execute(f"EXPLAIN (FORMAT JSON) {query}".encode(), values)
        [[[plan]]] = await cursor.fetchall()
        await connection.rollback()
    # Tables of a row for each process, of one row, of one for each price class, and of ends and calls on their way.
    few = {"evolink_owners", "evolink_journal", "evolink_budget", "evolink_tellers", "evolink_calls", "evolink_pruned"}
    assert set(scans(plan["Plan"])) <= few, name


async def test_a_plan_that_reads_all_rows_is_found(full):
    """The test above would pass on nothing otherwise."""
    async with await psycopg.AsyncConnection.connect(full) as connection:
        cursor = await connection.execute("EXPLAIN (FORMAT JSON) SELECT * FROM evolink_jobs WHERE body = '{}'")
        [[[plan]]] = await cursor.fetchall()
    assert scans(plan["Plan"]) == ["evolink_jobs"]


async def test_a_journal_of_many_rows_is_read(full):
    """The learned durations are the last ones, the stream of outcomes begins with what was not told."""
    async with opened(full) as journal:
        assert len(await journal.durations()) > 600
        ends = await journal.untold(limit=10)
        assert [end.number for end in ends] == sorted(end.number for end in ends)
        assert ends[0].number >= ROWS - 100
        known = await journal.known([Job("shot-1", dance())])
        assert known.keys() == {"shot-1"}
