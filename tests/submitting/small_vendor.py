"""A vendor on loopback that asks the test what each paid request is answered, and remembers what it got.

Unlike the emulator it can answer by prompt and by key, and be told when to be well again.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import attrs

from evolink_async import HttpOptions, Limits, SessionPool
from tests.kit import PATIENT, SINGLY
from tests.servers import Act, Listener, reply, serving

FIRST, SECOND = "sk-first", "sk-second"
CALM = HttpOptions(allow_private_results=True)
HASTY = HttpOptions(submit_timeout=0.4, allow_private_results=True)
"""For a vendor that says nothing. Elsewhere a machine that stands still for a moment would look like one."""


@attrs.frozen
class Post:
    """A paid request.

    Attributes:
        take: The number in the prompt of `kit.dance`.
        key: The API key.
        purchase: The idempotency key.
    """

    take: int
    key: str
    purchase: str


Answer: TypeAlias = bytes | Act | None
"""What becomes of a paid request: bytes, something done to the connection, or None for a task."""


@attrs.define
class SmallVendor:
    """Its memory, and what it does.

    Attributes:
        on_post: What a paid request is answered; it is accepted by default.
        on_read: What a read of credits is answered; the credits by default.
        on_poll: What a poll with a key is answered; the task by default.
        polls: The API keys of polls, in order.
        posts: Paid requests, in order.
        reads: The API keys of reads of credits, in order.
        paid: The takes of accepted jobs, in order.
        credits_left: By API key; plenty by default.
        price: Credits that a task reserves.
        are_tasks_held: Whether tasks go on running.
    """

    listener: Listener = attrs.field(factory=lambda: Listener(0))
    on_post: Callable[[Post], Answer | Awaitable[Answer]] = lambda _: None
    on_read: Callable[[str], Answer] = lambda _: None
    on_poll: Callable[[str], Answer] = lambda _: None
    polls: list[str] = attrs.field(factory=list)
    posts: list[Post] = attrs.field(factory=list)
    reads: list[str] = attrs.field(factory=list)
    paid: list[int] = attrs.field(factory=list)
    credits_left: dict[str, float] = attrs.field(factory=dict)
    price: float = 10.0
    used: float | None = None
    are_tasks_held: bool = False
    _prices: dict[str, float] = attrs.field(factory=dict)

    @property
    def takes(self) -> list[int]:
        """Which jobs were sent, in order."""
        return [post.take for post in self.posts]

    def with_key(self, key: str) -> list[int]:
        """Which jobs were sent with an API key."""
        return [post.take for post in self.posts if post.key == key]

    @property
    def paid_twice(self) -> list[int]:
        """Jobs that were accepted more than once."""
        return [take for take, count in Counter(self.paid).items() if count > 1]

    async def act(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        body = await reader.readexactly(int(length[0].partition(b":")[2])) if length else b""
        answer = await self._answer(head.decode(), body)
        if callable(answer):
            await answer(reader, writer)
        elif answer is not None:
            writer.write(answer)
            await writer.drain()

    async def _answer(self, head: str, body: bytes) -> Answer:
        path, key = head.split()[1], _header(head, "authorization").rpartition(" ")[2]
        if path == "/v1/credits":
            self.reads.append(key)
            return self.on_read(key) or self._credits(key)
        if path.startswith("/v1/tasks/"):
            self.polls.append(key)
            return self.on_poll(key) or self._task(path.rpartition("/")[2])
        post = Post(int(json.loads(body)["prompt"].rpartition(" ")[2]), key, _header(head, "idempotency-key"))
        self.posts.append(post)
        answer = self.on_post(post)
        if isinstance(answer, Awaitable):
            answer = await answer
        return self.accept(post) if answer is None else answer

    def accept(self, post: Post) -> bytes:
        """Make a task."""
        self.paid.append(post.take)
        task_id = f"task-{post.take}-{len(self.paid)}"
        self._prices[task_id] = self.price
        usage = {"credits_reserved": self.price}
        return well({"id": task_id, "status": "pending", "model": "wan2.6-reference-video", "usage": usage})

    def _task(self, task_id: str) -> bytes:
        price = self._prices[task_id]
        row: dict[str, Any] = {"id": task_id, "status": "processing", "usage": {"credits_reserved": price}}
        if not self.are_tasks_held:
            row |= {"status": "completed", "results": [f"https://results.example/{task_id}.mp4"]}
            row["usage"]["credits_used"] = price if self.used is None else self.used
        return well(row)

    def _credits(self, key: str) -> bytes:
        left = self.credits_left.get(key, 1e6)
        return well({"success": True, "data": {"user": {"remaining_credits": left, "used_credits": 0.0}}})


@asynccontextmanager
async def small_vendor() -> AsyncIterator[SmallVendor]:
    """A vendor that is well until the test says otherwise."""
    vendor = SmallVendor()
    async with serving(vendor.act, at_once=True) as vendor.listener:
        yield vendor


def pool_of(vendor: SmallVendor, *, keys: int = 1, submits: int = 4, **settings: Any) -> SessionPool:
    """A pool on the vendor with waits made small; any setting may be given."""
    chosen: dict[str, Any] = {
        "api_key": [FIRST, SECOND][:keys],
        "base_url": vendor.listener.url,
        "cadence": SINGLY,
        "retry": PATIENT,
        "http": CALM,
        "limits": Limits(submits=submits),
    } | settings
    return SessionPool(**chosen)


def well(body: dict[str, Any]) -> bytes:
    """An answer of 200."""
    return reply(json.dumps(body).encode())


def refusal(status: int, code: str = "because", message: str = "no", **headers: object) -> bytes:
    """A refusal in the vendor's words."""
    error = {"error": {"code": code, "message": message, "type": code}}
    return reply(json.dumps(error).encode(), status, x_oneapi_request_id="req-1", **headers)


def page(status: int, **headers: object) -> bytes:
    """The page of something that stands before the vendor."""
    return reply(b"<html>the balancer speaks</html>", status, Content_Type="text/html", **headers)


def _header(head: str, name: str) -> str:
    for line in head.split("\r\n"):
        if line.lower().startswith(f"{name}:"):
            return line.partition(":")[2].strip()
    return ""
