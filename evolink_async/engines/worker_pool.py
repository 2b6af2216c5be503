"""The pool of a worker, which all tasks of its event loop share: opened by the first, closed after the last.

A pool is opened once only, so each opening makes another one. What runs in it is in `procrastinate`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import attrs

from ..concurrency import wait_shielded
from ..pool import SessionPool


@attrs.define(eq=False)
class _Opening:
    """One life of the pool, and how many use it."""

    task: asyncio.Task[SessionPool]
    users: int = 0


class WorkerPool:
    """Opens a pool when it is wanted, and closes it when nobody wants it any more.

    Args:
        make: Makes a pool that is not open yet.
    """

    def __init__(self, make: Callable[[], SessionPool]) -> None:
        self._make = make
        self._opening: _Opening | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[SessionPool]:
        """Give the pool while the context lasts.

        Raises:
            EvolinkError: What making and opening a pool raise.
        """
        if self._opening is None:
            self._opening = _Opening(asyncio.create_task(self._open(), name="evolink_async worker pool"))
        opening = self._opening
        opening.users += 1
        try:
            # Others may wait for it too.
            yield await asyncio.shield(opening.task)
        finally:
            opening.users -= 1
            if not opening.users:
                await self._close(opening)

    async def _open(self) -> SessionPool:
        return await self._make().open()

    async def close_for_all(self, pool: SessionPool) -> None:
        """Close a pool though others use it; who comes next gets another. Its claims are free when this returns."""
        if self._opening is not None and self._opening.task.done() and self._opening.task.result() is pool:
            self._opening = None
        await pool.aclose()

    async def _close(self, opening: _Opening) -> None:
        if self._opening is opening:
            self._opening = None
        await wait_shielded(asyncio.create_task(self._end(opening.task), name="evolink_async worker pool"))

    async def _end(self, task: asyncio.Task[SessionPool]) -> None:
        await asyncio.wait([task])
        if not task.cancelled() and task.exception() is None:
            await task.result().aclose()
