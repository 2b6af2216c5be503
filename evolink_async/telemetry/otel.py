"""An observer that makes OpenTelemetry spans and metrics; the only module that imports OpenTelemetry at run time.

The attributes of spans are made in `attributes`, the metrics in `metrics`. Exporting is the task of the SDK.
"""

from __future__ import annotations

import time
from typing import Self

from ..errors import ConfigurationError, EvolinkError
from ..events import Downloaded, Event, JobEnded, JobStarted, StatusAnswered, SubmitAnswered
from ..jobs import Completed, Unknown
from ..version import __version__, how_to_install
from .attributes import Attributes, known, of_download, of_outcome, of_poll, of_submit
from .metrics import Metrics
from .redaction import facts_of

try:
    from opentelemetry.context import Context
    from opentelemetry.metrics import MeterProvider, get_meter
    from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode, TracerProvider, get_tracer
    from opentelemetry.trace import set_span_in_context as within
except ImportError:
    raise ConfigurationError(f"OtelObserver needs opentelemetry-api; {how_to_install('otel')}") from None


class OtelObserver:
    """Traces and measures what happens in a pool: `SessionPool(observer=OtelObserver())`.

    Each job is a span, from its start to its end, below the span that is current where it starts. Below it are a span
    for each submit, each status request for its task alone, and each download. A status request for many tasks is a
    trace of its own, linked to their jobs. So is one for a task that no open job has submitted.

    Close the observer after the pool, or use it as a context manager: this ends the spans of jobs that were submitted
    and never waited for. No span or metric holds a prompt, a result link or an API key.

    Args:
        tracer_provider: Makes the tracer. Default: the global provider.
        meter_provider: Makes the meter. Default: the global provider.
        max_open: Most spans of jobs open at once; beyond it the oldest is ended with the outcome "open". Bounds the
            memory of a process that submits and never waits, at 3 kB per span; the default is ten times the default of
            `Limits.in_flight`.

    Raises:
        ConfigurationError: opentelemetry-api is not installed. Raised where this class is imported.
    """

    def __init__(
        self,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        *,
        max_open: int = 10_000,
    ) -> None:
        self._tracer = get_tracer("evolink_async", __version__, tracer_provider)
        self._metrics = Metrics(get_meter("evolink_async", __version__, meter_provider))
        self._max_open = max_open
        self._jobs: dict[str, _Job] = {}
        self._by_task: dict[str, _Job] = {}

    def __call__(self, event: Event, /) -> None:
        """Begin and end the spans of an event, and count it."""
        match event:
            case JobStarted():
                self._started(event)
            case SubmitAnswered():
                self._submitted(event)
            case StatusAnswered():
                self._polled(event)
            case Downloaded():
                self._downloaded(event)
            case JobEnded():
                self._ended(event)
            # Uploads, and events about the pool as a whole, are logged only.
            case _:
                pass

    def close(self) -> None:
        """End the spans of jobs that have not ended. Events that follow are traced all the same."""
        for job in list(self._jobs.values()):
            self._give_up(job)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _started(self, event: JobStarted) -> None:
        # A second caller of the same key joins the job that is running.
        if event.key in self._jobs:
            return
        if len(self._jobs) >= self._max_open:
            # Dictionaries keep their order, so the first job is the oldest.
            self._give_up(next(iter(self._jobs.values())))
        about = known({"evolink.job.key": event.key, "evolink.model": event.model})
        span = self._tracer.start_span("evolink.job", attributes=about, start_time=_ns(event.at))
        self._jobs[event.key] = job = _Job(event, span)
        if event.task_id is not None:
            self._set_task(job, event.task_id)

    def _set_task(self, job: _Job, task_id: str) -> None:
        job.task_id = task_id
        job.span.set_attribute("evolink.task.id", task_id)
        self._by_task[task_id] = job

    def _ended(self, event: JobEnded) -> None:
        outcome = event.outcome
        task_id = None if isinstance(outcome, Unknown) else outcome.task_id
        # `pool.wait(task_id)` reports the task id as the key: the job that submitted the task ends with it.
        job = self._jobs.get(outcome.key) or self._by_task.get(task_id or "")
        self._metrics.ended(outcome, job.model if job else None)
        if job is None:
            return
        # Counted here for outcomes without a count; a Completed replaces it by its own.
        job.span.set_attributes(known({"evolink.polls": job.polls or None}) | of_outcome(outcome))
        if not isinstance(outcome, Completed):
            job.span.set_status(_status(outcome.error))
        self._end(job, _ns(event.at))

    def _give_up(self, job: _Job) -> None:
        job.span.set_attribute("evolink.job.outcome", "open")
        self._end(job, time.time_ns())

    def _end(self, job: _Job, at: int) -> None:
        # The clock may have been set back, and back ends refuse spans that end before they begin.
        job.span.end(max(at, job.started))
        del self._jobs[job.key]
        if job.task_id is not None and self._by_task.get(job.task_id) is job:
            del self._by_task[job.task_id]

    def _submitted(self, event: SubmitAnswered) -> None:
        self._metrics.submitted(event)
        job = self._jobs.get(event.key)
        self._request("evolink.submit", event, of_submit(event), context=job.context if job else None)
        if job is not None:
            job.span.set_attribute("evolink.session", event.session)
            if event.task_id is not None:
                self._set_task(job, event.task_id)

    def _polled(self, event: StatusAnswered) -> None:
        self._metrics.polled(event)
        jobs = [job for task_id in event.task_ids if (job := self._by_task.get(task_id)) is not None]
        for job in jobs:
            job.polls += 1
        if len(event.task_ids) == 1 and jobs:
            self._request("evolink.poll", event, of_poll(event), context=jobs[0].context)
            return
        # A batch serves many jobs, and a copy below each of 50 jobs would bury their other spans. So it is one trace
        # with links, as in the conventions for messaging. Context(): not below the span that is current.
        links = [Link(job.span.get_span_context(), job.link_attributes) for job in jobs if job.span.is_recording()]
        self._request("evolink.poll", event, of_poll(event), context=Context(), links=links)

    def _downloaded(self, event: Downloaded) -> None:
        job = self._jobs.get(event.key)
        self._request("evolink.download", event, of_download(event), context=job.context if job else None)

    def _request(
        self,
        name: str,
        event: SubmitAnswered | StatusAnswered | Downloaded,
        attributes: Attributes,
        *,
        context: Context | None,
        links: list[Link] | None = None,
    ) -> None:
        """Make a span of a request that has ended."""
        # Events come when a request has ended, so the span gets both of its times from the event.
        began, kind = _ns(event.at), SpanKind.CLIENT
        span = self._tracer.start_span(name, context, kind, attributes, links, start_time=began)
        if event.error is not None:
            span.set_status(_status(event.error))
        span.end(began + max(0, _ns(event.seconds)))


class _Job:
    """A job whose span is open."""

    __slots__ = ("context", "key", "model", "polls", "span", "started", "task_id")

    def __init__(self, event: JobStarted, span: Span) -> None:
        self.key, self.model, self.started = event.key, event.model, _ns(event.at)
        self.task_id: str | None = None
        self.polls = 0
        self.span = span
        self.context = within(span)

    @property
    def link_attributes(self) -> Attributes:
        """The attributes of a link to the job."""
        return known({"evolink.job.key": self.key, "evolink.task.id": self.task_id})


def _status(error: EvolinkError) -> Status:
    # Not record_exception: its event carries the message, which may quote a prompt.
    return Status(StatusCode.ERROR, str(facts_of(error)))


def _ns(seconds: float) -> int:
    # In two parts: a float of nanoseconds since 1970 is off by about a hundred of them.
    whole, rest = divmod(seconds, 1)
    return int(whole) * 10**9 + round(rest * 1e9)
