"""An observer whose spans and figures are kept in memory."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from evolink_async.events import Event
from evolink_async.telemetry import OtelObserver


@attrs.frozen
class Traced:
    """An observer, and what it has made."""

    observer: OtelObserver
    tracers: TracerProvider
    meters: MeterProvider
    exporter: InMemorySpanExporter
    reader: InMemoryMetricReader

    def observe(self, *events: Event) -> list[ReadableSpan]:
        """Pass events to the observer; return all spans that have ended so far, in the order they ended."""
        for event in events:
            self.observer(event)
        return self.spans

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self.exporter.get_finished_spans())

    def one(self, name: str) -> ReadableSpan:
        """The only span of a name."""
        [span] = [span for span in self.spans if span.name == name]
        return span

    def figures(self) -> dict[str, list[tuple[dict, float]]]:
        """By name: attributes, and a sum (of a histogram too)."""
        data = self.reader.get_metrics_data()
        assert data is not None
        scopes = [scope for found in data.resource_metrics for scope in found.scope_metrics]
        metrics = [metric for scope in scopes for metric in scope.metrics]
        return {one.name: [(dict(at.attributes or {}), _figure(at)) for at in one.data.data_points] for one in metrics}


def _figure(point) -> float:
    return point.sum if isinstance(point, HistogramDataPoint) else point.value


@pytest.fixture
def traced() -> Iterator[Traced]:
    """Providers of its own: nothing global is touched."""
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracers = TracerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    meters = MeterProvider([reader], shutdown_on_exit=False)
    with OtelObserver(tracers, meters) as observer:
        yield Traced(observer, tracers, meters, exporter, reader)
    tracers.shutdown()
    meters.shutdown()
