"""When a request is sent again: attempts, patience, back-off and Retry-After.

Which errors allow another send at all is decided in `wire.verdict`. Nothing waits here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs
import backoff

from ..errors import EvolinkError, StatusError, SubmissionUnknownError
from ..settings import RetryPolicy


# Of `backoff` only the generators are used. Its decorators sleep by themselves, so nothing could stop them, and
# their full jitter would go below a Retry-After.
def delays(policy: RetryPolicy, jitter: Callable[[float], float] = backoff.full_jitter) -> Iterator[float]:
    """Yield the seconds before the second send, the third, and so on, without end.

    Args:
        policy: `base` is the bound of the first delay; it doubles up to `cap`.
        jitter: Takes a bound and returns a delay up to it.
    """
    bounds = backoff.expo(base=2, factor=policy.base, max_value=policy.cap)
    # backoff's generators yield None first.
    next(bounds)
    for bound in bounds:
        yield jitter(bound)


# Not frozen: it counts the sends.
@attrs.define
class Resend:
    """The sends of one submit, and the delay before the next one.

    Attributes:
        policy: Attempts, patience and delays.
        jitter: Takes a bound and returns a delay up to it.
        sends: Sends so far.
        started: Monotonic seconds of the first send.
    """

    policy: RetryPolicy
    jitter: Callable[[float], float] = backoff.full_jitter
    sends: int = 0
    started: float = 0.0
    _delays: Iterator[float] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._delays = delays(self.policy, self.jitter)

    def sent(self, now: float) -> None:
        """Count a send at `now` (monotonic seconds)."""
        self.started = self.started if self.sends else now
        self.sends += 1

    def withdrawn(self) -> None:
        """Take the last send back: not a byte of it has left."""
        self.sends -= 1

    @property
    def is_exhausted(self) -> bool:
        """Whether the policy allows no further send."""
        return self.sends >= self.policy.attempts

    def pause(self, error: EvolinkError, now: float, *, patience: float | None = None) -> float | None:
        """Return the seconds to wait before the next send, or None if there is none.

        There is none after `attempts` sends, and if the wait would end later than `patience` seconds after the first.

        Args:
            error: How the last send ended.
            now: Monotonic seconds.
            patience: Seconds; by default those of the policy.
        """
        if self.is_exhausted:
            return None
        delay = next(self._delays)
        asked = error.retry_after if isinstance(error, StatusError | SubmissionUnknownError) else None
        # Retry-After is obeyed in full, with jitter added, so that many callers do not return at the same moment. It
        # may slow us down, never speed us up: 0 or a date in the past leaves the own back-off.
        if asked is not None:
            delay = max(delay, asked + self.jitter(self.policy.base))
        return delay if now - self.started + delay <= (patience or self.policy.patience) else None
