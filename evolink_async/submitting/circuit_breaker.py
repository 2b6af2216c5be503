"""When refusals repeat: after so many equal ones in a row, a key is not asked for a model for a while.

It decides and does not wait; what is in flight is collected all the same.
"""

from __future__ import annotations

import copy

from ..client import Session
from ..errors import StatusError
from ..wire import is_refused_for_load, suspends_key

PARAMETER_FAULTS = frozenset({400, 413, 422})
"""Refusals of one request, not of the model: the next one may be well made."""


class CircuitBreakers:
    """Which models a key is refused for, whatever is asked.

    Args:
        refusals: Equal refusals in a row that open a circuit.
        rest: Seconds after which one job may try again.
    """

    def __init__(self, refusals: int, rest: float) -> None:
        self._refusals = refusals
        self._rest = rest
        self._streaks: dict[tuple[Session, str], tuple[StatusError, int, float]] = {}

    def refusal(self, session: Session, model: str, now: float) -> StatusError | None:
        """Return why a key is not asked for `model` now; None while it may be."""
        if (session, model) not in self._streaks:
            return None
        error, count, last = self._streaks[session, model]
        if count < self._refusals or now - last >= self._rest:
            return None
        # Not the text of the refusals: that was about other jobs.
        own = copy.copy(error)
        own.message = f"not sent, because the last {count} jobs of {model} were all refused with this status"
        own.args, own.request_id, own.param = (own.message,), None, None
        return own

    def took(self, session: Session, model: str) -> None:
        """The service accepted a job."""
        self._streaks.pop((session, model), None)

    def forget(self) -> None:
        """Let jobs of every model try again."""
        self._streaks.clear()

    def refused(self, session: Session, model: str, error: StatusError, now: float) -> bool:
        """Count a refusal, and return whether it is the one that opens the circuit."""
        # What is about the key, or about the load, has a place of its own.
        is_of_key = suspends_key(error) or is_refused_for_load(error)
        if error.status in PARAMETER_FAULTS or error.is_foreign or is_of_key:
            return False
        last, count, _ = self._streaks.get((session, model), (None, 0, 0.0))
        is_equal = last is not None and (last.status, last.code) == (error.status, error.code)
        count = count + 1 if is_equal else 1
        self._streaks[session, model] = error, count, now
        return count == self._refusals
