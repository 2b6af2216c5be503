"""What happens in a pool, one value each, for observers.

Nothing is counted or sent here. No event holds a prompt or an API key; links are in the outcome that ends a job only.
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
    "KeySuspended",
    "Observer",
    "StatusAnswered",
    "SubmitAnswered",
    "SubmitsLimited",
    "Uploaded",
    "Uploading",
)


@attrs.frozen(kw_only=True)
class JobStarted:
    """A job was taken up: it is about to be submitted, or found to be submitted already.

    Attributes:
        at: Unix seconds.
        key: The job's key.
        model: What is asked for.
        task_id: Its task, if an earlier run has submitted it.
    """

    at: float
    key: str
    model: str
    task_id: str | None = None


@attrs.frozen(kw_only=True)
class SubmitAnswered:
    """One paid request has ended, with a task or an error.

    Attributes:
        at: Unix seconds when it was sent.
        seconds: How long it took.
        key: The job's key.
        model: What was asked for.
        send: 1 for the first request of this job, 2 for the second ...
        session: Fingerprint of the API key.
        task_id: The task, if the service took the job.
        credits_reserved: What it holds for the task, if it said so.
        error: Why there is none.
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
    """One status request has ended, be it for one task or for many.

    Attributes:
        at: Unix seconds when it was sent.
        seconds: How long it took.
        task_ids: The tasks asked for.
        states: What was said of them, in the same order; None for a task without an answer.
        error: Why there was no answer at all.
    """

    at: float
    seconds: float
    task_ids: tuple[str, ...]
    states: tuple[str | None, ...] = ()
    error: EvolinkError | None = None


@attrs.frozen(kw_only=True)
class Downloaded:
    """Fetching one result file has ended.

    Attributes:
        at: Unix seconds when it began.
        seconds: How long it took.
        key: The job's key.
        path: The file.
        size_bytes: Its size.
        error: Why there is no file.
    """

    at: float
    seconds: float
    key: str
    path: str | None = None
    size_bytes: int = 0
    error: EvolinkError | None = None


@attrs.frozen(kw_only=True)
class DownloadsBehind:
    """Results come faster than they are saved: links will expire before their turn. Told once in a run.

    Attributes:
        at: Unix seconds.
        waiting: Files in line.
        needed: Seconds until the last one's turn, at the pace so far.
        left: Seconds until the last of their links expires.
    """

    at: float
    waiting: int
    needed: float
    left: float


@attrs.frozen(kw_only=True)
class Uploading:
    """A file is on its way to the service: told at each new try, and a few times a second at most.

    Attributes:
        at: Unix seconds.
        source: The file's path, or what else it goes by.
        sent_bytes: How much of it has gone out in this try.
        total_bytes: Its size.
    """

    at: float
    source: str
    sent_bytes: int
    total_bytes: int


@attrs.frozen(kw_only=True)
class Uploaded:
    """Uploading one file has ended.

    Attributes:
        at: Unix seconds when it began.
        seconds: How long it took, with all tries.
        source: The file's path, or what else it goes by.
        size_bytes: Its size; None for one that the service fetches itself.
        error: Why it is not at the service.
    """

    at: float
    seconds: float
    source: str
    size_bytes: int | None = None
    error: EvolinkError | None = None


@attrs.frozen(kw_only=True)
class JobEnded:
    """A job has come to its end, which is about to be told.

    Attributes:
        at: Unix seconds.
        outcome: The end.
    """

    at: float
    outcome: Outcome


@attrs.frozen(kw_only=True)
class KeySuspended:
    """A key may submit nothing more: its jobs go to other keys, or come back unsent.

    Attributes:
        at: Unix seconds.
        session: Fingerprint of the API key.
        error: What the service said.
    """

    at: float
    session: str
    error: EvolinkError


@attrs.frozen(kw_only=True)
class SubmitsLimited:
    """The service refused for load, or took everything for a while: the number of submits at once was changed.

    Attributes:
        at: Unix seconds.
        limit: Submits at once from now on; `Limits.submits` at most.
    """

    at: float
    limit: int


@attrs.frozen(kw_only=True)
class BatchReadsOff:
    """Tasks of an account are read one by one from now on.

    Attributes:
        at: Unix seconds.
        reason: What was wrong with the batch reads.
    """

    at: float
    reason: str


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
    | SubmitsLimited
    | BatchReadsOff
)


Emit: TypeAlias = Callable[[Event], None]


class Observer(Protocol):
    """Hears of every event of a pool: any callable that takes one. `telemetry` has some ready-made.

    It is called in the event loop, at once and in order, so it must not wait. What it raises is logged, once for each
    class of exception, and harms nothing.
    """

    def __call__(self, event: Event, /) -> None:
        """Take note of one event."""
        ...
