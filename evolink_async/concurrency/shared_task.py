"""One piece of work that many wait for: it goes on for as long as anybody does.

What the work is, and who joins whose, is not known here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class SharedTask(Generic[T]):
    """Work in a task of its own, which ends with it or with the last who waits.

    Args:
        work: What is done.
        name: Of the task.
    """

    def __init__(self, work: Coroutine[Any, Any, T], name: str) -> None:
        self._task = asyncio.create_task(work, name=name)
        self._task.add_done_callback(_look_at)
        self._waiting = 0

    @property
    def is_under_way(self) -> bool:
        """Whether it may still be joined."""
        return not self._task.done() and not self._task.cancelling()

    def when_over(self, act: Callable[[], None]) -> None:
        """Have something done at the end, however it comes."""
        self._task.add_done_callback(lambda _: act())

    def stop(self) -> None:
        """End the work, whoever waits for it."""
        self._task.cancel()

    async def ended(self) -> None:
        """Wait until the work is over, however it ends."""
        await asyncio.wait([self._task])

    async def result(self) -> T | None:
        """Wait for what comes of the work, or for its exception; None if it was stopped."""
        self._waiting += 1
        try:
            await self.ended()
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._task.cancel()  # does nothing when it has ended
        return None if self._task.cancelled() else self._task.result()


def _look_at(task: asyncio.Task[Any]) -> None:
    """Take note of an exception that nobody may wait for any more."""
    if not task.cancelled():
        task.exception()
