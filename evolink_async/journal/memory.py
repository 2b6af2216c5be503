"""The journal in memory: it survives cancellation, not the end of the process.

The journal in a file is in `sqlite`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ..budget import Ledger
from ..errors import JournalConflictError, JournalError
from ..jobs import Accepted, Completed, DurationClass, Failed, Job, Outcome, Unknown, digest
from ..media import Upload
from ..task import Snapshot, TaskState
from .entries import Found, Intent, Known, in_doubt


class _Record(NamedTuple):
    """What is kept of a job. `is_sent` tells whether an answer is still awaited."""

    digest: str
    session: str
    idempotency_key: str
    model: str | None
    doubt: Unknown | None = None
    task_id: str | None = None
    accepted_at: float = 0.0
    estimated_seconds: float | None = None
    credits_reserved: float | None = None
    has_ended: bool = False
    is_sent: bool = False

    def standing(self, key: str) -> Accepted | Unknown | None:
        """Return the state of the job; None while its first answer is awaited."""
        if self.task_id is None:
            return self.doubt
        snapshot = Snapshot(
            task_id=self.task_id,
            state=TaskState.PENDING,
            model=self.model,
            estimated_seconds=self.estimated_seconds,
            credits_reserved=self.credits_reserved,
        )
        return Accepted(
            key=key, task_id=self.task_id, snapshot=snapshot, accepted_at=self.accepted_at, session=self.session
        )


# Records are stored as plain tuples. With 100,000 jobs, the garbage collector would walk all objects at each full
# collection; a tuple of strings and numbers it stops tracking, a NamedTuple it does not.
class _Records:
    """The records by key."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Any, ...]] = {}

    def __getitem__(self, key: str) -> _Record:
        return _Record._make(self._kept[key])

    def get(self, key: str) -> _Record | None:
        return self[key] if key in self._kept else None

    def __setitem__(self, key: str, record: _Record) -> None:
        self._kept[key] = tuple(record)

    def pop(self, key: str) -> _Record | None:
        kept = self._kept.pop(key, None)
        return None if kept is None else _Record._make(kept)

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept)


class MemoryJournal:
    """The unfinished jobs, in dictionaries. See `Journal` for what each call means.

    A job is dropped when its outcome has been returned, so the size follows the jobs in flight.
    """

    def __init__(self) -> None:
        self._is_open = False
        self._records = _Records()
        self._keys: dict[str, str] = {}
        self._uploads: dict[str, Upload] = {}

    async def open(self) -> None:
        """Take hold of the journal.

        Raises:
            JournalError: Another pool has it open. Two pools would buy the same job twice.
        """
        if self._is_open:
            raise JournalError("this journal is open in another pool", advice="Give each pool a journal of its own.")
        self._is_open = True

    async def aclose(self) -> None:
        """Let go of the journal. What it holds stays."""
        self._is_open = False

    async def known(self, jobs: Sequence[Job]) -> dict[str, Found]:
        """Look the keys up and compare the parameters."""
        return {job.key: found for job in jobs if (found := self._find(job)) is not None}

    def _find(self, job: Job) -> Found | None:
        record = self._records.get(job.key)
        if record is None:
            return None
        if record.digest != digest(job.params):
            return JournalConflictError(f"the key {job.key!r} belongs to an unfinished job with other parameters")
        # A record without a standing was about to be sent when something raised: its submit is in doubt.
        standing = record.standing(job.key) or in_doubt(job.key, idempotency_key=record.idempotency_key)
        return Known(standing, record.session)

    async def planned(self, intent: Intent) -> None:
        """Do nothing: there is no later run."""

    async def ledger(self) -> Ledger:
        """Return an empty ledger: there was no earlier run."""
        return Ledger()

    async def durations(self) -> tuple[tuple[DurationClass, float], ...]:
        """Return nothing: there was no earlier run."""
        return ()

    async def submitting(self, intent: Intent) -> None:
        """Keep all of the intent but the body, which only a later run would need."""
        before = self._records.get(intent.key)
        if before is not None and before.task_id is not None:
            raise JournalError(f"the job {intent.key!r} has been accepted; it is not sent again")
        # An earlier doubt stays until the service accepts: a second send does not resolve the first.
        doubt = before.doubt if before is not None else None
        self._records[intent.key] = _Record(
            intent.digest, intent.session, intent.idempotency_key, intent.model, doubt, is_sent=True
        )

    async def refused(self, key: str) -> None:
        """Drop the job, so that it may be sent again under the same key."""
        self._records.pop(key)

    async def accepted(self, accepted: Accepted) -> None:
        """Keep the task id."""
        record, snapshot = self._records[accepted.key], accepted.snapshot
        self._records[accepted.key] = record._replace(
            # Only a doubt needs it.
            idempotency_key="",
            # One string for all jobs of a model saves memory, as every answer brings a new one.
            model=record.model if record.model == snapshot.model else snapshot.model,
            task_id=accepted.task_id,
            accepted_at=accepted.accepted_at,
            estimated_seconds=snapshot.estimated_seconds,
            credits_reserved=snapshot.credits_reserved,
            is_sent=False,
        )
        self._keys[accepted.task_id] = accepted.key

    async def doubted(self, unknown: Unknown) -> None:
        """Keep the doubt until it is settled."""
        self._records[unknown.key] = self._records[unknown.key]._replace(doubt=unknown, is_sent=False)

    async def ended(self, outcome: Outcome) -> None:
        """Mark the job, so that `taken` drops it."""
        record = self._records.get(outcome.key)
        if record is not None:
            self._records[outcome.key] = record._replace(has_ended=True)

    async def saved(self, completed: Completed) -> None:
        """Do nothing: the job is dropped when its outcome is returned."""

    async def uploaded(self, upload: Upload) -> None:
        """Keep the upload, and drop the oldest ones that have expired."""
        if upload.sha256 is None:
            return
        # Removed first, so that the dictionary is in the order of the uploads.
        self._uploads.pop(upload.sha256, None)
        self._uploads[upload.sha256] = upload
        # Stops at the new upload at the latest; if even that one has expired, nothing is dropped.
        while (oldest := next(iter(self._uploads.values()))).expires_at <= upload.uploaded_at < upload.expires_at:
            self._uploads.pop(str(oldest.sha256))

    async def hosted(self, sha256s: Sequence[str]) -> dict[str, Upload]:
        """Look the digests up."""
        return {sha256: self._uploads[sha256] for sha256 in sha256s if sha256 in self._uploads}

    def taken(self, outcome: Outcome) -> None:
        """Drop the job, if it has ended. A job of which only the watching has ended stays."""
        record = self._records.get(outcome.key)
        if record is not None and record.has_ended:
            self._forget(outcome.key)

    def _forget(self, key: str) -> None:
        record = self._records.pop(key)
        if record is not None and record.task_id is not None:
            self._keys.pop(record.task_id, None)

    async def settled(self, key: str, how: str) -> None:
        """Make the job accepted, or drop it."""
        record = self._records.get(key)
        # `is_sent`: a send with the same idempotency key is under way, and its answer may settle the doubt.
        if record is None or record.is_sent or record.task_id is not None or record.doubt is None:
            raise JournalError(f"no job {key!r} is in doubt")
        if how in ("resubmit", "abandon"):
            self._forget(key)
        elif how in self._keys:
            raise JournalError(f"the task {how} belongs to the job {self._keys[how]!r}")
        else:
            await self.accepted(record.doubt.found(how))

    async def owner(self, task_ids: Sequence[str]) -> dict[str, Known]:
        """Look the task ids up."""
        return {task_id: owner for task_id in task_ids if (owner := self._owner(task_id)) is not None}

    def _owner(self, task_id: str) -> Known | None:
        key = self._keys.get(task_id, "")
        record = self._records.get(key)
        standing = record.standing(key) if record is not None else None
        return Known(standing, record.session) if record is not None and standing is not None else None

    async def outcome(self, task_ids: Sequence[str]) -> dict[str, Completed | Failed]:
        """Return nothing: jobs that have ended are not kept."""
        return {}

    def unfinished(self) -> tuple[Accepted | Unknown, ...]:
        """Return the jobs in the order in which they were sent."""
        found = (self._records[key].standing(key) for key in self._records)
        return tuple(standing for standing in found if standing is not None)
