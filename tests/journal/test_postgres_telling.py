"""Ends of a shared journal are lent to one stream each, until they are told, left, or the lease ends."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from evolink_async.errors import JournalClaimError
from evolink_async.journal import postgres_owner
from evolink_async.journal.postgres import PostgresJournal
from evolink_async.journal.postgres_connections import run
from evolink_async.journal.postgres_telling import TAKE
from tests.journal.test_laws import buy, completed, lose
from tests.journal.test_postgres import expire, opened, sql

pytestmark = pytest.mark.anyio


@pytest.fixture
async def one(postgres: str) -> AsyncIterator[PostgresJournal]:
    """A journal with five ends."""
    async with opened(postgres) as journal:
        for key in "abcde":
            await buy(journal, key)
            await journal.ended(completed(key))
        yield journal


@pytest.fixture
async def other(postgres: str, one: PostgresJournal) -> AsyncIterator[PostgresJournal]:
    """Another process's journal, on the same tables."""
    async with opened(postgres) as journal:
        yield journal


async def taken(journal: PostgresJournal, limit: int = 100) -> list[str]:
    """The keys of the ends that a stream gets."""
    return [end.outcome.key for end in await journal.take_untold(limit=limit)]


async def test_each_end_is_lent_to_one_stream(one, other):
    """In their order; what is read without telling is not lent."""
    assert await taken(one, 2) == ["a", "b"]
    assert await taken(other, 2) == ["c", "d"]
    assert await taken(one) == ["e"]
    assert await taken(other) == await taken(one) == []
    assert [end.outcome.key for end in await other.untold()] == list("abcde")


async def test_ends_whose_loan_was_not_heard_of_are_lent_again(one, other, monkeypatch):
    """The connection is lost after the commit. Those that the stream has in hand are not lent to it twice."""
    assert await taken(one, 1) == ["a"]
    tries = 0

    async def lost_after_commit(connection: Any, query: str, values: Any = ()) -> Any:
        nonlocal tries
        rows = await run(connection, query, values)
        if query == TAKE and (tries := tries + 1) == 1:
            raise psycopg.OperationalError("server closed the connection unexpectedly")
        return rows

    monkeypatch.setattr(postgres_owner, "run", lost_after_commit)
    assert await taken(one, 2) == ["b", "c"]
    assert await taken(other) == ["d", "e"]
    assert await taken(one) == []


async def test_what_was_told_is_never_lent_again(postgres, one, other):
    """And nothing of it is left in the tables."""
    ends = await one.take_untold(limit=3)
    await one.mark_told([end.number for end in ends])
    await one.leave_untold()
    assert await taken(other) == ["d", "e"]
    assert await sql(postgres, "SELECT count(*) FROM evolink_tellers") == [(2,)]


async def test_what_a_closed_stream_leaves_goes_to_another(one, other):
    """Which is woken."""
    await taken(one)
    assert await taken(other) == []
    count = other.ends.count
    await one.leave_untold()
    await asyncio.wait_for(other.ends.wait_past(count), 5)
    assert await taken(other) == list("abcde")


async def test_what_a_lost_process_has_not_told_goes_to_another(postgres, one, other):
    """It cannot mark it as told any more."""
    ends = await one.take_untold()
    await expire(postgres, one)
    await other.renew([], "you")
    assert await taken(other) == list("abcde")
    with pytest.raises(JournalClaimError):
        await one.mark_told([ends[0].number])
    await other.leave_untold()
    with pytest.raises(JournalClaimError):
        await one.take_untold()
    await one.leave_untold()


async def test_a_stream_that_is_cancelled_while_it_takes_loses_nothing(one, other):
    """Leaving waits for what was on its way."""
    for turns in range(0, 40, 2):
        taking = asyncio.create_task(one.take_untold())
        for _ in range(turns):
            await asyncio.sleep(0)
        taking.cancel()
        await asyncio.wait([taking])
        await one.leave_untold()
        assert await taken(other) == list("abcde")
        await other.leave_untold()


async def test_many_streams_at_once(postgres, one):
    """Each end goes to one of them, and none is left."""
    for number in range(60):
        await lose(one, f"lost-{number}")
    journals = [PostgresJournal(postgres) for _ in range(4)]
    for journal in journals:
        await journal.open()
    found: Counter[str] = Counter()

    async def read(journal: PostgresJournal) -> None:
        while ends := await taken(journal, 3):
            found.update(ends)

    await asyncio.gather(*map(read, journals))
    assert len(found) == 65
    assert set(found.values()) == {1}
    for journal in journals:
        await journal.aclose()


async def test_a_doubt_that_goes_on_is_lent_anew(one, other):
    """Its end is another one, which either stream may get."""
    await one.mark_told([end.number for end in await one.take_untold()])
    await lose(one, "lost")
    assert await taken(one) == ["lost"]
    await lose(one, "lost")
    assert await taken(other) == ["lost"]
