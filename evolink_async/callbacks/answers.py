"""What a request to the receiver is answered with, and what is read of its body.

Plain decisions, but that the body is read in pieces; how requests come in is in `asgi` and `aiohttp_routes`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import attrs

from ..json_text import parse_reply
from ..wire import read_task

MAX_BODY = 64 * 1024
"""Bytes of a body. A task in JSON has some hundred."""


@attrs.frozen
class Head:
    """What is known of a request before its body.

    Attributes:
        method: As "POST".
        token: The last part of its path.
        length: Bytes that its body is said to have; None if that is not said.
    """

    method: str
    token: str
    length: int | None


def refusal(head: Head, *, is_genuine: bool, has_room: bool) -> int | None:
    """Return the status that a request is refused with before its body is read; None to read it.

    Args:
        head: The request.
        is_genuine: Whether its token is ours.
        has_room: Whether a pool takes callbacks, and few enough bodies are being read.
    """
    if not is_genuine:
        return 404
    if head.method != "POST":
        return 405
    if head.length is not None and head.length > MAX_BODY:
        return 413
    # The service calls again after 1, 2 and 4 s.
    return None if has_room else 503


async def read_body(pieces: AsyncIterator[bytes]) -> bytes | None:
    """Return a body; None as soon as it is too large."""
    body = bytearray()
    async for piece in pieces:
        body += piece
        if len(body) > MAX_BODY:
            return None
    return bytes(body)


def task_named_in(body: bytes) -> str | None:
    """Return the id of the task that a body is about; None if it is not about one."""
    try:
        return read_task(parse_reply(body)).task_id
    except ValueError:
        return None
