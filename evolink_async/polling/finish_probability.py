"""The hazard of ending over a task's life, and the times at which polls are worth most.

Plain arithmetic: no clock, no random numbers. How durations are counted is in `duration_learning`; the limits that the
user sets are applied in `schedule`.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from operator import neg

from .duration_bins import BINS, EDGES, STEP, WIDTHS, position_of

PRIOR_SPREAD = 0.6
"""Standard deviation of the log of a duration around the estimate: it may be wrong by a factor of two."""
# Without a floor, a wrong estimate would leave times without any poll.
PRIOR_FLOOR = 0.04
"""Share of the prior that is spread evenly over all bins."""
# Estimates within 20 % give the same prior: the spread around them is far wider.
ESTIMATE_BINS = 4
"""Bins that are treated as one estimate."""
# 0.8 gains more where progress is accurate, and loses more where it is not.
PROGRESS_WEIGHT = 0.5
"""Weight of the end that progress predicts, against the learned durations."""
SQRT_HALF = math.sqrt(0.5)


class HazardModel:
    """When tasks of one class end, and where polls are worth most.

    The hazard h(t) is the chance that a task ends now, given that it has not ended yet. The best rate of polls is
    proportional to sqrt(h(t)). So polls are placed where the integral of sqrt(h) has grown by a fixed step; the size
    of the step follows from the price of a poll.

    Args:
        mass: Weight of an end in each bin, above 0, in any unit.
    """

    __slots__ = ("_integral", "_survival")

    def __init__(self, mass: Sequence[float]) -> None:
        self._survival = [*accumulate(reversed(mass), initial=0.0)][::-1]
        # `_survival` has one entry more than there are bins, so the lengths differ on purpose.
        bins = zip(mass, self._survival, WIDTHS, strict=False)
        steps = (math.sqrt(ending / (alive - ending / 2) * width) for ending, alive, width in bins)
        self._integral = [*accumulate(steps, initial=0.0)]

    def reach(self, elapsed: float, step: float) -> float:
        """Return the seconds since acceptance at which the integral has grown by `step`; infinity if it never does."""
        integral = self._integral
        index, share = position_of(elapsed)
        goal = integral[index] + (integral[index + 1] - integral[index]) * share + step
        index = bisect_left(integral, goal, index)
        if index > BINS:
            return math.inf
        before = integral[index - 1]
        return math.exp((index - 1 + (goal - before) / (integral[index] - before)) * STEP)

    def quantile(self, elapsed: float, share: float) -> float:
        """Return the seconds since acceptance by which `share` of the tasks that still run at `elapsed` have ended."""
        index, part = position_of(elapsed)
        alive = self._survival[index] + (self._survival[index + 1] - self._survival[index]) * part
        # Survival falls, and `bisect` takes only what rises.
        return EDGES[bisect_left(self._survival, -alive * (1 - share), index, key=neg)]

    def reach_with(self, elapsed: float, step: float, progress: float) -> float:
        """Do the same for a task that reports `progress` percent.

        Two distributions of the end are mixed, each given that the task still runs: the learned one, and a lognormal
        around the end that the progress predicts, which is narrower the nearer that end is.
        """
        index, share = position_of(elapsed)
        start, alive = max(elapsed, 1.0), 1.0
        end, scale = math.log(start * 100 / progress), SQRT_HALF / (0.08 + 0.4 * (1 - progress / 100))
        survival = self._survival[index] + (self._survival[index + 1] - self._survival[index]) * share
        # After 24 h nothing of the learned distribution is left: divide by a tiny number, not by zero.
        learned = (1 - PROGRESS_WEIGHT) / max(survival, 1e-300)
        predicted = PROGRESS_WEIGHT / math.erfc((math.log(start) - end) * scale)
        for edge in range(index + 1, BINS + 1):
            alive_after = learned * self._survival[edge] + predicted * math.erfc((edge * STEP - end) * scale)
            width = max(EDGES[edge] - start, 0.0)
            growth = math.sqrt(max(alive - alive_after, 0.0) / (alive + alive_after) * 2 * width)
            if growth >= step:
                return start + width * step / growth
            step, alive, start = step - growth, alive_after, EDGES[edge]
        return math.inf


@lru_cache(maxsize=BINS)
def prior(estimate: int) -> tuple[float, ...]:
    """Return the distribution of the end when only an estimate is known: wide, and nowhere 0.

    Args:
        estimate: Bin of the estimated duration, divided by `ESTIMATE_BINS`.
    """
    middle = (estimate + 0.5) * ESTIMATE_BINS
    bell = [math.exp(-0.5 * ((index + 0.5 - middle) * STEP / PRIOR_SPREAD) ** 2) for index in range(BINS)]
    total = sum(bell)
    return tuple((1 - PRIOR_FLOOR) * height / total + PRIOR_FLOOR / BINS for height in bell)
