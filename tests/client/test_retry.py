"""Whether there is another send, and when: decided on numbers alone."""

from __future__ import annotations

import itertools

import backoff
import pytest

from evolink_async.client import Resend, delays
from evolink_async.errors import (
    AuthenticationError,
    EvolinkError,
    NotDeliveredError,
    RateLimitError,
    ServerError,
    SubmissionUnknownError,
)
from evolink_async.settings import RetryPolicy


def longest(value: float) -> float:
    """Jitter that takes nothing off."""
    return value


def shortest(value: float) -> float:
    """Jitter that leaves nothing."""
    return 0.0


def sent(policy: RetryPolicy, times: int, jitter=longest) -> Resend:
    """A submit that was sent so many times, all at second 100."""
    resend = Resend(policy, jitter)
    for _ in range(times):
        resend.sent(100.0)
    return resend


def test_delays_double_up_to_the_cap():
    """From `base`, without end."""
    assert list(itertools.islice(delays(RetryPolicy(base=0.5, cap=30), longest), 9)) == [
        0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30, 30, 30
    ]  # fmt: skip


def test_delays_have_full_jitter():
    """Each anywhere between nothing and its bound, so that many callers do not come back at once."""
    policy = RetryPolicy(base=1, cap=8)
    draws = [list(itertools.islice(delays(policy), 5)) for _ in range(300)]
    for step, bound in zip(zip(*draws, strict=True), (1, 2, 4, 8, 8), strict=True):
        assert all(0 <= delay <= bound for delay in step)
        assert min(step) < bound / 4
        assert max(step) > bound * 3 / 4


@pytest.mark.parametrize("error", [NotDeliveredError("x"), RateLimitError(429, "x"), ServerError(503, "x")])
def test_attempts_end_it(error):
    """As many sends as allowed, the first included."""
    policy = RetryPolicy(attempts=3, base=0.1)
    assert sent(policy, 1).pause(error, 100.0) == 0.1
    assert sent(policy, 2).pause(error, 100.0) is not None
    assert sent(policy, 3).pause(error, 100.0) is None


def test_patience_ends_it():
    """Counted from the first send, and a wait that would end beyond it is not begun."""
    policy = RetryPolicy(patience=10, base=4, cap=4)
    assert sent(policy, 1).pause(NotDeliveredError("x"), 106.0) == 4
    assert sent(policy, 1).pause(NotDeliveredError("x"), 106.1) is None
    assert sent(policy, 1).pause(NotDeliveredError("x"), 101.0, patience=5.0) == 4
    assert sent(policy, 1).pause(NotDeliveredError("x"), 101.1, patience=5.0) is None


def test_patience_counts_from_the_first_send():
    """Later sends do not begin it anew."""
    resend = Resend(RetryPolicy(patience=10, base=4, cap=4), longest)
    resend.sent(100.0)
    resend.sent(105.0)
    assert (resend.started, resend.sends) == (100.0, 2)
    assert resend.pause(NotDeliveredError("x"), 107.0) is None


@pytest.mark.parametrize("jitter", [longest, shortest, backoff.full_jitter])
@pytest.mark.parametrize("error_class", [RateLimitError, ServerError])
@pytest.mark.parametrize("asked", [0.0, 0.001, 1.0, 59.0, 299.0])
def test_retry_after_is_never_undercut(error_class, asked, jitter):
    """Whatever the jitter and the cap; a little is added, never taken."""
    policy = RetryPolicy(base=0.5, cap=1)
    delay = sent(policy, 1, jitter).pause(error_class(429, "x", retry_after=asked), 100.0)
    assert delay is not None
    assert asked <= delay <= asked + policy.base


def test_retry_after_beyond_patience_ends_it():
    """It is not obeyed in part: sending earlier than asked is worse than not sending."""
    policy = RetryPolicy(patience=60)
    assert sent(policy, 1).pause(RateLimitError(429, "x", retry_after=61), 100.0) is None
    assert sent(policy, 1).pause(RateLimitError(429, "x", retry_after=1e12), 100.0) is None


@pytest.mark.parametrize("error", [EvolinkError("x"), SubmissionUnknownError("x"), AuthenticationError(401, "x")])
def test_what_may_be_repeated_is_decided_elsewhere(error):
    """Only attempts and patience count here; which errors may be sent again is decided in `wire.verdict`."""
    policy = RetryPolicy(resubmit="never", attempts=3, patience=10, base=4, cap=4)
    assert sent(policy, 1).pause(error, 100.0) == 4
    assert sent(policy, 1).pause(error, 106.1) is None
    assert sent(policy, 3).pause(error, 100.0) is None
    assert sent(policy, 1).pause(RateLimitError(429, "x", retry_after=5.0), 100.0) == 9


@pytest.mark.parametrize(
    "error", [RateLimitError(429, "x", retry_after=5.0), SubmissionUnknownError("x", retry_after=5.0)]
)
def test_a_retry_after_counts_in_a_doubt_too(error):
    """A 503 that leaves a doubt may ask for time as well as one that does not."""
    assert sent(RetryPolicy(base=1), 1).pause(error, 100.0) == 6


def test_a_submit_knows_when_it_is_exhausted():
    """After as many sends as the policy allows."""
    policy = RetryPolicy(attempts=3)
    assert [sent(policy, times).is_exhausted for times in range(5)] == [False, False, False, True, True]
