"""Whether the callbacks of the service arrive, so that tasks need few polls.

Plain bookkeeping: the clock is an argument. What a callback is, and which tasks have one, is decided in `pool`.
"""

from __future__ import annotations

LOST_CALLS = 3
"""Tasks in a row that ended without their callback, after which callbacks are taken for lost."""
# The service waits 10 s for an answer, and repeats a call after 1, 2 and 4 s.
CALL_GRACE = 20.0
"""Seconds after such an end within which its callback may still arrive."""


class CallRecord:
    """Counts ends that were found without their callback, since the last callback that arrived."""

    __slots__ = ("_ends_without_call", "_was_trusted")

    def __init__(self) -> None:
        self._ends_without_call: list[float] = []
        self._was_trusted = True

    def arrived(self) -> None:
        """Note that a callback has arrived, for whatever task."""
        self._ends_without_call.clear()

    def missed(self, now: float) -> None:
        """Note that a poll found the end of a task, and no callback had arrived for it.

        Args:
            now: Monotonic seconds.
        """
        if len(self._ends_without_call) < LOST_CALLS:
            self._ends_without_call.append(now)

    def is_trusted(self, now: float) -> bool:
        """Whether callbacks are expected to arrive. At first they are."""
        ends = self._ends_without_call
        return len(ends) < LOST_CALLS or now - ends[-1] < CALL_GRACE

    def longest(self, delay: float, max_interval: float) -> float:
        """Return the delay of a poll that is planned in trust: while a callback is missing, not so long.

        Otherwise no poll might come that finds out whether callbacks are lost.
        """
        return min(delay, max(CALL_GRACE, max_interval)) if self._ends_without_call else delay

    def were_lost(self, now: float) -> bool:
        """Whether callbacks are taken for lost since the last time this was asked."""
        before, self._was_trusted = self._was_trusted, self.is_trusted(now)
        return before and not self._was_trusted
