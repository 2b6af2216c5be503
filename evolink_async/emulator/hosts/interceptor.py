"""The wrapper around every route handler: it counts and records each request, and injects its fault.

What a fault does is in `faults.injection`.
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
from ..faults.injection import Exchange, RouteHandler, pause
from ..service.replies import Refused, refusal
from .responses import json_response

# Bytes of a JSON request. The vendor documents the status 413, but no limit.
_BODY_LIMIT = 10 * 1024 * 1024

# Bounds the memory of a long run; older requests are forgotten.
_RECORDED_REQUESTS = 200_000


@frozen
class Received:
    """One request as it was received.

    Attributes:
        kind: One of `faults.KINDS`.
        ordinal: Its number among the requests of its kind, from 1, in order of arrival.
        method: The HTTP method.
        path: The path without the query string.
        headers: The headers, case-insensitive; they contain the API key.
        body: The body; empty for uploads and for requests that are refused on arrival.
        at: The emulated unix time of its arrival, in seconds.
    """

    kind: str
    ordinal: int
    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    at: float


async def read_body(request: web.Request, limit: int = _BODY_LIMIT) -> bytes:
    """Return the whole body of a request.

    Raises:
        Refused: 413: the body is longer than `limit` bytes.
    """
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        # Checked while reading: a body above the limit is never held in memory.
        if len(body) > limit:
            raise refusal(413)
    return bytes(body)


class Interceptor:
    """Wraps the route handlers of one emulator.

    Args:
        script: The faults.
        clock: The clock that dates requests.
        latency: Minimum real seconds from the arrival of a request to the reading of its body.
    """

    def __init__(self, script: FaultScript, clock: Clock, latency: float = 0.0) -> None:
        self._script = script
        self._clock = clock
        self._latency = latency
        self._arrived: Counter[str] = Counter()
        self.serving: Counter[str] = Counter()
        self._closing = asyncio.Event()
        self.peak: Counter[str] = Counter()
        self.received: deque[Received] = deque(maxlen=_RECORDED_REQUESTS)

    def close(self) -> None:
        """End every request that a fault holds back."""
        self._closing.set()

    def wrap(
        self, kind: Kind, handler: RouteHandler, *, reads_body: bool = False
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Return a handler for aiohttp that counts, records and injects faults around `handler`.

        Args:
            kind: The kind of its requests.
            handler: Gets the request and its body; may raise `Refused`.
            reads_body: Whether `handler` reads the body itself; it then gets an empty one.
        """

        async def serve(request: web.Request) -> web.StreamResponse:
            at = self._clock.now()
            with self._counted(kind) as ordinal:
                fault = self._script.fault_of(kind, ordinal)
                body, chosen = b"", _catching_refusals(handler)
                if self._latency:
                    await pause(self._latency, self._closing)
                # REFUSE resets the connection before the body is read.
                if not reads_body and fault != REFUSE:
                    try:
                        body = await read_body(request)
                    except Refused as refused:
                        # A fault applies to a request that is too large, too.
                        chosen = _always(refused)
                # Recorded before the response, so that a test sees a request that hangs.
                self.received.append(Received(kind, ordinal, request.method, request.path, request.headers, body, at))
                return await Exchange(request, body, chosen, self._closing).respond(fault)

        return serve

    @contextmanager
    def _counted(self, kind: str) -> Generator[int]:
        # Counted on arrival, before anything waits: ordinals follow the order of arrival.
        self._arrived[kind] += 1
        ordinal = self._arrived[kind]
        for name in (kind, "all"):
            self.serving[name] += 1
            self.peak[name] = max(self.peak[name], self.serving[name])
        try:
            yield ordinal
        finally:
            for name in (kind, "all"):
                self.serving[name] -= 1


def _catching_refusals(handler: RouteHandler) -> RouteHandler:
    async def respond(request: web.Request, body: bytes) -> web.Response:
        try:
            return await handler(request, body)
        except Refused as refused:
            return json_response(refused.reply)

    return respond


def _always(refused: Refused) -> RouteHandler:
    async def respond(_request: web.Request, _body: bytes) -> web.Response:
        return json_response(refused.reply)

    return respond
