"""Looking at every watched task, within one shared budget of requests: the shell that acts on the poll table.

What a look leads to is decided in `looking`, when to look in `schedule`, whom to ask for what in `lane`. A permit is
held for one HTTP call, never across a wait, and a watched task is an entry in a calendar, not a sleeping asyncio task.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeAlias

import anyio
from anyio.abc import TaskGroup

from .errors import EvolinkError, StatusError
from .events import BatchReadsOff, Emit, Looked
from .inflight import Account, InFlight, Watcher
from .lane import Answer, Lane
from .limits import Cadence
from .looking import Again, Tempo, after_look
from .permits import Permits
from .schedule import Schedule
from .stats import Quantiles
from .task import Snapshot, TaskState

BURST = 0.1
"""Seconds of the request budget that may be spent at once; a stricter pace would cost a timer for every look."""

EASED = 1.5
"""By how much pressure must fall before looks are planned anew."""
CHUNK = 500
"""Tasks planned anew in one turn of the event loop: some milliseconds."""

Seen: TypeAlias = Snapshot | EvolinkError

_log = logging.getLogger("evolink_async")


class Poller:
    """Watches tasks for all sessions of a pool.

    Args:
        cadence: The user's bounds.
        requests: Permits for HTTP calls.
        schedule: When to look; one that has learned already, if there is one.
        emit: Told of every status request.
        clock: Monotonic seconds.

    Attributes:
        looks: Times a task was looked at.
        requests_sent: Status requests sent, each for one task or for many.
        faults: Those without a usable answer.
        refused: Those answered with 429.
        lags: How late ends were noticed at most.
    """

    def __init__(
        self,
        cadence: Cadence,
        requests: Permits,
        *,
        schedule: Schedule | None = None,
        emit: Emit | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cadence = cadence
        self._tempo = Tempo(cadence, schedule or Schedule(cadence))
        self._requests = requests
        self._emit = emit
        self._clock = clock
        self._entries: dict[str, InFlight] = {}
        self._lanes: dict[Account | None, Lane] = {}
        self._turn = asyncio.Lock()
        self._idle = 0
        self._sooner = asyncio.Event()
        self._wakes_at = math.inf
        self._next_slot = 0.0
        self._planned_under = 1.0
        self._eased = asyncio.Event()
        self.looks = 0
        self.requests_sent = 0
        self.faults = 0
        self.refused = 0
        self.lags = Quantiles()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def pressure(self) -> float:
        """How much further apart looks stand than they would if requests were not limited."""
        return self._tempo.pressure

    @property
    def credits_reserved(self) -> float:
        """Credits held for the tasks watched."""
        return sum(entry.credits_reserved for entry in self._entries.values())

    # --- who is watched

    def watch(
        self,
        task_id: str,
        session: Account,
        watcher: Watcher,
        *,
        shape: Hashable = None,
        accepted_at: float | None = None,
        estimated: float | None = None,
        credits_reserved: float | None = None,
        within: float | None = None,
    ) -> InFlight:
        """Tell `watcher` every look at a task from now on, until one ends it. Watchers of one task share its looks.

        Args:
            task_id: The vendor's id.
            session: The account to ask.
            watcher: Called with each snapshot, or with the error that ends the watching; must not wait.
            shape: What durations are learned by.
            accepted_at: Unix seconds of acceptance, when known.
            estimated: The service's estimate in seconds.
            credits_reserved: Credits held for it.
            within: Look within so many seconds, if the schedule would look later.
        """
        entry, now = self._entries.get(task_id), self._clock()
        if entry is None:
            age = max(0.0, time.time() - accepted_at) if accepted_at is not None else 0.0
            entry = InFlight(task_id, session, shape, now - age, estimated, accepted_at, credits_reserved or 0.0)
            self._entries[task_id] = entry
            session.busy += 1
            lane = self._lane(entry)
            delay = self._tempo.gap(entry, now, fill=lane.fill(entry))
            self._put(entry, delay if within is None else min(delay, within), is_planned=True)
        elif within is not None and entry.bucket is not None and entry.due > now + within:
            self._put(entry, within)
        entry.watchers.append(watcher)
        return entry

    def unwatch(self, entry: InFlight, watcher: Watcher) -> None:
        """Tell `watcher` nothing more; a task that nobody watches is not looked at."""
        if watcher in entry.watchers:
            entry.watchers.remove(watcher)
        if not entry.watchers:
            self._forget(entry)

    def hint(self, task_id: str) -> bool:
        """Look at a task soon, as there may be news of it; tells whether it is watched. Too many hints do no harm."""
        entry = self._entries.get(task_id)
        if entry is not None and entry.bucket is not None:
            soon = max(0.0, entry.last_news + self._cadence.min_interval - self._clock())
            if self._clock() + soon < entry.due:
                self._put(entry, soon)
        return entry is not None

    def _lane(self, entry: InFlight) -> Lane:
        """Where a task stands: with the others of its account, if that can be asked for many at once."""
        account = entry.session if entry.session.poll_many is not None else None
        lane = self._lanes.get(account)
        if lane is None:
            lane = self._lanes[account] = Lane(self._cadence, batches=account is not None)
        return lane

    def _put(self, entry: InFlight, delay: float, *, is_planned: bool = False) -> None:
        """Look at a task in `delay` seconds; if that is its turn, what its turns would be without a limit is known."""
        due, rate = self._clock() + delay, None
        if is_planned:
            rate = min(self._tempo.pressure / delay, 1 / self._cadence.min_interval) if delay else 0.0
        self._lane(entry).put(entry, due, rate)
        if due < self._wakes_at:
            self._sooner.set()

    def _forget(self, entry: InFlight) -> None:
        if self._entries.get(entry.task_id) is entry:
            del self._entries[entry.task_id]
            self._lane(entry).drop(entry)
            entry.session.busy -= 1

    # --- asking, one worker at a time waits for what is due, and the others for their requests

    async def run(self) -> None:
        """Look at what is due, until cancelled."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._work, group)
            group.start_soon(self._replan)

    async def _work(self, group: TaskGroup) -> None:
        while True:
            self._idle += 1
            async with self._turn:
                lane, entries = await self._next()
            self._idle -= 1
            if not self._idle:
                group.start_soon(self._work, group)  # as many as there were ever requests at once
            await self._look(lane, entries)

    async def _next(self) -> tuple[Lane, list[InFlight]]:
        """Wait until something is due and may be asked for. The caller has a permit then, and gives it back."""
        while True:
            lane, wait = self._soonest()
            if lane is None or wait > 0:
                await self._sleep(wait)
                continue
            await self._requests.acquire()
            now = self._clock()
            if entries := lane.take(now):
                self._next_slot = max(self._next_slot, now - BURST) + 1 / self._cadence.polls_per_second
                return lane, entries
            self._requests.release()

    def _soonest(self) -> tuple[Lane | None, float]:
        """Whom to ask next, and in how many seconds the budget allows it."""
        ready = [(at, lane) for lane in self._lanes.values() if (at := lane.ready_at) is not None]
        at, lane = min(ready, key=lambda pair: pair[0], default=(math.inf, None))
        return lane, max(at, self._next_slot) - self._clock()

    async def _sleep(self, wait: float) -> None:
        """Wait, or until something became due sooner: a timer of the loop, no asyncio task."""
        self._sooner.clear()
        self._wakes_at = self._clock() + wait
        timer = None
        if wait < math.inf:
            timer = asyncio.get_running_loop().call_later(wait, self._sooner.set)
        try:
            await self._sooner.wait()
        finally:
            self._wakes_at = -math.inf
            if timer is not None:
                timer.cancel()

    async def _replan(self) -> None:
        """Bring forward what was put far off under a pressure that has eased since, some tasks a turn of the loop."""
        while True:
            await self._eased.wait()
            self._eased.clear()
            self._planned_under = self._tempo.pressure
            for number, entry in enumerate(list(self._entries.values()), 1):
                now = self._clock()
                if entry.bucket is not None and entry.due > now + self._cadence.max_interval:
                    gap = self._tempo.gap(entry, now, fill=self._lane(entry).fill(entry))
                    if now + gap < entry.due:
                        self._put(entry, gap, is_planned=True)
                if number % CHUNK == 0:
                    await asyncio.sleep(0)

    async def _look(self, lane: Lane, entries: list[InFlight]) -> None:
        """Send one request and act on its answer."""
        at, began = time.time(), self._clock()
        try:
            seen = await self._ask(entries)
        except BaseException:
            lane.given_up()
            raise
        finally:
            self._requests.release()
        now = self._clock()
        if self._emit is not None:
            self._emit(_looked(at, now - began, entries, seen))
        reads_singly = self._judge(lane, seen, now, is_batch=len(entries) > 1)
        if isinstance(seen, Mapping):
            self._sort(lane, entries, seen, now)
        elif reads_singly:
            for entry in entries:
                self._put_back(entry)
        else:
            in_haste = not isinstance(seen, EvolinkError) or lane.may_hurry()
            for entry in entries:
                self._digest(lane, entry, seen, now, in_haste=in_haste)

    async def _ask(self, entries: list[InFlight]) -> Answer:
        self.requests_sent += 1
        self.looks += len(entries)
        for entry in entries:
            entry.looks += 1
        session = entries[0].session
        if len(entries) == 1 or session.poll_many is None:
            return await session.poll(entries[0].task_id)
        return await session.poll_many([entry.task_id for entry in entries])

    def _judge(self, lane: Lane, seen: Answer, now: float, *, is_batch: bool) -> bool:
        """Draw conclusions for the account, and for the pace of all; tells whether to read singly what was asked."""
        if isinstance(seen, EvolinkError):
            self.faults += 1
            self.refused += isinstance(seen, StatusError) and seen.status == 429
        if lane.is_in_outage:
            self._sooner.set()  # whatever waited for this answer
        was_off = lane.route.off
        reads_singly = lane.heard(seen, now, is_batch=is_batch)
        if lane.route.off != was_off:
            self._say_off(lane)
        wanted = sum(lane.demand for lane in self._lanes.values())
        pressure = self._tempo.pressure = max(1.0, wanted / self._cadence.polls_per_second)
        self._planned_under = max(self._planned_under, pressure)
        if pressure < self._planned_under / EASED:
            self._eased.set()
        return reads_singly

    def _say_off(self, lane: Lane) -> None:
        _log.warning("tasks are read one by one from now on: %s", lane.route.off)
        if self._emit is not None:
            self._emit(BatchReadsOff(at=time.time(), reason=str(lane.route.off)))

    def _sort(self, lane: Lane, entries: Sequence[InFlight], rows: Mapping[str, Snapshot], now: float) -> None:
        """Act on an answer about many tasks; what it does not tell of, or is not believed, is read singly at once."""
        for entry in entries:
            row = rows.get(entry.task_id)
            if row is not None and (lane.route.is_trusted or not row.is_final):
                self._digest(lane, entry, row, now)
                continue
            if row is not None:
                entry.claim = row.state
            else:
                entry.misses += 1
            self._put_back(entry)

    def _put_back(self, entry: InFlight) -> None:
        """Look at a task again as soon as the budget allows."""
        if entry.watchers:
            self._put(entry, 0.0)

    # --- what a look means for the task

    def _digest(self, lane: Lane, entry: InFlight, seen: Seen, now: float, *, in_haste: bool = True) -> None:
        if not entry.watchers:
            return
        if entry.is_alone and isinstance(seen, Snapshot):
            self._compare(lane, entry, seen)
        step = after_look(entry, seen, now, self._tempo, fill=lane.fill(entry), in_haste=in_haste)
        if not isinstance(step, Again):
            self._end(entry, step)
            self._tell(entry, step)
            return
        self._put(entry, step.delay, is_planned=step.is_planned)
        if isinstance(seen, Snapshot) and not seen.is_final:
            self._tell(entry, seen)

    def _compare(self, lane: Lane, entry: InFlight, seen: Snapshot) -> None:
        """Note what a single read says of what a batch read said, or did not say."""
        if entry.claim is not None:
            was_off, claim, entry.claim = lane.route.off, entry.claim, None
            lane.route.confirmed(claim, seen.state)
            if lane.route.off != was_off:
                self._say_off(lane)
        if entry.misses == 1:
            entry.misses = 2

    def _end(self, entry: InFlight, last: Seen) -> None:
        if isinstance(last, Snapshot):
            self.lags.add(entry.lag)
        if isinstance(last, Snapshot) and last.state == TaskState.COMPLETED and entry.accepted_at is not None:
            self._tempo.schedule.observe(entry.shape, (entry.last_news + entry.finished) / 2 - entry.since)
        self._forget(entry)

    def _tell(self, entry: InFlight, news: Seen) -> None:
        for watcher in list(entry.watchers):
            watcher(entry, news)


def _looked(at: float, seconds: float, entries: list[InFlight], seen: Answer) -> Looked:
    task_ids = tuple([entry.task_id for entry in entries])
    states: tuple[str | None, ...] = ()
    if isinstance(seen, Snapshot):
        states = (seen.state,)
    elif isinstance(seen, Mapping):
        states = tuple([row.state if (row := seen.get(task_id)) else None for task_id in task_ids])
    error = seen if isinstance(seen, EvolinkError) else None
    return Looked(at=at, seconds=seconds, task_ids=task_ids, states=states, error=error)
