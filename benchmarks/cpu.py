"""CPU of a poll and of a submit, beside a bare aiohttp loop and beside other vendors' clients.

Every figure is the lowest of interleaved rounds, and all have as many calls under way at once.
"""

from __future__ import annotations

import asyncio
import gc
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from itertools import count, islice
from pathlib import Path

import aiohttp
from yarl import URL

import evolink_async as ev
from evolink_async.settings import BatchMode

from .measure import CALLS, WORKERS, Row, cpu, lowest_of, per_call
from .rivals.polls import rival_polls
from .service import SHOT, Lives, task_id
from .stub import stub
from .vendor import KEY

HEADERS = {"Authorization": f"Bearer {KEY}"}
LIMITS = ev.Limits(requests=WORKERS, submits=WORKERS)
SOON = ev.Cadence(first_look=2.0)
RIVAL_CALLS = 400
WATCHED = {"never": 1000, "auto": 6000}
"""Tasks watched at once: so many that there is always one due for every free request."""
SECONDS = 0.7

Call = Callable[[int], Awaitable[object]]


# --- polls


async def looks() -> AsyncIterator[Row]:
    """A poll of a task that goes on: by hand, by the engine one at a time, by the engine many at once."""
    async with AsyncExitStack() as stack:
        url = stack.enter_context(stub(Lives()))
        pool = await stack.enter_async_context(ev.SessionPool(KEY, base_url=url, limits=LIMITS))
        bare = _bare_get(await stack.enter_async_context(aiohttp.ClientSession()), f"{url}/v1/tasks/{task_id(1)}")
        theirs = await stack.enter_async_context(rival_polls(url))
        get, poll, singly, together, *others = await lowest_of(
            lambda: per_call(bare),
            lambda: per_call(lambda _: pool.poll(task_id(1))),
            lambda: _saturated(url, "never"),
            lambda: _saturated(url, "auto"),
            *(lambda poll=poll: per_call(lambda _: poll(), RIVAL_CALLS) for poll in theirs.values()),
        )
    yield Row("one look, pool.poll / bare GET", poll, get, "us CPU", 1.15)
    yield Row("  engine, one task a request / bare GET", singly, get, "us CPU", 1.25)
    yield Row("  engine, up to 50 tasks a request / bare GET", together, get, "us CPU", 0.16)
    for name, other in sorted(zip(theirs, others, strict=True), key=lambda pair: pair[1]):
        yield Row(f"  pool.poll / {name}", poll, other, "us CPU", 1 / 7)
    if others:
        yield Row("  engine, up to 50 tasks a request / the best of them", together, min(others), "us CPU", 1 / 60)


def _bare_get(session: aiohttp.ClientSession, address: str) -> Call:
    url = URL(address)

    async def get(_: int) -> object:
        async with session.get(url, headers=HEADERS) as reply:
            return await reply.json()

    return get


async def _saturated(url: str, batch: BatchMode) -> float:
    """CPU microseconds of one poll by an engine that always has more to poll than one processor can.

    It may have as many calls open as the bare loop has; of a vendor as quick as the stub it opens fewer.
    """
    # A price of nothing: every task is due again as soon as it may be.
    cadence = ev.Cadence(
        polls_per_second=1e9, first_look=0.05, min_interval=0.05, max_interval=0.05, look_price=1e-9, batch=batch
    )
    async with ev.SessionPool(KEY, base_url=url, limits=LIMITS, cadence=cadence) as pool:
        waiting = [asyncio.create_task(pool.wait(task_id(number))) for number in range(WATCHED[batch])]
        await asyncio.sleep(SECONDS)
        gc.collect()
        before, polled = cpu(), pool.stats().looks
        await asyncio.sleep(SECONDS)
        each = (cpu() - before) / (pool.stats().looks - polled) * 1e6
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    return each


# --- submits


async def submits() -> AsyncIterator[Row]:
    """A submit, and a job from its parameters to its video, beside a bare POST.

    All are sent on a fresh connection, as money wants it, and validated and journalled but for the bare one. The tasks
    have ended before their first poll.
    """
    numbers = count()
    with tempfile.TemporaryDirectory() as folder, stub(Lives(median=0.01)) as url:
        connector = aiohttp.TCPConnector(force_close=True)
        async with (
            ev.SessionPool(KEY, base_url=url, limits=LIMITS, cadence=SOON) as memory,
            ev.SessionPool(KEY, base_url=url, limits=LIMITS, cadence=SOON, journal=Path(folder) / "jobs.db") as file,
            aiohttp.ClientSession(connector=connector) as session,
        ):
            bare_post = _bare_post(session, f"{url}/v1/videos/generations")
            bare, kept, written, ran, ran_and_written = await lowest_of(
                lambda: per_call(bare_post),
                lambda: per_call(lambda number: memory.submit(shot(number))),
                lambda: per_call(lambda number: file.submit(shot(number))),
                lambda: _through_run(memory, numbers),
                lambda: _through_run(file, numbers),
            )
    yield Row("one submit, journal in memory / bare POST", kept, bare, "us CPU", None)
    yield Row("one submit, journal in a file / bare POST", written, bare, "us CPU", None)
    yield Row("one job through run, journal in memory / bare POST", ran, bare, "us CPU", 1.6)
    yield Row("one job through run, journal in a file / bare POST", ran_and_written, bare, "us CPU", 2.2)


async def _through_run(pool: ev.SessionPool, numbers: Iterator[int]) -> float:
    """CPU microseconds of a job, from its parameters to its video."""
    jobs = (ev.Job(f"job-{number}", shot(number)) for number in islice(numbers, CALLS))
    gc.collect()
    before = cpu()
    async with pool.run(jobs) as outcomes:
        ended = [isinstance(outcome, ev.Completed) async for outcome in outcomes]
    assert all(ended)
    return (cpu() - before) / len(ended) * 1e6


def _bare_post(session: aiohttp.ClientSession, url: str) -> Call:
    async def post(number: int) -> object:
        async with session.post(url, json=SHOT | {"prompt": f"Take {number}"}, headers=HEADERS) as reply:
            return await reply.json()

    return post


def shot(number: int) -> ev.Wan26ReferenceVideo:
    """Parameters unlike any other's."""
    return ev.Wan26ReferenceVideo(prompt=f"Take {number}", video_urls=SHOT["video_urls"])
