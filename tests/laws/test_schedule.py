"""The laws of the schedule: never outside its bounds, never blind, and good once it has learnt."""

from __future__ import annotations

import itertools
import math
import random

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolink_async.limits import Cadence
from evolink_async.schedule import PRICE, Schedule

SECONDS = st.floats(0.001, 1e5)
CADENCES = st.tuples(SECONDS, SECONDS, SECONDS).map(
    lambda drawn: Cadence(first_look=drawn[0], min_interval=min(drawn[1:]), max_interval=max(drawn[1:]))
)
ELAPSED = st.floats(0, 1e7) | st.floats(0, 100)
ESTIMATES = st.none() | st.floats(0, 1e15) | st.sampled_from([0.0, 5e-324, 1.0, 120.0])
PROGRESS = st.none() | st.integers(0, 100)
HISTORY = st.lists(st.floats(0, 1e6), max_size=6)


@settings(max_examples=500, deadline=None)
@given(CADENCES, HISTORY, ELAPSED, ESTIMATES, PROGRESS, st.floats(1, 100))
def test_no_input_leads_out_of_the_bounds(cadence, history, elapsed, estimated, progress, pressure):
    """Whatever was learnt, estimated or reported; pressure stretches the longest interval with all others."""
    schedule = Schedule(cadence)
    for duration in history:
        schedule.observe("shape", duration)
    delay = schedule.next_look("shape", elapsed, estimated, progress)
    assert cadence.min_interval <= delay <= max(cadence.max_interval, cadence.first_look - elapsed, 0.1 * elapsed)
    pressed = schedule.next_look("shape", elapsed, estimated, progress, pressure)
    longest = max(cadence.max_interval * pressure, cadence.first_look - elapsed, 0.1 * elapsed)
    assert cadence.min_interval <= pressed <= longest
    assert pressed >= delay or math.isclose(pressed, delay)


@settings(max_examples=100, deadline=None)
@given(HISTORY, ELAPSED, ESTIMATES)
def test_shapes_do_not_learn_from_each_other(history, elapsed, estimated):
    """What is known of one model says nothing about another."""
    schedule = Schedule(Cadence())
    for duration in history:
        schedule.observe("other", duration)
    assert schedule.next_look("shape", elapsed, estimated) == Schedule(Cadence()).next_look("shape", elapsed, estimated)


def looks_at(schedule: Schedule, duration: float, estimated: float | None, shape: str = "shape") -> list[float]:
    """When a task of this duration is looked at, up to the look that sees it done."""
    times = [0.0]
    while times[-1] < duration:
        times.append(times[-1] + schedule.next_look(shape, times[-1], estimated))
    return times[1:]


def lived_through(schedule: Schedule, durations: list[float], estimated: float | None = None) -> tuple[float, float]:
    """Mean lag and mean looks over these tasks, each of them taught to the schedule when it was seen to end."""
    lags, looks = 0.0, 0
    for duration in durations:
        times = looks_at(schedule, duration, estimated)
        lags, looks = lags + times[-1] - duration, looks + len(times)
        before = times[-2] if len(times) > 1 else 0.0
        schedule.observe("shape", (before + times[-1]) / 2)
    return lags / len(durations), looks / len(durations)


def lognormal(mean: float, cv: float, count: int, seed: int = 7) -> list[float]:
    """So many durations with this mean and this standard deviation over mean."""
    spread = math.sqrt(math.log(1 + cv * cv))
    dice = random.Random(seed)
    return [dice.lognormvariate(math.log(mean) - spread * spread / 2, spread) for _ in range(count)]


def best_lag(durations: list[float], looks: float, cadence: Cadence, step: float = 2.0) -> float:
    """The least mean lag that any fixed schedule under the same bounds reaches at this mean number of looks.

    Dynamic programming over a grid of look times: minimise lag + price * looks, and move the price until the looks
    fit. A look at b after one at a costs `price` for every task that lives beyond a, and b minus the duration for
    every task that ends in between.
    """
    grid = [index * step for index in range(int(max(durations) * 1.3 / step) + 20)]
    ordered = sorted(durations)
    alive, total, place = [0] * len(grid), [0.0] * len(grid), 0
    running = 0.0
    for index, time in enumerate(grid):
        while place < len(ordered) and ordered[place] <= time:
            running += ordered[place]
            place += 1
        alive[index], total[index] = len(ordered) - place, running

    def plan(price: float) -> tuple[float, float]:
        cost: list[tuple[float, float, float]] = [(0.0, 0.0, 0.0)] * len(grid)  # cost, lag, looks from here on
        for a in range(len(grid) - 1, -1, -1):
            if not alive[a]:
                continue
            longest = max(cadence.max_interval, cadence.first_look - grid[a], 0.1 * grid[a])
            choices: list[tuple[float, float, float]] = []
            for b in range(a + 1, min(a + int(longest / step), len(grid) - 1) + 1):
                lag = grid[b] * (alive[a] - alive[b]) - (total[b] - total[a])
                after = cost[b]
                choices.append((lag + price * alive[a] + after[0], lag + after[1], alive[a] + after[2]))
            cost[a] = min(choices)
        return cost[0][1] / len(ordered), cost[0][2] / len(ordered)

    low, high = 0.01, 1000.0
    for _ in range(25):
        price = math.sqrt(low * high)
        lag, used = plan(price)
        low, high = (price, high) if used > looks else (low, price)
    return lag


@pytest.mark.parametrize("spread", [0.1, 0.25, 0.5])
def test_after_a_hundred_tasks_the_looks_stand_where_they_are_worth_most(spread):
    """The lag is at least 0.9 of the best that any schedule reaches with the same looks, bounds and distribution."""
    cadence, schedule = Cadence(), Schedule(Cadence())
    durations = lognormal(150, spread, 1100)
    lived_through(schedule, durations[:100])
    lag, looks = lived_through(schedule, durations[100:])
    assert best_lag(lognormal(150, spread, 20_000, seed=8), looks, cadence) / lag >= 0.9


@pytest.mark.parametrize("factor", [0.2, 5.0])
def test_a_wrong_estimate_does_not_blind(factor):
    """Every gap of the first task stays in its bounds, and after a hundred the estimate hardly matters."""
    cadence, mean = Cadence(), 150.0
    times = [0.0, *looks_at(Schedule(cadence), 10 * mean, mean * factor)]
    for before, after in itertools.pairwise(times):
        assert after - before <= max(cadence.max_interval, cadence.first_look - before, 0.1 * before) + 1e-9
    durations = lognormal(mean, 0.25, 300)
    wrong, right = Schedule(cadence), Schedule(cadence)
    for schedule, estimate in ((wrong, mean * factor), (right, mean)):
        lived_through(schedule, durations[:100], estimate)
    lag_wrong, looks_wrong = lived_through(wrong, durations[100:], mean * factor)
    lag_right, looks_right = lived_through(right, durations[100:], mean)
    assert lag_right + PRICE * looks_right >= 0.8 * (lag_wrong + PRICE * looks_wrong)


def test_learning_pays():
    """With the same price of a look, tasks whose durations are known cost less than those of a first run."""
    durations = lognormal(150, 0.1, 200)
    schedule = Schedule(Cadence())
    early = lived_through(schedule, durations[:20])
    late = lived_through(schedule, durations[100:])
    assert late[0] + PRICE * late[1] < early[0] + PRICE * early[1]


def test_the_schedule_follows_a_drift():
    """Durations that halve are found out within a hundred tasks."""
    schedule = Schedule(Cadence())
    lived_through(schedule, lognormal(200, 0.1, 150))
    lived_through(schedule, lognormal(100, 0.1, 100, seed=8))
    lag, looks = lived_through(schedule, lognormal(100, 0.1, 100, seed=9))
    fresh = Schedule(Cadence())
    lived_through(fresh, lognormal(100, 0.1, 100, seed=8))
    lag_fresh, looks_fresh = lived_through(fresh, lognormal(100, 0.1, 100, seed=9))
    assert lag + PRICE * looks <= 1.5 * (lag_fresh + PRICE * looks_fresh)


def test_progress_that_moves_stands_in_for_the_estimate():
    """Half done after 300 s: the end is expected around 600 s, not any moment."""
    schedule = Schedule(attrs.evolve(Cadence(), max_interval=1000.0))
    assert schedule.next_look("a", 300, 120, 50) > schedule.next_look("a", 300, 120)
    assert schedule.next_look("a", 30, 600, 90) < schedule.next_look("a", 30, 600)
