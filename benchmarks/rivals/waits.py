"""How many status requests each rival's own "wait until done" sends for one job, counted by the stub.

The clients sleep as they always do, on an event loop whose clock jumps over every sleep; nothing of theirs is changed.
"""

from __future__ import annotations

import asyncio
import math
import selectors
from collections import Counter
from contextlib import AsyncExitStack

from ..stub import listen
from .clients import RIVALS, enter
from .shapes import shapes

JOB_SECONDS = 165.0
QUIET = 0.002
"""Seconds in which a reply over the loopback within one process has certainly come."""


class _Jumping(selectors.DefaultSelector):
    """A selector that does not wait for timers: what was to be waited is added to `jumped`."""

    jumped = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(timeout if timeout is None else min(timeout, QUIET))
        if timeout and not ready:
            self.jumped += timeout
        return ready


class _JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop on which only sleeping takes time, and takes none of ours."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.jumped


async def rival_requests(seconds: float = JOB_SECONDS) -> dict[str, int]:
    """Status requests for one job of so many seconds, by the client's name and version.

    A round trip takes no time here, so these are the most that the client's pace comes to.
    """
    counted = [await asyncio.to_thread(_run, package, seconds) for package in RIVALS]
    return dict(filter(None, counted))


def _run(package: str, seconds: float) -> tuple[str, int] | None:
    with asyncio.Runner(loop_factory=_JumpingLoop) as runner:
        return runner.run(_count(package, seconds))


async def _count(package: str, seconds: float) -> tuple[str, int] | None:
    loop, asked = asyncio.get_running_loop(), Counter[str]()
    began = math.inf
    # Rounded: a sum of many short sleeps is off by less than a millisecond.
    server, stub_url = await listen(shapes(lambda: round(loop.time() - began, 3) >= seconds, asked))
    async with server, AsyncExitStack() as stack:
        entered = await enter(stack, package, stub_url)
        if entered is None:
            return None
        asked.clear()
        began = loop.time()
        await entered.client.wait(entered.seen)
    return entered.name, asked[package.removesuffix("-client")]
