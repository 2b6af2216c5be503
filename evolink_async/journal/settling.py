"""Changes of a journal file that find the task of a purchase, or end it without one.

All other statements are in `statements`. Each change decides and writes in one transaction.
"""

from __future__ import annotations

import json
import sqlite3

from ..jobs import Accepted
from .file import Change
from .statements import NEXT_END, NOT_TOLD, count_end

MISSING = "UPDATE jobs SET missing_at = ? WHERE key = ? AND task_id = ? AND state = 'accepted'"
OPEN_JOB = """
    SELECT state, task_id, sent_at, missing_at, idempotency_key FROM jobs
    WHERE key = ? AND (state = 'in_doubt' OR (state = 'accepted' AND missing_at IS NOT NULL))
"""
OTHER_JOB_OF_TASK = "SELECT key FROM jobs WHERE task_id = ? AND key <> ?"
# S608, here and below: the names in the statements are constants of this package.
FOUND = f"""
    UPDATE jobs SET state = 'accepted', task_id = ?, accepted_at = coalesce(sent_at, accepted_at, ?), doubt = NULL,
        missing_at = NULL, {NOT_TOLD}
    WHERE key = ?
"""  # noqa: S608
# What a task reserved is no price of the next one, which may cost more; but it was named once for their class. What it
# was charged though it failed stays spent.
KEEP_MONEY = """
    INSERT INTO pruned (shape, jobs, spent, price)
    SELECT shape, 0, coalesce(credits_used, 0), max(coalesce(credits_reserved, 0), coalesce(credits_used, 0)) FROM jobs
    WHERE key = ? AND coalesce(credits_reserved, credits_used) IS NOT NULL
    ON CONFLICT (shape) DO UPDATE SET spent = spent + excluded.spent, price = max(coalesce(price, 0), excluded.price)
"""
FORGET_MONEY = "UPDATE jobs SET credits_reserved = NULL, credits_used = NULL WHERE key = ?"
PLAN_AGAIN = f"""
    UPDATE jobs SET state = 'planned', idempotency_key = NULL, task_id = NULL, accepted_at = NULL, doubt = NULL,
        missing_at = NULL, {NOT_TOLD}
    WHERE key = ?
"""  # noqa: S608
ABANDON = f"""
    UPDATE jobs SET state = 'abandoned', ended_at = ?, end_number = {NEXT_END}, told_at = NULL WHERE key = ?
"""  # noqa: S608
ACCEPT = """
    UPDATE jobs SET state = 'accepted', task_id = ?, accepted_at = ?, estimated_seconds = ?, doubt = NULL,
        credits_reserved = coalesce(?, credits_reserved)
    WHERE key = ? AND state = 'submitting'
"""
PURCHASE = "SELECT key FROM purchases WHERE idempotency_key = ?"
UNANSWERED = """
    SELECT key, coalesce(sent_at, 0) FROM jobs
    WHERE key = ? AND idempotency_key = ? AND state IN ('submitting', 'in_doubt')
"""
JOB_OF_TASK = "SELECT key FROM jobs WHERE task_id = ?"
FAILED_TASK = "SELECT task_id FROM failed_tasks WHERE task_id = ?"
"""The task of a purchase that was followed by another, which is no other purchase's."""
KEEP_FAILED_TASK = "INSERT OR IGNORE INTO failed_tasks VALUES (?)"
LATE = "SELECT late_task_ids FROM purchases WHERE idempotency_key = ?"
KEEP_LATE = "UPDATE purchases SET late_task_ids = ? WHERE idempotency_key = ?"
KEEP_UNKNOWN = "INSERT INTO purchases (idempotency_key, key, session, sent_at, late_task_ids) VALUES (?, '', '', ?, ?)"

BUY_ANEW = f"""
    UPDATE jobs SET state = 'planned', idempotency_key = NULL, task_id = NULL, accepted_at = NULL, fault = NULL,
        ended_at = NULL, missing_at = NULL, {NOT_TOLD},
        earlier_task_ids = json_insert(coalesce(earlier_task_ids, '[]'), '$[#]', task_id)
    WHERE key = ? AND task_id = ? AND state IN ('accepted', 'failed', 'cancelled')
"""  # noqa: S608


def missing(key: str, task_id: str, now: float) -> Change[int]:
    """Make a change that notes that the service does not know the task of an accepted job."""
    return lambda connection: connection.execute(MISSING, (now, key, task_id)).rowcount


def buy_anew(key: str, task_id: str) -> Change[int]:
    """Make a change after which a job whose task has failed may be sent again."""

    def change(connection: sqlite3.Connection) -> int:
        changed = connection.execute(BUY_ANEW, (key, task_id)).rowcount
        if changed:
            connection.execute(KEEP_FAILED_TASK, (task_id,))
            _move_money(connection, key)
        return changed

    return change


def _move_money(connection: sqlite3.Connection, key: str) -> None:
    connection.execute(KEEP_MONEY, (key,))
    connection.execute(FORGET_MONEY, (key,))


def settle(key: str, how: str, now: float) -> Change[str | None]:
    """Make a change that settles a job; it gives why it may not be settled so, or None."""

    def change(connection: sqlite3.Connection) -> str | None:
        row = connection.execute(OPEN_JOB, (key,)).fetchone()
        if row is None:
            return f"no job {key!r} is in doubt, or has a task that the service no longer knows"
        _, task_id, _, _, idempotency_key = row
        if how == "abandon":
            connection.execute(ABANDON, (now, key))
            count_end(connection)
        elif how == "resubmit":
            if task_id is not None:
                _keep_beside(connection, idempotency_key or "", task_id, now)
            connection.execute(PLAN_AGAIN, (key,))
            _move_money(connection, key)
        elif connection.execute(OTHER_JOB_OF_TASK, (how, key)).fetchone() or _has_failed(connection, how):
            return f"the task {how} belongs to another job, or to an earlier purchase"
        else:
            connection.execute(FOUND, (how, now, key))
        return None

    return change


def accept(accepted: Accepted) -> Change[bool]:
    """Make a change that writes the task of a job that is being submitted; it gives whether the job has this task now.

    If the job has another state, the task is kept beside its purchase.
    """
    snapshot, key, task_id = accepted.snapshot, accepted.key, accepted.task_id
    values = (task_id, accepted.accepted_at, snapshot.estimated_seconds, snapshot.credits_reserved, key)

    def change(connection: sqlite3.Connection) -> bool:
        if connection.execute(ACCEPT, values).rowcount:
            return True
        row = connection.execute("SELECT task_id, idempotency_key FROM jobs WHERE key = ?", (key,)).fetchone()
        if row is None or row[0] == task_id:
            return row is not None
        _keep_beside(connection, row[1] or "", task_id, accepted.accepted_at)
        return False

    return change


def late_answer(idempotency_key: str, task_id: str, now: float) -> Change[bool]:
    """Make a change for a task that is known by the idempotency key of its purchase.

    It gives whether the task is the job's now; otherwise it is kept beside the purchase.
    """

    def change(connection: sqlite3.Connection) -> bool:
        owner = connection.execute(JOB_OF_TASK, (task_id,)).fetchone()
        purchase = connection.execute(PURCHASE, (idempotency_key,)).fetchone()
        if owner is not None and owner == purchase:
            return True
        job = purchase and connection.execute(UNANSWERED, (purchase[0], idempotency_key)).fetchone()
        if job is None or owner is not None or _has_failed(connection, task_id):
            _keep_beside(connection, idempotency_key, task_id, now)
            return False
        connection.execute(FOUND, (task_id, now, job[0]))
        return True

    return change


def _has_failed(connection: sqlite3.Connection, task_id: str) -> bool:
    """Whether a task belongs to a purchase that was followed by another."""
    return connection.execute(FAILED_TASK, (task_id,)).fetchone() is not None


def _keep_beside(connection: sqlite3.Connection, idempotency_key: str, task_id: str, now: float) -> None:
    """Keep a paid task that is not its job's: a purchase may have several, of which each was paid for."""
    row = connection.execute(LATE, (idempotency_key,)).fetchone()
    kept: list[str] = json.loads(row[0]) if row is not None and row[0] else []
    ids = json.dumps([*kept, task_id] if task_id not in kept else kept)
    if row is None:
        connection.execute(KEEP_UNKNOWN, (idempotency_key, now, ids))
    else:
        connection.execute(KEEP_LATE, (ids, idempotency_key))
