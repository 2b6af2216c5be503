"""The tables of a journal file, and how an older file becomes a newer one.

SQL only; who runs it, and when, is the writer's business. The file is made to be opened by a person: one row a job,
readable words, plain JSON.
"""

from __future__ import annotations

import sqlite3

from ..errors import JournalError

APPLICATION_ID = 0x45564C4B  # "EVLK": tells a journal from any other SQLite file
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
)
"""Each entry takes a file one version further; never change one that was released, add another."""


def check(connection: sqlite3.Connection, path: str) -> int:
    """The version of a journal file, 0 for an empty one; nothing is changed.

    Raises:
        JournalError: The file is another program's, or a later version's.
    """
    [version] = connection.execute("PRAGMA user_version").fetchone()
    [application] = connection.execute("PRAGMA application_id").fetchone()
    is_empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    if not is_empty and application != APPLICATION_ID:
        raise JournalError(f"{path!r} is an SQLite file of another program, not a journal; nothing was changed in it")
    if version > len(MIGRATIONS):
        raise JournalError(f"the journal {path!r} was written by a later version of evolink_async")
    return int(version)


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring a file from `version` up to date, a version at a time, each whole or not at all."""
    for number, statements in enumerate(MIGRATIONS[version:], version + 1):
        connection.executescript(
            f"BEGIN IMMEDIATE; {statements} PRAGMA application_id = {APPLICATION_ID};"
            f"PRAGMA user_version = {number}; COMMIT;"
        )
