"""Looking at every watched task, within one shared budget of requests: the shell that acts on the poll table.

What a look leads to is decided in `inflight`, when to look in `schedule`, what is due in `agenda`. A permit is held
for one HTTP call, never across a wait, and a watched task is an entry in the agenda, not a sleeping asyncio task.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable

import anyio

from .agenda import Agenda
from .errors import EvolinkError, StatusError
from .inflight import MAX_RETRY_AFTER, Account, Again, InFlight, Watcher, after_look, first_look
from .limits import Cadence
from .permits import Permits
from .schedule import Schedule
from .task import Snapshot, TaskState

BURST = 0.1
"""Seconds of the request budget that may be spent at once; a stricter pace would cost a timer for every look."""


class Poller:
    """Watches tasks for all sessions of a pool.

    Args:
        cadence: The user's bounds.
        requests: Permits for HTTP calls.
        workers: How many looks may be under way at once.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        cadence: Cadence,
        requests: Permits,
        workers: int,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cadence = cadence
        self._schedule = Schedule(cadence)
        self._requests = requests
        self._workers = workers
        self._clock = clock
        self._agenda: Agenda[InFlight] = Agenda(min(0.05, cadence.min_interval / 2))
        self._entries: dict[str, InFlight] = {}
        self._due: asyncio.Queue[InFlight] = asyncio.Queue(maxsize=1)
        self._sooner = asyncio.Event()
        self._next_slot = 0.0
        self._paused_until = 0.0
        self.looks = 0
        self.faults = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def credits_reserved(self) -> float:
        """Credits held for the tasks watched."""
        return sum(entry.credits_reserved for entry in self._entries.values())

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
            delay = first_look(entry, now, self._schedule)
            self._put(entry, delay if within is None else min(delay, within))
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

    async def run(self) -> None:
        """Look at what is due, until cancelled."""
        async with anyio.create_task_group() as group:
            for _ in range(self._workers):
                group.start_soon(self._work)
            await self._dispatch()

    async def _dispatch(self) -> None:
        while True:
            now = self._clock()
            pause = self._paused_until - now
            entry = self._agenda.take(now) if pause <= 0 else None
            if entry is not None:
                await self._pace()
                await self._due.put(entry)
                continue
            due = self._agenda.next_due()
            await self._sleep(None if due is None else max(due - now, pause, 0.0))

    async def _sleep(self, wait: float | None) -> None:
        """Wait, or until something became due sooner: a timer of the loop, no asyncio task."""
        self._sooner.clear()
        timer = asyncio.get_running_loop().call_later(wait, self._sooner.set) if wait is not None else None
        try:
            await self._sooner.wait()
        finally:
            if timer is not None:
                timer.cancel()

    async def _pace(self) -> None:
        """Keep to `polls_per_second`, on average and over any short time."""
        now = self._clock()
        self._next_slot = max(self._next_slot, now - BURST) + 1 / self._cadence.polls_per_second
        ahead = self._next_slot - now - 1 / self._cadence.polls_per_second
        if ahead > 0:
            await asyncio.sleep(ahead)

    async def _work(self) -> None:
        while True:
            entry = await self._due.get()
            pause = self._paused_until - self._clock()
            if not entry.watchers or entry.bucket is not None:
                continue  # given up while it waited here
            if pause > 0:
                self._put(entry, pause)
            else:
                self._digest(entry, await self._look(entry))

    async def _look(self, entry: InFlight) -> Snapshot | EvolinkError:
        async with self._requests:
            self.looks += 1
            entry.looks += 1
            return await entry.session.poll(entry.task_id)

    def _digest(self, entry: InFlight, seen: Snapshot | EvolinkError) -> None:
        if not entry.watchers:
            return
        now = self._clock()
        if isinstance(seen, EvolinkError):
            self.faults += 1
        if isinstance(seen, StatusError) and seen.status == 429 and seen.retry_after:
            self._paused_until = max(self._paused_until, now + min(seen.retry_after, MAX_RETRY_AFTER))
        next_step = after_look(entry, seen, now, cadence=self._cadence, schedule=self._schedule)
        if not isinstance(next_step, Again):
            self._end(entry, next_step)
            self._tell(entry, next_step)
            return
        self._put(entry, next_step.delay)
        if isinstance(seen, Snapshot) and not seen.is_final:
            self._tell(entry, seen)

    def _end(self, entry: InFlight, last: Snapshot | EvolinkError) -> None:
        if isinstance(last, Snapshot) and last.state == TaskState.COMPLETED and entry.accepted_at is not None:
            middle = (max(entry.last_no, entry.since) + entry.finished) / 2
            self._schedule.observe(entry.shape, middle - entry.since)
        self._forget(entry)

    def _tell(self, entry: InFlight, news: Snapshot | EvolinkError) -> None:
        for watcher in list(entry.watchers):
            watcher(entry, news)

    def _put(self, entry: InFlight, delay: float) -> None:
        entry.due = self._clock() + delay
        self._agenda.put(entry, entry.due)
        self._sooner.set()

    def _forget(self, entry: InFlight) -> None:
        if self._entries.get(entry.task_id) is entry:
            del self._entries[entry.task_id]
            self._agenda.drop(entry)
            entry.session.busy -= 1
