"""A signal that many may wait for, and none misses.

What it stands for is decided by the callers.
"""

from __future__ import annotations

import asyncio


class Signal:
    """Counts how often something has happened. Fire it in the event loop of those who wait.

    Read `count`, look whether there is something to do, and wait for another count: what happens in between is not
    missed, however long the look takes.

    Attributes:
        count: How often it was fired.
    """

    # Not an asyncio.Event: between its `clear` and its `wait`, one of two waiters can lose what the other one cleared.
    def __init__(self) -> None:
        self.count: int = 0
        self._waiters: set[asyncio.Future[None]] = set()

    def fire(self) -> None:
        """Count, and wake everybody who waits."""
        self.count += 1
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def wait_past(self, count: int) -> None:
        """Return as soon as the count is another one."""
        if self.count != count:
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)
