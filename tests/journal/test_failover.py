"""A standby is promoted: what it has missed is written again, or in doubt; nothing is bought twice."""

# ruff: noqa: E402  # where psycopg is not installed, these tests are skipped

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

psycopg = pytest.importorskip("psycopg")

from evolink_async import Accepted, Completed, Failed, Job, Unknown
from evolink_async.errors import JournalClaimError, JournalError
from evolink_async.journal import Known, postgres_connections, postgres_lease
from evolink_async.journal.postgres import PostgresJournal
from evolink_async.journal.postgres_claims import FAILED_OVER
from evolink_async.journal.postgres_connections import Connections
from evolink_async.journal.postgres_failover import MOST_JOBS, Recollection, missing_writes, take_over
from evolink_async.journal.postgres_settling import ACCEPT
from evolink_async.journal.postgres_statements import (
    BUY_ANEW,
    DOUBT,
    END,
    REFRESH,
    REFUSE,
    RESTORE,
    SUBMIT,
    Write,
    end,
    put,
)
from tests.journal.test_laws import accepted, buy, completed, failed, intent, lose, where
from tests.kit import dance
from tests.standby import Pair, running_pair

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]  # processes and servers start slowly on a busy machine

LEASE = 6.0
"""Seconds: it lasts through a failover on a busy machine, and is waited for once."""


def send(key: str = "a", purchase: str = "one") -> Write:
    """The write before a send."""
    return put(SUBMIT, intent(key, purchase=purchase), sent_at=1.0, owner="pool")


def answered(key: str = "a", purchase: str = "one", task_id: str = "task-1") -> Write:
    """The write of a task id."""
    return Write(ACCEPT, {"key": key, "purchase": purchase, "task_id": task_id})


def remembered(*writes: Write) -> tuple[Write, ...]:
    """What is remembered of the writes of one job."""
    recollection = Recollection()
    for write in writes:
        recollection.note(write)
    return recollection.jobs().get("a", ())


def queries(writes: Any) -> list[str]:
    """The statements."""
    return [write.query for write in writes]


ENDED = end("a", "task-1", {"state": "failed"})
ANEW = Write(BUY_ANEW, {"key": "a", "task_id": "task-1"})


async def test_what_is_remembered():
    """Purchases and what became of them; no refused purchase, and of several the latest with the ends before it."""
    assert queries(remembered(send(), answered(), ENDED)) == [SUBMIT, ACCEPT, END]
    assert remembered(send(), Write(REFUSE, {"key": "a"})) == ()
    assert remembered(Write(REFRESH, {"key": "a"})) == ()
    anew = remembered(send(), answered(), ENDED, ANEW, send(purchase="two"))
    assert queries(anew) == [ACCEPT, END, BUY_ANEW, SUBMIT]
    assert anew[-1].values["idempotency_key"] == "two"


async def test_the_jobs_that_were_written_last_are_remembered():
    """The memory is bounded."""
    recollection = Recollection()
    for number in range(MOST_JOBS):
        recollection.note(answered(f"shot-{number}"))
    recollection.note(answered("shot-0"))
    recollection.note(answered("more"))
    assert "shot-1" not in recollection.jobs()
    assert {"shot-0", "shot-2", "more"} <= recollection.jobs().keys()


@pytest.mark.parametrize(
    ("writes", "row", "known", "expected"),
    [
        ((send(),), None, (), [RESTORE]),
        ((send(),), ("planned", None), (), [RESTORE]),
        ((send(),), ("submitting", "one"), ("one",), []),
        # Settled since, by a person who knew of the purchase.
        ((send(),), ("planned", None), ("one",), []),
        ((send(), answered()), ("submitting", "one"), ("one",), [ACCEPT]),
        ((send(), answered()), None, (), [RESTORE, ACCEPT]),
        ((send(), answered()), ("accepted", "one"), ("one",), []),
        ((send(), answered(), ENDED), ("accepted", "one"), ("one",), [ACCEPT, END]),
        ((send(), Write(DOUBT, {"key": "a"})), None, (), [RESTORE, DOUBT]),
        ((ENDED,), ("failed", "one"), (), []),
        (
            (answered(), ENDED, ANEW, send(purchase="two")),
            ("accepted", "one"),
            ("one",),
            [ACCEPT, END, BUY_ANEW, RESTORE],
        ),
    ],
)
async def test_what_is_written_again(writes, row, known, expected):
    """A purchase only if the server does not know of it; what follows from it, unless the row says the same."""
    as_row = None if row is None else {"state": row[0], "idempotency_key": row[1]}
    assert queries(missing_writes(writes, as_row, known)) == expected


# --- a server that says that it was promoted, and has lost nothing


async def sql(url: str, query: str) -> list[tuple[Any, ...]]:
    """Run a statement past the journal."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        cursor = await connection.execute(query.encode())
        return await cursor.fetchall() if cursor.description else []


async def promote(url: str, monkeypatch: pytest.MonkeyPatch, timeline: int = 2, *, lost: str = "") -> None:
    """Let the server of a journal tell of another timeline; its connections stay, as those to a pooler do.

    In the same moment the server is as `lost` makes it: a journal may look at any time.
    """
    monkeypatch.setattr(postgres_connections, "WHICH", "SELECT evolink_timeline() AS timeline")
    await sql(
        url,
        f"CREATE OR REPLACE FUNCTION evolink_timeline() RETURNS bigint LANGUAGE sql AS 'SELECT {timeline}::bigint';"
        + lost,
    )


async def test_behind_a_pooler(postgres, monkeypatch):
    """A connection may lead to the new server without having been lost: writes are refused until the next heartbeat."""
    async with opened(postgres, listen=False) as journal:
        await journal.claim(["a", "b"], "pool")
        await journal.submitting(intent("a"))
        for timeline in (2, 3):
            await promote(postgres, monkeypatch, timeline)
            with pytest.raises(JournalClaimError):
                await journal.submitting(intent("b"))
            assert await journal.renew(["a", "b"], "pool") == {"a", "b"}
            assert journal.may_send("ev-a")
        await journal.submitting(intent("b"))
        await journal.accepted(accepted("a"))
        await journal.ended(completed("a"))
        assert isinstance(await where(journal, "a"), Completed)


async def test_a_claim_whose_answer_was_lost(postgres, monkeypatch):
    """Nothing was done for it, so it goes on; what was let go of may be another's by now, and is in doubt."""
    async with opened(postgres, lease=1.0, listen=False) as journal:
        await journal.claim(["asked", "left"], "pool")
        journal._claimed.clear()
        journal._asking.append(["asked"])  # as if the answer were still awaited
        await promote(postgres, monkeypatch)
        await journal.renew((), "pool")
        claims = await journal.claim(["asked", "left", "new"], "pool")
        assert [key for key, held in claims.items() if isinstance(held, int)] == ["asked"]
        await until_free(journal, "left")
        assert isinstance(await where(journal, "left"), Unknown)


async def test_a_failover_whose_commit_was_not_heard_of(postgres, monkeypatch):
    """The connection is lost after it: the second try takes over what the first one had taken over."""
    tries = 0

    async def lost_after_commit(*arguments: Any) -> Any:
        nonlocal tries
        result = await take_over(*arguments)
        if (tries := tries + 1) == 1:
            raise psycopg.OperationalError("server closed the connection unexpectedly")
        return result

    monkeypatch.setattr(postgres_lease, "take_over", lost_after_commit)
    async with opened(postgres, listen=False) as journal:
        await journal.claim(["a", "b"], "pool")
        await journal.submitting(intent("a"))
        await buy(journal, "b")
        await promote(postgres, monkeypatch)
        assert await journal.renew(["a", "b"], "pool") == {"a", "b"}
        assert tries == 2
        await journal.accepted(accepted("a"))
        for key in "ab":
            await journal.ended(completed(key))
            assert isinstance(await where(journal, key), Completed)


async def test_no_epoch_is_given_twice(postgres, monkeypatch):
    """Though the sequence of them may have gone back with the rows."""
    async with opened(postgres, listen=False) as one:
        await sql(postgres, "SELECT setval('evolink_epochs', 1, false)")
        await promote(postgres, monkeypatch)
        async with opened(postgres, listen=False) as other:
            assert one._open_lease().epoch & 0xFF == other._open_lease().epoch & 0xFF
            with pytest.raises(JournalClaimError):
                await one.submitting(intent("a"))


async def test_a_failover_while_a_journal_closes(postgres, monkeypatch):
    """What waits to be written is written, with the purchase that it belongs to; and nobody is left who has it."""
    journal = PostgresJournal(postgres)
    await journal.open()
    await journal.claim(["a"], "pool")
    await buy(journal, "a")
    lost = (
        "DELETE FROM evolink_jobs; DELETE FROM evolink_purchases; DELETE FROM evolink_claims;"
        " SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    await promote(postgres, monkeypatch, lost=lost)
    ending = asyncio.create_task(journal.ended(completed("a")))
    while not journal._writes:
        await asyncio.sleep(0)
    await journal.aclose()
    await ending
    assert await sql(postgres, "SELECT key, state, task_id FROM evolink_jobs") == [("a", "completed", "task-a")]
    assert await sql(postgres, "SELECT idempotency_key FROM evolink_purchases") == [("ev-a",)]
    # That of the old timeline, which has no claims, stays until all have come back.
    assert await sql(postgres, "SELECT count(*) FROM evolink_owners WHERE lease_until > clock_timestamp()") == [(1,)]


# --- with real servers


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A primary and its standby."""
    with running_pair() as one:
        yield one


@asynccontextmanager
async def opened(url: str, lease: float = LEASE, **settings: Any) -> AsyncIterator[PostgresJournal]:
    """A journal that is open for a while."""
    journal = PostgresJournal(url, lease=lease, **settings)
    await journal.open()
    try:
        yield journal
    finally:
        await journal.aclose()


async def die(journal: PostgresJournal) -> None:
    """End a journal as the death of its process would: nothing is written any more."""
    assert journal._listener is not None
    await journal._listener.aclose()
    await journal._connections.aclose()


async def until_free(journal: PostgresJournal, key: str) -> None:
    """Ask for a job until it is claimed, with the heartbeat of a pool; then the jobs of those who are gone are free."""
    while not isinstance((await journal.claim([key], "pool"))[key], int):
        await asyncio.sleep(0.1)
        await journal.renew((), "pool")
    await journal._remove_ended_owners()  # the last heartbeat may have come before the time was over


async def test_a_failover_that_loses_the_last_commits(pair, caplog):
    """Who lives writes again what it knows; what the dead had claimed is in doubt; nobody gets a job too early."""
    url = pair.journal()
    async with opened(url) as one, opened(url) as other:
        dead = PostgresJournal(url, lease=LEASE)
        await dead.open()
        await one.claim(["mine", "sent", "old"], "pool")
        await buy(one, "old")
        await dead.claim(["theirs", "planned"], "pool")
        await dead.planned(intent("planned"))

        await asyncio.to_thread(pair.part)
        # The standby does not have any of this.
        await one.submitting(intent("sent"))
        await one.claim(["later"], "pool")
        await buy(one, "bought", "done", "anew")
        await one.ended(completed("done"))
        await one.ended(completed("old"))
        await one.ended(failed("anew"))
        await one.bought_anew("anew", "task-anew")
        await one.submitting(intent("anew", purchase="second"))
        await lose(one, "lost")
        await other.claim(["far"], "pool")
        await buy(other, "far")
        await dead.submitting(intent("theirs"))
        await dead.submitting(intent("planned"))
        await die(dead)
        assert one.may_send("ev-sent")
        with caplog.at_level(logging.WARNING, "evolink_async"):
            await asyncio.to_thread(pair.fail_over)
            await one.find(["sent"])
        assert "has failed over" in caplog.text

        assert one.may_send("ev-sent")  # its request goes on
        assert one.may_send("second")
        await one.accepted(accepted("sent"))
        await one.accepted(accepted("anew", "task-2"))
        for key in ("sent", "bought", "anew"):
            assert isinstance(await where(one, key), Accepted), key
        assert isinstance(await where(one, "done"), Completed)
        assert isinstance(await where(one, "old"), Completed)
        assert isinstance(await where(one, "lost"), Unknown)
        assert (await one.renew(["mine", "later", "sent"], "pool")) == {"mine", "later", "sent"}
        await one.submitting(intent("mine"))

        async with opened(url) as newcomer:
            keys = ["mine", "later", "theirs", "planned", "new", "far"]
            assert {key for key, held in (await newcomer.claim(keys, "pool")).items() if isinstance(held, int)} == set()
            with pytest.raises(JournalClaimError):
                await newcomer.submitting(intent("new"))
            # It comes back in time: what it had bought is not bought again.
            await other.find(["far"])
            assert isinstance(await where(newcomer, "far"), Accepted)
            free = asyncio.create_task(until_free(newcomer, "new"))
            while not free.done():
                await one.renew((), "pool")
                await other.renew((), "pool")
                await asyncio.sleep(0.1)
            await free
            for key in ("theirs", "planned"):
                found = (await newcomer.known([Job(key, dance())]))[key]
                assert isinstance(found, Known)
                assert isinstance(found.standing, Unknown)
                assert str(found.standing.error) == FAILED_OVER
                await newcomer.claim([key], "pool")
                with pytest.raises(JournalClaimError):
                    await newcomer.submitting(intent(key, purchase="again"))
            told = [end.outcome for end in await newcomer.untold()]
            assert {end.key for end in told} >= {"theirs", "planned", "done", "old"}
            # A person settles it, as every doubt.
            await newcomer.settled("theirs", "abandon")
            assert isinstance(await where(newcomer, "theirs"), Failed)


async def test_a_process_that_comes_back_late(pair):
    """It has lost its claims, and still writes what it has bought: it is not bought again."""
    url = pair.journal()
    async with opened(url, lease=1.0) as late:
        await late.claim(["unsent", "bought"], "pool")
        await asyncio.to_thread(pair.part)
        await buy(late, "bought")
        await late.claim(["gone"], "pool")
        await buy(late, "gone")
        assert late._listener is not None
        await late._listener.aclose()  # it stands still: nothing of it notices
        await asyncio.to_thread(pair.fail_over)
        async with opened(url, lease=1.0) as journal:
            await until_free(journal, "new")
            assert await where(journal, "gone") is None
            assert isinstance(await where(journal, "bought"), Unknown)
            await journal.claim(["gone"], "pool")
            assert isinstance(await where(late, "bought"), Accepted)
            assert isinstance(await where(late, "gone"), Accepted)
            with pytest.raises(JournalClaimError):
                await journal.submitting(intent("gone", purchase="again"))
            assert await late.renew(["unsent", "bought"], "pool") == frozenset()


async def test_a_standby_is_not_used(pair):
    """Neither to open a journal, nor later, with the reason in the text; its rows may be old."""
    url = pair.journal()
    alone = url.replace(f"127.0.0.1:{pair.primary.port},", "").replace("target_session_attrs=read-write&", "")
    with pytest.raises(JournalError, match="is a standby"):
        await PostgresJournal(alone).open()


async def test_a_server_that_was_left_is_not_used(pair):
    """A primary that comes back beside its successor has an older timeline."""
    connections = Connections(pair.standby.address, patience=0.1, prepares=True)
    await asyncio.to_thread(pair.fail_over)
    await connections.open()
    await connections.aclose()
    connections.address = pair.primary.address
    await asyncio.to_thread(pair.primary.start)
    with pytest.raises(JournalError, match="left at a failover"):
        await connections.connect()
