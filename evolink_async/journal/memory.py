"""The journal that lives as long as the process: it survives cancellation, not a crash.

It forgets a job when its end has been told, so its size follows the jobs in flight.
"""

from __future__ import annotations

import attrs

from ..budget import Ledger
from ..errors import JournalConflictError, JournalError, SubmissionUnknownError
from ..jobs import Shape
from ..outcome import Accepted, Completed, Job, Outcome, Unknown, digest
from .entries import Intent, Known


@attrs.define
class _Record:
    intent: Intent
    standing: Accepted | Unknown | None = None
    has_ended: bool = False
    is_sent: bool = False
    """Whether an answer is awaited."""


class MemoryJournal:
    """Unfinished jobs in a dictionary. See `Journal` for what each call means."""

    def __init__(self) -> None:
        self._records: dict[str, _Record] = {}
        self._keys: dict[str, str] = {}

    async def open(self) -> None:
        """Nothing to take hold of."""

    async def aclose(self) -> None:
        """Nothing to let go of."""

    def known(self, job: Job) -> Known | None:
        """Look the key up and compare the parameters."""
        record = self._records.get(job.key)
        if record is None:
            return None
        if record.intent.digest != digest(job.params):
            raise JournalConflictError(f"the key {job.key!r} belongs to an unfinished job with other parameters")
        return Known(record.standing or _unheard(record.intent), record.intent.session)

    async def planned(self, intent: Intent) -> None:
        """Nothing to keep."""

    async def ledger(self) -> Ledger:
        """Nothing from before."""
        return Ledger()

    def durations(self) -> tuple[tuple[Shape, float], ...]:
        """Nothing from before."""
        return ()

    async def submitting(self, intent: Intent) -> None:
        """Keep the intent without its body, which only a journal that outlives the process needs."""
        before = self._records.get(intent.key)
        if before is not None and isinstance(before.standing, Accepted):
            raise JournalError(f"the job {intent.key!r} has been accepted; it is not sent again")
        doubt = before.standing if before is not None else None
        self._records[intent.key] = _Record(attrs.evolve(intent, body=b""), doubt, is_sent=True)

    async def refused(self, key: str) -> None:
        """Forget the job: it may be sent again under the same key."""
        self._records.pop(key, None)

    async def accepted(self, accepted: Accepted) -> None:
        """Keep the task id."""
        record = self._records[accepted.key]
        record.standing, record.is_sent = accepted, False
        self._keys[accepted.task_id] = accepted.key

    async def doubted(self, unknown: Unknown) -> None:
        """Keep the doubt; the user has to settle it."""
        record = self._records[unknown.key]
        record.standing, record.is_sent = unknown, False

    async def ended(self, outcome: Outcome) -> None:
        """Remember that the job may be forgotten once its outcome is told."""
        if outcome.key in self._records:
            self._records[outcome.key].has_ended = True

    async def saved(self, completed: Completed) -> None:
        """Nothing to keep: the job is forgotten as soon as it is told."""

    def told(self, outcome: Outcome) -> None:
        """Forget the job, if it has ended: a task that only our watching gave up on stays."""
        record = self._records.get(outcome.key)
        if record is not None and record.has_ended:
            self._forget(outcome.key)

    def _forget(self, key: str) -> None:
        standing = self._records.pop(key).standing
        if isinstance(standing, Accepted):
            self._keys.pop(standing.task_id, None)

    async def settled(self, key: str, how: str) -> None:
        """Turn the doubt into a task, or forget it."""
        record = self._records.get(key)
        if record is None or record.is_sent or not isinstance(record.standing, Unknown):
            raise JournalError(f"no job {key!r} is in doubt")
        if how in ("resubmit", "abandon"):
            self._forget(key)
        elif how in self._keys:
            raise JournalError(f"the task {how} belongs to the job {self._keys[how]!r}")
        else:
            await self.accepted(record.standing.found(how))

    def owner(self, task_id: str) -> Known | None:
        """Look the task up."""
        record = self._records.get(self._keys.get(task_id, ""))
        return Known(record.standing, record.intent.session) if record and record.standing else None

    def unfinished(self) -> tuple[Accepted | Unknown, ...]:
        """In the order they were submitted."""
        return tuple(record.standing for record in self._records.values() if record.standing is not None)


def _unheard(intent: Intent) -> Unknown:
    """A job that was about to be sent, and nothing after that: something broke in between."""
    message = "the service was not heard to answer; a task may have been accepted and charged"
    return Unknown(intent.key, SubmissionUnknownError(message, key=intent.key, idempotency_key=intent.idempotency_key))
