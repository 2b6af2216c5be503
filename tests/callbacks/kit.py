"""Servers with a receiver in them, and callers that send whatever they like."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import attrs
import uvicorn
from aiohttp import web
from fastapi import FastAPI

from evolink_async.callbacks import CallbackReceiver
from evolink_async.callbacks.asgi import Receive, Scope, Send

URL = "https://hooks.example.com/evolink"
SECRET = "a secret that nobody knows"
SAMPLE = {"id": "task-unified-1", "status": "completed", "results": ["https://example.com/v.mp4"]}


def new_receiver() -> CallbackReceiver:
    """A receiver for `URL`."""
    return CallbackReceiver(URL, SECRET)


@asynccontextmanager
async def in_aiohttp(receiver: CallbackReceiver) -> AsyncIterator[int]:
    """A route of an aiohttp application."""
    app = web.Application()
    app.add_routes(receiver.routes())
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def in_fastapi(receiver: CallbackReceiver) -> AsyncIterator[int]:
    """Mounted in a FastAPI application, on uvicorn."""
    app = FastAPI()
    app.mount("/evolink", receiver.asgi)
    async with on_uvicorn(app) as port:
        yield port


@asynccontextmanager
async def bare_asgi(receiver: CallbackReceiver) -> AsyncIterator[int]:
    """The receiver alone, on uvicorn, which tells it of its start and its end."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receiver.asgi(scope, receive, send)

    async with on_uvicorn(app, lifespan="on") as port:
        yield port


@asynccontextmanager
async def on_uvicorn(app: object, lifespan: str = "auto") -> AsyncIterator[int]:
    """Uvicorn in this event loop."""
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]  # it takes every ASGI application
        host="127.0.0.1",
        port=0,
        log_level="error",
        lifespan=lifespan,  # type: ignore[arg-type]  # a literal
        timeout_graceful_shutdown=1,
    )
    server = Uvicorn(config)
    serving = asyncio.create_task(server.serve())
    await server.has_started.wait()
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await serving


class Uvicorn(uvicorn.Server):
    """A server that tells when it has started, and leaves signals alone."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.has_started = asyncio.Event()

    async def startup(self, sockets=None) -> None:
        """Start, and tell."""
        await super().startup(sockets)
        self.has_started.set()

    def capture_signals(self):
        """Leave them to pytest."""
        from contextlib import nullcontext

        return nullcontext()


def alone(receiver: CallbackReceiver) -> AbstractAsyncContextManager[int]:
    """A server of its own."""
    return receiver.serve("127.0.0.1", 0)


Serve = Callable[[CallbackReceiver], AbstractAsyncContextManager[int]]
SERVERS: dict[str, Serve] = {"aiohttp": in_aiohttp, "fastapi": in_fastapi, "asgi": bare_asgi, "serve": alone}


@attrs.define
class Caller:
    """Calls a receiver at a port."""

    port: int

    async def call(self, url: str, body: object = SAMPLE, **settings: object) -> int:
        """Send a callback to the path of a URL, and return the status."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.send(url, [data], length=len(data), **settings)  # type: ignore[arg-type]  # for `method`

    async def send(
        self, url: str, pieces: list[bytes], *, length: int | None, method: str = "POST", times: int = 1
    ) -> int:
        """Send a request with a body in pieces, each `times` times; return the status as soon as it comes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        path = url.removeprefix("https://hooks.example.com")
        size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
        writer.write(f"{method} {path} HTTP/1.1\r\nHost: hooks.example.com\r\n{size}\r\n\r\n".encode())
        sending = asyncio.create_task(self._send(writer, pieces, times, is_chunked=length is None))
        try:
            line = await reader.readline()
        finally:
            sending.cancel()
            await asyncio.wait([sending])
            writer.close()
        return int(line.split()[1])

    async def _send(self, writer: asyncio.StreamWriter, pieces: list[bytes], times: int, *, is_chunked: bool) -> None:
        try:
            for piece in pieces:
                for _ in range(times):
                    writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if is_chunked else piece)
                    await writer.drain()
            writer.write(b"0\r\n\r\n" if is_chunked else b"")
        except ConnectionError:
            return  # the server has answered, and reads no more
