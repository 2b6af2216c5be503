"""How good the schedule is, against the best polls that known durations would allow: goals, not timings.

Full-size figures come from `nox -s bench`; here are fewer tasks, from fixed seeds.
"""

from __future__ import annotations

import math
from statistics import fmean

import pytest

from evolink_async.settings import Cadence
from tests.laws.waiting import FAMILIES, LIES, TRUTH, USUAL, WIDE, World, best_lag, frontier, lognormal, phases

MEAN = 150.0
LEARNT = (20, 100)  # from the twentieth task to the hundredth


@pytest.mark.parametrize("family", [USUAL, WIDE], ids=["cv 0.25", "cv 0.5"])
def test_the_best_schedule_agrees_with_theory(family):
    """Without bounds and with many polls, lag * polls comes near half the square of the integral of sqrt(f S)."""
    step = 0.5
    ends = [(family.by(step * k + step) - family.by(step * k), 1 - family.by(step * (k + 0.5))) for k in range(4000)]
    root = sum(math.sqrt(max(chance / step * alive, 0.0)) for chance, alive in ends) * step
    points = frontier(family, Cadence(first_look=1e4, max_interval=1e4), 2.0)
    assert best_lag(points, 8.0) * 8.0 == pytest.approx(root**2 / 2, rel=0.03)


def test_the_schedule_is_near_the_best_possible():
    """After a hundred tasks the mean lag is within 4 % of the best that as many polls allow."""
    lived = [phases(family, (0, *LEARNT, 300)) for family in FAMILIES]
    first, then, late = ([phase.efficiency for phase in column] for column in zip(*lived, strict=True))
    assert fmean(first) >= 0.75
    assert fmean(then) >= 0.90
    assert fmean(late) >= 0.96
    assert min(late) >= 0.90


@pytest.mark.parametrize("factor", [0.2, 5.0])
def test_a_wrong_estimate_is_soon_seen_through(factor):
    """For every distribution, from the twentieth task on."""
    for family in FAMILIES:
        (learnt,) = phases(family, LEARNT, World(estimated=MEAN * factor))
        assert learnt.efficiency >= 0.75, family


@pytest.mark.parametrize(("before", "after"), [(200, 100), (100, 200)])
@pytest.mark.parametrize("spread", [0.1, 0.25, 0.5])
def test_a_shift_is_noticed(before, after, spread):
    """A service twice as fast or slow from one day to the next: after twenty tasks the schedule has followed."""
    (_, followed) = phases(lognormal(after, spread), (0, *LEARNT), World(before=lognormal(before, spread)))
    assert followed.efficiency >= 0.75


@pytest.mark.parametrize("lie", LIES)
def test_lying_progress_costs_little(lie):
    """For every distribution; the learned durations keep half of the say."""
    for family in FAMILIES:
        (learnt,) = phases(family, (100, 200), World(tells=LIES[lie]), rounds=3)
        assert learnt.efficiency >= 0.65, family


def test_true_progress_beats_the_best_that_goes_without():
    """On average over the distributions, and never to their cost."""
    learnt = [phases(family, (100, 200), World(tells=TRUTH), rounds=3)[0].efficiency for family in FAMILIES]
    assert fmean(learnt) >= 1.4
    assert min(learnt) >= 1.0
