"""A file service on loopback that keeps what it got, whole or not, and answers as it is told to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import attrs

from tests.servers import Act, Listener, reply, serving

LINK = "https://files.example.com/clip.mp4"


@attrs.define
class Taken:
    """One request: its head, what came of its body, and how much was announced."""

    head: bytes
    announced: int
    body: bytearray = attrs.field(factory=bytearray, repr=False)

    @property
    def is_whole(self) -> bool:
        """Whether all of it came."""
        return len(self.body) == self.announced

    @property
    def file(self) -> bytes:
        """The bytes between the two ends of the form."""
        return bytes(self.body).rpartition(b"Content-Type: ")[2].partition(b"\r\n\r\n")[2].rpartition(b"\r\n--")[0]


@attrs.define
class FileService:
    """Its address and memory."""

    listener: Listener
    taken: list[Taken]

    @property
    def url(self) -> str:
        """Its root."""
        return self.listener.url

    @property
    def whole(self) -> int:
        """How many requests came whole."""
        return sum(one.is_whole for one in self.taken)


def receipt(**changes: object) -> bytes:
    """The answer to an upload that went well; fields of `data` may be given."""
    values = {"file_id": "file_1", "file_url": LINK, "mime_type": "video/mp4"} | changes
    return reply(json.dumps({"success": True, "code": 200, "msg": "ok", "data": values}).encode())


def refusal(code: object, message: str = "no", status: int = 200, **headers: object) -> bytes:
    """A refusal in the file service's words."""
    return reply(json.dumps({"success": False, "code": code, "msg": message}).encode(), status, **headers)


@asynccontextmanager
async def file_service(
    *answers: bytes | Act, keep: bool = True, midway: Callable[[], object] | None = None
) -> AsyncIterator[FileService]:
    """Read each request to its end, then give the next answer, the last one time and again.

    Args:
        answers: Bytes, or what to do with the connection.
        keep: Keep the bodies; else only count them.
        midway: Called when the head and a first part of a body are here.
    """
    taken: list[Taken] = []

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        one = await _head(reader)
        taken.append(one)
        answer = answers[min(len(taken), len(answers)) - 1]
        await _body(reader, one, keep=keep, midway=midway)
        if callable(answer):
            await answer(reader, writer)
        elif one.is_whole:
            writer.write(answer)
            await writer.drain()

    async with serving(act, at_once=True) as listener:
        yield FileService(listener, taken)


async def _head(reader: asyncio.StreamReader) -> Taken:
    head = await reader.readuntil(b"\r\n\r\n")
    [length] = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return Taken(head, int(length.partition(b":")[2]))


async def _body(reader: asyncio.StreamReader, one: Taken, *, keep: bool, midway: Callable[[], object] | None) -> None:
    left = one.announced
    with suppress(ConnectionError):
        while left and (piece := await reader.read(1 << 16)):
            left -= len(piece)
            if keep:
                one.body += piece
            if midway is not None and b"Content-Type: " in one.body:
                midway()
                midway = None
    if not keep:
        one.announced = left


def early(answer: bytes) -> Act:
    """Answer before anything of the body was read; for use with `serving(..., at_once=True)`."""

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        with suppress(ConnectionError):
            while await reader.read(1 << 16):
                pass

    return act
