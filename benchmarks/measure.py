"""What every benchmark shares: a row of the table, and the CPU time of a call under load."""

from __future__ import annotations

import asyncio
import gc
import resource
import sys
from collections.abc import Awaitable, Callable

import attrs

ROUNDS = 5
CALLS = 1500
WORKERS = 32


@attrs.frozen
class Row:
    """One line of the table: what was measured, ours and the rival's figure, and the ratio we want at most."""

    what: str
    ours: float
    rival: float
    unit: str
    goal: float

    @property
    def ratio(self) -> float:
        return self.ours / self.rival


def cpu() -> float:
    """User and system time of this process, in seconds."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def peak_bytes() -> int:
    """The most memory this process ever held."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


async def per_call(call: Callable[[int], Awaitable[object]]) -> float:
    """CPU microseconds of one call, with `WORKERS` under way at once."""
    numbers = iter(range(CALLS))

    async def work() -> None:
        for number in numbers:
            await call(number)

    gc.collect()
    before = cpu()
    await asyncio.gather(*(work() for _ in range(WORKERS)))
    return (cpu() - before) / CALLS * 1e6


async def lowest(*calls: Callable[[int], Awaitable[object]]) -> list[float]:
    """The lowest of several interleaved rounds for each call: what disturbs only ever adds."""
    rounds = [[await per_call(call) for call in calls] for _ in range(ROUNDS)]
    return [min(column) for column in zip(*rounds, strict=True)]
