"""How many submits at once: halved by refusals, raised one by one while all goes well and all are used."""

from __future__ import annotations

from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from evolink_async.client import Session, Transport
from evolink_async.settings import RetryPolicy
from evolink_async.submitting.concurrency_limit import AdaptiveLimit, KeyLimits


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


def sessions(count: int) -> list[Session]:
    """Keys that send nothing."""
    return [Session(cast("Transport", None), str(number), policy=RetryPolicy()) for number in range(count)]


def test_each_key_has_a_limit_of_its_own():
    """A key that is refused for load has fewer at once; the others keep theirs."""
    one, other = sessions(2)
    limits = KeyLimits([one, other], 8)
    assert limits.refused(one, sent_at=1.0, now=2.0)
    assert (limits.of(one), limits.of(other)) == (4, 8)
    assert limits.limit == 8


def test_all_keys_together_have_no_more_than_the_total():
    """Nor more than all of them bear."""
    one, other = sessions(2)
    limits = KeyLimits([one, other], 8)
    limits.refused(one, sent_at=1.0, now=2.0)
    limits.refused(one, sent_at=3.0, now=4.0)
    limits.refused(other, sent_at=1.0, now=2.0)
    assert (limits.of(one), limits.of(other), limits.limit) == (2, 4, 6)


def test_there_is_room_until_the_total_is_used():
    """Whatever the keys would bear."""
    limits, has_room = KeyLimits(sessions(3), 2), list[bool]()
    for limits.used in (0, 1, 2):
        has_room.append(limits.has_room)
    limits.retune(3)
    assert [*has_room, limits.has_room] == [True, True, False, True]


def test_the_limit_of_a_key_rises_when_all_of_its_own_are_out():
    """Submits of other keys say nothing of it."""
    one, other = sessions(2)
    limits = KeyLimits([one, other], 4)
    limits.refused(one, sent_at=1.0, now=2.0)
    one.submitting = 1
    assert not any(limits.took(one) for _ in range(10))
    one.submitting = 2
    assert [limits.took(one), limits.took(one)] == [False, True]
    assert limits.of(one) == 3
