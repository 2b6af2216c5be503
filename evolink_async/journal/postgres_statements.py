"""The SQL statements that write the jobs of a journal in PostgreSQL: one for each call, which decides and writes.

The tables are in `postgres_schema`, reads in `postgres_reads`, claims in `postgres_claims`. Every statement may be run
again after a lost connection, whether or not it had been committed. Each is a transaction of its own, which goes to the
server in one piece: a process that is stopped between two statements of a transaction would keep its locks.
"""

# ruff: noqa: S608  # all names in the statements are constants of this package; values are bound

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from ..budget import UNITS
from ..media import Upload
from ..purchases import Transition, sources
from .entries import Intent
from .rows import UPLOAD_COLUMNS

# Rows may have gone back when the timeline has changed; see `postgres_failover`. An epoch contains the timeline on
# which it began, above 40 bits. Until all processes that live have come back, none claims what it did not have before.
NOTE_TIMELINE = """
    WITH noted AS (
        UPDATE evolink_journal SET timeline = evolink_timeline(), claims_from = clock_timestamp()
            + make_interval(secs => coalesce((SELECT max(lease_seconds) FROM evolink_owners), 30))
        WHERE timeline <> evolink_timeline() RETURNING claims_from
    )
    UPDATE evolink_owners SET lease_until = greatest(lease_until, claims_from) FROM noted
    WHERE epoch >> 40 <> evolink_timeline()
"""
WAITS = "waits AS MATERIALIZED (SELECT FROM evolink_journal WHERE claims_from > clock_timestamp())"
"""Has a row as long as nobody may claim what he did not have before the last failover."""
# What follows holds for every write. `me` locks the owner, so that it cannot be over before the write is committed;
# `free` is empty if another owner has the job.
ME = """me AS (
        SELECT epoch FROM evolink_owners
        WHERE epoch = %(epoch)s AND lease_until > clock_timestamp() AND epoch >> 40 = evolink_timeline() FOR SHARE
    )"""
FREE = """free AS (
        SELECT epoch FROM me
        WHERE NOT EXISTS (SELECT FROM evolink_claims AS other WHERE other.key = %(key)s AND other.epoch <> me.epoch)
    )"""
REPORT = """
    SELECT EXISTS (SELECT FROM me) AS is_alive, EXISTS (SELECT FROM free) AS is_free,
        EXISTS (SELECT FROM done) AS is_done
"""
CHANNEL = "left('evolink_' || current_schema(), 63)"
ABOUT_MONEY = "budget"
"""What a notification says when only credits may have come free."""
NOTIFY = f"SELECT pg_notify({CHANNEL}, '')"
"""Wakes the processes that wait for outcomes, or follow a job."""
REPORT_AND_NOTIFY = f"{REPORT.rstrip()}, ({NOTIFY} FROM done LIMIT 1) AS told"
NOT_TOLD = "end_number = NULL, told_at = NULL"


@attrs.frozen
class Write:
    """A statement with its values, ready to be run.

    Attributes:
        query: The statement; it returns one row.
        values: By their names, but for the epoch.
    """

    query: str
    values: Mapping[str, Any]


def _on(event: Transition) -> str:
    """Return the states in which an event may happen, as a list in SQL."""
    return ", ".join(f"'{state}'" for state in sources(event))


_JOB: tuple[str, ...] = ("model", "path", "body", "digest", "shape", "idempotency_key", "session", "sent_at")
_COLUMNS = ", ".join(_JOB)
_VALUES = ", ".join([f"%({name})s{'::float8' * (name == 'sent_at')}" for name in _JOB])
_EXCLUDED = ", ".join([f"{name} = excluded.{name}" for name in _JOB])
_PUT = f"""
    ON CONFLICT (key) DO UPDATE SET state = excluded.state, epoch = excluded.epoch, {_EXCLUDED}, {NOT_TOLD},
        not_resubmitted_before = NULL
"""
PLAN = f"""
    WITH {ME}, {FREE}, done AS (
        INSERT INTO evolink_jobs AS job (key, state, epoch, {_COLUMNS})
        SELECT %(key)s, 'planned', NULL::bigint, {_VALUES} FROM free
        {_PUT} WHERE job.state IN ({_on(Transition.PUT_OFF)}) RETURNING key
    )
    {REPORT}
"""
# An owner with a budget needs a reservation of its own, which a lost lease has ended; and a price may have risen since,
# so that all together hold more than the limit. What a learner itself holds is a guess. A doubt holds its credits since
# it was first sent; and what has been accepted or has ended is not sent, whatever is held for it.
_COVERED = """covered AS (
        SELECT epoch FROM me WHERE (SELECT limit_units FROM evolink_owners AS own WHERE own.epoch = me.epoch) IS NULL
            OR EXISTS (SELECT FROM evolink_jobs WHERE key = %(key)s AND state <> 'planned')
            OR EXISTS (
                SELECT FROM evolink_holds AS hold, evolink_budget AS sums
                WHERE hold.key = %(key)s AND hold.epoch = me.epoch
                    AND CASE WHEN is_learner THEN spent + held - hold.units + 1 ELSE spent + held END
                        <= (SELECT min(limit_units) FROM evolink_owners)
            )
    )"""
# A job that nobody has is claimed with it. A doubt goes on only as the same purchase: a second one, of a pool that had
# looked before there was a doubt, would be paid as well.
SUBMIT = f"""
    WITH {ME}, {WAITS}, free AS (
        INSERT INTO evolink_claims AS mine (key, epoch, owner) SELECT %(key)s, epoch, %(owner)s FROM me
        WHERE NOT EXISTS (SELECT FROM waits) OR EXISTS (SELECT FROM evolink_claims WHERE key = %(key)s)
        ON CONFLICT (key) DO UPDATE SET owner = mine.owner WHERE mine.epoch = excluded.epoch RETURNING epoch
    ), {_COVERED}, done AS (
        INSERT INTO evolink_jobs AS job (key, state, epoch, {_COLUMNS})
        SELECT %(key)s, 'submitting', epoch, {_VALUES} FROM free JOIN covered USING (epoch)
        {_PUT} WHERE job.state IN ({_on(Transition.SENT)})
            AND (job.state = 'planned' OR job.idempotency_key = excluded.idempotency_key)
        RETURNING key
    ), purchase AS (
        INSERT INTO evolink_purchases (idempotency_key, key, session, sent_at)
        SELECT %(idempotency_key)s, key, %(session)s, %(sent_at)s FROM done ON CONFLICT DO NOTHING
    )
    {REPORT.rstrip()}, EXISTS (SELECT FROM covered) AS is_covered
"""
# After a failover, by the process that has sent it, whether or not it has the claim by now: another would buy the job
# again else. What was in doubt earlier must have been settled when it was sent.
RESTORE = f"""
    WITH done AS (
        INSERT INTO evolink_jobs AS job (key, state, epoch, {_COLUMNS})
        VALUES (%(key)s, 'submitting', %(epoch)s, {_VALUES})
        {_PUT} WHERE job.state = 'planned'
            OR (job.state = 'in_doubt' AND coalesce(job.sent_at, 0) < excluded.sent_at) RETURNING key
    ), purchase AS (
        INSERT INTO evolink_purchases (idempotency_key, key, session, sent_at)
        SELECT %(idempotency_key)s, key, %(session)s, %(sent_at)s FROM done ON CONFLICT DO NOTHING
    )
    SELECT EXISTS (SELECT FROM done) AS is_done
"""
# Of the send that it names: the server may do it when the job is sent again already; see `postgres_silence`.
REFUSE = f"""
    WITH {ME}, {FREE}, done AS (
        UPDATE evolink_jobs AS job SET state = 'planned', epoch = NULL FROM free
        WHERE key = %(key)s AND state IN ({_on(Transition.REFUSED)}) AND job.epoch = free.epoch
            AND coalesce(%(sent_at)s::float8, job.sent_at) IS NOT DISTINCT FROM job.sent_at RETURNING key
    )
    {REPORT}
"""
# The row with the number of outcomes is locked until the commit: so outcomes are seen in the order of their numbers.
DOUBT = f"""
    WITH {ME}, {FREE}, counted AS (
        UPDATE evolink_journal SET ends = ends + 1 WHERE EXISTS (
            SELECT FROM evolink_jobs, free WHERE key = %(key)s AND state IN ({_on(Transition.LOST)})
        ) RETURNING ends
    ), done AS (
        UPDATE evolink_jobs SET state = 'in_doubt', doubt = %(doubt)s, end_number = ends, told_at = NULL FROM counted
        WHERE key = %(key)s AND state IN ({_on(Transition.LOST)}) RETURNING key
    )
    {REPORT_AND_NOTIFY}
"""
_ENDS: tuple[str, ...] = (
    *("state", "accepted_at", "urls", "expires_at", "ended_at", "looks", "lag", "credits_used", "fault"),
)
# The highest price that was named is that of the class, so a lower one does not take its place.
END = f"""
    WITH {ME}, {FREE}, counted AS (
        UPDATE evolink_journal SET ends = ends + 1 WHERE EXISTS (
            SELECT FROM evolink_jobs, free
            WHERE key = %(key)s AND task_id = %(task_id)s AND state IN ({_on(Transition.COMPLETED)})
        ) RETURNING ends
    ), done AS (
        UPDATE evolink_jobs AS job SET
            {", ".join([f"{name} = coalesce(%({name})s, job.{name})" for name in _ENDS])},
            credits_reserved = greatest(%(credits_reserved)s, job.credits_reserved),
            missing_at = NULL, end_number = ends, told_at = NULL
        FROM counted WHERE key = %(key)s AND task_id = %(task_id)s AND state IN ({_on(Transition.COMPLETED)})
        RETURNING key
    )
    {REPORT_AND_NOTIFY}
"""
# What a task reserved is no price of the next one, which may cost more; but it was named once for their class. What it
# was charged though it failed stays spent. A part of a statement sees the row as it was before. Nearly always nothing
# was charged and the price is known, and no row of all is locked.
KEEP_MONEY = f"""kept_money AS (
        INSERT INTO evolink_pruned AS kept (shape, jobs, spent, price)
        SELECT shape, 0, coalesce(round(credits_used * {UNITS}) / {UNITS}, 0), greatest(credits_reserved, credits_used)
        FROM evolink_jobs AS job
        WHERE key IN (SELECT key FROM done) AND (credits_used > 0 OR credits_reserved IS NOT NULL AND NOT EXISTS (
            SELECT FROM evolink_pruned AS known WHERE known.shape = job.shape AND known.price >= job.credits_reserved
        ))
        ON CONFLICT (shape) DO UPDATE SET spent = kept.spent + excluded.spent,
            price = greatest(kept.price, excluded.price)
    )"""
BUY_ANEW = f"""
    WITH {ME}, {FREE}, done AS (
        UPDATE evolink_jobs SET state = 'planned', epoch = NULL, idempotency_key = NULL, task_id = NULL,
            accepted_at = NULL, fault = NULL, ended_at = NULL, missing_at = NULL, credits_reserved = NULL,
            credits_used = NULL, {NOT_TOLD},
            earlier_task_ids = (coalesce(earlier_task_ids, '[]')::jsonb || to_jsonb(task_id))::text
        FROM free
        WHERE key = %(key)s AND task_id = %(task_id)s AND state IN ({_on(Transition.BUY_ANEW)}) RETURNING key
    ), failed AS (
        INSERT INTO evolink_failed_tasks SELECT %(task_id)s FROM done ON CONFLICT DO NOTHING
    ), {KEEP_MONEY}
    {REPORT}
"""
MISSING = f"""
    WITH {ME}, {FREE}, done AS (
        UPDATE evolink_jobs SET missing_at = %(now)s FROM free
        WHERE key = %(key)s AND task_id = %(task_id)s AND state = 'accepted' RETURNING key
    )
    {REPORT}
"""
SAVE = f"""
    WITH {ME}, {FREE}, done AS (
        UPDATE evolink_jobs SET state = 'downloaded', files = %(files)s FROM free
        WHERE key = %(key)s AND state IN ({_on(Transition.SAVED)}) RETURNING key
    )
    {REPORT}
"""
REFRESH = f"""
    WITH {ME}, {FREE}, done AS (
        UPDATE evolink_jobs SET urls = %(urls)s, expires_at = %(expires_at)s FROM free
        WHERE key = %(key)s AND state IN ({_on(Transition.SAVED)}) RETURNING key
    )
    {REPORT}
"""
TELL = f"""
    WITH {ME}, free AS (SELECT FROM me), done AS (
        UPDATE evolink_jobs SET told_at = %(now)s FROM me
        WHERE end_number = ANY(%(numbers)s) AND told_at IS NULL RETURNING key
    ), lent AS (
        DELETE FROM evolink_tellers AS lent USING me WHERE lent.end_number = ANY(%(numbers)s) AND lent.epoch = me.epoch
    )
    {REPORT}
"""
UPLOAD = f"""
    WITH {ME}, free AS (SELECT FROM me), done AS (
        INSERT INTO evolink_uploads AS kept ({UPLOAD_COLUMNS})
        SELECT {", ".join([f"%({field.name})s" for field in attrs.fields(Upload)])} FROM me
        ON CONFLICT (sha256) DO UPDATE SET
            {", ".join([f"{field.name} = excluded.{field.name}" for field in attrs.fields(Upload)])} RETURNING sha256
    )
    {REPORT}
"""


def put(query: str, intent: Intent, *, sent_at: float | None, owner: str = "") -> Write:
    """Return the write of a job: that it is planned, or that it is sent next."""
    values = {
        "key": intent.key,
        "owner": owner,
        "model": intent.model,
        "path": intent.path,
        "body": intent.body.decode(),
        "digest": intent.digest,
        "shape": intent.price_class,
        "idempotency_key": intent.idempotency_key or None,
        "session": intent.session or None,
        "sent_at": sent_at,
    }
    return Write(query, values)


def end(key: str, task_id: str | None, columns: Mapping[str, object]) -> Write:
    """Return the write of an end, with the columns that change."""
    names = (*_ENDS, "credits_reserved")
    return Write(END, dict.fromkeys(names) | dict(columns) | {"key": key, "task_id": task_id})
