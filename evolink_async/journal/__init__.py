"""Where jobs are written down, before money is spent and before an outcome is told.

The protocol only; one file per kind of journal. A journal never talks to the service.
"""

from __future__ import annotations

from typing import Protocol

from ..outcome import Accepted, Job, Outcome, Unknown
from .memory import MemoryJournal

__all__ = ("Journal", "MemoryJournal")


class Journal(Protocol):
    """What the submitter and the pool tell, in this order, each call done before the next step is taken."""

    def known(self, job: Job) -> Accepted | Unknown | None:
        """What became of this job so far, so that it is not paid for again.

        Raises:
            JournalConflictError: The key is known with other parameters.
        """
        ...

    async def submitting(self, job: Job, *, digest: str, idempotency_key: str, session: str) -> None:
        """The next thing to happen is the first byte of a paid request. Called while holding the request permit."""
        ...

    async def refused(self, key: str) -> None:
        """The request was certainly not accepted."""
        ...

    async def accepted(self, accepted: Accepted, *, session: str) -> None:
        """The service answered with a task id."""
        ...

    async def doubted(self, unknown: Unknown) -> None:
        """Nobody knows whether the service accepted the request."""
        ...

    async def ended(self, outcome: Outcome) -> None:
        """A job has come to an end, which is about to be told."""
        ...

    def told(self, outcome: Outcome) -> None:
        """The caller has the outcome in hand."""
        ...

    def owner(self, task_id: str) -> tuple[Accepted, str] | None:
        """The unfinished job behind a task id, and the fingerprint of the session that made it."""
        ...

    def unfinished(self) -> tuple[Accepted | Unknown, ...]:
        """Jobs accepted, or perhaps accepted, whose end the caller has not been told."""
        ...
