"""The same jobs with working and with failing polls: some of the time, then always, then never.

What a storm may not do is asserted in the tests; what it did is drawn by `storm_plot`. Seconds are the emulator's own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Container, Sequence
from typing import Literal

import attrs

from evolink_async import Cadence, Limits
from evolink_async.emulator import Emulator, faults
from evolink_async.emulator.clock import Clock
from evolink_async.events import Event, StatusAnswered
from evolink_async.jobs import Outcome
from evolink_async.polling.poller import BURST
from evolink_async.settings import BatchMode
from tests.kit import jobs, open_pool

STATUS_READS: tuple[Literal["poll"], Literal["batch"]] = ("poll", "batch")


@attrs.frozen
class During:
    """Ordinals of the requests that arrive in a span of the emulator's clock, or of some of them.

    Attributes:
        clock: Where the time is read.
        begin: Unix seconds on that clock.
        end: Unix seconds on that clock.
        among: The ordinals that are meant.
    """

    clock: Clock
    begin: float
    end: float
    among: Container[int] = faults.ALWAYS

    def __contains__(self, ordinal: object) -> bool:
        return self.begin <= self.clock.now() < self.end and ordinal in self.among


@attrs.frozen(kw_only=True)
class Storm:
    """Jobs, and what befalls their status reads.

    Attributes:
        count: How many jobs.
        in_flight: Jobs alive at the service at once.
        begin: When status reads begin to fail some of the time, in seconds from the start.
        total: When all of them begin to fail.
        end: When none does any more.
        share: Which part of them fails at first.
        budget: Status requests a second, on the emulator's clock: so few that a herd would stand out.
        speed: Emulated seconds a real one.
        median: Seconds that half of the tasks take at least.
    """

    count: int
    in_flight: int
    begin: float
    total: float
    end: float
    share: float = 0.3
    budget: float = 20.0
    speed: float = 20.0
    median: float = 120.0

    def cadence(self, batch: BatchMode) -> Cadence:
        """The default one on the emulator's clock, but for the budget."""
        return Cadence(
            polls_per_second=self.budget * self.speed,
            first_look=60 / self.speed,
            min_interval=1 / self.speed,
            max_interval=30 / self.speed,
            not_found_grace=60 / self.speed,
            look_price=0.5 / self.speed,
            batch=batch,
        )

    def allows(self, seconds: float) -> float:
        """Requests that the budget allows in any span of so many emulated seconds; a little may be spent at once."""
        return self.budget * (seconds + BURST * self.speed) + 1

    def break_out(self, emulator: Emulator, start: float) -> None:
        """Write the storm into the script of an emulator: half of what fails is a 500, half is a reset."""
        begin, total, end = (start + at for at in (self.begin, self.total, self.end))
        for kind in STATUS_READS:
            for among, fault in (
                (faults.sometimes(self.share / 2, seed=1), faults.DROP_BEFORE_ACCEPT),
                (faults.sometimes(self.share / (2 - self.share), seed=2), faults.error(500)),
            ):
                emulator.faults.on(kind, During(emulator.clock, begin, total, among), fault)
            emulator.faults.on(kind, During(emulator.clock, total, end), faults.error(500))
            odd = faults.sometimes(0.5, seed=3)
            emulator.faults.on(kind, During(emulator.clock, total, end, odd), faults.DROP_BEFORE_ACCEPT)


STORM = Storm(count=2000, in_flight=2000, begin=90, total=150, end=210, speed=10)
"""The full size: all tasks are at the service when it breaks out."""
LONG = Storm(count=2000, in_flight=400, begin=300, total=480, end=660, speed=20)
"""Jobs that come as others go, and three minutes in which some of their reads fail."""


@attrs.frozen(kw_only=True)
class Course:
    """How a run went; times are the emulator's seconds from its start.

    Attributes:
        sent: When status requests were sent, in order.
        arrived: When they arrived, in order.
        failed: When those were sent that brought no answer.
        outcomes: One for each job, it is hoped.
        bought: Tasks that the service was paid for.
        polls: Polls of tasks; a batch read is many.
    """

    sent: Sequence[float]
    arrived: Sequence[float]
    failed: Sequence[float]
    outcomes: Sequence[Outcome]
    bought: int
    polls: int

    @property
    def requests(self) -> int:
        """Status requests in all."""
        return len(self.arrived)


def most_within(times: Sequence[float], seconds: float) -> int:
    """The most of ascending `times` that fall into any span of so many seconds."""
    most = first = 0
    for last, at in enumerate(times):
        while at - times[first] >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


async def sail(storm: Storm, batch: BatchMode, *, stormy: bool, seed: int = 1) -> Course:
    """Run the jobs, in the storm or without it."""
    answers: list[StatusAnswered] = []

    def observe(event: Event) -> None:
        if isinstance(event, StatusAnswered):
            answers.append(event)

    async with Emulator(speed=storm.speed, seed=seed, median_seconds=storm.median, credits=1e9) as emulator:
        real_start, start = time.time(), emulator.clock.now()
        if stormy:
            storm.break_out(emulator, start)
        pool = open_pool(
            emulator,
            cadence=storm.cadence(batch),
            limits=Limits(in_flight=storm.in_flight),
            observer=observe,
        )
        async with pool:
            outcomes = [outcome async for outcome in pool.run(jobs(storm.count))]
            polls = pool.stats().looks

        def emulated(at: float) -> float:
            return (at - real_start) * storm.speed

        return Course(
            sent=sorted(emulated(answer.at) for answer in answers),
            failed=sorted(emulated(answer.at) for answer in answers if answer.error is not None),
            arrived=sorted(request.at - start for request in emulator.received if request.kind in STATUS_READS),
            outcomes=outcomes,
            bought=emulator.ledger.accepted,
            polls=polls,
        )


async def compare(storm: Storm, batch: BatchMode, *, seed: int = 1) -> tuple[Course, Course]:
    """Run the jobs twice, side by side, so that a busy machine holds up both: without the storm, and in it."""
    calm, rough = await asyncio.gather(
        sail(storm, batch, stormy=False, seed=seed), sail(storm, batch, stormy=True, seed=seed)
    )
    return calm, rough
