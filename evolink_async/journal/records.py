"""What a journal in memory keeps of each job, in little space.

When a record changes is decided in `memory`.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple, Self

import attrs

from ..jobs import Accepted, Unknown
from ..task import Snapshot, TaskState
from .entries import Bought, Intent, in_doubt


class Record(NamedTuple):
    """What is kept of a job.

    Attributes:
        digest: Identifies the parameters.
        session: Fingerprint of the API key.
        idempotency_key: Identifies the purchase; empty once the task is known.
        model: The service's name of the model.
        body: The body as it was sent, until the task is known.
        price_class: The group of jobs with the same price.
        doubt: Why a task may exist, as an earlier send left it.
        task_id: The task, once it is known.
        accepted_at, estimated_seconds, credits_reserved: From the answer to the submit.
        has_ended: Whether the task has ended.
        is_sent: Whether an answer is awaited.
        earlier_tasks: Tasks that failed, after which the job was bought anew.
        sent_at: Unix seconds of the first send of the purchase; 0 once the task is known.
        digest_without_files: Identifies the parameters whatever their local files are; empty if they name none.
    """

    digest: str
    session: str
    idempotency_key: str
    model: str | None
    body: bytes | None
    price_class: str
    doubt: Unknown | None = None
    task_id: str | None = None
    accepted_at: float = 0.0
    estimated_seconds: float | None = None
    credits_reserved: float | None = None
    has_ended: bool = False
    is_sent: bool = False
    earlier_tasks: tuple[str, ...] = ()
    sent_at: float = 0.0
    digest_without_files: str = ""

    @classmethod
    def sent(cls, intent: Intent, before: Record | None, now: float, earlier_tasks: tuple[str, ...] = ()) -> Self:
        """Return the record of a job that is sent now; `before` is its record so far."""
        is_again = before is not None and before.idempotency_key == intent.idempotency_key
        return cls(
            intent.digest,
            intent.session,
            intent.idempotency_key,
            intent.model,
            intent.body,
            sys.intern(intent.price_class),
            # An earlier doubt stays until the service accepts: a second send does not resolve the first.
            before.doubt if before is not None else None,
            is_sent=True,
            earlier_tasks=earlier_tasks or (before.earlier_tasks if before is not None else ()),
            sent_at=before.sent_at if before is not None and is_again else now,
            digest_without_files=intent.digest_without_files,
        )

    def standing(self, key: str) -> Accepted | Unknown | None:
        """Return the state of the job; None while its first answer is awaited."""
        if self.task_id is None:
            return self.doubt and attrs.evolve(self.doubt, earlier_tasks=self.earlier_tasks)
        snapshot = Snapshot(
            task_id=self.task_id,
            state=TaskState.PENDING,
            model=self.model,
            estimated_seconds=self.estimated_seconds,
            credits_reserved=self.credits_reserved,
        )
        return Accepted(
            key=key,
            task_id=self.task_id,
            snapshot=snapshot,
            accepted_at=self.accepted_at,
            session=self.session,
            earlier_tasks=self.earlier_tasks,
        )

    def known(self, key: str) -> Accepted | Unknown:
        """Return the state of the job. One whose first answer is awaited by nobody any more is in doubt."""
        return self.standing(key) or in_doubt(key, self.earlier_tasks, idempotency_key=self.idempotency_key)

    @property
    def is_in_doubt(self) -> bool:
        """Whether nobody awaits an answer, and a task may exist that is not known."""
        return self.doubt is not None and self.task_id is None and not self.is_sent


# Records are stored as plain tuples. With 100,000 jobs, the garbage collector would walk all objects at each full
# collection; a tuple of strings and numbers it stops tracking, a NamedTuple it does not.
class Records:
    """The records by key."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Any, ...]] = {}

    def __getitem__(self, key: str) -> Record:
        return Record._make(self._kept[key])

    def get(self, key: str) -> Record | None:
        """Return the record of a job, if there is one."""
        return self[key] if key in self._kept else None

    def __setitem__(self, key: str, record: Record) -> None:
        self._kept[key] = tuple(record)

    def pop(self, key: str) -> Record | None:
        """Remove the record of a job and return it, if there is one."""
        kept = self._kept.pop(key, None)
        return None if kept is None else Record._make(kept)

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept)

    def unanswered(self, idempotency_keys: Collection[str]) -> Iterator[tuple[str, Bought]]:
        """Yield those of some purchases whose tasks are not known. All jobs are looked through."""
        for key in self._kept:
            record = self[key]
            if record.task_id is None and record.idempotency_key in idempotency_keys:
                model, sent_at = record.model or "", record.sent_at
                bought = Bought(key=key, model=model, sent_at=sent_at, is_latest=True, is_unanswered=True)
                yield record.idempotency_key, bought
