"""Callbacks of the service that reached another process than the one that has the job: passed on in the journal.

The process that has the job takes them when it is told by NOTIFY, or when it looks by itself; see `postgres_listener`.
"""

# ruff: noqa: S608  # all names in the statements are constants of this package; values are bound

from __future__ import annotations

from collections.abc import Mapping

from .postgres_connections import Connection, run
from .postgres_statements import CHANNEL

# The text of the notification is the owner's epoch: the other processes read it, and do nothing.
PASS = f"""
    WITH passed AS (
        INSERT INTO evolink_calls (epoch, purchase, task_id)
        SELECT claim.epoch, call.purchase, call.task_id
        FROM unnest(%(purchases)s::text[], %(tasks)s::text[]) AS call (purchase, task_id)
            JOIN evolink_jobs AS job ON job.task_id = call.task_id
            JOIN evolink_claims AS claim ON claim.key = job.key
        ON CONFLICT DO NOTHING RETURNING epoch
    )
    SELECT pg_notify({CHANNEL}, epoch::text) FROM passed GROUP BY epoch
"""
TAKE = "DELETE FROM evolink_calls WHERE epoch = %s RETURNING purchase, task_id"


async def pass_calls(connection: Connection, tasks: Mapping[str, str]) -> None:
    """Write down for whom calls are; those for jobs that nobody has are dropped."""
    await run(connection, PASS, {"purchases": list(tasks), "tasks": list(tasks.values())})


async def take_calls(connection: Connection, epoch: int) -> dict[str, str]:
    """Remove the calls for an owner, and return their tasks by the purchases."""
    return {row["purchase"]: row["task_id"] for row in await run(connection, TAKE, (epoch,))}
