"""The journal in memory: it survives cancellation, not the end of the process.

Its reads are in `memory_queries`, what is kept of each job in `records`; the journal in a file is in `sqlite`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from ..concurrency import Signal
from ..errors import JournalError
from ..jobs import (
    Accepted,
    Completed,
    Outcome,
    Unknown,
)
from ..media import Upload
from .claims import Claims, OneOwner
from .entries import SETTLEMENTS, Intent, abandoned, end_of, in_doubt, log_late
from .memory_queries import MemoryQueries
from .records import Record


class MemoryJournal(MemoryQueries, OneOwner):
    """The unfinished jobs, in dictionaries, and the last 10,000 outcomes. See `Journal` for what each call means.

    A job may be bought again when its outcome has been returned; `find` and `untold` know the outcome longer. So the
    size follows the jobs in flight.
    """

    def __init__(self) -> None:
        super().__init__()
        self._is_open = False
        self._epoch = 0
        self._claims = Claims(0)
        self._late: set[str] = set()
        self.ends: Signal = self._kept.added
        self.calls: Signal = Signal()

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

    # --- submits

    async def planned(self, intent: Intent) -> None:
        """Do nothing: there is no later run."""

    async def submitting(self, intent: Intent) -> None:
        """Keep the intent."""
        self._check_open()
        before = self._records.get(intent.key)
        if before is not None and before.task_id is not None:
            raise JournalError(f"the job {intent.key!r} has been accepted; it is not sent again")
        self._kept.drop_doubt(intent.key)
        earlier_tasks = self._earlier_tasks.pop(intent.key, ())
        self._records[intent.key] = Record.sent(intent, before, time.time(), earlier_tasks)

    async def refused(self, key: str) -> None:
        """Drop the job, so that it may be sent again under the same key."""
        self._check_open()
        record = self._records.pop(key)
        if record is not None and record.earlier_tasks:
            self._earlier_tasks[key] = record.earlier_tasks

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
        self._kept.drop_doubt(key)
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
        self._money.named(record.price_class, snapshot.credits_reserved)

    async def doubted(self, unknown: Unknown) -> None:
        """Keep the doubt until it is settled."""
        self._check_open()
        record = self._records.get(unknown.key)
        # A doubt that was not sent again is the same outcome.
        if record is not None and record.task_id is None and record.is_sent:
            self._records[unknown.key] = record._replace(doubt=unknown, is_sent=False)
            self._kept.add(unknown)

    async def late_answer(self, idempotency_key: str, task_id: str) -> bool:
        """Look through all jobs: late answers are rare."""
        key = next((bought.key for _, bought in self._records.unanswered({idempotency_key})), None)
        is_known = task_id in self._keys or task_id in self._failed_tasks or self._kept.has_task(task_id)
        if key is not None and not is_known:
            record = self._records[key]
            doubt = record.doubt or in_doubt(key, sent_at=time.time())
            self._accept(key, record, doubt.found(task_id))
            return True
        if task_id in self._keys and key is None:
            return True
        self._keep_late(idempotency_key, task_id)
        return False

    def _keep_late(self, idempotency_key: str, task_id: str) -> None:
        if task_id not in self._late:
            self._late.add(task_id)
            log_late(task_id, f"the purchase {idempotency_key!r}")

    # --- ends

    async def missing(self, key: str, task_id: str) -> None:
        """Keep the key: its job may be settled."""
        self._check_open()
        record = self._records.get(key)
        if record is not None and record.task_id == task_id and not record.has_ended:
            self._missing.add(key)

    async def ended(self, outcome: Outcome) -> None:
        """Mark the job, so that `taken` drops it."""
        self._check_open()
        end, record = end_of(outcome), self._records.get(outcome.key)
        if end is not None and record is not None and record.task_id == end.task_id and not record.has_ended:
            self._records[outcome.key] = record._replace(has_ended=True)
            self._missing.discard(outcome.key)
            self._money.ended(end, record)
            self._kept.add(end)

    async def bought_anew(self, key: str, task_id: str) -> None:
        """Drop the job, and keep its task's id for the next purchase."""
        self._check_open()
        record = self._records.get(key)
        if record is not None and record.task_id == task_id:
            self._forget(key)
            self._failed_tasks.add(task_id)
            self._earlier_tasks[key] = (*record.earlier_tasks, task_id)

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
        if how in SETTLEMENTS:
            self._forget(key)
            self._kept.drop_doubt(key)
            if how == "abandon":
                self._kept.add(abandoned(known))
        elif self._keys.get(how, key) != key or how in self._failed_tasks:
            raise JournalError(f"the task {how} belongs to another job, or to an earlier purchase")
        else:
            self._missing.discard(key)
            self._keys.pop(record.task_id or "", None)
            doubt = record.doubt or in_doubt(key, sent_at=record.accepted_at)
            self._accept(key, record, doubt.found(how))

    async def uploaded(self, upload: Upload) -> None:
        """Keep the upload."""
        self._uploads.add(upload)
