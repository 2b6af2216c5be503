"""When refusals repeat: after so many equal ones in a row, a model is not asked for any more for a while.

It decides and does not wait; what is in flight is collected all the same.
"""

from __future__ import annotations

from ..errors import RateLimitError, StatusError

PARAMETER_FAULTS = frozenset({400, 413, 422})
"""Refusals of one request, not of the model: the next one may be well made."""


class CircuitBreakers:
    """Which models are refused whatever is asked.

    Args:
        refusals: Equal refusals in a row that open a circuit.
        rest: Seconds after which one job may try again.
    """

    def __init__(self, refusals: int, rest: float) -> None:
        self._refusals = refusals
        self._rest = rest
        self._streaks: dict[str, tuple[StatusError, int, float]] = {}

    def refusal(self, model: str, now: float) -> StatusError | None:
        """Why `model` is not asked for now; None while it may be."""
        error, count, last = self._streaks.get(model, (None, 0, 0.0))
        return error if count >= self._refusals and now - last < self._rest else None

    def took(self, model: str) -> None:
        """The service accepted a job for `model`."""
        self._streaks.pop(model, None)

    def refused(self, model: str, error: StatusError, now: float) -> bool:
        """Count a refusal; tells whether this is the one that opens the circuit."""
        if error.status in PARAMETER_FAULTS or isinstance(error, RateLimitError):
            return False
        last, count, _ = self._streaks.get(model, (None, 0, 0.0))
        is_equal = last is not None and (last.status, last.code) == (error.status, error.code)
        count = count + 1 if is_equal else 1
        self._streaks[model] = error, count, now
        return count == self._refusals
