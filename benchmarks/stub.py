"""A vendor that answers each client's status call in the shape that client reads, from bytes made beforehand.

It checks no key and runs in a process of its own, so that its work is not counted as the client's.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event

TASK_ID = "task-unified-1757169743-7cvnl5zw"
"""The one task the vendor has, whoever asks for it."""

PROMPT = "A person dancing in the rain under a street lamp, slow dolly shot, 35 mm"
CREATED = "2025-09-06T14:42:23.417Z"
FAL = f"https://queue.fal.run/fal-ai/wan/requests/{TASK_ID}"
REPLICATE = f"https://api.replicate.com/v1/predictions/{TASK_ID}"

PROCESSING: dict[str, dict[str, object]] = {
    "evolink": {
        "created": 1757169743,
        "id": TASK_ID,
        "model": "wan2.6-reference-video",
        "object": "video.generation.task",
        "progress": 45,
        "status": "processing",
        "task_info": {"can_cancel": True},
        "type": "video",
    },
    "openai": {
        "id": TASK_ID,
        "object": "video",
        "created_at": 1757169743,
        "completed_at": None,
        "error": None,
        "expires_at": None,
        "model": "sora-2",
        "progress": 45,
        "prompt": PROMPT,
        "remixed_from_video_id": None,
        "seconds": "8",
        "size": "1280x720",
        "status": "in_progress",
    },
    "replicate": {
        "id": TASK_ID,
        "model": "wan-video/wan-2.6-i2v",
        "version": "hidden",
        "input": {"prompt": PROMPT, "image": "https://example.com/a.jpg", "duration": 5, "resolution": "720p"},
        "logs": "Running prediction...\nGenerating video...\n",
        "output": None,
        "data_removed": False,
        "error": None,
        "source": "api",
        "status": "processing",
        "created_at": CREATED,
        "started_at": CREATED,
        "urls": {"cancel": f"{REPLICATE}/cancel", "get": REPLICATE},
    },
    "runwayml": {
        "id": TASK_ID,
        "status": "RUNNING",
        "createdAt": CREATED,
        "progress": 0.45,
        "estimatedCost": {"credits": 25},
    },
    "fal": {
        "status": "IN_PROGRESS",
        "request_id": TASK_ID,
        "response_url": FAL,
        "status_url": f"{FAL}/status",
        "cancel_url": f"{FAL}/cancel",
        "logs": None,
        "metrics": {},
    },
    "fal result": {"video": {"url": "https://v3.fal.media/files/a.mp4", "content_type": "video/mp4"}},
}
"""What each vendor says of a task under way; the fields are those of EvoLink's pages and of the clients' own types."""

DONE: dict[str, dict[str, object]] = {
    "openai": {"status": "completed", "progress": 100, "completed_at": 1757169908},
    "replicate": {"status": "succeeded", "output": "https://replicate.delivery/a.mp4", "completed_at": CREATED},
    "runwayml": {"status": "SUCCEEDED", "output": ["https://example.com/a.mp4"], "cost": {"credits": 25}},
    "fal": {"status": "COMPLETED", "metrics": {"inference_time": 164.2}},
}
"""What is different once the task is done."""


def _reply(body: dict[str, object]) -> bytes:
    text = json.dumps(body, separators=(",", ":")).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n"
    return f"{head}Server: stub\r\nX-Request-Id: req_0123456789abcdef\r\n\r\n".encode() + text


_PROCESSING = {vendor: _reply(body) for vendor, body in PROCESSING.items()}
_DONE = {vendor: _reply(PROCESSING[vendor] | body) for vendor, body in DONE.items()}


def _vendor(head: bytes) -> str:
    path = head.split(b" ", 2)[1].partition(b"?")[0].decode()
    first = path.split("/", 2)[1]
    if first == "fal" and not path.endswith("/status"):
        return "fal result"
    return "evolink" if first == "v1" else first


class Stub(asyncio.Protocol):
    """One connection of the vendor. `is_done` tells whether the task is; `asked` counts requests by vendor."""

    def __init__(self, is_done: Callable[[], bool], asked: Counter[str]) -> None:
        self._is_done, self._asked = is_done, asked
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        *heads, self._unread = (self._unread + data).split(b"\r\n\r\n")
        for head in heads:
            vendor = _vendor(head)
            self._asked[vendor] += 1
            done = _DONE.get(vendor) if self._is_done() else None
            self._transport.write(done or _PROCESSING[vendor])


async def listen(is_done: Callable[[], bool], asked: Counter[str]) -> tuple[asyncio.Server, str]:
    """Start the vendor in this event loop, on a free port; the second value is its base URL."""
    server = await asyncio.get_running_loop().create_server(lambda: Stub(is_done, asked), "127.0.0.1", 0)
    return server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def _serve(pipe: Connection, stop: Event) -> None:
    server, url = await listen(lambda: False, Counter())
    pipe.send(url)
    await asyncio.to_thread(stop.wait)
    server.close()


def _main(pipe: Connection, stop: Event) -> None:
    asyncio.run(_serve(pipe, stop))


@contextmanager
def stub() -> Iterator[str]:
    """Start the vendor in its own process; yields its base URL. The task it knows of never ends."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    stop = context.Event()
    process = context.Process(target=_main, args=(theirs, stop), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        stop.set()
        process.join(10)
