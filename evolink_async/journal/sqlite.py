"""The journal in an SQLite file: it survives the end of the process, also by `kill -9`.

The statements are in `statements`, the meaning of rows in `rows`; durable writing is in `writer`.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import attrs

from ..budget import Ledger
from ..errors import JournalConflictError, JournalError, TaskError
from ..jobs import Accepted, Completed, DurationClass, Failed, Job, Outcome, Unknown, digest
from ..media import Upload
from .entries import Found, Intent, Known
from .reader import JOBS, RowReader, rows_of
from .rows import Row, accepted_of, column_of, doubt_of, ended_of, fault_of, standing_of, unknown_of, upload_of
from .statements import (
    DURATIONS,
    JOB_OF_TASK,
    OUTCOMES,
    OWNERS,
    PUT_UPLOAD,
    UNFINISHED,
    UPLOADS,
    columns_of,
    doubt_open_submits,
    read_ledger,
    update,
    upsert,
)
from .writer import Change, Writer

T = TypeVar("T")

# Durations drift, so older tasks say little; the schedule remembers 150 of each class.
LEARNED = 1000
"""Finished tasks whose durations a new run learns."""
FEW = 16
"""Rows that are read without another thread."""
CHECK_ID = "Look in the dashboard for the task made at the time of this job, with its parameters."


class SqliteJournal:
    """The jobs in an SQLite file. See `Journal` for what each call means.

    Args:
        path: The file. It is made if missing, and kept at the end. Next to it are an empty `-lock` file that excludes a
            second process, and, while the journal is open, SQLite's `-wal` and `-shm` files.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = str(path)
        self._writer: Writer | None = None
        self._reader = RowReader(self._path)

    async def open(self) -> None:
        """Lock the file, and set jobs to in doubt that a process was submitting when it ended."""
        writer = Writer(self._path)
        await writer.open()
        try:
            await writer.write(doubt_open_submits)
        except BaseException:
            await writer.aclose()
            raise
        self._writer = writer
        self._reader.open()

    async def aclose(self) -> None:
        """Write pending changes and unlock the file."""
        writer, self._writer = self._writer, None
        self._reader.close()
        if writer is not None:
            await writer.aclose()

    async def known(self, jobs: Sequence[Job]) -> dict[str, Found]:
        """Look the keys up and compare the parameters. Those of a job that is only planned may change."""
        if len(jobs) == 1:
            rows = {jobs[0].key: self._reader.job(jobs[0].key)}
        else:
            rows = {row["key"]: row for row in await self._rows(JOBS, [job.key for job in jobs])}
        return {job.key: found for job in jobs if (found := self._find(job, rows.get(job.key))) is not None}

    def _find(self, job: Job, row: Row | None) -> Found | None:
        if row is None or row["state"] == "planned":
            return None
        if row["digest"] != digest(job.params):
            return JournalConflictError(f"the key {job.key!r} stands in the journal with other parameters")
        return Known(standing_of(row), row["session"] or "")

    async def planned(self, intent: Intent) -> None:
        """Write the job, so that the file shows what is left to do."""
        await self._write(upsert(intent, "planned", ("planned",), sent_at=None))

    async def ledger(self) -> Ledger:
        """Add up the rows."""
        # In the writer's thread: it reads all rows, which would block the event loop.
        return await self._write(read_ledger)

    async def durations(self) -> tuple[tuple[DurationClass, float], ...]:
        """Read the rows that were written last."""
        rows = await self._read_elsewhere(DURATIONS, LEARNED)
        return tuple([((row["model"], row["quality"], row["duration"]), row["seconds"]) for row in reversed(rows)])

    async def submitting(self, intent: Intent) -> None:
        """Write the intent, and the purchase that it belongs to."""
        now = time.time()
        write_job = upsert(intent, "submitting", ("planned", "submitting", "in_doubt"), sent_at=now)

        def change(connection: sqlite3.Connection) -> int:
            if not write_job(connection):
                return 0
            # A send with the same idempotency key belongs to the same purchase: its first row stays.
            purchase = (intent.idempotency_key, intent.key, intent.session, now)
            connection.execute("INSERT OR IGNORE INTO purchases VALUES (?, ?, ?, ?)", purchase)
            return 1

        if not await self._write(change):
            raise JournalError(f"the job {intent.key!r} has been accepted, or has ended; it is not sent again")

    async def refused(self, key: str) -> None:
        """Set the job back to planned."""
        await self._write(update(key, "submitting", state="planned"))

    async def accepted(self, accepted: Accepted) -> None:
        """Write the task id."""
        snapshot = accepted.snapshot
        columns: dict[str, object] = {
            "state": "accepted",
            "task_id": accepted.task_id,
            "accepted_at": accepted.accepted_at,
            "estimated_seconds": snapshot.estimated_seconds,
            "doubt": None,
        }
        # If the service names no credits, the price that the budget reserved stays.
        if snapshot.credits_reserved is not None:
            columns["credits_reserved"] = snapshot.credits_reserved
        await self._write(update(accepted.key, "submitting", **columns))

    async def doubted(self, unknown: Unknown) -> None:
        """Write what is known of the doubt."""
        await self._write(update(unknown.key, "submitting", state="in_doubt", doubt=doubt_of(unknown.error)))

    async def ended(self, outcome: Outcome) -> None:
        """Write how the task ended."""
        if isinstance(outcome, Completed):
            columns = columns_of(outcome)
        elif isinstance(outcome, Failed) and isinstance(outcome.error, TaskError):
            snapshot = outcome.error.snapshot
            columns = {"state": snapshot.state, "fault": fault_of(snapshot.fault), "ended_at": time.time()}
        # Only the watching has ended: the task stays accepted, and the next run polls it again.
        else:
            return
        await self._write(update(outcome.key, "accepted", **columns))

    async def saved(self, completed: Completed) -> None:
        """Write where the files are."""
        files = column_of(completed.saved)
        self._reader.forget(completed.key)
        # "downloaded" too, because a later run may save the files again.
        for before in ("completed", "downloaded"):
            await self._write(update(completed.key, before, state="downloaded", files=files))

    async def uploaded(self, upload: Upload) -> None:
        """Write the upload in place of an older one."""
        # Without a digest it could not be found again.
        if upload.sha256 is not None:
            values = attrs.astuple(upload)
            await self._write(lambda connection: connection.execute(PUT_UPLOAD, values).rowcount)

    async def hosted(self, sha256s: Sequence[str]) -> dict[str, Upload]:
        """Look the digests up."""
        return {row["sha256"]: upload_of(row) for row in await self._rows(UPLOADS, sha256s)}

    def taken(self, outcome: Outcome) -> None:
        """Do nothing: a later run with the same jobs returns the outcome again."""

    async def settled(self, key: str, how: str) -> None:
        """Set the job to accepted, planned or abandoned."""
        columns: dict[str, Any] = {"state": "accepted", "task_id": how, "doubt": None}
        if how == "resubmit":
            # A new idempotency key: this is a new purchase.
            columns = {"state": "planned", "idempotency_key": None, "doubt": None}
        elif how == "abandon":
            columns = {"state": "abandoned", "ended_at": time.time()}
        elif self._reader.rows(JOB_OF_TASK, how):
            raise JournalError(f"the task {how} belongs to another job in {self._path!r}", advice=CHECK_ID)
        else:
            columns["accepted_at"] = time.time()
        if not await self._write(update(key, "in_doubt", **columns)):
            raise JournalError(f"no job {key!r} is in doubt in {self._path!r}")

    async def owner(self, task_ids: Sequence[str]) -> dict[str, Known]:
        """Look the task ids up."""
        rows = await self._rows(OWNERS, task_ids)
        return {row["task_id"]: Known(accepted_of(row), row["session"] or "") for row in rows}

    async def outcome(self, task_ids: Sequence[str]) -> dict[str, Completed | Failed]:
        """Read the rows of the jobs that have ended."""
        return {row["task_id"]: ended_of(row) for row in await self._rows(OUTCOMES, task_ids)}

    def unfinished(self) -> tuple[Accepted | Unknown, ...]:
        """Read the jobs that are accepted or in doubt, in the order in which they were sent."""
        rows = self._reader.rows(UNFINISHED)
        return tuple(accepted_of(row) if row["state"] == "accepted" else unknown_of(row) for row in rows)

    async def _rows(self, query: str, names: Sequence[str]) -> list[Row]:
        """Read the rows with some names: a few in this thread, which takes microseconds, many in the writer's."""
        given = json.dumps(names)
        return self._reader.rows(query, given) if len(names) <= FEW else await self._read_elsewhere(query, given)

    async def _read_elsewhere(self, query: str, *values: object) -> list[Row]:
        """Read rows in the writer's thread, if there is one, so that the event loop goes on."""
        if self._writer is None:
            return self._reader.rows(query, *values)
        return await self._writer.write(lambda connection: rows_of(connection, query, values))

    async def _write(self, change: Change[T]) -> T:
        if self._writer is None:
            raise JournalError(f"the journal {self._path!r} is not open")
        return await self._writer.write(change)
