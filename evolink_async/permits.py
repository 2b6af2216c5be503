"""Counted permits that remember how many were out at once.

Which permits exist and in which order they nest is the pool's business: in_flight outside, requests inside.
"""

from __future__ import annotations

import asyncio


class Permits:
    """A semaphore that can tell how many permits are out, and the most there ever were."""

    def __init__(self, total: int) -> None:
        self._semaphore = asyncio.Semaphore(total)
        self.used = 0
        self.peak = 0

    async def acquire(self) -> None:
        """Take a permit, waiting in line for it."""
        await self._semaphore.acquire()
        self.used += 1
        self.peak = max(self.peak, self.used)

    def release(self) -> None:
        """Give a permit back."""
        self.used -= 1
        self._semaphore.release()

    async def __aenter__(self) -> None:
        await self.acquire()

    async def __aexit__(self, *_: object) -> None:
        self.release()
