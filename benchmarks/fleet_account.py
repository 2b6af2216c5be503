"""One account at the service as a whole fleet uses it: what it allows, when it is away, and what it sees. In memory.

The answers are those of `service`; here is when they come, and which are refusals.
"""

from __future__ import annotations

import asyncio
import random
import time
from array import array
from collections import deque
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from evolink_async import HttpOptions
from evolink_async.errors import TransportError
from evolink_async.wire import Request, Response

from .service import Lives, Service

WORKER: ContextVar[int] = ContextVar("WORKER")
"""Which worker sends: all have the same key, so its requests do not tell."""

CREDITS = b'{"data":{"user":{"remaining_credits":1000000.0},"token":null}}'
BUSY = b'{"error":{"code":"rate_limit_exceeded","message":"Too many requests","type":"rate_limit_error"}}'
PAGE = b"<html><title>502 Bad Gateway</title></html>"
MINUTE = 60.0


class Account:
    """What the account allows and sees.

    Args:
        lives: How long videos take.
        per_minute: Paid requests that it allows in any minute; None for any number.
        dice: Draws how long answers take.

    Attributes:
        outage: From when to when it is away, in monotonic seconds.
        is_silent: Whether requests get no answer then, until their sender gives up; else the page of a gateway.
        posts: Moments of the paid requests.
        status: Moments of the status requests.
        rows: Tasks that these asked for.
        refused: Moments of the paid requests that were answered with 429.
        failed: Moments of those that met the outage.
        open: Paid requests that are not answered yet.
        most_open: The most of them at once.
        accepted: For each accepted one its moment and the worker.
    """

    def __init__(self, lives: Lives, per_minute: float | None, dice: random.Random) -> None:
        self.outage: tuple[float, float] = (0.0, 0.0)
        self.is_silent = False
        self.open = self.most_open = 0
        self.posts = array("d")
        self.status = array("d")
        self.rows = 0
        self.refused = array("d")
        self.failed = array("d")
        self.accepted: list[tuple[float, int]] = []
        self._service = Service(lives)
        self._per_minute = per_minute
        self._dice = dice
        self._last_minute = deque[float]()

    def transport(self, _: int, **checks: Any) -> Transport:
        """Make what sends the requests of a worker."""
        return Transport(self)

    def ended_at(self, task: str) -> float:
        """When the task of an id ended."""
        return self._service.end(int(task[-8:]))

    async def answer(self, request: Request) -> Response:
        """Answer, after some time.

        Raises:
            TransportError: It is away and silent, and the time of the request is over.
        """
        is_paid = request.kind == "submit"
        self.open += is_paid
        self.most_open = max(self.most_open, self.open)
        try:
            await asyncio.sleep(self._dice.uniform(0.02, 0.08))
            response = self._paid(request) if is_paid else self._free(request)
            if response is None:
                await asyncio.sleep(HttpOptions().timeout(request.kind))
                raise TransportError("no whole answer: timed out", kind=request.kind)
            await asyncio.sleep(self._dice.uniform(0.5, 1.5) if response.status == 200 and is_paid else 0.05)
            return response
        finally:
            self.open -= is_paid

    @property
    def is_out(self) -> bool:
        """Whether it is away now."""
        begins, ends = self.outage
        return begins <= time.monotonic() < ends

    def _paid(self, request: Request) -> Response | None:
        now = time.monotonic()
        self.posts.append(now)
        if self.is_out:
            self.failed.append(now)
            return self._gateway()
        while self._last_minute and self._last_minute[0] <= now - MINUTE:
            self._last_minute.popleft()
        if self._per_minute is not None and len(self._last_minute) >= self._per_minute:
            self.refused.append(now)
            return Response(status=429, headers=_JSON, body=BUSY)
        self._last_minute.append(now)
        self.accepted.append((now, WORKER.get()))
        return self._played(request)

    def _free(self, request: Request) -> Response | None:
        if request.kind == "credits":
            return self._gateway() if self.is_out else Response(status=200, headers=_JSON, body=CREDITS)
        self.status.append(time.monotonic())
        if self.is_out:
            return self._gateway()
        body = request.body or b""
        self.rows += len(body.split(b'"')[3::2]) if body else 1
        return self._played(request)

    def _gateway(self) -> Response | None:
        return None if self.is_silent else Response(status=502, headers={"content-type": "text/html"}, body=PAGE)

    def _played(self, request: Request) -> Response:
        framed = self._service.answer(request.path, request.body or b"")
        return Response(status=200, headers=_JSON, body=framed.partition(b"\r\n\r\n")[2])


class Transport:
    """Sends requests to an account.

    Args:
        account: The account.
    """

    def __init__(self, account: Account) -> None:
        self._account = account

    async def send(self, request: Request, _: object = None) -> Response:
        """Send one."""
        return await self._account.answer(request)

    async def aclose(self) -> None:
        """Nothing is open."""


_JSON: Mapping[str, str] = {"content-type": "application/json"}
