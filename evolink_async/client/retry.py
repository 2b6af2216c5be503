"""Which submit may be sent again, and when; the only place that imports `backoff`.

Only the generators of `backoff` are used: its decorators sleep on their own, and full jitter would undercut a
Retry-After. What may be sent again at all is decided by `verdict.may_send_again`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs
import backoff

from ..errors import EvolinkError, StatusError
from ..settings import RetryPolicy
from ..wire import may_send_again


def delays(policy: RetryPolicy, jitter: Callable[[float], float] = backoff.full_jitter) -> Iterator[float]:
    """Seconds before the second send, the third, and so on, without end."""
    wait = backoff.expo(base=2, factor=policy.base, max_value=policy.cap)
    next(wait)  # backoff's generators yield None first
    for longest in wait:
        yield jitter(longest)


@attrs.define
class Resend:
    """The sends of one submit so far, and whether there is another."""

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

    def after(self, error: EvolinkError, now: float, *, outage: float = 0.0) -> float | None:
        """Seconds to wait before the next send, or None when `error` is the last word.

        A Retry-After is obeyed in full, plus a little positive jitter so that many callers do not return at once.

        Args:
            error: How the last send ended.
            now: Monotonic seconds.
            outage: Seconds for which no job at all got through.
        """
        return self.pause(error, now, outage=outage) if may_send_again(error, self.policy.resubmit) else None

    def pause(self, error: EvolinkError, now: float, *, outage: float = 0.0) -> float | None:
        """As `after`, for what may be sent again whatever became of it."""
        policy = self.policy
        if self.sends >= policy.attempts:
            return None
        delay = next(self._delays)
        asked = error.retry_after if isinstance(error, StatusError) else None
        if asked is not None:
            delay = asked + self.jitter(policy.base)
        waited = max(now - self.started, outage)
        return delay if waited + delay <= policy.patience else None
