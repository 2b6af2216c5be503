"""How long the watched tasks will still take, from the durations that the schedule has learned.

Nothing waits; the clock is an argument.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice

import attrs

from .schedule import Schedule
from .watched_task import WatchedTask

SAMPLE = 64
"""Tasks that are looked at: figures are asked for several times a second, and there may be 100,000 tasks."""
LATE_SHARE = 0.95
"""Share of the tasks that have ended by the time that is named: with the very last one it would jump to and fro."""


@attrs.frozen
class TimeLeft:
    """How long tasks take, as far as it is known.

    Attributes:
        seconds: Until nearly all watched tasks have ended.
        each: Median duration of such a task.
    """

    seconds: float
    each: float


def time_left(tasks: Collection[WatchedTask], schedule: Schedule, now: float) -> TimeLeft | None:
    """Return how long watched tasks will still take; None if there are none.

    Args:
        tasks: The watched tasks; of many, a sample of `SAMPLE` is taken.
        schedule: The learned durations.
        now: Monotonic seconds.
    """
    if not tasks:
        return None
    sample = list(islice(tasks, 0, None, max(1, len(tasks) // SAMPLE)))
    ages = [(task, max(0.0, now - task.started_at)) for task in sample]
    durations = sorted(schedule.expected_end(task.duration_class, 0.0, task.estimated) for task in sample)
    each = durations[len(durations) // 2]
    # A task that is later than any before may take for ever; that it takes as long as others is the better guess.
    lefts = sorted(
        min(schedule.expected_end(task.duration_class, age, task.estimated) - age, each) for task, age in ages
    )
    return TimeLeft(lefts[int(LATE_SHARE * (len(lefts) - 1))], each)
