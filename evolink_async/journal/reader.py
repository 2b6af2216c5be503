"""Reads from one SQLite file in the calling thread, ahead of what is asked where jobs are asked for in their order.

It knows rows and connections; what a row means is the business of `rows`.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from ..errors import JournalError
from .rows import COLUMNS, Row

AHEAD = 64
"""Ended jobs read at once: a run that resumes asks for them one by one, in the order they were written."""
NEAR = 16
"""Jobs submitted side by side are written in nearly the order of the input."""

ONE = f"SELECT rowid, {COLUMNS} FROM jobs WHERE key = ?"  # noqa: S608  # names of our own columns
NEXT = (
    f"SELECT rowid, {COLUMNS} FROM jobs WHERE rowid > ? AND rowid <= ?"  # noqa: S608
    " AND state IN ('completed', 'downloaded', 'failed', 'cancelled')"
)


class RowReader:
    """Reads a journal file, whether or not a writer has it open.

    Args:
        path: The file; one that does not exist yet has no rows.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._file = Path(path).absolute()
        self._has_writer = False
        self._connection: sqlite3.Connection | None = None
        self._ahead: dict[str, Row] = {}
        self._place = -NEAR

    def open(self) -> None:
        """Keep the connection from now on: a writer has the file."""
        self._has_writer = True

    def close(self) -> None:
        """Keep nothing. Call it before the writer lets go, which as the last one tidies SQLite's own files away."""
        self._has_writer = False
        self._ahead.clear()
        self._drop()

    def job(self, key: str) -> Row | None:
        """The row of one job."""
        row = self._ahead.pop(key, None)
        if row is not None:
            return row
        row = next(iter(self.rows(ONE, key)), None)
        if row is not None and self._has_writer:
            place = row["rowid"]
            if place - NEAR <= self._place < place:
                self._ahead = {row["key"]: row for row in self.rows(NEXT, place, place + AHEAD)}
                place += AHEAD
            self._place = place
        return row

    def forget(self, key: str) -> None:
        """The row of an ended job is about to change, the one way it may: its files are saved."""
        self._ahead.pop(key, None)

    def rows(self, query: str, *values: object) -> list[Row]:
        """Read.

        Raises:
            JournalError: The file cannot be read.
        """
        if not self._has_writer and not self._file.exists():
            return []
        try:
            self._connection = self._connection or self._connect()
            rows: list[Row] = self._connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            self._drop()
            raise JournalError(f"the journal {self._path!r} cannot be read: {error}") from None
        if not self._has_writer:
            self._drop()
        return rows

    def _connect(self) -> sqlite3.Connection:
        # Nothing is written by it. Yet "ro" does not tidy SQLite's own files away, which is only right beside a writer.
        mode = "ro" if self._has_writer else "rw"
        connection = sqlite3.connect(f"{self._file.as_uri()}?mode={mode}", uri=True)
        connection.row_factory = sqlite3.Row
        return connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
