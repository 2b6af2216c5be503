"""OtelObserver: the tree of spans, when they begin and end, what they say, and what is counted."""

from __future__ import annotations

import inspect
import time

import pytest
from opentelemetry.metrics import Meter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode

from evolink_async.errors import DownloadError, RateLimitError, ServerError, TransportError
from evolink_async.events import Event, SubmitsLimited
from evolink_async.telemetry import OtelObserver
from tests.telemetry.history import (
    LINK,
    MODEL,
    NOON,
    PROMPT,
    SESSION,
    TASK,
    accepted,
    completed,
    downloaded,
    everything,
    failed,
    one_job,
    polled,
    started,
    submitted,
    unknown,
)


def ns(seconds: float) -> int:
    """Seconds after noon, as spans count."""
    return int(NOON) * 10**9 + round(seconds * 1e9)


def times(span) -> tuple[int, int]:
    return span.start_time, span.end_time


# --- one job


def test_a_job_is_one_trace(traced):
    """Its span on top, and below it two submits, two polls and a download; nothing deeper."""
    spans = traced.observe(*one_job())
    job = traced.one("evolink.job")
    names = ["evolink.submit", "evolink.submit", "evolink.poll", "evolink.poll", "evolink.download", "evolink.job"]
    assert [span.name for span in spans] == names
    assert job.parent is None
    assert {span.parent.span_id for span in spans[:-1]} == {job.context.span_id}
    assert {span.context.trace_id for span in spans} == {job.context.trace_id}
    assert [span.kind for span in spans] == [SpanKind.CLIENT] * 5 + [SpanKind.INTERNAL]
    assert {span.instrumentation_scope.name for span in spans} == {"evolink_async"}


def test_spans_begin_and_end_when_things_did(traced):
    """By the times of the events, not by the time they were heard."""
    spans = traced.observe(*one_job())
    assert [times(span) for span in spans] == [
        (ns(0.25), ns(0.5)),
        (ns(1), ns(1.5)),
        (ns(60), ns(60.25)),
        (ns(119.75), ns(120)),
        (ns(121), ns(123)),
        (ns(0), ns(124)),
    ]


def test_what_the_spans_of_a_job_say(traced):
    """What it was, which task and key it had, what it cost and how late its end was seen; nothing else."""
    refused, taken, _, outcome_of, download, job = traced.observe(*one_job())
    about = {"evolink.job.key": "shot-1", "evolink.model": MODEL, "evolink.session": SESSION}
    assert dict(refused.attributes) == about | {
        "error.type": "RateLimitError",
        "http.response.status_code": 429,
        "evolink.error.code": "rate_limited",
        "evolink.request.id": "req-1",
    }
    assert dict(taken.attributes) == about | {
        "evolink.task.id": TASK,
        "evolink.credits_reserved": 12.0,
        "http.request.resend_count": 1,
    }
    assert dict(outcome_of.attributes) == {"evolink.task.id": TASK, "evolink.task.state": "completed"}
    assert dict(download.attributes) == {
        "evolink.job.key": "shot-1",
        "file.path": "films/shot-1.mp4",
        "file.size": 5000,
    }
    assert dict(job.attributes) == about | {
        "evolink.task.id": TASK,
        "evolink.job.outcome": "completed",
        "evolink.polls": 2,
        "evolink.lag": 3.5,
        "evolink.credits": 11.0,
    }


def test_only_what_went_wrong_is_an_error(traced):
    """A submit that was refused and sent again does not make its job one; what is well is left unset."""
    codes = [span.status.status_code for span in traced.observe(*one_job())]
    assert codes == [StatusCode.ERROR] + [StatusCode.UNSET] * 5
    assert traced.spans[0].status.description == "RateLimitError (HTTP 429, code rate_limited, request req-1)"


@pytest.mark.parametrize(
    ("end", "outcome", "kind"),
    [
        (failed(RateLimitError(429, PROMPT), task_id=None), "failed", "RateLimitError"),
        (failed(TransportError(PROMPT)), "failed", "TransportError"),
        (unknown(), "unknown", "SubmissionUnknownError"),
    ],
    ids=["refused", "lost", "unknown"],
)
def test_a_job_without_a_video_is_an_error(traced, end, outcome, kind):
    """With its kind, and without an exception event: those carry messages."""
    traced.observe(started(), end)
    job = traced.one("evolink.job")
    assert job.status.status_code is StatusCode.ERROR
    assert (job.attributes["evolink.job.outcome"], job.attributes["error.type"]) == (outcome, kind)
    assert job.events == ()


def test_a_doubt_names_what_to_search_for(traced):
    """The idempotency key and the status of the answer that could not be read."""
    traced.observe(started(), unknown())
    job = traced.one("evolink.job")
    assert job.attributes["evolink.idempotency_key"] == "ev-0123456789abcdef"
    assert job.attributes["http.response.status_code"] == 502


def test_a_file_not_saved_is_an_error_of_its_download_alone(traced):
    """The video is there."""
    lost = downloaded(error=DownloadError("disk full", url=LINK), path=None, size_bytes=0)
    download, job = traced.observe(started(), lost, completed(download_error=lost.error))
    assert (download.status.status_code, job.status.status_code) == (StatusCode.ERROR, StatusCode.UNSET)
    assert dict(download.attributes) == {"evolink.job.key": "shot-1", "error.type": "DownloadError"}


def test_polls_of_a_task_that_failed_are_counted_here(traced):
    """Its outcome does not tell them."""
    polls = [polled(TASK, states=("processing",))] * 3
    traced.observe(started(), accepted(), *polls, failed(ServerError(503, PROMPT)))
    assert traced.one("evolink.job").attributes["evolink.polls"] == 3


# --- where jobs hang


def test_a_job_hangs_below_the_span_in_which_it_started(traced):
    """And what happens later, elsewhere, hangs below the job all the same."""
    tracer = traced.tracers.get_tracer("app")
    with tracer.start_as_current_span("request") as request:
        traced.observe(started())
    with tracer.start_as_current_span("elsewhere"):
        traced.observe(accepted(), polled(TASK, states=("completed",)), completed())
    job = traced.one("evolink.job")
    assert job.parent.span_id == request.get_span_context().span_id
    assert traced.one("evolink.poll").parent.span_id == job.context.span_id


def test_a_resumed_job_has_its_task_from_the_start(traced):
    """So its polls hang below it, though this run submitted nothing."""
    traced.observe(started(task_id=TASK), polled(TASK, states=("completed",)), completed(resumed=True))
    assert traced.one("evolink.poll").parent.span_id == traced.one("evolink.job").context.span_id
    assert traced.one("evolink.job").attributes["evolink.resumed"] is True


def test_a_job_joined_is_one_job(traced):
    """A second caller of the same key starts nothing."""
    traced.observe(started(), started(), accepted(), completed())
    assert [span.name for span in traced.spans] == ["evolink.submit", "evolink.job"]


def test_a_key_used_again_is_another_job(traced):
    """Once the first has ended."""
    traced.observe(started(), completed(), started(), completed())
    assert len({span.context.trace_id for span in traced.spans}) == 2


# --- polls of many tasks


def test_a_poll_of_many_tasks_is_one_span_linked_to_their_jobs(traced):
    """A trace of its own, as it belongs to none of them more than to another; a link says which job it was for."""
    for number in range(50):
        traced.observe(started(f"shot-{number}"), accepted(f"shot-{number}", f"task-{number}"))
    asked = tuple(f"task-{number}" for number in range(50))
    traced.observe(polled(*asked, states=("processing",) * 48 + (None, "completed")))
    poll = traced.one("evolink.poll")
    assert poll.parent is None
    assert dict(poll.attributes) == {"evolink.poll.tasks": 50, "evolink.poll.answered": 49}
    traced.observer.close()
    jobs = [span for span in traced.spans if span.name == "evolink.job"]
    assert [link.context.span_id for link in poll.links] == [job.context.span_id for job in jobs]
    assert dict(poll.links[7].attributes) == {"evolink.job.key": "shot-7", "evolink.task.id": "task-7"}


def test_a_poll_of_many_tasks_counts_for_each(traced):
    """As `evolink.polls` of its job."""
    traced.observe(
        started("a", task_id="1"), started("b", task_id="2"), polled("1", "2"), polled("1", "2"), polled("1")
    )
    traced.observe(failed(ServerError(503, PROMPT), "a", "1"), failed(ServerError(503, PROMPT), "b", "2"))
    jobs = {span.attributes["evolink.job.key"]: span for span in traced.spans if span.name == "evolink.job"}
    assert {key: job.attributes["evolink.polls"] for key, job in jobs.items()} == {"a": 3, "b": 2}


def test_a_poll_of_a_task_without_a_job_is_a_trace_of_its_own(traced):
    """Also when some span is current: the pool polls on its own schedule."""
    with traced.tracers.get_tracer("app").start_as_current_span("request"):
        traced.observe(polled("task-of-yesterday", states=("processing",)))
    poll = traced.one("evolink.poll")
    assert poll.parent is None
    assert poll.links == ()


def test_the_end_of_a_task_of_nobody_is_counted(traced):
    """It has no span, as nobody knows when it began."""
    assert traced.observe(completed(key=TASK)) == []
    assert traced.figures()["evolink.jobs"] == [({"evolink.job.outcome": "completed"}, 1)]


def test_the_end_of_a_task_finds_its_job_by_the_task(traced):
    """Whoever waits for it by its id ends the job that made it."""
    traced.observe(started(), accepted(), completed(key=TASK))
    assert traced.one("evolink.job").attributes["evolink.job.outcome"] == "completed"


# --- jobs that do not end


def test_closing_ends_what_is_open(traced):
    """As open, now; and twice is harmless."""
    before = time.time_ns()
    traced.observe(started(at=before / 1e9 - 1), accepted())
    traced.observer.close()
    traced.observer.close()
    job = traced.one("evolink.job")
    assert job.attributes["evolink.job.outcome"] == "open"
    assert before <= job.end_time <= time.time_ns()


def test_leaving_the_context_closes(traced):
    """So `with OtelObserver() as observer` around the pool forgets nothing."""
    with OtelObserver(traced.tracers, traced.meters) as observer:
        observer(started())
    assert traced.one("evolink.job").attributes["evolink.job.outcome"] == "open"


def test_open_jobs_are_bounded(traced):
    """The oldest is ended for the newest: a back end that only submits runs for ever in bounded memory."""
    observer = OtelObserver(traced.tracers, traced.meters, max_open=3)
    for number in range(10):
        observer(started(f"shot-{number}"))
        observer(accepted(f"shot-{number}", f"task-{number}"))
    assert [span.attributes["evolink.job.key"] for span in traced.spans if span.name == "evolink.job"] == [
        f"shot-{number}" for number in range(7)
    ]
    assert len(observer._jobs) == len(observer._by_task) == 3
    observer.close()
    assert observer._jobs == observer._by_task == {}


def test_what_has_ended_is_forgotten(traced):
    """Nothing is kept of a job but what was exported."""
    traced.observe(*everything())
    assert traced.observer._jobs == traced.observer._by_task == {}


def test_a_clock_set_back_makes_no_span_that_ends_before_it_begins(traced):
    """Such spans are refused by back ends."""
    traced.observe(started(at=NOON + 1000), accepted(), completed())
    assert all(span.end_time >= span.start_time for span in traced.spans)


def test_nothing_is_linked_or_kept_when_nothing_is_sampled(traced):
    """A sampler that drops a job drops all that is below it, and no poll links to it."""
    off = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    observer = OtelObserver(off, traced.meters)
    second = started("shot-2", task_id="b")
    events: list[Event] = [started(), second, accepted(), polled(TASK, "b"), polled(TASK), completed()]
    for event in events:
        observer(event)
    assert traced.spans == []


# --- figures


def test_figures_of_a_job(traced):
    """What was sent, what came of it, what it cost, how long it took and how late it was noticed."""
    traced.observe(*one_job())
    about = {"evolink.model": MODEL}
    refused = {"error.type": "RateLimitError", "http.response.status_code": 429}
    sent = about | {"evolink.session": SESSION}
    assert traced.figures() == {
        "evolink.jobs": [(about | {"evolink.job.outcome": "completed"}, 1)],
        "evolink.submits": [(sent | refused, 1), (sent, 1)],
        "evolink.status_requests": [({}, 2)],
        "evolink.polls": [({}, 2)],
        "evolink.credits": [(about, 11.0)],
        "evolink.lag": [(about, 3.5)],
        "evolink.task.duration": [(about, 118.5)],
    }


def test_outcomes_are_counted_by_kind(traced):
    """Failed ones by their error too."""
    traced.observe(failed(TransportError("x")), *[failed(RateLimitError(429, "x"))] * 2, unknown())
    lost = {"evolink.job.outcome": "failed", "error.type": "TransportError"}
    refused = {"evolink.job.outcome": "failed", "error.type": "RateLimitError", "http.response.status_code": 429}
    doubt = {
        "evolink.job.outcome": "unknown",
        "error.type": "SubmissionUnknownError",
        "http.response.status_code": 502,
    }
    assert traced.figures()["evolink.jobs"] == [(lost, 1), (refused, 2), (doubt, 1)]


def test_a_poll_of_many_is_one_request(traced):
    """And as many polls."""
    traced.observe(polled("a", "b", "c"), polled("d", error=TransportError("x")))
    figures = traced.figures()
    assert figures["evolink.status_requests"] == [({}, 1), ({"error.type": "TransportError"}, 1)]
    assert figures["evolink.polls"] == [({}, 4)]


def test_what_an_earlier_run_has_measured_is_not_measured_again(traced):
    """A job that comes straight back from the journal is counted as resumed; its credits and times are old."""
    traced.observe(completed(resumed=True))
    assert traced.figures() == {"evolink.jobs": [({"evolink.job.outcome": "completed", "evolink.resumed": True}, 1)]}


def test_times_are_measured_in_seconds(traced):
    """With bounds to match, where the API takes them (since 1.30): the SDK's own are for milliseconds."""
    traced.observe(completed())
    scopes = traced.reader.get_metrics_data().resource_metrics[0].scope_metrics
    found = {metric.name: metric for metric in scopes[0].metrics}
    assert found["evolink.lag"].unit == found["evolink.task.duration"].unit == "s"
    takes_bounds = "explicit_bucket_boundaries_advisory" in inspect.signature(Meter.create_histogram).parameters
    assert found["evolink.lag"].data.data_points[0].explicit_bounds[0] == (0.1 if takes_bounds else 0.0)


def test_no_figure_has_a_key_or_an_id(traced):
    """Their attributes take few values, however many jobs there are."""
    traced.observe(*everything())
    names = {name for figures in traced.figures().values() for told, _ in figures for name in told}
    assert names == {
        "evolink.model",
        "evolink.session",
        "evolink.job.outcome",
        "error.type",
        "http.response.status_code",
    }


# --- at ease without anything


def test_without_an_sdk_nothing_happens():
    """The API alone does nothing, and breaks nothing."""
    with OtelObserver() as observer:
        for event in everything():
            observer(event)


def test_events_about_the_pool_make_no_spans(traced):
    """They are for a log."""
    assert traced.observe(SubmitsLimited(at=NOON, limit=2)) == []


def test_a_request_of_an_unknown_job_is_traced_where_it_is_heard(traced):
    """As when the observer came late, or gave the job up."""
    assert [span.name for span in traced.observe(submitted(), downloaded())] == ["evolink.submit", "evolink.download"]
