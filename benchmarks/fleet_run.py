"""A fleet at work on virtual time: real pools over one account and one journal, through good times and an outage.

The account is in `fleet_account`, the server of the journal in `fleet_journal`, what is made of the figures in `fleet`.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections import Counter
from collections.abc import Iterator
from functools import partial

import attrs

import evolink_async as ev
from evolink_async.events import SubmitsHalted, SubmitsResumed
from evolink_async.jobs import duration_class
from evolink_async.settings import BatchMode
from tests.simulation import seams
from tests.simulation.journal import Disk
from tests.simulation.loop import Clock, VirtualLoop

from .cpu import shot
from .fleet_account import WORKER, Account
from .fleet_journal import FleetJournal, FleetServer, ServerCosts
from .service import Lives

OPENING_SECONDS = 5.0
"""Within which all workers start."""
LEARNED = 400
"""Durations of earlier runs that each worker reads from the journal when it opens."""
SPREAD = 0.246
"""Of the durations; see `service`."""


@attrs.frozen(kw_only=True)
class Plan:
    """What is simulated.

    Attributes:
        workers: Processes, each with a pool, all with one API key.
        per_minute: Paid requests that the account allows in a minute, and that each pool is told of.
        has_rate: Whether pools are told, and the account refuses more; without it nothing but the tasks in flight
            limits them.
        submits: As in `Limits`, of each worker.
        median: Seconds that half of the videos take.
        warm_up: Seconds before anything is measured.
        steady: Seconds that are measured in good times.
        outage: Seconds for which the service is away then.
        after: Seconds that are measured after that.
        is_silent: Whether requests get no answer then, until their sender gives up; else the page of a gateway.
        batch: As in `Cadence`.
        seed: Of all that is drawn.
        costs: Of the journal's server.
    """

    workers: int = 1000
    per_minute: float = 1800.0
    has_rate: bool = True
    submits: int = 8
    median: float = 150.0
    warm_up: float = 300.0
    steady: float = 300.0
    outage: float = 120.0
    after: float = 240.0
    is_silent: bool = False
    batch: BatchMode = "auto"
    seed: int = 1
    costs: ServerCosts = attrs.field(factory=ServerCosts)

    @property
    def in_flight(self) -> int:
        """Tasks that each worker may have: with a rate twice as many as it lets it have, without one just these."""
        usual = self.per_minute / 60 * self.median * 1.03 / self.workers
        return math.ceil(2 * usual) + 4 if self.has_rate else math.ceil(usual)


@attrs.define
class Worker:
    """What one worker has met, in monotonic seconds.

    Attributes:
        halted: When it heard of an outage.
        resumed: When it heard of an end of one.
        lags: For each video when its end was seen, and how long after it.
        doubts: When it was told that a job is in doubt.
        failed: How often each other error was told.
        journal: Its journal.
    """

    halted: list[float] = attrs.field(factory=list)
    resumed: list[float] = attrs.field(factory=list)
    lags: list[tuple[float, float]] = attrs.field(factory=list)
    doubts: list[float] = attrs.field(factory=list)
    failed: Counter[str] = attrs.field(factory=Counter)
    journal: FleetJournal | None = None


class Fleet:
    """The workers.

    Args:
        plan: What is simulated.
        clock: The virtual time.

    Attributes:
        plan: As given.
        account: What they share at the service.
        server: What they share in the journal.
        workers: What each has met.
        began: When the measured time begins, in monotonic seconds.
        out: From when to when the service is away.
        over: When the measured time ends.
    """

    def __init__(self, plan: Plan, clock: Clock) -> None:
        self.plan = plan
        self.began = clock.now + plan.warm_up
        self.out = (self.began + plan.steady, self.began + plan.steady + plan.outage)
        self.over = self.out[1] + plan.after
        self._clock = clock
        self._dice = random.Random(plan.seed)
        self.account = Account(Lives(median=plan.median), plan.per_minute if plan.has_rate else None, self._dice)
        self.account.outage, self.account.is_silent = self.out, plan.is_silent
        self.server = FleetServer(plan.costs, self._dice)
        self.workers = [Worker() for _ in range(plan.workers)]
        kind = duration_class(shot(0))
        self._learned = [(kind, plan.median * math.exp(self._dice.gauss(0, SPREAD))) for _ in range(LEARNED)]

    async def run(self) -> None:
        """Let all work until the measured time is over."""
        tasks = [asyncio.create_task(self._work(number)) for number in range(self.plan.workers)]
        try:
            await asyncio.sleep(self.over - self._clock.now)
        finally:
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception):
                raise end

    async def _work(self, number: int) -> None:
        WORKER.set(number)
        worker, plan = self.workers[number], self.plan
        await asyncio.sleep(self._dice.uniform(0, OPENING_SECONDS))
        worker.journal = FleetJournal(self.server, self._learned)
        rate = plan.per_minute if plan.has_rate else None
        async with ev.SessionPool(
            seams.key(1),
            limits=ev.Limits(submits=plan.submits, in_flight=plan.in_flight, submits_per_minute=rate),
            cadence=ev.Cadence(batch=plan.batch),
            journal=worker.journal,
            observer=partial(self._observe, worker),
        ) as pool:
            try:
                async for outcome in pool.run(_jobs(number)):
                    self._note(worker, outcome)
            except ev.OutageError:
                worker.failed["OutageError"] += 1

    def _observe(self, worker: Worker, event: ev.Event) -> None:
        if isinstance(event, SubmitsHalted):
            worker.halted.append(self._clock.now)
        elif isinstance(event, SubmitsResumed):
            worker.resumed.append(self._clock.now)

    def _note(self, worker: Worker, outcome: ev.Outcome) -> None:
        now = self._clock.now
        if isinstance(outcome, ev.Completed):
            worker.lags.append((now, now - self.account.ended_at(outcome.task_id)))
        elif isinstance(outcome, ev.Unknown):
            worker.doubts.append(now)
        else:
            worker.failed[type(outcome.error).__name__] += 1


def _jobs(number: int) -> Iterator[ev.Job]:
    ordinal = 0
    while True:
        yield ev.Job(f"{number}-{ordinal}", shot(ordinal))
        ordinal += 1


def simulate(plan: Plan) -> Fleet:
    """Let a fleet live; takes a few milliseconds of CPU for each job."""
    clock = Clock()
    fleet = Fleet(plan, clock)
    with seams.simulated(clock, plan.seed, fleet.account.transport, lambda: Disk(None)):
        loop = VirtualLoop(clock)
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(fleet.run())
        finally:
            asyncio.set_event_loop(None)
            loop.close()
    return fleet
