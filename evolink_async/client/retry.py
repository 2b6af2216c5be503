"""Whether and when a submit is sent again: attempts, patience, back-off and Retry-After.

Which errors allow another send at all is decided in `wire.may_send_again`. Nothing waits here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs
import backoff

from ..errors import EvolinkError, StatusError
from ..settings import RetryPolicy
from ..wire import may_send_again


# Of `backoff` only the generators are used. Its decorators sleep by themselves, so the gate could not stop them, and
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

    def after(self, error: EvolinkError, now: float, *, outage: float = 0.0) -> float | None:
        """Return the seconds to wait before the next send, or None if there is none.

        There is none if the policy does not allow to send again after `error`, after `attempts` sends, and if the wait
        would end later than `patience` seconds after the first send.

        Args:
            error: How the last send ended.
            now: Monotonic seconds.
            outage: Seconds for which the submits of all jobs have failed; counts towards `patience`.
        """
        return self.pause(error, now, outage=outage) if may_send_again(error, self.policy.resubmit) else None

    def pause(self, error: EvolinkError, now: float, *, outage: float = 0.0) -> float | None:
        """Do the same for a request that may be sent again after any error, as an upload."""
        policy = self.policy
        if self.sends >= policy.attempts:
            return None
        delay = next(self._delays)
        asked = error.retry_after if isinstance(error, StatusError) else None
        # Retry-After is obeyed in full, with jitter added, so that many callers do not return at the same moment. It
        # may slow us down, never speed us up: 0 or a date in the past leaves the own back-off.
        if asked is not None:
            delay = max(delay, asked + self.jitter(policy.base))
        waited = max(now - self.started, outage)
        return delay if waited + delay <= policy.patience else None
