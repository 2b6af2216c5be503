"""Reads of a journal file, in the calling thread, with read-ahead for jobs that are asked for in order.

What a row means is in `rows`; writes are in `writer`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from .file_errors import read_error
from .read_only import connect
from .rows import COLUMNS, Row

T = TypeVar("T")

# A resumed run asks for its jobs in the order in which they were written: a million ended jobs are read with some
# thousand queries.
AHEAD = 64
"""Ended jobs that are read together."""
# Jobs that are submitted at the same time are written in nearly, not exactly, the order of the input.
NEAR = 16
"""Row numbers by which a job may precede the expected one and still count as in order."""

# S608: the columns are constants of this package, not input.
ONE = f"SELECT rowid, {COLUMNS} FROM jobs WHERE key = ?"  # noqa: S608
NEXT = (
    f"SELECT rowid, {COLUMNS} FROM jobs WHERE rowid > ? AND rowid <= ?"  # noqa: S608
    " AND state IN ('completed', 'downloaded', 'failed', 'cancelled')"
)


def rows_of(connection: sqlite3.Connection, query: str, values: Sequence[object]) -> list[Row]:
    """Run a query and return its rows, with access by column name."""
    cursor = connection.cursor()
    cursor.row_factory = sqlite3.Row
    rows: list[Row] = cursor.execute(query, values).fetchall()
    return rows


class RowReader:
    """Reads a journal file, whether or not a writer has it open.

    Args:
        path: The file. A file that does not exist has no rows.
    """

    # In the calling thread: a read by key takes some microseconds, far less than a hop to another thread.

    def __init__(self, path: str) -> None:
        self._path = path
        self._file = Path(path).absolute()
        self._has_writer = False
        self._connection: sqlite3.Connection | None = None
        self._ahead: dict[str, Row] = {}
        self._last_rowid = -NEAR

    def open(self) -> None:
        """Keep the connection open between reads from now on, because a writer has the file open."""
        self._has_writer = True

    def close(self) -> None:
        """Close the connection. Call it before the writer closes its own."""
        # The last connection to close removes SQLite's `-wal` and `-shm` files, and a read-only one cannot.
        self._has_writer = False
        self._ahead.clear()
        self._drop()

    def job(self, key: str) -> Row | None:
        """Return the row of a job; None if there is none."""
        row = self._ahead.pop(key, None)
        if row is not None:
            return row
        row = next(iter(self.rows(ONE, key)), None)
        if row is not None and self._has_writer:
            rowid = row["rowid"]
            if rowid - NEAR <= self._last_rowid < rowid:
                self._ahead = {row["key"]: row for row in self.rows(NEXT, rowid, rowid + AHEAD)}
                rowid += AHEAD
            self._last_rowid = rowid
        return row

    def forget(self, key: str) -> None:
        """Drop a row that was read ahead, because it changes: the files of its job are being saved."""
        self._ahead.pop(key, None)

    def rows(self, query: str, *values: object) -> list[Row]:
        """Run a query and return its rows.

        Raises:
            JournalError: The file cannot be read.
        """
        return self.read(lambda connection: rows_of(connection, query, values)) or []

    def read(self, act: Callable[[sqlite3.Connection], T]) -> T | None:
        """Run queries of one's own; None if there is no file.

        Raises:
            JournalError: The file cannot be read.
        """
        if not self._has_writer and not self._file.exists():
            return None
        try:
            self._connection = self._connection or self._connect()
            found = act(self._connection)
        except sqlite3.Error as error:
            self._drop()
            raise read_error(error, self._path) from None
        if not self._has_writer:
            self._drop()
        return found

    def _connect(self) -> sqlite3.Connection:
        # Beside a writer of this process nothing is to be removed, and it is not asked at each read where it writes.
        if self._has_writer:
            return sqlite3.connect(f"{self._file.as_uri()}?mode=ro", uri=True)
        return connect(self._file)

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
