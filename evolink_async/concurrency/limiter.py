"""A limiter of concurrent work, whose number of permits can be changed at any time.

Which limiters exist, and in which order their permits are taken, is decided in `pool` and `submitting`.
"""

from __future__ import annotations

import asyncio
from heapq import heappop, heappush
from itertools import count


class Limiter:
    """A semaphore with a priority queue and a variable number of permits.

    Waiters get permits in the order of the times that they give, and in order of arrival for equal times.

    Attributes:
        total: Permits that may be in use at once.
        used: Permits in use. It exceeds `total` for a while after `total` was lowered, or after `borrow`.
        peak: Largest value of `used` so far.
    """

    # Not an anyio.CapacityLimiter: it serves waiters in order of arrival only, and a task can hold one permit at most.
    def __init__(self, total: int) -> None:
        self.total: int = total
        self.used: int = 0
        self.peak: int = 0
        self._waiters: list[tuple[float, int, asyncio.Future[None]]] = []
        self._ordinals = count()

    def resize(self, total: int) -> None:
        """Change the number of permits. Permits in use stay in use until they are released."""
        self.total = total
        self._wake_waiters()

    async def acquire(self, before: float = 0.0) -> None:
        """Take a permit; wait until one is free.

        Cancelling is safe: a permit that was given in the same iteration of the event loop is passed on.

        Args:
            before: Time by which the permit is wanted, in any unit: the waiter with the smallest value is served first.
        """
        # A free permit is taken without an iteration of the event loop and without a new object: polls are many.
        if self.acquire_now():
            return
        waiter = asyncio.get_running_loop().create_future()
        # The ordinal keeps the order of arrival, and keeps the heap from comparing futures.
        heappush(self._waiters, (before, next(self._ordinals), waiter))
        try:
            await waiter
        except asyncio.CancelledError:
            # The permit was given in the same iteration of the loop as the cancellation: pass it on.
            if waiter.done() and not waiter.cancelled():
                self.release()
            raise

    def acquire_now(self) -> bool:
        """Take a permit if one is free and nobody waits for it; return whether it was taken."""
        if self.used >= self.total or self._waiters:
            return False
        self._take()
        return True

    def borrow(self) -> None:
        """Take a permit although none may be free; others wait for it as long."""
        self._take()

    def release(self) -> None:
        """Give a permit back."""
        self.used -= 1
        self._wake_waiters()

    def _take(self) -> None:
        self.used += 1
        self.peak = max(self.peak, self.used)

    def _wake_waiters(self) -> None:
        while self._waiters and self.used < self.total:
            _, _, waiter = heappop(self._waiters)
            # Cancelled waiters stay in the heap until they are popped: removing them earlier would be a search.
            if not waiter.done():
                self._take()
                waiter.set_result(None)

    async def __aenter__(self) -> None:
        if not self.acquire_now():
            await self.acquire()

    async def __aexit__(self, *_: object) -> None:
        self.release()
