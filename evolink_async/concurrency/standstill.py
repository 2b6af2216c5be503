"""A time limit that knows when time stood still.

A laptop sleeps, a debugger stops the process, or other code blocks the event loop. What arrived meanwhile lies in the
sockets, and a timer that is due is no proof that nothing came.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

STANDSTILL = 0.5
"""Seconds by which a timer is late when the event loop stood still."""
GRACE = 5.0
"""Most seconds that are added after that, to read what has arrived."""


@asynccontextmanager
async def time_limit(seconds: float) -> AsyncGenerator[None, None]:
    """End what is inside the context after some seconds in which the event loop ran.

    Raises:
        TimeoutError: The time is up.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as timeout:
        timer: asyncio.TimerHandle

        def check(planned: float) -> None:
            nonlocal timer
            if loop.time() - planned > STANDSTILL:
                planned = loop.time() + min(seconds, GRACE)
                timer = loop.call_at(planned, check, planned)
            else:
                timeout.reschedule(loop.time())

        end = loop.time() + seconds
        timer = loop.call_at(end, check, end)
        try:
            yield
        finally:
            timer.cancel()
