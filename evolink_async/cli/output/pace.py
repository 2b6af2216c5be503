"""How fast the jobs of a run end, and when the rest will have ended.

The clock is an argument. What is shown of it is in `progress_display`, and on the live page.
"""

from __future__ import annotations

from collections import deque

from ...pool import Stats

WINDOW = 120.0
"""Seconds over which ends are counted: a rate over the whole run would not notice that it became slower."""
SPACING = 1.0
"""Seconds between two counts that are kept."""


class Pace:
    """Counts the ends of jobs over the last minutes.

    Attributes:
        ended: Jobs that had ended at the last count.
        latest: The jobs that ended in a minute then; None if there was no telling.
    """

    def __init__(self) -> None:
        self._counts: deque[tuple[float, int]] = deque()
        self.ended: int = 0
        self.latest: float | None = None

    def note(self, now: float, ended: int) -> None:
        """Take down how many jobs have ended.

        Args:
            now: Monotonic seconds.
            ended: Jobs that have ended since the start.
        """
        if not self._counts or now - self._counts[-1][0] >= SPACING:
            self._counts.append((now, ended))
        while now - self._counts[0][0] > WINDOW:
            self._counts.popleft()
        began, before = self._counts[0]
        has_some = now - began >= SPACING and ended > before
        self.ended, self.latest = ended, 60 * (ended - before) / (now - began) if has_some else None


def seconds_to_go(stats: Stats, queued: int) -> float | None:
    """Return the seconds until all jobs will have ended; None while there is no telling.

    The tasks under way end by the durations that the schedule has learned; those that wait are made in their places.

    Args:
        stats: The figures of the pool.
        queued: Jobs that are not sent yet.
    """
    if stats.seconds_left is None or stats.seconds_each is None:
        return None
    return stats.seconds_left + stats.seconds_each * (queued / max(1, stats.in_flight))
