"""Whether results are saved fast enough: the files that wait, against the time that their links still work.

Counting and arithmetic only. Waiting for a permit is in `download_queue`.
"""

from __future__ import annotations

import attrs


@attrs.frozen
class BacklogWarning:
    """Links will expire before their files are saved.

    Attributes:
        waiting: Files that wait.
        needed: Seconds until the last of them starts.
        left: Seconds until the last of their links expires.
    """

    waiting: int
    needed: float
    left: float


class Backlog:
    """The files of one run that wait to be saved, and how long saving one takes.

    Attributes:
        waiting: Files that wait.
    """

    def __init__(self) -> None:
        self.waiting: int = 0
        self._expires_at = 0.0
        self._files = 0
        self._seconds = 0.0
        self._has_warned = False

    def enter(self, expires_at: float) -> None:
        """Count a file that begins to wait.

        Args:
            expires_at: Unix seconds when its link expires.
        """
        self.waiting += 1
        self._expires_at = max(self._expires_at, expires_at)

    def leave(self) -> None:
        """Count a file that no longer waits: it starts, or was cancelled."""
        self.waiting -= 1

    def record(self, seconds: float) -> None:
        """Count a file that is saved or has failed, and how long that took."""
        self._files += 1
        self._seconds += seconds

    def take_warning(self, now: float, concurrency: int) -> BacklogWarning | None:
        """Return a warning the first time that links are going to expire, else None.

        Args:
            now: Unix seconds.
            concurrency: How many files are saved at once.
        """
        # Before the first file has ended, its duration could only be guessed.
        if self._has_warned or not self._files:
            return None
        needed = self.waiting * self._seconds / self._files / concurrency
        left = self._expires_at - now
        # The last link to expire decides, as files are saved in the order of expiry. Links that have expired already
        # do not count: their tasks are polled again for new ones.
        if not 0 < left < needed:
            return None
        self._has_warned = True
        return BacklogWarning(self.waiting, needed, left)
