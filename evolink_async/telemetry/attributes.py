"""Events and outcomes to the attributes of spans and figures, as plain data.

OpenTelemetry is not imported here. No attribute holds a prompt, a link, an API key or free text of the service.

Names that the semantic conventions have are theirs; all others begin with `evolink.`, as the conventions for generative
models know no work that takes minutes and is bought once.
Source: https://opentelemetry.io/docs/specs/semconv/registry/attributes/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from ..errors import EvolinkError
from ..events import Downloaded, StatusAnswered, SubmitAnswered
from ..jobs import Completed, Failed, Outcome, Unknown
from .redaction import facts_of, state_word

Attributes: TypeAlias = "dict[str, str | int | float]"


def known(facts: Mapping[str, str | float | None]) -> Attributes:
    """Those that are known: an attribute has no None."""
    return {name: value for name, value in facts.items() if value is not None}


def of_error(error: EvolinkError | None) -> Attributes:
    """What went wrong; nothing if nothing did."""
    if error is None:
        return {}
    facts = facts_of(error)
    return known(
        {
            "error.type": facts.kind,
            "http.response.status_code": facts.status,
            "evolink.error.code": facts.code,
            "evolink.request.id": facts.request_id,
        }
    )


def of_submit(event: SubmitAnswered) -> Attributes:
    """One paid request."""
    told = {
        "evolink.job.key": event.key,
        "evolink.model": event.model,
        "evolink.session": event.session,
        "evolink.task.id": event.task_id,
        "evolink.credits_reserved": event.credits_reserved,
        "http.request.resend_count": event.send - 1 or None,
    }
    return known(told) | of_error(event.error)


def of_look(event: StatusAnswered) -> Attributes:
    """One status request: for one task by its id, for many by their number."""
    if len(event.task_ids) == 1:
        state = state_word(event.states[0]) if event.states else None
        return known({"evolink.task.id": event.task_ids[0], "evolink.task.state": state}) | of_error(event.error)
    answered = sum(state is not None for state in event.states)
    return {"evolink.look.tasks": len(event.task_ids), "evolink.look.answered": answered} | of_error(event.error)


def of_download(event: Downloaded) -> Attributes:
    """One result file."""
    size = None if event.error else event.size_bytes
    return known({"evolink.job.key": event.key, "file.path": event.path, "file.size": size}) | of_error(event.error)


def of_outcome(outcome: Outcome) -> Attributes:
    """How a job ended. That a file was not saved is told by the span of its download."""
    match outcome:
        case Completed():
            return known(
                {
                    "evolink.job.outcome": "completed",
                    "evolink.task.id": outcome.task_id,
                    "evolink.looks": outcome.timing.looks,
                    "evolink.lag": outcome.timing.lag,
                    "evolink.credits": outcome.credits,
                    "evolink.resumed": True if outcome.resumed else None,
                }
            )
        case Failed():
            told = known({"evolink.job.outcome": "failed", "evolink.task.id": outcome.task_id})
            return told | of_error(outcome.error)
        case Unknown():
            doubted = outcome.error.idempotency_key
            told = known({"evolink.job.outcome": "unknown", "evolink.idempotency_key": doubted})
            return told | of_error(outcome.error)
