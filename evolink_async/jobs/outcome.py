"""Jobs as they go in, outcomes as they come out.

Values only: who makes them, and when, is the pool's business.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import attrs

from ..errors import DownloadError, EvolinkError, SubmissionUnknownError
from ..task import Snapshot, TaskState


@attrs.frozen(kw_only=True)
class Accepted:
    """A job that the service took: paid for, and known by its task id from here on."""

    key: str
    task_id: str
    snapshot: Snapshot
    accepted_at: float

    @property
    def credits_reserved(self) -> float | None:
        """Credits held for the task, if the service said so."""
        return self.snapshot.credits_reserved


@attrs.frozen(kw_only=True)
class Timing:
    """When a job moved, in Unix seconds, and what finding out took.

    Attributes:
        accepted_at: The service answered the submit; None for a task made elsewhere.
        finished_at: We saw the final state.
        looks: Status reads of this task.
        lag: Seconds between the last look that said "not yet" and the one that said "done": the most we can
            have learnt of it late.
    """

    accepted_at: float | None
    finished_at: float
    looks: int
    lag: float


@attrs.frozen
class SavedFile:
    """A result on the disk, as it was when it was saved; all but the path is None in what older journals tell.

    Attributes:
        path: Where it is.
        size_bytes: Its length.
        sha256: The digest of its bytes, in hex.
        mtime_ns: When it was last written to, in nanoseconds of Unix time.
    """

    path: Path
    size_bytes: int | None = None
    sha256: str | None = None
    mtime_ns: int | None = None


@attrs.frozen(kw_only=True)
class Completed:
    """The video is there.

    Attributes:
        key: The job's key; the task id for a task attached to by id.
        task_id: The vendor's id.
        urls: Every result link.
        expires_at: Unix seconds until which the links work: 24 hours after the last look that showed none.
        snapshot: The final look.
        timing: When it moved.
        saved: The results on the disk, one file a link; fewer when saving failed, none when nothing was to be saved.
        resumed: Whether an earlier run had seen it complete, and the journal told us.
        download_error: Why saving failed; the links still work until `expires_at`.
    """

    key: str
    task_id: str
    urls: tuple[str, ...]
    expires_at: float
    snapshot: Snapshot
    timing: Timing
    saved: tuple[SavedFile, ...] = ()
    resumed: bool = False
    download_error: DownloadError | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """Where the results were saved, one path a link; empty when nothing was to be saved, or saving failed."""
        return tuple(file.path for file in self.saved)

    def as_accepted(self) -> Accepted:
        """The same job as it was when it had just been submitted."""
        accepted_at = self.timing.accepted_at or self.timing.finished_at
        return Accepted(key=self.key, task_id=self.task_id, snapshot=self.snapshot, accepted_at=accepted_at)

    @property
    def url(self) -> str:
        """The first result link; a video task has one."""
        return self.urls[0]

    @property
    def credits(self) -> float | None:
        """Credits charged, or held while the charge is not known; None when the service named neither."""
        return self.snapshot.credits


@attrs.frozen
class Failed:
    """No video, and the reason.

    `error.advice` says what to do now; `error.may_resubmit` whether the same job may be sent again without paying for
    this try too. A new try of a task that failed is a new purchase.
    """

    key: str
    error: EvolinkError
    task_id: str | None = None


@attrs.frozen
class Unknown:
    """A paid submit without a readable answer: a task may exist and cost money. It was not sent again."""

    key: str
    error: SubmissionUnknownError

    def found(self, task_id: str) -> Accepted:
        """The accepted job that this one turns out to be, once its task is known."""
        snapshot = Snapshot(task_id=task_id, state=TaskState.PENDING)
        return Accepted(key=self.key, task_id=task_id, snapshot=snapshot, accepted_at=self.error.sent_at or 0.0)


Outcome: TypeAlias = Completed | Failed | Unknown
