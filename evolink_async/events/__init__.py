"""The events of a pool, which observers receive.

Ready-made observers are in `telemetry`. No event holds a prompt or an API key, and only `JobEnded` holds links.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

import attrs

from .errors import EvolinkError
from .jobs import Outcome

__all__ = (
    "BatchReadsOff",
    "Downloaded",
    "DownloadsBehind",
    "Emit",
    "Event",
    "JobEnded",
    "JobStarted",
    "KeyRestored",
    "KeySuspended",
    "Observer",
    "PollingTrouble",
    "StatusAnswered",
    "SubmitAnswered",
    "SubmitsHalted",
    "SubmitsLimited",
    "SubmitsResumed",
    "Uploaded",
    "Uploading",
)


@attrs.frozen(kw_only=True)
class JobStarted:
    """A job has started: it is about to be submitted, or an earlier run has submitted it.

    Attributes:
        at: Unix seconds.
        key: The job's key.
        model: The job's model.
        task_id: The job's task, if an earlier run has submitted it.
    """

    at: float
    key: str
    model: str
    task_id: str | None = None


@attrs.frozen(kw_only=True)
class SubmitAnswered:
    """One paid request has ended, with a task or with an error.

    Attributes:
        at: Unix seconds when the request was sent.
        seconds: Duration of the request.
        key: The job's key.
        model: The job's model.
        send: Number of this request among those of the job, from 1.
        session: Fingerprint of the API key.
        task_id: The task, if the service accepted the job.
        credits_reserved: Credits that the service holds for the task, if it named them.
        error: The error, if there is no task.
        is_repeated: Whether the request is sent again.
    """

    at: float
    seconds: float
    key: str
    model: str
    send: int
    session: str
    task_id: str | None = None
    credits_reserved: float | None = None
    error: EvolinkError | None = None
    is_repeated: bool = False


@attrs.frozen(kw_only=True)
class StatusAnswered:
    """One status request has ended; it polled one task or up to 50.

    Attributes:
        at: Unix seconds when the request was sent.
        seconds: Duration of the request.
        task_ids: The polled tasks.
        states: Their states, in the same order; None for a task that the answer leaves out.
        error: The error, if there is no readable answer.
    """

    at: float
    seconds: float
    task_ids: tuple[str, ...]
    states: tuple[str | None, ...] = ()
    error: EvolinkError | None = None


@attrs.frozen(kw_only=True)
class Downloaded:
    """The download of one result file has ended.

    Attributes:
        at: Unix seconds when the download began.
        seconds: Duration of the download.
        key: The job's key.
        path: The file, if it was saved.
        size_bytes: Size of the file.
        error: The error, if no file was saved.
    """

    at: float
    seconds: float
    key: str
    path: str | None = None
    size_bytes: int = 0
    error: EvolinkError | None = None


@attrs.frozen(kw_only=True)
class DownloadsBehind:
    """Downloads are too slow: links will expire before their files are saved. At most one of these in a run.

    Attributes:
        at: Unix seconds.
        waiting: Number of files that wait.
        needed: Seconds until the last of them starts, at the speed so far.
        left: Seconds until the last of their links expires.
    """

    at: float
    waiting: int
    needed: float
    left: float


@attrs.frozen(kw_only=True)
class Uploading:
    """The progress of an upload: one at the start of each try, then a few a second at most.

    Attributes:
        at: Unix seconds.
        source: The file's path, or another name of it.
        sent_bytes: Bytes sent in this try.
        total_bytes: Size of the file.
    """

    at: float
    source: str
    sent_bytes: int
    total_bytes: int


@attrs.frozen(kw_only=True)
class Uploaded:
    """The upload of one file has ended.

    Attributes:
        at: Unix seconds when the upload began.
        seconds: Duration of all tries together.
        source: The file's path, or another name of it.
        size_bytes: Size of the file; None if the service fetched it from a URL.
        error: The error, if the file was not uploaded.
    """

    at: float
    seconds: float
    source: str
    size_bytes: int | None = None
    error: EvolinkError | None = None


@attrs.frozen(kw_only=True)
class JobEnded:
    """A job has ended; its stream yields the outcome next.

    Attributes:
        at: Unix seconds.
        outcome: The outcome of the job.
    """

    at: float
    outcome: Outcome


@attrs.frozen(kw_only=True)
class KeySuspended:
    """A key is suspended. Its jobs go to other keys, or fail without a request, until it is restored.

    Attributes:
        at: Unix seconds.
        session: Fingerprint of the API key.
        error: The service's refusal.
    """

    at: float
    session: str
    error: EvolinkError


@attrs.frozen(kw_only=True)
class KeyRestored:
    """A suspended key seems well again: one job tries it, and if that is accepted, all may.

    Attributes:
        at: Unix seconds.
        session: Fingerprint of the API key.
    """

    at: float
    session: str


@attrs.frozen(kw_only=True)
class SubmitsLimited:
    """The limit of concurrent submits has changed: lower after refusals for load, higher after a time without any.

    Attributes:
        at: Unix seconds.
        limit: The new limit; at most `Limits.submits`.
    """

    at: float
    limit: int


@attrs.frozen(kw_only=True)
class BatchReadsOff:
    """The batch route of an account is switched off: each status request polls one task from now on.

    Attributes:
        at: Unix seconds.
        reason: What was wrong with the answers of the batch route.
    """

    at: float
    reason: str


@attrs.frozen(kw_only=True)
class SubmitsHalted:
    """Paid requests fail, so none is sent but one at a time, as a trial. Tasks are polled all the same.

    Attributes:
        at: Unix seconds.
        error: What the last paid request met.
    """

    at: float
    error: EvolinkError


@attrs.frozen(kw_only=True)
class SubmitsResumed:
    """The service accepts paid requests again.

    Attributes:
        at: Unix seconds.
    """

    at: float


@attrs.frozen(kw_only=True)
class PollingTrouble:
    """Polls do not go as usual: the service does not answer them, or says something that no page names.

    Attributes:
        at: Unix seconds.
        reason: What is wrong, as a sentence. It may hold a task id and a text of the service.
    """

    at: float
    reason: str


# A union, not a base class, so that a type checker finds a `match` that leaves an event out.
Event: TypeAlias = (
    JobStarted
    | SubmitAnswered
    | StatusAnswered
    | Uploading
    | Uploaded
    | Downloaded
    | DownloadsBehind
    | JobEnded
    | KeySuspended
    | KeyRestored
    | SubmitsLimited
    | SubmitsHalted
    | SubmitsResumed
    | BatchReadsOff
    | PollingTrouble
)


Emit: TypeAlias = Callable[[Event], None]


class Observer(Protocol):
    """Receives every event of a pool: any callable that takes one. `telemetry` has ready-made ones.

    The pool calls it in the event loop, at once and in order, so it must not block. An exception of an observer is
    logged once for each class, and has no other effect.
    """

    # Positional only, so that an observer can name its argument as it likes.
    def __call__(self, event: Event, /) -> None:
        """Receive one event."""
        ...
