"""Equal refusals in a row open a circuit for their key and model, for a while."""

from __future__ import annotations

from typing import cast

from evolink_async.client import Session
from evolink_async.errors import AccessDeniedError, InterceptedError, InvalidRequestError, RateLimitError, ServerError
from evolink_async.submitting.circuit_breaker import CircuitBreakers

DENIED = AccessDeniedError(403, "no model for: a secret prompt", code="model_access_denied", request_id="req-1")
# Sessions only tell circuits apart.
KEY, OTHER = cast("Session", object()), cast("Session", object())


def test_so_many_equal_refusals_open_it_once():
    """The third says so; before it the model is asked for."""
    circuits = CircuitBreakers(3, rest=60)
    assert [circuits.refused(KEY, "m", DENIED, now) for now in (0, 1, 2, 3)] == [False, False, True, False]
    assert isinstance(circuits.refusal(KEY, "m", 3), AccessDeniedError)


def test_it_is_for_one_key_and_one_model():
    """Another key may have the model, and this key may have other models."""
    circuits = CircuitBreakers(1, rest=60)
    circuits.refused(KEY, "m", DENIED, 0)
    assert circuits.refusal(KEY, "other", 0) is None
    assert circuits.refusal(OTHER, "m", 0) is None


def test_what_a_job_is_told_is_about_itself():
    """It was not sent. The texts of the refusals, their parameters and their request ids belong to other jobs."""
    circuits = CircuitBreakers(2, rest=60)
    told = AccessDeniedError(403, "no model for: a secret prompt", code="c", request_id="req-1", param="prompt: secret")
    for now in (0, 1):
        circuits.refused(KEY, "m", told, now)
    error = circuits.refusal(KEY, "m", 2)
    assert error is not None
    assert error is not circuits.refusal(KEY, "m", 2)
    assert (error.status, error.code, error.request_id, error.param) == (403, "c", None, None)
    assert "not sent" in str(error)
    assert "2 jobs of m" in str(error)
    assert "secret" not in f"{error} {error!r} {error.args} {vars(error)}"
    assert error.__cause__ is None
    assert error.__context__ is None
    assert told.message == "no model for: a secret prompt"


def test_it_rests_and_then_lets_one_try():
    """After `rest` seconds the model is asked for again; a success forgets everything."""
    circuits = CircuitBreakers(1, rest=60)
    circuits.refused(KEY, "m", DENIED, 0)
    assert circuits.refusal(KEY, "m", 59) is not None
    assert circuits.refusal(KEY, "m", 60) is None
    circuits.took(KEY, "m")
    assert circuits.refusal(KEY, "m", 0) is None


def test_other_refusals_start_a_new_row():
    """Only equal ones count, and only those that say something about the model."""
    circuits = CircuitBreakers(2, rest=60)
    circuits.refused(KEY, "m", DENIED, 0)
    circuits.refused(KEY, "m", AccessDeniedError(403, "no", code="another"), 1)
    for error in (
        InvalidRequestError(400, "bad"),
        InvalidRequestError(422, "bad"),
        RateLimitError(429, "slow"),
        ServerError(503, "busy"),
        InterceptedError(403, "a page", is_foreign=True),
        InvalidRequestError(404, "a page", is_foreign=True),
    ):
        assert not any(circuits.refused(KEY, "m", error, 2) for _ in range(5))
    assert circuits.refusal(KEY, "m", 3) is None
