"""The CPU of one status read: a bare GET, ours, and every rival's, all with 32 at once and in interleaved rounds."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
from yarl import URL

import evolink_async as ev

from ..measure import CALLS, ROUNDS, WORKERS, Row, cpu
from ..stub import TASK_ID, stub
from .clients import KEY, RIVALS, enter

RIVAL_CALLS = 400
GOAL = 1 / 7
HEADERS = {"Authorization": f"Bearer {KEY}"}

Look = Callable[[], Awaitable[object]]


async def rivals() -> list[Row]:
    """Our look beside a bare GET of the same reply, and beside each rival's own look."""
    with stub() as stub_url:
        async with _bare(stub_url) as bare, _ours(stub_url) as ours, _theirs(stub_url) as theirs:
            yardstick, mine, *others = await _lowest([(bare, CALLS), (ours, CALLS), *_few(theirs)])
    return [
        Row("one look at the stub, pool.poll / bare GET", mine, yardstick, "us CPU", 1.10),
        *(
            Row(f"one look, pool.poll / {name}", mine, other, "us CPU", GOAL)
            for name, other in zip(theirs, others, strict=True)
        ),
    ]


async def rival_looks(stub_url: str) -> dict[str, float]:
    """CPU microseconds of one look, by the client's name and version."""
    async with _theirs(stub_url) as theirs:
        return dict(zip(theirs, await _lowest(_few(theirs)), strict=True))


@asynccontextmanager
async def _bare(stub_url: str) -> AsyncIterator[Look]:
    url = URL(f"{stub_url}/v1/tasks/{TASK_ID}")
    async with aiohttp.ClientSession() as session:

        async def look() -> object:
            async with session.get(url, headers=HEADERS) as reply:
                return await reply.json()

        yield look


@asynccontextmanager
async def _ours(stub_url: str) -> AsyncIterator[Look]:
    async with ev.SessionPool(KEY, base_url=stub_url) as pool:
        yield lambda: pool.poll(TASK_ID)


@asynccontextmanager
async def _theirs(stub_url: str) -> AsyncIterator[dict[str, Look]]:
    async with AsyncExitStack() as stack:
        entered = [await enter(stack, package, stub_url) for package in RIVALS]
        yield {one.name: one.client.look for one in entered if one is not None}


def _few(looks: dict[str, Look]) -> list[tuple[Look, int]]:
    return [(look, RIVAL_CALLS) for look in looks.values()]


async def _lowest(looks: list[tuple[Look, int]]) -> list[float]:
    rounds = [[await _per_look(look, calls) for look, calls in looks] for _ in range(ROUNDS)]
    return [min(column) for column in zip(*rounds, strict=True)]


async def _per_look(look: Look, calls: int) -> float:
    numbers = iter(range(calls))

    async def work() -> None:
        for _ in numbers:
            await look()

    gc.collect()
    before = cpu()
    await asyncio.gather(*(work() for _ in range(WORKERS)))
    return (cpu() - before) / calls * 1e6
