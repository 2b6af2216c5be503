"""The journal in an SQLite file: it survives the end of the process, also by `kill -9`.

Its reads are in `row_queries`, the statements in `statements`; durable writing is in `writer`.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import attrs

from ..budget import Ledger
from ..concurrency import Signal
from ..errors import JournalError
from ..jobs import Accepted, Completed, Outcome, Unknown
from ..media import Upload
from ..purchases import RecordState, Transition, sources
from .address import check_path
from .claims import Claims, OneOwner
from .entries import Intent, end_of, log_late, log_unwritten, settling_advice
from .file import BUSY_TIMEOUT, Change
from .file_errors import journal_error
from .row_queries import RowQueries
from .rows import (
    column_of,
    columns_of,
    doubt_of,
)
from .settling import accept, buy_anew, late_answer, missing, settle
from .statements import (
    PUT_PURCHASE,
    PUT_UPLOAD,
    doubt,
    doubt_open_submits,
    end,
    mark_told,
    read_ledger,
    update,
    upsert,
)
from .writer import Writer

T = TypeVar("T")


class SqliteJournal(RowQueries, OneOwner):
    """The jobs in an SQLite file. See `Journal` for what each call means.

    Args:
        path: The file. It is made if missing, and kept at the end. Next to it are an empty `-lock` file that excludes a
            second process, and, while the journal is open, SQLite's `-wal` and `-shm` files.
    """

    def __init__(self, path: str | Path) -> None:
        check_path(path)
        # Once: the process may change its folder while the journal is open.
        super().__init__(str(Path(path).absolute()))
        self._claims: Claims | None = None
        self.ends: Signal = Signal()
        self.calls: Signal = Signal()

    async def open(self) -> None:
        """Lock the file, and set jobs to in doubt that a process was submitting when it ended."""
        writer = Writer(self._path)
        await writer.open()
        try:
            self._ends_before = await writer.write(doubt_open_submits)
        except BaseException:
            await writer.aclose()
            raise
        self._writer, self._claims = writer, Claims(writer.epoch)
        self._reader.open()

    async def aclose(self) -> None:
        """Write pending changes and unlock the file."""
        writer, self._writer = self._writer, None
        self._reader.close()
        if writer is not None:
            await writer.aclose()

    async def planned(self, intent: Intent) -> None:
        """Write the job, so that the file shows what is left to do."""
        await self._write(upsert(intent, RecordState.PLANNED, sources(Transition.PUT_OFF), sent_at=None))

    async def ledger(self) -> Ledger:
        """Add up the rows."""
        # In the writer's thread: it reads all rows, which would block the event loop.
        if self._writer is not None:
            return await self._writer.write(read_ledger)
        return self._reader.read(read_ledger) or Ledger()

    async def submitting(self, intent: Intent) -> None:
        """Write the intent, and the purchase that it belongs to."""
        now = time.time()
        write_job = upsert(intent, RecordState.SUBMITTING, sources(Transition.SENT), sent_at=now)

        def change(connection: sqlite3.Connection) -> int:
            if not write_job(connection):
                return 0
            # A send with the same idempotency key belongs to the same purchase: its first row stays.
            connection.execute(PUT_PURCHASE, (intent.idempotency_key, intent.key, intent.session, now))
            return 1

        if not await self._write(change):
            raise JournalError(f"the job {intent.key!r} has been accepted, or has ended; it is not sent again")

    async def refused(self, key: str) -> None:
        """Set the job back to planned."""
        await self._write(update(key, sources(Transition.REFUSED), state=RecordState.PLANNED))

    async def accepted(self, accepted: Accepted) -> None:
        """Write the task id."""
        asker = f"the job {accepted.key!r}"
        try:
            is_taken = await self._write(accept(accepted))
        except JournalError:
            log_unwritten(accepted.task_id, asker)
            raise
        if not is_taken:
            log_late(accepted.task_id, asker)

    async def late_answer(self, idempotency_key: str, task_id: str) -> bool:
        """Write the task id over a connection of its own, so that this file need not be open, nor be ours."""
        try:
            is_taken = await asyncio.to_thread(_write_late_answer, self._path, idempotency_key, task_id)
        except JournalError:
            log_unwritten(task_id, f"the purchase {idempotency_key!r}")
            raise
        if not is_taken:
            log_late(task_id, f"the purchase {idempotency_key!r}")
        return is_taken

    async def missing(self, key: str, task_id: str) -> None:
        """Write that the service does not know the task."""
        await self._write(missing(key, task_id, time.time()))

    async def doubted(self, unknown: Unknown) -> None:
        """Write what is known of the doubt."""
        await self._write(doubt(unknown.key, doubt_of(unknown.error)), self.ends)

    async def ended(self, outcome: Outcome) -> None:
        """Write how the task ended."""
        # Otherwise the task stays accepted, and the next run polls it again.
        if (ended := end_of(outcome)) is not None:
            await self._write(end(ended.key, ended.task_id, columns_of(ended)), self.ends)

    async def bought_anew(self, key: str, task_id: str) -> None:
        """Set the job back to planned."""
        self._reader.forget(key)
        await self._write(buy_anew(key, task_id))

    async def saved(self, completed: Completed) -> None:
        """Write where the files are."""
        files = column_of(completed.saved)
        self._reader.forget(completed.key)
        await self._write(update(completed.key, sources(Transition.SAVED), state=RecordState.DOWNLOADED, files=files))

    async def refreshed(self, completed: Completed) -> None:
        """Write the newer links."""
        self._reader.forget(completed.key)
        links = {"urls": json.dumps(completed.urls), "expires_at": completed.expires_at}
        await self._write(update(completed.key, sources(Transition.SAVED), **links))

    async def uploaded(self, upload: Upload) -> None:
        """Write the upload in place of an older one."""
        # Without a digest it could not be found again.
        if upload.sha256 is not None:
            values = attrs.astuple(upload)
            await self._write(lambda connection: connection.execute(PUT_UPLOAD, values).rowcount)

    def taken(self, outcome: Outcome) -> None:
        """Do nothing: a later run with the same jobs returns the outcome again."""

    async def mark_told(self, numbers: Sequence[int]) -> None:
        """Write the time."""
        await self._write(mark_told(numbers, time.time()))

    async def settled(self, key: str, how: str) -> None:
        """Set the job to accepted, planned or abandoned."""
        refusal = await self._write(settle(key, how, time.time()), self.ends)
        if refusal is not None:
            raise JournalError(f"{refusal} in {self._path!r}", advice=settling_advice(how, "FILE"))

    def _claims_of_opening(self) -> Claims:
        if self._writer is None or self._claims is None:
            raise JournalError(f"the journal {self._path!r} is not open")
        return self._claims

    async def _write(self, change: Change[T], then: Signal | None = None) -> T:
        if self._writer is None:
            raise JournalError(f"the journal {self._path!r} is not open")
        return await self._writer.write(change, then)


def _write_late_answer(path: str, idempotency_key: str, task_id: str) -> bool:
    change = late_answer(idempotency_key, task_id, time.time())
    try:
        with closing(sqlite3.connect(f"{Path(path).as_uri()}?mode=rw", uri=True, timeout=BUSY_TIMEOUT)) as connection:
            connection.isolation_level = None
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN IMMEDIATE")
            is_taken = change(connection)
            connection.execute("COMMIT")
            return is_taken
    except sqlite3.Error as error:
        raise journal_error(error, path) from None
