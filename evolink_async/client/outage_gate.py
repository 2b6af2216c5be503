"""The gate for submits of one account: it limits them to one at a time while the service fails.

Whether a submit may be sent again is decided in `wire.verdict`, and the delay in `retry`. The back-off of status
requests is in `polling.outage_backoff`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager


class OutageGate:
    """Open while the service accepts requests; after a failure, shut for a delay, and then open for one at a time.

    Without the gate, a failing service would receive the retries of all waiting jobs. With it, an outage costs a few
    probes, and the first one that succeeds opens the gate for all.

    Args:
        patience: Seconds of outage after which the gate lets all jobs pass, so that each fails after one attempt.
        now: Returns monotonic seconds.
    """

    def __init__(self, patience: float, now: Callable[[], float] = time.monotonic) -> None:
        self._patience = patience
        self._now = now
        self._first_failure: float | None = None
        self._last_failure = 0.0
        self._shut_until = 0.0
        self._asked_until = 0.0
        self._prober = asyncio.Lock()

    @property
    def is_open(self) -> bool:
        """Whether all requests may pass: no failure is on record, or the outage has lasted longer than `patience`."""
        return self._wait() <= 0 and (self._first_failure is None or self.outage > self._patience)

    @property
    def is_held(self) -> bool:
        """Whether the service has asked to wait until a later time."""
        return self._asked_until > self._now()

    @property
    def outage(self) -> float:
        """Seconds from the first to the last failure since the last success; 0 without a failure."""
        return 0.0 if self._first_failure is None else self._last_failure - self._first_failure

    @property
    def is_beyond_patience(self) -> bool:
        """Whether the service has asked to wait for longer than `patience`: no job is to wait for that."""
        return self._asked_until - self._now() > self._patience

    def open(self) -> None:
        """Open the gate, because the service has accepted a request. A delay that the service named still holds."""
        self._first_failure = None
        self._shut_until = 0.0

    def shut(self, delay: float, *, asked: bool = False) -> None:
        """Shut the gate, because a request has failed: none passes for `delay` seconds, then one at a time.

        Args:
            delay: Seconds. An earlier, longer delay still holds.
            asked: Whether the service named the delay: then it holds even after a success.
        """
        now = self._now()
        # A failure after a quiet time begins a new outage; else two failures hours apart would count as a long one.
        if self._first_failure is None or now - self._last_failure > self._patience:
            self._first_failure = now
        self._last_failure = now
        self._shut_until = max(self._shut_until, now + delay)
        if asked:
            self._asked_until = max(self._asked_until, now + delay)

    @asynccontextmanager
    async def passage(self) -> AsyncGenerator[None, None]:
        """Wait until a request may be sent, and send it inside the context.

        While the gate is not open, only one context is entered at a time.
        """
        if self.is_open:
            yield
            return
        async with self._prober:
            # A loop, because the delay may be extended during the sleep.
            while (wait := self._wait()) > 0:  # noqa: ASYNC110
                await asyncio.sleep(wait)
            yield

    def _wait(self) -> float:
        """Return the seconds until a request may pass; not above 0 if one may pass now."""
        is_within_patience = self._first_failure is not None and self.outage <= self._patience
        return max(self._asked_until, self._shut_until if is_within_patience else 0.0) - self._now()
