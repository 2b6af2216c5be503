"""Work that several callers wait for together.

What the work is, and which callers share it, is decided by the callers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class SharedTask(Generic[T]):
    """An asyncio task with several waiters. It is cancelled when the last waiter is.

    Args:
        work: The coroutine to run.
        name: Name of the asyncio task.
    """

    def __init__(self, work: Coroutine[Any, Any, T], name: str) -> None:
        self._task = asyncio.create_task(work, name=name)
        self._task.add_done_callback(_retrieve_exception)
        self._waiters = 0

    @property
    def is_under_way(self) -> bool:
        """Whether the work can still be joined: it has neither ended nor been cancelled."""
        return not self._task.done() and not self._task.cancelling()

    def when_over(self, act: Callable[[], None]) -> None:
        """Call `act` when the work ends, for any reason."""
        self._task.add_done_callback(lambda _: act())

    def stop(self) -> None:
        """Cancel the work, even if callers wait for it; `result` returns None then."""
        self._task.cancel()

    async def ended(self) -> None:
        """Wait until the work ends, for any reason. Raises nothing of it."""
        await asyncio.wait([self._task])

    async def result(self) -> T | None:
        """Wait for the work and return its result, or raise its exception; None if it was stopped.

        When the last waiter is cancelled, so is the work.
        """
        self._waiters += 1
        try:
            await self.ended()
        finally:
            self._waiters -= 1
            # Does nothing if the work has ended.
            if not self._waiters:
                self._task.cancel()
        return None if self._task.cancelled() else self._task.result()


def _retrieve_exception(task: asyncio.Task[Any]) -> None:
    # Without this, asyncio logs "exception was never retrieved" when all waiters are gone.
    if not task.cancelled():
        task.exception()
