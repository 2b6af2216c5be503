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
from .account_queue import Answer, Lane
from .after_poll import Again, Tempo, after_look
from .quantiles import Quantiles
from .schedule import Schedule
from .watched_task import Account, InFlight, Watcher

EASED = 1.5
"""By how much pressure must fall before looks are planned anew."""
CHUNK = 500
"""Tasks planned anew in one turn of the event loop: some milliseconds."""

Seen: TypeAlias = Snapshot | EvolinkError


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
        self._tempo = Tempo(cadence, schedule)
        self._clock = clock
        self._wake = wake
        self._entries: dict[str, InFlight] = {}
        self._lanes: dict[Account | None, Lane] = {}
        self._planned_under = 1.0
        self._last: tuple[Watcher, ...] = ()

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
        age: float = 0.0,
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
            age: Seconds since it was accepted.
            accepted_at: Unix seconds of acceptance, when known.
            estimated: The service's estimate in seconds.
            credits_reserved: Credits held for it.
            within: Look within so many seconds, if the schedule would look later.
        """
        entry, now = self._entries.get(task_id), self._clock()
        if entry is None:
            entry = InFlight(task_id, session, shape, now - age, estimated, accepted_at, credits_reserved or 0.0)
            self._entries[task_id] = entry
            session.busy += 1
            delay = self._tempo.gap(entry, now, fill=self._lane(entry).fill(entry))
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

    def unwatch(self, entry: InFlight, watcher: Watcher) -> None:
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

    def _lane(self, entry: InFlight) -> Lane:
        """Where a task stands: with the others of its account, if that can be asked for many at once."""
        account = entry.session if entry.session.poll_many is not None else None
        lane = self._lanes.get(account)
        if lane is None:
            lane = self._lanes[account] = Lane(self._cadence, batches=account is not None)
        return lane

    def _put(self, entry: InFlight, delay: float, *, is_planned: bool = False) -> None:
        """Look at a task in `delay` seconds; if that is its turn, its share of the demand follows from it."""
        due, rate = self._clock() + delay, None
        if is_planned:
            rate = min(self._tempo.pressure / max(delay, 1e-9), 1 / self._cadence.min_interval)
        self._lane(entry).put(entry, due, rate)
        self._wake(due)

    def _forget(self, entry: InFlight) -> None:
        if self._entries.get(entry.task_id) is entry:
            del self._entries[entry.task_id]
            self._lane(entry).drop(entry)
            entry.session.busy -= 1

    # --- whom to ask

    def soonest(self) -> tuple[Lane | None, float]:
        """Whom to ask next, and when; infinitely late while there is nobody."""
        ready = [(at, lane) for lane in self._lanes.values() if (at := lane.ready_at) is not None]
        at, lane = min(ready, key=lambda pair: pair[0], default=(math.inf, None))
        return lane, at

    def press(self) -> bool:
        """Weigh the demand against the budget; tells whether it has eased so much that looks are to be planned anew."""
        wanted = sum(lane.demand for lane in self._lanes.values())
        self._tempo.pressure = max(1.0, wanted / self._cadence.polls_per_second)
        self._planned_under = max(self._planned_under, self._tempo.pressure)
        return self._tempo.pressure < self._planned_under / EASED

    def replan(self) -> Iterator[None]:
        """Bring forward what was put far off under a pressure that has eased since, some tasks at each step."""
        self._planned_under = self._tempo.pressure
        for number, entry in enumerate(list(self._entries.values()), 1):
            now = self._clock()
            if entry.bucket is not None and entry.due > now + self._cadence.max_interval:
                gap = self._tempo.gap(entry, now, fill=self._lane(entry).fill(entry))
                if now + gap < entry.due:
                    self._put(entry, gap, is_planned=True)
            if number % CHUNK == 0:
                yield

    # --- what an answer means for the tasks asked for

    def heard(self, lane: Lane, entries: Sequence[InFlight], seen: Answer) -> None:
        """Act on an answer, task by task; their watchers are told."""
        now = self._clock()
        reads_singly = lane.heard(seen, now, is_batch=len(entries) > 1)
        if isinstance(seen, Mapping):
            self._sort(lane, entries, seen, now)
        elif reads_singly:
            for entry in entries:
                self._put_back(entry)
        else:
            in_haste = not isinstance(seen, EvolinkError) or lane.may_hurry()
            for entry in entries:
                self._digest(lane, entry, seen, now, in_haste=in_haste)

    def _sort(self, lane: Lane, entries: Sequence[InFlight], rows: Mapping[str, Snapshot], now: float) -> None:
        """What an answer about many does not tell of, or is not believed, is read singly at once."""
        for entry in entries:
            row = rows.get(entry.task_id)
            if row is not None and _is_believed(row, lane):
                self._digest(lane, entry, row, now)
                continue
            if row is None or lane.route.is_trusted:
                entry.misses += 1
            else:
                entry.claim = row.state
            self._put_back(entry)

    def _put_back(self, entry: InFlight) -> None:
        """Look at a task again, before all that has become due since."""
        if entry.watchers:
            self._put(entry, min(0.0, entry.due - self._clock()))

    def _digest(self, lane: Lane, entry: InFlight, seen: Seen, now: float, *, in_haste: bool = True) -> None:
        if not entry.watchers:
            return
        if isinstance(seen, Snapshot):
            _compare(lane, entry, seen)
        step = after_look(entry, seen, now, self._tempo, fill=lane.fill(entry), in_haste=in_haste)
        if not isinstance(step, Again):
            self._end(entry, step)
            self._tell(entry, step)
            return
        self._put(entry, step.delay, is_planned=step.is_planned)
        if isinstance(seen, Snapshot) and not seen.is_final:
            self._tell(entry, seen)

    def _end(self, entry: InFlight, last: Seen) -> None:
        if isinstance(last, Snapshot):
            self.lags.add(entry.lag)
            if last.state == TaskState.COMPLETED and entry.accepted_at is not None:
                self._tempo.schedule.observe(entry.shape, (entry.last_news + entry.finished) / 2 - entry.since)
        self._forget(entry)

    def _tell(self, entry: InFlight, news: Seen) -> None:
        for watcher in entry.watchers:
            watcher(entry, news)


def _is_believed(row: Snapshot, lane: Lane) -> bool:
    """Whether a row of a batch answer is as good as a single read: a first end is not, nor one without its links."""
    if not row.is_final:
        return True
    return lane.route.is_trusted and (row.state != TaskState.COMPLETED or bool(row.urls))


def _compare(lane: Lane, entry: InFlight, seen: Snapshot) -> None:
    """Note what a single read says of what a batch read said, or did not say."""
    if entry.claim is not None:
        lane.route.confirmed(entry.claim, seen.state)
        entry.claim = None
    if entry.misses == 1:
        entry.misses = 2
