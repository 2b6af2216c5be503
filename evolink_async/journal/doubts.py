"""What a journal file holds in doubt, read without disturbing a run that writes it, and without making a file.

Nothing is changed here; what a column means is told in `journal.schema`.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import attrs

from ..errors import ConfigurationError, JournalError, SubmissionUnknownError
from .rows import Row, unknown_of
from .schema import check


@attrs.frozen(kw_only=True)
class Doubt:
    """A job that may have been paid for.

    Attributes:
        key: Its key.
        model: What it asked for.
        prompt: The text it asked for it with.
        session: Fingerprint of the API key it was sent with.
        error: What is known of its submit.
    """

    key: str
    model: str
    prompt: str
    session: str
    error: SubmissionUnknownError


def read_doubts(path: Path) -> list[Doubt]:
    """Read the jobs in doubt, in the order they were sent; a running process's own submits are none yet.

    Raises:
        ConfigurationError: There is no such file, or nothing in it.
        JournalError: It is no journal, or cannot be read.
    """
    if not path.is_file():
        raise ConfigurationError(f"there is no journal {str(path)!r}")
    if not path.stat().st_size:
        raise ConfigurationError(f"{str(path)!r} is empty, so it is no journal")
    states = "('in_doubt')" if _is_in_use(path) else "('in_doubt', 'submitting')"
    query = f"SELECT * FROM jobs WHERE state IN {states} ORDER BY sent_at, key"  # noqa: S608  # constants
    try:
        with closing(_connect(path)) as connection:
            check(connection, str(path))
            connection.row_factory = sqlite3.Row
            return [_doubt_of(row) for row in connection.execute(query)]
    except sqlite3.Error as error:
        raise JournalError(f"the journal {str(path)!r} cannot be read: {error}") from None


def _connect(path: Path) -> sqlite3.Connection:
    # Not "ro": as the last one to leave, it could not tidy SQLite's own files away. Nothing is made, nothing written.
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=5)


def _is_in_use(path: Path) -> bool:
    """Whether a process has the journal open: it holds the lock beside the file for as long as it lives."""
    lock = Path(f"{path.resolve()}-lock")
    if not lock.exists():
        return False
    with closing(sqlite3.connect(f"{lock.as_uri()}?mode=ro", uri=True, timeout=0)) as connection:
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError:
            return True
    return False


def _doubt_of(row: Row) -> Doubt:
    prompt = json.loads(row["body"]).get("prompt", "")
    return Doubt(
        key=row["key"],
        model=row["model"],
        prompt=prompt if isinstance(prompt, str) else "",
        session=row["session"] or "",
        error=unknown_of(row).error,
    )
