"""The door every request comes through: it is counted, written down, and meets its fault.

Nothing here decides an answer, and nothing here misbehaves itself: `acts.py` does.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager

from aiohttp import web
from attrs import field, frozen

from ..clock import Clock
from ..faults import REFUSE, FaultScript, Kind
from ..faults.injection import Exchange, Honest, pause
from ..service.vendor import Refused, refusal

BODY_LIMIT = 10 * 1024 * 1024
"""Bytes of a JSON request. The vendor only documents that 413 exists."""

_RECEIVED_KEPT = 200_000


@frozen
class Received:
    """One request as it came in.

    Attributes:
        kind: One of `faults.KINDS`.
        ordinal: Its number among those of its kind, from 1, by arrival.
        method: The HTTP method.
        path: The path without the query string.
        headers: The headers, case-insensitive; they hold the API key.
        body: The body; empty for uploads and for requests refused on arrival.
        at: Unix seconds of its arrival on the emulator's clock.
    """

    kind: str
    ordinal: int
    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    at: float


async def read_body(request: web.Request, limit: int = BODY_LIMIT) -> bytes:
    """Return the request's whole body.

    Raises:
        Refused: 413, it is longer than `limit` bytes.
    """
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > limit:
            raise refusal(413)
    return bytes(body)


class Interceptor:
    """Guards the handlers of one emulator.

    Args:
        script: The faults.
        clock: Dates what is received.
        latency: Real seconds from a request's arrival to its body being looked at.
    """

    def __init__(self, script: FaultScript, clock: Clock, latency: float = 0.0) -> None:
        self._script = script
        self._clock = clock
        self._latency = latency
        self._arrived: Counter[str] = Counter()
        self._serving: Counter[str] = Counter()
        self._closing = asyncio.Event()
        self.peak: Counter[str] = Counter()
        self.received: deque[Received] = deque(maxlen=_RECEIVED_KEPT)

    def close(self) -> None:
        """Let every request that hangs or dawdles end now."""
        self._closing.set()

    def guard(
        self, kind: Kind, honest: Honest, *, reads_body: bool = False
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Return a handler that serves `honest` through this gate.

        Args:
            kind: What the requests count as.
            honest: The handler without faults; it gets the body, and may raise `Refused`.
            reads_body: The handler reads the body itself, and gets an empty one.
        """

        async def serve(request: web.Request) -> web.StreamResponse:
            at = self._clock.now()
            with self._counted(kind) as ordinal:
                fault = self._script.fault_of(kind, ordinal)
                body, answer = b"", honest
                if self._latency:
                    await pause(self._latency, self._closing)
                if not reads_body and fault != REFUSE:
                    try:
                        body = await read_body(request)
                    except Refused as refused:
                        answer = _always(refused)
                self.received.append(Received(kind, ordinal, request.method, request.path, request.headers, body, at))
                return await Exchange(request, body, answer, self._closing).act(fault)

        return serve

    @contextmanager
    def _counted(self, kind: str) -> Generator[int]:
        self._arrived[kind] += 1
        ordinal = self._arrived[kind]
        for name in (kind, "all"):
            self._serving[name] += 1
            self.peak[name] = max(self.peak[name], self._serving[name])
        try:
            yield ordinal
        finally:
            for name in (kind, "all"):
                self._serving[name] -= 1


def _always(refused: Refused) -> Honest:
    async def answer(_request: web.Request, _body: bytes) -> web.Response:
        raise refused

    return answer
