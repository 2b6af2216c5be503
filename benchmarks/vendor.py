"""An emulator in a process of its own, so that its work is not counted as the client's."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event

from evolink_async.emulator import Emulator

KEY = "sk-emulator"


async def _serve(pipe: Connection, stop: Event, speed: float) -> None:
    async with Emulator(speed=speed, credits=1e9) as emulator:
        pipe.send(emulator.base_url)
        await asyncio.to_thread(stop.wait)


def _main(pipe: Connection, stop: Event, speed: float) -> None:
    asyncio.run(_serve(pipe, stop, speed))


@contextmanager
def vendor(speed: float = 1.0) -> Iterator[str]:
    """Start an emulator; yields its base URL. At speed 1 no task ends while a benchmark runs."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    stop = context.Event()
    process = context.Process(target=_main, args=(theirs, stop, speed), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        stop.set()
        process.join(10)
