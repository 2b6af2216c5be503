"""One thread that writes to one SQLite file, many changes to a commit.

It knows connections and commits, not jobs. Whoever waits for a change waits until it is on the disk.
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
_Order: TypeAlias = "tuple[Change[Any], asyncio.Future[Any]]"

GROUP = 1000
"""Changes in one commit at most; a commit waits for the disk, so those that came meanwhile share the next one."""
PATIENCE = 60.0
"""Seconds that a write waits for a person who writes into the open file; then the journal is given up."""


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
        self._broken: str | None = None

    async def open(self) -> None:
        """Lock the file and make it ready.

        Raises:
            JournalError: Another process has it, it is no journal, or the disk refuses.
        """
        opened: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, args=(opened,), name="evolink_async journal", daemon=True)
        self._thread.start()
        try:
            await opened
        except BaseException:  # also cancelled: the thread must not keep the lock
            self._stop("was not opened")
            raise

    async def write(self, change: Change[T]) -> T:
        """Make a change; returns when it is durable. Cancelled, the change is made all the same.

        Raises:
            JournalError: The disk refused; nothing of the change is in the file, and no later change is taken.
        """
        if self._broken is not None:
            raise JournalError(self._broken)
        done: asyncio.Future[T] = self._loop.create_future()
        self._orders.put((change, done))
        return await done

    async def aclose(self) -> None:
        """Write what was ordered, then let go of the file."""
        self._stop("is closed")
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    def _stop(self, state: str) -> None:
        """Take no further order."""
        self._broken = self._broken or f"the journal {self._path!r} {state}"
        self._orders.put(None)

    # --- in the thread

    def _run(self, opened: asyncio.Future[None]) -> None:
        try:
            lock, connection = _open(self._path)
        except Exception as error:  # noqa: BLE001  # whoever waits must be told
            self._tell([(opened, None)], str(_readable(error, self._path)))
            return
        self._tell([(opened, None)], None)
        failure: str | None = None
        with closing(lock), closing(connection):
            goes_on = True
            while goes_on:
                group, goes_on = self._take_group()
                results, failure = _commit(connection, [change for change, _ in group], failure, self._path)
                self._broken = failure or self._broken
                self._tell(list(zip((done for _, done in group), results, strict=True)), failure)

    def _take_group(self) -> tuple[list[_Order], bool]:
        group, order = list[_Order](), self._orders.get()
        while order is not None:
            group.append(order)
            if len(group) == GROUP or self._orders.empty():
                return group, True
            order = self._orders.get()
        return group, False

    def _tell(self, results: list[tuple[asyncio.Future[Any], Any]], failure: str | None) -> None:
        with suppress(RuntimeError):  # the loop was closed without us: nobody waits any more
            self._loop.call_soon_threadsafe(_resolve, results, failure)


def _open(path: str) -> tuple[sqlite3.Connection, sqlite3.Connection]:
    """The lock and the file. The lock is a file of its own, so that a person can read the journal while we write.

    It stands beside the file itself, so that a link to the file is locked out as well.
    """
    real = str(Path(path).resolve())
    lock = sqlite3.connect(f"{real}-lock", isolation_level=None, timeout=0)
    try:
        _lock(lock, path)
        _look(real, path)
        connection = sqlite3.connect(real, isolation_level=None, timeout=5)
        try:
            version = check(connection, path)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            migrate(connection, version)
            connection.execute(f"PRAGMA busy_timeout = {PATIENCE * 1000:.0f}")
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


def _look(real: str, path: str) -> None:
    """Check the file without a right to write, so that even closing it changes nothing of what is no journal."""
    if not Path(real).exists():
        return
    connection = sqlite3.connect(f"{Path(real).as_uri()}?mode=ro", uri=True, timeout=5)
    # A file whose owner died in its very first moments can only be read by somebody who may roll it back.
    with closing(connection), suppress(sqlite3.OperationalError):
        check(connection, path)


def _commit(
    connection: sqlite3.Connection, changes: list[Change[Any]], failure: str | None, path: str
) -> tuple[list[Any], str | None]:
    """Make changes together, all of them or none; after a failure none ever."""
    if failure is None and changes:
        try:
            connection.execute("BEGIN IMMEDIATE")
            results = [change(connection) for change in changes]
            connection.execute("COMMIT")
            return results, None
        except Exception as error:  # noqa: BLE001  # whoever waits must be told
            failure = str(_readable(error, path))
            with suppress(sqlite3.Error):
                connection.rollback()
    return [None] * len(changes), failure


def _resolve(results: list[tuple[asyncio.Future[Any], Any]], failure: str | None) -> None:
    for done, result in results:
        if done.done():
            continue  # whoever waited was cancelled
        if failure is None:
            done.set_result(result)
        else:
            done.set_exception(JournalError(failure))


def _readable(error: Exception, path: str) -> JournalError:
    if isinstance(error, JournalError):
        return error
    is_damage = isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)
    reason = "it is no SQLite file, or damaged" if is_damage else str(error) or type(error).__name__
    return JournalError(f"the journal {path!r} cannot be used: {reason}; nothing in it was overwritten")
