"""A vendor that costs next to nothing: HTTP on a bare protocol, in a process of its own, so that its work is not ours.

It checks no key. What it answers is given by the caller.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from typing import TypeAlias

Answer: TypeAlias = Callable[[str, bytes], bytes]
"""From a path and a body to all the bytes of a reply."""

TRAFFIC = Counter[str]()
"""Bytes of HTTP that the vendor of this process `received` and `sent`."""


def reply(body: Mapping[str, object]) -> bytes:
    """All the bytes of an answer."""
    return framed(json.dumps(body, separators=(",", ":")).encode())


def framed(text: bytes) -> bytes:
    """JSON text with the head of an answer before it."""
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
        b"Server: stub\r\nX-Request-Id: req_0123456789abcdef\r\n\r\n" % len(text)
    ) + text


class Stub(asyncio.Protocol):
    """One connection of the vendor."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # one that reads and writes, as of every TCP connection
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        TRAFFIC["received"] += len(data)
        self._unread += data
        while (request := self._next()) is not None:
            answer = self._answer(*request)
            TRAFFIC["sent"] += len(answer)
            self._transport.write(answer)

    def _next(self) -> tuple[str, bytes] | None:
        """The path and the body of the next request, if all of it is here."""
        head, blank, rest = self._unread.partition(b"\r\n\r\n")
        length = _length(head)
        if not blank or len(rest) < length:
            return None
        self._unread = rest[length:]
        return head.split(b" ", 2)[1].decode(), rest[:length]


def _length(head: bytes) -> int:
    _, named, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0]) if named else 0


async def listen(answer: Answer) -> tuple[asyncio.Server, str]:
    """Start the vendor in this event loop, on a free port; the second value is its base URL."""
    server = await asyncio.get_running_loop().create_server(lambda: Stub(answer), "127.0.0.1", 0, backlog=1000)
    return server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def _serve(pipe: Connection, stop: Event, answer: Answer) -> None:
    server, url = await listen(answer)
    pipe.send(url)
    await asyncio.to_thread(stop.wait)
    server.close()


def _main(pipe: Connection, stop: Event, made_by: Callable[[], Answer]) -> None:
    asyncio.run(_serve(pipe, stop, made_by()))


@contextmanager
def stub(made_by: Callable[[], Answer]) -> Iterator[str]:
    """Start a vendor in its own process, with the answers that `made_by` makes there; yields its base URL."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    stop = context.Event()
    process = context.Process(target=_main, args=(theirs, stop, made_by), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        stop.set()
        process.join(10)
