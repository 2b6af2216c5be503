"""The reads of a journal in PostgreSQL: what is known of jobs, tasks and uploads.

What a row means is in `rows`; writes are in `postgres`. Jobs of all pools that share the journal are read.
"""

# ruff: noqa: S608  # all names in the statements are constants of this package; values are bound

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..budget import UNITS, Ledger
from ..jobs import Accepted, Completed, DurationClass, Failed, Job, JobState, Standing, Unknown, digest
from ..media import Upload
from .conflicts import conflict, is_same_job
from .entries import Bought, Found, Known, Untold
from .postgres_connections import Connection, Connections, DictRow, run
from .rows import (
    COLUMNS,
    COST,
    LEARNED,
    STATES,
    UPLOAD_COLUMNS,
    Row,
    accepted_of,
    bought_of,
    ended_of,
    ledger_of,
    sent_of,
    standing_of,
    unknown_of,
    untold_of,
    upload_of,
)

# The body only where it is needed: it is most of a row's bytes.
KNOWN = f"""
    SELECT {COLUMNS}, CASE WHEN state IN ('submitting', 'in_doubt') THEN body END AS body
    FROM evolink_jobs WHERE key = ANY(%s) AND state <> 'planned'
"""
BODY = "SELECT body FROM evolink_jobs WHERE key = %s"
FIND = f"SELECT {COLUMNS} FROM evolink_jobs WHERE key = ANY(%s)"
# PostgreSQL uses a partial index only for a statement that repeats the index's own condition.
OPEN = "state IN ('planned', 'submitting', 'accepted', 'in_doubt')"
# What an owner was submitting whose lease has ended is in doubt, also while no pool has written that down.
IS_LOST = """(state = 'submitting' AND NOT EXISTS (
    SELECT FROM evolink_owners AS owner WHERE owner.epoch = job.epoch AND lease_until > clock_timestamp()
))"""
LIST = f"SELECT {COLUMNS} FROM evolink_jobs WHERE key > %s AND state = ANY(%s) ORDER BY key LIMIT %s"
# One state at a time comes out of the index in the order of its keys.
LIST_OPEN = f"SELECT {COLUMNS} FROM evolink_jobs WHERE state = %s AND key > %s AND {OPEN} ORDER BY key LIMIT %s"
OWNERS = f"SELECT {COLUMNS} FROM evolink_jobs WHERE task_id = ANY(%s) AND state = 'accepted'"
OUTCOMES = f"""
    SELECT {COLUMNS} FROM evolink_jobs
    WHERE task_id = ANY(%s) AND state IN ('completed', 'downloaded', 'failed', 'cancelled')
"""
PURCHASES = """
    SELECT purchase.idempotency_key AS purchase, job.key, model, state, task_id, purchase.sent_at,
        job.idempotency_key IS NOT DISTINCT FROM purchase.idempotency_key AS is_latest
    FROM evolink_purchases AS purchase JOIN evolink_jobs AS job ON job.key = purchase.key
    WHERE purchase.idempotency_key = ANY(%s)
"""
UNTOLD = f"""
    SELECT end_number, {COLUMNS} FROM evolink_jobs
    WHERE end_number > %s AND end_number IS NOT NULL AND told_at IS NULL ORDER BY end_number LIMIT %s
"""
UNFINISHED = f"SELECT {COLUMNS} FROM evolink_jobs WHERE {OPEN} AND state <> 'planned' ORDER BY sent_at, key"
UPLOADS = f"SELECT {UPLOAD_COLUMNS} FROM evolink_uploads WHERE sha256 = ANY(%s)"
ENDS = "SELECT ends FROM evolink_journal"
# The middle of the interval in which a task ended; see `Schedule.observe`. Without polls there was no interval.
DURATIONS = """
    SELECT model, body::json->>'quality' AS quality, body::json->'duration' AS duration,
        ended_at - lag / 2 - accepted_at AS seconds
    FROM evolink_jobs WHERE end_number > (SELECT ends FROM evolink_journal) - %s
        AND state IN ('completed', 'downloaded') AND accepted_at IS NOT NULL AND looks > 0
    ORDER BY end_number
"""
# To the unit for each job, as `postgres_money` counts.
SPENT = f"""
    SELECT (coalesce(sum(round({COST} * {UNITS})), 0)
        + (SELECT coalesce(sum(round(spent * {UNITS})), 0) FROM evolink_pruned))::bigint AS units
    FROM evolink_jobs
"""
PRICES = """
    SELECT shape, max(price) AS price FROM (
        SELECT shape, price FROM evolink_pruned WHERE price IS NOT NULL UNION ALL
        SELECT shape, greatest(coalesce(credits_reserved, 0), coalesce(credits_used, 0)) FROM evolink_jobs
        WHERE credits_reserved IS NOT NULL OR credits_used IS NOT NULL
    ) AS named GROUP BY shape
"""
HOLDING = """
    SELECT key, state, shape, CASE WHEN state <> 'submitting' THEN credits_reserved END AS credits_reserved
    FROM evolink_jobs WHERE state IN ('submitting', 'accepted', 'in_doubt')
        OR (state IN ('completed', 'downloaded') AND credits_reserved IS NULL AND credits_used IS NULL)
"""


async def read_ledger(connection: Connection) -> tuple[Ledger, list[DictRow]]:
    """Add up all rows, in a transaction; return the rows of the jobs that hold credits beside."""
    await connection.execute("SET LOCAL enable_seqscan = on")  # it reads all rows
    [spent] = await run(connection, SPENT)
    prices = {row["shape"]: row["price"] for row in await run(connection, PRICES)}
    rows = await run(connection, HOLDING)
    holding = [(row["key"], row["state"], row["shape"], row["credits_reserved"]) for row in rows]
    return ledger_of(spent["units"] / UNITS, prices, holding), rows


class PostgresReads:
    """The calls of `Journal` that read.

    Args:
        connections: To the server.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._ends_before = 0

    async def known(self, jobs: Sequence[Job]) -> dict[str, Found]:
        """Look the keys up and compare the parameters. Those of a job that is only planned may change."""
        rows = {row["key"]: row for row in await self._rows(KNOWN, [job.key for job in jobs])} if jobs else {}
        return {job.key: await self._found(job, rows[job.key]) for job in jobs if job.key in rows}

    async def _found(self, job: Job, row: Row) -> Found:
        # Of a job that was lost at a failover only the key is known: it is the one that is asked for.
        is_same, body = row["digest"] in ("", digest(job.params)), row["body"]
        if is_same:
            return Known(sent_of(row), row["session"] or "", None if body is None else body.encode())
        if body is None:
            [kept] = await self._rows(BODY, job.key)
            body = kept["body"]
        if not is_same_job(row["digest"], body.encode(), job.params):
            return conflict(job.key, body.encode(), job.params)
        return Known(sent_of(row), row["session"] or "", None if row["body"] is None else body.encode())

    async def find(self, keys: Sequence[str]) -> dict[str, Standing]:
        """Look the keys up."""
        return {row["key"]: standing_of(row) for row in await self._rows(FIND, list(keys))}

    async def jobs(self, states: Collection[JobState], after: str = "", limit: int = 100) -> list[Standing]:
        """Read rows in the order of their keys."""
        of_rows = [str(state) for name in states for state in STATES[name]]
        if len(of_rows) == 1 and of_rows[0] in OPEN:
            return [standing_of(row) for row in await self._rows(LIST_OPEN, of_rows[0], after, limit)]
        return [standing_of(row) for row in await self._rows(LIST, after, of_rows, limit)]

    async def ledger(self) -> Ledger:
        """Add up the rows of all pools that share the journal."""

        async def read(connection: Connection) -> Ledger:
            async with connection.transaction():
                await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                return (await read_ledger(connection))[0]

        return await self._connections.run(read)

    async def durations(self) -> tuple[tuple[DurationClass, float], ...]:
        """Read the rows that ended last."""
        rows = await self._rows(DURATIONS, LEARNED)
        return tuple([((row["model"], row["quality"], row["duration"]), row["seconds"]) for row in rows])

    async def hosted(self, sha256s: Sequence[str]) -> dict[str, Upload]:
        """Look the digests up."""
        return {row["sha256"]: upload_of(row) for row in await self._rows(UPLOADS, list(sha256s))}

    async def untold(self, after: int = 0, limit: int = 100) -> list[Untold]:
        """Read rows in the order of their ends."""
        return [untold_of(row, self._ends_before) for row in await self._rows(UNTOLD, after, limit)]

    async def owner(self, task_ids: Sequence[str]) -> dict[str, Known]:
        """Look the task ids up."""
        rows = await self._rows(OWNERS, list(task_ids))
        return {row["task_id"]: Known(accepted_of(row), row["session"] or "") for row in rows}

    async def outcome(self, task_ids: Sequence[str]) -> dict[str, Completed | Failed]:
        """Read the rows of the jobs that have ended."""
        return {row["task_id"]: ended_of(row) for row in await self._rows(OUTCOMES, list(task_ids))}

    async def purchases(self, idempotency_keys: Sequence[str]) -> dict[str, Bought]:
        """Look the purchases up, with their jobs."""
        rows = await self._rows(PURCHASES, list(idempotency_keys))
        return {row["purchase"]: bought_of(row) for row in rows}

    def unfinished(self) -> tuple[Accepted | Unknown, ...]:
        """Read the jobs of all pools that are accepted or in doubt. This thread waits for the server."""
        rows: Sequence[Mapping[str, Any]] = self._connections.read_now(UNFINISHED)
        return tuple(accepted_of(row) if row["state"] == "accepted" else unknown_of(row) for row in rows)

    async def _rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        return await self._connections.run(lambda connection: run(connection, query, values))
