"""What a journal in PostgreSQL costs: CPU here and at the server, bytes, and whether it is as quick with many rows.

The page `docs/explanation/sizing.md` reckons with these figures.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path

import attrs
import psycopg

import evolink_async as ev
from evolink_async.jobs import Timing, digest
from evolink_async.journal import Intent
from evolink_async.journal.places import Pruning, journal_at
from evolink_async.journal.postgres import PostgresJournal
from evolink_async.task import Snapshot, TaskState

from .cpu import LIMITS, shot
from .measure import ROUNDS, WORKERS, Row, lowest_of, per_call
from .server import Server, server
from .service import Lives
from .stub import stub
from .vendor import KEY

MANY = 1_000_000
FEW = 1_000
PROMPT = "A dancer in a red coat turns slowly under the lamps of an empty station while the snow falls outside. " * 2
LINK = "https://files.evolink.ai/videos/2026/11/26/0123456789abcdef.mp4?sig=0123456789abcdef0123456789abcdef&exp=1790000000"
TOGETHER = 100
"""Jobs that are claimed, or looked up, with one statement."""
PRUNED = 50_000
"""Old jobs that are removed."""
SUBMITS = 300
"""Submits of a round: each waits for three commits of the server."""
STEPWISE = 1_000
"""Jobs that go through all their steps."""

# One job that went through all its steps, as often as it is wanted; but for the last 1,000, all are told.
_OWN = {
    "key": "'shot-' || n",
    "digest": "encode(sha256(n::text::bytea), 'hex')",
    "task_id": "'task-unified-1790000000-' || n",
    "idempotency_key": "'ev-' || encode(substr(sha256(n::text::bytea), 1, 16), 'hex')",
    "end_number": "n",
    "told_at": "CASE WHEN n <= {count} - 1000 THEN 1 END",
}
_COLUMNS = """
    SELECT attname FROM pg_attribute WHERE attrelid = 'evolink_jobs'::regclass AND attnum > 0 AND NOT attisdropped
"""
_COPY_PURCHASES = """
    INSERT INTO evolink_purchases (idempotency_key, key, session, sent_at)
    SELECT idempotency_key, key, session, sent_at FROM evolink_jobs WHERE key <> 'first'
"""


async def shared(many: int = MANY) -> AsyncIterator[Row]:
    """All of it, on one server."""
    with server() as there:
        async for row in _submits(there):
            yield row
        async with AsyncExitStack() as stack:
            small = await stack.enter_async_context(full(there, "small", FEW))
            large = await stack.enter_async_context(full(there, "large", many))
            yield Row(f"a job of {many:,} in PostgreSQL / 1.5 KB", large.bytes_each, 1536, "bytes", 1.0)
            for row in await _reads(small, large, many):
                yield row
            for row in await _claims(large):
                yield row
            async for row in _steps(there, large):
                yield row
        yield await _pruned(there)


async def _submits(there: Server) -> AsyncIterator[Row]:
    """A submit with a journal in PostgreSQL, beside one with a journal in a file; CPU of this process."""
    with tempfile.TemporaryDirectory() as folder, stub(Lives()) as url:
        async with (
            ev.SessionPool(KEY, base_url=url, limits=LIMITS, journal=Path(folder) / "submits.db") as file,
            ev.SessionPool(KEY, base_url=url, limits=LIMITS, journal=there.schema("submits")) as server_pool,
        ):
            took = there.cpu()
            written, shared_ = await lowest_of(
                lambda: per_call(lambda n: file.submit(shot(n)), SUBMITS),
                lambda: per_call(lambda n: server_pool.submit(shot(n)), SUBMITS),
            )
            theirs = (there.cpu() - took) / (ROUNDS * SUBMITS) * 1e6
    yield Row("one submit, journal in PostgreSQL / in a file", shared_, written, "us CPU", None)
    yield Row("  CPU of the server beside it / of this process", theirs, shared_, "us CPU", None)


@attrs.frozen
class Full:
    """A journal with many jobs that have ended."""

    journal: PostgresJournal
    url: str
    count: int
    bytes_each: float


@asynccontextmanager
async def full(there: Server, name: str, number: int) -> AsyncIterator[Full]:
    """A journal with `number` jobs that have ended, and with nothing that VACUUM would remove."""
    url = there.schema(name)
    # Nobody renews the lease here.
    journal = PostgresJournal(url, lease=3600)
    await journal.open()
    try:
        empty = there.size(url)
        await journal.claim(["first"], "bench")
        await started(journal, "first")
        await ended(journal, "first")
        columns = [name for (name,) in there.sql(_COLUMNS, url)]
        values = ", ".join(_OWN.get(name, f"job.{name}") for name in columns).format(count=number)
        rows = f"FROM evolink_jobs AS job, generate_series(1, {number}) AS n WHERE key = 'first'"
        copies = f"INSERT INTO evolink_jobs ({', '.join(columns)}) SELECT {values} {rows}"
        counter = f"UPDATE evolink_journal SET ends = {number}"
        for query in (copies, _COPY_PURCHASES, counter, "VACUUM ANALYZE"):
            await asyncio.to_thread(there.sql, query, url)
        yield Full(journal, url, number, (there.size(url) - empty) / number)
    finally:
        await journal.aclose()


def _snapshot(key: str) -> Snapshot:
    return Snapshot(
        task_id=f"task-unified-1790000000-{key}",
        state=TaskState.PENDING,
        model="wan2.6-reference-video",
        credits_reserved=5.0,
        estimated_seconds=120.0,
    )


async def started(journal: PostgresJournal, key: str) -> None:
    """Intent and task of a job that this process has claimed."""
    params = ev.Wan26ReferenceVideo(prompt=f"{PROMPT}{key}", video_urls=["https://example.com/footage/dancer-0001.mp4"])
    intent = Intent(
        key=key,
        model=params.model,
        path=params.path,
        body=json.dumps(ev.dump_params(params)).encode(),
        digest=digest(params),
        idempotency_key=f"ev-{digest(params)[:32]}",
        session="5e551019",
        price_class="wan2.6-reference-video 720p 5s sound",
    )
    await journal.submitting(intent)
    seen = _snapshot(key)
    await journal.accepted(
        ev.Accepted(key=key, task_id=seen.task_id, snapshot=seen, accepted_at=1.79e9, session=intent.session)
    )


async def ended(journal: PostgresJournal, key: str) -> None:
    """The end of a job that was accepted."""
    seen = attrs.evolve(_snapshot(key), state=TaskState.COMPLETED, urls=(LINK,), credits_used=5.0)
    timing = Timing(accepted_at=1.79e9, finished_at=1.79e9 + 120, looks=2, lag=1.5)
    await journal.ended(
        ev.Completed(
            key=key, task_id=seen.task_id, urls=seen.urls, expires_at=1.79e9 + 86400, snapshot=seen, timing=timing
        )
    )


async def _reads(small: Full, large: Full, many: int) -> list[Row]:
    """What is asked while jobs run, with many rows and with few: on indexes, it takes as long."""
    asked: dict[str, Callable[[Full, int], Awaitable[object]]] = {
        f"a look-up of {TOGETHER}": lambda full, number: full.journal.find(_keys(full, number)),
        "100 ends not told": lambda full, _: full.journal.untold(full.count - 1000),
        "a sweep of ended leases": lambda full, _: full.journal.renew([], "bench"),
    }
    rows = []
    for what, act in asked.items():
        ours, rival = await _quickest(partial(act, large), partial(act, small))
        # A sweep waits for a commit, and the disk decides how long.
        goal = None if "sweep" in what else 2.0
        rows.append(Row(f"{what}, {many:,} jobs / {FEW:,} jobs", ours, rival, "us", goal))
    return rows


def _keys(full: Full, number: int) -> list[str]:
    # Far from each other, as the jobs of a queue are.
    return [f"shot-{(number * 7919 + step * 104_729) % full.count + 1}" for step in range(TOGETHER)]


async def _claims(large: Full) -> list[Row]:
    """New claims: many with one statement, as of a chunk from a queue, and one by one, as of a run."""
    numbers = count(1)

    async def together(_: int) -> None:
        number = next(numbers)
        await large.journal.claim([f"claim-{number}-{step}" for step in range(TOGETHER)], "bench")

    async def alone(_: int) -> None:
        await large.journal.claim([f"claim-{next(numbers)}"], "bench")

    many, one = await _quickest(together, alone)
    return [
        Row(f"one claim of {TOGETHER} together / 200 us, which is 5,000 a second", many / TOGETHER, 200, "us", 1.0),
        Row("one claim alone / 200 us", one, 200, "us", None),
    ]


async def _steps(there: Server, large: Full) -> AsyncIterator[Row]:
    """Claim, intent, task, end, told: what a job takes of the server, and how many of them it does at most."""
    journal, keys = large.journal, [f"step-{number}" for number in range(STEPWISE)]
    before, size, log, began = there.cpu(), there.size(large.url), there.log(), time.perf_counter()

    async def begin(number: int) -> None:
        await journal.claim([keys[number]], "bench")
        await started(journal, keys[number])

    await _all(begin, STEPWISE)
    half = time.perf_counter()
    await _all(lambda number: ended(journal, keys[number]), STEPWISE)
    last = time.perf_counter()
    ends = [one.number for one in await journal.untold(large.count, STEPWISE)]
    for start in range(0, len(ends), TOGETHER):
        await journal.mark_told(ends[start : start + TOGETHER])
        await journal.release(keys[start : start + TOGETHER], "bench")
    theirs = (there.cpu() - before) / STEPWISE * 1e6
    yield Row("all steps of a job: CPU of the server / 1 ms", theirs, 1000, "us CPU", None)
    yield Row(
        "all steps of a job, one process / 1 ms", (time.perf_counter() - began) / STEPWISE * 1e6, 1000, "us", None
    )
    commit = await asyncio.to_thread(_commit, there)
    yield Row("  an end, 32 at once / a commit alone", (last - half) / STEPWISE * 1e6, commit, "us", None)
    yield Row(
        "  bytes in tables, before VACUUM / 1.5 KB", (there.size(large.url) - size) / STEPWISE, 1536, "bytes", None
    )
    yield Row("  bytes in the log / 10 KB", (there.log() - log) / STEPWISE, 10_240, "bytes", None)


def _commit(there: Server, calls: int = 100) -> float:
    """Microseconds of a commit of one row, one after the other: mostly the wait for the disk."""
    there.sql("CREATE TABLE commits (number integer)")
    with psycopg.connect(there.url, autocommit=True) as connection:
        began = time.perf_counter()
        for number in range(calls):
            connection.execute("INSERT INTO commits VALUES (%s)", (number,))
        return (time.perf_counter() - began) / calls * 1e6


async def _pruned(there: Server) -> Row:
    """A job that is removed because it ended long ago."""
    async with full(there, "old", PRUNED) as old:
        began = time.perf_counter()
        pruned = await journal_at(old.url).prune(Pruning(before=2e9))
        seconds = time.perf_counter() - began
    assert pruned.removed > PRUNED - 2000, pruned
    return Row("a job removed by journal prune / 100 us", seconds / PRUNED * 1e6, 100, "us", 1.0)


async def _quickest(*acts: Callable[[int], Awaitable[object]], calls: int = 200) -> list[float]:
    """Microseconds of one call of each, several at once: the lowest of interleaved rounds, as in `lowest`."""
    rounds: list[list[float]] = []
    for _ in range(ROUNDS):
        figures = []
        for act in acts:
            began = time.perf_counter()
            await _all(act, calls)
            figures.append((time.perf_counter() - began) / calls * 1e6)
        rounds.append(figures)
    return [min(column) for column in zip(*rounds, strict=True)]


async def _all(act: Callable[[int], Awaitable[object]], calls: int) -> None:
    numbers: Iterator[int] = iter(range(calls))

    async def work() -> None:
        for number in numbers:
            await act(number)

    await asyncio.gather(*(work() for _ in range(WORKERS)))
