"""Which submit may be sent again, and when; the only place that imports `backoff`.

Only the generators of `backoff` are used: its decorators sleep on their own, and full jitter would undercut a
Retry-After. What may be sent again at all is decided by `verdict.may_send_again`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager

import attrs
import backoff

from ..errors import EvolinkError, StatusError
from ..settings import RetryPolicy
from ..wire.verdict import may_send_again


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


class Gate:
    """Open while the service takes requests; shut after a refusal or an outage, when one job at a time may try.

    Without it a failing service would get the retries of every waiting job. With it an outage costs a handful of
    probes, and the first that gets through opens the gate for all.
    """

    def __init__(self, patience: float, now: Callable[[], float] = time.monotonic) -> None:
        self._patience = patience
        self._now = now
        self._first: float | None = None
        self._last = 0.0
        self._until = 0.0
        self._asked_until = 0.0
        self._prober = asyncio.Lock()

    @property
    def is_open(self) -> bool:
        """Whether everybody may pass: also when the outage outlasted our patience, for one try each."""
        return self._wait() <= 0 and (self._first is None or self.outage > self._patience)

    @property
    def outage(self) -> float:
        """Seconds from the first to the last request in a row that did not get through; 0 when the last one did."""
        return 0.0 if self._first is None else self._last - self._first

    def open(self) -> None:
        """The service took a request: let everybody pass, though not before the time it asked us to wait for."""
        self._first = None
        self._until = 0.0

    def shut(self, delay: float, *, asked: bool = False) -> None:
        """The service did not take a request: nobody may try for `delay` seconds, then one at a time.

        Args:
            delay: Seconds.
            asked: Whether the service itself named that time, which then holds whatever happens meanwhile.
        """
        now = self._now()
        if self._first is None or now - self._last > self._patience:
            self._first = now  # whatever went wrong long ago is another story
        self._last = now
        self._until = max(self._until, now + delay)
        if asked:
            self._asked_until = max(self._asked_until, now + delay)

    @asynccontextmanager
    async def passage(self) -> AsyncGenerator[None, None]:
        """Wait until a request may be sent; hold the place of the prober while it is."""
        if self.is_open:
            yield
            return
        async with self._prober:
            while (wait := self._wait()) > 0:  # noqa: ASYNC110  # the time may be put off while we sleep
                await asyncio.sleep(wait)
            yield

    def _wait(self) -> float:
        patient = self._first is not None and self.outage <= self._patience
        return max(self._asked_until, self._until if patient else 0.0) - self._now()
