"""Waiting for a task to its end despite cancellation.

Which tasks deserve it is decided by the callers; such a task must end by itself.
"""

from __future__ import annotations

import asyncio
from typing import TypeVar

import anyio

T = TypeVar("T")


async def wait_shielded(task: asyncio.Task[T]) -> T:
    """Wait until `task` ends and return its result; raise the last cancellation that arrived meanwhile instead.

    Raises:
        CancelledError: The caller was cancelled meanwhile, or the task was. Its cause is what ended the task, if
            anything did.
        Exception: What ended the task, if the caller was not cancelled.
    """
    cancelled: asyncio.CancelledError | None = None
    # anyio's shield holds back cancel scopes, the loop holds back `Task.cancel`. Neither covers the other.
    with anyio.CancelScope(shield=True):
        while not task.done():
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError as error:
                cancelled = error
    if cancelled is not None:
        raise cancelled from None if task.cancelled() else task.exception()
    return task.result()
