"""Turns events into log lines, and gives each event its level.

Nothing is written here; `log` writes. No line holds a prompt, a link or an API key; free text of the service passes a
`Redactor`.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping

import attrs

from ..errors import EvolinkError
from ..events import (
    BatchReadsOff,
    Downloaded,
    DownloadsBehind,
    DownloadTrouble,
    Event,
    JobEnded,
    JobStarted,
    KeyRestored,
    KeySuspended,
    PollingTrouble,
    StatusAnswered,
    SubmitAnswered,
    SubmitsHalted,
    SubmitsLimited,
    SubmitsResumed,
    Uploaded,
    Uploading,
)
from ..jobs import Completed, Failed, Unknown
from .redaction import Redactor, advice_of, facts_of, state_word


@attrs.frozen
class Line:
    """A log line before it is formatted.

    Attributes:
        text: The format, with a place for each argument; tools group lines by it.
        args: The arguments of the format.
        facts: The same facts by name, for machines; None for unknown ones.
    """

    text: str
    args: tuple[object, ...]
    facts: Mapping[str, object]


def level_of(event: Event) -> int:
    """Return the level of an event.

    DEBUG: many per job. INFO: the normal life of a job. WARNING: something failed. ERROR: a person must act.
    """
    match event:
        case StatusAnswered() | Uploading():
            return logging.DEBUG
        # Money may be lost, or nothing more is submitted with this key, until a person acts.
        case JobEnded(outcome=Unknown()) | KeySuspended():
            return logging.ERROR
        case JobEnded(outcome=Failed()) | BatchReadsOff() | SubmitsHalted() | PollingTrouble():
            return logging.WARNING
        case DownloadsBehind() | DownloadTrouble():
            return logging.WARNING
        case Uploaded(error=EvolinkError()) | Downloaded(error=EvolinkError()):
            return logging.WARNING
        # A refused submit that is sent again is normal under load.
        case SubmitAnswered(error=EvolinkError(), is_repeated=False):
            return logging.WARNING
        case _:
            return logging.INFO


def line_of(event: Event, redactor: Redactor) -> Line:
    """Return the log line of an event."""
    match event:
        case JobStarted():
            return _started(event)
        case SubmitAnswered():
            return _submitted(event, redactor)
        case StatusAnswered():
            return _polled(event, redactor)
        case Uploading():
            return _uploading(event)
        case Uploaded():
            return _uploaded(event, redactor)
        case Downloaded():
            return _downloaded(event, redactor)
        case DownloadsBehind():
            text = "%d results wait to be saved, for %.0f s; the last of their links expires in %.0f s"
            facts = {"waiting": event.waiting, "needed": event.needed, "left": event.left}
            return Line(text, tuple(facts.values()), facts)
        case DownloadTrouble():
            text = "%s does not give the results%s; each is tried for up to %.0f s"
            return Line(text, (event.host, redactor.reason(event.reason), event.patience), {"host": event.host})
        case JobEnded():
            return _ended(event, redactor)
        case KeySuspended():
            return _suspended(event, redactor)
        case PollingTrouble():
            return Line("polls do not go as usual%s", (redactor.reason(event.reason),), {})
        case KeyRestored():
            text = "API key %s may work again; one job tries it"
            return Line(text, (event.session,), {"session": event.session})
        case SubmitsHalted():
            text = "no paid requests for now, but one at a time to see if the service is back: %s"
            return Line(text, (redactor.error(event.error),), _error(event.error))
        case SubmitsResumed():
            return Line("the service accepts paid requests again", (), {})
        case SubmitsLimited():
            return Line("at most %d submits at once from now on", (event.limit,), {"limit": event.limit})
        case BatchReadsOff():
            text = "tasks are polled one by one from now on, as batch requests failed%s"
            return Line(text, (redactor.reason(event.reason),), {})


def _started(event: JobStarted) -> Line:
    facts = {"key": event.key, "model": event.model, "task_id": event.task_id}
    # With a task id an earlier run has submitted the job.
    if event.task_id is None:
        return Line("job %s started: %s", (event.key, event.model), facts)
    return Line("job %s taken up again: %s, task %s", (event.key, event.model, event.task_id), facts)


def _submitted(event: SubmitAnswered, redactor: Redactor) -> Line:
    facts: dict[str, object] = {"key": event.key, "model": event.model, "session": event.session, "send": event.send}
    facts |= {"task_id": event.task_id, "seconds": event.seconds, "credits_reserved": event.credits_reserved}
    if event.error is None:
        held = "" if event.credits_reserved is None else f", {event.credits_reserved:g} credits held"
        args = (event.key, event.task_id, event.seconds, held)
        return Line("job %s accepted as task %s after %.2f s%s", args, facts)
    then = "it is sent again" if event.is_repeated else "it is not sent again"
    failed = (event.key, event.send, redactor.error(event.error), then)
    return Line("job %s, submit %d: %s; %s", failed, facts | _error(event.error))


def _polled(event: StatusAnswered, redactor: Redactor) -> Line:
    is_one = len(event.task_ids) == 1
    about = f"task {event.task_ids[0]}" if is_one else f"{len(event.task_ids)} tasks"
    # Two names, as a value of one name should be of one type: tools index records by name.
    facts: dict[str, object] = {"task_id": event.task_ids[0]} if is_one else {"task_ids": event.task_ids}
    facts |= {"seconds": event.seconds}
    if event.error is not None:
        return Line("polled %s: %s", (about, redactor.error(event.error)), facts | _error(event.error))
    # A batch of 50 tasks is one line, so its states are counted.
    counts = Counter(map(state_word, event.states))
    states = ", ".join(counts if is_one else [f"{count} {state}" for state, count in counts.items()])
    return Line("polled %s: %s", (about, states), facts | {"state": states})


def _uploading(event: Uploading) -> Line:
    facts = {"source": event.source, "sent_bytes": event.sent_bytes, "total_bytes": event.total_bytes}
    return Line("uploading %s: %d of %d bytes", tuple(facts.values()), facts)


def _uploaded(event: Uploaded, redactor: Redactor) -> Line:
    facts = {"source": event.source, "size_bytes": event.size_bytes, "seconds": event.seconds}
    if event.error is not None:
        failed = (event.source, redactor.error(event.error), advice_of(event.error))
        return Line("%s was not uploaded: %s. %s", failed, facts | _error(event.error))
    return Line("uploaded %s in %.2f s", (event.source, event.seconds), facts)


def _downloaded(event: Downloaded, redactor: Redactor) -> Line:
    facts = {"key": event.key, "path": event.path, "size_bytes": event.size_bytes, "seconds": event.seconds}
    if event.error is not None:
        failed = (event.key, redactor.error(event.error), advice_of(event.error))
        return Line("job %s: a result was not saved: %s. %s", failed, facts | _error(event.error))
    args = (event.key, event.path, event.size_bytes, event.seconds)
    return Line("job %s saved as %s, %d bytes in %.2f s", args, facts)


def _ended(event: JobEnded, redactor: Redactor) -> Line:
    match event.outcome:
        case Completed():
            return _completed(event.outcome)
        case Failed():
            return _failed(event.outcome, redactor)
        case Unknown():
            return _unknown(event.outcome, redactor)


def _completed(outcome: Completed) -> Line:
    timing = outcome.timing
    facts = {"key": outcome.key, "outcome": "completed", "task_id": outcome.task_id, "credits": outcome.credits}
    facts |= {"polls": timing.looks, "lag": timing.lag, "resumed": outcome.resumed}
    if outcome.resumed:
        return Line("job %s completed in an earlier run: task %s", (outcome.key, outcome.task_id), facts)
    paid = "" if outcome.credits is None else f", {outcome.credits:g} credits"
    args = (outcome.key, outcome.task_id, paid, timing.looks, timing.lag)
    return Line("job %s completed: task %s%s, polls: %d, noticed within %.1f s", args, facts)


def _failed(outcome: Failed, redactor: Redactor) -> Line:
    facts = {"key": outcome.key, "outcome": "failed", "task_id": outcome.task_id} | _error(outcome.error)
    args = (outcome.key, redactor.error(outcome.error), advice_of(outcome.error))
    return Line("job %s failed: %s. %s", args, facts)


def _unknown(outcome: Unknown, redactor: Redactor) -> Line:
    error = outcome.error
    # The idempotency key is what support needs to find the task.
    facts = {"key": outcome.key, "outcome": "unknown", "idempotency_key": error.idempotency_key} | _error(error)
    args = (outcome.key, error.idempotency_key, redactor.error(error), advice_of(error))
    return Line("job %s may have been paid for, idempotency key %s: %s. %s", args, facts)


def _suspended(event: KeySuspended, redactor: Redactor) -> Line:
    args = (event.session, redactor.error(event.error), advice_of(event.error))
    return Line("API key %s is suspended: %s. %s", args, {"session": event.session} | _error(event.error))


def _error(error: EvolinkError) -> dict[str, object]:
    facts = facts_of(error)
    return {"error": facts.kind, "status": facts.status, "code": facts.code, "request_id": facts.request_id}
