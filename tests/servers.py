"""Servers on loopback that answer with whatever bytes they are told to, and remember what they got."""

from __future__ import annotations

import asyncio
import itertools
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import attrs

Act = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@attrs.define
class Listener:
    """A server's address and memory."""

    port: int
    heads: list[bytes] = attrs.field(factory=list, repr=False)
    accepted: int = 0

    @property
    def url(self) -> str:
        """Its root."""
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def serving(act: Act | bytes | Iterable[bytes], *, at_once: bool = False) -> AsyncIterator[Listener]:
    """A server that reads one request, then acts: sends bytes and closes, or whatever `act` does.

    With `at_once` it does not wait for a request.
    """
    tasks: set[asyncio.Task] = set()
    answers = itertools.repeat(act) if isinstance(act, bytes) else iter(act) if not callable(act) else iter(())

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        listener.accepted += 1
        if (task := asyncio.current_task()) is not None:
            tasks.add(task)
        try:
            if not at_once:
                listener.heads.append(await read_request(reader))
            if callable(act):
                await act(reader, writer)
            else:
                writer.write(next(answers))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client has left, or the test is over
        finally:
            writer.close()

    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    listener = Listener(server.sockets[0].getsockname()[1])
    try:
        yield listener
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """The head of a request; its body is read too."""
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            await reader.readexactly(int(line.partition(b":")[2]))
    return head


def reply(body: bytes = b"{}", status: int = 200, **headers: Any) -> bytes:
    """A whole answer; underscores in the names of headers become hyphens."""
    named: dict[str, Any] = {"Content-Length": len(body), "Connection": "close"}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"HTTP/1.1 {status} Word", *(f"{name}: {value}" for name, value in named.items() if value is not None)]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say nothing until the client leaves."""
    await reader.read()


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Drop the connection with an RST."""
    raw: socket.socket = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def then_hang(first: bytes) -> Act:
    """Send some bytes, then nothing until the client leaves."""

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        await writer.drain()
        await reader.read()

    return act


def then_reset(first: bytes) -> Act:
    """Send some bytes, then drop the connection."""

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        await writer.drain()
        await asyncio.sleep(0.01)  # else the reset would overtake them
        await reset(reader, writer)

    return act


def flood(first: bytes, piece: bytes, count: int) -> Act:
    """Send `first`, then a piece again and again."""

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        for _ in range(count):
            writer.write(piece)
            await writer.drain()

    return act


def free_port() -> int:
    """A port without a listener."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def refusing_address() -> str:
    """An address of this machine where nothing listens."""
    return f"http://127.0.0.1:{free_port()}"


@contextmanager
def full_backlog():
    """The port of a listener that answers no further connection; None where the system keeps taking them."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        taken: list[socket.socket] = []
        try:
            full = False
            while not full and len(taken) < 32:
                client = socket.socket()
                taken.append(client)
                client.settimeout(0.1)
                try:
                    client.connect(("127.0.0.1", port))
                except TimeoutError:
                    full = True
            yield port if full else None
        finally:
            for client in taken:
                client.close()
