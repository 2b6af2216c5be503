"""How many submits at once: halved by refusals, raised one by one while all goes well and all are used."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evolink_async.submitting.concurrency_limit import AdaptiveLimit


def test_a_burst_of_refusals_counts_once():
    """Eight requests sent side by side and refused are one reason to slow down; what was sent later is another."""
    throttle = AdaptiveLimit(8)
    changes = [throttle.refused(sent_at=1.0, now=2.0 + number / 10) for number in range(8)]
    assert changes == [True] + [False] * 7
    assert throttle.limit == 4
    assert throttle.refused(sent_at=2.1, now=3.0)
    assert throttle.limit == 2


def test_it_rises_by_one_after_a_full_round_that_went_well():
    """A round is as many as go on at once."""
    throttle = AdaptiveLimit(8)
    throttle.refused(1.0, 2.0)
    assert [throttle.took(all_out=True) for _ in range(4)] == [False, False, False, True]
    assert throttle.limit == 5


def test_a_round_that_was_not_full_says_nothing_of_one_more():
    """Two submits at once say nothing about eight."""
    throttle = AdaptiveLimit(8)
    throttle.refused(1.0, 2.0)
    assert not any(throttle.took(all_out=False) for _ in range(100))
    assert throttle.limit == 4


def test_retuned_it_begins_anew():
    """The new limit counts from now on."""
    throttle = AdaptiveLimit(8)
    throttle.refused(1.0, 2.0)
    throttle.retune(20)
    assert throttle.limit == 20


@given(st.integers(1, 50), st.lists(st.booleans(), max_size=300))
def test_it_stays_between_one_and_the_most(ceiling, answers):
    """Whatever the service says, and `True` is told exactly when the limit changes."""
    throttle, now = AdaptiveLimit(ceiling), 0.0
    for went_well in answers:
        now += 1.0
        before = throttle.limit
        changed = throttle.took(all_out=True) if went_well else throttle.refused(now - 0.5, now)
        assert changed == (throttle.limit != before)
        assert 1 <= throttle.limit <= ceiling
