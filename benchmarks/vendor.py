"""An emulator in a process of its own, so that its work is not counted as the client's."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from typing import Any

from evolink_async.emulator import Emulator

KEY = "sk-emulator"


async def _serve(pipe: Connection, stop: Event, speed: float, settings: dict[str, Any]) -> None:
    began = time.time()
    async with Emulator(speed=speed, credits=1e9, **settings) as emulator:
        pipe.send(emulator.base_url)
        await asyncio.to_thread(stop.wait)
        pipe.send({task_id: began + (task.life.ends_at - began) / speed for task_id, task in emulator.tasks.items()})


def _main(pipe: Connection, stop: Event, speed: float, settings: dict[str, Any]) -> None:
    asyncio.run(_serve(pipe, stop, speed, settings))


@contextmanager
def vendor(speed: float, **settings: Any) -> Iterator[tuple[str, dict[str, float]]]:
    """Start an emulator; yields its base URL and, once it has stopped, when each task really ended, in Unix seconds."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    stop, ends = context.Event(), dict[str, float]()
    process = context.Process(target=_main, args=(theirs, stop, speed, settings), daemon=True)
    process.start()
    try:
        yield ours.recv(), ends
    finally:
        stop.set()
        ends.update(ours.recv())
        process.join(10)
