"""The loop that sends status requests for all watched tasks, within one request budget.

What is asked next, and what an answer leads to, is decided in `watchlist` and below it. A watched task is an entry in a
timing wheel, not a sleeping asyncio task.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import anyio
from anyio.abc import TaskGroup

from ..concurrency import Limiter
from ..errors import EvolinkError, StatusError
from ..events import BatchReadsOff, Emit, PollingTrouble, StatusAnswered
from ..settings import Cadence
from ..task import Snapshot
from .account_queue import AccountQueue, PollAnswer
from .schedule import Schedule
from .time_left import TimeLeft, time_left
from .trouble_reports import SILENT_SECONDS
from .watched_task import WatchedTask
from .watchlist import Watchlist

# A stricter pace would need a timer for every request.
BURST = 0.1
"""Seconds of unused request budget that may be spent at once."""

CALLS_LOST = (
    "tasks end without their callback, so they are polled as if there were none, until one arrives: check that the "
    "service reaches the public URL of the callbacks"
)

_log = logging.getLogger("evolink_async")

_Taken: TypeAlias = "tuple[AccountQueue, list[WatchedTask]]"


class Poller:
    """Polls the watched tasks of all sessions of a pool.

    Args:
        cadence: The user's limits.
        requests: Permits for HTTP calls. One is held for each status request, never across a wait.
        schedule: The learned durations; None starts without any.
        emit: Called with an event for every status request.
        clock: Returns monotonic seconds.

    Attributes:
        tasks: The watched tasks.
        polls: Polls sent: a status request for 50 tasks counts 50.
        requests_sent: Status requests sent, for one task or many.
        faults: Status requests without a usable answer.
        refused: Status requests answered with 429.
    """

    def __init__(
        self,
        cadence: Cadence,
        requests: Limiter,
        *,
        schedule: Schedule | None = None,
        emit: Emit | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._schedule = schedule or Schedule(cadence)
        self.tasks: Watchlist = Watchlist(cadence, self._schedule, clock, self._wake)
        self.polls: int = 0
        self.requests_sent: int = 0
        self.faults: int = 0
        self.refused: int = 0
        self.tasks.reports.report = self._report
        self._per_second = cadence.polls_per_second
        self._requests = requests
        self._emit = emit
        self._clock = clock
        self._leader = asyncio.Lock()
        self._idle_workers = 0
        self._woken = asyncio.Event()
        self._wakes_at = math.inf
        self._next_slot = 0.0
        self._must_replan = asyncio.Event()
        self._silent_until = -math.inf

    def time_left(self) -> TimeLeft | None:
        """Return how long the watched tasks will still take; None if nothing is watched."""
        return time_left(tuple(self.tasks), self._schedule, self._clock())

    async def run(self) -> None:
        """Send status requests until cancelled."""
        async with anyio.create_task_group() as group:
            self._start_worker(group)
            group.start_soon(self._replan)

    def _start_worker(self, group: TaskGroup) -> None:
        self._idle_workers += 1
        group.start_soon(self._work, group)

    # Workers take turns: the one that holds the lock waits for the next due poll, the others for their answers. So
    # there is one timer for all tasks, and a poll costs no new asyncio task.
    async def _work(self, group: TaskGroup) -> None:
        while True:
            # Under load a poll is due already: without the lock, it is sent in this turn of the event loop.
            request = self._request_now()
            if request is None:
                async with self._leader:
                    request = await self._next_request()
            self._idle_workers -= 1
            # There are never more workers than status requests were open at once, plus one.
            if not self._idle_workers:
                self._start_worker(group)
            await self._request(*request)
            self._idle_workers += 1

    def _request_now(self) -> _Taken | None:
        """Return a status request that may be sent now, if there is one and a permit for it."""
        queue, wait = self._next_queue()
        return self._taken(queue) if queue is not None and wait <= 0 and self._requests.acquire_now() else None

    async def _next_request(self) -> _Taken:
        """Wait until a poll is due and the budget allows it. The caller holds a permit then, and must release it."""
        while True:
            queue, wait = self._next_queue()
            if queue is None or wait > 0:
                await self._sleep(wait)
                continue
            await self._requests.acquire()
            # The queue may have changed while this waited for the permit: only now are tasks taken out of it.
            if request := self._taken(queue):
                return request

    def _next_queue(self) -> tuple[AccountQueue | None, float]:
        """Return the queue whose request is next, and the seconds until it may be sent."""
        queue, at = self.tasks.next_queue()
        return queue, max(at, self._next_slot) - self._clock()

    def _taken(self, queue: AccountQueue) -> _Taken | None:
        """Take the tasks of a request out of its queue; without any, the permit is given back."""
        now = self._clock()
        entries = queue.take(now)
        if not entries:
            self._requests.release()
            return None
        self._next_slot = max(self._next_slot, now - BURST) + 1 / self._per_second
        return queue, entries

    async def _sleep(self, wait: float) -> None:
        """Wait `wait` seconds, or until a poll is due earlier."""
        self._woken.clear()
        self._wakes_at = self._clock() + wait
        # A plain timer: on Python 3.11 `asyncio.wait_for` creates an asyncio task for each wait.
        timer = asyncio.get_running_loop().call_later(wait, self._woken.set) if wait < math.inf else None
        try:
            await self._woken.wait()
        finally:
            self._wakes_at = -math.inf
            if timer is not None:
                timer.cancel()

    def _wake(self, due: float) -> None:
        if due < self._wakes_at:
            self._woken.set()

    async def _replan(self) -> None:
        """Plan the polls again whenever pressure has fallen, some tasks in each iteration of the event loop."""
        while True:
            await self._must_replan.wait()
            self._must_replan.clear()
            for _ in self.tasks.replan():
                await asyncio.sleep(0)

    async def _request(self, queue: AccountQueue, entries: list[WatchedTask]) -> None:
        """Send one status request and apply its answer."""
        at, began = time.time(), self._clock()
        try:
            seen = await self._send(entries, began)
        except BaseException:
            queue.record_cancellation()
            raise
        finally:
            self._requests.release()
        if isinstance(seen, EvolinkError):
            self.faults += 1
            self.refused += isinstance(seen, StatusError) and seen.status == 429
            self.tasks.reports.note_wait(seen, self._clock())
        if self._emit is not None:
            self._emit(status_answered(at, self._clock() - began, [entry.task_id for entry in entries], seen))
        # In an outage the whole queue has waited for this probe, without a due time that would wake the leader.
        if queue.outage.is_outage:
            self._woken.set()
        was_off, was_out, was_failing = queue.route.off, queue.outage.is_outage, queue.outage.is_failing
        self.tasks.apply_answer(queue, entries, seen)
        if queue.route.off != was_off:
            self._report_batches_off(str(queue.route.off))
        if queue.outage.is_outage and not was_out:
            self._report(f"status requests fail, so one at a time is sent until one is answered; last: {seen}")
        elif queue.outage.is_failing and not was_failing:
            self._report_failing(seen)
        if are_calls_lost := self.tasks.calls.were_lost(self._clock()):
            self._report(CALLS_LOST)
        if self.tasks.update_pressure() or are_calls_lost:
            self._must_replan.set()

    async def _send(self, entries: list[WatchedTask], now: float) -> PollAnswer:
        self.requests_sent += 1
        self.polls += len(entries)
        for entry in entries:
            entry.polls += 1
            entry.polled_at = now
        account = entries[0].account
        if len(entries) == 1 or account.poll_many is None:
            return await account.poll(entries[0].task_id)
        return await account.poll_many([entry.task_id for entry in entries])

    def _report(self, reason: str) -> None:
        if self._emit is not None:
            self._emit(PollingTrouble(at=time.time(), reason=reason))
        else:
            _log.warning("%s", reason)

    def _report_failing(self, seen: PollAnswer) -> None:
        # The first polls after a failure are far apart: until it is an outage, silence would look like a hang. Not each
        # time: a few such failures are normal in a long run.
        if self._clock() >= self._silent_until:
            self._silent_until = self._clock() + SILENT_SECONDS
            self._report(f"status requests fail, and are sent again; last: {seen}")

    def _report_batches_off(self, reason: str) -> None:
        # With an observer, the application decides what is logged.
        if self._emit is not None:
            self._emit(BatchReadsOff(at=time.time(), reason=reason))
        else:
            _log.warning("tasks are polled one by one from now on: %s", reason)


def status_answered(at: float, seconds: float, asked: Sequence[str], seen: PollAnswer) -> StatusAnswered:
    """Return the event for a status request.

    Args:
        at: Unix seconds when it was sent.
        seconds: Seconds until the answer.
        asked: The ids of its tasks.
        seen: The answer.
    """
    task_ids = tuple(asked)
    states: tuple[str | None, ...] = ()
    if isinstance(seen, Snapshot):
        states = (seen.state,)
    elif isinstance(seen, Mapping):
        states = tuple([row.state if (row := seen.get(task_id)) else None for task_id in task_ids])
    error = seen if isinstance(seen, EvolinkError) else None
    return StatusAnswered(at=at, seconds=seconds, task_ids=task_ids, states=states, error=error)
