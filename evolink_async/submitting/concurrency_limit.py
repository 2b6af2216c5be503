"""How many submits at once the service bears: one more after a full round that went well, half after a refusal.

It decides and does not wait; who waits for a permit is in `submit_queue`.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..client import Session
from .rate_limit import KeyRates


class AdaptiveLimit:
    """Additive increase, multiplicative decrease. A Retry-After is another matter: it says when, this says how many.

    Args:
        ceiling: Submits at once at most.

    Attributes:
        limit: Submits at once now.
    """

    def __init__(self, ceiling: int) -> None:
        self.limit: int = ceiling
        self._ceiling = ceiling
        self._in_a_row = 0
        self._cut_at = float("-inf")

    def retune(self, ceiling: int) -> None:
        """Change the most there may be; it begins anew from there."""
        self.limit = self._ceiling = ceiling
        self._in_a_row = 0

    def took(self, *, all_out: bool) -> bool:
        """Note that the service took a job, and return whether `limit` has changed.

        Args:
            all_out: Whether as many were under way as may be. If not, nothing is known of one more.
        """
        if not all_out or self.limit == self._ceiling:
            return False
        self._in_a_row += 1
        if self._in_a_row < self.limit:
            return False
        self._in_a_row = 0
        self.limit += 1
        return True

    def refused(self, sent_at: float, now: float) -> bool:
        """Note a refusal for load of what was sent at `sent_at`, and return whether `limit` has changed.

        What was sent before the last cut says nothing of it: a burst of refusals is one reason to slow down, not ten.
        """
        self._in_a_row = 0
        if sent_at <= self._cut_at or self.limit == 1:
            return False
        self._cut_at = now
        self.limit = max(1, self.limit // 2)
        return True


class KeyLimits:
    """The permits for submits: so many over all keys, and for each key as many as its account bears.

    Args:
        sessions: The keys.
        total: Submits at once at most.
        rates: How many of each key there may be in a minute; without it any number.

    Attributes:
        total: As given, or as set by `retune`.
        used: Submits under way.
        rates: As given.
    """

    def __init__(self, sessions: Iterable[Session], total: int, rates: KeyRates | None = None) -> None:
        self.total: int = total
        self.used = 0
        self.rates: KeyRates = rates or KeyRates((), None)
        self._by_session = {session: AdaptiveLimit(total) for session in sessions}

    @property
    def has_room(self) -> bool:
        """Whether one more submit may be under way."""
        return self.used < self.total

    @property
    def limit(self) -> int:
        """Submits at once now, over all keys."""
        return min(self.total, sum(limit.limit for limit in self._by_session.values()))

    def of(self, session: Session) -> int:
        """Return how many submits at once a key may have now."""
        return self._by_session[session].limit

    def retune(self, total: int) -> None:
        """Change the most there may be."""
        self.total = total
        for limit in self._by_session.values():
            limit.retune(total)

    def took(self, session: Session) -> bool:
        """The service took a job; return whether the limit of its key has changed."""
        limit = self._by_session[session]
        return limit.took(all_out=session.submitting >= limit.limit)

    def refused(self, session: Session, sent_at: float, now: float) -> bool:
        """The service refused a job for load; return whether the limit of its key has changed."""
        return self._by_session[session].refused(sent_at, now)
