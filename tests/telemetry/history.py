"""The events that observers are called with, made by hand: a job that went well, and everything that can go wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from evolink_async import errors
from evolink_async.errors import (
    EvolinkError,
    InvalidValue,
    RateLimitError,
    StatusError,
    SubmissionUnknownError,
    TaskError,
)
from evolink_async.events import (
    BatchReadsOff,
    Downloaded,
    DownloadsBehind,
    DownloadTrouble,
    Event,
    JobEnded,
    JobStarted,
    KeyRestored,
    KeySuspended,
    StatusAnswered,
    SubmitAnswered,
    SubmitsHalted,
    SubmitsLimited,
    SubmitsResumed,
    Uploaded,
    Uploading,
)
from evolink_async.jobs import Completed, Failed, Timing, Unknown
from evolink_async.task import Snapshot, TaskFailure

NOON = 1_790_000_000.0
MODEL = "wan2.6-reference-video"
TASK = "task-unified-1"
SESSION = "f1a9e4b2"
PROMPT = "canary prompt: a dancer in the rain"
LINK = "https://results.example.com/canary-link.mp4?signature=canary-signature"
API_KEY = "sk-canary-key"
CANARIES = ("canary",)


def started(key: str = "shot-1", **changes: Any) -> JobStarted:
    told: dict[str, Any] = {"at": NOON, "key": key, "model": MODEL}
    return JobStarted(**(told | changes))


def submitted(key: str = "shot-1", **changes: Any) -> SubmitAnswered:
    told: dict[str, Any] = {"at": NOON + 1, "seconds": 0.5, "key": key, "model": MODEL, "send": 1, "session": SESSION}
    return SubmitAnswered(**(told | changes))


def accepted(key: str = "shot-1", task_id: str = TASK) -> SubmitAnswered:
    return submitted(key, task_id=task_id, credits_reserved=12.0)


def polled(*task_ids: str, states: tuple[str | None, ...] = (), **changes: Any) -> StatusAnswered:
    told: dict[str, Any] = {"at": NOON + 60, "seconds": 0.25, "task_ids": task_ids, "states": states}
    return StatusAnswered(**(told | changes))


def downloaded(key: str = "shot-1", **changes: Any) -> Downloaded:
    told: dict[str, Any] = {
        "at": NOON + 121,
        "seconds": 2.0,
        "key": key,
        "path": "films/shot-1.mp4",
        "size_bytes": 5000,
    }
    return Downloaded(**(told | changes))


def uploading(**changes: Any) -> Uploading:
    told: dict[str, Any] = {"at": NOON, "source": "films/clip.mp4", "sent_bytes": 1000, "total_bytes": 5000}
    return Uploading(**(told | changes))


def uploaded(**changes: Any) -> Uploaded:
    told: dict[str, Any] = {"at": NOON, "seconds": 2.0, "source": "films/clip.mp4", "size_bytes": 5000}
    return Uploaded(**(told | changes))


def completed(key: str = "shot-1", task_id: str = TASK, **changes: Any) -> JobEnded:
    snapshot = Snapshot(task_id=task_id, state="completed", urls=(LINK,), credits_used=11.0, extra={"prompt": PROMPT})
    timing = Timing(accepted_at=NOON + 1.5, finished_at=NOON + 120, looks=2, lag=3.5)
    told: dict[str, Any] = {"key": key, "task_id": task_id, "urls": (LINK,), "expires_at": NOON + 86400}
    outcome = Completed(**(told | {"snapshot": snapshot, "timing": timing} | changes))
    return JobEnded(at=NOON + 124, outcome=outcome)


def failed(error: EvolinkError, key: str = "shot-1", task_id: str | None = TASK) -> JobEnded:
    return JobEnded(at=NOON + 124, outcome=Failed(key, error, task_id))


def unknown(key: str = "shot-1", **changes: Any) -> JobEnded:
    told: dict[str, Any] = {"key": key, "idempotency_key": "ev-0123456789abcdef", "status": 502, "sent_at": NOON + 1}
    return JobEnded(at=NOON + 124, outcome=Unknown(key, SubmissionUnknownError(PROMPT, **(told | changes))))


def one_job() -> list[Event]:
    """A job refused once, accepted, polled twice, saved, completed."""
    refused = RateLimitError(429, PROMPT, code="rate_limited", request_id="req-1")
    return [
        started(),
        submitted(at=NOON + 0.25, seconds=0.25, error=refused, is_repeated=True),
        attempt_two(),
        polled(TASK, states=("processing",)),
        polled(TASK, states=("completed",), at=NOON + 119.75),
        downloaded(),
        completed(),
    ]


def attempt_two() -> SubmitAnswered:
    return submitted(send=2, task_id=TASK, credits_reserved=12.0)


def echoes() -> Iterator[EvolinkError]:
    """Every error there is, and the service was as bad as can be: all it said in it echoes the prompt and the link."""
    echo = f"{PROMPT} {LINK} {API_KEY}"
    fault = TaskFailure(code=echo, message=echo, type=echo, suggestion=echo)
    snapshot = Snapshot(
        task_id=TASK, state="failed", urls=(LINK,), fault=fault, request_id=echo, extra={"prompt": echo}
    )
    for name in errors.__all__:
        cls = getattr(errors, name)
        if issubclass(cls, StatusError):
            yield cls(418, echo, code=echo, request_id=echo, param=echo, task_id=TASK)
        elif issubclass(cls, TaskError):
            yield cls(echo, snapshot=snapshot, code=echo, advice=echo)
        elif issubclass(cls, EvolinkError):
            yield cls(*_first(cls, echo), **_rest(cls, echo))


def _first(cls: type[EvolinkError], echo: str) -> tuple[Any, ...]:
    return ([InvalidValue("prompt", echo)],) if issubclass(cls, errors.ParamsError | errors.PreflightError) else (echo,)


def _rest(cls: type[EvolinkError], echo: str) -> dict[str, Any]:
    if issubclass(cls, SubmissionUnknownError | errors.ReplyError):
        return {"status": 200, "excerpt": echo, "request_id": echo}
    if issubclass(cls, errors.DownloadError):
        return {"url": LINK, "path": "films/shot-1.mp4"}
    if cls is errors.UploadError:
        return {"source": "films/clip.mp4", "status": 400, "code": echo, "request_id": echo}
    if cls is errors.DeadlineError:
        return {"task_id": TASK, "waited": 5.0}
    return {"needed": 5.0, "left": 2.0} if cls is errors.BudgetError else {}


def everything() -> Iterator[Event]:
    """Every kind of event, with every error, told as badly as can be."""
    yield from one_job()
    for number, error in enumerate(echoes()):
        key = f"bad-{number}"
        yield started(key)
        yield submitted(key, error=error)
        yield polled(TASK, error=error)
        yield polled(TASK, "task-2", error=error)
        yield polled(TASK, states=(PROMPT,))
        yield polled(TASK, "task-2", states=(PROMPT, None))
        yield uploaded(error=error)
        yield downloaded(key, path=None, error=error)
        yield failed(error, key)
        yield KeySuspended(at=NOON, session=SESSION, error=error)
        yield SubmitsHalted(at=NOON, error=error)
        if isinstance(error, SubmissionUnknownError):
            yield JobEnded(at=NOON, outcome=Unknown(key, error))
    yield uploading()
    yield uploaded()
    yield KeyRestored(at=NOON, session=SESSION)
    yield SubmitsResumed(at=NOON)
    yield SubmitsLimited(at=NOON, limit=4)
    yield DownloadsBehind(at=NOON, waiting=900, needed=7200.0, left=3600.0)
    yield DownloadTrouble(at=NOON, host="files.example", reason=f"{PROMPT} {LINK}", patience=300.0)
    yield BatchReadsOff(at=NOON, reason=f"{PROMPT} {LINK}")
