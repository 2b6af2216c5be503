"""Counted permits whose number can be changed while they are out.

Which permits exist and in which order they nest is the pool's business: in_flight outside, requests inside.
"""

from __future__ import annotations

import asyncio
from heapq import heappop, heappush
from itertools import count


class Limiter:
    """A fair semaphore that can tell how many permits are out, and can be retuned.

    First come, first served, unless callers say by when they want a permit: then the soonest goes first.

    A free permit is taken without a turn of the event loop, and without an object: looks at tasks are many.

    Attributes:
        total: How many may be out at once.
        used: How many are out; for a while more than `total`, after that was lowered.
        peak: The most there ever were.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self.used = 0
        self.peak = 0
        self._waiters: list[tuple[float, int, asyncio.Future[None]]] = []
        self._ordinals = count()

    def resize(self, total: int) -> None:
        """Change how many may be out; permits already out stay out until they are given back."""
        self.total = total
        self._hand_on()

    async def acquire(self, before: float = 0.0) -> None:
        """Take a permit, waiting in line for it behind whoever wants one before an earlier time."""
        if self.used < self.total and not self._waiters:
            self._take()
            return
        waiter = asyncio.get_running_loop().create_future()
        heappush(self._waiters, (before, next(self._ordinals), waiter))
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self.release()  # it came in the moment we were cancelled
            raise

    def release(self) -> None:
        """Give a permit back."""
        self.used -= 1
        self._hand_on()

    def _take(self) -> None:
        self.used += 1
        self.peak = max(self.peak, self.used)

    def _hand_on(self) -> None:
        while self._waiters and self.used < self.total:
            _, _, waiter = heappop(self._waiters)
            if not waiter.done():
                self._take()
                waiter.set_result(None)

    async def __aenter__(self) -> None:
        await self.acquire()

    async def __aexit__(self, *_: object) -> None:
        self.release()
