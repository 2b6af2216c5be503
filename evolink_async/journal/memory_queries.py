"""The reads of a journal in memory: what is known of jobs, tasks and uploads.

What is kept is in `records`, `kept_ends`, `kept_money` and `kept_uploads`; writes are in `memory`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from heapq import nsmallest

from ..budget import Ledger
from ..jobs import (
    STANDINGS,
    Accepted,
    Completed,
    DurationClass,
    Failed,
    Job,
    JobState,
    Planned,
    Standing,
    Unknown,
    digest,
    digest_without_files,
    has_unread_files,
)
from ..media import Upload
from .conflicts import conflict
from .entries import Bought, Found, Known, Untold
from .kept_ends import KeptEnds
from .kept_money import KeptMoney
from .kept_uploads import KeptUploads
from .records import Records


class MemoryQueries:
    """The calls of `Journal` that read, for dictionaries."""

    def __init__(self) -> None:
        self._records = Records()
        self._keys: dict[str, str] = {}
        self._missing: set[str] = set()
        self._earlier_tasks: dict[str, tuple[str, ...]] = {}
        self._failed_tasks: set[str] = set()
        self._kept = KeptEnds()
        self._money = KeptMoney()
        self._uploads = KeptUploads()

    async def known(self, jobs: Sequence[Job]) -> dict[str, Found]:
        """Look the keys up and compare the parameters."""
        return {job.key: found for job in jobs if (found := self._find(job)) is not None}

    def _find(self, job: Job) -> Found | None:
        record = self._records.get(job.key)
        if record is None:
            return None
        if has_unread_files(job.params):
            is_same = record.digest_without_files == digest_without_files(job.params)
        else:
            is_same = record.digest == digest(job.params)
        if not is_same:
            return conflict(job.key, record.body, job.params)
        return Known(record.known(job.key), record.session, record.body)

    async def find(self, keys: Sequence[str]) -> dict[str, Standing]:
        """Look the keys up among the jobs under way, then among the outcomes."""
        return {key: standing for key in keys if (standing := self._standing(key)) is not None}

    def _standing(self, key: str) -> Standing | None:
        record = self._records.get(key)
        if record is None and key in self._earlier_tasks:
            return Planned(key, earlier_tasks=self._earlier_tasks[key])
        if record is None or record.has_ended:
            return self._kept.find(key)
        is_first = record.is_sent and record.doubt is None
        return Planned(key, True, record.earlier_tasks) if is_first else record.known(key)

    async def jobs(self, states: Collection[JobState], after: str = "", limit: int = 100) -> list[Standing]:
        """Look through all keys at each call."""
        kinds = tuple(STANDINGS[state] for state in states)
        later = {key for keys in (self._records, self._kept.keys()) for key in keys if key > after}
        wanted = (standing for key in later if isinstance(standing := self._standing(key), kinds))
        return nsmallest(limit, wanted, key=lambda standing: standing.key)

    async def ledger(self) -> Ledger:
        """Add up what earlier pools with this journal spent and hold."""
        return self._money.ledger((key, self._records[key]) for key in self._records)

    async def durations(self) -> tuple[tuple[DurationClass, float], ...]:
        """Return nothing: there was no earlier run."""
        return ()

    async def hosted(self, sha256s: Sequence[str]) -> dict[str, Upload]:
        """Look the digests up."""
        return self._uploads.find(sha256s)

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

    async def purchases(self, idempotency_keys: Sequence[str]) -> dict[str, Bought]:
        """Look through all jobs: of purchases that were answered, the pool knows."""
        return dict(self._records.unanswered(set(idempotency_keys)))

    def unfinished(self) -> tuple[Accepted | Unknown, ...]:
        """Return the jobs in the order in which they were sent."""
        found = (self._records[key].standing(key) for key in self._records)
        return tuple(standing for standing in found if standing is not None)

    async def untold(self, after: int = 0, limit: int = 100) -> list[Untold]:
        """Return those of the outcomes that are still kept."""
        return self._kept.untold(after, limit)
