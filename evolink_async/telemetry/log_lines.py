"""Events to lines of a log, and how much each matters.

Nothing is written here. No line holds a prompt, a link or an API key, and free text of the service only by a `Teller`.
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
    Event,
    JobEnded,
    JobStarted,
    KeySuspended,
    StatusAnswered,
    SubmitAnswered,
    SubmitsLimited,
    Uploaded,
    Uploading,
)
from ..jobs import Completed, Failed, Unknown
from .redaction import Teller, advice_of, facts_of, state_word


@attrs.frozen
class Line:
    """A line before it is written.

    Attributes:
        text: With a place for each argument: tools group lines by it.
        args: What goes there.
        facts: The same for machines, by name; None for what is not known.
    """

    text: str
    args: tuple[object, ...]
    facts: Mapping[str, object]


def level_of(event: Event) -> int:
    """How much an event matters, as a level of `logging`."""
    match event:
        case StatusAnswered() | Uploading():
            return logging.DEBUG
        case JobEnded(outcome=Unknown()) | KeySuspended():
            return logging.ERROR
        case JobEnded(outcome=Failed()) | BatchReadsOff() | DownloadsBehind():
            return logging.WARNING
        case Uploaded(error=EvolinkError()) | Downloaded(error=EvolinkError()):
            return logging.WARNING
        case SubmitAnswered(error=EvolinkError(), is_repeated=False):
            return logging.WARNING
        case _:
            return logging.INFO


def line_of(event: Event, teller: Teller) -> Line:
    """What is written of an event."""
    match event:
        case JobStarted():
            return _started(event)
        case SubmitAnswered():
            return _submitted(event, teller)
        case StatusAnswered():
            return _looked(event, teller)
        case Uploading():
            return _uploading(event)
        case Uploaded():
            return _uploaded(event, teller)
        case Downloaded():
            return _downloaded(event, teller)
        case DownloadsBehind():
            text = "%d results wait to be saved, for %.0f s; the last of their links expires in %.0f s"
            facts = {"waiting": event.waiting, "needed": event.needed, "left": event.left}
            return Line(text, tuple(facts.values()), facts)
        case JobEnded():
            return _ended(event, teller)
        case KeySuspended():
            return _benched(event, teller)
        case SubmitsLimited():
            return Line("at most %d submits at once from now on", (event.limit,), {"limit": event.limit})
        case BatchReadsOff():
            text = "tasks are read one by one from now on, as batch reads went wrong%s"
            return Line(text, (teller.reason(event.reason),), {})


def _started(event: JobStarted) -> Line:
    facts = {"key": event.key, "model": event.model, "task_id": event.task_id}
    if event.task_id is None:
        return Line("job %s started: %s", (event.key, event.model), facts)
    return Line("job %s taken up again: %s, task %s", (event.key, event.model, event.task_id), facts)


def _submitted(event: SubmitAnswered, teller: Teller) -> Line:
    facts: dict[str, object] = {"key": event.key, "model": event.model, "session": event.session, "send": event.send}
    facts |= {"task_id": event.task_id, "seconds": event.seconds, "credits_reserved": event.credits_reserved}
    if event.error is None:
        held = "" if event.credits_reserved is None else f", {event.credits_reserved:g} credits held"
        args = (event.key, event.task_id, event.seconds, held)
        return Line("job %s accepted as task %s after %.2f s%s", args, facts)
    then = "it is sent again" if event.is_repeated else "it is not sent again"
    failed = (event.key, event.send, teller.error(event.error), then)
    return Line("job %s, submit %d: %s; %s", failed, facts | _error(event.error))


def _looked(event: StatusAnswered, teller: Teller) -> Line:
    is_one = len(event.task_ids) == 1
    about = f"task {event.task_ids[0]}" if is_one else f"{len(event.task_ids)} tasks"
    facts: dict[str, object] = {"task_id": event.task_ids[0]} if is_one else {"task_ids": event.task_ids}
    facts |= {"seconds": event.seconds}
    if event.error is not None:
        return Line("looked at %s: %s", (about, teller.error(event.error)), facts | _error(event.error))
    seen = Counter(map(state_word, event.states))
    told = ", ".join(seen if is_one else [f"{count} {state}" for state, count in seen.items()])
    return Line("looked at %s: %s", (about, told), facts | {"state": told})


def _uploading(event: Uploading) -> Line:
    facts = {"source": event.source, "sent_bytes": event.sent_bytes, "total_bytes": event.total_bytes}
    return Line("uploading %s: %d of %d bytes", tuple(facts.values()), facts)


def _uploaded(event: Uploaded, teller: Teller) -> Line:
    facts = {"source": event.source, "size_bytes": event.size_bytes, "seconds": event.seconds}
    if event.error is not None:
        failed = (event.source, teller.error(event.error), advice_of(event.error))
        return Line("%s was not uploaded: %s. %s", failed, facts | _error(event.error))
    return Line("uploaded %s in %.2f s", (event.source, event.seconds), facts)


def _downloaded(event: Downloaded, teller: Teller) -> Line:
    facts = {"key": event.key, "path": event.path, "size_bytes": event.size_bytes, "seconds": event.seconds}
    if event.error is not None:
        failed = (event.key, teller.error(event.error), advice_of(event.error))
        return Line("job %s: a result was not saved: %s. %s", failed, facts | _error(event.error))
    args = (event.key, event.path, event.size_bytes, event.seconds)
    return Line("job %s saved as %s, %d bytes in %.2f s", args, facts)


def _ended(event: JobEnded, teller: Teller) -> Line:
    match event.outcome:
        case Completed():
            return _completed(event.outcome)
        case Failed():
            return _failed(event.outcome, teller)
        case Unknown():
            return _unknown(event.outcome, teller)


def _completed(outcome: Completed) -> Line:
    timing = outcome.timing
    facts = {"key": outcome.key, "outcome": "completed", "task_id": outcome.task_id, "credits": outcome.credits}
    facts |= {"looks": timing.looks, "lag": timing.lag, "resumed": outcome.resumed}
    if outcome.resumed:
        return Line("job %s completed in an earlier run: task %s", (outcome.key, outcome.task_id), facts)
    paid = "" if outcome.credits is None else f", {outcome.credits:g} credits"
    args = (outcome.key, outcome.task_id, paid, timing.looks, timing.lag)
    return Line("job %s completed: task %s%s, looks: %d, noticed within %.1f s", args, facts)


def _failed(outcome: Failed, teller: Teller) -> Line:
    facts = {"key": outcome.key, "outcome": "failed", "task_id": outcome.task_id} | _error(outcome.error)
    args = (outcome.key, teller.error(outcome.error), advice_of(outcome.error))
    return Line("job %s failed: %s. %s", args, facts)


def _unknown(outcome: Unknown, teller: Teller) -> Line:
    error = outcome.error
    facts = {"key": outcome.key, "outcome": "unknown", "idempotency_key": error.idempotency_key} | _error(error)
    args = (outcome.key, error.idempotency_key, teller.error(error), advice_of(error))
    return Line("job %s may have been paid for, idempotency key %s: %s. %s", args, facts)


def _benched(event: KeySuspended, teller: Teller) -> Line:
    args = (event.session, teller.error(event.error), advice_of(event.error))
    return Line("API key %s is benched: %s. %s", args, {"session": event.session} | _error(event.error))


def _error(error: EvolinkError) -> dict[str, object]:
    facts = facts_of(error)
    return {"error": facts.kind, "status": facts.status, "code": facts.code, "request_id": facts.request_id}
