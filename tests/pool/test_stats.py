"""Figures of many numbers without keeping them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_async.polling.quantiles import Quantiles
from evolink_async.pool import Stats


@given(st.lists(st.floats(0.01, 1e5), min_size=1), st.floats(0.01, 1))
def test_quantiles_are_right_to_five_percent(numbers, share):
    """Never below the number asked for, and at most 5 percent and a rounding above it."""
    quantiles = Quantiles()
    for number in numbers:
        quantiles.add(number)
    exact = sorted(numbers)[math.ceil(share * len(numbers)) - 1]
    assert exact <= (quantiles.at(share) or 0) * (1 + 1e-9)
    assert quantiles.at(share) <= exact * math.exp(Quantiles.STEP) * (1 + 1e-9)


def test_nothing_has_no_quantiles_and_nothing_is_zero():
    """None before the first; what is below a thousandth of a second is 0."""
    quantiles = Quantiles()
    assert quantiles.at(0.5) is None
    quantiles.add(0.0)
    assert quantiles.at(0.5) == 0.0


def test_shares_of_nothing():
    """A pool that did nothing divides by nothing."""
    assert (Stats().looks_per_task, Stats().refused_share) == (None, 0.0)
    stats = Stats(completed=3, failed=1, looks=10, submits=4, status_requests=6, refused_for_load=2)
    assert stats.looks_per_task == 2.5
    assert stats.refused_share == pytest.approx(0.2)
