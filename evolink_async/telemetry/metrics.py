"""The metrics of an `OtelObserver`: what is counted and measured, and by which attributes.

OpenTelemetry is imported for its types only. No attribute of a metric is a job's key or an id: each new value of an
attribute makes a new time series.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import EvolinkError
from ..events import StatusAnswered, SubmitAnswered
from ..jobs import Completed, Failed, Outcome
from .attributes import Attributes, known, of_outcome
from .redaction import facts_of

if TYPE_CHECKING:
    from opentelemetry.metrics import Histogram, Meter

LAG_BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0)
"""Seconds: a task is polled every 1 to 30 s, and less often only if the rate of requests does not allow more."""
DURATION_BOUNDS = (10.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 240.0, 300.0, 450.0, 600.0, 900.0, 1800.0, 3600.0)
"""Seconds: most videos take one to ten minutes."""


class Metrics:
    """The counters and histograms of one observer.

    Args:
        meter: The meter that makes them.
    """

    def __init__(self, meter: Meter) -> None:
        self._jobs = meter.create_counter("evolink.jobs", "{job}", "Jobs that came to an end.")
        self._credits = meter.create_counter("evolink.credits", "{credit}", "Credits charged for completed tasks.")
        self._submits = meter.create_counter("evolink.submits", "{request}", "Paid requests, repeated ones included.")
        self._requests = meter.create_counter("evolink.status_requests", "{request}", "Status requests sent.")
        self._polls = meter.create_counter("evolink.polls", "{poll}", "Tasks polled; one request may poll many.")
        self._lag = _seconds(meter, "evolink.lag", "Most that a completed task was unnoticed.", LAG_BOUNDS)
        description = "From acceptance to the poll that showed the result."
        self._duration = _seconds(meter, "evolink.task.duration", description, DURATION_BOUNDS)

    def submitted(self, event: SubmitAnswered) -> None:
        """Count a submit request."""
        about = {"evolink.model": event.model, "evolink.session": event.session}
        self._submits.add(1, known(about) | _error(event.error))

    def polled(self, event: StatusAnswered) -> None:
        """Count a status request, and the tasks that it polled."""
        self._requests.add(1, _error(event.error))
        self._polls.add(len(event.task_ids))

    def ended(self, outcome: Outcome, model: str | None) -> None:
        """Count a job, and measure its task."""
        is_resumed = isinstance(outcome, Completed | Failed) and outcome.resumed
        # The model is unknown if the task was submitted elsewhere and is waited for by its id.
        about = known({"evolink.model": model})
        end = {"evolink.job.outcome": of_outcome(outcome)["evolink.job.outcome"]}
        end |= {"evolink.resumed": True} if is_resumed else {}
        end |= _error(outcome.error) if not isinstance(outcome, Completed) else {}
        self._jobs.add(1, about | end)
        # The run that saw a resumed job complete has measured it: credits would count twice.
        if isinstance(outcome, Completed) and not is_resumed:
            self._measure(outcome, about)

    def _measure(self, outcome: Completed, about: Attributes) -> None:
        timing = outcome.timing
        self._lag.record(timing.lag, about)
        if timing.accepted_at is not None:
            # Both are wall-clock times, and the clock may have been set back in between.
            self._duration.record(max(0.0, timing.finished_at - timing.accepted_at), about)
        if outcome.credits is not None:
            self._credits.add(outcome.credits, about)


def _seconds(meter: Meter, name: str, description: str, bounds: tuple[float, ...]) -> Histogram:
    try:
        return meter.create_histogram(name, "s", description, explicit_bucket_boundaries_advisory=bounds)
    # opentelemetry-api before 1.30 has no such argument. Its default bounds suit milliseconds; a view can replace them.
    except TypeError:
        return meter.create_histogram(name, "s", description)


def _error(error: EvolinkError | None) -> Attributes:
    if error is None:
        return {}
    facts = facts_of(error)
    return known({"error.type": facts.kind, "http.response.status_code": facts.status})
