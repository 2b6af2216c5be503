"""Whether files are saved fast enough for the links in line. It counts and compares; nothing waits here."""

from __future__ import annotations

import attrs


@attrs.frozen
class Lateness:
    """The line is too long.

    Attributes:
        waiting: Files in line.
        needed: Seconds until the last one's turn.
        left: Seconds until the last of their links expires.
    """

    waiting: int
    needed: float
    left: float


class Pace:
    """How files come and go, in one run.

    Attributes:
        waiting: Files in line.
    """

    def __init__(self) -> None:
        self.waiting = 0
        self._expires_at = 0.0
        self._files = 0
        self._seconds = 0.0
        self._is_told = False

    def joined(self, expires_at: float) -> None:
        """A file is in line, whose link expires at that Unix time."""
        self.waiting += 1
        self._expires_at = max(self._expires_at, expires_at)

    def left(self) -> None:
        """Its turn has come, or it is not wanted any more."""
        self.waiting -= 1

    def took(self, seconds: float) -> None:
        """One file is done with."""
        self._files += 1
        self._seconds += seconds

    def lateness(self, now: float, at_once: int) -> Lateness | None:
        """What is to be told, the first time that links will expire before their turn. Expired ones are no news."""
        if self._is_told or not self._files:
            return None
        needed = self.waiting * self._seconds / self._files / at_once
        left = self._expires_at - now
        if not 0 < left < needed:
            return None
        self._is_told = True
        return Lateness(self.waiting, needed, left)
