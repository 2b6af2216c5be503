"""Where jobs are written down, before money is spent and before an outcome is told.

The protocol only; one file per kind of journal. A journal never talks to the service.

    planned -> submitting -> accepted -> completed (-> downloaded) | failed | cancelled
                 |    ^         ^
                 v    |         |  settled by hand, or by the same key
               in_doubt --------+-> abandoned

`submitting` with nobody alive to finish it is in doubt. No state leaves a final one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..budget import Ledger
from ..jobs import Accepted, Completed, DurationClass, Job, Outcome, Unknown
from ..media import Upload
from .entries import Intent, Known
from .memory import MemoryJournal

__all__ = ("Intent", "Journal", "Known", "MemoryJournal")


class Journal(Protocol):
    """What the submitter and the pool tell, each call done before the next step is taken.

    All calls raise JournalError when the journal cannot be read or written.
    """

    async def open(self) -> None:
        """Take hold of the journal; whatever an earlier owner was submitting when it died is in doubt now."""
        ...

    async def aclose(self) -> None:
        """Write what is still to be written and let go. Reading goes on to work."""
        ...

    def known(self, job: Job) -> Known | None:
        """What became of this job so far, so that it is not paid for again; None while it may be sent.

        Raises:
            JournalConflictError: The key is known with other parameters.
        """
        ...

    async def planned(self, intent: Intent) -> None:
        """The job will not be sent now; a later run may."""
        ...

    async def ledger(self) -> Ledger:
        """What earlier runs spent and hold, and the prices they met."""
        ...

    def durations(self) -> Sequence[tuple[DurationClass, float]]:
        """How long tasks took lately, the oldest first: the duration class of each, and its seconds."""
        ...

    async def submitting(self, intent: Intent) -> None:
        """The next thing to happen is the first byte of a paid request. Called while holding the request permit."""
        ...

    async def refused(self, key: str) -> None:
        """The request was certainly not accepted."""
        ...

    async def accepted(self, accepted: Accepted) -> None:
        """The service answered with a task id."""
        ...

    async def doubted(self, unknown: Unknown) -> None:
        """Nobody knows whether the service accepted the request."""
        ...

    async def ended(self, outcome: Outcome) -> None:
        """A job has come to an end, which is about to be told."""
        ...

    async def saved(self, completed: Completed) -> None:
        """The files of a completed job are on the disk."""
        ...

    async def uploaded(self, upload: Upload) -> None:
        """A file of known content is at the file service."""
        ...

    def hosted(self, sha256: str) -> Upload | None:
        """The latest upload of this content, be it expired or not."""
        ...

    def told(self, outcome: Outcome) -> None:
        """The caller has the outcome in hand."""
        ...

    async def settled(self, key: str, how: str) -> None:
        """A doubt is resolved: `how` is a task id, "resubmit" or "abandon".

        Raises:
            JournalError: No job of this key is in doubt.
        """
        ...

    def owner(self, task_id: str) -> Known | None:
        """The unfinished job behind a task id."""
        ...

    def unfinished(self) -> tuple[Accepted | Unknown, ...]:
        """Jobs accepted, or perhaps accepted, whose end the caller has not been told."""
        ...
