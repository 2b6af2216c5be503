"""An observer that makes OpenTelemetry spans and figures; the only file that imports OpenTelemetry.

What spans say is in `attributes`, what is counted in `figures`; nothing is exported here, that is what the SDK is for.
"""

from __future__ import annotations

import time
from typing import Self

from ..errors import ConfigurationError, EvolinkError
from ..events import Downloaded, Event, JobEnded, JobStarted, StatusAnswered, SubmitAnswered
from ..jobs import Completed, Unknown
from ..version import __version__
from .attributes import Attributes, known, of_download, of_look, of_outcome, of_submit
from .metrics import Figures
from .redaction import facts_of

try:
    from opentelemetry.context import Context
    from opentelemetry.metrics import MeterProvider, get_meter
    from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode, TracerProvider, get_tracer
    from opentelemetry.trace import set_span_in_context as within
except ImportError:
    raise ConfigurationError("OtelObserver needs opentelemetry-api; run: pip install 'evolink-async[otel]'") from None


class OtelObserver:
    """Traces what happens in a pool: `SessionPool(observer=OtelObserver())`.

    Each job is a span, from its start to its end, under the span that is current where it starts. In it is a span for
    each submit, each look at its task alone, and each file saved. A look at many tasks at once is a trace of its own,
    linked to their jobs; a look at a task that no open job has made is a trace of its own too.

    Close it after the pool, or use it as a context manager: jobs whose end nobody waits for are open until then.

    Args:
        tracer_provider: Where spans go. Default: the global one.
        meter_provider: Where figures go. Default: the global one.
        max_open: Spans of jobs open at once, ten times what `Limits.in_flight` allows by default; beyond it the oldest
            is ended as open. A job submitted and never waited for has no end here, and an open span takes 3 kB.

    Raises:
        ConfigurationError: opentelemetry-api is not installed; raised where this class is imported.
    """

    def __init__(
        self,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        *,
        max_open: int = 10_000,
    ) -> None:
        self._tracer = get_tracer("evolink_async", __version__, tracer_provider)
        self._figures = Figures(get_meter("evolink_async", __version__, meter_provider))
        self._max_open = max_open
        self._jobs: dict[str, _Job] = {}
        self._by_task: dict[str, _Job] = {}

    def __call__(self, event: Event, /) -> None:
        """Begin and end spans, and count."""
        match event:
            case JobStarted():
                self._started(event)
            case SubmitAnswered():
                self._submitted(event)
            case StatusAnswered():
                self._looked(event)
            case Downloaded():
                self._downloaded(event)
            case JobEnded():
                self._ended(event)
            case _:
                pass  # about the pool, not about a job: for a log

    def close(self) -> None:
        """End the spans of jobs that have not ended. What is heard later is traced all the same."""
        for job in list(self._jobs.values()):
            self._give_up(job)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    # --- jobs

    def _started(self, event: JobStarted) -> None:
        if event.key in self._jobs:
            return  # whoever asks for a job that is under way joins it
        if len(self._jobs) >= self._max_open:
            self._give_up(next(iter(self._jobs.values())))
        about = known({"evolink.job.key": event.key, "evolink.model": event.model})
        span = self._tracer.start_span("evolink.job", attributes=about, start_time=_ns(event.at))
        self._jobs[event.key] = job = _Job(event, span)
        if event.task_id is not None:
            self._made(job, event.task_id)

    def _made(self, job: _Job, task_id: str) -> None:
        job.task_id = task_id
        job.span.set_attribute("evolink.task.id", task_id)
        self._by_task[task_id] = job

    def _ended(self, event: JobEnded) -> None:
        outcome = event.outcome
        task_id = None if isinstance(outcome, Unknown) else outcome.task_id
        job = self._jobs.get(outcome.key) or self._by_task.get(task_id or "")
        self._figures.ended(outcome, job.model if job else None)
        if job is None:
            return
        job.span.set_attributes(known({"evolink.looks": job.looks or None}) | of_outcome(outcome))
        if not isinstance(outcome, Completed):
            job.span.set_status(_status(outcome.error))
        self._end(job, _ns(event.at))

    def _give_up(self, job: _Job) -> None:
        job.span.set_attribute("evolink.job.outcome", "open")
        self._end(job, time.time_ns())

    def _end(self, job: _Job, at: int) -> None:
        job.span.end(max(at, job.started))  # the clock may have been set back
        del self._jobs[job.key]
        if job.task_id is not None and self._by_task.get(job.task_id) is job:
            del self._by_task[job.task_id]

    # --- requests

    def _submitted(self, event: SubmitAnswered) -> None:
        self._figures.submitted(event)
        job = self._jobs.get(event.key)
        self._request("evolink.submit", event, of_submit(event), context=job.context if job else None)
        if job is not None:
            job.span.set_attribute("evolink.session", event.session)
            if event.task_id is not None:
                self._made(job, event.task_id)

    def _looked(self, event: StatusAnswered) -> None:
        self._figures.looked(event)
        jobs = [job for task_id in event.task_ids if (job := self._by_task.get(task_id)) is not None]
        for job in jobs:
            job.looks += 1
        if len(event.task_ids) == 1 and jobs:
            self._request("evolink.look", event, of_look(event), context=jobs[0].context)
            return
        links = [Link(job.span.get_span_context(), job.name) for job in jobs if job.span.is_recording()]
        self._request("evolink.look", event, of_look(event), context=Context(), links=links)

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
        """A span of something that is over."""
        began, kind = _ns(event.at), SpanKind.CLIENT
        span = self._tracer.start_span(name, context, kind, attributes, links, start_time=began)
        if event.error is not None:
            span.set_status(_status(event.error))
        span.end(began + max(0, _ns(event.seconds)))


class _Job:
    """A job whose span is open."""

    __slots__ = ("context", "key", "looks", "model", "span", "started", "task_id")

    def __init__(self, event: JobStarted, span: Span) -> None:
        self.key, self.model, self.started = event.key, event.model, _ns(event.at)
        self.task_id: str | None = None
        self.looks = 0
        self.span = span
        self.context = within(span)

    @property
    def name(self) -> Attributes:
        """What a link to it says."""
        return known({"evolink.job.key": self.key, "evolink.task.id": self.task_id})


def _status(error: EvolinkError) -> Status:
    return Status(StatusCode.ERROR, str(facts_of(error)))


def _ns(seconds: float) -> int:
    whole, rest = divmod(seconds, 1)  # apart, as a float of nanoseconds since 1970 is off by a hundred of them
    return int(whole) * 10**9 + round(rest * 1e9)
