"""What every benchmark shares: a row of the table, CPU time, memory, calls under load.

Nothing here knows what is measured.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import attrs

ROUNDS = 5
CALLS = 1500
WORKERS = 32
MIB = 2**20


@attrs.frozen
class Row:
    """One line of the table: what was measured, ours and the rival's figure, and the ratio we want at most.

    Attributes:
        what: Ours / the rival, in words; a rival that is a number is the goal itself.
        ours: Our figure.
        rival: Theirs.
        unit: Of both.
        goal: The most the ratio may be; None where there is only something to know.
        why: What to know about it; the reason, where the goal is missed.
    """

    what: str
    ours: float
    rival: float
    unit: str
    goal: float | None
    why: str = ""

    @property
    def ratio(self) -> float:
        return self.ours / self.rival

    @property
    def is_missed(self) -> bool:
        return self.goal is not None and self.ratio > self.goal


def cpu() -> float:
    """User and system time of this process, in seconds."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def peak_bytes() -> int:
    """The most memory this process ever held; `ru_maxrss` begins with what its parent held, so it comes second."""
    unit = 1 if sys.platform == "darwin" else 1024
    return _status("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def resident_bytes() -> int:
    """The memory this process holds; where the system does not say so, the most it ever held."""
    return _status("VmRSS") or peak_bytes()


def _status(name: str) -> int | None:
    """A size that Linux tells of this process, in bytes."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    return None


async def per_call(call: Callable[[int], Awaitable[object]], calls: int = CALLS) -> float:
    """CPU microseconds of one call, with `WORKERS` under way at once."""
    numbers = iter(range(calls))

    async def work() -> None:
        for number in numbers:
            await call(number)

    gc.collect()
    before = cpu()
    await asyncio.gather(*(work() for _ in range(WORKERS)))
    return (cpu() - before) / calls * 1e6


async def lowest(*calls: Callable[[int], Awaitable[object]]) -> list[float]:
    """The lowest of several interleaved rounds for each call: what disturbs only ever adds."""
    return await lowest_of(*(lambda call=call: per_call(call) for call in calls))


async def lowest_of(*measures: Callable[[], Awaitable[float]]) -> list[float]:
    """The same for anything that measures itself."""
    rounds = [[await measure() for measure in measures] for _ in range(ROUNDS)]
    return [min(column) for column in zip(*rounds, strict=True)]
