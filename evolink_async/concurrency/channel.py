"""A lossless hand-over from the pool to one consumer.

An item leaves only together with the return of `get`, so a cancelled consumer loses nothing. What the items mean is
not known here.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Channel(Generic[T]):
    """A queue without a bound of its own: what may be put is bounded by whoever puts."""

    def __init__(self) -> None:
        self._items: deque[T] = deque()
        self._news = asyncio.Event()
        self._finished = False
        self._error: BaseException | None = None

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> None:
        """Hand over one item; nothing after `finish`."""
        if not self._finished:
            self._items.append(item)
            self._news.set()

    def finish(self, error: BaseException | None = None) -> None:
        """Let the consumer end, after the items already put, with `error` if there is one."""
        if not self._finished:
            self._finished, self._error = True, error
            self._news.set()

    def clear(self) -> None:
        """Forget the items not taken yet."""
        self._items.clear()

    async def get(self) -> T:
        """Take the next item, waiting for it if need be.

        Raises:
            StopAsyncIteration: All is taken and nothing more will come.
        """
        while not self._items:
            if self._finished:
                error, self._error = self._error, None
                raise error or StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        return self._items.popleft()
