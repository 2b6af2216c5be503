"""A whole batch, from the first submit to the last video: ours, a loop by hand, and the clients of other vendors.

Nothing is scaled: tasks take as long as in life, every client waits as it does by default, and only address and key
are given. Each client is a process of its own (`python -m benchmarks.batch`), alone with a vendor of its own, and all
vendors are the same code with the same durations in the same order.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import aiohttp

import evolink_async as ev

from .cpu import HEADERS, shot
from .measure import Row, cpu
from .rivals.clients import RIVALS, enter
from .rivals.service import Vendors
from .service import SHOT, Lives, task_id
from .stub import stub
from .vendor import KEY

TASKS = 200
SECONDS = 120.0
"""Median duration of a task; lognormal, a third of them between 108 and 133 s."""
OURS, BY_HAND = "evolink_async", "loop by hand"
INTERVAL = 5.0
AT_ONCE = 32
"""Of the loop by hand: seconds between two reads of a task, and requests at once."""

GOALS = {"status requests": 0.1, "polls": 1.0, "CPU": 0.5, "median lag": 1.0, "95 of 100 within": 1.0, "bytes": 0.25}
"""The most of what the loop by hand takes that we may take."""
UNITS = {
    "status requests": "requests",
    "polls": "polls",
    "CPU": "ms",
    "median lag": "s",
    "95 of 100 within": "s",
    "bytes": "KB",
}

Figures = dict[str, float]
Told = Callable[[str], None]
"""Takes the id of a task whose video is there."""
Films = Callable[[Told], Awaitable[None]]
"""Makes all the films with an open client."""


def batch(seconds: str | None = None) -> Iterator[Row]:
    """Every row: each figure of a video, ours beside each other client's."""
    lives = Lives(median=float(seconds or SECONDS))
    found = {name: figures for client in (OURS, BY_HAND, *RIVALS) for name, figures in _apart(client, lives)}
    ours = found.pop(OURS)
    for what, unit in UNITS.items():
        for name, theirs in found.items():
            goal = GOALS[what] if name == BY_HAND else None
            yield Row(f"{TASKS} videos, {what} / {name}", ours[what], theirs[what], unit, goal)


def _apart(client: str, lives: Lives) -> Iterator[tuple[str, Figures]]:
    """What a client, named with its version, took; nothing if it is not installed, or breaks off."""
    with stub(Vendors(lives)) as url:
        command = [sys.executable, "-m", "benchmarks.batch", url, client]
        ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if ran.returncode:
        print(f"{client}: ended with {ran.returncode}, left out", file=sys.stderr, flush=True)
        return
    if told := json.loads(ran.stdout.splitlines()[-1]):
        print(json.dumps(told), file=sys.stderr, flush=True)
        yield told["name"], told["figures"]


# --- in that process


async def _measured(url: str, client: str) -> dict[str, object]:
    async with aiohttp.ClientSession() as session, _open(url, client) as opened:
        if opened is None:
            return {}
        name, films = opened
        told, before, used = dict[str, float](), await _counted(session, url), -cpu()
        began = time.monotonic()
        await films(lambda task: told.__setitem__(task, time.monotonic()))
        used, took = used + cpu(), time.monotonic() - began
        after = await _counted(session, url)
    assert told.keys() <= after["ends"].keys()
    assert len(told) == TASKS or client != OURS, f"{len(told)} videos"
    if lost := TASKS - len(told):
        name += f" (lost {lost} videos)"
    lags = sorted(at - after["ends"][task] for task, at in told.items())
    traffic = sum(after[way] - before[way] for way in ("received", "sent"))
    figures = {
        "status requests": (after["status_requests"] - before["status_requests"]) / TASKS,
        "polls": (after["polls"] - before["polls"]) / TASKS,
        "CPU": used / TASKS * 1000,
        "median lag": lags[len(lags) // 2],
        "95 of 100 within": lags[len(lags) * 95 // 100],
        "bytes": traffic / TASKS / 1000,
    }
    return {"name": name, "figures": figures, "seconds": took}


async def _counted(session: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    async with session.get(f"{url}/batch") as answer:
        return await answer.json()


@asynccontextmanager
async def _open(url: str, client: str) -> AsyncIterator[tuple[str, Films] | None]:
    """Open a client, and have it ask once: what it imports and makes at its first request is no matter of the batch."""
    async with AsyncExitStack() as stack:
        if client == OURS:
            pool = await stack.enter_async_context(ev.SessionPool(KEY, base_url=url))
            await pool.poll(task_id(1))
            yield OURS, partial(_ours, pool)
        elif client == BY_HAND:
            session = await stack.enter_async_context(aiohttp.ClientSession(url, headers=HEADERS))
            await _read(session, task_id(1))
            yield BY_HAND, partial(_all, _loop(session))
        else:
            entered = await enter(stack, client, url)
            yield None if entered is None else (entered.name, partial(_all, entered.client.film))


async def _ours(pool: ev.SessionPool, told: Told) -> None:
    async with pool.run([ev.Job(str(number), shot(number)) for number in range(TASKS)]) as outcomes:
        async for outcome in outcomes:
            assert isinstance(outcome, ev.Completed), outcome
            told(outcome.task_id)


async def _all(film: Callable[[str], Awaitable[str]], told: Told) -> None:
    async def one(number: int) -> None:
        try:
            task = await film(f"Take {number}")
        except Exception as error:  # noqa: BLE001  # whatever ends the wait of a client: its video is lost
            print(f"lost: {error!r}", file=sys.stderr, flush=True)
        else:
            told(task)

    await asyncio.gather(*(one(number) for number in range(TASKS)))


def _loop(session: aiohttp.ClientSession) -> Callable[[str], Awaitable[str]]:
    """Submit, then read every five seconds: what many programs do."""
    semaphore = asyncio.Semaphore(AT_ONCE)

    async def film(prompt: str) -> str:
        async with semaphore, session.post("/v1/videos/generations", json=SHOT | {"prompt": prompt}) as answer:
            task: str = (await answer.json())["id"]
        while True:
            await asyncio.sleep(INTERVAL)
            async with semaphore:
                read = await _read(session, task)
            if read["status"] == "completed":
                return task

    return film


async def _read(session: aiohttp.ClientSession, task: str) -> dict[str, Any]:
    async with session.get(f"/v1/tasks/{task}") as answer:
        return await answer.json()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_measured(sys.argv[1], sys.argv[2]))))
