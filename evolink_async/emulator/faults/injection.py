"""What each fault does to a response on the socket.

Which request gets which fault is decided in `script`; the normal response comes from the handlers in `hosts`.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import zlib
from collections.abc import Awaitable, Callable
from typing import cast

from aiohttp import web
from attrs import evolve, frozen

from ..service.json_types import JsonObject
from . import kinds
from .kinds import InjectedFault

_CHUNK_BYTES = 64 * 1024
# Window bits that make zlib write a gzip header: 15 + 16.
_GZIP_WINDOW_BITS = 31

RouteHandler = Callable[[web.Request, bytes], Awaitable[web.Response]]


async def pause(seconds: float, closing: asyncio.Event) -> None:
    """Wait real seconds, or until `closing` is set."""
    try:
        async with asyncio.timeout(seconds):
            await closing.wait()
    except TimeoutError:
        return


@frozen
class Exchange:
    """One request, and how to respond to it with a fault or without.

    Attributes:
        request: The request.
        body: Its body; empty when the handler reads the body itself.
        handler: Accepts the request and returns the normal response.
        closing: Set when the emulator closes; ends every fault that waits.
    """

    request: web.Request
    body: bytes
    handler: RouteHandler
    closing: asyncio.Event

    async def respond(self, fault: InjectedFault | None) -> web.StreamResponse:
        """Return or send the response with `fault`, or the normal one for None."""
        match fault:
            case None:
                return await self._accept()
            case kinds.Drop() | kinds.Hang():
                return await self._drop_or_hang(fault)
            case kinds.Delay(seconds):
                return await self._delayed(seconds)
            case kinds.FixedReply():
                await (self._accept() if fault.accept else self._discard_body())
                return web.Response(status=fault.status, body=fault.body, headers=dict(fault.headers))
            case kinds.IgnoreRange():
                return await self._without_header("Range")._accept()
            case kinds.RewriteTasks() | kinds.ChangeHeaders():
                return _changed(await self._accept(), fault)
            case kinds.TruncateBody(size_bytes):
                return await self._truncated(size_bytes)
            case kinds.SlowLoris(seconds_per_byte):
                return await self._byte_by_byte(seconds_per_byte)
            case kinds.LargeBody():
                return await self._large_body(fault)

    async def _accept(self) -> web.Response:
        """Return the normal response; this call accepts a submit."""
        return await self.handler(self.request, self.body)

    async def _drop_or_hang(self, fault: kinds.Drop | kinds.Hang) -> web.StreamResponse:
        if fault.stage == "after_accept":
            await self._accept()
        elif fault.stage == "before_accept":
            await self._discard_body()
        if isinstance(fault, kinds.Hang):
            await self.closing.wait()
        return self._reset()

    async def _delayed(self, seconds: float) -> web.StreamResponse:
        try:
            await pause(seconds, self.closing)
        except asyncio.CancelledError:
            # The client has disconnected. A slow service does not notice this, and accepts the request.
            await self._accept()
            raise
        return await self._accept()

    async def _truncated(self, size_bytes: int) -> web.StreamResponse:
        normal = await self._accept()
        body = _body_of(normal)
        # A body that is shorter than the cut must end early too.
        response = _stream_like(normal, content_length=max(len(body), size_bytes + 1))
        await response.prepare(self.request)
        await response.write(body[:size_bytes])
        if self.request.transport is not None:
            # `close` sends what was written; `abort` could lose it.
            self.request.transport.close()
        return response

    async def _byte_by_byte(self, seconds_per_byte: float) -> web.StreamResponse:
        normal = await self._accept()
        body = _body_of(normal)
        response = _stream_like(normal, content_length=len(body))
        await response.prepare(self.request)
        for index in range(len(body)):
            await response.write(body[index : index + 1])
            await pause(seconds_per_byte, self.closing)
        return response

    async def _large_body(self, fault: kinds.LargeBody) -> web.StreamResponse:
        response = _stream_like(await self._accept(), content_length=None)
        if fault.gzip:
            response.headers["Content-Encoding"] = "gzip"
        await response.prepare(self.request)
        compressor = zlib.compressobj(9, zlib.DEFLATED, _GZIP_WINDOW_BITS) if fault.gzip else None
        # Begins like JSON, so that a client cannot refuse it by its first bytes.
        left, chunk = fault.size_bytes, b'{"id": "' + b"a" * _CHUNK_BYTES
        while left > 0 and not self.closing.is_set():
            piece = chunk[:left]
            await response.write(piece if compressor is None else compressor.compress(piece))
            left, chunk = left - len(piece), b"a" * _CHUNK_BYTES
        if compressor is not None:
            await response.write(compressor.flush())
        return response

    async def _discard_body(self) -> None:
        async for _ in self.request.content.iter_any():
            pass

    def _without_header(self, name: str) -> Exchange:
        kept = self.request.headers.copy()
        kept.popall(name, None)
        return evolve(self, request=self.request.clone(headers=kept))

    def _reset(self) -> web.StreamResponse:
        transport = self.request.transport
        if transport is not None:
            # With a linger time of 0 s, closing sends a reset; a normal close would look like an empty response.
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        return web.Response()


def _stream_like(normal: web.Response, *, content_length: int | None) -> web.StreamResponse:
    headers = {name: value for name, value in normal.headers.items() if name != "Content-Length"}
    response = web.StreamResponse(status=normal.status, headers=headers)
    response.content_length = content_length
    return response


def _changed(response: web.Response, fault: kinds.RewriteTasks | kinds.ChangeHeaders) -> web.Response:
    if isinstance(fault, kinds.ChangeHeaders):
        for name, value in fault.changes:
            response.headers.popall(name, None)
            if value is not None:
                response.headers[name] = value
    # An error reply has no task to change.
    elif response.status == 200 and response.content_type == "application/json":
        body = cast("JsonObject", json.loads(_body_of(response)))
        response.text = json.dumps(kinds.rewritten(body, fault.change))
    return response


def _body_of(response: web.Response) -> bytes:
    return response.body if isinstance(response.body, bytes) else b""
