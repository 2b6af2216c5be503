"""How each fault looks on the socket: cut, dribbled, flooded, reset and rewritten answers.

The only file that misbehaves; which request meets which fault is `interceptor.py`'s to say, what an honest answer
says is decided elsewhere.
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
from attrs import frozen

from ..service.refusals import JsonObject
from ..service.vendor import Refused, Reply
from . import kinds as faults
from .kinds import InjectedFault

_FLOOD_CHUNK = 64 * 1024

Honest = Callable[[web.Request, bytes], Awaitable[web.Response]]


def json_response(answer: Reply) -> web.Response:
    """Return the HTTP form of an answer."""
    return web.json_response(answer.body, status=answer.status, headers=answer.headers)


async def pause(seconds: float, closing: asyncio.Event) -> None:
    """Wait real seconds, or until `closing` is set."""
    try:
        async with asyncio.timeout(seconds):
            await closing.wait()
    except TimeoutError:
        return


@frozen
class Exchange:
    """A request whose body was read, the handler that would answer it honestly, and when to stop acting.

    Attributes:
        request: The request.
        body: Its body; empty when the handler reads it.
        honest: The handler without faults.
        closing: Set when the emulator closes: whatever hangs or dawdles ends then.
    """

    request: web.Request
    body: bytes
    honest: Honest
    closing: asyncio.Event

    async def answer(self) -> web.Response:
        """Return the honest answer; this is where a submit is accepted."""
        try:
            return await self.honest(self.request, self.body)
        except Refused as refused:
            return json_response(refused.answer)

    async def act(self, fault: InjectedFault | None) -> web.StreamResponse:
        """Answer as `fault` says, honestly for None."""
        match fault:
            case None:
                return await self.answer()
            case faults.Drop() | faults.Hang():
                return await self._silence(fault)
            case faults.Delay(seconds):
                return await self._late(seconds)
            case faults.Canned():
                await (self.answer() if fault.accept else self._drain())
                return web.Response(status=fault.status, body=fault.body, headers=dict(fault.headers))
            case faults.IgnoreRange():
                return await self._without("Range").answer()
            case faults.Rewrite() | faults.Reheader():
                return _altered(await self.answer(), fault)
            case faults.Cut(size):
                return await self._cut(size)
            case faults.SlowLoris(seconds):
                return await self._dribble(seconds)
            case faults.Flood():
                return await self._flood(fault)

    async def _silence(self, fault: faults.Drop | faults.Hang) -> web.StreamResponse:
        if fault.stage == "after_accept":
            await self.answer()
        elif fault.stage == "before_accept":
            await self._drain()
        if isinstance(fault, faults.Hang):
            await self.closing.wait()
        return self._reset()

    async def _late(self, seconds: float) -> web.StreamResponse:
        try:
            await pause(seconds, self.closing)
        except asyncio.CancelledError:
            # The client has left; a slow vendor does not notice and accepts all the same.
            await self.answer()
            raise
        return await self.answer()

    async def _cut(self, size_bytes: int) -> web.StreamResponse:
        honest = await self.answer()
        body = _bytes_of(honest)
        response = _stream(honest, promised=max(len(body), size_bytes + 1))
        await response.prepare(self.request)
        await response.write(body[:size_bytes])
        if self.request.transport is not None:
            # An orderly close: what was written still goes out.
            self.request.transport.close()
        return response

    async def _dribble(self, seconds_per_byte: float) -> web.StreamResponse:
        honest = await self.answer()
        body = _bytes_of(honest)
        response = _stream(honest, promised=len(body))
        await response.prepare(self.request)
        for index in range(len(body)):
            await response.write(body[index : index + 1])
            await pause(seconds_per_byte, self.closing)
        return response

    async def _flood(self, fault: faults.Flood) -> web.StreamResponse:
        response = _stream(await self.answer(), promised=None)
        if fault.gzip:
            response.headers["Content-Encoding"] = "gzip"
        await response.prepare(self.request)
        pack = zlib.compressobj(9, zlib.DEFLATED, 31) if fault.gzip else None
        left, chunk = fault.size_bytes, b'{"id": "' + b"a" * _FLOOD_CHUNK
        while left > 0 and not self.closing.is_set():
            piece = chunk[:left]
            await response.write(piece if pack is None else pack.compress(piece))
            left, chunk = left - len(piece), b"a" * _FLOOD_CHUNK
        if pack is not None:
            await response.write(pack.flush())
        return response

    async def _drain(self) -> None:
        async for _ in self.request.content.iter_any():
            pass

    def _without(self, header: str) -> Exchange:
        kept = self.request.headers.copy()
        kept.popall(header, None)
        return Exchange(self.request.clone(headers=kept), self.body, self.honest, self.closing)

    def _reset(self) -> web.StreamResponse:
        transport = self.request.transport
        if transport is not None:
            # Lingering for 0 s makes the close a reset; an orderly end would look like an empty answer.
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        return web.Response()


def _stream(honest: web.Response, *, promised: int | None) -> web.StreamResponse:
    headers = {name: value for name, value in honest.headers.items() if name != "Content-Length"}
    response = web.StreamResponse(status=honest.status, headers=headers)
    response.content_length = promised
    return response


def _altered(response: web.Response, fault: faults.Rewrite | faults.Reheader) -> web.Response:
    if isinstance(fault, faults.Reheader):
        for name, value in fault.changes:
            response.headers.popall(name, None)
            if value is not None:
                response.headers[name] = value
    elif response.status == 200 and response.content_type == "application/json":
        body = cast("JsonObject", json.loads(_bytes_of(response)))
        response.text = json.dumps(faults.rewritten(body, fault.change))
    return response


def _bytes_of(response: web.Response) -> bytes:
    return response.body if isinstance(response.body, bytes) else b""
