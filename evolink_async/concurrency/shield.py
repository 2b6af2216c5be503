"""Waiting that cancellation does not cut short.

What is worth that is decided by those who call; it must end by itself.
"""

from __future__ import annotations

import asyncio

import anyio


async def wait_shielded(task: asyncio.Task[None]) -> None:
    """Wait for `task` to the end, however often we are cancelled meanwhile, then obey."""
    cancelled: asyncio.CancelledError | None = None
    with anyio.CancelScope(shield=True):
        while not task.done():
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError as error:
                cancelled = error
    if cancelled is not None:
        raise cancelled
    task.result()
