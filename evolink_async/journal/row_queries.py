"""The reads of a journal file: what is known of jobs, tasks and uploads.

Rows are read in `reader`, their meaning is in `rows`; writes are in `sqlite`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence

from ..jobs import Accepted, Completed, DurationClass, Failed, Job, JobState, Standing, Unknown, digest
from ..media import Upload
from .conflicts import conflict, is_same_job
from .entries import Bought, Found, Known, Untold
from .reader import RowReader, rows_of
from .rows import (
    LEARNED,
    STATES,
    Row,
    accepted_of,
    bought_of,
    ended_of,
    sent_of,
    standing_of,
    unknown_of,
    untold_of,
    upload_of,
)
from .statements import BODY, DURATIONS, FIND, LIST, OUTCOMES, OWNERS, PURCHASES, UNFINISHED, UNTOLD, UPLOADS
from .writer import Writer

FEW = 16
"""Rows that are read without another thread."""


class RowQueries:
    """The calls of `Journal` that read, for a file.

    Args:
        path: The file; a missing one has no rows.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._reader = RowReader(path)
        self._writer: Writer | None = None
        self._ends_before = 0

    async def known(self, jobs: Sequence[Job]) -> dict[str, Found]:
        """Look the keys up and compare the parameters. Those of a job that is only planned may change."""
        if len(jobs) == 1:
            [job] = jobs
            found = self._find(job, self._reader.job(job.key))
            return {} if found is None else {job.key: found}
        rows = {row["key"]: row for row in await self._rows(FIND, [job.key for job in jobs])}
        return {job.key: found for job in jobs if (found := self._find(job, rows.get(job.key))) is not None}

    def _find(self, job: Job, row: Row | None) -> Found | None:
        if row is None or row["state"] == "planned":
            return None
        is_same, is_in_doubt = row["digest"] == digest(job.params), row["state"] in ("submitting", "in_doubt")
        if is_same and not is_in_doubt:
            return Known(sent_of(row), row["session"] or "")
        body: bytes = self._reader.rows(BODY, job.key)[0]["body"].encode()
        if not is_same and not is_same_job(row["digest"], body, job.params):
            return conflict(job.key, body, job.params)
        return Known(sent_of(row), row["session"] or "", body if is_in_doubt else None)

    async def find(self, keys: Sequence[str]) -> dict[str, Standing]:
        """Look the keys up."""
        return {row["key"]: standing_of(row) for row in await self._rows(FIND, keys)}

    async def jobs(self, states: Collection[JobState], after: str = "", limit: int = 100) -> list[Standing]:
        """Read rows in the order of their keys."""
        of_rows = json.dumps([state for name in states for state in STATES[name]])
        return [standing_of(row) for row in await self._read_elsewhere(LIST, after, of_rows, limit)]

    async def durations(self) -> tuple[tuple[DurationClass, float], ...]:
        """Read the rows that were written last."""
        rows = await self._read_elsewhere(DURATIONS, LEARNED)
        return tuple([((row["model"], row["quality"], row["duration"]), row["seconds"]) for row in reversed(rows)])

    async def hosted(self, sha256s: Sequence[str]) -> dict[str, Upload]:
        """Look the digests up."""
        return {row["sha256"]: upload_of(row) for row in await self._rows(UPLOADS, sha256s)}

    async def untold(self, after: int = 0, limit: int = 100) -> list[Untold]:
        """Read rows in the order of their ends."""
        rows = await self._read_elsewhere(UNTOLD, after, limit)
        return [untold_of(row, self._ends_before) for row in rows]

    async def owner(self, task_ids: Sequence[str]) -> dict[str, Known]:
        """Look the task ids up."""
        rows = await self._rows(OWNERS, task_ids)
        return {row["task_id"]: Known(accepted_of(row), row["session"] or "") for row in rows}

    async def outcome(self, task_ids: Sequence[str]) -> dict[str, Completed | Failed]:
        """Read the rows of the jobs that have ended."""
        return {row["task_id"]: ended_of(row) for row in await self._rows(OUTCOMES, task_ids)}

    async def purchases(self, idempotency_keys: Sequence[str]) -> dict[str, Bought]:
        """Look the purchases up, with their jobs."""
        return {row["purchase"]: bought_of(row) for row in await self._rows(PURCHASES, idempotency_keys)}

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
