"""Blocking work on the disk, done in a thread.

Which error a failure becomes is decided by the callers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import anyio.to_thread

T = TypeVar("T")


async def on_disk(act: Callable[[], T], failure: Callable[[OSError], Exception]) -> T:
    """Call `act` in a thread and return its result.

    Cancelling does not stop a thread: `act` runs to its end before the cancellation is raised here.

    Args:
        act: Does the blocking work.
        failure: Makes the error to raise from what the system said.
    """
    try:
        return await anyio.to_thread.run_sync(act)
    except OSError as error:
        raise failure(error) from None
