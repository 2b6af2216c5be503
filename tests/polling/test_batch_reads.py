"""Many tasks read with one request: cheap where the route works, harmless where it is wrong, fair under a budget.

The route is documented nowhere, so whatever it may do wrong must cost requests and never a video.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from statistics import median

import attrs
import pytest

import evolink_async as ev
from evolink_async.emulator import Emulator, HandClock, faults
from evolink_async.emulator.faults.kinds import InjectedFault
from evolink_async.emulator.hosts.interceptor import Received
from evolink_async.emulator.service.json_types import JsonObject
from evolink_async.events import BatchReadsOff, Event, StatusAnswered, SubmitAnswered
from evolink_async.json_text import Json
from evolink_async.polling.poller import BURST
from tests.kit import FAST, KEY, SINGLY, as_completed, dance, jobs, open_pool, until
from tests.soak.storm import most_within

pytestmark = pytest.mark.anyio

OTHER_KEY = "sk-second"
GRAIN = 0.003
"""Real seconds by which two clocks may disagree."""


@attrs.define
class Notes:
    """What an observer wrote down, in real Unix seconds."""

    status_answered: list[StatusAnswered] = attrs.field(factory=list)
    off: list[BatchReadsOff] = attrs.field(factory=list)
    accepted: dict[str, float] = attrs.field(factory=dict)

    def __call__(self, event: Event) -> None:
        if isinstance(event, StatusAnswered):
            self.status_answered.append(event)
        elif isinstance(event, SubmitAnswered) and event.task_id is not None:
            self.accepted[event.task_id] = event.at + event.seconds
        elif isinstance(event, BatchReadsOff):
            self.off.append(event)

    def polls(self) -> dict[str, list[float]]:
        """When each task was polled."""
        polls = defaultdict[str, list[float]](list)
        for event in sorted(self.status_answered, key=lambda event: event.at):
            for task_id in event.task_ids:
                polls[task_id].append(event.at)
        return polls


def of_kind(emulator: Emulator, kind: str) -> list[Received]:
    """Requests of a kind."""
    return [request for request in emulator.received if request.kind == kind]


def rows_of(request: Received) -> list[str]:
    """The tasks that a batch read asks for."""
    return json.loads(request.body)["task_ids"]


def check_all_completed_once(outcomes: list[ev.Outcome], emulator: Emulator, count: int) -> None:
    """Every job is there, once, with its link, and was paid for once."""
    assert all(as_completed(outcome).urls for outcome in outcomes)
    assert sorted(outcome.key for outcome in outcomes) == sorted(job.key for job in jobs(count))
    assert emulator.ledger.accepted == count


# --- what it is for


@pytest.mark.soak
async def test_a_thousand_tasks_cost_less_than_a_request_each():
    """All are found done, by less than one status request a task, half of them at most 3 % of their time late."""
    speed, count = 20, 1000
    cadence = ev.Cadence(
        polls_per_second=20 * speed,
        first_look=60 / speed,
        min_interval=1 / speed,
        max_interval=30 / speed,
        not_found_grace=60 / speed,
        look_price=0.5 / speed,
    )
    async with Emulator(speed=speed, credits=1e9) as emulator:
        ahead = emulator.clock.now() - time.time() * speed
        async with open_pool(emulator, cadence=cadence) as pool:
            outcomes = [outcome async for outcome in pool.run(jobs(count))]
        check_all_completed_once(outcomes, emulator, count)
        lives = [emulator.tasks[as_completed(outcome).task_id].life for outcome in outcomes]
        noticed = [as_completed(outcome).timing.finished_at * speed + ahead for outcome in outcomes]
        late = [at - life.ends_at for at, life in zip(noticed, lives, strict=True)]
        requests = len(of_kind(emulator, "batch")) + len(of_kind(emulator, "poll"))
    assert min(late) > -0.1 * speed  # else the clocks were compared wrongly
    assert requests <= count
    assert median(late) <= 0.03 * median(life.total_seconds for life in lives)
    print(requests, "requests, late by", median(late), max(late))  # noqa: T201  # figures for whoever runs it with -s


# --- what it may do wrong


def about_one_task() -> InjectedFault:
    """Answers whose rows are all about the same task, one of those asked for."""
    first: list[Json] = []

    def change(row: JsonObject) -> JsonObject:
        first.append(row["id"])
        return row | {"id": first[0]}

    return faults.rewrite("one task in all rows", change)


BROKEN_FOR_GOOD = {
    "404": faults.error(404),
    "405": faults.error(405),
    "501": faults.reply(501),
    "a page with status 200": faults.HTML_200,
    "half a JSON": faults.NOT_JSON,
    "no list": faults.reply(200, '{"data": {}}'),
    "nothing": faults.reply(200, ""),
    "rows that are no objects": faults.reply(200, '{"data": [1, null, "task"]}'),
    "rows of other tasks": faults.wrong_task_id(),
    "one task in all rows": about_one_task(),
    "rows without id": faults.missing("id"),
    "an end that is a lie": faults.state("failed"),
    "a cancellation that is a lie": faults.state("cancelled"),
    "a result that is a lie": faults.COMPLETED_WITHOUT_RESULTS,
}
BROKEN = {
    "500": faults.error(500),
    "503 with a page": faults.reply(503, "<html>", content_type="text/html"),
    "400": faults.error(400),
    "401": faults.error(401),
    "403": faults.error(403),
    "413": faults.error(413),
    "301": faults.redirect(301, "https://elsewhere.example/"),
    "reset": faults.DROP_BEFORE_ACCEPT,
    "cut in the middle": faults.cut(30),
    "gzip bomb": faults.gzip_bomb(20_000_000),
    "without end": faults.endless(20_000_000),
}
FORGETFUL = {
    "half the rows": faults.lost_rows(0.5),
    "no rows": faults.lost_rows(1.1),
    "rows without status": faults.missing("status"),
    "rows whose status is a number": faults.extra({"status": 3}),
}
COUNT = 60


async def run_with(fault: InjectedFault) -> tuple[Emulator, Notes]:
    """Sixty jobs while every batch read meets `fault`: all complete, each once."""
    notes = Notes()
    async with Emulator(speed=1000) as emulator:
        emulator.faults.on("batch", faults.ALWAYS, fault)
        if fault is faults.COMPLETED_WITHOUT_RESULTS:
            # A single read has to come before the lie is true.
            emulator.faults.on("poll", range(1, 30), faults.state("processing"))
        async with open_pool(emulator, observer=notes) as pool:
            outcomes = [outcome async for outcome in pool.run(jobs(COUNT))]
            assert pool.unfinished() == ()
        check_all_completed_once(outcomes, emulator, COUNT)
    return emulator, notes


@pytest.mark.parametrize("fault", BROKEN_FOR_GOOD.values(), ids=BROKEN_FOR_GOOD)
async def test_a_missing_or_wrong_batch_route_is_not_used_again(fault):
    """Single reads take over for good after the first answer; what was on its way by then is all that it is sent."""
    emulator, notes = await run_with(fault)
    [off] = notes.off
    batches = [event for event in notes.status_answered if len(event.task_ids) > 1]
    assert [event for event in batches if event.at > off.at] == []
    assert 0 < len(batches) <= 10
    assert {row.path.rpartition("/")[2] for row in of_kind(emulator, "poll")} == set(emulator.tasks)


async def test_an_emulator_without_the_route_is_read_singly():
    """A service that has no such route costs one request more."""
    async with Emulator(speed=1000, batch=False) as emulator:
        async with open_pool(emulator) as pool:
            outcomes = [outcome async for outcome in pool.run(jobs(COUNT))]
        check_all_completed_once(outcomes, emulator, COUNT)
        assert 0 < len(of_kind(emulator, "batch")) <= 10
        assert len(of_kind(emulator, "poll")) >= COUNT


@pytest.mark.parametrize("fault", BROKEN.values(), ids=BROKEN)
async def test_a_batch_route_that_fails_alone_is_paused(fault):
    """It is tried a few times, then single reads do all the work."""
    emulator, _ = await run_with(fault)
    assert 0 < len(of_kind(emulator, "batch")) <= 20
    assert {row.path.rpartition("/")[2] for row in of_kind(emulator, "poll")} == set(emulator.tasks)


@pytest.mark.parametrize("fault", FORGETFUL.values(), ids=FORGETFUL)
async def test_what_a_batch_leaves_out_is_read_singly(fault):
    """Tasks whose rows are missing or empty are polled one by one."""
    emulator, notes = await run_with(fault)
    silent = {
        task
        for event in notes.status_answered
        for task, state in zip(event.task_ids, event.states, strict=False)
        if len(event.task_ids) > 1 and state is None
    }
    assert silent
    assert silent <= {row.path.rpartition("/")[2] for row in of_kind(emulator, "poll")}


@pytest.mark.parametrize(
    "fields", [("results",), ("results", "usage"), ("progress", "created", "model", "type")], ids=str
)
async def test_rows_that_tell_less_than_a_single_read_cost_no_video(fields):
    """A list of tasks may be shorter than each of them: what a row leaves out, a single read has."""
    await run_with(faults.missing(*fields))


# --- hints


async def test_a_hint_brings_the_poll_forward():
    """Without the hint the next poll is a minute away; a hint for an unknown task returns False."""
    lazy = attrs.evolve(SINGLY, first_look=60, max_interval=60, min_interval=0.01, look_price=1000)
    async with Emulator(speed=1000) as emulator, open_pool(emulator, cadence=lazy) as pool:
        async with pool.run(jobs(3)) as stream:
            await until(lambda: pool.stats().in_flight == 3)
            await until(
                lambda: all(task.view(emulator.clock.now()).status == "completed" for task in emulator.tasks.values())
            )
            polls = pool.stats().looks
            for task_id in emulator.tasks:
                assert pool.hint(task_id)
            assert [type(await anext(stream)) for _ in range(3)] == [ev.Completed] * 3
            assert pool.stats().looks == polls + 3
        assert not pool.hint("task-unified-1-nobody00")
        assert not pool.hint("")
        assert not any(pool.hint(task_id) for task_id in emulator.tasks)  # their end is known


@asynccontextmanager
async def hinting(pool: ev.SessionPool, task_id: str) -> AsyncIterator[None]:
    """Say again and again that there may be news of a task, a thousand times at once."""

    async def hint() -> None:
        while True:
            for _ in range(1000):
                pool.hint(task_id)
            await asyncio.sleep(0.002)

    task = asyncio.create_task(hint())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


SLOWER = attrs.evolve(FAST, min_interval=0.05, max_interval=0.2)


@pytest.mark.parametrize("batch", ["never", "auto"])
async def test_a_thousand_hints_are_one(batch):
    """However many hints there are, polls of a task are `min_interval` apart, and other tasks go on."""
    notes = Notes()
    async with Emulator(clock=(clock := HandClock())) as emulator:
        pool = open_pool(emulator, cadence=attrs.evolve(SLOWER, batch=batch), observer=notes)
        async with pool, pool.run(jobs(5)) as stream:
            await until(lambda: len(emulator.tasks) == 5)
            hinted = max(emulator.tasks.values(), key=lambda task: task.life.total_seconds).task_id
            async with hinting(pool, hinted):
                await until(lambda: all(len(notes.polls()[task_id]) > 4 for task_id in emulator.tasks))
                clock.advance(1000)
                outcomes = [outcome async for outcome in stream]
        check_all_completed_once(outcomes, emulator, 5)
    polls = notes.polls()[hinted]
    if batch == "auto":
        polls.pop()  # the first end that a batch tells of is confirmed by a single read at once
    assert len(polls) > 3
    assert closest(polls) >= SLOWER.min_interval - GRAIN


@pytest.mark.parametrize("batch", ["never", "auto"])
async def test_hints_do_not_hurry_a_poll_that_fails(batch):
    """Polls of one task bring no answer, those of all others do: hints keep `min_interval`."""
    notes = Notes()
    async with Emulator(speed=200) as emulator:
        pool = open_pool(emulator, cadence=attrs.evolve(SLOWER, batch=batch), observer=notes)
        async with pool, pool.run(jobs(5)) as stream:
            await until(lambda: len(emulator.tasks) == 5)
            hinted = max(emulator.tasks.values(), key=lambda task: task.life.total_seconds).task_id
            blind = faults.rewrite(
                "no status of one", lambda row: row if row["id"] != hinted else row | {"status": None}
            )
            for kind in ("poll", "batch"):
                emulator.faults.on(kind, faults.ALWAYS, blind)
            async with hinting(pool, hinted):
                outcomes = [await anext(stream) for _ in range(4)]
                emulator.faults.clear()
                outcomes.append(await anext(stream))
        check_all_completed_once(outcomes, emulator, 5)
    alone = [event.at for event in notes.status_answered if event.task_ids == (hinted,)]
    assert closest(alone) >= SLOWER.min_interval - GRAIN


async def test_hints_do_not_wear_out_the_patience_with_a_refused_key(emulator):
    """A key that is refused for less than `max_interval` loses nothing, however often its task is hinted at."""
    emulator.faults.on("poll", faults.ALWAYS, faults.error(401))
    async with open_pool(emulator, cadence=attrs.evolve(SINGLY, max_interval=9)) as pool:
        accepted = await pool.submit(dance())
        waiting = asyncio.create_task(pool.wait(accepted.task_id))
        await until(lambda: pool.stats().in_flight == 1)
        async with hinting(pool, accepted.task_id):
            await until(lambda: pool.stats().faults)
            over = emulator.clock.now() + 400  # long enough for many polls, if hints were followed
            await until(lambda: emulator.clock.now() > over)
            emulator.faults.clear()
            assert (await waiting).task_id == accepted.task_id


# --- accounts


async def test_no_batch_asks_for_a_task_of_another_key():
    """Two keys: every batch read names only tasks that were made with the key it carries."""
    async with Emulator(speed=1000, api_keys=(KEY, OTHER_KEY)) as emulator:
        async with open_pool(emulator, api_key=[KEY, OTHER_KEY]) as pool:
            outcomes = [outcome async for outcome in pool.run(jobs(COUNT))]
        check_all_completed_once(outcomes, emulator, COUNT)
        owner = dict(
            zip(emulator.tasks, (r.headers["Authorization"] for r in of_kind(emulator, "submit")), strict=True)
        )
        assert len(set(owner.values())) == 2
        batches = of_kind(emulator, "batch")
        assert {batch.headers["Authorization"] for batch in batches} == set(owner.values())
        for batch in batches:
            assert {owner[task_id] for task_id in rows_of(batch)} == {batch.headers["Authorization"]}
            assert 1 < len(rows_of(batch)) <= 50
            assert len(set(rows_of(batch))) == len(rows_of(batch))


async def test_a_route_that_fails_one_account_serves_the_other():
    """The state of the batch route is kept for each key."""
    notes = Notes()
    async with Emulator(speed=1000, api_keys=(KEY, OTHER_KEY)) as emulator:
        emulator.faults.on("batch", 1, faults.error(404))
        async with open_pool(emulator, api_key=[KEY, OTHER_KEY], observer=notes) as pool:
            outcomes = [outcome async for outcome in pool.run(jobs(COUNT))]
        check_all_completed_once(outcomes, emulator, COUNT)
        first, *others = of_kind(emulator, "batch")
        assert len(notes.off) == 1
        assert {batch.headers["Authorization"] for batch in others} - {first.headers["Authorization"]}


@pytest.mark.parametrize(
    "stray",
    [
        faults.reply(404, "404 page not found", content_type="text/plain"),
        faults.reply(200, "<html>Sign in", content_type="text/html"),
        faults.reply(200, '{"status": "ok"}'),
    ],
    ids=["a balancer's 404", "a login page", "JSON of something else"],
)
async def test_one_stray_page_does_not_end_batch_reads(stray):
    """It does not come from the service, whose route has worked before."""
    notes = Notes()
    async with Emulator(speed=200) as emulator:
        emulator.faults.on("batch", 5, stray)
        async with open_pool(emulator, observer=notes) as pool:
            outcomes = [outcome async for outcome in pool.run(jobs(COUNT))]
        check_all_completed_once(outcomes, emulator, COUNT)
        assert len(of_kind(emulator, "batch")) >= 5
    assert notes.off == []


async def test_a_task_made_elsewhere_is_in_no_batch():
    """Where it is not known which key made a task, all are asked in turn, one task at a time."""
    async with Emulator(speed=1000, api_keys=(KEY, OTHER_KEY)) as emulator:
        async with open_pool(emulator) as maker:
            task_ids = [(await maker.submit(dance(number))).task_id for number in range(20)]
        async with open_pool(emulator, api_key=[KEY, OTHER_KEY]) as pool:
            ended = await asyncio.gather(*(pool.wait(task_id) for task_id in task_ids))
        assert [completed.task_id for completed in ended] == task_ids
        assert of_kind(emulator, "batch") == []


async def test_batches_that_are_not_wanted_are_not_sent(emulator):
    """`Cadence(batch="never")` leaves the route alone."""
    async with open_pool(emulator, cadence=SINGLY) as pool:
        outcomes = [outcome async for outcome in pool.run(jobs(COUNT))]
    check_all_completed_once(outcomes, emulator, COUNT)
    assert of_kind(emulator, "batch") == []


# --- one budget


TIGHT = attrs.evolve(FAST, polls_per_second=100, min_interval=0.02, max_interval=0.1)
"""Sixty tasks would be worth some six hundred looks a second."""


def closest(times: list[float]) -> float:
    """The shortest time between two of ascending `times`."""
    return min((later - earlier for earlier, later in pairwise(times)), default=math.inf)


@pytest.mark.soak
@pytest.mark.parametrize("batch", ["never", "auto"])
async def test_the_budget_holds_over_any_second(batch):
    """Sixty tasks are due at once: in no second more requests are sent, or arrive, than the budget allows."""
    notes = Notes()
    limits = ev.Limits(requests=6, submits=4)
    async with Emulator(speed=100) as emulator:
        cadence = attrs.evolve(TIGHT, batch=batch)
        pool = open_pool(emulator, cadence=cadence, limits=limits, observer=notes)
        async with pool, pool.run(jobs(COUNT)) as stream:
            await until(lambda: pool.stats().in_flight == COUNT)
            for task_id in emulator.tasks:
                pool.hint(task_id)
            outcomes = [outcome async for outcome in stream]
        check_all_completed_once(outcomes, emulator, COUNT)
        sent = sorted(event.at for event in notes.status_answered)
        arrived = sorted(r.at / emulator.speed for r in emulator.received if r.kind in ("poll", "batch"))
    allowed = cadence.polls_per_second * (1 + BURST) + 1
    assert most_within(sent, 1) <= allowed + 1
    assert most_within(arrived, 1) <= allowed + limits.requests + 1  # some may have been on their way for long


async def test_a_tight_budget_starves_no_task():
    """A fast and a slow model share too few requests: between two polls of a task, no other has more than a few."""
    notes, slow_model = Notes(), ev.Wan26ImageToVideoFlash
    wishes = [
        ev.Job(job.key, slow_model(prompt=job.key, image_urls=["https://example.com/a.png"])) if number % 2 else job
        for number, job in enumerate(jobs(COUNT))
    ]
    async with Emulator(speed=200) as emulator:

        def later(row: JsonObject) -> JsonObject:
            task = emulator.tasks[str(row["id"])]
            is_over = emulator.clock.now() > task.life.accepted_at + 3 * task.life.total_seconds
            if task.model != wishes[1].params.model or is_over:
                return row
            return {name: row[name] for name in row if name != "results"} | {"status": "processing", "progress": 20}

        emulator.faults.on("poll", faults.ALWAYS, faults.rewrite("a slow model", later))
        async with open_pool(emulator, cadence=attrs.evolve(TIGHT, batch="never"), observer=notes) as pool:
            outcomes = [outcome async for outcome in pool.run(wishes)]
        check_all_completed_once(outcomes, emulator, COUNT)
        slow = {task.task_id for task in emulator.tasks.values() if task.model == wishes[1].params.model}
    assert len(slow) == COUNT / 2
    sent = sorted(notes.status_answered, key=lambda event: event.at)
    order = [event.task_ids[0] for event in sent]
    assert set(order[:COUNT]) & slow
    assert set(order[:COUNT]) - slow
    places = defaultdict[str, list[int]](list)
    for place, task_id in enumerate(order):
        places[task_id].append(place)
    assert places.keys() == emulator.tasks.keys()
    assert max(later - earlier for polls in places.values() for earlier, later in pairwise(polls)) <= 3 * COUNT
    begins = {task_id: bisect_left(sent, at, key=lambda event: event.at) for task_id, at in notes.accepted.items()}
    assert max(polls[0] - begins[task_id] for task_id, polls in places.items()) <= 3 * COUNT
