"""One look-up of a key in the journal at a time, in the order in which they are asked for.

What is looked up is decided in `submitter`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager


class LookUps:
    """The keys that are being looked up."""

    def __init__(self) -> None:
        self._ends: dict[str, asyncio.Future[None] | None] = {}

    async def free(self, key: str) -> None:
        """Return when no look-up of a key is under way."""
        while key in self._ends:
            await asyncio.wait([self._end(key)])

    async def all_done(self) -> None:
        """Return when no look-up is under way."""
        while self._ends:
            await asyncio.wait([self._end(key) for key in self._ends])

    @asynccontextmanager
    async def alone(self, key: str) -> AsyncGenerator[None]:
        """Keep others from looking a key up. So what is done to a purchase is not done to one that comes after it."""
        await self.free(key)
        with self.under_way(key):
            yield

    @contextmanager
    def under_way(self, key: str) -> Generator[None]:
        """Keep others from looking a key up."""
        self._ends[key] = None  # nearly always nobody waits for it
        try:
            yield
        finally:
            end = self._ends.pop(key)
            if end is not None:
                end.set_result(None)

    def _end(self, key: str) -> asyncio.Future[None]:
        end = self._ends[key] = self._ends[key] or asyncio.get_running_loop().create_future()
        return end
