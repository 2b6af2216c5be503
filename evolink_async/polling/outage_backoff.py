"""How the status requests of one account wait during an outage of the service, and for `Retry-After`.

Nothing waits here. The brake for submits is `client.outage_brake`; retries of a single task are decided in `next_poll`.
"""

from __future__ import annotations

from ..errors import EvolinkError, StatusError
from ..settings import Cadence

# A longer one is taken for a mistake: obeying it would leave tasks unwatched for hours.
MAX_RETRY_AFTER = 3600.0
"""Longest `Retry-After` that is obeyed, in seconds."""
FAILING = 2
"""Status requests in a row that fail before a person is told."""
OUTAGE = 5
"""Status requests in a row that fail before only one is sent at a time, as a probe."""


class OutageBackoff:
    """Whether an account is in an outage, and when its next status request may be sent.

    Args:
        cadence: Probes wait twice `min_interval`, doubled after each failure, up to `max_interval`.

    Attributes:
        blocked_until: Monotonic seconds until which the outage blocks all requests.
        asked_until: Monotonic seconds until which the service asked not to be called.
    """

    __slots__ = ("_cadence", "_failures", "asked_until", "blocked_until")

    def __init__(self, cadence: Cadence) -> None:
        self._cadence = cadence
        self._failures = 0
        self.blocked_until: float = 0.0
        self.asked_until: float = 0.0

    @property
    def is_outage(self) -> bool:
        """Whether requests are sent one at a time, to find out when the service is back."""
        return self._failures >= OUTAGE

    @property
    def is_failing(self) -> bool:
        """Whether the last two status requests or more have failed: worth a word, long before it is an outage."""
        return self._failures >= FAILING

    def is_waiting(self, now: float) -> bool:
        """Whether the next request waits, because of an outage or because the service has asked for it."""
        return self.is_outage or self.asked_until > now

    def record_success(self) -> None:
        """Record a usable answer: the outage is over. A `Retry-After` still holds."""
        self._failures, self.blocked_until = 0, 0.0

    def record_failure(self, error: EvolinkError, now: float) -> None:
        """Record a request that failed because of the service or the network."""
        if isinstance(error, StatusError) and error.retry_after:
            self.asked_until = max(self.asked_until, now + min(error.retry_after, MAX_RETRY_AFTER))
        # Requests that were under way together when the outage was detected count as one failure.
        if self.is_outage and now < self.blocked_until:
            return
        self._failures += 1
        if self.is_outage:
            pause = self._cadence.min_interval * 2.0 ** min(self._failures - OUTAGE + 1, 30)
            self.blocked_until = now + min(pause, self._cadence.max_interval)
