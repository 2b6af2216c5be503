"""The journal that lives as long as the process: it survives cancellation, not a crash.

It forgets a job when its end has been told, so its size follows the jobs in flight.
"""

from __future__ import annotations

from ..errors import JournalConflictError
from ..outcome import Accepted, Job, Outcome, Unknown
from ..outcome import digest as digest_of


class MemoryJournal:
    """Unfinished jobs in dictionaries. See `Journal` for what each call means."""

    def __init__(self) -> None:
        self._jobs: dict[str, tuple[Accepted | Unknown, str]] = {}
        self._digests: dict[str, str] = {}
        self._keys: dict[str, str] = {}
        self._ended: set[str] = set()

    def known(self, job: Job) -> Accepted | Unknown | None:
        """Look the key up and compare the parameters."""
        if job.key not in self._jobs:
            return None
        if self._digests[job.key] != digest_of(job.params):
            raise JournalConflictError(f"the key {job.key!r} belongs to an unfinished job with other parameters")
        return self._jobs[job.key][0]

    async def submitting(self, job: Job, *, digest: str, idempotency_key: str, session: str) -> None:
        """Keep the digest; the intent itself matters only to a journal that outlives the process."""
        self._digests[job.key] = digest

    async def refused(self, key: str) -> None:
        """Forget the job: it may be sent again under the same key."""
        self._digests.pop(key, None)

    async def accepted(self, accepted: Accepted, *, session: str) -> None:
        """Keep the task id."""
        self._jobs[accepted.key] = accepted, session
        self._keys[accepted.task_id] = accepted.key

    async def doubted(self, unknown: Unknown) -> None:
        """Keep the doubt; the user has to settle it."""
        self._jobs[unknown.key] = unknown, ""

    async def ended(self, outcome: Outcome) -> None:
        """Remember that the job may be forgotten once its outcome is told."""
        self._ended.add(outcome.key)

    def told(self, outcome: Outcome) -> None:
        """Forget the job, if it has ended: a task that only our watching gave up on stays."""
        if outcome.key in self._ended:
            self._ended.discard(outcome.key)
            self._jobs.pop(outcome.key, None)
            self._digests.pop(outcome.key, None)
            self._keys.pop(getattr(outcome, "task_id", None) or "", None)

    def owner(self, task_id: str) -> tuple[Accepted, str] | None:
        """Look the task up."""
        accepted, session = self._jobs.get(self._keys.get(task_id, ""), (None, ""))
        return (accepted, session) if isinstance(accepted, Accepted) else None

    def unfinished(self) -> tuple[Accepted | Unknown, ...]:
        """In the order they were accepted or came in doubt."""
        return tuple(job for job, _ in self._jobs.values())
