"""Both observers at a pool, on an emulator: what happens is told, in order, and no secret with it."""

from __future__ import annotations

import json
import logging

import pytest
from opentelemetry.trace import StatusCode

import evolink_async as ev
from evolink_async import telemetry
from evolink_async.emulator import Emulator, faults
from evolink_async.telemetry import LogObserver
from tests.kit import as_completed, dance, jobs, open_pool

pytestmark = pytest.mark.anyio

KEY = "sk-canary-0123456789abcdef"
PROMPT = "canary prompt, a dancer in the rain"
CLOCKS = 10**6
"""Nanoseconds that the clock of the day and the one that measures may differ by while a job lasts."""


def named(traced, name: str) -> list:
    return [span for span in traced.spans if span.name == name]


async def outcomes_of(pool, shots, **options) -> list[ev.Completed | ev.Failed | ev.Unknown]:
    async with pool.run(shots, **options) as outcomes:
        return [outcome async for outcome in outcomes]


async def test_each_job_of_a_run_is_a_span_below_whoever_ran_it(emulator, traced, tmp_path):
    """With its submit, its polls, its download; a poll of many tasks links to it instead."""
    with traced.tracers.get_tracer("app").start_as_current_span("batch") as batch:
        async with open_pool(emulator, observer=traced.observer) as pool:
            outcomes = [as_completed(outcome) for outcome in await outcomes_of(pool, jobs(5), download_to=tmp_path)]
    found = {span.attributes["evolink.job.key"]: span for span in named(traced, "evolink.job")}
    assert found.keys() == {outcome.key for outcome in outcomes}
    for outcome in outcomes:
        job = found[outcome.key]
        below = [span.name for span in traced.spans if span.parent and span.parent.span_id == job.context.span_id]
        linked = [link for span in traced.spans for link in span.links if link.context.span_id == job.context.span_id]
        assert job.parent.span_id == batch.get_span_context().span_id
        assert (below.count("evolink.submit"), below.count("evolink.download")) == (1, 1)
        assert below.count("evolink.poll") + len(linked) == outcome.timing.looks == job.attributes["evolink.polls"]
        assert job.attributes["evolink.task.id"] == outcome.task_id
        assert job.attributes["evolink.credits"] == outcome.credits


async def test_spans_lie_within_their_job(emulator, traced, tmp_path):
    """What happened for a job happened between its start and its end."""
    async with open_pool(emulator, observer=traced.observer) as pool:
        await outcomes_of(pool, jobs(3), download_to=tmp_path)
    spans = {span.context.span_id: span for span in traced.spans}
    below = [span for span in spans.values() if span.parent is not None]
    assert len(below) >= 6
    for span in below:
        job = spans[span.parent.span_id]
        assert job.start_time <= span.start_time <= span.end_time <= job.end_time + CLOCKS


async def test_figures_agree_with_the_pool(emulator, traced):
    """The counters say what `pool.stats()` says."""
    async with open_pool(emulator, observer=traced.observer) as pool:
        await outcomes_of(pool, jobs(20))
        stats = pool.stats()
    figures = {name: sum(figure for _, figure in told) for name, told in traced.figures().items()}
    assert figures["evolink.jobs"] == stats.completed == 20
    assert figures["evolink.submits"] == stats.submits
    assert figures["evolink.status_requests"] == stats.status_requests
    assert figures["evolink.polls"] == stats.looks
    assert figures["evolink.credits"] == stats.credits_used


async def test_one_job_is_traced_as_those_of_a_run_are(emulator, traced):
    """`generate` starts a job and ends it."""
    async with open_pool(emulator, observer=traced.observer) as pool:
        await pool.generate(dance(), key="one")
    assert [span.attributes["evolink.job.outcome"] for span in named(traced, "evolink.job")] == ["completed"]


async def test_a_task_waited_for_by_its_id_has_polls_of_their_own(emulator, traced):
    """Nobody here made it, so there is no job for them to hang below."""
    async with open_pool(emulator) as pool:
        accepted = await pool.submit(dance())
    async with open_pool(emulator, observer=traced.observer) as pool:
        await pool.wait(accepted.task_id)
    assert {span.name for span in traced.spans} == {"evolink.poll"}
    assert all(span.parent is None for span in traced.spans)


async def test_a_job_nobody_waits_for_ends_with_the_observer(emulator, traced):
    """As open: the task goes on at the service."""
    async with open_pool(emulator, observer=traced.observer) as pool:
        await pool.submit(dance(), key="left")
    assert named(traced, "evolink.job") == []
    traced.observer.close()
    assert traced.one("evolink.job").attributes["evolink.job.outcome"] == "open"


async def test_a_doubt_is_an_error_of_its_span_and_of_its_line(emulator, traced, caplog):
    """Both name the idempotency key, by which support can find the task."""
    emulator.faults.on("submit", 1, faults.DROP_AFTER_ACCEPT)
    log = LogObserver()

    def both(event) -> None:
        log(event)
        traced.observer(event)

    async with open_pool(emulator, observer=both) as pool:
        [outcome] = await outcomes_of(pool, jobs(1))
    assert isinstance(outcome, ev.Unknown)
    job = traced.one("evolink.job")
    assert job.status.status_code is StatusCode.ERROR
    assert job.attributes["evolink.idempotency_key"] == outcome.error.idempotency_key
    [line] = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert outcome.error.idempotency_key in line
    assert outcome.error.advice in line


async def test_a_log_tells_the_life_of_a_job(emulator, caplog, tmp_path):
    """Started, accepted, polled, saved, completed; in this order."""
    caplog.set_level(logging.DEBUG, "evolink_async")
    async with open_pool(emulator, observer=LogObserver()) as pool:
        await outcomes_of(pool, jobs(1), download_to=tmp_path)
    told = [record.getMessage() for record in caplog.records if record.name == "evolink_async"]
    words = ["started", "accepted as task", "polled task", "saved as", "completed: task"]
    places = [next(n for n, line in enumerate(told) if word in line) for word in words]
    assert places == sorted(places)


async def test_no_secret_is_told(traced, caplog, tmp_path):
    """Prompt, result link and API key are in no line at DEBUG and in no span, though the service echoes them."""
    caplog.set_level(logging.DEBUG)
    log = LogObserver()

    def both(event) -> None:
        log(event)
        traced.observer(event)

    async with Emulator(speed=1000, api_keys=[KEY], failure_share=0.3, seed=5) as emulator:
        echo = {"error": {"message": f"{PROMPT} {KEY}", "code": f"{PROMPT}", "type": PROMPT}}
        emulator.faults.on("submit", (2, 5), faults.reply(400, json.dumps(echo)))
        emulator.faults.on("submit", 3, faults.reply(502, json.dumps(echo)))
        emulator.faults.on("submit", 4, faults.reply(503, json.dumps(echo)))
        emulator.faults.on("poll", range(2, 6), faults.state(PROMPT))
        emulator.faults.on("batch", 1, faults.reply(404, json.dumps(echo)))
        shots = [dance(number, prompt=f"{PROMPT} {number}") for number in range(20)]
        async with open_pool(emulator, api_key=KEY, observer=both) as pool:
            outcomes = await outcomes_of(pool, shots, download_to=tmp_path)
        assert {type(outcome) for outcome in outcomes} == {ev.Completed, ev.Failed, ev.Unknown}
        links = [outcome.url for outcome in outcomes if isinstance(outcome, ev.Completed)]
        lines = [(record, f"{record.getMessage()} {vars(record)!r}") for record in caplog.records]
        assert [text for _, text in lines if KEY in text] == []
        told = [text for record, text in lines if record.pathname == telemetry.log.__file__]
        told += [span.to_json() for span in traced.spans] + [traced.reader.get_metrics_data().to_json()]
    assert len(told) > 100
    assert [text for text in told if "canary" in text or any(link in text for link in links)] == []
