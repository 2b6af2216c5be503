"""A queue that hands items to a consumer without losing any on cancellation.

What the items mean, and how many are put, is decided by the callers.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Channel(Generic[T]):
    """An unbounded queue with an end.

    An item is removed in the same step in which `get` returns it. So a consumer that is cancelled while it waits loses
    no item.
    """

    # Not an asyncio.Queue: it has no end before Python 3.13, and no way to end with an error.
    def __init__(self) -> None:
        self._items: deque[T] = deque()
        self._changed = asyncio.Event()
        self._finished = False
        self._error: BaseException | None = None

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> None:
        """Append an item; ignored after `finish`."""
        if not self._finished:
            self._items.append(item)
            self._changed.set()

    def put_back(self, item: T) -> None:
        """Return an item that was taken and not used: it is the next one, also after `finish`."""
        self._items.appendleft(item)
        self._changed.set()

    def finish(self, error: BaseException | None = None) -> None:
        """End the channel: after the items already put, `get` raises `error` or StopAsyncIteration.

        Only the first call counts.
        """
        if not self._finished:
            self._finished, self._error = True, error
            self._changed.set()

    def clear(self) -> None:
        """Drop the items that were not taken."""
        self._items.clear()

    async def get(self) -> T:
        """Remove and return the next item; wait until there is one.

        Raises:
            StopAsyncIteration: All items are taken and the channel is finished. The error given to `finish`, if any, is
                raised in its place, once.
        """
        while not self._items:
            if self._finished:
                # Once, like an iterator that has failed: after the error it is exhausted.
                error, self._error = self._error, None
                if isinstance(error, StopAsyncIteration):  # it would look like the end
                    raise RuntimeError("what fills this channel raised StopAsyncIteration") from error
                raise StopAsyncIteration if error is None else error
            self._changed.clear()
            await self._changed.wait()
        return self._items.popleft()
