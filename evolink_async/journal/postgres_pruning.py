"""Removes jobs from a journal in PostgreSQL that ended long ago, while pools use it. What they cost stays counted.

Which jobs stay, and why, is in `pruning`. Jobs are looked at in the order in which their ends were recorded.
"""

# ruff: noqa: S608  # all names in the statements are constants of this package; values are bound

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from ..budget import UNITS
from ..errors import ConfigurationError
from .postgres_connections import Connection, Connections, DictRow, run
from .postgres_schema import HAS_TABLES, prepare
from .postgres_silence import within
from .pruning import BATCH, ENDED, Pruned, Pruning, verdict
from .rows import COST

# Neither EXISTS nor a join, for which PostgreSQL would read the whole other table in each batch.
_LATE = """(
    SELECT true FROM evolink_purchases AS kept WHERE kept.key = job.key AND kept.late_task_ids IS NOT NULL LIMIT 1
)"""
_HELD = "(SELECT true FROM evolink_holds AS hold WHERE hold.key = job.key LIMIT 1)"
# Claimed, on its way to a consumer, or queued for a worker that has not seen its end.
_IN_USE = """coalesce(
    (SELECT true FROM evolink_claims AS claim WHERE claim.key = job.key LIMIT 1),
    (SELECT true FROM evolink_tellers AS lent WHERE lent.end_number = job.end_number LIMIT 1),
    (SELECT true FROM evolink_queue AS queued WHERE queued.key = job.key AND given_up IS NULL LIMIT 1)
)"""
_PAGE = f"""page AS (
        SELECT key, end_number, ended_at, state IN {ENDED} AND ended_at < %(before)s AS is_old,
            {verdict(late=_LATE, in_use=_IN_USE, held=_HELD, untold="%(untold)s")} AS verdict
        FROM evolink_jobs AS job WHERE end_number > %(after)s AND end_number IS NOT NULL
        ORDER BY end_number LIMIT %(limit)s
    )"""
# A page without an old end is the last one: ends are recorded nearly in the order of their times.
_REPORT = """
    SELECT (SELECT max(end_number) FROM page) AS last,
        (SELECT coalesce(bool_or(ended_at IS NULL OR ended_at < %(before)s), false) FROM page) AS goes_on,
        (SELECT json_object_agg(verdict, number) FROM (
            SELECT verdict, count(*) AS number FROM page WHERE is_old GROUP BY verdict
        ) AS counted) AS counts
"""
COUNT = f"WITH {_PAGE} {_REPORT}"
# A job that goes on meanwhile, as one that is bought anew, has another number or none by then, and stays; so does a
# purchase that gets a late task.
PRUNE = f"""
    WITH {_PAGE}, gone AS (
        DELETE FROM evolink_jobs AS job USING page
        WHERE job.key = page.key AND page.is_old AND page.verdict = 'removed' AND job.end_number = page.end_number
        RETURNING job.key, job.state, job.shape, job.credits_reserved, job.credits_used, job.earlier_task_ids
    ), forgotten AS (
        DELETE FROM evolink_purchases WHERE key = ANY(ARRAY(SELECT key FROM gone)) AND late_task_ids IS NULL
    ), given_up AS (
        DELETE FROM evolink_queue WHERE key = ANY(ARRAY(SELECT key FROM gone))
    ), earlier AS (
        DELETE FROM evolink_failed_tasks WHERE task_id = ANY(ARRAY(
            SELECT jsonb_array_elements_text(earlier_task_ids::jsonb) FROM gone
        ))
    ), counted AS (
        INSERT INTO evolink_pruned AS kept (shape, jobs, spent, price)
        SELECT shape, count(*),
            sum(round({COST} * {UNITS}) / {UNITS}),
            max(greatest(coalesce(credits_reserved, 0), coalesce(credits_used, 0)))
                FILTER (WHERE credits_reserved IS NOT NULL OR credits_used IS NOT NULL)
        FROM gone GROUP BY shape ORDER BY shape
        ON CONFLICT (shape) DO UPDATE SET jobs = kept.jobs + excluded.jobs, spent = kept.spent + excluded.spent,
            price = greatest(kept.price, excluded.price)
    )
    {_REPORT}
"""


async def prune_server(connections: Connections, pruning: Pruning) -> Pruned:
    """Remove jobs, each batch in a transaction of its own. Cancelled, it has removed a part.

    Args:
        connections: To the server; they need not be open.
        pruning: Which jobs.

    Raises:
        ConfigurationError: There are no tables of a journal.
        JournalError: The server cannot be reached, or refuses.
    """
    await connections.run(_prepared if not pruning.is_trial else _checked, patience=0)
    query, pruned = COUNT if pruning.is_trial else PRUNE, Pruned()
    values = {"before": pruning.before, "untold": pruning.untold, "after": 0, "limit": BATCH}
    await connections.open()
    try:
        while True:
            # A batch that was committed and not heard of is run again: its jobs are gone, and are counted in the tables
            # once.
            [report] = await connections.run(lambda one: _prune_batch(one, query, values))
            pruned = pruned.plus(Counter(report["counts"] or {}))
            if not report["goes_on"]:
                return pruned
            values["after"] = report["last"]
    finally:
        await connections.aclose()


async def _prune_batch(connection: Connection, query: str, values: Mapping[str, object]) -> list[DictRow]:
    with within(connection, None):  # nobody waits for it, and a batch may be slow
        return await run(connection, query, values)


async def _checked(connection: Connection) -> None:
    [found] = await run(connection, HAS_TABLES)
    if not found["has_tables"]:
        raise ConfigurationError("there is no journal at this address")


async def _prepared(connection: Connection) -> None:
    await _checked(connection)
    await prepare(connection)
