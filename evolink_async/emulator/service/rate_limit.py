"""How many submits each API key may send: a bucket that fills evenly. Times are arguments.

The vendor publishes neither a figure nor how it counts.
"""

from __future__ import annotations


class RateLimit:
    """The buckets of all keys, full at first.

    Args:
        per_minute: Submits that a bucket gains in a minute; it holds those of a second, and one more. None for no
            limit.
    """

    def __init__(self, per_minute: float | None) -> None:
        self._per_second = None if per_minute is None else per_minute / 60
        self._buckets: dict[str, tuple[float, float]] = {}

    def allows(self, api_key: str, now: float) -> bool:
        """Whether a submit is allowed at `now` (seconds of a clock that never jumps); it is counted then."""
        if self._per_second is None:
            return True
        most = self._per_second + 1
        level, since = self._buckets.get(api_key, (most, now))
        level = min(most, level + (now - since) * self._per_second)
        is_allowed = level >= 1
        self._buckets[api_key] = (level - is_allowed, now)
        return is_allowed
