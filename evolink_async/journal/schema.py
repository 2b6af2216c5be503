"""The tables of a journal file, and the migration of older files.

The file is meant to be opened by people too: one row per job, states as words, plain JSON. Statements that read and
write rows are in `statements`.
"""

from __future__ import annotations

import sqlite3

from .file_errors import of_another_program, of_later_version

# "EVLK" in ASCII.
APPLICATION_ID = 0x45564C4B
"""Distinguishes a journal from other SQLite files."""
# The column `shape` holds the price class: its name is older. `opening` has one row: the number of the last opening and
# the process that made it, and how many outcomes were recorded. A job that had ended before there was `told_at` counts
# as told; one in doubt does not. `pruned` has what jobs cost that were removed, and the prices that they, and tasks
# whose jobs were bought anew, named.
MIGRATIONS = (
    """
    CREATE TABLE jobs (
        key TEXT PRIMARY KEY NOT NULL,
        state TEXT NOT NULL CHECK (state IN
            ('planned', 'submitting', 'accepted', 'in_doubt',
             'completed', 'failed', 'cancelled', 'downloaded', 'abandoned')),
        model TEXT NOT NULL,
        path TEXT NOT NULL,
        body TEXT NOT NULL,
        digest TEXT NOT NULL,
        shape TEXT NOT NULL,
        idempotency_key TEXT,
        session TEXT,
        task_id TEXT,
        sent_at REAL,
        accepted_at REAL,
        ended_at REAL,
        expires_at REAL,
        estimated_seconds REAL,
        credits_reserved REAL,
        credits_used REAL,
        looks INTEGER,
        lag REAL,
        urls TEXT,
        files TEXT,
        fault TEXT,
        doubt TEXT
    );
    CREATE INDEX jobs_by_task ON jobs (task_id) WHERE task_id IS NOT NULL;
    CREATE INDEX jobs_open ON jobs (state) WHERE state IN ('planned', 'submitting', 'accepted', 'in_doubt');
    CREATE INDEX jobs_by_price ON jobs (shape, credits_reserved);
    CREATE TABLE purchases (
        idempotency_key TEXT PRIMARY KEY NOT NULL,
        key TEXT NOT NULL,
        session TEXT NOT NULL,
        sent_at REAL NOT NULL
    );
    """,
    """
    CREATE TABLE uploads (
        sha256 TEXT PRIMARY KEY NOT NULL,
        file_id TEXT,
        url TEXT NOT NULL,
        size_bytes INTEGER NOT NULL,
        mime_type TEXT,
        uploaded_at REAL NOT NULL,
        expires_at REAL NOT NULL
    );
    """,
    """
    CREATE TABLE opening (
        epoch INTEGER NOT NULL,
        process INTEGER,
        ends INTEGER NOT NULL
    );
    INSERT INTO opening VALUES (0, NULL, 0);
    ALTER TABLE jobs ADD COLUMN end_number INTEGER;
    ALTER TABLE jobs ADD COLUMN told_at REAL;
    ALTER TABLE jobs ADD COLUMN missing_at REAL;
    ALTER TABLE purchases ADD COLUMN late_task_ids TEXT;
    UPDATE jobs SET told_at = coalesce(ended_at, 0)
        WHERE state IN ('completed', 'failed', 'cancelled', 'downloaded', 'abandoned');
    CREATE INDEX jobs_untold ON jobs (end_number) WHERE end_number IS NOT NULL AND told_at IS NULL;
    """,
    """
    UPDATE jobs SET end_number = (SELECT ends FROM opening) + number
        FROM (SELECT key AS doubted, row_number() OVER (ORDER BY sent_at) AS number FROM jobs WHERE state = 'in_doubt')
        WHERE key = doubted;
    UPDATE opening SET ends = ends + (SELECT count(*) FROM jobs WHERE state = 'in_doubt');
    ALTER TABLE jobs ADD COLUMN earlier_task_ids TEXT;
    CREATE TABLE failed_tasks (task_id TEXT PRIMARY KEY) WITHOUT ROWID;
    """,
    """
    CREATE INDEX purchases_by_key ON purchases (key);
    CREATE TABLE pruned (
        shape TEXT PRIMARY KEY NOT NULL,
        jobs INTEGER NOT NULL,
        spent REAL NOT NULL,
        price REAL
    );
    """,
)
"""Each entry takes a file to the next version. Entries that were released must not be changed."""
MISSING_SINCE = 3
"""The version that brought the column `missing_at`."""


def check(connection: sqlite3.Connection, path: str) -> int:
    """Return the version of a journal file, 0 for an empty one. The file is not changed.

    Raises:
        JournalError: The file belongs to another program, or to a later version of this one.
    """
    [version] = connection.execute("PRAGMA user_version").fetchone()
    [application] = connection.execute("PRAGMA application_id").fetchone()
    is_empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    if not is_empty and application != APPLICATION_ID:
        raise of_another_program(path)
    if version > len(MIGRATIONS):
        raise of_later_version(f"the journal {path!r} was")
    return int(version)


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring a file from `version` to the current version, with one transaction for each version."""
    # `executescript` commits first, so the transaction is part of the script.
    for number, statements in enumerate(MIGRATIONS[version:], version + 1):
        connection.executescript(
            f"BEGIN IMMEDIATE; {statements} PRAGMA application_id = {APPLICATION_ID};"
            f"PRAGMA user_version = {number}; COMMIT;"
        )
