"""The journal in a file: it survives `kill -9`, and a person can open and query it.

What is written is decided here; how writing is made durable is the `writer`'s business, what a row means that of
`rows`.
"""

from __future__ import annotations

import json
import sqlite3
import time
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import attrs

from ..budget import Ledger
from ..errors import JournalConflictError, JournalError, TaskError
from ..jobs import Accepted, Completed, DurationClass, Failed, Job, Outcome, Unknown, digest
from ..media import Upload
from .entries import Intent, Known, Standing
from .reader import RowReader
from .rows import (
    COLUMNS,
    UPLOAD_COLUMNS,
    Row,
    accepted_of,
    column_of,
    doubt_of,
    ended_of,
    fault_of,
    unknown_of,
    upload_of,
)
from .writer import Change, Writer

T = TypeVar("T")

LEARNED = 1000
"""Tasks that teach how long tasks take; what was longer ago says little."""
DURATIONS = """
    SELECT model, json_extract(body, '$.quality') AS quality, json_extract(body, '$.duration') AS duration,
        ended_at - lag / 2 - accepted_at AS seconds
    FROM jobs WHERE state IN ('completed', 'downloaded') AND accepted_at IS NOT NULL AND looks > 0
    ORDER BY rowid DESC LIMIT ?
"""
UPLOADED = f"INSERT OR REPLACE INTO uploads ({UPLOAD_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
HOSTED = f"SELECT {UPLOAD_COLUMNS} FROM uploads WHERE sha256 = ?"  # noqa: S608  # names of our own columns
CHECK_ID = "Look in the dashboard for the task made at the time of this job, with its parameters."


class SqliteJournal:
    """Jobs in an SQLite file. See `Journal` for what each call means.

    Args:
        path: The file; made when missing, kept when done. Beside it stand SQLite's own `-wal` and `-shm`, and an
            empty `-lock` that keeps a second process away.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = str(path)
        self._writer: Writer | None = None
        self._reader = RowReader(self._path)

    async def open(self) -> None:
        """Lock the file; what was being submitted when its last owner died is in doubt."""
        writer = Writer(self._path)
        await writer.open()
        try:
            await writer.write(_doubt_what_was_cut_short)
        except BaseException:
            await writer.aclose()
            raise
        self._writer = writer
        self._reader.open()

    async def aclose(self) -> None:
        """Write, unlock."""
        writer, self._writer = self._writer, None
        self._reader.close()
        if writer is not None:
            await writer.aclose()

    def known(self, job: Job) -> Known | None:
        """Look the key up and compare the parameters; a job that is only planned may change them."""
        row = self._reader.job(job.key)
        if row is None or row["state"] == "planned":
            return None
        if row["digest"] != digest(job.params):
            raise JournalConflictError(f"the key {job.key!r} stands in the journal with other parameters")
        return Known(_standing(row), row["session"] or "")

    async def planned(self, intent: Intent) -> None:
        """Write the job down, so that the file shows what is still to do."""
        await self._write(_upsert(intent, "planned", ("planned",), sent_at=None))

    async def ledger(self) -> Ledger:
        """Add up the rows."""
        return await self._write(_add_up)

    def durations(self) -> tuple[tuple[DurationClass, float], ...]:
        """Read the rows written last; parameters stand in them as they were sent."""
        rows = self._reader.rows(DURATIONS, LEARNED)
        return tuple([((row["model"], row["quality"], row["duration"]), row["seconds"]) for row in reversed(rows)])

    async def submitting(self, intent: Intent) -> None:
        """Write the intent and the purchase it belongs to."""
        now = time.time()
        upsert = _upsert(intent, "submitting", ("planned", "submitting", "in_doubt"), sent_at=now)

        def change(connection: sqlite3.Connection) -> int:
            if not upsert(connection):
                return 0
            purchase = (intent.idempotency_key, intent.key, intent.session, now)
            connection.execute("INSERT OR IGNORE INTO purchases VALUES (?, ?, ?, ?)", purchase)
            return 1

        if not await self._write(change):
            raise JournalError(f"the job {intent.key!r} has been accepted, or has ended; it is not sent again")

    async def refused(self, key: str) -> None:
        """Back to the plan."""
        await self._write(_update(key, "submitting", state="planned"))

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
        if snapshot.credits_reserved is not None:  # else what the budget holds stays
            columns["credits_reserved"] = snapshot.credits_reserved
        await self._write(_update(accepted.key, "submitting", **columns))

    async def doubted(self, unknown: Unknown) -> None:
        """Write what is known of the doubt."""
        await self._write(_update(unknown.key, "submitting", state="in_doubt", doubt=doubt_of(unknown.error)))

    async def ended(self, outcome: Outcome) -> None:
        """Write how the task ended; if only our watching did, the task stays accepted, and the next run looks again."""
        if isinstance(outcome, Completed):
            columns = _columns_of(outcome)
        elif isinstance(outcome, Failed) and isinstance(outcome.error, TaskError):
            snapshot = outcome.error.snapshot
            columns = {"state": snapshot.state, "fault": fault_of(snapshot.fault), "ended_at": time.time()}
        else:
            return
        await self._write(_update(outcome.key, "accepted", **columns))

    async def saved(self, completed: Completed) -> None:
        """Write where the files are."""
        files = column_of(completed.saved)
        self._reader.forget(completed.key)
        for before in ("completed", "downloaded"):
            await self._write(_update(completed.key, before, state="downloaded", files=files))

    async def uploaded(self, upload: Upload) -> None:
        """Write the link in place of an older one; content that nobody knows cannot be asked for."""
        if upload.sha256 is not None:
            values = attrs.astuple(upload)
            await self._write(lambda connection: connection.execute(UPLOADED, values).rowcount)

    def hosted(self, sha256: str) -> Upload | None:
        """Read the link."""
        return next(map(upload_of, self._reader.rows(HOSTED, sha256)), None)

    def told(self, outcome: Outcome) -> None:
        """Nothing: what was told once is told again after a restart."""

    async def settled(self, key: str, how: str) -> None:
        """Turn a doubt into a task, a plan, or nothing."""
        columns: dict[str, Any] = {"state": "accepted", "task_id": how, "doubt": None}
        if how == "resubmit":
            columns = {"state": "planned", "idempotency_key": None, "doubt": None}
        elif how == "abandon":
            columns = {"state": "abandoned", "ended_at": time.time()}
        elif self._reader.rows("SELECT key FROM jobs WHERE task_id = ?", how):
            raise JournalError(f"the task {how} belongs to another job in {self._path!r}", advice=CHECK_ID)
        else:
            columns["accepted_at"] = time.time()
        if not await self._write(_update(key, "in_doubt", **columns)):
            raise JournalError(f"no job {key!r} is in doubt in {self._path!r}")

    def owner(self, task_id: str) -> Known | None:
        """Look the task up."""
        query = f"SELECT {COLUMNS} FROM jobs WHERE task_id = ? AND state = 'accepted'"  # noqa: S608  # our own names
        return next((Known(accepted_of(row), row["session"] or "") for row in self._reader.rows(query, task_id)), None)

    def unfinished(self) -> tuple[Accepted | Unknown, ...]:
        """Read what is accepted or in doubt, in the order it was sent."""
        rows = self._reader.rows(
            f"SELECT {COLUMNS} FROM jobs"  # noqa: S608  # our own names
            " WHERE state IN ('accepted', 'in_doubt', 'submitting') ORDER BY sent_at"
        )
        return tuple(accepted_of(row) if row["state"] == "accepted" else unknown_of(row) for row in rows)

    async def _write(self, change: Change[T]) -> T:
        if self._writer is None:
            raise JournalError(f"the journal {self._path!r} is not open")
        return await self._writer.write(change)


def _doubt_what_was_cut_short(connection: sqlite3.Connection) -> int:
    doubt = "json_object('idempotency_key', idempotency_key, 'sent_at', sent_at)"
    return connection.execute(
        f"UPDATE jobs SET state = 'in_doubt', doubt = {doubt} WHERE state = 'submitting'"  # noqa: S608  # constants
    ).rowcount


def _upsert(intent: Intent, state: str, before: tuple[str, ...], *, sent_at: float | None) -> Change[int]:
    """Write a job's row as `intent` has it, unless it has gone beyond the states `before`."""
    columns = {
        "state": state,
        "model": intent.model,
        "path": intent.path,
        "body": intent.body.decode(),
        "digest": intent.digest,
        "shape": intent.price_class,
        "idempotency_key": intent.idempotency_key or None,
        "session": intent.session or None,
        "sent_at": sent_at,
    }
    query = _upsert_query(tuple(columns), before)
    return lambda connection: connection.execute(query, (intent.key, *columns.values())).rowcount


@cache
def _upsert_query(columns: tuple[str, ...], before: tuple[str, ...]) -> str:
    marks, states = ", ".join("?" * len(columns)), ", ".join(f"'{state}'" for state in before)
    return (
        f"INSERT INTO jobs (key, {', '.join(columns)}) VALUES (?, {marks}) ON CONFLICT (key) DO UPDATE"  # noqa: S608
        f" SET {', '.join(f'{name} = excluded.{name}' for name in columns)},"
        f" credits_reserved = iif(shape = excluded.shape, credits_reserved, NULL) WHERE state IN ({states})"
    )


def _add_up(connection: sqlite3.Connection) -> Ledger:
    [spent] = connection.execute(
        "SELECT coalesce(sum(coalesce(credits_used, credits_reserved)), 0) FROM jobs"
        " WHERE state IN ('completed', 'downloaded')"
    ).fetchone()
    prices: dict[str, float] = dict(
        connection.execute(
            "SELECT shape, max(max(coalesce(credits_reserved, 0), coalesce(credits_used, 0))) FROM jobs"
            " WHERE credits_reserved IS NOT NULL OR credits_used IS NOT NULL GROUP BY shape"
        ).fetchall()
    )
    held, unpriced, doubts = dict[str, float](), dict[str, str](), set[str]()
    # A job that completed without a named amount cost something all the same: it stays held until a person settles it.
    open_jobs = (
        "SELECT key, state, shape, credits_reserved FROM jobs WHERE state IN ('accepted', 'in_doubt')"
        " OR (state IN ('completed', 'downloaded') AND credits_reserved IS NULL AND credits_used IS NULL)"
    )
    for key, state, price_class, reserved in connection.execute(open_jobs):
        held[key] = prices.get(price_class, 0.0) if reserved is None else reserved
        if reserved is None:
            unpriced[key] = price_class
        if state != "accepted":
            doubts.add(key)
    return Ledger(spent=spent, held=held, unpriced=unpriced, doubts=frozenset(doubts), prices=prices)


def _update(key: str, before: str, **columns: object) -> Change[int]:
    """Change one job, if it is in the state `before`; gives the number of jobs changed."""
    query = _update_query(tuple(columns))
    values = (*columns.values(), key, before)
    return lambda connection: connection.execute(query, values).rowcount


@cache
def _update_query(columns: tuple[str, ...]) -> str:
    assignments = ", ".join(f"{name} = ?" for name in columns)
    return f"UPDATE jobs SET {assignments} WHERE key = ? AND state = ?"  # noqa: S608  # names of our own columns


def _columns_of(completed: Completed) -> dict[str, object]:
    timing = completed.timing
    return {
        "state": "completed",
        "accepted_at": timing.accepted_at,
        "urls": json.dumps(completed.urls),
        "expires_at": completed.expires_at,
        "ended_at": timing.finished_at,
        "looks": timing.looks,
        "lag": timing.lag,
        "credits_used": completed.snapshot.credits_used,
    }


def _standing(row: Row) -> Standing:
    if row["state"] == "accepted":
        return accepted_of(row)
    if row["state"] in ("in_doubt", "submitting"):
        return unknown_of(row)
    if row["state"] == "abandoned":
        return Failed(row["key"], unknown_of(row).error)
    return ended_of(row)
