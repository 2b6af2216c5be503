"""The journal in memory: it survives cancellation, not the end of the process.

What is kept of each job is in `records`; the journal in a file is in `sqlite`.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from heapq import nsmallest

from ..budget import Ledger
from ..concurrency import Signal
from ..errors import JournalError
from ..jobs import (
    STANDINGS,
    Accepted,
    Completed,
    DurationClass,
    Failed,
    Job,
    JobState,
    Outcome,
    Planned,
    Standing,
    Unknown,
    digest,
)
from ..media import Upload
from .claims import Claims, OneOwner
from .conflicts import conflict
from .entries import Bought, Found, Intent, Known, Untold, abandoned, end_of, in_doubt, log_late
from .kept_ends import KeptEnds
from .kept_uploads import KeptUploads
from .records import Record, Records


class MemoryJournal(OneOwner):
    """The unfinished jobs, in dictionaries, and the last 10,000 outcomes. See `Journal` for what each call means.

    A job may be bought again when its outcome has been returned; `find` and `untold` know the outcome longer. So the
    size follows the jobs in flight.
    """

    def __init__(self) -> None:
        self._is_open = False
        self._epoch = 0
        self._claims = Claims(0)
        self._records = Records()
        self._keys: dict[str, str] = {}
        self._missing: set[str] = set()
        self._kept = KeptEnds()
        self.ends = Signal()
        self._late: dict[str, list[str]] = {}
        self._uploads = KeptUploads()

    async def open(self) -> None:
        """Take hold of the journal.

        Raises:
            JournalError: Another pool has it open. Two pools would buy the same job twice.
        """
        if self._is_open:
            raise JournalError("this journal is open in another pool", advice="Give each pool a journal of its own.")
        self._is_open = True
        self._epoch += 1
        self._claims = Claims(self._epoch)

    async def aclose(self) -> None:
        """Let go of the journal. What it holds stays."""
        self._is_open = False

    def _check_open(self) -> None:
        if not self._is_open:
            raise JournalError("this journal is not open: its pool was closed")

    def _claims_of_opening(self) -> Claims:
        self._check_open()
        return self._claims

    # --- what is known

    async def known(self, jobs: Sequence[Job]) -> dict[str, Found]:
        """Look the keys up and compare the parameters."""
        return {job.key: found for job in jobs if (found := self._find(job)) is not None}

    def _find(self, job: Job) -> Found | None:
        record = self._records.get(job.key)
        if record is None:
            return None
        if record.digest != digest(job.params):
            return conflict(job.key, record.body, job.params)
        return Known(record.known(job.key), record.session, record.body)

    async def find(self, keys: Sequence[str]) -> dict[str, Standing]:
        """Look the keys up among the jobs under way, then among the outcomes."""
        return {key: standing for key in keys if (standing := self._standing(key)) is not None}

    def _standing(self, key: str) -> Standing | None:
        record = self._records.get(key)
        if record is None or record.has_ended:
            return self._kept.find(key)
        is_first = record.is_sent and record.doubt is None
        return Planned(key, is_submitting=True) if is_first else record.known(key)

    async def jobs(self, states: Collection[JobState], after: str = "", limit: int = 100) -> list[Standing]:
        """Look through all keys at each call."""
        kinds = tuple(STANDINGS[state] for state in states)
        later = {key for keys in (self._records, self._kept.keys()) for key in keys if key > after}
        wanted = (standing for key in later if isinstance(standing := self._standing(key), kinds))
        return nsmallest(limit, wanted, key=lambda standing: standing.key)

    async def ledger(self) -> Ledger:
        """Return an empty ledger: there was no earlier run."""
        return Ledger()

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

    # --- submits

    async def planned(self, intent: Intent) -> None:
        """Do nothing: there is no later run."""

    async def submitting(self, intent: Intent) -> None:
        """Keep the intent."""
        self._check_open()
        before = self._records.get(intent.key)
        if before is not None and before.task_id is not None:
            raise JournalError(f"the job {intent.key!r} has been accepted; it is not sent again")
        self._kept.drop(intent.key)
        self._records[intent.key] = Record.sent(intent, before, time.time())

    async def refused(self, key: str) -> None:
        """Drop the job, so that it may be sent again under the same key."""
        self._check_open()
        self._records.pop(key)

    async def accepted(self, accepted: Accepted) -> None:
        """Keep the task id."""
        key, task_id = accepted.key, accepted.task_id
        record = self._records.get(key)
        if record is not None and record.task_id is None and record.is_sent:
            self._accept(key, record, accepted)
        elif record is None or record.task_id != task_id:
            self._keep_late(record.idempotency_key if record is not None else "", task_id)

    def _accept(self, key: str, record: Record, accepted: Accepted) -> None:
        snapshot = accepted.snapshot
        self._kept.drop(key)
        self._records[key] = record._replace(
            # Only a doubt needs them.
            idempotency_key="",
            body=None,
            # One string for all jobs of a model saves memory, as every answer brings a new one.
            model=record.model if record.model == snapshot.model else snapshot.model,
            task_id=accepted.task_id,
            accepted_at=accepted.accepted_at,
            estimated_seconds=snapshot.estimated_seconds,
            credits_reserved=snapshot.credits_reserved,
            is_sent=False,
            sent_at=0.0,
        )
        self._keys[accepted.task_id] = key

    async def doubted(self, unknown: Unknown) -> None:
        """Keep the doubt until it is settled."""
        self._check_open()
        record = self._records.get(unknown.key)
        if record is not None and record.task_id is None:
            self._records[unknown.key] = record._replace(doubt=unknown, is_sent=False)
            self._note_end(unknown)

    async def late_answer(self, idempotency_key: str, task_id: str) -> bool:
        """Look through all jobs: late answers are rare."""
        key = next((bought.key for _, bought in self._records.unanswered({idempotency_key})), None)
        if task_id not in self._keys and not self._kept.has_task(task_id) and key is not None:
            record = self._records[key]
            doubt = record.doubt or in_doubt(key, sent_at=time.time())
            self._accept(key, record, doubt.found(task_id))
            return True
        if task_id in self._keys and key is None:
            return True
        self._keep_late(idempotency_key, task_id)
        return False

    def _keep_late(self, idempotency_key: str, task_id: str) -> None:
        kept = self._late.setdefault(idempotency_key, [])
        if task_id not in kept:
            kept.append(task_id)
        log_late(task_id, f"the purchase {idempotency_key!r}")

    # --- ends

    def _note_end(self, outcome: Outcome) -> None:
        self._kept.add(outcome)
        self.ends.fire()

    async def missing(self, key: str, task_id: str) -> None:
        """Keep the key: its job may be settled."""
        self._check_open()
        record = self._records.get(key)
        if record is not None and record.task_id == task_id:
            self._missing.add(key)

    async def ended(self, outcome: Outcome) -> None:
        """Mark the job, so that `taken` drops it."""
        self._check_open()
        end, record = end_of(outcome), self._records.get(outcome.key)
        if end is not None and record is not None and record.task_id == end.task_id and not record.has_ended:
            self._records[outcome.key] = record._replace(has_ended=True)
            self._missing.discard(outcome.key)
            self._note_end(end)

    async def saved(self, completed: Completed) -> None:
        """Keep where the files are."""
        self._kept.replace(completed)

    async def refreshed(self, completed: Completed) -> None:
        """Keep the newer links."""
        self._kept.replace(completed)

    def taken(self, outcome: Outcome) -> None:
        """Drop the job, if this purchase has ended. A job of which only the watching has ended stays."""
        end, record = end_of(outcome), self._records.get(outcome.key)
        if end is not None and record is not None and record.task_id == end.task_id and record.has_ended:
            self._forget(outcome.key)

    async def untold(self, after: int = 0, limit: int = 100) -> list[Untold]:
        """Return those of the outcomes that are still kept."""
        return self._kept.untold(after, limit)

    async def mark_told(self, numbers: Sequence[int]) -> None:
        """Note the numbers."""
        self._check_open()
        self._kept.mark_told(numbers)

    def _forget(self, key: str) -> None:
        record = self._records.pop(key)
        self._missing.discard(key)
        if record is not None and record.task_id is not None:
            self._keys.pop(record.task_id, None)

    async def settled(self, key: str, how: str) -> None:
        """Make the job accepted, or drop it."""
        self._check_open()
        record = self._records.get(key)
        if record is None or not (record.is_in_doubt or key in self._missing):
            raise JournalError(f"no job {key!r} is in doubt, or has a task that the service no longer knows")
        known = record.known(key)
        if how in ("resubmit", "abandon"):
            self._forget(key)
            self._kept.drop(key)
            if how == "abandon":
                self._note_end(abandoned(known))
        elif self._keys.get(how, key) != key:
            raise JournalError(f"the task {how} belongs to the job {self._keys[how]!r}")
        else:
            self._missing.discard(key)
            self._keys.pop(record.task_id or "", None)
            doubt = record.doubt or in_doubt(key, sent_at=record.accepted_at)
            self._accept(key, record, doubt.found(how))

    # --- uploads

    async def uploaded(self, upload: Upload) -> None:
        """Keep the upload."""
        self._uploads.add(upload)
