"""Equal refusals in a row open a circuit for their model, for a while."""

from __future__ import annotations

from evolink_async.errors import AccessDeniedError, InvalidRequestError, RateLimitError
from evolink_async.submitting.circuit_breaker import CircuitBreakers

DENIED = AccessDeniedError(403, "no", code="model_access_denied")


def test_so_many_equal_refusals_open_it_once():
    """The third says so; before it the model is asked for."""
    circuits = CircuitBreakers(3, rest=60)
    assert [circuits.refused("m", DENIED, now) for now in (0, 1, 2, 3)] == [False, False, True, False]
    assert circuits.refusal("m", 3) is DENIED
    assert circuits.refusal("other", 3) is None


def test_it_rests_and_then_lets_one_try():
    """After `rest` seconds the model is asked for again; a success forgets everything."""
    circuits = CircuitBreakers(1, rest=60)
    circuits.refused("m", DENIED, 0)
    assert circuits.refusal("m", 59) is DENIED
    assert circuits.refusal("m", 60) is None
    circuits.took("m")
    assert circuits.refusal("m", 0) is None


def test_other_refusals_start_a_new_row():
    """Only equal ones count, and only those that say something about the model."""
    circuits = CircuitBreakers(2, rest=60)
    circuits.refused("m", DENIED, 0)
    circuits.refused("m", AccessDeniedError(403, "no", code="another"), 1)
    for error in (InvalidRequestError(400, "bad"), InvalidRequestError(422, "bad"), RateLimitError(429, "slow")):
        assert not any(circuits.refused("m", error, 2) for _ in range(5))
    assert circuits.refusal("m", 3) is None
