"""The gate that keeps an outage from becoming a storm of retries.

Which request may be sent again is decided in `wire.verdict`, and after how long in `retry`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager


class OutageGate:
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
