"""Asking for every watched task, within one shared budget of requests: the shell around the `watchlist`.

A permit is held for one HTTP call, never across a wait, and a watched task is an entry in a calendar, not a sleeping
asyncio task.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence

import anyio
from anyio.abc import TaskGroup

from ..concurrency import Limiter
from ..errors import EvolinkError, StatusError
from ..events import BatchReadsOff, Emit, StatusAnswered
from ..settings import Cadence
from ..task import Snapshot
from .account_queue import AccountQueue, PollAnswer
from .schedule import Schedule
from .watched_task import WatchedTask
from .watchlist import Watchlist

BURST = 0.1
"""Seconds of the request budget that may be spent at once; a stricter pace would cost a timer for every look."""

_log = logging.getLogger("evolink_async")


class Poller:
    """Looks at tasks for all sessions of a pool.

    Args:
        cadence: The user's bounds.
        requests: Permits for HTTP calls.
        schedule: When to look; one that has learned already, if there is one.
        emit: Told of every status request.
        clock: Monotonic seconds.

    Attributes:
        tasks: What is looked at.
        looks: Times a task was looked at.
        requests_sent: Status requests sent, each for one task or for many.
        faults: Those without a usable answer.
        refused: Those answered with 429.
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
        self.tasks = Watchlist(cadence, schedule or Schedule(cadence), clock, self._wake)
        self.polls = 0
        self.requests_sent = 0
        self.faults = 0
        self.refused = 0
        self._per_second = cadence.polls_per_second
        self._requests = requests
        self._emit = emit
        self._clock = clock
        self._turn = asyncio.Lock()
        self._idle = 0
        self._sooner = asyncio.Event()
        self._wakes_at = math.inf
        self._next_slot = 0.0
        self._eased = asyncio.Event()

    async def run(self) -> None:
        """Look at what is due, until cancelled."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._work, group)
            group.start_soon(self._replan)

    # --- one worker at a time waits for what is due, the others for answers to their requests

    async def _work(self, group: TaskGroup) -> None:
        while True:
            self._idle += 1
            async with self._turn:
                queue, entries = await self._next()
            self._idle -= 1
            if not self._idle:
                group.start_soon(self._work, group)  # as many as there were ever requests at once
            await self._request(queue, entries)

    async def _next(self) -> tuple[AccountQueue, list[WatchedTask]]:
        """Wait until something is due and may be asked for. The caller has a permit then, and gives it back."""
        while True:
            queue, at = self.tasks.soonest()
            wait = max(at, self._next_slot) - self._clock()
            if queue is None or wait > 0:
                await self._sleep(wait)
                continue
            await self._requests.acquire()
            now = self._clock()
            if entries := queue.take(now):
                self._next_slot = max(self._next_slot, now - BURST) + 1 / self._per_second
                return queue, entries
            self._requests.release()

    async def _sleep(self, wait: float) -> None:
        """Wait, or until something became due sooner: a timer of the loop, no asyncio task."""
        self._sooner.clear()
        self._wakes_at = self._clock() + wait
        timer = asyncio.get_running_loop().call_later(wait, self._sooner.set) if wait < math.inf else None
        try:
            await self._sooner.wait()
        finally:
            self._wakes_at = -math.inf
            if timer is not None:
                timer.cancel()

    def _wake(self, due: float) -> None:
        if due < self._wakes_at:
            self._sooner.set()

    async def _replan(self) -> None:
        """Plan anew whenever pressure has eased, a little at each turn of the loop."""
        while True:
            await self._eased.wait()
            self._eased.clear()
            for _ in self.tasks.replan():
                await asyncio.sleep(0)

    # --- one request

    async def _request(self, queue: AccountQueue, entries: list[WatchedTask]) -> None:
        """Send one request and have its answer acted on."""
        at, began = time.time(), self._clock()
        try:
            seen = await self._ask(entries)
        except BaseException:
            queue.given_up()
            raise
        finally:
            self._requests.release()
        if isinstance(seen, EvolinkError):
            self.faults += 1
            self.refused += isinstance(seen, StatusError) and seen.status == 429
        if self._emit is not None:
            self._emit(status_answered(at, self._clock() - began, [entry.task_id for entry in entries], seen))
        if queue.is_in_outage:
            self._sooner.set()  # all the lane waited for this answer
        was_off = queue.route.off
        self.tasks.note_answer(queue, entries, seen)
        if queue.route.off != was_off:
            self._emit_batch_off(str(queue.route.off))
        if self.tasks.press():
            self._eased.set()

    async def _ask(self, entries: list[WatchedTask]) -> PollAnswer:
        self.requests_sent += 1
        self.polls += len(entries)
        for entry in entries:
            entry.polls += 1
        session = entries[0].session
        if len(entries) == 1 or session.poll_many is None:
            return await session.poll(entries[0].task_id)
        return await session.poll_many([entry.task_id for entry in entries])

    def _emit_batch_off(self, reason: str) -> None:
        if self._emit is not None:
            self._emit(BatchReadsOff(at=time.time(), reason=reason))
        else:
            _log.warning("tasks are read one by one from now on: %s", reason)


def status_answered(at: float, seconds: float, asked: Sequence[str], seen: PollAnswer) -> StatusAnswered:
    """What an observer is told of a status request."""
    task_ids = tuple(asked)
    states: tuple[str | None, ...] = ()
    if isinstance(seen, Snapshot):
        states = (seen.state,)
    elif isinstance(seen, Mapping):
        states = tuple([row.state if (row := seen.get(task_id)) else None for task_id in task_ids])
    error = seen if isinstance(seen, EvolinkError) else None
    return StatusAnswered(at=at, seconds=seconds, task_ids=task_ids, states=states, error=error)
