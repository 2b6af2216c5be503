"""How good a schedule is: families of durations, lives of tasks under it, and the best that any schedule could do."""

from __future__ import annotations

import math
import random
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Hashable, Sequence
from functools import cache
from itertools import pairwise
from statistics import fmean

import attrs

from evolink_async.polling import Schedule
from evolink_async.settings import Cadence

CADENCE = Cadence()
PRICES = tuple(1000 / 2**power for power in range(16))
"""Seconds of lag that a poll is worth, from "as few as the bounds allow" to thirty polls a task."""

# --- durations


@attrs.frozen
class Family:
    """A distribution of durations: the chance to have ended by a time, and a draw."""

    name: str
    by: Callable[[float], float] = attrs.field(repr=False)
    draw: Callable[[random.Random], float] = attrs.field(repr=False)

    def durations(self, count: int, seed: int) -> list[float]:
        """So many draws."""
        dice = random.Random(f"{self.name} {seed}")
        return [self.draw(dice) for _ in range(count)]

    def times(self, factor: float) -> Family:
        """The same, all of it longer or shorter."""
        name = f"{self.name} x{factor}"
        return Family(name, lambda time: self.by(time / factor), lambda dice: self.draw(dice) * factor)


def lognormal(mean: float, cv: float) -> Family:
    """With this mean and this standard deviation over mean."""
    spread = math.sqrt(math.log(1 + cv * cv))
    middle = math.log(mean) - spread * spread / 2

    def by(time: float) -> float:
        return math.erfc((middle - math.log(max(time, 1e-9))) / spread / math.sqrt(2)) / 2

    return Family(f"lognormal {mean:g} s, cv {cv:g}", by, lambda dice: dice.lognormvariate(middle, spread))


def two_kinds(first: float, second: float, share: float) -> Family:
    """`share` of the tasks take about `first` seconds, the others `second`, both with a cv of 0.1."""
    one, other = lognormal(first, 0.1), lognormal(second, 0.1)
    return Family(
        f"{share:.0%} at {first:g} s, {1 - share:.0%} at {second:g} s",
        lambda time: share * one.by(time) + (1 - share) * other.by(time),
        lambda dice: (one if dice.random() < share else other).draw(dice),
    )


def gamma3(least: float, scale: float) -> Family:
    """A floor and three exponential steps."""

    def by(time: float) -> float:
        x = max(time - least, 0.0) / scale
        return 1 - math.exp(-x) * (1 + x + x * x / 2)

    return Family(f"{least:g} s + gamma(3, {scale:g})", by, lambda dice: least + dice.gammavariate(3, scale))


def uniform(low: float, high: float) -> Family:
    """Anything between."""
    return Family(
        f"uniform {low:g} to {high:g} s",
        lambda time: min(max((time - low) / (high - low), 0.0), 1.0),
        lambda dice: dice.uniform(low, high),
    )


NARROW, USUAL, WIDE, TAILED = (lognormal(150, cv) for cv in (0.1, 0.25, 0.5, 1.0))
TWO_KINDS = two_kinds(80, 240, 0.7)
FAMILIES = (NARROW, USUAL, WIDE, TAILED, TWO_KINDS, gamma3(40, 30), uniform(60, 240))


# --- lives under a schedule

Tells = Callable[[float], float]
"""The percent a task shows at a share of its life."""

TRUTH: Tells = lambda share: 100 * share  # noqa: E731
LIES: dict[str, Tells] = {
    "stuck at 50": lambda share: 50,
    "99 at once": lambda share: 99,
    "front loaded": lambda share: 100 * math.sqrt(share),
}


@attrs.frozen
class Life:
    """What one task cost: seconds from its end to the poll that saw it, and polls."""

    lag: float
    polls: int


@attrs.frozen
class World:
    """What a schedule is told.

    Attributes:
        estimated: The service's estimate, the same for every task.
        tells: What progress says.
        before: Durations until now, if they were others; 150 tasks of them were seen.
    """

    estimated: float | None = None
    tells: Tells | None = None
    before: Family | None = None


PLAIN = World()


def live(schedule: Schedule, duration: float, world: World = PLAIN, duration_class: Hashable = "class") -> Life:
    """One task from acceptance to the poll that sees it done, which the schedule observes as from the poller."""
    now, before, polls, shown = 0.0, 0.0, 0, 0
    progress: int | None = None
    while now < duration:
        before, polls = now, polls + 1
        now += schedule.next_look(duration_class, now, world.estimated, progress)
        if world.tells is not None and now < duration:
            percent = int(world.tells(now / duration))
            progress, shown = percent if percent != shown else None, percent
    schedule.observe(duration_class, (before + now) / 2)
    return Life(now - duration, polls)


@attrs.frozen
class Phase:
    """A stretch of tasks: their mean lag and polls, and the best lag at as many polls under the same bounds."""

    lag: float
    polls: float
    best: float

    @property
    def efficiency(self) -> float:
        """1 is as good as knowing the distribution beforehand."""
        return self.best / self.lag


def phases(family: Family, cuts: Sequence[int], world: World = PLAIN, rounds: int = 5) -> list[Phase]:
    """Several schedules learn from their first task on; one phase from each cut, a number of tasks, to the next."""
    lived: list[list[Life]] = []
    for seed in range(rounds):
        schedule = Schedule(CADENCE)
        for duration in world.before.durations(150, seed) if world.before else ():
            live(schedule, duration, world)
        lived.append([live(schedule, duration, world) for duration in family.durations(cuts[-1], seed)])
    return [_phase([life for lives in lived for life in lives[low:high]], family) for low, high in pairwise(cuts)]


def _phase(lives: Sequence[Life], family: Family) -> Phase:
    polls = fmean(life.polls for life in lives)
    return Phase(fmean(life.lag for life in lives), polls, best_lag(frontier(family), polls))


# --- the best there is


@attrs.frozen
class Grid:
    """Times at which the best schedule may poll.

    Attributes:
        times: Seconds since acceptance.
        ended: The chance to have ended by then.
        lived: That chance, times the mean duration of those who have.
    """

    times: Sequence[float]
    ended: Sequence[float]
    lived: Sequence[float]


def grid(family: Family, step: float) -> Grid:
    """Even at first, then 0.7 % of the time apart, to where one task in 100,000 lives on; that one ends there."""
    times = [0.0]
    while family.by(times[-1]) < 1 - 1e-5:
        times.append(times[-1] + max(step, times[-1] / 150))
    lived = [0.0]
    for low, high in pairwise(times):
        parts = [low + (high - low) * part / 4 for part in range(5)]
        lived.append(lived[-1] + sum((a + b) / 2 * (family.by(b) - family.by(a)) for a, b in pairwise(parts)))
    return Grid(times, [*map(family.by, times[:-1]), 1.0], lived)


def least(grid: Grid, price: float, reach: Sequence[int]) -> tuple[float, float]:
    """Mean number and mean lag of the polls that make lag + price * polls least, found from the last time backwards.

    A poll at b after one at a is as late as `b * (ended[b] - ended[a]) - (lived[b] - lived[a])` on average over all
    tasks, and costs `price` for each that has not ended at a.
    """
    last = len(grid.times) - 1
    choice, cost = [last] * (last + 1), 0.0
    rest = [0.0] * last + [grid.times[last] - grid.lived[last]]  # the part of what comes after that b alone decides
    for a in range(last - 1, -1, -1):
        options = [
            later - time * grid.ended[a]
            for time, later in zip(grid.times[a + 1 : reach[a] + 1], rest[a + 1 : reach[a] + 1], strict=True)
        ]
        best = min(options)
        choice[a] = a + 1 + options.index(best)
        cost = best + grid.lived[a] + price * (1 - grid.ended[a])
        rest[a] = grid.times[a] * grid.ended[a] - grid.lived[a] + cost
    polls, a = 0.0, 0
    while a < last:
        polls, a = polls + 1 - grid.ended[a], choice[a]
    return polls, cost - price * polls


@cache
def frontier(family: Family, cadence: Cadence = CADENCE, step: float = 1.0) -> list[tuple[float, float]]:
    """The best schedules under these bounds, by dynamic programming: mean polls, rising, and mean lag.

    With steps of 0.5 s the figures are the same within half a percent.
    """
    table = grid(family, step)
    reach: list[int] = []
    for at, now in enumerate(table.times):
        longest = max(cadence.max_interval, cadence.first_look - now, 0.1 * now)
        reach.append(max(bisect_right(table.times, now + longest) - 1, min(at + 1, len(table.times) - 1)))
    return [least(table, price, reach) for price in PRICES]


def best_lag(points: Sequence[tuple[float, float]], polls: float) -> float:
    """The least mean lag at this mean number of polls, between the two schedules of a frontier next to it."""
    place = min(max(bisect_left(points, (polls, 0.0)), 1), len(points) - 1)
    (few, late), (many, soon) = points[place - 1 : place + 1]
    if many <= few or polls <= few:
        return late
    return late * (soon / late) ** (math.log(polls / few) / math.log(many / few))
