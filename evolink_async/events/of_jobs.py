"""Events about one job, one request or one file.

Those about the service and the pool are in `of_service`.
"""

from __future__ import annotations

import attrs

from ..errors import EvolinkError
from ..jobs import Outcome


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
