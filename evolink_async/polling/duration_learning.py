"""What is known of durations: a histogram of their logs, and the integral of sqrt(hazard) that looks are spaced along.

Plain arithmetic; no clock, no dice, and none of the user's bounds, which `schedule` keeps.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate

STEP = 0.05  # a bin covers 5 % of a duration; 10 % would cost 5 % of efficiency where durations hardly vary
BINS = 228  # from 1 second to 24 hours
EDGES = tuple(math.exp(index * STEP) for index in range(BINS + 1))
WIDTHS = tuple(EDGES[index + 1] - EDGES[index] for index in range(BINS))
REACH = 2  # bins either side over which a duration counts; 1 and 4 are worse where there are few
MEMORY = 150  # tasks; durations drift slowly, so an old one counts less with each new one
HUGE = 1e9  # weights are brought back to 1 before they lose digits
RECENT = 8  # tasks that show a change
DOUBT = 6.0  # log of the odds at which a change is believed: after about six tasks
STRAY = 0.01  # share of tasks that may end in any bin, so that one of them alone raises no doubt
PRIOR_SPREAD = 0.6  # sd of the log: the estimate may be off by a factor of two
FLOOR = 0.04  # share of the prior spread evenly, so that no estimate can blind us
ESTIMATE_BINS = 4  # estimates within 20 % are one: the prior around them is far wider
BELIEF = 0.5  # share of what progress says; 0.8 gains more from the truth and loses more to lies
HALF = math.sqrt(0.5)


class Histogram:
    """Durations seen, the newer ones counting more.

    The weight of new ones grows, instead of all old ones being faded at each: adding costs a microsecond or two.

    Args:
        reach: Bins either side over which a duration counts.
    """

    __slots__ = ("_counts", "_kernel", "_total", "_weight", "seen")

    def __init__(self, reach: int = REACH) -> None:
        self._kernel = _kernel(reach)
        self._counts = [0.0] * BINS
        self._total = 0.0
        self._weight = 1.0
        self.seen = 0

    @property
    def tasks(self) -> float:
        """How many tasks it stands for; at most `MEMORY`."""
        return self._total / self._weight

    def add(self, place: int) -> None:
        """Count a task that ended in this bin."""
        self._weight *= MEMORY / (MEMORY - 1)
        for offset, share in self._kernel:
            self._counts[min(max(place + offset, 0), BINS - 1)] += share * self._weight
        self._total += self._weight
        self.seen += 1
        if self._weight > HUGE:
            self._counts = [count / HUGE for count in self._counts]
            self._total, self._weight = self._total / HUGE, self._weight / HUGE

    def share(self, place: int) -> float:
        """Which part of the tasks ended in this bin."""
        return self._counts[place] / (self._total or 1.0)

    def mass(self, tasks: float) -> list[float]:
        """The same for all bins, times so many tasks."""
        scale = tasks / (self._total or 1.0)
        return [count * scale for count in self._counts]


class DriftDetector:
    """Notices that durations have changed for good: the last few foretell the next far better than the whole does.

    It adds up log ratios and never falls below 0, so a stray duration is forgiven and a run of them is not.

    Attributes:
        last: The bins of the last few tasks, the oldest first.
    """

    __slots__ = ("_doubt", "last")

    def __init__(self) -> None:
        self.last: list[int] = []
        self._doubt = 0.0

    def notice(self, place: int, share: float) -> bool:
        """Note the bin of the newest task and the share foretold for it; true when all but `last` is history."""
        if self.last:
            recent = sum(_triangle(REACH, place - other) for other in self.last) / len(self.last)
            self._doubt = max(0.0, self._doubt + math.log((recent + STRAY) / (share + STRAY)))
        self.last = [*self.last[1 - RECENT :], place]
        if self._doubt < DOUBT:
            return False
        self._doubt = 0.0
        return True


class HazardModel:
    """When tasks of one kind end, as chances, and where looks at them are worth most.

    For a task with hazard h(t), the chance to end now given it has not, the best rate of looks is proportional to
    sqrt(h(t)). So looks stand where the integral of sqrt(h) has grown by a fixed step, and the step says what a look
    is worth.

    Args:
        mass: How likely an end in each bin is, above 0, in any unit.
    """

    __slots__ = ("_alive", "_integral")

    def __init__(self, mass: Sequence[float]) -> None:
        self._alive = [*accumulate(reversed(mass), initial=0.0)][::-1]
        each = zip(mass, self._alive, WIDTHS, strict=False)  # there is one more edge than bins
        steps = (math.sqrt(ending / (left - ending / 2) * width) for ending, left, width in each)
        self._integral = [*accumulate(steps, initial=0.0)]

    def reach(self, elapsed: float, need: float) -> float:
        """Seconds since acceptance at which the integral has grown by `need`; infinity when it never does."""
        integral = self._integral
        index, share = _place(elapsed)
        goal = integral[index] + (integral[index + 1] - integral[index]) * share + need
        index = bisect_left(integral, goal, index)
        if index > BINS:
            return math.inf
        before = integral[index - 1]
        return math.exp((index - 1 + (goal - before) / (integral[index] - before)) * STEP)

    def reach_with(self, elapsed: float, need: float, progress: float) -> float:
        """The same for a task that says it is `progress` percent done: half of it is believed.

        Two densities are mixed, each given "not yet": this one, and a lognormal around the end that progress says, the
        narrower the nearer it is.
        """
        index, share = _place(elapsed)
        start, left = max(elapsed, 1.0), 1.0
        end, scale = math.log(start * 100 / progress), HALF / (0.08 + 0.4 * (1 - progress / 100))
        alive = self._alive[index] + (self._alive[index + 1] - self._alive[index]) * share
        learned, told = (1 - BELIEF) / max(alive, 1e-300), BELIEF / math.erfc((math.log(start) - end) * scale)
        for edge in range(index + 1, BINS + 1):
            after = learned * self._alive[edge] + told * math.erfc((edge * STEP - end) * scale)
            width = max(EDGES[edge] - start, 0.0)
            step = math.sqrt(max(left - after, 0.0) / (left + after) * 2 * width)
            if step >= need:
                return start + width * need / step
            need, left, start = need - step, after, EDGES[edge]
        return math.inf


def _triangle(reach: int, offset: int) -> float:
    """How much of a duration counts in a bin `offset` bins away; together 1."""
    return max(reach + 1 - abs(offset), 0) / (reach + 1) ** 2


@lru_cache
def _kernel(reach: int) -> tuple[tuple[int, float], ...]:
    return tuple((offset, _triangle(reach, offset)) for offset in range(-reach, reach + 1))


def bin_of(duration: float) -> int:
    """The bin of a duration in seconds; the first or last one of whatever lies outside, or is no number."""
    return _place(duration)[0]


def _place(time: float) -> tuple[int, float]:
    """The bin of a time in seconds, and the share of the bin before it; the end of the last bin for any later one."""
    place = math.log(min(max(1.0, time), EDGES[BINS])) / STEP
    index = min(int(place), BINS - 1)
    return index, place - index


@lru_cache(maxsize=BINS)
def prior(estimate: int) -> tuple[float, ...]:
    """Chances when nothing but an estimate is known, in steps of `ESTIMATE_BINS`: wide, and nowhere 0."""
    middle = (estimate + 0.5) * ESTIMATE_BINS
    bell = [math.exp(-0.5 * ((index + 0.5 - middle) * STEP / PRIOR_SPREAD) ** 2) for index in range(BINS)]
    total = sum(bell)
    return tuple((1 - FLOOR) * height / total + FLOOR / BINS for height in bell)
