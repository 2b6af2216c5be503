"""What processes tell each other by a journal in PostgreSQL, and the slots it lends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest

from evolink_async.journal.postgres import PostgresJournal
from evolink_async.journal.postgres_facts import LATE_SECONDS, LEND, PLACE_SECONDS

pytestmark = pytest.mark.anyio

SCOPE = "outage abc https://api.example.com"


@pytest.fixture
async def one(postgres: str) -> AsyncIterator[PostgresJournal]:
    """A process's journal."""
    journal = PostgresJournal(postgres)
    await journal.open()
    yield journal
    await journal.aclose()


@pytest.fixture
async def other(postgres: str) -> AsyncIterator[PostgresJournal]:
    """Another process's journal, on the same tables."""
    journal = PostgresJournal(postgres)
    await journal.open()
    yield journal
    await journal.aclose()


async def change(postgres: str, query: str) -> None:
    """Change a row behind their backs."""
    async with await psycopg.AsyncConnection.connect(postgres, autocommit=True) as connection:
        await connection.execute(query.encode())


async def test_what_one_tells_the_other_reads(one, other):
    """With its age, and it is woken."""
    mine, yours = one.shared_facts(), other.shared_facts()
    seen = yours.changed.count
    assert await mine.tell(SCOPE, {"is_open": False}, 0) == 1
    async with asyncio.timeout(30):
        await yours.changed.wait_past(seen)
    [fact] = await yours.read([SCOPE, "another"])
    assert (fact.scope, fact.version, fact.state) == (SCOPE, 1, {"is_open": False})
    assert 0 <= fact.age < 60


async def test_nothing_is_told_over_what_was_not_read(one, other):
    """Of two that tell at the same time, one reads first what the other has told."""
    mine, yours = one.shared_facts(), other.shared_facts()
    answers = await asyncio.gather(mine.tell(SCOPE, {"by": "one"}, 0), yours.tell(SCOPE, {"by": "other"}, 0))
    assert sorted(answers, key=str) == [1, None]
    assert await mine.tell(SCOPE, {}, 1) == 2
    assert await yours.tell(SCOPE, {}, 1) is None


async def test_one_at_a_time_has_the_place(one, other):
    """And who has it alone tells anything; whatever its version is."""
    mine, yours = one.shared_facts(), other.shared_facts()
    assert not await mine.take_place([SCOPE]), "nothing was told yet"
    await mine.tell(SCOPE, {}, 0)
    answers = await asyncio.gather(mine.take_place([SCOPE]), yours.take_place([SCOPE]))
    assert sorted(answers) == [False, True]
    holder, waiting = (mine, yours) if answers[0] else (yours, mine)
    assert await holder.take_place([SCOPE]), "asking again changes nothing"
    assert await waiting.tell(SCOPE, {}, 1) is None
    assert await holder.tell(SCOPE, {}, 0) == 2
    assert await waiting.keep_place([SCOPE]) == []
    assert await holder.keep_place([SCOPE]) == [SCOPE]
    await waiting.leave_place([SCOPE])
    assert not await waiting.take_place([SCOPE])
    seen = waiting.changed.count
    await holder.leave_place([SCOPE])
    async with asyncio.timeout(30):
        await waiting.changed.wait_past(seen)
    assert await waiting.take_place([SCOPE])


async def test_places_are_taken_all_or_none(one, other):
    """So nobody waits in a circle."""
    mine, yours = one.shared_facts(), other.shared_facts()
    for scope in ("a", "b"):
        await mine.tell(scope, {}, 0)
    assert await mine.take_place(["a"])
    assert not await yours.take_place(["a", "b"])
    assert await mine.take_place(["b"]), "the other has nothing of it"


@pytest.mark.parametrize(
    "gone",
    [
        f"UPDATE evolink_facts SET held_until = held_until - interval '{PLACE_SECONDS + 1} s'",
        "UPDATE evolink_owners SET lease_until = clock_timestamp() WHERE epoch = (SELECT epoch FROM evolink_facts)",
    ],
)
async def test_the_place_of_a_dead_process_is_free(one, other, postgres, gone):
    """When it was not kept, or the lease has ended."""
    mine, yours = one.shared_facts(), other.shared_facts()
    await mine.tell(SCOPE, {}, 0)
    assert await mine.take_place([SCOPE])
    await change(postgres, gone)
    assert await yours.take_place([SCOPE])
    assert await mine.keep_place([SCOPE]) == []


@pytest.mark.parametrize("has_it", [False, True], ids=["it asks", "it has it"])
async def test_who_has_no_lease_any_more_gets_no_place(one, other, postgres, has_it):
    """Others would see a free place, and two would try at the same time."""
    mine, yours = one.shared_facts(), other.shared_facts()
    await mine.tell(SCOPE, {}, 0)
    if has_it:
        assert await mine.take_place([SCOPE])
    await change(postgres, f"UPDATE evolink_owners SET lease_until = now() WHERE epoch = {one._open_lease().epoch}")
    assert not await mine.take_place([SCOPE])
    assert await mine.keep_place([SCOPE]) == []
    assert await yours.take_place([SCOPE])


async def test_slots_lie_evenly_apart_over_all(one, other):
    """Each gets the next ones."""
    mine, yours = one.shared_facts(), other.shared_facts()
    for facts in (mine, yours):
        await facts.limit_rate(0.6)
    chunks = [await facts.lend("key", count) for facts, count in ((mine, 3), (yours, 1), (mine, 2))]
    delays = [chunk.delay for chunk in chunks if chunk is not None]
    assert len(delays) == 3
    # Slots are 100 s apart; the test takes no such time.
    assert [round(delay / 100) for delay in delays] == [0, 3, 4]
    assert {(chunk.gap, chunk.pools) for chunk in chunks if chunk is not None} == {(100.0, 2)}


async def test_slots_do_not_wait_for_the_disk_and_all_else_does(one, postgres):
    """All pools with a key write the same row, one after the other."""
    await one.shared_facts().limit_rate(60)
    values = {"scope": "key", "count": 1, "late": LATE_SECONDS}
    async with await psycopg.AsyncConnection.connect(postgres, autocommit=True) as connection:
        for _ in range(2):  # the first makes the row, the second changes it
            async with connection.transaction():
                [lent] = await (await connection.execute(LEND.encode(), values)).fetchall()
                assert lent[2] == 1
                assert await (await connection.execute("SHOW synchronous_commit")).fetchone() == ("off",)
            assert await (await connection.execute("SHOW synchronous_commit")).fetchone() == ("on",)


async def test_keys_have_slots_of_their_own(one):
    """One that has many waiting costs another key nothing."""
    facts = one.shared_facts()
    await facts.limit_rate(0.6)
    await facts.lend("key", 10)
    chunk = await facts.lend("another", 1)
    assert chunk is not None
    assert round(chunk.delay / 100) == 0


async def test_the_strictest_of_the_open_pools_holds(one, other):
    """Until it closes, or has no limit any more."""
    mine, yours = one.shared_facts(), other.shared_facts()
    assert await mine.lend("key", 1) is None, "nobody has a limit"
    await mine.limit_rate(60)
    await yours.limit_rate(30)
    strict = await mine.lend("key", 1)
    await yours.limit_rate(None)
    loose = await mine.lend("key", 1)
    assert [(chunk.gap, chunk.pools) for chunk in (strict, loose) if chunk is not None] == [(2.0, 2), (1.0, 1)]


async def test_missed_slots_are_lost_but_for_a_moment(one, postgres):
    """Nobody sends a burst after a pause."""
    facts = one.shared_facts()
    await facts.limit_rate(6000)
    await facts.lend("key", 1)
    await change(postgres, "UPDATE evolink_rates SET next_at = next_at - interval '1 hour'")
    chunk = await facts.lend("key", 5)
    assert chunk is not None
    assert chunk.delay >= -LATE_SECONDS - 1


async def test_a_lease_that_begins_anew_keeps_the_rate(one, postgres):
    """A process that was away goes on as before."""
    facts = one.shared_facts()
    await facts.limit_rate(60)
    await change(postgres, "UPDATE evolink_owners SET lease_until = clock_timestamp()")
    await one.renew([], "me")
    chunk = await facts.lend("key", 1)
    assert chunk is not None
    assert chunk.gap == 1.0
