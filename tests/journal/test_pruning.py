"""Jobs that ended long ago are removed, in a file and in PostgreSQL; what they cost stays counted."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs
import psycopg
import pytest

from evolink_async import Accepted, Budget, Completed, Failed, Job, Planned, Snapshot, Unknown
from evolink_async.errors import ConfigurationError, JournalError
from evolink_async.jobs import Standing, Timing
from evolink_async.journal import Journal, pruning
from evolink_async.journal.places import JournalPlace, Pruned, Pruning, journal_at
from evolink_async.journal.sqlite import SqliteJournal
from evolink_async.task import TaskFailure, TaskState
from evolink_async.wire import task_error
from tests.journal.test_file import older, row
from tests.journal.test_laws import SESSION, completed, intent, lose
from tests.kit import dance, jobs, open_pool

pytestmark = pytest.mark.anyio

AGES_AGO = 1e9
"""When jobs of these tests ended; seconds since 1970."""
OLD = Pruning(before=AGES_AGO + 1)


@attrs.frozen
class Kind:
    """A kind of journal: how it is opened, and how it is asked for in SQL."""

    url: str
    prefix: str

    def journal(self) -> Journal:
        """Another opening."""
        if not self.prefix:
            return SqliteJournal(self.url)
        from evolink_async.journal.postgres import PostgresJournal

        return PostgresJournal(self.url)

    @property
    def place(self) -> JournalPlace:
        """For the commands."""
        return journal_at(self.url)

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        """Run a statement, with the tables by their names in a file."""
        for table in ("jobs", "purchases", "pruned"):
            query = query.replace(f"{{{table}}}", f"{self.prefix}{table}")
        if self.prefix:
            with psycopg.connect(self.url, autocommit=True) as server:
                cursor = server.execute(query.encode())
                return cursor.fetchall() if cursor.description else []
        with closing(sqlite3.connect(self.url)) as connection, connection:
            return connection.execute(query).fetchall()


@pytest.fixture(params=["file", "postgres"])
def kind(request, tmp_path: Path) -> Kind:
    """Each kind of journal that lasts."""
    if request.param == "file":
        return Kind(str(tmp_path / "films.db"), "")
    return Kind(request.getfixturevalue("postgres"), "evolink_")


@pytest.fixture
async def full(kind: Kind) -> Kind:
    """A journal with a job for each way in which one can stand."""
    journal = kind.journal()
    await journal.open()
    for key in ("done", "saved", "failed", "untold", "unpriced", "late", "young", "going", "missing", "given-up"):
        await begin(journal, key, price=None if key == "unpriced" else 5.0)
    await journal.planned(attrs.evolve(intent("planned"), idempotency_key="", session=""))
    await journal.submitting(intent("sent"))
    await lose(journal, "doubt")
    for key in ("done", "saved", "untold", "unpriced", "late"):
        await journal.ended(end(key, price=None if key == "unpriced" else 7.0))
    await journal.ended(end("young", at=AGES_AGO + 100))
    await journal.saved(end("saved"))
    snapshot = Snapshot(task_id="task-failed", state=TaskState.FAILED, fault=TaskFailure(code="x", message="no"))
    await journal.ended(Failed("failed", task_error(snapshot), "task-failed"))
    for key in ("missing", "given-up"):
        await journal.missing(key, f"task-{key}")
    await journal.settled("given-up", "abandon")
    await journal.late_answer("ev-late", "task-paid-too")
    told = [one.number for one in await journal.untold() if one.outcome.key not in ("untold", "doubt")]
    await journal.mark_told(told)
    await journal.aclose()
    kind.sql(f"UPDATE {{jobs}} SET ended_at = {AGES_AGO} WHERE key IN ('failed', 'given-up')")
    return kind


async def begin(journal: Journal, key: str, price: float | None) -> None:
    """Have a job accepted."""
    await journal.submitting(intent(key))
    snapshot = Snapshot(task_id=f"task-{key}", state=TaskState.PENDING, credits_reserved=price)
    await journal.accepted(
        Accepted(key=key, task_id=snapshot.task_id, snapshot=snapshot, accepted_at=1e9, session=SESSION)
    )


def end(key: str, *, at: float = AGES_AGO, price: float | None = 7.0) -> Completed:
    """How a job ended."""
    made = completed(key)
    timing = Timing(accepted_at=AGES_AGO, finished_at=at, looks=1, lag=0.0)
    return attrs.evolve(made, timing=timing, snapshot=attrs.evolve(made.snapshot, credits_used=price))


async def standings(kind: Kind) -> dict[str, Standing]:
    """All that the journal knows, by key."""
    journal = kind.journal()
    await journal.open()
    found = dict(await journal.find(ALL))
    await journal.aclose()
    return found


ALL: tuple[str, ...] = (
    "done",
    "saved",
    "failed",
    "untold",
    "unpriced",
    "late",
    "young",
    "going",
    "missing",
    "given-up",
    "planned",
)
ALL += ("sent", "doubt")
GONE = {"done", "saved", "failed", "given-up"}


async def test_what_is_removed_and_what_stays(full):
    """Ended and told jobs of that age go; each other one is counted with the reason why it stays, or is not meant."""
    assert await full.place.prune(OLD) == Pruned(removed=4, untold=1, unpriced=1, late=1)
    found = await standings(full)
    assert found.keys() == {*ALL} - GONE
    kinds = {key: type(standing) for key, standing in found.items()}
    assert kinds["planned"] is Planned
    assert kinds["sent"] is kinds["doubt"] is Unknown
    assert kinds["going"] is kinds["missing"] is Accepted
    bought = {key for (key,) in full.sql("SELECT key FROM {purchases}")}
    assert bought == {*ALL} - GONE - {"planned"}
    assert await full.place.prune(OLD) == Pruned(untold=1, unpriced=1, late=1)


async def test_untold_ones_too(full):
    """If it is said so; nothing else goes with them."""
    everything = Pruning(before=1e12, untold=True)
    assert await full.place.prune(everything) == Pruned(removed=6, unpriced=1, late=1)
    assert (await standings(full)).keys() == {*ALL} - GONE - {"untold", "young"}


async def test_a_trial_changes_nothing(full):
    """It counts the same, also while a process has the file open."""
    before = full.sql("SELECT * FROM {jobs} ORDER BY key"), full.sql("SELECT * FROM {purchases} ORDER BY key")
    trial = attrs.evolve(OLD, is_trial=True)
    assert await full.place.prune(trial) == Pruned(removed=4, untold=1, unpriced=1, late=1)
    assert before == (full.sql("SELECT * FROM {jobs} ORDER BY key"), full.sql("SELECT * FROM {purchases} ORDER BY key"))
    journal = full.journal()
    await journal.open()
    assert (await full.place.prune(trial)).removed == 4
    await journal.aclose()


async def test_money_stays_counted(full):
    """The ledger is the same before and after: spent, held, prices, doubts."""

    async def ledger() -> object:
        journal = full.journal()
        await journal.open()
        try:
            return await journal.ledger()
        finally:
            await journal.aclose()

    before = await ledger()
    await full.place.prune(Pruning(before=1e12, untold=True))
    assert await ledger() == before
    assert full.sql("SELECT shape, jobs, spent, price FROM {pruned}") == [("any", 6, 28.0, 7.0)]
    await full.place.prune(Pruning(before=1e12, untold=True))
    assert await ledger() == before


@pytest.mark.parametrize("batch", [2, 3])
async def test_small_batches(full, monkeypatch, batch):
    """Whatever stands in the way of a batch, the next ones are looked at: also a batch of doubts alone."""
    monkeypatch.setattr(pruning, "BATCH", batch)
    from evolink_async.journal import postgres_pruning

    monkeypatch.setattr(postgres_pruning, "BATCH", batch)
    assert await full.place.prune(OLD) == Pruned(removed=4, untold=1, unpriced=1, late=1)


async def test_a_file_in_use_is_refused(tmp_path, emulator):
    """Its process would not see that a job is gone."""
    async with open_pool(emulator, journal=tmp_path / "films.db"):
        with pytest.raises(JournalError, match="in use"):
            await journal_at(str(tmp_path / "films.db")).prune(OLD)


async def test_pools_go_on_meanwhile(postgres, emulator):
    """In PostgreSQL; what a pool has claimed stays."""
    kind = Kind(postgres, "evolink_")
    everything = Pruning(before=1e12, untold=True)
    async with open_pool(emulator, journal=postgres, budget=Budget(credits=1000)) as pool:
        first = [outcome async for outcome in pool.run(jobs(5))]
        kind.sql(
            "INSERT INTO evolink_claims VALUES ('shot-1', 999, 'somebody') ON CONFLICT (key) DO UPDATE SET epoch = 1"
        )
        kind.sql("DELETE FROM evolink_claims WHERE key <> 'shot-1'")
        assert await kind.place.prune(everything) == Pruned(removed=4, in_use=1)
        again = [outcome async for outcome in pool.run([Job("shot-6", dance(6))])]
    assert len(first) + len(again) == 6
    async with open_pool(emulator, journal=postgres, budget=Budget(credits=1000)) as pool:
        assert pool.stats().credits_spent == pytest.approx(emulator.ledger.charged)
    assert emulator.ledger.accepted == 6


async def test_what_others_do_for_a_job_keeps_it(postgres):
    """In PostgreSQL: a stream has its end in hand, a queue brings it to a worker, or a budget holds credits for it.

    Nothing of a job that goes stays: neither rows of a queue that has given it up, nor of its earlier tasks.
    """
    kind = Kind(postgres, "evolink_")
    journal = kind.journal()
    await journal.open()
    for key in ("lent", "queued", "held", "given-up", "anew"):
        await begin(journal, key, price=5.0)
    await journal.bought_anew("anew", "task-anew")
    await journal.submitting(attrs.evolve(intent("anew"), idempotency_key="ev-anew-2"))
    made = attrs.evolve(end("anew"), task_id="task-anew-2")
    await journal.accepted(
        Accepted(
            key="anew", task_id="task-anew-2", snapshot=attrs.evolve(made.snapshot), accepted_at=1e9, session=SESSION
        )
    )
    await journal.shared_account(100.0, None)
    for key in ("lent", "queued", "held", "given-up"):
        await journal.ended(end(key))
    await journal.ended(made)
    [lent, *_] = await journal.take_untold(limit=1)
    assert lent.outcome.key == "lent"
    kind.sql("DELETE FROM evolink_claims")
    kind.sql("INSERT INTO evolink_queue (key, given_up) VALUES ('queued', NULL), ('given-up', 'refused')")
    kind.sql("INSERT INTO evolink_holds (key, shape, units) VALUES ('held', 'any', 30000)")
    before = kind.sql("SELECT spent, held, stuck FROM evolink_budget")
    trial = Pruning(before=1e12, untold=True, is_trial=True)
    for pruning_now in (trial, attrs.evolve(trial, is_trial=False)):
        assert await kind.place.prune(pruning_now) == Pruned(removed=2, in_use=2, unpriced=1)
    assert before == [(35 * 10_000, 3 * 10_000, 0)]
    assert kind.sql("SELECT spent, held, stuck FROM evolink_budget") == before
    assert kind.sql("SELECT key FROM evolink_queue") == [("queued",)]
    assert kind.sql("SELECT key FROM evolink_holds") == [("held",)]
    assert kind.sql("SELECT key FROM {purchases} ORDER BY key") == [("held",), ("lent",), ("queued",)]
    assert kind.sql("SELECT count(*) FROM evolink_failed_tasks") == [(0,)]
    await journal.mark_told([lent.number])
    kind.sql("DELETE FROM evolink_queue")
    kind.sql("DELETE FROM evolink_holds")
    assert await kind.place.prune(attrs.evolve(trial, is_trial=False)) == Pruned(removed=3)
    for table in ("jobs", "purchases", "claims", "tellers", "queue", "holds", "failed_tasks", "calls"):
        assert kind.sql(f"SELECT count(*) FROM evolink_{table}") == [(0,)], table
    await journal.aclose()


async def test_a_budget_that_begins_later_knows_what_was_removed(full):
    """Where nobody had a budget before jobs were removed, the first pool with one counts them too."""
    before = {key for (key,) in full.sql("SELECT key FROM {jobs} WHERE state IN ('completed', 'downloaded')")}
    await full.place.prune(Pruning(before=1e12, untold=True))
    journal = full.journal()
    await journal.open()
    account = await journal.shared_account(1000.0, None)
    spent = (await journal.ledger()).spent if account is None else account.balance.spent
    prices = (await journal.ledger()).prices if account is None else account.prices
    assert (spent, prices) == (7.0 * (len(before) - 1), {"any": 7.0})
    await journal.aclose()


async def test_a_job_that_goes_on_meanwhile_stays(full):
    """As one that is bought anew between the look and the removal: the condition holds in the transaction."""
    journal = full.journal()
    await journal.open()
    await journal.bought_anew("failed", "task-failed")
    await journal.aclose()
    assert (await full.place.prune(OLD)).removed == 3
    assert isinstance((await standings(full))["failed"], Planned)


async def test_a_late_answer_after_the_removal_is_kept(full):
    """A paid task id is never thrown away, though its job is gone."""
    await full.place.prune(OLD)
    journal = full.journal()
    await journal.open()
    assert not await journal.late_answer("ev-done", "task-very-late")
    await journal.aclose()
    [(late,)] = full.sql("SELECT late_task_ids FROM {purchases} WHERE idempotency_key = 'ev-done'")
    assert "task-very-late" in late


async def test_no_journal(tmp_path, postgres):
    """Neither a file nor a table is made."""
    for url in (str(tmp_path / "films.db"), postgres):
        for trial in (True, False):
            with pytest.raises(ConfigurationError, match="no journal"):
                await journal_at(url).prune(attrs.evolve(OLD, is_trial=trial))
    assert [*tmp_path.iterdir()] == []
    with psycopg.connect(postgres) as server:
        assert server.execute("SELECT to_regclass('evolink_jobs')").fetchone() == (None,)


@pytest.mark.parametrize("version", [1, 2, 3, 4])
async def test_a_file_of_an_earlier_version(tmp_path, version):
    """A trial reads it as it is; what ended before there were streams of outcomes counts as told."""
    path = tmp_path / "films.db"
    facts: dict[str, Any] = {"task_id": "task-1", "ended_at": AGES_AGO, "accepted_at": 1.0, "credits_used": 3.0}
    told: dict[str, Any] = {"told_at": 5.0, "end_number": 1} if version >= 3 else {}
    older(path, version, row("one", "completed", **facts, **told), row("two", "planned"))
    assert await journal_at(str(path)).prune(attrs.evolve(OLD, is_trial=True)) == Pruned(removed=1)
    assert (await SqliteJournal(path).ledger()).spent == 3.0
    assert await journal_at(str(path)).prune(OLD) == Pruned(removed=1)
    assert (await SqliteJournal(path).ledger()).spent == 3.0
