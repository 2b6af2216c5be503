"""The journal in PostgreSQL: a server that does not answer, connections that are lost, and clocks that go back."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from evolink_async import Accepted
from evolink_async.errors import JournalError
from evolink_async.journal import postgres_claims, postgres_connections, postgres_lease
from evolink_async.journal.postgres import PostgresJournal
from evolink_async.journal.postgres_claims import claim
from evolink_async.journal.postgres_connections import MOST, run
from evolink_async.journal.postgres_silence import _is_answered, cut, is_passing
from evolink_async.journal.postgres_statements import REFUSE, Write
from tests.journal.test_laws import buy, intent, where
from tests.journal.test_postgres import cut as cut_all
from tests.journal.test_postgres import expire, opened, sql

pytestmark = pytest.mark.anyio

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%%evolink_jobs%%'"


@pytest.fixture
async def one(postgres: str) -> AsyncIterator[PostgresJournal]:
    """A journal that does not listen, so that all of its connections are known; it waits shortly for each answer."""
    async with opened(postgres, listen=False) as journal:
        journal._connections._answer_seconds = 0.3
        await buy(journal, "a")
        yield journal


async def connected(journal: PostgresJournal, answer_seconds: float) -> int:
    """Leave the journal one idle connection; return the process at its other end."""
    connections = journal._connections
    while connections._idle:
        await connections._idle.pop().close()
    connection = await connections.connect()
    connection.answer_seconds = answer_seconds
    connections._idle.append(connection)
    return connection.info.backend_pid


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Stop a process of the server: the machine goes on to acknowledge what it is sent."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@asynccontextmanager
async def locked(url: str, mode: str) -> AsyncIterator[None]:
    """Lock the jobs, as somebody does who makes an index or vacuums."""
    async with await psycopg.AsyncConnection.connect(url) as connection:
        await connection.execute(f"LOCK TABLE evolink_jobs IN {mode} MODE".encode())
        yield
        await connection.rollback()


# --- a server that does not answer


async def test_what_a_silent_server_was_asked_is_asked_again(one, caplog):
    """With another connection, though nothing was lost."""
    with stopped(await connected(one, 0.3)), caplog.at_level(logging.WARNING, "evolink_async"):
        assert isinstance(await where(one, "a"), Accepted)
    assert "no answer came within 0.3 s" in caplog.text


async def test_a_renewal_does_not_wait_for_those_that_wait(postgres, one):
    """All connections wait for a table; the lease is renewed beside them."""
    one._connections._answer_seconds = 60.0
    await connected(one, 60.0)
    before = one._lease
    async with locked(postgres, "ACCESS EXCLUSIVE"):
        finding = [asyncio.create_task(one.find(["a"])) for _ in range(MOST)]
        while await sql(postgres, WAITING) != [(MOST,)]:
            await asyncio.sleep(0.01)
        await one.renew([], "")
        assert one._lease.epoch == before.epoch
        assert one._lease.sent_at > before.sent_at
    await asyncio.gather(*finding)
    assert len(one._connections._idle) <= MOST


async def test_a_silent_server_costs_no_lease(one, monkeypatch):
    """The renewal is tried again in time."""
    before = one._lease
    monkeypatch.setattr(one, "_renewing_seconds", 0.3)
    with stopped(await connected(one, 60.0)):
        await one.renew([], "")
        assert one._lease.sent_at > before.sent_at


async def test_what_waits_for_a_lock_is_stopped_on_the_server(postgres, one):
    """Otherwise each try would leave a process there that waits."""
    one._connections.patience = 0.1
    await connected(one, 0.3)
    async with locked(postgres, "ACCESS EXCLUSIVE"):
        with pytest.raises(JournalError, match=r"no answer came within 0\.3 s"):
            await one.find(["a"])
        while await sql(postgres, WAITING) != [(0,)]:
            await asyncio.sleep(0.01)
    assert isinstance(await where(one, "a"), Accepted)


async def test_closing_does_not_wait_for_a_silent_server(postgres, monkeypatch):
    """What is said last is said with another connection."""
    monkeypatch.setattr(postgres_lease, "ENDING_SECONDS", 0.5)
    async with opened(postgres, listen=False) as journal:
        pid = await connected(journal, 60.0)
        os.kill(pid, signal.SIGSTOP)
    os.kill(pid, signal.SIGCONT)
    assert await sql(postgres, "SELECT count(*) FROM evolink_owners WHERE lease_until > clock_timestamp()") == [(0,)]


async def test_a_hurry_holds_for_what_is_waited_for_already(one):
    """As when the pool closes."""
    with stopped(await connected(one, 60.0)):
        finding = asyncio.create_task(one.find(["a"]))
        while not any(connection._watch for connection in one._connections._busy):
            await asyncio.sleep(0)
        one._connections.hurry(0.3)
        assert isinstance((await finding)["a"], Accepted)
    assert one._connections._busy == set()


async def test_a_read_in_a_thread_has_a_limit(postgres, one, monkeypatch):
    """It may be made in the event loop, where nobody could stop it."""
    monkeypatch.setattr(postgres_connections, "READING_SECONDS", 0.3)
    async with locked(postgres, "ACCESS EXCLUSIVE"):
        with pytest.raises(JournalError, match=r"no answer came within 0\.3 s"):
            one.unfinished()
    assert [job.key for job in one.unfinished()] == ["a"]


async def test_a_process_that_stood_still_takes_the_answer_that_is_there(one):
    """It is not the server that was silent."""
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        pgconn: Any = SimpleNamespace(socket=near.fileno())
        assert not _is_answered(pgconn)
        far.send(b"answer")
        assert _is_answered(pgconn)
        assert cut(pgconn)
        assert near.recv(9) == b"answer"
        assert near.recv(9) == far.recv(9) == b""
    connection = await one._connections.connect()
    await connection.close()
    assert not cut(connection.pgconn)


# --- connections that are lost


async def test_closing_goes_on_after_a_loss_that_nobody_noticed(postgres):
    """The server was restarted while nothing was asked."""
    async with opened(postgres, listen=False):
        await cut_all(postgres)
    assert await sql(postgres, "SELECT count(*) FROM evolink_owners WHERE lease_until > clock_timestamp()") == [(0,)]


async def test_an_error_that_ends_the_connection_is_passing(one):
    """A pooler ends a session with an error of any class. It is tried again for as long as the patience lasts."""
    tries: list[object] = []

    async def act(connection: Any) -> list[Any]:
        tries.append(connection)
        if len(tries) == 1 or one._connections.patience == 0:
            await connection.close()
            raise psycopg.errors.InternalError_("DbHandler exited")
        return await run(connection, "SELECT 1 AS one")

    assert await one._connections.run(act) == [{"one": 1}]
    one._connections.patience = 0
    with pytest.raises(JournalError, match="DbHandler exited"):
        await one._connections.run(act)


async def test_a_refusal_of_a_statement_is_lasting(one):
    """The connection is well."""
    connection = await one._connections.connect()
    with pytest.raises(psycopg.Error) as caught:
        await run(connection, "SELECT 1 / 0")
    assert not is_passing(caught.value, connection)
    await connection.close()
    assert not is_passing(ValueError(), connection)


async def test_a_refusal_that_arrives_late_leaves_a_later_send_alone(one):
    """The server may do it when the job is sent again already."""
    await one.submitting(intent("b"))
    late = Write(REFUSE, {"key": "b", "sent_at": one._sent_at["b"]})
    await one.refused("b")
    await one.submitting(intent("b"))
    assert not await one._write(late)
    await one.refused("b")
    assert one._sent_at == {}


# --- removals of ended owners


async def test_a_renewal_does_not_wait_for_the_removal_of_others(postgres, one):
    """Somebody makes an index on the jobs."""
    one._connections._answer_seconds = 60.0
    one._renewing_seconds = 0.01
    async with opened(postgres, listen=False) as other:
        await other.submitting(intent("b"))
        await expire(postgres, other)
        async with locked(postgres, "SHARE"):
            for _ in range(3):
                before = one._lease
                await one.renew([], "")
                assert one._lease.sent_at > before.sent_at
            assert not one._removing.done()
        await one._removing
        assert await sql(postgres, "SELECT state FROM evolink_jobs WHERE key = 'b'") == [("in_doubt",)]


async def test_a_removal_that_fails_fails_no_renewal(one, monkeypatch, caplog):
    """The lease goes on, and a WARNING says what was not done."""

    async def failing(_: Any) -> bool:
        raise psycopg.errors.InsufficientPrivilege("permission denied")

    monkeypatch.setattr("evolink_async.journal.postgres_lease.remove_ended_owners", failing)
    before = one._lease
    with caplog.at_level(logging.WARNING, "evolink_async"):
        await one.renew([], "")
        await one._removing
    assert one._lease.sent_at > before.sent_at
    assert "permission denied" in caplog.text


# --- encodings


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
async def test_a_database_that_cannot_keep_all_texts_is_refused(postgres_server, encoding):
    """One sentence says what is wrong."""
    name = f"in_{encoding.lower()}"
    with postgres_server.admin() as connection:
        text = f"CREATE DATABASE {name} ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        connection.execute(text.encode())
        given = psycopg.conninfo.conninfo_to_dict(connection.info.dsn)
    journal = PostgresJournal(psycopg.conninfo.make_conninfo("", **{**given, "dbname": name}))
    with pytest.raises(JournalError, match=f"its encoding is {encoding}") as caught:
        await journal.open()
    assert "UTF8" in caught.value.advice


async def test_an_encoding_in_the_address_changes_nothing(postgres):
    """Texts are in UTF-8 on their way."""
    async with opened(f"{postgres}&client_encoding=SQL_ASCII") as journal:
        await buy(journal, "日本")
        assert isinstance(await where(journal, "日本"), Accepted)
        assert [job.key for job in journal.unfinished()] == ["日本"]


async def test_claims_that_nobody_tells_of_are_not_asked_for_for_ever(monkeypatch):
    """The journal tries again, for as long as its patience lasts."""

    async def silent(*_: object) -> list[dict[str, object]]:
        return [{"key": None, "epoch": 1, "owner": None}]

    monkeypatch.setattr(postgres_claims, "run", silent)
    connection: Any = None
    with pytest.raises(psycopg.OperationalError, match="who has the jobs"):
        await claim(connection, ["a"], "me", 1)


# --- the clock of the server goes back


async def test_a_lease_of_another_clock_counts_from_now(postgres, one):
    """And so does the time after a failover in which nobody claims anything."""
    await sql(postgres, "INSERT INTO evolink_claims SELECT 'b', 7, 'gone'")
    await sql(
        postgres,
        "INSERT INTO evolink_owners (epoch, name, lease_until, lease_seconds, seconds_to_answer)"
        " VALUES (7, 'gone', clock_timestamp() + interval '1 hour', 30, 10)",
    )
    await sql(postgres, "UPDATE evolink_journal SET claims_from = clock_timestamp() + interval '1 hour'")
    await one.renew([], "")
    await one._removing
    left = "clock_timestamp() + interval '31 s'"
    assert await sql(postgres, f"SELECT max(lease_until) < {left} FROM evolink_owners") == [(True,)]
    assert await sql(postgres, f"SELECT claims_from < {left} FROM evolink_journal") == [(True,)]
    assert (await sql(postgres, "SELECT count(*) FROM evolink_claims WHERE epoch = 7")) == [(1,)]


async def test_what_was_told_by_another_clock_holds_no_longer(postgres, one):
    """A slot, the age of a fact, and the place of the one that tries."""
    facts = one.shared_facts()
    await facts.limit_rate(60.0)
    await facts.lend("key", 1)
    await facts.tell("key", {}, 0)
    assert await facts.take_place(["key"])
    await sql(postgres, "UPDATE evolink_rates SET next_at = next_at + interval '1 hour'")
    await sql(postgres, "UPDATE evolink_facts SET told_at = told_at + interval '1 hour', epoch = 7")
    await sql(postgres, "UPDATE evolink_facts SET held_until = held_until + interval '1 hour'")
    assert (await facts.lend("key", 1)).delay <= 0.0
    assert [fact.age for fact in await facts.read(["key"])] == [0.0]
    assert await facts.take_place(["key"])
