"""The laws of the schedule: always in its bounds, and which durations it learns from."""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Sequence

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_async.polling import Schedule
from evolink_async.settings import Cadence
from tests.laws.effort import effort
from tests.laws.waiting import NARROW

SECONDS = st.floats(0.001, 1e5)
CADENCES = st.tuples(SECONDS, SECONDS, SECONDS, st.floats(1e-6, 1e6)).map(
    lambda drawn: Cadence(
        first_look=drawn[0], min_interval=min(drawn[1:3]), max_interval=max(drawn[1:3]), look_price=drawn[3]
    )
)
ELAPSED = st.floats(0, 1e7) | st.floats(0, 100)
ESTIMATES = st.none() | st.floats(0, 1e15) | st.sampled_from([0.0, 5e-324, 1.0, 120.0, math.inf, math.nan])
PROGRESS = st.none() | st.integers(0, 100)
CLASSES = st.sampled_from([("wan", "720p", 5), ("wan", "1080p", 5), ("wan",), ("other", "720p", 5), (), None, "wan"])
DURATIONS = st.floats(0, 1e6) | st.sampled_from([-1.0, math.inf, math.nan, 5e-324])
HISTORY = st.lists(st.tuples(CLASSES, DURATIONS), max_size=12)
PRESSURE = st.floats(1, 100)
FILL = st.floats(1, 50)

FIVE, SHARP, OTHER = ("wan", "720p", 5), ("wan", "1080p", 5), ("other", "720p", 5)


def longest(cadence: Cadence, elapsed: float, pressure: float = 1.0) -> float:
    """The longest time until the next poll of a task of this age."""
    return max(cadence.max_interval * pressure, cadence.first_look - elapsed, 0.1 * elapsed)


@effort(2)
@given(CADENCES, HISTORY, CLASSES, ELAPSED, ESTIMATES, PROGRESS, PRESSURE, FILL)
def test_no_input_leads_out_of_the_bounds(
    cadence, history, duration_class, elapsed, estimated, progress, pressure, fill
):
    """For any history, estimate and progress; pressure stretches the longest interval too."""
    delay = Schedule(cadence, history).next_look(duration_class, elapsed, estimated, progress, pressure, fill)
    assert cadence.min_interval <= delay <= longest(cadence, elapsed, pressure)


@effort()
@given(HISTORY, CLASSES, ELAPSED, ESTIMATES, PROGRESS, st.tuples(PRESSURE, PRESSURE), st.tuples(FILL, FILL))
def test_more_pressure_is_never_sooner_and_more_fill_never_later(
    history, duration_class, elapsed, estimated, progress, pressures, fills
):
    """The higher the price of a poll, the later it is."""
    schedule = Schedule(Cadence(), history)
    by_pressure = [
        schedule.next_look(duration_class, elapsed, estimated, progress, one, fills[0]) for one in sorted(pressures)
    ]
    by_fill = [
        schedule.next_look(duration_class, elapsed, estimated, progress, pressures[0], one) for one in sorted(fills)
    ]
    for sooner, later in (by_pressure, reversed(by_fill)):
        assert sooner <= later or math.isclose(sooner, later)


@effort(0.2)
@given(HISTORY, CLASSES, ESTIMATES, PRESSURE, FILL)
def test_a_task_that_never_ends_is_never_lost_from_sight(history, duration_class, estimated, pressure, fill):
    """Over a whole day every gap stays in its bounds, and there are fewer than 2,000 polls."""
    cadence, now, polls = Cadence(min_interval=5.0), 0.0, 0
    schedule = Schedule(cadence, history)
    while now < 86_400:
        gap = schedule.next_look(duration_class, now, estimated, None, pressure, fill)
        assert gap <= longest(cadence, now, pressure)
        now, polls = now + gap, polls + 1
    assert polls < 2000


@effort(1)
@given(CADENCES, HISTORY, CLASSES, ELAPSED, ESTIMATES, PRESSURE)
def test_a_lost_callback_is_found_within_its_bounds(cadence, history, duration_class, elapsed, estimated, pressure):
    """A task with a callback is polled after `max_interval` at the earliest, and in time at the latest."""
    gap = Schedule(cadence, history).safety_look(duration_class, elapsed, estimated, pressure)
    most = max(10 * cadence.max_interval * pressure, elapsed / 2)
    assert cadence.max_interval <= gap <= most or gap == most


@effort(0.5)
@given(HISTORY, ELAPSED, ESTIMATES, PROGRESS)
def test_a_restart_changes_nothing(history, elapsed, estimated, progress):
    """A schedule made from a history equals one that observed it, one duration at a time."""
    lived = Schedule(Cadence())
    for duration_class, duration in history:
        lived.next_look(duration_class, elapsed, estimated)
        lived.observe(duration_class, duration)
    again = Schedule(Cadence(), iter(history))
    for duration_class in (FIVE, SHARP, OTHER, None):
        assert again.next_look(duration_class, elapsed, estimated, progress) == lived.next_look(
            duration_class, elapsed, estimated, progress
        )


@effort(0.5)
@given(st.lists(DURATIONS, max_size=12), ELAPSED, ESTIMATES)
def test_models_do_not_learn_from_each_other(durations, elapsed, estimated):
    """What is known of one model says nothing about another, nor about what has no model."""
    schedule, fresh = Schedule(Cadence(), [(OTHER, duration) for duration in durations]), Schedule(Cadence())
    for duration_class in (FIVE, None, "other", ()):
        assert schedule.next_look(duration_class, elapsed, estimated) == fresh.next_look(
            duration_class, elapsed, estimated
        )


@effort(0.5)
@given(st.lists(DURATIONS, max_size=12), ELAPSED)
def test_what_has_no_model_teaches_itself_alone(durations, elapsed):
    """None and a string are no family, not even of themselves."""
    schedule, fresh = Schedule(Cadence(), [("wan", duration) for duration in durations]), Schedule(Cadence())
    for duration_class in (None, ("wan", "720p", 5), "other"):
        assert schedule.next_look(duration_class, elapsed) == fresh.next_look(duration_class, elapsed)


def cost(schedule: Schedule, durations: Sequence[float], duration_class: object = FIVE) -> float:
    """Mean lag plus price of all polls of a task, in seconds."""
    total = 0.0
    for duration in durations:
        now, price = 0.0, 0.0
        while now < duration:
            now, price = now + schedule.next_look(duration_class, now), price + Cadence().look_price
        total += now - duration + price
    return total / len(durations)


def test_another_quality_of_the_same_model_teaches_a_little():
    """Less than durations of the same class, more than nothing, and at once."""
    durations = [400.0 + 5 * (number * 37 % 41 - 20) for number in range(41)]
    schedule, own = Schedule(Cadence()), Schedule(Cadence(), [(FIVE, duration) for duration in durations])
    nothing = cost(schedule, durations)
    for duration in durations:
        schedule.observe(SHARP, duration)
    assert cost(own, durations) < cost(schedule, durations) < nothing


def test_tasks_of_its_own_soon_outweigh_the_family():
    """Twenty durations of a class count for more than a thousand of others."""
    others = [(SHARP, 60.0 + number % 10) for number in range(1000)]
    durations = [400.0 + number * 37 % 50 for number in range(20)]
    mine = [(FIVE, duration) for duration in durations]
    alone, together = Schedule(Cadence(), mine), Schedule(Cadence(), others + mine)
    assert cost(together, durations) <= 1.1 * cost(alone, durations)


@pytest.mark.parametrize("progress", [None, 0, 1, 2, 100])
def test_progress_without_meaning_is_ignored(progress):
    """The first percents mean "begun", and 100 means "done" although the task goes on."""
    schedule = Schedule(Cadence())
    assert schedule.next_look(FIVE, 30, 600, progress) == schedule.next_look(FIVE, 30, 600)


def test_progress_moves_the_next_poll():
    """Half done after 300 s: the end is expected around 600 s, not any moment; 90 percent after 30 s: soon."""
    schedule = Schedule(attrs.evolve(Cadence(), max_interval=1000.0))
    assert schedule.next_look("a", 300, 120, 50) > schedule.next_look("a", 300, 120)
    assert schedule.next_look("a", 30, 600, 90) < schedule.next_look("a", 30, 600)


@effort(0.5)
@given(HISTORY, ELAPSED, FILL)
def test_the_price_is_what_a_request_costs_each_of_its_tasks(history, elapsed, fill):
    """A request shared by fifty costs each task a fiftieth of 0.9 and 0.1 for its row."""
    price = 0.5 * (0.1 + 0.9 / fill)
    shared, cheap = Schedule(Cadence(), history), Schedule(Cadence(look_price=price), history)
    assert math.isclose(shared.next_look(FIVE, elapsed, fill=fill), cheap.next_look(FIVE, elapsed))


def size(thing: object, seen: set[int]) -> int:
    """Bytes of an object and of all it holds."""
    if id(thing) in seen or isinstance(thing, type | int):
        return 0
    seen.add(id(thing))
    held: list[object] = [getattr(thing, name) for name in getattr(type(thing), "__slots__", ()) if name != "__dict__"]
    if isinstance(thing, dict):
        held += [*thing.keys(), *thing.values()]
    elif isinstance(thing, list | tuple):
        held += thing
    elif isinstance(thing, Schedule):
        held += vars(thing).values()
    return sys.getsizeof(thing) + sum(size(part, seen) for part in held)


def test_plans_do_not_accumulate():
    """A thousand estimates of one class keep at most 57 plans of 15 kB, and none after an observed duration."""
    schedule = Schedule(Cadence())
    schedule.observe(FIVE, 100)
    bare = size(schedule, set())
    for number in range(1000):
        schedule.next_look(FIVE, 10, 1.0147**number)
    assert size(schedule, set()) - bare < 57 * 16_000
    schedule.observe(FIVE, 100)
    assert size(schedule, set()) - bare < 8_000


def test_ten_thousand_tasks_leave_the_numbers_sound():
    """The weights of newer tasks grow until all are rescaled; the results do not change."""
    history = [(FIVE, duration) for duration in NARROW.durations(10_000, seed=1)]
    long, short = Schedule(Cadence(), history), Schedule(Cadence(), history[-3_000:])
    for elapsed in itertools.chain(range(0, 300, 7), [1e4, 1e5]):
        assert math.isclose(long.next_look(FIVE, elapsed), short.next_look(FIVE, elapsed), rel_tol=1e-6)
