"""Changes of a journal in PostgreSQL that find the task of a purchase, or end a job without one.

All other writes are in `postgres_statements`. Like those, each may be run again after a lost connection.
"""

# ruff: noqa: S608  # all names in the statements are constants of this package; values are bound

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from ..purchases import RecordState
from .postgres_connections import Connection, run, transaction
from .postgres_statements import KEEP_MONEY, ME, NOT_TOLD, NOTIFY

# The task of a purchase that was followed by another is no other purchase's.
_HAS_FAILED = "SELECT FROM evolink_failed_tasks WHERE task_id ="
# A paid task that is not its job's is kept beside its purchase, which may have several: each was paid for.
_BESIDE = """beside AS (
        INSERT INTO evolink_purchases AS kept (idempotency_key, key, session, sent_at, late_task_ids)
        SELECT %(purchase)s, '', '', %(now)s, jsonb_build_array(%(task_id)s::text)::text
        WHERE %(keeps)s AND NOT EXISTS (SELECT FROM taken) AND NOT EXISTS (SELECT FROM mine)
        ON CONFLICT (idempotency_key) DO UPDATE
        SET late_task_ids = (coalesce(kept.late_task_ids, '[]')::jsonb || to_jsonb(%(task_id)s::text))::text
        WHERE NOT coalesce(kept.late_task_ids, '[]')::jsonb ? %(task_id)s
    )"""
_REPORT = "SELECT EXISTS (SELECT FROM taken) OR EXISTS (SELECT FROM mine) AS is_taken"
# No epoch in both: what was paid for is written by whoever knows it. The purchase decides, so the answer to an earlier
# purchase of a job is never taken for that of a later one.
ACCEPT = f"""
    WITH taken AS (
        UPDATE evolink_jobs SET state = 'accepted', task_id = %(task_id)s, accepted_at = %(now)s,
            estimated_seconds = %(estimated)s, credits_reserved = coalesce(%(credits)s, credits_reserved),
            doubt = NULL, not_resubmitted_before = NULL, {NOT_TOLD}
        WHERE key = %(key)s AND idempotency_key = %(purchase)s AND state IN ('submitting', 'in_doubt') RETURNING key
    ), mine AS (
        SELECT FROM evolink_jobs WHERE key = %(key)s AND task_id = %(task_id)s
    ), {_BESIDE}
    {_REPORT}
"""
ANSWER_LATE = f"""
    WITH other AS (
        SELECT key, idempotency_key FROM evolink_jobs WHERE task_id = %(task_id)s
    ), taken AS (
        UPDATE evolink_jobs AS job SET state = 'accepted', task_id = %(task_id)s, missing_at = NULL,
            accepted_at = coalesce(job.sent_at, accepted_at, %(now)s), doubt = NULL, not_resubmitted_before = NULL,
            {NOT_TOLD}
        FROM evolink_purchases AS purchase
        WHERE purchase.idempotency_key = %(purchase)s AND job.key = purchase.key
            AND job.idempotency_key = %(purchase)s AND state IN ('submitting', 'in_doubt')
            AND NOT EXISTS (SELECT FROM other) AND NOT EXISTS ({_HAS_FAILED} %(task_id)s)
        RETURNING job.key
    ), mine AS (
        SELECT FROM other JOIN evolink_purchases AS purchase USING (key)
        WHERE purchase.idempotency_key = %(purchase)s
    ), {_BESIDE}
    {_REPORT}, ({NOTIFY} FROM taken LIMIT 1) AS told
"""


async def answer(connection: Connection, query: str, values: Mapping[str, object]) -> dict[str, Any]:
    """Run `ACCEPT` or `ANSWER_LATE`, and return its report.

    Another process may be told of the same task at the same moment. A statement that has waited for the other one does
    not see what that has written, so what seems to be nobody's is looked at once more before it is kept beside.
    """
    [report] = await run(connection, query, {**values, "keeps": False})
    if not report["is_taken"]:
        [report] = await run(connection, query, {**values, "keeps": True})
    return report


OPEN_JOB = f"""
    WITH {ME}
    SELECT state, task_id, idempotency_key, missing_at IS NOT NULL AS is_missing,
        greatest(0, not_resubmitted_before - extract(epoch FROM clock_timestamp())) AS wait,
        EXISTS (SELECT FROM me) AS is_alive,
        (SELECT owner FROM evolink_claims AS other WHERE other.key = job.key AND epoch <> %(epoch)s) AS holder,
        EXISTS (SELECT FROM evolink_jobs AS other WHERE other.task_id = %(how)s AND other.key <> job.key)
            OR EXISTS ({_HAS_FAILED} %(how)s) AS is_others
    FROM evolink_jobs AS job WHERE key = %(key)s FOR UPDATE OF job
"""
FOUND = f"""
    UPDATE evolink_jobs SET state = 'accepted', task_id = %(how)s, doubt = NULL,
        accepted_at = coalesce(sent_at, accepted_at, %(now)s), missing_at = NULL, not_resubmitted_before = NULL,
        {NOT_TOLD}
    WHERE key = %(key)s RETURNING key
"""
PLAN_AGAIN = f"""
    WITH beside AS (
        UPDATE evolink_purchases SET
            late_task_ids = (coalesce(late_task_ids, '[]')::jsonb || to_jsonb(%(task_id)s::text))::text
        WHERE %(task_id)s::text IS NOT NULL AND idempotency_key = %(purchase)s
    ), done AS (
        UPDATE evolink_jobs SET state = 'planned', idempotency_key = NULL, epoch = NULL, task_id = NULL,
            accepted_at = NULL, doubt = NULL, missing_at = NULL, credits_reserved = NULL, not_resubmitted_before = NULL,
            {NOT_TOLD}
        WHERE key = %(key)s RETURNING key
    ), {KEEP_MONEY}
    SELECT key FROM done
"""
ABANDON = """
    WITH counted AS (UPDATE evolink_journal SET ends = ends + 1 RETURNING ends)
    UPDATE evolink_jobs SET state = 'abandoned', ended_at = %(now)s, end_number = ends, told_at = NULL FROM counted
    WHERE key = %(key)s RETURNING key
"""
AFTER: dict[str, RecordState] = {"resubmit": RecordState.PLANNED, "abandon": RecordState.ABANDONED}


@attrs.frozen
class Settling:
    """How a person settles a job.

    Attributes:
        key: The job's key.
        how: The id of its task, "resubmit" or "abandon".
        now: Unix seconds.
        epoch: Of the owner who writes it.
    """

    key: str
    how: str
    now: float
    epoch: int

    def refusal(self, row: dict[str, object] | None, *, is_repeated: bool) -> str | None:
        """Return why a job may not be settled so; None if it may, or if an earlier try has done it."""
        if row is not None and is_repeated and self._is_done(row):
            return None
        if row is None or not (row["state"] == "in_doubt" or (row["state"] == "accepted" and row["is_missing"])):
            return f"no job {self.key!r} is in doubt, or has a task that the service no longer knows"
        if row["holder"] is not None:
            return f"the job {self.key!r} is under way in {row['holder']}"
        if self.how == "resubmit" and row["wait"]:
            return f"the process that sent the job {self.key!r} may still wait for an answer, for {row['wait']:.0f} s"
        if self.how not in AFTER and row["is_others"]:
            return f"the task {self.how} belongs to another job, or to an earlier purchase"
        return None

    def _is_done(self, row: dict[str, object]) -> bool:
        return row["state"] == AFTER.get(self.how, RecordState.ACCEPTED) and (
            self.how in AFTER or row["task_id"] == self.how
        )


async def settle(connection: Connection, settling: Settling, *, is_repeated: bool) -> tuple[bool, str | None]:
    """Settle a job in one transaction.

    Returns:
        Whether the owner's lease lasts; and why the job may not be settled so, or None.
    """
    values = {"key": settling.key, "how": settling.how, "now": settling.now, "epoch": settling.epoch}
    async with transaction(connection):
        rows = await run(connection, OPEN_JOB, values)
        row = rows[0] if rows else None
        if row is not None and not row["is_alive"]:
            return False, None
        refusal = settling.refusal(row, is_repeated=is_repeated)
        if row is None or refusal is not None or (is_repeated and row["state"] not in ("in_doubt", "accepted")):
            return True, refusal
        query = {"resubmit": PLAN_AGAIN, "abandon": ABANDON}.get(settling.how, FOUND)
        await run(connection, query, values | {"task_id": row["task_id"], "purchase": row["idempotency_key"]})
        await run(connection, NOTIFY)
    return True, None
