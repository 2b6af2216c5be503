"""The receiver as an ASGI application, for Starlette, FastAPI and every ASGI server. It needs none of them.

What a request is answered with is decided in `answers`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, MutableMapping
from typing import Any, TypeAlias

from .answers import Head

# As in the ASGI specification, and as Starlette has them.
Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Answer: TypeAlias = "Callable[[Head, AsyncGenerator[bytes, None]], Awaitable[int]]"
"""Answers a request with a status. It raises ConnectionError if the caller has left."""


async def serve_asgi(answer: Answer, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one connection of an ASGI server."""
    if scope["type"] == "lifespan":
        await _live(receive, send)
    elif scope["type"] != "http":
        await send({"type": "websocket.close"})
    else:
        head = Head(scope["method"], scope["path"].rpartition("/")[2], _length_in(scope["headers"]))
        try:
            status = await answer(head, _pieces(receive))
        except ConnectionError:
            return
        # What is left of a body is not read, so the connection serves no further request.
        headers = [(b"content-length", b"0")]
        headers += [(b"allow", b"POST")] if status == 405 else []
        headers += [(b"connection", b"close")] if status >= 400 else []
        await send({"type": "http.response.start", "status": status, "headers": headers if status != 204 else []})
        await send({"type": "http.response.body", "body": b""})


async def _live(receive: Receive, send: Send) -> None:
    for event in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{event}.complete"})


def _length_in(headers: Iterable[tuple[bytes, bytes]]) -> int | None:
    found = [value for name, value in headers if name.lower() == b"content-length"]
    return int(found[0]) if found and found[0].isdigit() else None


async def _pieces(receive: Receive) -> AsyncGenerator[bytes, None]:
    is_going = True
    while is_going:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError("the caller has left")
        yield message.get("body", b"")
        is_going = message.get("more_body", False)
