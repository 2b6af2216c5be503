"""The states of a job that users see: planned, accepted, completed, failed, unknown.

The pool makes these values; `wire.verdict` and `polling` decide when.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Literal, TypeAlias

import attrs

from ..errors import DownloadError, EvolinkError, SubmissionUnknownError, TaskError
from ..task import Snapshot, TaskState


@attrs.frozen
class Planned:
    """A job without a task: it was not sent, or its first answer is awaited.

    Attributes:
        key: The job's key.
        is_submitting: Whether it is being submitted now: it waits for its turn, or a request for it is under way.
        earlier_tasks: Ids of tasks of this job that failed, after which it is to be bought anew.
    """

    key: str
    is_submitting: bool = False
    earlier_tasks: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Accepted:
    """A job that the service accepted: it is paid for, and its task id is known.

    Attributes:
        key: The job's key.
        task_id: The vendor's id.
        snapshot: The answer to the submit.
        accepted_at: Unix seconds of that answer.
        session: Fingerprint of the API key that the job was sent with; empty if it is not known.
        earlier_tasks: Ids of tasks of this job that failed, after which it was bought anew; see `RetryPolicy.rebuy`.
    """

    key: str
    task_id: str
    snapshot: Snapshot
    accepted_at: float
    session: str = ""
    earlier_tasks: tuple[str, ...] = ()

    @property
    def credits_reserved(self) -> float | None:
        """Credits held for the task, if the service named them."""
        return self.snapshot.credits_reserved


@attrs.frozen(kw_only=True)
class Timing:
    """The times of a job, and the number of its polls.

    Attributes:
        accepted_at: Unix seconds when the service answered the submit; None for a task that this journal did not
            submit.
        finished_at: Unix seconds when a poll found the final state.
        looks: Polls of this task.
        lag: Seconds between the last two polls: the result was found at most this late. With a callback that came
            between them, the seconds since the callback.
    """

    accepted_at: float | None
    finished_at: float
    looks: int
    lag: float


@attrs.frozen
class SavedFile:
    """A result file, as it was when it was saved.

    `downloads.has_files` compares these values with the disk to find out whether a file is untouched. Older journals
    know only the path.

    Attributes:
        path: The file.
        size_bytes: Its size.
        sha256: The SHA-256 of its bytes, in hex.
        mtime_ns: The time of the last change, in nanoseconds of Unix time.
    """

    path: Path
    size_bytes: int | None = None
    sha256: str | None = None
    mtime_ns: int | None = None


@attrs.frozen(kw_only=True)
class Completed:
    """A job whose video is ready.

    Attributes:
        key: The job's key; the task id for a task that was attached by its id.
        task_id: The vendor's id.
        urls: All result links.
        expires_at: Unix seconds when the links expire: 24 hours after the last poll without links.
        snapshot: The snapshot of the last poll.
        timing: The times of the job.
        saved: The saved files, one for each link; fewer if saving failed, none if nothing was to be saved.
        resumed: Whether an earlier run completed the job, and the outcome comes from the journal.
        download_error: The error, if saving failed; the links work until `expires_at`.
        earlier_tasks: Ids of tasks of this job that failed before, at no cost; see `RetryPolicy.rebuy`.
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
    earlier_tasks: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """The paths of the saved files, one for each link; empty if nothing was to be saved, or if saving failed."""
        return tuple(file.path for file in self.saved)

    def has_expired(self, at: float) -> bool:
        """Whether the links have expired at a time, in Unix seconds."""
        return at >= self.expires_at

    def as_accepted(self) -> Accepted:
        """Return the same job as it was after its submit."""
        # The time of the submit is not known for a task that was attached by its id.
        accepted_at = self.timing.accepted_at or self.timing.finished_at
        return Accepted(key=self.key, task_id=self.task_id, snapshot=self.snapshot, accepted_at=accepted_at)

    @property
    def url(self) -> str:
        """The first result link; a video task has exactly one."""
        return self.urls[0]

    @property
    def credits(self) -> float | None:
        """Credits charged, or held if the charge is not known; None if the service named neither."""
        return self.snapshot.credits


@attrs.frozen
class Failed:
    """A job without a video.

    Attributes:
        key: The job's key.
        error: The reason. `error.advice` says what to do next, `error.may_resubmit` whether the job can be submitted
            again without paying for it twice. Another try of a failed task is a new purchase.
        task_id: The vendor's id, if the job was accepted.
        resumed: Whether the task failed in an earlier run, and the outcome comes from the journal.
        earlier_tasks: Ids of tasks of this job that failed before; see `RetryPolicy.rebuy`.
    """

    key: str
    error: EvolinkError
    task_id: str | None = None
    resumed: bool = False
    earlier_tasks: tuple[str, ...] = ()


@attrs.frozen
class Unknown:
    """A job in doubt: its submit has no readable answer, so a task may exist and cost credits. It is not sent again.

    Attributes:
        key: The job's key.
        error: What is known about the submit; `error.advice` says how to settle it.
        earlier_tasks: Ids of tasks of this job that failed before it was bought anew, if the journal was asked.
    """

    key: str
    error: SubmissionUnknownError
    earlier_tasks: tuple[str, ...] = ()

    def found(self, task_id: str) -> Accepted:
        """Return the accepted job, once its task is known."""
        snapshot = Snapshot(task_id=task_id, state=TaskState.PENDING)
        # No answer came, so the time of the request stands for that of the answer.
        accepted_at = self.error.sent_at or 0.0
        return Accepted(
            key=self.key,
            task_id=task_id,
            snapshot=snapshot,
            accepted_at=accepted_at,
            earlier_tasks=self.earlier_tasks,
        )


Outcome: TypeAlias = Completed | Failed | Unknown
"""What a run, or a stream of all outcomes, yields for a job."""
Standing: TypeAlias = Planned | Accepted | Completed | Failed | Unknown
"""What a journal knows of a job."""
JobState: TypeAlias = Literal["planned", "accepted", "completed", "failed", "unknown"]
"""The name of a standing."""
STANDINGS: Mapping[JobState, type[Standing]] = MappingProxyType(
    {"planned": Planned, "accepted": Accepted, "completed": Completed, "failed": Failed, "unknown": Unknown}
)
"""The class of each state."""


def error_of(outcome: Outcome) -> EvolinkError | None:
    """Return why a job has no video, or why its video was not saved; None if all went well."""
    return outcome.download_error if isinstance(outcome, Completed) else outcome.error


def has_failed_task(standing: Standing) -> bool:
    """Whether a job has a task that failed. One that a person gave up has failed without: it stays given up."""
    return isinstance(standing, Failed) and isinstance(standing.error, TaskError)


def last_snapshot(outcome: Outcome) -> Snapshot | None:
    """Return the last answer about a task that has ended; None if only our watching has."""
    match outcome:
        case Completed():
            return outcome.snapshot
        case Failed(error=TaskError() as error):
            return error.snapshot
        case _:
            return None
