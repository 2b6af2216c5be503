"""Polls fail some of the time, then always, then never: nothing is lost, and the service is not flooded.

Counts and order only, never how fast the machine is: the budget is held against when requests were sent, and a run in
the storm against the same jobs in calm, side by side. The full size is `tests/soak/test_storm.py`.
"""

from __future__ import annotations

import asyncio
import time
from email.utils import formatdate

import attrs
import pytest

from evolink_async import Completed, DeadlineError, Limits, RateLimitError
from evolink_async.emulator import Emulator, faults
from evolink_async.events import Event, StatusAnswered
from evolink_async.settings import BatchMode
from tests.kit import KEY, error_of, jobs, open_pool
from tests.soak.storm import STATUS_READS, Course, Storm, compare, most_within

STORM = Storm(count=120, in_flight=120, begin=75, total=115, end=155, budget=5, speed=50)
"""Tasks that want more looks than the budget allows, so that a herd would be there if nobody held it back."""
DRIZZLE = attrs.evolve(STORM, begin=0, total=1e9, end=1e9, budget=20, median=50)
"""Some reads fail from the beginning to the end."""
FEW = 40
"""Requests by which two runs of so few jobs differ where the emulator's clock runs on and the machine is busy."""
KEYS = [f"Bearer {KEY}", "Bearer sk-second"]
REFUSED = 5
"""Reads of either kind refused before one is answered."""
GRAIN = 0.003
"""Real seconds by which two clocks may disagree."""


@pytest.fixture(scope="module")
def courses() -> dict[str, tuple[Course, Course]]:
    """The jobs in calm and in the storm, read one by one and many at once, all at the same time."""

    async def sail() -> tuple[tuple[Course, Course], ...]:
        return await asyncio.gather(compare(STORM, "never"), compare(STORM, "auto"))

    # Where the machine holds this process up for seconds, the storm is over before a read is sent: once more, then.
    for _ in range(3):
        sailed = asyncio.run(sail())
        if all(rough.failed for _, rough in sailed):
            break
    return dict(zip(("never", "auto"), sailed, strict=True))


@pytest.fixture(params=["never", "auto"])
def course(courses, request) -> tuple[Course, Course]:
    """One way to read: in calm, in the storm."""
    return courses[request.param]


def test_no_task_is_given_up(course):
    """Every job completes, has one outcome and is paid for once, although polls failed."""
    for run in course:
        assert all(isinstance(outcome, Completed) for outcome in run.outcomes)
        assert sorted(outcome.key for outcome in run.outcomes) == sorted(job.key for job in jobs(STORM.count))
        assert run.bought == STORM.count
    assert course[1].failed


@pytest.mark.soak
def test_a_storm_adds_no_requests(course):
    """At most a tenth more status requests arrive than in calm, but for the few that chance adds to so small a run."""
    calm, rough = course
    assert rough.requests <= 1.1 * calm.requests + FEW


@pytest.mark.soak
def test_in_a_full_outage_one_request_at_a_time_finds_out(course):
    """After its first seconds: as many as doublings up to `max_interval`, which a reset may have aiohttp send twice."""
    _, rough = course
    probes = [at for at in rough.arrived if STORM.total + 10 <= at < STORM.end]
    assert len(probes) <= 2 * (5 + (STORM.end - STORM.total) / 30)


@pytest.mark.soak
def test_no_herd_comes_after_a_storm(course):
    """What is overdue is read within the budget, in the first seconds as in any others."""
    _, rough = course
    after = [at for at in rough.sent if at >= STORM.end]
    assert after
    for seconds in (1, 10):
        assert most_within(rough.sent, seconds) <= STORM.allows(seconds)
    assert most_within(after, 10) <= 1.5 * 10 * STORM.budget


@pytest.mark.soak
def test_reads_that_fail_all_the_time_are_not_sent_until_they_work():
    """Three of ten fail from beginning to end: that costs less than if each were sent again until it is answered."""
    calm, rough = asyncio.run(compare(DRIZZLE, "never"))
    assert all(isinstance(outcome, Completed) for outcome in rough.outcomes)
    assert rough.failed
    assert rough.requests <= calm.requests / (1 - DRIZZLE.share)  # with what aiohttp sends again after a reset


# --- Retry-After


@attrs.define
class Notes:
    """What an observer wrote down of status requests, in real Unix seconds."""

    status_answered: list[StatusAnswered] = attrs.field(factory=list)

    def __call__(self, event: Event) -> None:
        if isinstance(event, StatusAnswered):
            self.status_answered.append(event)

    def refused(self) -> list[float]:
        """When answers with 429 came."""
        return [event.at + event.seconds for event in self.status_answered if isinstance(event.error, RateLimitError)]

    def sent_between(self, begin: float, end: float) -> list[float]:
        """Requests sent between two moments, by more than two clocks may disagree."""
        return [event.at for event in self.status_answered if begin + GRAIN < event.at < end - GRAIN]


async def refused_for_a_while(headers: dict[str, str], batch: BatchMode) -> Notes:
    """Forty jobs whose first reads are refused, one by one and many at once; each completes."""
    storm = Storm(count=40, in_flight=40, begin=0, total=0, end=0, speed=400)
    notes = Notes()
    async with Emulator(speed=storm.speed) as emulator:
        for kind in STATUS_READS:
            emulator.faults.on(kind, range(1, REFUSED + 1), faults.error(429, headers=headers))
        async with open_pool(emulator, cadence=storm.cadence(batch), observer=notes) as pool:
            outcomes = [outcome async for outcome in pool.run(jobs(storm.count))]
        assert sorted(outcome.key for outcome in outcomes) == sorted(job.key for job in jobs(storm.count))
        assert all(isinstance(outcome, Completed) for outcome in outcomes)
        assert emulator.ledger.accepted == storm.count
    assert notes.refused()
    return notes


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("headers", "asked", "batch"),
    [
        ({"Retry-After": "1"}, 1.0, "never"),
        ({"Retry-After-Ms": "300"}, 0.3, "never"),
        ({"Retry-After-Ms": "300"}, 0.3, "auto"),
    ],
    ids=str,
)
async def test_no_status_request_comes_before_retry_after(headers, asked, batch):
    """After each refusal, no status request is sent for as long as it asked, whatever task it was about."""
    notes = await refused_for_a_while(headers, batch)
    for note_answer in notes.refused():
        assert notes.sent_between(note_answer, note_answer + asked) == []


@pytest.mark.soak
@pytest.mark.anyio
async def test_no_status_request_comes_before_a_retry_after_date():
    """The same for a date."""
    date = int(time.time()) + 2
    notes = await refused_for_a_while({"Retry-After": formatdate(date, usegmt=True)}, "auto")
    for note_answer in notes.refused():
        assert notes.sent_between(note_answer, date) == []


@pytest.mark.anyio
async def test_a_meaningless_retry_after_does_not_stop_the_polls():
    """Past, negative and meaningless times: polls back off by themselves and go on when the service is back."""
    wishes = ["Wed, 21 Oct 2015 07:28:00 GMT", "-5", "0", "soon", "1e999", "NaN", ""]
    await asyncio.gather(*(refused_for_a_while({"Retry-After": wish}, "auto") for wish in wishes))


@pytest.mark.anyio
async def test_a_retry_after_beyond_the_deadline_ends_at_the_deadline(emulator):
    """Retry-After is a day: polls stop, and each job ends at its deadline with its task unfinished."""
    for kind in STATUS_READS:
        emulator.faults.on(kind, faults.ALWAYS, faults.error(429, headers={"Retry-After": "86400"}))
    notes = Notes()
    async with open_pool(emulator, observer=notes, limits=Limits(requests=4, submits=2)) as pool:
        outcomes = [outcome async for outcome in pool.run(jobs(20), timeout=0.5)]
        assert all(isinstance(error_of(outcome), DeadlineError) for outcome in outcomes)
        assert len(pool.unfinished()) == 20
    assert 0 < len(notes.status_answered) <= 4  # what was on its way when the first answer came
    assert notes.sent_between(min(notes.refused()), float("inf")) == []


@pytest.mark.anyio
@pytest.mark.parametrize("failures", [0, 3, 7])
async def test_a_failing_batch_route_is_obeyed_too(failures):
    """Retry-After of a batch read is obeyed also after batch reads that failed."""
    notes = Notes()
    async with Emulator(speed=1000) as emulator:
        emulator.faults.on("batch", faults.ALWAYS, faults.error(429, headers={"Retry-After-Ms": "300"}))
        emulator.faults.on("batch", range(1, failures + 1), faults.error(500))
        emulator.faults.on("batch", range(failures + 4, 10**6), faults.error(404))
        async with open_pool(emulator, observer=notes, limits=Limits(requests=1, submits=1)) as pool:
            outcomes = [outcome async for outcome in pool.run(jobs(20))]
        assert all(isinstance(outcome, Completed) for outcome in outcomes)
    for note_answer in notes.refused():
        assert notes.sent_between(note_answer, note_answer + 0.3) == []


@pytest.mark.anyio
async def test_a_retry_after_to_one_account_leaves_the_other_alone():
    """While the polls of one key wait, those of another go on."""
    notes = Notes()
    async with Emulator(speed=1000, api_keys=(KEY, "sk-second")) as emulator:
        emulator.faults.on("batch", 1, faults.error(429, headers={"Retry-After": "1"}))
        async with open_pool(emulator, api_key=[KEY, "sk-second"], observer=notes) as pool:
            outcomes = [outcome async for outcome in pool.run(jobs(40))]
        assert all(isinstance(outcome, Completed) for outcome in outcomes)
        keys = [r.headers["Authorization"] for r in emulator.received if r.kind == "submit"]
        refused = next(r.headers["Authorization"] for r in emulator.received if r.kind == "batch")
    [note_answer] = notes.refused()
    owner = dict(zip(emulator.tasks, keys, strict=True))
    asked = {
        owner[event.task_ids[0]]
        for event in notes.status_answered
        if note_answer + GRAIN < event.at < note_answer + 1 - GRAIN
    }
    assert asked == {KEYS[1 - KEYS.index(refused)]}
