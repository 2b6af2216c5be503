"""Log what a pool does, and add up what each model costs. An observer is any callable that takes an event."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict

import evolink_async as ev
from evolink_async.events import JobEnded, KeySuspended
from evolink_async.models import Wan26TextToVideo
from evolink_async.telemetry import LogObserver

log = logging.getLogger("films")


class Spending:
    """Adds up credits by model, and hands every event on to another observer."""

    def __init__(self, after: ev.Observer) -> None:
        self.credits: dict[str, float] = defaultdict(float)
        self._after = after

    def __call__(self, event: ev.Event, /) -> None:
        """Take note of one event. It is called in the event loop, so it must not wait."""
        match event:
            case JobEnded(outcome=ev.Completed() as done):
                self.credits[done.snapshot.model or "unknown"] += done.credits or 0
            case KeySuspended(session=session, error=error):
                log.critical("API key %s can do no more: %s", session, error.advice)
            case _:
                pass
        self._after(event)


async def main() -> None:
    """Make two videos and print what they cost."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    spending = Spending(LogObserver(log, level=logging.INFO))
    shots = [Wan26TextToVideo(prompt=f"Waves, take {take}", duration=2) for take in (1, 2)]
    async with ev.SessionPool(observer=spending) as pool, pool.run(shots) as outcomes:
        async for _ in outcomes:
            pass
    for model, used in spending.credits.items():
        print(f"{model}: {used:g} credits")


if __name__ == "__main__":
    asyncio.run(main())
