"""Fixtures: an emulator with a `HandClock`, and a plain HTTP client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple

import aiohttp
import pytest

from evolink_async.emulator import Emulator, HandClock

VIDEOS = "/v1/videos/generations"


class Reply(NamedTuple):
    status: int
    body: Any
    headers: Any


class Client:
    """Sends requests to an emulator; each call returns a `Reply` with parsed JSON, or raises aiohttp's error."""

    def __init__(self, http: aiohttp.ClientSession, emulator: Emulator, key: str = "sk-emulator") -> None:
        self.http = http
        self.emulator = emulator
        self.headers = {"Authorization": f"Bearer {key}"}

    async def call(self, method: str, path: str, *, headers: dict[str, str] | None = None, **options: Any) -> Reply:
        async with self.http.request(
            method,
            self.emulator.base_url + path,
            headers=self.headers | (headers or {}),
            allow_redirects=False,
            **options,
        ) as response:
            body = await response.json() if response.content_type == "application/json" else await response.read()
            return Reply(response.status, body, response.headers)

    async def submit(self, body: object, *, key: str | None = None, path: str = VIDEOS) -> Reply:
        return await self.call("POST", path, json=body, headers={"Idempotency-Key": key} if key else {})

    async def query(self, task_id: str) -> Reply:
        return await self.call("GET", f"/v1/tasks/{task_id}")

    async def finished(self, body: object, clock: HandClock, *, path: str = VIDEOS) -> dict[str, Any]:
        """Submit, move the clock to the end of the task, and return the body of the final query."""
        reply = await self.submit(body, path=path)
        assert reply.status == 200, reply.body
        task = self.emulator.tasks[reply.body["id"]]
        clock.advance(max(0.0, task.life.ends_at - clock.now()))
        return (await self.query(task.task_id)).body


async def until(fact: Callable[[], object]) -> None:
    """Run the event loop until `fact()` is true; the timeout of the test applies."""
    while True:
        if fact():
            return
        await asyncio.sleep(0)


@pytest.fixture(name="until")
def _until() -> Callable[[Callable[[], object]], Awaitable[None]]:
    return until


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def emulator(clock: HandClock) -> AsyncIterator[Emulator]:
    async with Emulator(clock=clock) as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    # Fresh connections: aiohttp repeats a GET by itself when a kept one breaks.
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=10)) as session:
        yield session


@pytest.fixture
def client(http: aiohttp.ClientSession, emulator: Emulator) -> Client:
    return Client(http, emulator)


@pytest.fixture
def new_client() -> type[Client]:
    """The class, for tests that start their own emulator."""
    return Client


@pytest.fixture
def body() -> dict[str, Any]:
    """The example request of the vendor's wan2.6-reference-video-flash page."""
    return {
        "model": "wan2.6-reference-video-flash",
        "prompt": "A person dancing",
        "video_urls": ["https://help-static-aliyun-doc.aliyuncs.com/file-manage-files/xxx.mp4"],
    }
