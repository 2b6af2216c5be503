"""The journal in an SQLite file: it survives the end of the process, also by `kill -9`.

The statements are in `statements`, the meaning of rows in `rows`; durable writing is in `writer`.
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
from ..errors import JournalError, TaskError
from ..jobs import Accepted, Completed, DurationClass, Failed, Job, Outcome, Unknown, digest
from ..media import Upload
from ..purchases import Event, State, sources
from .claims import Claims
from .conflicts import conflict, is_same_job
from .entries import Found, Intent, Known, Untold, log_late
from .file import BUSY_TIMEOUT, Change, journal_error
from .reader import JOBS, RowReader, rows_of
from .rows import (
    Row,
    accepted_of,
    column_of,
    doubt_of,
    ended_of,
    fault_of,
    final_of,
    standing_of,
    unknown_of,
    upload_of,
)
from .settling import WORDS, accept, late_answer, missing, settle
from .statements import (
    BODY,
    DURATIONS,
    OUTCOMES,
    OWNERS,
    PUT_PURCHASE,
    PUT_UPLOAD,
    UNFINISHED,
    UNTOLD,
    UPLOADS,
    columns_of,
    doubt_open_submits,
    end,
    mark_told,
    read_ledger,
    update,
    upsert,
)
from .writer import Writer

T = TypeVar("T")

# Durations drift, so older tasks say little; the schedule remembers 150 of each class.
LEARNED = 1000
"""Finished tasks whose durations a new run learns."""
FEW = 16
"""Rows that are read without another thread."""
NOTHING_TO_SETTLE = "Call pool.unfinished(), or `evolink-async doubts FILE`, to see which jobs can be settled."
CHECK_ID = "Look in the dashboard for the task made at the time of this job, with its parameters."


class SqliteJournal:
    """The jobs in an SQLite file. See `Journal` for what each call means.

    Args:
        path: The file. It is made if missing, and kept at the end. Next to it are an empty `-lock` file that excludes a
            second process, and, while the journal is open, SQLite's `-wal` and `-shm` files.
    """

    def __init__(self, path: str | Path) -> None:
        # Once: the process may change its folder while the journal is open.
        self._path = str(Path(path).absolute())
        self._writer: Writer | None = None
        self._claims: Claims | None = None
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
        self._writer, self._claims = writer, Claims(writer.epoch)
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
            [job] = jobs
            found = self._find(job, self._reader.job(job.key))
            return {} if found is None else {job.key: found}
        rows = {row["key"]: row for row in await self._rows(JOBS, [job.key for job in jobs])}
        return {job.key: found for job in jobs if (found := self._find(job, rows.get(job.key))) is not None}

    def _find(self, job: Job, row: Row | None) -> Found | None:
        if row is None or row["state"] == "planned":
            return None
        is_same, is_in_doubt = row["digest"] == digest(job.params), row["state"] in ("submitting", "in_doubt")
        if is_same and not is_in_doubt:
            return Known(standing_of(row), row["session"] or "")
        body: bytes = self._reader.rows(BODY, job.key)[0]["body"].encode()
        if not is_same and not is_same_job(row["digest"], body, job.params):
            return conflict(job.key, body, job.params)
        return Known(standing_of(row), row["session"] or "", body if is_in_doubt else None)

    async def planned(self, intent: Intent) -> None:
        """Write the job, so that the file shows what is left to do."""
        await self._write(upsert(intent, State.PLANNED, sources(Event.PUT_OFF), sent_at=None))

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
        write_job = upsert(intent, State.SUBMITTING, sources(Event.SENT), sent_at=now)

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
        await self._write(update(key, sources(Event.REFUSED), state=State.PLANNED))

    async def accepted(self, accepted: Accepted) -> None:
        """Write the task id."""
        if not await self._write(accept(accepted)):
            log_late(accepted.task_id, f"the job {accepted.key!r}")

    async def late_answer(self, idempotency_key: str, task_id: str) -> bool:
        """Write the task id over a connection of its own, so that this file need not be open, nor be ours."""
        try:
            is_taken = await asyncio.to_thread(_write_late_answer, self._path, idempotency_key, task_id)
        except JournalError:
            log_late(task_id, f"the purchase {idempotency_key!r}")
            raise
        if not is_taken:
            log_late(task_id, f"the purchase {idempotency_key!r}")
        return is_taken

    async def missing(self, key: str, task_id: str) -> None:
        """Write that the service does not know the task."""
        await self._write(missing(key, task_id, time.time()))

    async def doubted(self, unknown: Unknown) -> None:
        """Write what is known of the doubt."""
        await self._write(update(unknown.key, sources(Event.LOST), state=State.IN_DOUBT, doubt=doubt_of(unknown.error)))

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
        await self._write(end(outcome.key, outcome.task_id, columns))

    async def saved(self, completed: Completed) -> None:
        """Write where the files are."""
        files = column_of(completed.saved)
        self._reader.forget(completed.key)
        await self._write(update(completed.key, sources(Event.SAVED), state=State.DOWNLOADED, files=files))

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

    async def untold(self, after: int = 0, limit: int = 100) -> list[Untold]:
        """Read rows in the order of their ends."""
        rows = await self._read_elsewhere(UNTOLD, after, limit)
        return [Untold(row["end_number"], final_of(row)) for row in rows]

    async def mark_told(self, keys: Sequence[str]) -> None:
        """Write the time."""
        await self._write(mark_told(keys, time.time()))

    async def settled(self, key: str, how: str) -> None:
        """Set the job to accepted, planned or abandoned."""
        refusal = await self._write(settle(key, how, time.time()))
        if refusal is not None:
            advice = NOTHING_TO_SETTLE if how in WORDS else CHECK_ID
            raise JournalError(f"{refusal} in {self._path!r}", advice=advice)

    async def claim(self, keys: Sequence[str], owner: str) -> dict[str, int | str]:
        """Claim keys; every claim has the epoch of this opening, which each commit compares with the file's."""
        return self._claims_of_opening().claim(keys, owner)

    async def renew(self, keys: Sequence[str], owner: str) -> frozenset[str]:
        """Return the keys that are still claimed; claims do not run out."""
        return self._claims_of_opening().renew(keys, owner)

    async def release(self, keys: Sequence[str], owner: str) -> None:
        """Let go of keys."""
        self._claims_of_opening().release(keys, owner)

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

    def _claims_of_opening(self) -> Claims:
        if self._writer is None or self._claims is None:
            raise JournalError(f"the journal {self._path!r} is not open")
        return self._claims

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
