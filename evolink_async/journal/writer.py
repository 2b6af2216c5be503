"""A thread that writes to a journal file, with many changes in one commit.

A change is done when it is on the disk. What a change writes is in `statements`.
"""

from __future__ import annotations

import asyncio
import copy
import queue
import threading
from contextlib import closing, suppress
from typing import Any, TypeAlias, TypeVar

from ..concurrency import Signal, wait_shielded
from ..errors import JournalError
from .file import Change, JournalFile
from .file_errors import journal_error

T = TypeVar("T")
_Request: TypeAlias = "tuple[Change[Any], asyncio.Future[Any], Signal | None]"
_Result: TypeAlias = "tuple[asyncio.Future[Any], Any, Signal | None]"

# A commit waits for the disk. Changes that are requested meanwhile share the next commit.
MAX_CHANGES = 1000
"""Changes in one commit."""


class Writer:
    """Owns a journal file while it is open, and excludes other processes.

    Args:
        path: The file; it is made if missing.

    Attributes:
        epoch: The number of this opening of the file; 0 before it.
    """

    # One thread owns the connection, because SQLite has one writer anyway. The event loop never waits for the disk.

    def __init__(self, path: str) -> None:
        self._path = path
        self._requests: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._thread: threading.Thread | None = None
        self._broken: JournalError | None = None
        self.epoch: int = 0

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
            await self._end("was not opened")
            raise

    async def write(self, change: Change[T], then: Signal | None = None) -> T:
        """Make a change and return its result once it is on the disk. Cancellation does not undo the change.

        Args:
            change: What is changed or read.
            then: Fired after the change, also if this call was cancelled.

        Raises:
            JournalError: The write failed. Nothing of the change is in the file, and all later writes fail too.
        """
        if self._broken is not None:
            raise copy.copy(self._broken)
        done: asyncio.Future[T] = self._loop.create_future()
        self._requests.put((change, done, then))
        return await done

    async def aclose(self) -> None:
        """Make all requested changes, then close and unlock the file. Cancelling this call does not cut it short."""
        await self._end("is closed")

    async def _end(self, state: str) -> None:
        """Refuse further changes, and wait until the thread has made the requested ones and has unlocked the file."""
        self._broken = self._broken or JournalError(f"the journal {self._path!r} {state}")
        self._requests.put(None)
        if self._thread is not None:
            await wait_shielded(asyncio.create_task(asyncio.to_thread(self._thread.join)))

    # Runs in the thread, as do all functions below but `_resolve`.
    def _run(self, opened: asyncio.Future[None]) -> None:
        try:
            file = JournalFile.open(self._path)
        # Any exception: `open` waits for a result.
        except Exception as error:  # noqa: BLE001
            self._resolve_in_loop([(opened, None, None)], journal_error(error, self._path))
            return
        self.epoch = file.epoch
        self._resolve_in_loop([(opened, None, None)], None)
        failure: JournalError | None = None
        with closing(file):
            goes_on = True
            while goes_on:
                group, goes_on = self._take_group()
                results: list[Any] = [None] * len(group)
                if failure is None and group:
                    try:
                        results = file.commit([change for change, _, _ in group])
                    # Any exception: the callers of `write` wait for a result.
                    except Exception as error:  # noqa: BLE001
                        failure = journal_error(error, self._path)
                # Set before the waiters resume, so that none of them requests a change that is bound to fail.
                self._broken = failure or self._broken
                requests = zip(group, results, strict=True)
                self._resolve_in_loop([(done, result, then) for (_, done, then), result in requests], failure)

    def _take_group(self) -> tuple[list[_Request], bool]:
        """Wait for a change; return it with those requested by then, and whether more may follow."""
        group, request = list[_Request](), self._requests.get()
        while request is not None:
            group.append(request)
            if len(group) == MAX_CHANGES or self._requests.empty():
                return group, True
            request = self._requests.get()
        return group, False

    def _resolve_in_loop(self, results: list[_Result], failure: JournalError | None) -> None:
        # RuntimeError: the loop was closed before the journal, so there are no waiters left.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(_resolve, results, failure)


def _resolve(results: list[_Result], failure: JournalError | None) -> None:
    for done, result, then in results:
        if then is not None:
            then.fire()
        # Done already: its waiter was cancelled.
        if done.done():
            continue
        if failure is None:
            done.set_result(result)
        else:
            done.set_exception(copy.copy(failure))
