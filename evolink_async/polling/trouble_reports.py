"""What a person is told when the polls of a task do not go as usual, so that nothing stands still in silence.

What such polls lead to is decided in `next_poll`.
"""

from __future__ import annotations

from collections.abc import Callable

from ..errors import EvolinkError
from ..task import Snapshot
from .watched_task import WatchedTask

REPORT_SECONDS = 600.0
"""Seconds without a usable answer about a task after which that is reported."""


class TroubleReports:
    """Reports trouble, and remembers what was reported.

    Attributes:
        report: Called with a sentence.
    """

    def __init__(self) -> None:
        self.report: Callable[[str], None] = lambda _: None
        self._odd_words: set[str] = set()

    def note(self, entry: WatchedTask, seen: Snapshot | EvolinkError, now: float) -> None:
        """Report what is odd about the result of a poll; `now` is monotonic seconds."""
        if isinstance(seen, Snapshot):
            if not seen.is_documented and seen.state not in self._odd_words:
                self._odd_words.add(seen.state)
                self.report(f"task {entry.task_id} is {seen.state!r}, a word that no page names; it is polled on")
            return
        trouble = entry.trouble
        if trouble is not None and not trouble.is_reported and now - trouble.since >= REPORT_SECONDS:
            trouble.is_reported = True
            minutes = REPORT_SECONDS / 60
            self.report(f"no usable answer about task {entry.task_id} for {minutes:g} minutes; last: {seen}")
