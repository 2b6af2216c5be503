"""Reads the jobs and the ends of a journal file without a pool. Nothing is changed, so a run may be using the file.

What a row means is in `rows`; jobs that a person may settle are in `doubts`. Import this module by its own path: it
needs SQLite, which the package's `__init__` does not load.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import attrs

from ..jobs import JobState, Standing
from .doubts import check_exists, is_in_use
from .file import check_is_whole, has_log
from .file_errors import read_error
from .read_only import connect
from .rows import COLUMNS, STATES, Row, standing_of, unknown_of

__all__ = ("PAGE", "RecordedJob", "count_ends", "read_ends", "read_jobs", "read_rows", "standing_in")

PAGE = 500
"""Jobs that are read together."""

_ENDED: tuple[JobState, ...] = ("completed", "failed", "unknown")
_SUBMITTING = "submitting"
_IN_STATES = "state IN (SELECT value FROM json_each(:states))"
_GIVEN = "(SELECT value FROM json_each(:given))"


@attrs.frozen(kw_only=True)
class RecordedJob:
    """A job of a journal file.

    Attributes:
        standing: Where it stands.
        model: The model that it asked for.
        end_number: Its place among the ends of the journal; None if it has not ended, or has before ends were counted.
    """

    standing: Standing
    model: str
    end_number: int | None = None


def read_jobs(
    path: Path, states: Collection[JobState], after: str = "", limit: int = PAGE, *, keys: Sequence[str] | None = None
) -> list[RecordedJob]:
    """Return jobs in the order of their keys. Blocks the calling thread.

    Args:
        path: The journal file.
        states: The states that are asked for.
        after: Only jobs whose keys come after this one.
        limit: Most jobs to return.
        keys: Only these jobs; None for all.

    Raises:
        ConfigurationError: The file does not exist, or is empty.
        JournalError: The file is not a journal, or cannot be read.
    """
    condition = f"key > :after AND {_IN_STATES}"
    if keys is not None:
        condition += f" AND key IN {_GIVEN}"
    values = {"after": after, "limit": limit, "given": json.dumps(list(keys or ()))}
    return _read_jobs(path, states, f"{condition} ORDER BY key LIMIT :limit", values)


def read_ends(path: Path, after: int | None = None) -> Iterator[RecordedJob]:
    """Yield jobs that have ended or are in doubt, in the order of their ends. Blocks the calling thread.

    A job in doubt that goes on, and then ends, is told anew with a higher number. The file is free between two jobs.

    Args:
        path: The journal file.
        after: Only ends whose numbers are higher; None for those too that have no number, all of them.

    Raises:
        ConfigurationError: The file does not exist, or is empty.
        JournalError: The file is not a journal, or cannot be read.
    """
    # Ends have no index: the places are read at once, in a single scan, and the rows by their places.
    which = "true" if after is None else "end_number > :after"
    order = "end_number IS NOT NULL, end_number, ended_at, key"
    query = f"SELECT place FROM {{table}} WHERE {which} AND {_IN_STATES} ORDER BY {order}"  # noqa: S608
    places = [row["place"] for row in read_rows(path, _ENDED, query, {"after": after})[0]]
    for start in range(0, len(places), PAGE):
        page = places[start : start + PAGE]
        condition = f"place IN {_GIVEN} AND {_IN_STATES} ORDER BY {order}"
        yield from _read_jobs(path, _ENDED, condition, {"given": json.dumps(page)})


def count_ends(path: Path) -> int:
    """Return how many ends the journal has counted: if it is the same as before, there are no new ones.

    Raises:
        ConfigurationError: The file does not exist, or is empty.
        JournalError: The file is not a journal, or cannot be read.
    """
    # A file of a version before ends were counted has no such table: its first ends come with the next run.
    tables = read_rows(path, (), "SELECT 1 FROM sqlite_master WHERE name = 'opening'", {})[0]
    return int(read_rows(path, (), "SELECT ends FROM opening", {})[0][0]["ends"]) if tables else 0


def _read_jobs(
    path: Path, states: Collection[JobState], condition: str, values: Mapping[str, object]
) -> list[RecordedJob]:
    query = f"SELECT end_number, {COLUMNS} FROM {{table}} WHERE {condition}"  # noqa: S608
    rows, is_held = read_rows(path, states, query, values)
    return [_job_of(row, is_held=is_held) for row in rows]


def read_rows(
    path: Path, states: Collection[JobState], query: str, values: Mapping[str, object]
) -> tuple[list[Row], bool]:
    """Return the rows of a query, and whether a process has the journal open. For this room alone.

    Args:
        path: The journal file.
        states: What `:states` in the query stands for, as the states of rows.
        query: A SELECT; `{table}` in it is all jobs, with `place` and every column of today's version.
        values: What its other names stand for.

    Raises:
        ConfigurationError: The file does not exist, or is empty.
        JournalError: The file is not a journal, or cannot be read.
    """
    check_exists(path)
    of_rows = {str(state) for name in states for state in STATES[name]}
    # A process that died left its submits in the state 'submitting': without a process they are in doubt.
    is_held = is_in_use(path)
    if not is_held:
        of_rows.discard(_SUBMITTING)
        of_rows.update([_SUBMITTING] if "unknown" in states else [])
    had_log = has_log(str(path.resolve()))
    try:
        with closing(connect(path)) as connection:
            check_is_whole(connection, str(path), had_log=had_log)
            connection.row_factory = sqlite3.Row
            given = {**values, "states": json.dumps(sorted(of_rows))}
            return list(connection.execute(query.format(table=_table(connection)), given)), is_held
    except sqlite3.Error as error:
        raise read_error(error, str(path)) from None


def _table(connection: sqlite3.Connection) -> str:
    """Return the rows of all jobs with every column; a file of an older version lacks some, which are NULL."""
    present = {row["name"] for row in connection.execute("PRAGMA table_info(jobs)")}
    lacking = [f"NULL AS {name}" for name in ("end_number", *COLUMNS.split(", ")) if name not in present]
    return f"(SELECT {', '.join(['rowid AS place', '*', *lacking])} FROM jobs)"  # noqa: S608


def _job_of(row: Row, *, is_held: bool) -> RecordedJob:
    standing = standing_in(row, is_held=is_held)
    return RecordedJob(standing=standing, model=row["model"], end_number=row["end_number"])


def standing_in(row: Row, *, is_held: bool) -> Standing:
    """Return where the job of a row stands. A submit whose process has ended is in doubt.

    Args:
        row: A row of `jobs`.
        is_held: Whether a process has the journal open.
    """
    return unknown_of(row) if row["state"] == _SUBMITTING and not is_held else standing_of(row)
