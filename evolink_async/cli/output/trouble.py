"""What a person is told while the service accepts nothing: why, how often it was tried, until when it is.

A terminal shows it in its display; elsewhere it is a line now and then. Nothing is printed here.
"""

from __future__ import annotations

from datetime import datetime

from ...client import Trouble

NOTICE_SECONDS = 1.0
"""Seconds after which trouble is told: a single request that is sent again is none."""
REPEAT_SECONDS = 60.0
"""Seconds between two lines about trouble that lasts."""

# What the error says of money belongs to its job, which is sent again.
_ABOUT_MONEY = "; a task may have been accepted and charged"


def sentence_about(trouble: Trouble) -> str:
    """Return one line: the error, the number of tries, and until when it is tried."""
    tries = "1 try" if trouble.tries == 1 else f"{trouble.tries} tries"
    until = datetime.fromtimestamp(trouble.until).astimezone()
    return f"{str(trouble.error).replace(_ABOUT_MONEY, '')}, {tries}, trying until {until:%H:%M}"


class TroubleLines:
    """Decides when there is a new line to print about trouble, where nothing can be drawn over."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._told_at: float | None = None

    def line(self, trouble: Trouble | None, now: float) -> str | None:
        """Return the line to print now, if there is one.

        Args:
            trouble: What the pool says.
            now: Monotonic seconds.
        """
        if trouble is None:
            was_told, self._began, self._told_at = self._told_at is not None, None, None
            return "The service accepts requests again." if was_told else None
        self._began = now if self._began is None else self._began
        is_due = now - self._began >= NOTICE_SECONDS if self._told_at is None else now - self._told_at >= REPEAT_SECONDS
        if not is_due:
            return None
        self._told_at = now
        return sentence_about(trouble)
