"""Reads the jobs of a journal file that a person may settle, and settles one, without a pool.

How a file is laid out is in `schema`; what a row means is in `rows`. Import this module by its own path: it needs
SQLite, which the package's `__init__` does not load.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import attrs

from ..errors import ConfigurationError, SubmissionUnknownError
from ..regular_file import IrregularFileError, regular_status
from .file import check_is_whole, has_log, process_of
from .file_errors import read_error
from .read_only import connect
from .rows import Row, doubt_in
from .schema import MISSING_SINCE
from .sqlite import SqliteJournal
from .statements import OPEN

__all__ = (
    "DASHBOARD",
    "Doubt",
    "check_exists",
    "doubt_of_row",
    "holder_of",
    "is_in_use",
    "moment",
    "read_doubts",
    "sent_at",
    "settle_doubt",
    "what_to_check",
    "window_of",
)

DASHBOARD = "https://evolink.ai/dashboard"

_WINDOW = timedelta(minutes=2)
"""Time before and after a submit to search: a submit times out after a minute, and two clocks may differ."""


@attrs.frozen(kw_only=True)
class Doubt:
    """A job that a person may settle: its submit may have been paid for, or the service no longer knows its task.

    Attributes:
        key: The job's key.
        model: The model that the job asked for.
        prompt: The prompt that was sent; empty if the request had none.
        session: Fingerprint of the API key that the submit was sent with.
        error: What is known of the submit: time, idempotency key, HTTP status, request id.
        task_id: The task that the service no longer knows; None for a job in doubt.
    """

    key: str
    model: str
    prompt: str
    session: str
    error: SubmissionUnknownError
    task_id: str | None = None


def sent_at(doubt: Doubt) -> datetime:
    """Return the time of its submit, in local time: a person reads it and compares it with a page."""
    return datetime.fromtimestamp(round(doubt.error.sent_at or 0.0)).astimezone()


def window_of(doubt: Doubt) -> tuple[datetime, datetime]:
    """Return the time in which its task was made, if there is one, in local time."""
    return sent_at(doubt) - _WINDOW, sent_at(doubt) + _WINDOW


def moment(at: datetime) -> str:
    """Write a time for a person, with its zone: another process or a browser may be in another one."""
    return f"{at:%Y-%m-%d %H:%M:%S} (UTC{at.isoformat()[19:]})"


def what_to_check(doubt: Doubt, window: str | None = None) -> str:
    """Return one sentence on what to look for in the dashboard.

    Args:
        doubt: The job.
        window: The time in which its task was made, as "1 and 2 o'clock". Default: that of `window_of`.
    """
    window = " and ".join(map(moment, window_of(doubt))) if window is None else window
    if doubt.task_id is not None:
        return (
            f"Look in {DASHBOARD}, under the API key with the fingerprint {doubt.session}, whether the task "
            f"{doubt.task_id} was charged, and whether there is another one of {doubt.model} with "
            f"this prompt, made between {window}."
        )
    return (
        f"Look in {DASHBOARD}, under the API key with the fingerprint {doubt.session}, for a task of {doubt.model} "
        f"with this prompt, made between {window}."
    )


def read_doubts(path: Path) -> list[Doubt]:
    """Return the jobs in doubt and those whose task the service no longer knows, in the order they were sent.

    The file is not changed, and a run may be using it: a submit that this run is waiting for is not in doubt yet.
    Blocks the calling thread.

    Args:
        path: The journal file.

    Raises:
        ConfigurationError: The file does not exist, or is empty.
        JournalError: The file is not a journal, or cannot be read.
    """
    check_exists(path)
    # A process that died left its submits in the state 'submitting': without a process they are in doubt.
    states = "('in_doubt')" if is_in_use(path) else "('in_doubt', 'submitting')"
    had_log = has_log(str(path.resolve()))
    try:
        with closing(connect(path)) as connection:
            version = check_is_whole(connection, str(path), had_log=had_log)
            # A file that no run has opened since there is this column has no such jobs.
            missing = "OR missing_at IS NOT NULL AND state = 'accepted'" if version >= MISSING_SINCE else ""
            query = f"SELECT * FROM jobs WHERE {OPEN} AND (state IN {states} {missing}) ORDER BY sent_at, key"  # noqa: S608
            connection.row_factory = sqlite3.Row
            return [doubt_of_row(row) for row in connection.execute(query)]
    except sqlite3.Error as error:
        raise read_error(error, str(path)) from None


async def settle_doubt(path: Path, key: str, how: str) -> None:
    """Record what became of one job in doubt.

    Args:
        path: The journal file; no other process may have it open.
        key: The key of a job, as `read_doubts` returns it.
        how: The id of the job's task, "resubmit" or "abandon"; see `Journal.settled`.

    Raises:
        JournalError: The file is not a journal, or another process has it open.
    """
    journal = SqliteJournal(path)
    await journal.open()
    try:
        await journal.settled(key, how)
    finally:
        await journal.aclose()


def check_exists(path: Path) -> None:
    """Refuse a file that cannot be a journal.

    Raises:
        ConfigurationError: It does not exist, is empty, or is no regular file.
    """
    try:
        status = regular_status(path)
    except IrregularFileError as error:
        raise ConfigurationError(f"{str(path)!r} {error.strerror}, so it is no journal") from None
    # Also a name that is too long, and a folder that may not be searched.
    except OSError:
        raise ConfigurationError(f"there is no journal {str(path)!r}") from None
    if not status.st_size:
        raise ConfigurationError(f"{str(path)!r} is empty, so it is no journal")


def holder_of(path: Path) -> str | None:
    """Return who has a journal open, as "another process (process 123)"; None if nobody has.

    Args:
        path: An existing journal file.
    """
    return f"another process{process_of(str(path.resolve()))}" if is_in_use(path) else None


def is_in_use(path: Path) -> bool:
    """Whether a process has the journal open: it holds the lock file beside it until it exits."""
    lock = Path(f"{path.resolve()}-lock")
    if not lock.exists():
        return False
    with closing(sqlite3.connect(f"{lock.as_uri()}?mode=ro", uri=True, timeout=0)) as connection:
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError:
            return True
    return False


def doubt_of_row(row: Row) -> Doubt:
    """Return the doubt of a row with all columns."""
    prompt = json.loads(row["body"]).get("prompt", "")
    return Doubt(
        key=row["key"],
        model=row["model"],
        prompt=prompt if isinstance(prompt, str) else "",
        session=row["session"] or "",
        error=doubt_in(row) if row["state"] != "accepted" else _error_of_missing(row),
        task_id=row["task_id"],
    )


def _error_of_missing(row: Row) -> SubmissionUnknownError:
    return SubmissionUnknownError(
        f"the service no longer knows the task {row['task_id']}",
        key=row["key"],
        idempotency_key=row["idempotency_key"],
        sent_at=row["sent_at"],
    )
