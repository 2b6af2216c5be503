"""A time limit that knows when time stood still.

A laptop sleeps, a debugger stops the process, or other code blocks the event loop. What arrived meanwhile lies in the
sockets, and a timer that is due is no proof that nothing came.
"""

from __future__ import annotations

import asyncio
from types import TracebackType

STANDSTILL_SECONDS = 0.5
"""Seconds by which a timer is late when the event loop stood still."""
GRACE_SECONDS = 5.0
"""Most seconds that are added after that, to read what has arrived."""


class TimeLimit:
    """Ends what is inside of it after some seconds in which the event loop ran.

    Raises:
        TimeoutError: The time is up.
    """

    __slots__ = ("_loop", "_seconds", "_timeout", "_timer")

    # A class and no generator: every request has a limit, which added 2.4 us to `asyncio.timeout`, and adds 0.4.
    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._timeout = asyncio.timeout(None)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()
        self._check_at(self._loop.time() + self._seconds)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        await self._timeout.__aexit__(kind, error, trace)

    def _check_at(self, when: float) -> None:
        self._timer = self._loop.call_at(when, self._check, when)

    def _check(self, planned: float) -> None:
        if self._loop.time() - planned > STANDSTILL_SECONDS:
            self._check_at(self._loop.time() + min(self._seconds, GRACE_SECONDS))
        else:
            self._timeout.reschedule(self._loop.time())
