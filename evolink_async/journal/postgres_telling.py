"""Which stream of all outcomes tells an end, when several processes have one: it is lent to one of them.

It is lent until it is told, its stream closes, or the lease of its owner ends; then another stream gets it.
"""

# ruff: noqa: S608  # all names in the statements are constants of this package

from __future__ import annotations

from .postgres_statements import ME, NOTIFY
from .rows import COLUMNS

# Two streams that ask at the same time pass over what the other one is about to get. One that still meets it gets no
# more than the other has left.
TAKE = f"""
    WITH {ME}, next AS (
        SELECT end_number, {COLUMNS} FROM evolink_jobs AS job
        WHERE end_number IS NOT NULL AND told_at IS NULL
            AND NOT EXISTS (
                SELECT FROM evolink_tellers AS one WHERE one.end_number = job.end_number
                    AND (one.epoch <> %(epoch)s OR one.end_number = ANY(%(held)s::bigint[]))
            )
        ORDER BY end_number LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    ), mine AS (
        INSERT INTO evolink_tellers AS lent (end_number, epoch) SELECT end_number, me.epoch FROM next, me
        ON CONFLICT (end_number) DO UPDATE SET epoch = lent.epoch WHERE lent.epoch = excluded.epoch RETURNING end_number
    )
    SELECT next.*, mine.end_number IS NOT NULL AS is_mine, EXISTS (SELECT FROM me) AS is_alive
    FROM next LEFT JOIN mine USING (end_number) ORDER BY end_number
"""
LET_GO = f"""
    WITH gone AS (DELETE FROM evolink_tellers WHERE epoch = %s RETURNING epoch)
    SELECT ({NOTIFY} FROM gone LIMIT 1) AS told
"""
