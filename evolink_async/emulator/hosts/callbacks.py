"""Callbacks: one background task that posts final states, with the documented retries.

Nothing here knows what a callback says.
"""

from __future__ import annotations

import asyncio
import heapq
import math
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

import aiohttp

from ..clock import Clock
from ..service.refusals import JsonObject
from ..service.task import TaskRecord

TIMEOUT_SECONDS = 10.0
"""Real seconds a receiver has to answer, whatever the clock's speed. Source: all five vendor pages."""

RETRY_SECONDS = (1.0, 2.0, 4.0)
"""Waits before the second to fourth try, on the emulator's clock. Source: all five vendor pages."""

_AT_ONCE = 16


class _Due(NamedTuple):
    at: float
    ordinal: int
    attempt: int
    task: TaskRecord


class CallbackPost:
    """The calendar of callbacks, and its postman.

    Args:
        clock: Says when one is due.
        body_of: Gives a task's callback body, the same as a query's.
        send_to: Origin to post to instead of each callback_url's own; path and query stay.
        verify_tls: Whether a receiver's certificate must be valid.

    Attributes:
        under_way: How many callbacks are being tried at this moment.
    """

    def __init__(
        self,
        clock: Clock,
        body_of: Callable[[TaskRecord], JsonObject],
        *,
        send_to: str | None = None,
        verify_tls: bool = True,
    ) -> None:
        self._clock = clock
        self._body_of = body_of
        self._send_to = send_to
        self._verify_tls = verify_tls
        self._calendar: list[_Due] = []
        self.under_way = 0
        self._changed = asyncio.Event()

    @property
    def waiting(self) -> int:
        """How many callbacks are still to be tried, or being tried."""
        return len(self._calendar) + self.under_way

    def announce(self, task: TaskRecord) -> None:
        """Note that `task` was accepted; without a callback_url nothing follows."""
        if task.callback_url is not None:
            self._note(_Due(task.life.ends_at, task.ordinal, 0, task))

    async def run(self) -> None:
        """Deliver what falls due, until cancelled."""
        loop = asyncio.get_running_loop()

        def wake() -> None:
            loop.call_soon_threadsafe(self._changed.set)

        unsubscribe = self._clock.subscribe(wake)
        connector = aiohttp.TCPConnector(ssl=self._verify_tls, limit=_AT_ONCE)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=TIMEOUT_SECONDS, sock_read=TIMEOUT_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
                asyncio.TaskGroup() as deliveries,
            ):
                while True:
                    for due in self._pop_due():
                        self.under_way += 1
                        deliveries.create_task(self._deliver(session, due))
                    await self._until_something_changes()
        finally:
            unsubscribe()

    def _note(self, due: _Due) -> None:
        heapq.heappush(self._calendar, due)
        self._changed.set()

    def _pop_due(self) -> list[_Due]:
        now, due = self._clock.now(), list[_Due]()
        while self._calendar and self._calendar[0].at <= now:
            due.append(heapq.heappop(self._calendar))
        return due

    async def _until_something_changes(self) -> None:
        wait = self._clock.real_seconds(self._calendar[0].at) if self._calendar else math.inf
        try:
            async with asyncio.timeout(None if math.isinf(wait) else wait):
                await self._changed.wait()
        except TimeoutError:
            return
        self._changed.clear()

    async def _deliver(self, session: aiohttp.ClientSession, due: _Due) -> None:
        taken = await self._is_taken(session, due.task)
        self.under_way -= 1
        if not taken and due.attempt < len(RETRY_SECONDS):
            again_at = self._clock.now() + RETRY_SECONDS[due.attempt]
            self._note(due._replace(at=again_at, attempt=due.attempt + 1))

    async def _is_taken(self, session: aiohttp.ClientSession, task: TaskRecord) -> bool:
        url = self._address(str(task.callback_url))
        try:
            async with session.post(url, json=self._body_of(task), allow_redirects=False) as response:
                return 200 <= response.status < 300
        except (aiohttp.ClientError, TimeoutError):
            return False

    def _address(self, callback_url: str) -> str:
        if self._send_to is None:
            return callback_url
        origin, wanted = urlsplit(self._send_to), urlsplit(callback_url)
        return urlunsplit((origin.scheme, origin.netloc, wanted.path, wanted.query, ""))
