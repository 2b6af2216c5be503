"""What a person is told when the polls of a task do not go as usual, so that nothing stands still in silence.

What such polls lead to is decided in `next_poll`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from ..errors import EvolinkError, StatusError, TaskNotFoundError
from ..task import Snapshot
from .next_poll import is_no_id
from .outage_backoff import MAX_RETRY_AFTER
from .watched_task import WatchedTask

REPORT_SECONDS = 600.0
"""Seconds without a usable answer about a task after which that is reported."""
SLOW_SECONDS = 5.0
"""Seconds without a poll after which that is reported."""
SILENT_SECONDS = 60.0
"""Least time between two reports of the same trouble."""


class TroubleReports:
    """Reports trouble, and remembers what was reported.

    Attributes:
        report: Called with a sentence.
    """

    def __init__(self) -> None:
        self.report: Callable[[str], None] = lambda _: None
        self._odd_words: set[str] = set()
        self._waits_told_until = -math.inf

    def note(self, entry: WatchedTask, seen: Snapshot | EvolinkError, now: float) -> None:
        """Report what is odd about the result of a poll; `now` is monotonic seconds."""
        if isinstance(seen, Snapshot):
            if not seen.is_documented and seen.state not in self._odd_words:
                self._odd_words.add(seen.state)
                self.report(f"task {entry.task_id} is {seen.state!r}, a word that no page names; it is polled on")
            return
        trouble = entry.trouble
        if isinstance(seen, TaskNotFoundError) and _is_news(entry, seen):
            self.report(f"the service does not know the task {entry.task_id}; it may be too new, so it is asked again")
        if trouble is not None and not trouble.is_reported and now - trouble.since >= REPORT_SECONDS:
            trouble.is_reported = True
            minutes = REPORT_SECONDS / 60
            self.report(f"no usable answer about task {entry.task_id} for {minutes:g} minutes; last: {seen}")

    def note_wait(self, seen: EvolinkError, now: float) -> None:
        """Report that an answer asks for a long wait: with it alone polls stop, before anything counts as failing."""
        asked = min((seen.retry_after if isinstance(seen, StatusError) else None) or 0.0, MAX_RETRY_AFTER)
        # Answers to what was under way together ask for the same wait; short waits in a row are told once a minute.
        if asked > SLOW_SECONDS and now + asked > self._waits_told_until + SLOW_SECONDS:
            self._waits_told_until = now + max(asked, SILENT_SECONDS)
            self.report(f"no poll is sent for {asked:.0f} s, as an answer to one asks for it; last: {seen}")


def _is_news(entry: WatchedTask, seen: TaskNotFoundError) -> bool:
    """Whether it is the first such answer about an id that may be mistyped, and further polls follow."""
    is_first = entry.trouble is None or not entry.trouble.times_missing
    return is_first and not (seen.is_foreign or entry.is_proven or is_no_id(entry, seen))
