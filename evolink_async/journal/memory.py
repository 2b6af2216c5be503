"""The journal that lives as long as the process: it survives cancellation, not a crash.

It forgets a job when its end has been told, so its size follows the jobs in flight.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ..budget import Ledger
from ..errors import JournalConflictError, JournalError, SubmissionUnknownError
from ..jobs import Accepted, Completed, DurationClass, Job, Outcome, Unknown, digest
from ..media import Upload
from ..task import Snapshot, TaskState
from .entries import Intent, Known


class _Record(NamedTuple):
    """What is kept of a job."""

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
    """Whether an answer is awaited."""

    def standing(self, key: str) -> Accepted | Unknown | None:
        """What is known of the job; None while its first answer is awaited."""
        if self.task_id is None:
            return self.doubt
        snapshot = Snapshot(
            task_id=self.task_id,
            state=TaskState.PENDING,
            model=self.model,
            estimated_seconds=self.estimated_seconds,
            credits_reserved=self.credits_reserved,
        )
        return Accepted(key=key, task_id=self.task_id, snapshot=snapshot, accepted_at=self.accepted_at)


class _Records:
    """Records by key, of which there may be a hundred thousand.

    They are kept as plain tuples: the collector walks each object there is, and leaves alone only those.
    """

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
    """Unfinished jobs in a dictionary. See `Journal` for what each call means."""

    def __init__(self) -> None:
        self._records = _Records()
        self._keys: dict[str, str] = {}
        self._uploads: dict[str, Upload] = {}

    async def open(self) -> None:
        """Nothing to take hold of."""

    async def aclose(self) -> None:
        """Nothing to let go of."""

    def known(self, job: Job) -> Known | None:
        """Look the key up and compare the parameters."""
        record = self._records.get(job.key)
        if record is None:
            return None
        if record.digest != digest(job.params):
            raise JournalConflictError(f"the key {job.key!r} belongs to an unfinished job with other parameters")
        return Known(record.standing(job.key) or _unheard(job.key, record), record.session)

    async def planned(self, intent: Intent) -> None:
        """Nothing to keep."""

    async def ledger(self) -> Ledger:
        """Nothing from before."""
        return Ledger()

    def durations(self) -> tuple[tuple[DurationClass, float], ...]:
        """Nothing from before."""
        return ()

    async def submitting(self, intent: Intent) -> None:
        """Keep what the job goes by; its body is needed only by a journal that outlives the process."""
        before = self._records.get(intent.key)
        if before is not None and before.task_id is not None:
            raise JournalError(f"the job {intent.key!r} has been accepted; it is not sent again")
        doubt = before.doubt if before is not None else None
        self._records[intent.key] = _Record(
            intent.digest, intent.session, intent.idempotency_key, intent.model, doubt, is_sent=True
        )

    async def refused(self, key: str) -> None:
        """Forget the job: it may be sent again under the same key."""
        self._records.pop(key)

    async def accepted(self, accepted: Accepted) -> None:
        """Keep the task id."""
        record, snapshot = self._records[accepted.key], accepted.snapshot
        self._records[accepted.key] = record._replace(
            idempotency_key="",  # of use to doubts only
            model=record.model if record.model == snapshot.model else snapshot.model,  # one string for all jobs
            task_id=accepted.task_id,
            accepted_at=accepted.accepted_at,
            estimated_seconds=snapshot.estimated_seconds,
            credits_reserved=snapshot.credits_reserved,
            is_sent=False,
        )
        self._keys[accepted.task_id] = accepted.key

    async def doubted(self, unknown: Unknown) -> None:
        """Keep the doubt; the user has to settle it."""
        self._records[unknown.key] = self._records[unknown.key]._replace(doubt=unknown, is_sent=False)

    async def ended(self, outcome: Outcome) -> None:
        """Remember that the job may be forgotten once its outcome is told."""
        record = self._records.get(outcome.key)
        if record is not None:
            self._records[outcome.key] = record._replace(has_ended=True)

    async def saved(self, completed: Completed) -> None:
        """Nothing to keep: the job is forgotten as soon as it is told."""

    async def uploaded(self, upload: Upload) -> None:
        """Keep the link, and forget the oldest ones that work no more."""
        if upload.sha256 is None:
            return
        self._uploads.pop(upload.sha256, None)  # so that the order is that of the uploads
        self._uploads[upload.sha256] = upload
        while (oldest := next(iter(self._uploads.values()))).expires_at <= upload.uploaded_at < upload.expires_at:
            self._uploads.pop(str(oldest.sha256))

    def hosted(self, sha256: str) -> Upload | None:
        """Look the content up."""
        return self._uploads.get(sha256)

    def told(self, outcome: Outcome) -> None:
        """Forget the job, if it has ended: a task that only our watching gave up on stays."""
        record = self._records.get(outcome.key)
        if record is not None and record.has_ended:
            self._forget(outcome.key)

    def _forget(self, key: str) -> None:
        record = self._records.pop(key)
        if record is not None and record.task_id is not None:
            self._keys.pop(record.task_id, None)

    async def settled(self, key: str, how: str) -> None:
        """Turn the doubt into a task, or forget it."""
        record = self._records.get(key)
        if record is None or record.is_sent or record.task_id is not None or record.doubt is None:
            raise JournalError(f"no job {key!r} is in doubt")
        if how in ("resubmit", "abandon"):
            self._forget(key)
        elif how in self._keys:
            raise JournalError(f"the task {how} belongs to the job {self._keys[how]!r}")
        else:
            await self.accepted(record.doubt.found(how))

    def owner(self, task_id: str) -> Known | None:
        """Look the task up."""
        key = self._keys.get(task_id, "")
        record = self._records.get(key)
        standing = record.standing(key) if record is not None else None
        return Known(standing, record.session) if record is not None and standing is not None else None

    def unfinished(self) -> tuple[Accepted | Unknown, ...]:
        """In the order they were submitted."""
        found = (self._records[key].standing(key) for key in self._records)
        return tuple(standing for standing in found if standing is not None)


def _unheard(key: str, record: _Record) -> Unknown:
    """A job that was about to be sent, and nothing after that: something broke in between."""
    message = "the service was not heard to answer; a task may have been accepted and charged"
    return Unknown(key, SubmissionUnknownError(message, key=key, idempotency_key=record.idempotency_key))
