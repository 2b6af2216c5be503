"""Blocking work on the disk, in a worker thread.

Which error a failure becomes is decided by the callers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import anyio.to_thread

T = TypeVar("T")


async def on_disk(act: Callable[[], T], failure: Callable[[OSError], Exception]) -> T:
    """Call `act` in a worker thread and return its result.

    Cancellation does not stop the thread: it is raised after `act` has returned.

    Args:
        act: Does the blocking work.
        failure: Takes the OSError that `act` raised, and returns the error to raise in its place.

    Raises:
        Exception: What `failure` returned for an OSError of `act`; other exceptions of `act` as they are.
    """
    try:
        return await anyio.to_thread.run_sync(act)
    except OSError as error:
        raise failure(error) from None
