"""The tasks that are watched: who is told of each, when it is looked at next, what a look leads to.

It decides and does not wait: the clock is an argument, and whoever asks the service is the `poller`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import TypeAlias

from ..errors import EvolinkError
from ..settings import Cadence
from ..task import Snapshot, TaskState
from .account_queue import AccountQueue, PollAnswer
from .next_poll import Pacing, PollAgain, after_poll
from .quantiles import Quantiles
from .schedule import Schedule
from .watched_task import Account, WatchedTask, Watcher

EASED = 1.5
"""By how much pressure must fall before looks are planned anew."""
CHUNK = 500
"""Tasks planned anew in one turn of the event loop: some milliseconds."""

PollResult: TypeAlias = Snapshot | EvolinkError


class Watchlist:
    """Every watched task, by lanes of those that can share a request.

    Args:
        cadence: The user's bounds.
        schedule: What is known of durations.
        clock: Monotonic seconds.
        wake: Told when something is to be looked at, whenever that is put down.

    Attributes:
        lags: How late ends were noticed at most.
    """

    def __init__(
        self, cadence: Cadence, schedule: Schedule, clock: Callable[[], float], wake: Callable[[float], None]
    ) -> None:
        self.lags = Quantiles()
        self._cadence = cadence
        self._pacing = Pacing(cadence, schedule)
        self._clock = clock
        self._wake = wake
        self._entries: dict[str, WatchedTask] = {}
        self._queues: dict[Account | None, AccountQueue] = {}
        self._planned_under = 1.0
        self._last: tuple[Watcher, ...] = ()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def pressure(self) -> float:
        """How much further apart looks stand than they would if requests were not limited."""
        return self._pacing.pressure

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
        duration_class: Hashable = None,
        age: float = 0.0,
        accepted_at: float | None = None,
        estimated: float | None = None,
        credits_reserved: float | None = None,
        within: float | None = None,
    ) -> WatchedTask:
        """Tell `watcher` every look at a task from now on, until one ends it. Watchers of one task share its looks.

        Args:
            task_id: The vendor's id.
            session: The account to ask.
            watcher: Called with each snapshot, or with the error that ends the watching; must not wait.
            duration_class: What durations are learned by.
            age: Seconds since it was accepted.
            accepted_at: Unix seconds of acceptance, when known.
            estimated: The service's estimate in seconds.
            credits_reserved: Credits held for it.
            within: Look within so many seconds, if the schedule would look later.
        """
        entry, now = self._entries.get(task_id), self._clock()
        if entry is None:
            entry = WatchedTask(
                task_id, session, duration_class, now - age, estimated, accepted_at, credits_reserved or 0.0
            )
            self._entries[task_id] = entry
            session.busy += 1
            delay = self._pacing.gap(entry, now, fill=self._queue_of(entry).fill(entry))
            self._put(entry, delay if within is None else min(delay, within), is_planned=True)
        elif within is not None and entry.bucket is not None and entry.due > now + within:
            self._put(entry, within)
        entry.watchers = (*entry.watchers, watcher) if entry.watchers else self._alone(watcher)
        return entry

    def _alone(self, watcher: Watcher) -> tuple[Watcher, ...]:
        """The watcher by itself: one tuple for all the tasks that it watches in a row."""
        if not self._last or self._last[0] is not watcher:
            self._last = (watcher,)
        return self._last

    def unwatch(self, entry: WatchedTask, watcher: Watcher) -> None:
        """Tell `watcher` nothing more; a task that nobody watches is not looked at."""
        left = list(entry.watchers)
        if watcher in left:
            left.remove(watcher)
            entry.watchers = tuple(left)
        if not entry.watchers:
            self._forget(entry)

    def hint(self, task_id: str) -> bool:
        """Look at a task soon, as there may be news of it; tells whether it is watched. Too many hints do no harm."""
        entry = self._entries.get(task_id)
        if entry is not None and entry.bucket is not None and not (entry.faults or entry.denials):
            soon = max(0.0, entry.last_news + self._cadence.min_interval - self._clock())
            if self._clock() + soon < entry.due:
                self._put(entry, soon)
        return entry is not None

    def _queue_of(self, entry: WatchedTask) -> AccountQueue:
        """Where a task stands: with the others of its account, if that can be asked for many at once."""
        account = entry.session if entry.session.poll_many is not None else None
        queue = self._queues.get(account)
        if queue is None:
            queue = self._queues[account] = AccountQueue(self._cadence, batches=account is not None)
        return queue

    def _put(self, entry: WatchedTask, delay: float, *, is_planned: bool = False) -> None:
        """Look at a task in `delay` seconds; if that is its turn, its share of the demand follows from it."""
        due, rate = self._clock() + delay, None
        if is_planned:
            rate = min(self._pacing.pressure / max(delay, 1e-9), 1 / self._cadence.min_interval)
        self._queue_of(entry).put(entry, due, rate)
        self._wake(due)

    def _forget(self, entry: WatchedTask) -> None:
        if self._entries.get(entry.task_id) is entry:
            del self._entries[entry.task_id]
            self._queue_of(entry).drop(entry)
            entry.session.busy -= 1

    # --- whom to ask

    def soonest(self) -> tuple[AccountQueue | None, float]:
        """Whom to ask next, and when; infinitely late while there is nobody."""
        ready = [(at, queue) for queue in self._queues.values() if (at := queue.ready_at) is not None]
        at, queue = min(ready, key=lambda pair: pair[0], default=(math.inf, None))
        return queue, at

    def press(self) -> bool:
        """Weigh the demand against the budget; tells whether it has eased so much that looks are to be planned anew."""
        wanted = sum(queue.demand for queue in self._queues.values())
        self._pacing.pressure = max(1.0, wanted / self._cadence.polls_per_second)
        self._planned_under = max(self._planned_under, self._pacing.pressure)
        return self._pacing.pressure < self._planned_under / EASED

    def replan(self) -> Iterator[None]:
        """Bring forward what was put far off under a pressure that has eased since, some tasks at each step."""
        self._planned_under = self._pacing.pressure
        for number, entry in enumerate(list(self._entries.values()), 1):
            now = self._clock()
            if entry.bucket is not None and entry.due > now + self._cadence.max_interval:
                gap = self._pacing.gap(entry, now, fill=self._queue_of(entry).fill(entry))
                if now + gap < entry.due:
                    self._put(entry, gap, is_planned=True)
            if number % CHUNK == 0:
                yield

    # --- what an answer means for the tasks asked for

    def note_answer(self, queue: AccountQueue, entries: Sequence[WatchedTask], seen: PollAnswer) -> None:
        """Act on an answer, task by task; their watchers are told."""
        now = self._clock()
        reads_singly = queue.note_answer(seen, now, is_batch=len(entries) > 1)
        if isinstance(seen, Mapping):
            self._apply_rows(queue, entries, seen, now)
        elif reads_singly:
            for entry in entries:
                self._put_back(entry)
        else:
            in_haste = not isinstance(seen, EvolinkError) or queue.take_retry_token()
            for entry in entries:
                self._apply(queue, entry, seen, now, in_haste=in_haste)

    def _apply_rows(
        self, queue: AccountQueue, entries: Sequence[WatchedTask], rows: Mapping[str, Snapshot], now: float
    ) -> None:
        """What an answer about many does not tell of, or is not believed, is read singly at once."""
        for entry in entries:
            row = rows.get(entry.task_id)
            if row is not None and _is_believed(row, queue):
                self._apply(queue, entry, row, now)
                continue
            if row is None or queue.route.is_trusted:
                entry.misses += 1
            else:
                entry.reported_end = row.state
            self._put_back(entry)

    def _put_back(self, entry: WatchedTask) -> None:
        """Look at a task again, before all that has become due since."""
        if entry.watchers:
            self._put(entry, min(0.0, entry.due - self._clock()))

    def _apply(
        self, queue: AccountQueue, entry: WatchedTask, seen: PollResult, now: float, *, in_haste: bool = True
    ) -> None:
        if not entry.watchers:
            return
        if isinstance(seen, Snapshot):
            _compare(queue, entry, seen)
        step = after_poll(entry, seen, now, self._pacing, fill=queue.fill(entry), in_haste=in_haste)
        if not isinstance(step, PollAgain):
            self._end(entry, step)
            self._tell(entry, step)
            return
        self._put(entry, step.delay, is_planned=step.is_planned)
        if isinstance(seen, Snapshot) and not seen.is_final:
            self._tell(entry, seen)

    def _end(self, entry: WatchedTask, last: PollResult) -> None:
        if isinstance(last, Snapshot):
            self.lags.add(entry.lag)
            if last.state == TaskState.COMPLETED and entry.accepted_at is not None:
                self._pacing.schedule.observe(
                    entry.duration_class, (entry.last_news + entry.finished) / 2 - entry.since
                )
        self._forget(entry)

    def _tell(self, entry: WatchedTask, news: PollResult) -> None:
        for watcher in entry.watchers:
            watcher(entry, news)


def _is_believed(row: Snapshot, queue: AccountQueue) -> bool:
    """Whether a row of a batch answer is as good as a single read: a first end is not, nor one without its links."""
    if not row.is_final:
        return True
    return queue.route.is_trusted and (row.state != TaskState.COMPLETED or bool(row.urls))


def _compare(queue: AccountQueue, entry: WatchedTask, seen: Snapshot) -> None:
    """Note what a single read says of what a batch read said, or did not say."""
    if entry.reported_end is not None:
        queue.route.confirmed(entry.reported_end, seen.state)
        entry.reported_end = None
    if entry.misses == 1:
        entry.misses = 2
