"""An open journal file: locked against other processes, checked to be the file at its path, written in commits.

It blocks the calling thread; the thread that it is used in is in `writer`. The tables are in `schema`.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Self, TypeAlias, TypeVar

from ..errors import JournalError
from ..regular_file import IrregularFileError, regular_status
from .file_errors import no_place
from .schema import check, migrate

T = TypeVar("T")
Change: TypeAlias = Callable[[sqlite3.Connection], T]

BUSY_TIMEOUT = 60.0
"""Seconds that a write waits while another program, such as an SQLite shell, writes to the file."""
ASKING_TIMEOUT = 5000
"""Milliseconds to wait for those who ask whether a journal is in use; they read one page."""
# The number of the opening is the epoch of all writes of this owner: see `Journal.claim`.
NEXT_EPOCH = "UPDATE opening SET epoch = epoch + 1, process = ?"
EPOCH = "SELECT epoch FROM opening"
PROCESS = "SELECT process FROM opening"
COPYING = (
    "While a run goes on, a journal is three files. Copy it with `sqlite3 FILE '.backup COPY'`, or copy FILE, FILE-wal "
    "and FILE-shm together, or copy it after the run."
)
"""How to copy a journal."""


class JournalFile:
    """A journal file that this process owns.

    Attributes:
        epoch: The number of this opening.
    """

    def __init__(self, path: str, lock: sqlite3.Connection, connection: sqlite3.Connection, place: str) -> None:
        self._path = path
        self._lock = lock
        self._connection = connection
        self._place = place
        self._identity = _identity(place)
        self.epoch: int = _begin_epoch(connection)

    @classmethod
    def open(cls, path: str) -> Self:
        """Lock a file, create or migrate its tables, and begin an epoch.

        Raises:
            Exception: It cannot be done; `journal_error` makes a JournalError of it.
        """
        # A lock of the journal itself would keep people from reading it during a run. The lock file is next to the
        # resolved path, so that two links to one journal share it.
        place = str(Path(path).resolve())
        _check_place(path, Path(place))
        lock = sqlite3.connect(f"{place}-lock", isolation_level=None, timeout=0)
        try:
            _lock(lock, path, place)
            connection = _connect(path, place)
            try:
                return cls(path, lock, connection, place)
            except BaseException:
                connection.close()
                raise
        except BaseException:
            lock.close()
            raise

    def close(self) -> None:
        """Close and unlock the file."""
        self._connection.close()
        self._lock.close()

    def commit(self, changes: list[Change[Any]]) -> list[Any]:
        """Make changes in one transaction and return their results. After an exception none of them is made.

        Raises:
            Exception: A change failed, or the file is no longer this process's: deleted, replaced, or opened anew.
        """
        try:
            self._check_place()
            self._connection.execute("BEGIN IMMEDIATE")
            self._check_epoch()
            results = [change(self._connection) for change in changes]
            self._connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self._connection.rollback()
            raise
        return results

    def _check_place(self) -> None:
        # What is written to a deleted file is lost when it is closed, and the next run would buy everything again.
        found = _identity(self._place)
        if found == self._identity:
            return
        raise JournalError(
            f"the journal {self._path!r} was {'deleted' if found is None else 'replaced'} while it was in use",
            advice="Nothing more is sent. Put the journal back; jobs sent since it was moved may be missing in it.",
        )

    def _check_epoch(self) -> None:
        # The lock is advisory: a lock file that was deleted, or a network file system, lets a second process in.
        if self._connection.execute(EPOCH).fetchone()[0] == self.epoch:
            return
        raise JournalError(
            f"the journal {self._path!r} was opened by another process{_process(self._connection)}, which owns it now",
            advice="Nothing more is sent from here. Do not delete the -lock file, and give each program a journal.",
        )


def check_is_whole(connection: sqlite3.Connection, path: str, *, had_log: bool) -> int:
    """Return the version of a journal file, 0 for a new one.

    Args:
        connection: To the file.
        path: Its path, for messages.
        had_log: Whether there was a `-wal` file before it was opened.

    Raises:
        JournalError: It is not a journal; or it is one without its tables, as it was copied during a run.
    """
    version = check(connection, path)
    # The tables are written to the log first, and moved into the file after some time or at the end.
    if version == 0 and not had_log and connection.execute("PRAGMA journal_mode").fetchone() == ("wal",):
        raise JournalError(
            f"the journal {path!r} was copied without its -wal file, so its jobs are missing", advice=COPYING
        )
    return version


def has_log(place: str) -> bool:
    """Whether a file has SQLite's write-ahead log beside it."""
    return Path(f"{place}-wal").exists()


def _check_place(path: str, place: Path) -> None:
    """Refuse a path where no file can be, before a lock file is left beside it."""
    try:
        regular_status(place)
    except IrregularFileError as error:
        raise no_place(path, f"it {error.strerror}") from None
    except FileNotFoundError:
        if not place.parent.exists():
            raise no_place(path, "its folder does not exist", f"Make the folder {str(place.parent)!r}.") from None


def _connect(path: str, place: str) -> sqlite3.Connection:
    # A process that is killed while it makes a file leaves one that looks like such a copy.
    unfinished = Path(f"{place}-new")
    if not Path(place).exists() or not Path(place).stat().st_size:
        unfinished.touch()
    had_log = has_log(place) or unfinished.exists()
    _check_read_only(place, path)
    connection = sqlite3.connect(place, isolation_level=None, timeout=5)
    try:
        version = check_is_whole(connection, path, had_log=had_log)
        connection.execute("PRAGMA journal_mode = WAL")
        # NORMAL could lose the last commits in a power failure, and with them the record of a paid request.
        connection.execute("PRAGMA synchronous = FULL")
        migrate(connection, version)
        unfinished.unlink(missing_ok=True)
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT * 1000:.0f}")
    except BaseException:
        connection.close()
        raise
    return connection


def _begin_epoch(connection: sqlite3.Connection) -> int:
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(NEXT_EPOCH, (os.getpid(),))
    [epoch] = connection.execute(EPOCH).fetchone()
    connection.execute("COMMIT")
    return int(epoch)


def _identity(place: str) -> tuple[int, int] | None:
    """Return what tells a file from another one at the same path; None if there is none."""
    try:
        found = os.stat(place)  # noqa: PTH116  # a `Path` for each commit costs more than the call
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _lock(lock: sqlite3.Connection, path: str, place: str) -> None:
    if _begins(lock):
        return
    # Who only asks whether the journal is in use, as a page that shows it does all the time, reads the lock file for a
    # moment. An owner lets nobody read it.
    with suppress(sqlite3.OperationalError):
        lock.execute("SELECT count(*) FROM sqlite_master").fetchone()
        lock.execute(f"PRAGMA busy_timeout = {ASKING_TIMEOUT}")
        if _begins(lock):
            return
    raise JournalError(
        f"the journal {path!r} is in use by another process{process_of(place)}",
        advice="Wait until it has ended, or stop it: then its journal is free at once. Two runs at the same time "
        "need two journals. Do not delete the -lock file: it does not keep anybody out after its process.",
    )


def _begins(lock: sqlite3.Connection) -> bool:
    """Take the lock; tell whether it was free."""
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        if "locked" not in str(error):
            raise
        return False
    return True


def process_of(place: str) -> str:
    """Return " (process 123)" for the process that has a journal open, or "" if that cannot be found out.

    Args:
        place: The resolved path of the journal.
    """
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"{Path(place).as_uri()}?mode=ro", uri=True)) as connection:
        return _process(connection)
    return ""


def _process(connection: sqlite3.Connection) -> str:
    [process] = connection.execute(PROCESS).fetchone()
    if process is None:  # it is opening the file
        return ""
    return " (a pool of this process)" if process == os.getpid() else f" (process {process})"


def _check_read_only(place: str, path: str) -> None:
    """Check the file over a read-only connection, so that a file that is not a journal is not changed at all."""
    if not Path(place).exists():
        return
    connection = sqlite3.connect(f"{Path(place).as_uri()}?mode=ro", uri=True, timeout=5)
    # OperationalError: a process that ended while it created the file has left a transaction that a read-only
    # connection cannot roll back. The check is repeated over the connection that can.
    with closing(connection), suppress(sqlite3.OperationalError):
        check(connection, path)
