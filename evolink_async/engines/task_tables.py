"""SQL about the tables of Procrastinate. Everything else about them goes through its own calls.

The tables of jobs are in `journal`.
"""

from __future__ import annotations

from procrastinate.schema import SchemaManager

from ..journal.postgres_queue import AnyConnection

# Of the tasks that wait, not of those that are being done: a worker that is alive claims its jobs, and a task of one
# that has died may stay "doing" for ever.
WAITING = """
    SELECT DISTINCT jsonb_array_elements_text(args -> 'keys') AS key FROM procrastinate_jobs
    WHERE task_name = %(task)s AND status = 'todo'
"""
"""The keys of the jobs that wait in tasks of a name."""
# The first number is that of the journal's own lock.
LOCK = "SELECT pg_advisory_xact_lock(1163282507, 1)"
HAS_TABLES = "SELECT to_regclass('procrastinate_jobs') IS NOT NULL AS has_tables"


async def make_schema(connection: AnyConnection) -> None:
    """Make the tables of Procrastinate, unless there are some. Others who do the same wait meanwhile."""
    await connection.execute(LOCK)
    [found] = await (await connection.execute(HAS_TABLES)).fetchall()
    if not found["has_tables"]:
        await connection.execute(SchemaManager.get_schema().encode())
