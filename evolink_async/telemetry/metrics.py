"""The figures of an `OtelObserver`: what is counted and measured, and by which attributes.

OpenTelemetry is imported for its types only. Attributes of figures are few and take few values: no key, no id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import EvolinkError
from ..events import StatusAnswered, SubmitAnswered
from ..jobs import Completed, Outcome
from .attributes import Attributes, known, of_outcome
from .redaction import facts_of

if TYPE_CHECKING:
    from opentelemetry.metrics import Histogram, Meter

LAG_BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0)
"""Seconds: tasks are looked at once a second at most, and once in 30 seconds at least, unless requests are short."""
DURATION_BOUNDS = (10.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 240.0, 300.0, 450.0, 600.0, 900.0, 1800.0, 3600.0)
"""Seconds: most videos take one to ten minutes."""


class Figures:
    """Counters and histograms of pools.

    Args:
        meter: Makes them.
    """

    def __init__(self, meter: Meter) -> None:
        self._jobs = meter.create_counter("evolink.jobs", "{job}", "Jobs that came to an end.")
        self._credits = meter.create_counter("evolink.credits", "{credit}", "Credits charged for completed tasks.")
        self._submits = meter.create_counter("evolink.submits", "{request}", "Paid requests, repeated ones included.")
        self._requests = meter.create_counter("evolink.status_requests", "{request}", "Requests that ask for tasks.")
        self._looks = meter.create_counter("evolink.looks", "{look}", "Tasks asked for; many fit in one request.")
        self._lag = _seconds(meter, "evolink.lag", "The most that a completed task was unnoticed.", LAG_BOUNDS)
        told = "From acceptance to the look that showed the result."
        self._duration = _seconds(meter, "evolink.task.duration", told, DURATION_BOUNDS)

    def submitted(self, event: SubmitAnswered) -> None:
        """Count a paid request."""
        told = {"evolink.model": event.model, "evolink.session": event.session}
        self._submits.add(1, known(told) | _error(event.error))

    def looked(self, event: StatusAnswered) -> None:
        """Count a status request, and the tasks in it."""
        self._requests.add(1, _error(event.error))
        self._looks.add(len(event.task_ids))

    def ended(self, outcome: Outcome, model: str | None) -> None:
        """Count a job; measure its task, unless an earlier run has."""
        is_old = isinstance(outcome, Completed) and outcome.resumed
        about = known({"evolink.model": model})
        told = {"evolink.job.outcome": of_outcome(outcome)["evolink.job.outcome"]}
        told |= {"evolink.resumed": True} if is_old else {}
        told |= _error(outcome.error) if not isinstance(outcome, Completed) else {}
        self._jobs.add(1, about | told)
        if isinstance(outcome, Completed) and not is_old:
            self._measure(outcome, about)

    def _measure(self, outcome: Completed, about: Attributes) -> None:
        timing = outcome.timing
        self._lag.record(timing.lag, about)
        if timing.accepted_at is not None:
            self._duration.record(max(0.0, timing.finished_at - timing.accepted_at), about)
        if outcome.credits is not None:
            self._credits.add(outcome.credits, about)


def _seconds(meter: Meter, name: str, description: str, bounds: tuple[float, ...]) -> Histogram:
    try:
        return meter.create_histogram(name, "s", description, explicit_bucket_boundaries_advisory=bounds)
    except TypeError:  # older than 1.30, whose default bounds suit milliseconds; a view can set these
        return meter.create_histogram(name, "s", description)


def _error(error: EvolinkError | None) -> Attributes:
    if error is None:
        return {}
    facts = facts_of(error)
    return known({"error.type": facts.kind, "http.response.status_code": facts.status})
