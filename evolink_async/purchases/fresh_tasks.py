"""The tasks that this process has got accepted a moment ago.

Every other task may have ended long ago, whatever the wall clock says of its age, and is polled at once.
"""

from __future__ import annotations


class FreshTasks:
    """Tasks by their age; those that are too old are forgotten.

    Args:
        seconds: Age until which a task is fresh.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._since)

    def add(self, task_id: str, now: float) -> None:
        """Note a task that was accepted at `now` (monotonic seconds)."""
        # The oldest is the first: a task is added once.
        while self._since and now - self._since[oldest := next(iter(self._since))] >= self._seconds:
            del self._since[oldest]
        self._since[task_id] = now

    def age(self, task_id: str, now: float) -> float | None:
        """Return the seconds since a task was accepted; None if it is not fresh."""
        since = self._since.get(task_id)
        return now - since if since is not None and now - since < self._seconds else None
