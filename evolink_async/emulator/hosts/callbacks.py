"""Callbacks: a background task that posts the final state of tasks, with the documented retries.

The JSON of a callback is in `service.task_replies`.
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
from ..service.json_types import JsonObject
from ..service.task import TaskRecord

# Real seconds, whatever the clock's speed, because receivers are real. Source: all five vendor pages.
_TIMEOUT_SECONDS = 10.0

# Emulated seconds before the second, third and fourth attempt. Source: all five vendor pages.
_RETRY_SECONDS = (1.0, 2.0, 4.0)

# Keeps a burst of finished tasks from opening a connection each.
_CONNECTION_LIMIT = 16


class _Attempt(NamedTuple):
    # The heap compares attempts by time, then by task; `task` itself cannot be compared.
    due_at: float
    ordinal: int
    number: int
    task: TaskRecord


class CallbackSender:
    """Schedules callbacks and sends them.

    Args:
        clock: The clock that decides when a callback is due.
        body_of: Returns the JSON of a task's callback.
        send_to: Origin that replaces the origin of every callback_url; path and query stay.
        verify_tls: Whether the certificate of a receiver must be valid.

    Attributes:
        sending: Number of callbacks that are being sent now.
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
        self._scheduled: list[_Attempt] = []
        self.sending: int = 0
        self._changed = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Number of callbacks that are scheduled or being sent."""
        return len(self._scheduled) + self.sending

    def schedule(self, task: TaskRecord) -> None:
        """Schedule the callback of an accepted task; does nothing for a task without a callback_url."""
        if task.callback_url is not None:
            self._add(_Attempt(task.life.ends_at, task.ordinal, 0, task))

    async def run(self) -> None:
        """Send callbacks when they are due, until cancelled."""
        loop = asyncio.get_running_loop()

        # A test may move the clock from another thread.
        def wake() -> None:
            loop.call_soon_threadsafe(self._changed.set)

        unsubscribe = self._clock.subscribe(wake)
        connector = aiohttp.TCPConnector(ssl=self._verify_tls, limit=_CONNECTION_LIMIT)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_TIMEOUT_SECONDS, sock_read=_TIMEOUT_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
                asyncio.TaskGroup() as sends,
            ):
                while True:
                    for attempt in self._pop_due():
                        # Counted here, not in the task, so that `waiting` never misses an attempt.
                        self.sending += 1
                        sends.create_task(self._send(session, attempt))
                    await self._wait_for_next()
        finally:
            unsubscribe()

    def _add(self, attempt: _Attempt) -> None:
        heapq.heappush(self._scheduled, attempt)
        self._changed.set()

    def _pop_due(self) -> list[_Attempt]:
        now, due = self._clock.now(), list[_Attempt]()
        while self._scheduled and self._scheduled[0].due_at <= now:
            due.append(heapq.heappop(self._scheduled))
        return due

    async def _wait_for_next(self) -> None:
        wait = self._clock.real_seconds(self._scheduled[0].due_at) if self._scheduled else math.inf
        try:
            async with asyncio.timeout(None if math.isinf(wait) else wait):
                await self._changed.wait()
        except TimeoutError:
            return
        self._changed.clear()

    async def _send(self, session: aiohttp.ClientSession, attempt: _Attempt) -> None:
        succeeded = await self._post(session, attempt.task)
        self.sending -= 1
        if not succeeded and attempt.number < len(_RETRY_SECONDS):
            due_at = self._clock.now() + _RETRY_SECONDS[attempt.number]
            self._add(attempt._replace(due_at=due_at, number=attempt.number + 1))

    async def _post(self, session: aiohttp.ClientSession, task: TaskRecord) -> bool:
        url = self._url(str(task.callback_url))
        try:
            async with session.post(url, json=self._body_of(task), allow_redirects=False) as response:
                return 200 <= response.status < 300
        except (aiohttp.ClientError, TimeoutError):
            return False

    def _url(self, callback_url: str) -> str:
        if self._send_to is None:
            return callback_url
        origin, wanted = urlsplit(self._send_to), urlsplit(callback_url)
        return urlunsplit((origin.scheme, origin.netloc, wanted.path, wanted.query, ""))
