"""Tasks that have a callback are polled seldom, as long as callbacks arrive."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from evolink_async.polling import Schedule, WatchedTask, Watchlist
from evolink_async.polling.call_record import CALL_GRACE, LOST_CALLS, CallRecord
from evolink_async.settings import Cadence
from evolink_async.task import Snapshot
from tests.polling.test_next_poll import Nobody

CADENCE = Cadence()
URLS = ("https://example.com/v.mp4",)


@attrs.define
class Tasks:
    """Watched tasks on a clock that is moved by hand, and the results of their polls."""

    now: float = 1000.0
    schedule: Schedule = attrs.field(factory=lambda: Schedule(CADENCE))
    watchlist: Watchlist = attrs.field(init=False)
    seen: list[Any] = attrs.field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.watchlist = Watchlist(CADENCE, self.schedule, lambda: self.now, lambda due: None)

    def watch(self, task_id: str, *, has_callback: bool = True) -> WatchedTask:
        """Watch a task that was accepted now."""
        return self.watchlist.watch(
            task_id, Nobody(), self._heard, duration_class="wan", accepted_at=1.0, has_callback=has_callback
        )

    def _heard(self, entry: WatchedTask, seen: object) -> None:
        self.seen.append(seen)

    def poll(self, state: str) -> WatchedTask:
        """Move the clock to the next poll, and have it show this state."""
        queue, at = self.watchlist.next_queue()
        assert queue is not None
        self.now = max(self.now, at)
        [entry] = queue.take(self.now)
        entry.polled_at, entry.polls = self.now, entry.polls + 1
        self.watchlist.apply_answer(queue, [entry], Snapshot(task_id=entry.task_id, state=state, urls=URLS))
        return entry


def test_a_task_with_a_callback_is_polled_late():
    """Once nine of ten such tasks have ended; without a callback, long before."""
    tasks = Tasks()
    for _ in range(50):
        tasks.schedule.observe("wan", 200.0)
    with_callback, without = tasks.watch("a"), tasks.watch("b", has_callback=False)
    assert without.due - tasks.now <= 60
    assert 200 < with_callback.due - tasks.now <= 300


def test_a_callback_is_the_end_for_the_figures():
    """The lag counts from the callback, and the duration that is learned is that of the task."""
    tasks = Tasks()
    entry = tasks.watch("a")
    tasks.now += 150
    tasks.watchlist.hint("a", is_callback=True)
    assert entry.due == tasks.now
    tasks.now += 0.25
    tasks.poll("completed")
    assert (entry.lag, entry.ended_at) == (0.25, 1150.125)
    assert tasks.watchlist.lags.at(0.5) == pytest.approx(0.25, abs=0.1)


def test_a_callback_that_came_too_early_is_no_end():
    """The task is polled as usual from then on, and its lag counts from the last poll that found it running."""
    tasks = Tasks()
    entry = tasks.watch("a")
    tasks.now += 20
    tasks.watchlist.hint("a", is_callback=True)
    tasks.poll("processing")
    assert entry.due - tasks.now <= 60
    while tasks.now < 1100:
        tasks.poll("processing")
    running = entry.last_running_at
    tasks.poll("completed")
    assert entry.lag == tasks.now - running


def test_a_hint_of_the_user_is_no_callback():
    """It brings the poll forward, and the callback is still missing when that poll finds the end."""
    tasks = Tasks()
    for number in range(LOST_CALLS):
        entry = tasks.watch(f"t{number}")
        tasks.watchlist.hint(f"t{number}")
        assert entry.awaits_call
        tasks.poll("completed")
    assert not tasks.watchlist.calls.is_trusted(tasks.now + CALL_GRACE)


def test_after_three_ends_without_their_callback_tasks_are_polled_as_usual():
    """Not at once, as a callback may be on its way; and with the next callback they are polled seldom again."""
    tasks = Tasks()
    for number in range(LOST_CALLS):
        tasks.watch(f"t{number}")
        tasks.poll("completed")
        assert not tasks.watchlist.calls.were_lost(tasks.now)
    tasks.now += CALL_GRACE
    going = tasks.watch("going")
    assert tasks.watchlist.calls.were_lost(tasks.now)
    assert not tasks.watchlist.calls.were_lost(tasks.now), "it is told once"
    assert going.due - tasks.now <= 60
    tasks.watchlist.calls.arrived()
    assert tasks.watch("next").due - tasks.now > 60
    assert not tasks.watchlist.calls.were_lost(tasks.now)


def test_while_a_callback_is_missing_polls_are_not_far_off():
    """So that it is found out whether more are missing."""
    tasks = Tasks()
    tasks.watch("a")
    slow = tasks.watch("b")
    tasks.poll("completed")
    tasks.poll("processing")
    assert slow.due - tasks.now <= 30
    tasks.watchlist.calls.arrived()
    assert tasks.watch("c").due - tasks.now > 60


def test_polls_come_forward_when_callbacks_are_lost():
    """Those that were planned in trust."""
    tasks = Tasks()
    entries = [tasks.watch(f"t{number}") for number in range(10)]
    for _ in range(LOST_CALLS):
        tasks.watchlist.calls.missed(tasks.now)
    tasks.now += CALL_GRACE
    assert tasks.watchlist.calls.were_lost(tasks.now)
    for _ in tasks.watchlist.replan():
        pass
    assert all(entry.due - tasks.now <= 60 for entry in entries)


def test_a_callback_in_between_is_trust():
    """One that arrives, for whatever task, shows that the way is open."""
    record = CallRecord()
    for _ in range(LOST_CALLS - 1):
        record.missed(1.0)
    record.arrived()
    for _ in range(LOST_CALLS - 1):
        record.missed(2.0)
    assert record.is_trusted(1e6)
    record.missed(3.0)
    assert not record.is_trusted(1e6)


def lives(middle: float, spread: float) -> Iterator[float]:
    """Durations of tasks, always the same."""
    rng = random.Random(7)
    while True:
        yield middle * math.exp(rng.gauss(0, spread))


@pytest.mark.parametrize("is_learned", [False, True])
@pytest.mark.parametrize(
    ("middle", "spread", "most"), [(120, 0.35, 0.4), (120, 0.6, 0.4), (40, 0.35, 0.4), (360, 0.35, 1)]
)
def test_callbacks_that_arrive_leave_few_polls(is_learned, middle, spread, most):
    """With the one after the callback, less than two a task, also where the estimate is wrong by a factor of three."""
    schedule, durations = Schedule(CADENCE), lives(middle, spread)
    for _ in range(200 if is_learned else 0):
        schedule.observe("wan", next(durations))
    polls = 0
    for _ in range(1000):
        end, now = next(durations), 0.0
        while (now := now + schedule.safety_look("wan", now, 120.0)) < end:
            polls += 1
    assert polls / 1000 <= most
