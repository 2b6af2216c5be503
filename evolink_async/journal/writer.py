"""One thread that writes to one SQLite file, many changes to a commit.

It knows connections and commits, not jobs. Whoever waits for a change waits until it is on the disk.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

from ..errors import JournalError
from .schema import check, migrate

T = TypeVar("T")
Change: TypeAlias = Callable[[sqlite3.Connection], T]
_Order: TypeAlias = "tuple[Change[Any], asyncio.Future[Any]]"

GROUP = 1000
"""Changes in one commit at most; a commit waits for the disk, so those that came meanwhile share the next one."""


class Writer:
    """Owns the file while it is open: a second process is refused.

    Args:
        path: The file; made when missing.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._orders: queue.SimpleQueue[_Order | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._thread: threading.Thread | None = None
        self._broken: JournalError | None = None

    async def open(self) -> None:
        """Lock the file and make it ready.

        Raises:
            JournalError: Another process has it, it is no journal, or the disk refuses.
        """
        opened: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, args=(opened,), name="evolink_async journal", daemon=True)
        self._thread.start()
        await opened

    async def write(self, change: Change[T]) -> T:
        """Make a change; returns when it is durable. Cancelled, the change is made all the same.

        Raises:
            JournalError: The disk refused; nothing of the change is in the file, and no later change is taken.
        """
        if self._broken is not None:
            raise self._broken
        done: asyncio.Future[T] = self._loop.create_future()
        self._orders.put((change, done))
        return await done

    async def aclose(self) -> None:
        """Write what was ordered, then let go of the file."""
        self._orders.put(None)
        thread = self._thread
        if thread is not None:
            await asyncio.to_thread(thread.join)

    # --- in the thread

    def _run(self, opened: asyncio.Future[None]) -> None:
        try:
            lock, connection = _open(self._path)
        except (sqlite3.Error, JournalError) as error:
            self._tell([(opened, None)], _readable(error, self._path))
            return
        self._tell([(opened, None)], None)
        try:
            while self._write_group(connection):
                pass
        finally:
            connection.close()
            lock.close()

    def _write_group(self, connection: sqlite3.Connection) -> bool:
        group, goes_on = self._take_group()
        if group:
            results, error = _commit(connection, [change for change, _ in group])
            if error is not None:
                self._broken = _readable(error, self._path)
            self._tell(list(zip((done for _, done in group), results, strict=True)), self._broken)
        return goes_on

    def _take_group(self) -> tuple[list[_Order], bool]:
        group, order = list[_Order](), self._orders.get()
        while order is not None:
            group.append(order)
            if len(group) == GROUP or self._orders.empty():
                return group, True
            order = self._orders.get()
        return group, False

    def _tell(self, results: list[tuple[asyncio.Future[Any], Any]], error: JournalError | None) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(_resolve, results, error)


def _open(path: str) -> tuple[sqlite3.Connection, sqlite3.Connection]:
    """The lock and the file. The lock is a file of its own, so that a person can read the journal while we write."""
    lock = sqlite3.connect(f"{path}-lock", isolation_level=None, timeout=0)
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        lock.close()
        if "locked" in str(error):
            raise JournalError(f"the journal {path!r} is in use by another process") from None
        raise
    try:
        connection = sqlite3.connect(path, isolation_level=None, timeout=5)
        version = check(connection, path)  # before anything of the file is changed
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        migrate(connection, version)
    except BaseException:
        lock.close()
        raise
    return lock, connection


def _commit(connection: sqlite3.Connection, changes: list[Change[Any]]) -> tuple[list[Any], sqlite3.Error | None]:
    """Make changes together: all of them or none."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        results = [change(connection) for change in changes]
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        return [None] * len(changes), error
    return results, None


def _resolve(results: list[tuple[asyncio.Future[Any], Any]], error: JournalError | None) -> None:
    for done, result in results:
        if done.done():
            continue  # whoever waited was cancelled
        if error is None:
            done.set_result(result)
        else:
            done.set_exception(error)


def _readable(error: sqlite3.Error | JournalError, path: str) -> JournalError:
    if isinstance(error, JournalError):
        return error
    reason = "it is no SQLite file, or damaged" if isinstance(error, sqlite3.DatabaseError) else ""
    reason = str(error) if isinstance(error, sqlite3.OperationalError) else reason or str(error)
    return JournalError(f"the journal {path!r} cannot be used: {reason}; nothing in it was overwritten")
