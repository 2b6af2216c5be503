"""How often an interrupted download is tried again, after which pauses, and for how long without a byte.

Counting and arithmetic only. Waiting is in `transfer`.
"""

from __future__ import annotations

from ..client import delays
from ..settings import RetryPolicy

# A host that was asked again at the end of the patience, as its Retry-After wanted, needs time to answer.
LEAST_SECONDS = 10.0
"""Seconds that every try has for its first byte."""


class Retries:
    """The tries of one download that brought no byte or began anew, and the pause before the next one.

    Args:
        policy: Most tries in a row, the delays between them, and most seconds without a byte, pauses included.
        now: Monotonic seconds when the first try begins.
    """

    def __init__(self, policy: RetryPolicy, now: float) -> None:
        self._policy = policy
        self._delays = delays(policy)
        self._tries = 0
        self._restarts = 0
        self._idle_since = now

    def restart(self) -> None:
        """Count that bytes were thrown away, because they could not be continued: one try less, and for good.

        Otherwise a host that always breaks off and never sends a part would be asked without end.
        """
        self._restarts += 1

    def ends_at(self, now: float) -> float:
        """Return the monotonic seconds when a try that begins now ends, if it brings no byte."""
        return max(self._idle_since + self._policy.patience, now + LEAST_SECONDS)

    def pause(self, retry_after: float | None, *, now: float, has_progress: bool) -> float | None:
        """Count a failed try, and return the seconds before the next one; None if there is none.

        A long file over a bad line may need any number of connections, so a try that brought bytes is the first again.

        Args:
            retry_after: Seconds for which the host asks to wait. It is obeyed in full, or not asked again.
            now: Monotonic seconds when the try ended.
            has_progress: Whether the try brought a byte.
        """
        if has_progress:
            self._tries, self._idle_since = 0, now
        self._tries += 1
        pause = (retry_after or 0.0) + next(self._delays)
        has_tries = self._tries + self._restarts < self._policy.attempts
        return pause if has_tries and now + pause - self._idle_since <= self._policy.patience else None
