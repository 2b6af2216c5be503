"""A thread that writes to a journal file, with many changes in one commit.

A change is done when it is on the disk. What a change writes is in `statements`.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from ..errors import JournalError
from .schema import check, migrate

T = TypeVar("T")
Change: TypeAlias = Callable[[sqlite3.Connection], T]
_Request: TypeAlias = "tuple[Change[Any], asyncio.Future[Any]]"

# A commit waits for the disk. Changes that are requested meanwhile share the next commit.
MAX_CHANGES = 1000
"""Changes in one commit."""
BUSY_TIMEOUT = 60.0
"""Seconds that a write waits while another program, such as an SQLite shell, writes to the file."""


class Writer:
    """Owns a journal file while it is open, and excludes other processes.

    Args:
        path: The file; it is made if missing.
    """

    # One thread owns the connection, because SQLite has one writer anyway. The event loop never waits for the disk.

    def __init__(self, path: str) -> None:
        self._path = path
        self._requests: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._thread: threading.Thread | None = None
        self._broken: str | None = None

    async def open(self) -> None:
        """Lock the file, and create or migrate its tables.

        Raises:
            JournalError: Another process uses the file, it is not a journal, or it cannot be opened or written.
        """
        opened: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, args=(opened,), name="evolink_async journal", daemon=True)
        self._thread.start()
        try:
            await opened
        # On cancellation too: the thread must not keep the lock.
        except BaseException:
            self._stop("was not opened")
            raise

    async def write(self, change: Change[T]) -> T:
        """Make a change and return its result once it is on the disk. Cancellation does not undo the change.

        Raises:
            JournalError: The write failed. Nothing of the change is in the file, and all later writes fail too.
        """
        if self._broken is not None:
            raise JournalError(self._broken)
        done: asyncio.Future[T] = self._loop.create_future()
        self._requests.put((change, done))
        return await done

    async def aclose(self) -> None:
        """Make all requested changes, then close and unlock the file."""
        self._stop("is closed")
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    def _stop(self, state: str) -> None:
        """Refuse further changes, and let the thread end after the requested ones."""
        self._broken = self._broken or f"the journal {self._path!r} {state}"
        self._requests.put(None)

    # Runs in the thread, as do all functions below but `_resolve`.
    def _run(self, opened: asyncio.Future[None]) -> None:
        try:
            lock, connection = _open(self._path)
        # Any exception: `open` waits for a result.
        except Exception as error:  # noqa: BLE001
            self._resolve_in_loop([(opened, None)], str(_journal_error(error, self._path)))
            return
        self._resolve_in_loop([(opened, None)], None)
        failure: str | None = None
        with closing(lock), closing(connection):
            goes_on = True
            while goes_on:
                group, goes_on = self._take_group()
                results, failure = _commit(connection, [change for change, _ in group], failure, self._path)
                # Set before the waiters resume, so that none of them requests a change that is bound to fail.
                self._broken = failure or self._broken
                self._resolve_in_loop(list(zip((done for _, done in group), results, strict=True)), failure)

    def _take_group(self) -> tuple[list[_Request], bool]:
        """Wait for a change; return it with those requested by then, and whether more may follow."""
        group, request = list[_Request](), self._requests.get()
        while request is not None:
            group.append(request)
            if len(group) == MAX_CHANGES or self._requests.empty():
                return group, True
            request = self._requests.get()
        return group, False

    def _resolve_in_loop(self, results: list[tuple[asyncio.Future[Any], Any]], failure: str | None) -> None:
        # RuntimeError: the loop was closed before the journal, so there are no waiters left.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(_resolve, results, failure)


def _open(path: str) -> tuple[sqlite3.Connection, sqlite3.Connection]:
    """Open and lock a journal file; return the connections to the lock file and to the journal."""
    # A lock of the journal itself would keep people from reading it during a run. The lock file is next to the resolved
    # path, so that two links to one journal share it.
    real = str(Path(path).resolve())
    lock = sqlite3.connect(f"{real}-lock", isolation_level=None, timeout=0)
    try:
        _lock(lock, path)
        _check_read_only(real, path)
        connection = sqlite3.connect(real, isolation_level=None, timeout=5)
        try:
            version = check(connection, path)
            connection.execute("PRAGMA journal_mode = WAL")
            # NORMAL could lose the last commits in a power failure, and with them the record of a paid request.
            connection.execute("PRAGMA synchronous = FULL")
            migrate(connection, version)
            connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT * 1000:.0f}")
        except BaseException:
            connection.close()
            raise
    except BaseException:
        lock.close()
        raise
    return lock, connection


def _lock(lock: sqlite3.Connection, path: str) -> None:
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise JournalError(
                f"the journal {path!r} is in use by another process",
                advice="Wait until that process has ended, or stop it.",
            ) from None
        raise


def _check_read_only(real: str, path: str) -> None:
    """Check the file over a read-only connection, so that a file that is not a journal is not changed at all."""
    if not Path(real).exists():
        return
    connection = sqlite3.connect(f"{Path(real).as_uri()}?mode=ro", uri=True, timeout=5)
    # OperationalError: a process that ended while it created the file has left a transaction that a read-only
    # connection cannot roll back. The check is repeated over the connection that can.
    with closing(connection), suppress(sqlite3.OperationalError):
        check(connection, path)


def _commit(
    connection: sqlite3.Connection, changes: list[Change[Any]], failure: str | None, path: str
) -> tuple[list[Any], str | None]:
    """Make changes in one transaction; return their results, or the failure. After a failure no change is made."""
    if failure is None and changes:
        try:
            connection.execute("BEGIN IMMEDIATE")
            results = [change(connection) for change in changes]
            connection.execute("COMMIT")
            return results, None
        # Any exception: the callers of `write` wait for a result.
        except Exception as error:  # noqa: BLE001
            failure = str(_journal_error(error, path))
            with suppress(sqlite3.Error):
                connection.rollback()
    return [None] * len(changes), failure


def _resolve(results: list[tuple[asyncio.Future[Any], Any]], failure: str | None) -> None:
    for done, result in results:
        # Done already: its waiter was cancelled.
        if done.done():
            continue
        if failure is None:
            done.set_result(result)
        else:
            done.set_exception(JournalError(failure))


def _journal_error(error: Exception, path: str) -> JournalError:
    if isinstance(error, JournalError):
        return error
    # "file is not a database" and "database disk image is malformed" are no OperationalError, unlike a full disk.
    is_damage = isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)
    reason = "it is not an SQLite file, or it is damaged" if is_damage else str(error) or type(error).__name__
    return JournalError(f"the journal {path!r} cannot be used: {reason}; nothing in it was overwritten")
