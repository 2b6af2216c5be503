"""Turns events and outcomes into the attributes of spans and metrics, as plain dictionaries.

OpenTelemetry is not imported here. No attribute holds a prompt, a link, an API key or free text of the service.

Names come from the semantic conventions where these have one. All others begin with `evolink.`: the conventions for
generative models cover calls that answer at once, not tasks that run for minutes.
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
    """Return the facts that are known: an attribute cannot be None."""
    return {name: value for name, value in facts.items() if value is not None}


def of_error(error: EvolinkError | None) -> Attributes:
    """Return the attributes of an error; none for None."""
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
    """Return the attributes of one submit request."""
    facts = {
        "evolink.job.key": event.key,
        "evolink.model": event.model,
        "evolink.session": event.session,
        "evolink.task.id": event.task_id,
        "evolink.credits_reserved": event.credits_reserved,
        # The convention counts resends, so the first request has none.
        "http.request.resend_count": event.send - 1 or None,
    }
    return known(facts) | of_error(event.error)


def of_poll(event: StatusAnswered) -> Attributes:
    """Return the attributes of one status request: the id of a single task, or the number of tasks of a batch."""
    # Not a list of ids for a batch: the span has a link to each job, and the link has the id.
    if len(event.task_ids) == 1:
        state = state_word(event.states[0]) if event.states else None
        return known({"evolink.task.id": event.task_ids[0], "evolink.task.state": state}) | of_error(event.error)
    answered = sum(state is not None for state in event.states)
    return {"evolink.poll.tasks": len(event.task_ids), "evolink.poll.answered": answered} | of_error(event.error)


def of_download(event: Downloaded) -> Attributes:
    """Return the attributes of one download."""
    # The size of a failed download would be that of a part of the file.
    size = None if event.error else event.size_bytes
    return known({"evolink.job.key": event.key, "file.path": event.path, "file.size": size}) | of_error(event.error)


def of_outcome(outcome: Outcome) -> Attributes:
    """Return the attributes of an outcome. A file that was not saved is an error of its download, not of its job."""
    match outcome:
        case Completed():
            return known(
                {
                    "evolink.job.outcome": "completed",
                    "evolink.task.id": outcome.task_id,
                    "evolink.polls": outcome.timing.looks,
                    "evolink.lag": outcome.timing.lag,
                    "evolink.credits": outcome.credits,
                    "evolink.resumed": True if outcome.resumed else None,
                }
            )
        case Failed():
            facts = known({"evolink.job.outcome": "failed", "evolink.task.id": outcome.task_id})
            return facts | of_error(outcome.error)
        case Unknown():
            idempotency_key = outcome.error.idempotency_key
            facts = known({"evolink.job.outcome": "unknown", "evolink.idempotency_key": idempotency_key})
            return facts | of_error(outcome.error)
