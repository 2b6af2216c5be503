"""The SQL statements that read and write the rows of a journal file.

The tables are in `schema`; when each statement is run is decided in `sqlite`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from functools import cache

from ..budget import Ledger
from .entries import Intent
from .file import Change
from .rows import COLUMNS, COST, UPLOAD_COLUMNS, ledger_of

# S608, here and below: all names in the statements are constants of this package; values are bound.
# SQLite uses a partial index only for a statement that repeats the index's own condition.
OPEN = "state IN ('planned', 'submitting', 'accepted', 'in_doubt')"
"""The condition of the index `jobs_open`."""
UNFINISHED = f"SELECT {COLUMNS} FROM jobs WHERE {OPEN} AND state <> 'planned' ORDER BY sent_at"  # noqa: S608
GIVEN = "(SELECT value FROM json_each(?))"
"""The names that a statement takes as one JSON array."""
OWNERS = f"SELECT {COLUMNS} FROM jobs WHERE task_id IN {GIVEN} AND state = 'accepted'"  # noqa: S608
OUTCOMES = (
    f"SELECT {COLUMNS} FROM jobs WHERE task_id IN {GIVEN}"  # noqa: S608
    " AND state IN ('completed', 'downloaded', 'failed', 'cancelled')"
)
PURCHASES = (
    "SELECT purchases.idempotency_key AS purchase, jobs.key, model, state, task_id, purchases.sent_at,"  # noqa: S608
    " jobs.idempotency_key IS purchases.idempotency_key AS is_latest"
    f" FROM purchases JOIN jobs ON jobs.key = purchases.key WHERE purchases.idempotency_key IN {GIVEN}"
)
BODY = "SELECT body FROM jobs WHERE key = ?"
UNTOLD = (
    f"SELECT end_number, {COLUMNS} FROM jobs"  # noqa: S608
    " WHERE end_number > ? AND told_at IS NULL ORDER BY end_number LIMIT ?"
)
MARK_TOLD = "UPDATE jobs SET told_at = ? WHERE end_number = ? AND told_at IS NULL"
FIND = f"SELECT {COLUMNS} FROM jobs WHERE key IN {GIVEN}"  # noqa: S608
LIST = f"SELECT {COLUMNS} FROM jobs WHERE key > ? AND state IN {GIVEN} ORDER BY key LIMIT ?"  # noqa: S608
NOT_TOLD = "end_number = NULL, told_at = NULL"
"""Set when a job in doubt goes on: what it becomes is told again."""
NEXT_END = "(SELECT ends + 1 FROM opening)"
"""The number of an end that is being written; `count_end` follows."""
PUT_PURCHASE = "INSERT OR IGNORE INTO purchases (idempotency_key, key, session, sent_at) VALUES (?, ?, ?, ?)"
# The middle of the interval in which a task ended; see `Schedule.observe`. Without polls there was no interval.
DURATIONS = """
    SELECT model, json_extract(body, '$.quality') AS quality, json_extract(body, '$.duration') AS duration,
        ended_at - lag / 2 - accepted_at AS seconds
    FROM jobs WHERE state IN ('completed', 'downloaded') AND accepted_at IS NOT NULL AND looks > 0
    ORDER BY rowid DESC LIMIT ?
"""
PUT_UPLOAD = f"INSERT OR REPLACE INTO uploads ({UPLOAD_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
UPLOADS = f"SELECT {UPLOAD_COLUMNS} FROM uploads WHERE sha256 IN {GIVEN}"  # noqa: S608
DOUBT_OPEN_SUBMITS = (
    "UPDATE jobs SET state = 'in_doubt', end_number = (SELECT ends FROM opening) + number, told_at = NULL,"  # noqa: S608
    " doubt = json_object('idempotency_key', idempotency_key, 'sent_at', sent_at)"
    " FROM (SELECT key AS submitted, row_number() OVER (ORDER BY sent_at) AS number FROM jobs"
    f" WHERE {OPEN} AND state = 'submitting') WHERE key = submitted"
)
SPENT = f"SELECT coalesce(sum({COST}), 0) FROM jobs"  # noqa: S608
PRICES = (
    "SELECT shape, max(max(coalesce(credits_reserved, 0), coalesce(credits_used, 0))) FROM jobs"
    " WHERE credits_reserved IS NOT NULL OR credits_used IS NOT NULL GROUP BY shape"
)
HAS_PRUNED = "SELECT 1 FROM sqlite_master WHERE name = 'pruned'"
PRUNED = "SELECT shape, spent, price FROM pruned"
HOLDING = (
    "SELECT key, state, shape, credits_reserved FROM jobs WHERE state IN ('accepted', 'in_doubt')"
    " OR (state IN ('completed', 'downloaded') AND credits_reserved IS NULL AND credits_used IS NULL)"
)


def doubt_open_submits(connection: sqlite3.Connection) -> int:
    """Set jobs in `submitting` to in doubt; return the number of outcomes so far."""
    doubts = connection.execute(DOUBT_OPEN_SUBMITS).rowcount
    connection.execute("UPDATE opening SET ends = ends + ?", (doubts,))
    [ends] = connection.execute("SELECT ends FROM opening").fetchone()
    return int(ends)


def upsert(intent: Intent, state: str, before: tuple[str, ...], *, sent_at: float | None) -> Change[int]:
    """Make a change that writes the row of a job; it gives 0 if the job is in a state other than `before`."""
    columns = {
        "state": state,
        "model": intent.model,
        "path": intent.path,
        "body": intent.body.decode(),
        "digest": intent.digest,
        "shape": intent.price_class,
        "idempotency_key": intent.idempotency_key or None,
        "session": intent.session or None,
        "sent_at": sent_at,
    }
    query = _upsert_query(tuple(columns), before)
    return lambda connection: connection.execute(query, (intent.key, *columns.values())).rowcount


@cache
def _upsert_query(columns: tuple[str, ...], before: tuple[str, ...]) -> str:
    marks, states = ", ".join("?" * len(columns)), ", ".join(f"'{state}'" for state in before)
    return (
        f"INSERT INTO jobs (key, {', '.join(columns)}) VALUES (?, {marks}) ON CONFLICT (key) DO UPDATE"  # noqa: S608
        f" SET {', '.join(f'{name} = excluded.{name}' for name in columns)}, {NOT_TOLD}"
        f" WHERE state IN ({states})"
    )


def update(key: str, before: tuple[str, ...], **columns: object) -> Change[int]:
    """Make a change that sets columns of a job in a state of `before`; it gives 0 if the job is in another state."""
    query = _update_query(tuple(columns), before)
    values = (*columns.values(), key)
    return lambda connection: connection.execute(query, values).rowcount


@cache
def _update_query(columns: tuple[str, ...], before: tuple[str, ...]) -> str:
    assignments, states = ", ".join(f"{name} = ?" for name in columns), ", ".join(f"'{state}'" for state in before)
    return f"UPDATE jobs SET {assignments} WHERE key = ? AND state IN ({states})"  # noqa: S608


def end(key: str, task_id: str | None, columns: Mapping[str, object]) -> Change[int]:
    """Make a change that writes the end of a task; it gives 0 if the job is not accepted with this task."""
    return _counted(_end_query(tuple(columns)), {**columns, "key": key, "task_id": task_id})


def doubt(key: str, facts: str) -> Change[int]:
    """Make a change that writes a doubt; it gives 0 if the job is not being submitted."""
    return _counted(DOUBT, (facts, key))


def _counted(query: str, values: Sequence[object] | Mapping[str, object]) -> Change[int]:
    def change(connection: sqlite3.Connection) -> int:
        ended = connection.execute(query, values).rowcount
        if ended:
            count_end(connection)
        return ended

    return change


DOUBT = (
    f"UPDATE jobs SET state = 'in_doubt', doubt = ?, end_number = {NEXT_END}, told_at = NULL"  # noqa: S608
    " WHERE key = ? AND state = 'submitting'"
)


@cache
def _end_query(columns: tuple[str, ...]) -> str:
    values = {name: f"coalesce(:{name}, {name})" for name in columns}
    if "credits_reserved" in values:
        # The highest price that was named is that of the class, so a lower one does not take its place.
        values["credits_reserved"] = f"max({values['credits_reserved']}, coalesce(credits_reserved, :credits_reserved))"
    assignments = ", ".join(f"{name} = {value}" for name, value in values.items())
    return (
        f"UPDATE jobs SET {assignments}, missing_at = NULL, end_number = {NEXT_END}, told_at = NULL"  # noqa: S608
        " WHERE key = :key AND task_id = :task_id AND state = 'accepted'"
    )


def count_end(connection: sqlite3.Connection) -> None:
    """Count an end that was written with `NEXT_END`."""
    connection.execute("UPDATE opening SET ends = ends + 1")


def mark_told(numbers: Sequence[int], now: float) -> Change[None]:
    """Make a change that marks outcomes as handed out."""

    def change(connection: sqlite3.Connection) -> None:
        connection.executemany(MARK_TOLD, [(now, number) for number in numbers])

    return change


def read_ledger(connection: sqlite3.Connection) -> Ledger:
    """Add up what all jobs in the file spent and reserve."""
    [spent] = connection.execute(SPENT).fetchone()
    prices: dict[str, float] = dict(connection.execute(PRICES).fetchall())
    # A file that is only read may be of a version before jobs were removed.
    if connection.execute(HAS_PRUNED).fetchone() is not None:
        for price_class, before, price in connection.execute(PRUNED):
            spent += before
            if price is not None:
                prices[price_class] = max(price, prices.get(price_class, price))
    return ledger_of(spent, prices, connection.execute(HOLDING))
