"""Bytes of one watched task. What a whole job takes is seen in `scale`."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator

from evolink_async import EvolinkError
from evolink_async.concurrency import Limiter
from evolink_async.polling import Poller, WatchedTask
from evolink_async.settings import Cadence

from .measure import Row
from .service import task_id

WATCHED = 100_000
SLEEPERS = 10_000


class _Nobody:
    busy = 0
    poll_many = None

    async def poll(self, task_id: str) -> EvolinkError:
        raise NotImplementedError


def _heard(_: WatchedTask, __: object) -> None: ...


async def memory() -> AsyncIterator[Row]:
    """A task in the calendar, beside a sleeping asyncio task."""
    poller, account = Poller(Cadence(), Limiter(1)), _Nobody()
    tracemalloc.start()
    for number in range(WATCHED):
        poller.tasks.watch(task_id(number), account, _heard, duration_class=("wan", None, None), accepted_at=0.0)
    ours = tracemalloc.get_traced_memory()[0]
    sleepers = [asyncio.create_task(asyncio.sleep(3600)) for _ in range(SLEEPERS)]
    await asyncio.sleep(0)
    theirs = tracemalloc.get_traced_memory()[0] - ours
    tracemalloc.stop()
    for sleeper in sleepers:
        sleeper.cancel()
    await asyncio.gather(*sleepers, return_exceptions=True)
    yield Row("a watched task / a sleeping asyncio task", ours / WATCHED, theirs / SLEEPERS, "bytes", 0.50)
