"""The watched tasks of a pool: their watchers, the time of their next poll, and what an answer means for each.

Nothing waits and nothing is sent here; the clock is an argument. Status requests are sent by `poller`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import TypeAlias

from ..errors import EvolinkError
from ..settings import Cadence
from ..task import Snapshot
from .account_queue import AccountQueue, PollAnswer
from .batch_filling import check_batch_claims
from .call_record import CallRecord
from .next_poll import Pacing, PollAgain, next_poll
from .quantiles import Quantiles
from .schedule import Schedule
from .trouble_reports import TroubleReports
from .watched_task import Account, WatchedTask, Watcher

REPLAN_FACTOR = 1.5
"""Factor by which pressure must fall before polls are planned again; near 1, each answer would plan 100,000 of them."""
REPLAN_CHUNK = 500
"""Tasks planned in one iteration of the event loop: a few milliseconds."""

PollResult: TypeAlias = Snapshot | EvolinkError


class Watchlist:
    """All watched tasks, in one queue for each account.

    Args:
        cadence: The user's limits.
        schedule: The learned durations.
        clock: Returns monotonic seconds.
        wake: Called with the due time of a poll whenever one is set.

    Attributes:
        on_forget: Called with the id of each task that is watched no more.
        reports: Tells when polls of a task do not go as usual.
        calls: Whether callbacks of the service arrive.
        lags: For each ended task, the seconds between the last poll that found it running and the end it was found at.
    """

    def __init__(
        self, cadence: Cadence, schedule: Schedule, clock: Callable[[], float], wake: Callable[[float], None]
    ) -> None:
        self.on_forget: Callable[[str], None] = lambda _: None
        self.reports: TroubleReports = TroubleReports()
        self.lags: Quantiles = Quantiles()
        self.calls: CallRecord = CallRecord()
        self._cadence = cadence
        self._pacing = Pacing(cadence, schedule, calls=self.calls)
        self._clock = clock
        self._wake = wake
        self._entries: dict[str, WatchedTask] = {}
        self._queues: dict[Account | None, AccountQueue] = {}
        self._planned_pressure = 1.0
        self._last_watchers: tuple[Watcher, ...] = ()
        self._hinted: set[WatchedTask] = set()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, task_id: object) -> bool:
        return task_id in self._entries

    @property
    def pressure(self) -> float:
        """Factor by which polls are moved apart because the request budget is limited; 1 if it is not."""
        return self._pacing.pressure

    def __iter__(self) -> Iterator[WatchedTask]:
        return iter(self._entries.values())

    def watch(
        self,
        task_id: str,
        account: Account,
        watcher: Watcher,
        *,
        duration_class: Hashable = None,
        age: float = 0.0,
        accepted_at: float | None = None,
        estimated: float | None = None,
        credits_reserved: float | None = None,
        within: float | None = None,
        has_callback: bool = False,
    ) -> WatchedTask:
        """Poll a task and call `watcher` with every result, until one ends the watching.

        Watchers of the same task share its polls. The arguments that describe the task count for its first watcher.

        Args:
            task_id: The vendor's id.
            account: The account to ask.
            watcher: Called with each snapshot, or with the error that ends the watching; must not block.
            duration_class: The class of tasks whose durations are learned together.
            age: Seconds since the task was accepted.
            accepted_at: Unix seconds of acceptance; None if unknown.
            estimated: The service's estimate of the whole duration, in seconds.
            credits_reserved: Credits reserved for the task.
            within: Poll within this many seconds, even if the schedule would poll later.
            has_callback: Whether the service calls when the task has ended, so that it is polled seldom.
        """
        entry, now = self._entries.get(task_id), self._clock()
        if entry is None:
            start, held = now - age, credits_reserved or 0.0
            entry = WatchedTask(task_id, account, duration_class, start, estimated, accepted_at, held)
            entry.has_callback = has_callback
            self._entries[task_id] = entry
            account.busy += 1
            delay = self._pacing.interval(entry, now, fill=self._queue_of(entry).fill(entry))
            self._put(entry, delay if within is None else min(delay, within), is_planned=True)
        elif within is not None and entry.bucket is not None and entry.due > now + within:
            self._put(entry, within)
        entry.watchers = (*entry.watchers, watcher) if entry.watchers else self._only(watcher)
        return entry

    def _only(self, watcher: Watcher) -> tuple[Watcher, ...]:
        # The same tuple for tasks in a row, as 100,000 would take megabytes.
        if self._last_watchers[:1] != (watcher,):
            self._last_watchers = (watcher,)
        return self._last_watchers

    def unwatch(self, entry: WatchedTask, watcher: Watcher) -> None:
        """Stop calling `watcher`. A task without watchers is no longer polled."""
        if watcher in (left := list(entry.watchers)):
            left.remove(watcher)
            entry.watchers = tuple(left)
        if not entry.watchers:
            self._forget(entry)

    def hint(self, task_id: str, *, is_callback: bool = False) -> bool:
        """Poll a task soon, because there may be news; return whether it is watched. Repeated hints change nothing."""
        entry, now = self._entries.get(task_id), self._clock()
        if entry is None:
            return False
        entry.called_at = entry.called_at or (now if is_callback else 0.0)
        if entry.bucket is None:
            # A poll is under way that may have begun before the news: the hint counts for the next one.
            self._hinted.add(entry)
        # A task whose polls fail keeps its back-off, and a refused one its remaining polls.
        elif entry.trouble is None:
            soon = max(0.0, entry.known_running_at + self._cadence.min_interval - now)
            if now + soon < entry.due:
                self._put(entry, soon)
        return True

    def poll_once(self, entry: WatchedTask, then: Callable[[], None]) -> bool:
        """Poll a task once more, because somebody's time is up, and call `then` after whatever comes of that poll.

        Return False if it is not polled: it was just now, or the service fails or has asked to wait. If that turns out
        before the poll is sent, `then` is called without it.
        """
        now, queue = self._clock(), self._queue_of(entry)
        is_fresh = now - entry.last_running_at < self._cadence.min_interval
        if is_fresh or queue.outage.is_waiting(now) or entry.task_id not in self._entries:
            return False
        queue.extra_polls.add(entry, then)
        if entry.bucket is not None:
            self._put_first(entry)
        return True

    def _queue_of(self, entry: WatchedTask) -> AccountQueue:
        """Return the queue of the task's account; tasks whose account is unknown share one queue without batches."""
        account = entry.account if entry.account.poll_many is not None else None
        queue = self._queues.get(account)
        if queue is None:
            queue = self._queues[account] = AccountQueue(self._cadence, batches=account is not None)
        return queue

    def _put(self, entry: WatchedTask, delay: float, *, is_planned: bool = False) -> None:
        """Set a task's next poll in `delay` seconds; if the schedule chose the delay, the demand follows from it."""
        due, rate = self._clock() + delay, None
        if is_planned:
            # Times the pressure, which the delay contains already: the demand is what an unlimited budget would serve.
            rate = min(self._pacing.pressure / max(delay, 1e-9), 1 / self._cadence.min_interval)
        self._queue_of(entry).put(entry, due, rate)
        self._wake(due)

    def _forget(self, entry: WatchedTask) -> None:
        if self._entries.get(entry.task_id) is entry:
            del self._entries[entry.task_id]
            self._hinted.discard(entry)
            self._queue_of(entry).drop(entry)
            entry.account.busy -= 1
            self.on_forget(entry.task_id)

    def next_queue(self) -> tuple[AccountQueue | None, float]:
        """Return the queue whose request is next, and when (monotonic seconds); None and infinity if there is none."""
        ready = [(queue, at) for queue in self._queues.values() if (at := queue.ready_at) is not None]
        return min(ready, key=lambda pair: pair[1], default=(None, math.inf))

    def update_pressure(self) -> bool:
        """Compute the pressure from demand and request budget; return whether it fell enough to call `replan`."""
        demand = sum(queue.demand for queue in self._queues.values())
        self._pacing.pressure = max(1.0, demand / self._cadence.polls_per_second)
        self._planned_pressure = max(self._planned_pressure, self._pacing.pressure)
        return self._pacing.pressure < self._planned_pressure / REPLAN_FACTOR

    def replan(self) -> Iterator[None]:
        """Bring polls forward that were planned under a higher pressure; yields after every 500 tasks."""
        self._planned_pressure = self._pacing.pressure
        for number, entry in enumerate(list(self._entries.values()), 1):
            now = self._clock()
            # Polls due within `max_interval` come soon enough anyway, and are planned again then.
            if entry.bucket is not None and entry.due > now + self._cadence.max_interval:
                interval = self._pacing.interval(entry, now, fill=self._queue_of(entry).fill(entry))
                if now + interval < entry.due:
                    self._put(entry, interval, is_planned=True)
            if number % REPLAN_CHUNK == 0:
                yield

    def apply_answer(self, queue: AccountQueue, entries: Sequence[WatchedTask], seen: PollAnswer) -> None:
        """Apply the answer to a status request to each of its tasks, and call their watchers."""
        now = self._clock()
        has_route_failed = queue.record_answer(seen, now, is_batch=len(entries) > 1)
        if isinstance(seen, Mapping):
            self._apply_rows(queue, entries, seen, now)
        elif has_route_failed:
            for entry in entries:
                self._put_first(entry)
        else:
            # One token for the whole request: its tasks fall due together, so one request retries them.
            retry_early = not isinstance(seen, EvolinkError) or queue.take_retry_token()
            for entry in entries:
                self._apply(queue, entry, seen, now, retry_early=retry_early)
        if queue.outage.is_waiting(now):
            for then in queue.extra_polls.take_unsent():
                then()

    def _apply_rows(
        self, queue: AccountQueue, entries: Sequence[WatchedTask], rows: Mapping[str, Snapshot], now: float
    ) -> None:
        """Apply the rows of a batch answer; tasks that it misses, or whose row is not believed, are polled at once."""
        route = queue.route
        # Ends first: what they teach counts for the polls of all others, and one hazard model serves these.
        for entry in sorted(entries, key=lambda one: (row := rows.get(one.task_id)) is None or not row.is_final):
            row = rows.get(entry.task_id)
            if row is not None and route.believes(row):
                self._apply(queue, entry, row, now)
                continue
            # A trusted route whose row is not believed has left out the links: the row counts as missing.
            if row is None or route.is_trusted:
                entry.missing_rows += 1
            else:
                entry.reported_end = row.state
            self._put_first(entry)

    def _put_first(self, entry: WatchedTask) -> None:
        """Poll a task again, before all tasks that have become due since."""
        if entry.watchers:
            self._put(entry, min(0.0, entry.due - self._clock()))

    def _apply(
        self, queue: AccountQueue, entry: WatchedTask, seen: PollResult, now: float, *, retry_early: bool = True
    ) -> None:
        if not entry.watchers:
            return
        if isinstance(seen, Snapshot):
            check_batch_claims(queue.route, entry, seen)
        self.reports.note(entry, seen, now)
        step = next_poll(entry, seen, now, self._pacing, fill=queue.fill(entry), retry_early=retry_early)
        is_end = not isinstance(step, PollAgain)
        heard = queue.extra_polls.take(entry, is_end=is_end)
        if isinstance(step, PollAgain):
            self._put(entry, step.delay, is_planned=step.is_planned)
            # A final snapshot that is polled again lacks its links: watchers see it once it is complete.
            if isinstance(seen, Snapshot) and not seen.is_final:
                self._call_watchers(entry, seen)
            if self._hinted or entry in queue.extra_polls:
                self._hurry_on(queue, entry)
        else:
            self._end(entry, step)
            self._call_watchers(entry, step)
        for then in heard:
            then()

    def _hurry_on(self, queue: AccountQueue, entry: WatchedTask) -> None:
        """Poll again what was wanted while the last poll was under way."""
        if entry in self._hinted:
            self._hinted.discard(entry)
            self.hint(entry.task_id)
        if entry in queue.extra_polls:
            self._put_first(entry)

    def _end(self, entry: WatchedTask, last: PollResult) -> None:
        if isinstance(last, Snapshot):
            self.lags.add(entry.lag)
            self._pacing.learn(entry, last)
        self._forget(entry)

    def _call_watchers(self, entry: WatchedTask, seen: PollResult) -> None:
        for watcher in entry.watchers:
            watcher(entry, seen)
