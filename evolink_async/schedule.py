"""When to look next: learned from the tasks that finished, and never blind.

Pure arithmetic. For a task with hazard h(t), the chance to finish now given it has not, the best rate of looks is
proportional to sqrt(h(t)). So looks stand where the integral of sqrt(h) has grown by a fixed step, and the step says
what a look is worth. The hazard comes from a histogram of log durations per shape, over a wide prior around the
service's own estimate.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Hashable
from functools import lru_cache

from .limits import Cadence

STEP = 0.05  # a bin covers 5 % of a duration
BINS = 228  # from 1 second to 24 hours
PRICE = 0.5  # seconds of lag that one look is worth
PRIOR_WEIGHT = 3.0  # the prior counts like three finished tasks
PRIOR_SPREAD = 0.6  # sd of the log: the estimate may be off by a factor of two
FLOOR = 0.04  # share of the prior spread evenly, so that no estimate can blind us
FADING = 1 - 1 / 100  # an old duration counts less with each new one: durations drift
DEFAULT_ESTIMATE = 120.0  # seconds; what the vendor's pages show
KERNEL = ((-2, 1 / 9), (-1, 2 / 9), (0, 3 / 9), (1, 2 / 9), (2, 1 / 9))


class Schedule:
    """Says when to look at a task next, and learns from how long tasks took.

    Args:
        cadence: The user's bounds; only `first_look`, `min_interval` and `max_interval` are used.
    """

    def __init__(self, cadence: Cadence) -> None:
        self._cadence = cadence
        self._counts: dict[Hashable, list[float]] = {}
        self._plans: dict[tuple[Hashable, float], list[float]] = {}

    def observe(self, shape: Hashable, duration: float) -> None:
        """Learn that a task of this shape took `duration` seconds.

        Pass the middle of the interval in which it ended, (last "not yet" + first "done") / 2: the time of detection
        alone would teach the schedule its own delay.
        """
        counts = [old * FADING for old in self._counts.get(shape) or [0.0] * BINS]
        for offset, share in KERNEL:
            counts[min(max(_bin(duration) + offset, 0), BINS - 1)] += share
        self._counts[shape] = counts
        for plan in [plan for plan in self._plans if plan[0] == shape]:
            del self._plans[plan]

    def next_look(
        self,
        shape: Hashable,
        elapsed: float,
        estimated: float | None = None,
        progress: float | None = None,
        pressure: float = 1.0,
    ) -> float:
        """Seconds from now until the next look.

        Args:
            shape: What kind of task, as model, quality and seconds.
            elapsed: Seconds since the task was accepted.
            estimated: The service's estimate of the whole time, in seconds.
            progress: Percent done, when it moved since the last look; stands in for the estimate until tasks of
                this shape have been seen to finish.
            pressure: 1 when looks are affordable; more spreads them out.

        Returns:
            At least `min_interval`; at most `max_interval` times `pressure`, or what is left until `first_look`, or a
            tenth of the elapsed time, whichever is longest.
        """
        cadence = self._cadence
        longest = max(cadence.max_interval * pressure, cadence.first_look - elapsed, 0.1 * elapsed)
        guess = estimated or DEFAULT_ESTIMATE
        if progress is not None and 3 <= progress < 100 and shape not in self._counts:
            guess = elapsed * 100 / progress
        plan = self._plan(shape, _bin_middle(_bin(guess)))
        goal = _at(plan, elapsed) + pressure * math.sqrt(2 * PRICE)
        return min(max(_reach(plan, goal) - elapsed, cadence.min_interval), longest)

    def _plan(self, shape: Hashable, estimated: float) -> list[float]:
        """The integral of sqrt(hazard) up to each bin's edge."""
        plan = self._plans.get((shape, estimated))
        if plan is None:
            counts = self._counts.get(shape) or [0.0] * BINS
            weight = max(sum(counts), 1e-9)
            prior = _prior(estimated)
            mass = [c + PRIOR_WEIGHT * p for c, p in zip(counts, prior, strict=True)]
            plan = self._plans[shape, estimated] = _integrate(mass, weight + PRIOR_WEIGHT)
        return plan


def _integrate(mass: list[float], left: float) -> list[float]:
    plan = [0.0]
    for index, share in enumerate(mass):
        width = math.exp((index + 1) * STEP) - math.exp(index * STEP)
        plan.append(plan[-1] + math.sqrt(max(share, 0.0) / max(left - share / 2, 1e-12) * width))
        left -= share
    return plan


@lru_cache(maxsize=BINS)
def _prior(estimated: float) -> tuple[float, ...]:
    middle = math.log(estimated)
    bell = [math.exp(-0.5 * (((index + 0.5) * STEP - middle) / PRIOR_SPREAD) ** 2) for index in range(BINS)]
    total = sum(bell)
    return tuple((1 - FLOOR) * height / total + FLOOR / BINS for height in bell)


def _bin(duration: float) -> int:
    return min(int(math.log(max(duration, 1.0)) / STEP), BINS - 1)


def _bin_middle(index: int) -> float:
    return math.exp((index + 0.5) * STEP)


def _at(plan: list[float], elapsed: float) -> float:
    """The plan at `elapsed`, between two edges by the log of time."""
    place = math.log(max(elapsed, 1.0)) / STEP
    index = min(int(place), BINS - 1)
    return plan[index] + (plan[index + 1] - plan[index]) * min(place - index, 1.0)


def _reach(plan: list[float], goal: float) -> float:
    """When the plan reaches `goal`, in seconds since acceptance; infinity when it never does."""
    index = bisect_left(plan, goal)
    if index > BINS:
        return math.inf
    if index == 0:
        return 1.0
    share = (goal - plan[index - 1]) / max(plan[index] - plan[index - 1], 1e-12)
    return math.exp((index - 1 + share) * STEP)
