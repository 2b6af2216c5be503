"""When a running task is polled next, from the durations of tasks that finished.

The clock is an argument; nothing waits. What errors and refusals lead to is in `next_poll`.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from typing import cast

from ..settings import Cadence
from .duration_learning import FAMILY_REACH, Histogram, LearnedDurations

# The gateway asks its provider for every row, so a row is not free even in a full batch.
ROW_SHARE = 0.1
"""Share of the price of a status request that each row costs, however many rows share the request."""
# Source: the estimate in the examples of the vendor's pages.
DEFAULT_ESTIMATE = 120.0
"""Seconds, for a task without an estimate."""
# With learned durations that vary by 35 %, 0.9 costs 0.2 polls a task and finds an end without its callback 52 s late
# in the median; 0.99 costs 0.04 polls, and 114 s.
SAFETY_SHARE = 0.9
"""Share of the tasks that have ended by the time at which one that has a callback is polled."""
SAFETY_FACTOR = 10
"""Factor by which two polls of such a task may be further apart than `max_interval`."""
SAFETY_AGE = 0.5
"""Share of its age by which two polls of such a task may be apart."""


class Schedule:
    """Decides when to poll a task next, and learns from the durations of finished tasks.

    The shape of a task is its duration class: any hashable value that tasks which take about as long share. The first
    item of a tuple, as the model in (model, quality, seconds), names its family: a class with few tasks starts from
    the durations of its family.

    Args:
        cadence: The limits: `first_look`, `min_interval`, `max_interval` and `look_price`.
        durations: Duration class and seconds of tasks that finished in earlier runs, the oldest first.
    """

    def __init__(self, cadence: Cadence, durations: Iterable[tuple[Hashable, float]] = ()) -> None:
        self._cadence = cadence
        self._step = math.sqrt(2 * cadence.look_price)
        self._classes: dict[Hashable, LearnedDurations] = {}
        self._families: dict[Hashable, Histogram] = {}
        for shape, duration in durations:
            self.observe(shape, duration)

    def observe(self, shape: Hashable, duration: float) -> None:
        """Learn the duration of a finished task. Values that are negative, infinite or NaN are ignored.

        Args:
            shape: The duration class of the task.
            duration: Seconds from acceptance to the middle of the interval in which the task ended, (last poll that
                found it running + first poll that found it finished) / 2. The later time alone would teach the
                schedule its own delay.
        """
        if 0 <= duration < math.inf:
            self._learned(shape).add(duration)

    def next_look(
        self,
        shape: Hashable,
        elapsed: float,
        estimated: float | None = None,
        progress: float | None = None,
        pressure: float = 1.0,
        fill: float = 1.0,
    ) -> float:
        """Return the seconds from now until the next poll.

        Args:
            shape: The duration class of the task, as (model, quality, seconds).
            elapsed: Seconds since the task was accepted.
            estimated: The service's estimate of the whole duration, in seconds; None stands for 120 s.
            progress: Percent done, if it has changed since the last poll; None if not, as it tells nothing new.
            pressure: 1 while the request budget suffices; above 1, polls move apart.
            fill: Number of tasks, at least 1, that share the status request. More tasks make a poll cheaper, so it
                comes sooner.

        Returns:
            At least `min_interval`; at most the largest of `max_interval` times `pressure`, the time left until
            `first_look`, and a tenth of `elapsed`.
        """
        cadence = self._cadence
        model = (self._classes.get(shape) or self._learned(shape)).hazard_model(estimated or DEFAULT_ESTIMATE)
        step = pressure * self._step * math.sqrt(ROW_SHARE + (1 - ROW_SHARE) / max(fill, 1.0))
        # Less than 3 % would put the end far away, 100 % would put it here and now: neither is a prediction.
        if progress is not None and 3 <= progress <= 99:
            due = model.reach_with(elapsed, step, progress)
        else:
            due = model.reach(elapsed, step)
        longest = max(cadence.max_interval * pressure, cadence.first_look - elapsed, 0.1 * elapsed)
        return min(max(due - elapsed, cadence.min_interval), longest)

    def safety_look(
        self, shape: Hashable, elapsed: float, estimated: float | None = None, pressure: float = 1.0
    ) -> float:
        """Return the seconds until the next poll of a task whose end a callback will tell, should the callback be lost.

        Args:
            shape: The duration class of the task.
            elapsed: Seconds since the task was accepted.
            estimated: The service's estimate of the whole duration, in seconds; None stands for 120 s.
            pressure: As in `next_look`.

        Returns:
            At least `max_interval`; at most ten times that, or half of `elapsed` if that is more.
        """
        model = (self._classes.get(shape) or self._learned(shape)).hazard_model(estimated or DEFAULT_ESTIMATE)
        longest = max(SAFETY_FACTOR * self._cadence.max_interval * pressure, SAFETY_AGE * elapsed)
        return min(max(model.quantile(elapsed, SAFETY_SHARE) - elapsed, self._cadence.max_interval), longest)

    def expected_end(self, shape: Hashable, elapsed: float, estimated: float | None = None) -> float:
        """Return the seconds since acceptance by which half of the tasks like a running one have ended.

        Args:
            shape: The duration class of the task.
            elapsed: Seconds since the task was accepted.
            estimated: The service's estimate of the whole duration, in seconds; None stands for 120 s.
        """
        model = (self._classes.get(shape) or self._learned(shape)).hazard_model(estimated or DEFAULT_ESTIMATE)
        return max(model.quantile(elapsed, 0.5), elapsed)

    def _learned(self, shape: Hashable) -> LearnedDurations:
        learned = self._classes.get(shape)
        if learned is None:
            family: Histogram | None = None
            if isinstance(shape, tuple) and shape:
                family = self._families.setdefault(cast("tuple[Hashable, ...]", shape)[0], Histogram(FAMILY_REACH))
            learned = self._classes[shape] = LearnedDurations(family)
        return learned
