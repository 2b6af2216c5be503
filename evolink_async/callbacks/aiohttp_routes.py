"""The receiver as a route of an aiohttp application, and as a server of its own.

What a request is answered with is decided in `answers`.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from ssl import SSLContext

from aiohttp import ClientError, web
from aiohttp.http_exceptions import HttpProcessingError

from .answers import Head
from .asgi import Answer

PIECE = 8 * 1024
"""Bytes of a body that are read at once."""
SHUTDOWN_SECONDS = 1.0
"""Seconds that open calls have when the server closes."""

_log = logging.getLogger("aiohttp.server.evolink_async")


def _is_no_stranger(record: logging.LogRecord) -> bool:
    """Whether a record of the server is of something else than a request that is no HTTP, which anybody can send."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


_log.addFilter(_is_no_stranger)


def route_for(answer: Answer, path: str) -> web.RouteDef:
    """Return the route of the receiver below a path."""

    async def handle(request: web.Request) -> web.StreamResponse:
        head = Head(request.method, request.match_info["token"], request.content_length)
        try:
            status = await answer(head, _pieces(request))
        except ConnectionError:
            status = 400  # nobody reads it
        response = web.Response(status=status, headers={"Allow": "POST"} if status == 405 else None)
        if status >= 400:
            # What is left of a body is not worth reading.
            response.force_close()
        return response

    # All methods, so that a forged token is answered in the same way whatever the method is.
    return web.route("*", f"{path}/{{token}}", handle)


async def _pieces(request: web.Request) -> AsyncGenerator[bytes, None]:
    try:
        async for piece in request.content.iter_chunked(PIECE):
            yield piece
    except (ClientError, web.RequestPayloadError) as error:
        raise ConnectionResetError("the caller has left") from error


@asynccontextmanager
async def server(
    route: web.RouteDef, host: str | None, port: int, ssl_context: SSLContext | None
) -> AsyncGenerator[int, None]:
    """Serve a route as long as the context lasts, and yield the port."""
    app = web.Application()
    app.add_routes([route])
    runner = web.AppRunner(app, access_log=None, logger=_log, auto_decompress=False, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, ssl_context=ssl_context).start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
