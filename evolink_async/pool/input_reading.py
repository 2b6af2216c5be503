"""Reading the input of a run, and ending that: an input is the user's code, and may not want to end.

What is done with an item is decided in `run`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import aclosing

from ..jobs import Job
from ..params import AnyParams
from .job_source import JobSource, read_jobs

PATIENCE = 2.0
"""Seconds for an input to end after a cancellation, before it is cancelled again or left behind."""
CANCELLATIONS = 3
"""Cancellations that an input gets before it is left behind."""

_log = logging.getLogger("evolink_async")

# The event loop holds tasks weakly.
_left: set[asyncio.Task[None]] = set()


class InputReading:
    """A task that reads an input until it ends, or until it is told to stop.

    An input that swallows cancellations, or whose `finally` waits for long, is left behind with a WARNING: it may stay
    where it is, and nothing is read from it any more.

    Args:
        source: The input.
        room: Waits until one more item may be read.
        begin: Takes an item. It comes to an end soon when it is cancelled.
        refuse: Takes an item that the input handed out after it was told to stop.
        ended: Called once, with the task if that came to its end.
    """

    def __init__(
        self,
        source: JobSource,
        room: Callable[[], Awaitable[None]],
        begin: Callable[[Job | AnyParams], Awaitable[None]],
        refuse: Callable[[Job | AnyParams], None],
        ended: Callable[[asyncio.Task[None] | None], None],
    ) -> None:
        self._source = source
        self._room = room
        self._begin = begin
        self._refuse = refuse
        self._ended = ended
        self._is_beginning = self._is_stopping = False
        self._ending: asyncio.Task[None] | None = None
        self._task = asyncio.create_task(self._read(), name="evolink_async input")
        self._task.add_done_callback(ended)

    async def _read(self) -> None:
        async with aclosing(read_jobs(self._source)) as source:
            await self._room()
            async for item in source:
                if self._must_stop():  # and the input has swallowed that
                    self._refuse(item)
                    return
                self._is_beginning = True
                try:
                    await self._begin(item)
                finally:
                    self._is_beginning = False
                if self._must_stop():
                    return
                await self._room()

    def _must_stop(self) -> bool:
        return self._is_stopping

    def stop(self) -> None:
        """Read nothing more, from this step on."""
        if not self._is_stopping and not self._task.done():
            self._task.cancel()
            self._ending = asyncio.create_task(self._end(), name="evolink_async end of an input")
        self._is_stopping = True

    async def stopped(self) -> None:
        """Wait until the reading has ended, or the input was left behind."""
        if self._ending is not None:
            await asyncio.wait([self._ending])

    async def _end(self) -> None:
        cancellations = 1
        while not self._task.done():
            await asyncio.wait([self._task], timeout=PATIENCE)
            # What is begun is our own, and ends by itself.
            if self._task.done() or self._is_beginning:
                continue
            if cancellations == CANCELLATIONS:
                self._leave()
                return
            self._task.cancel()
            cancellations += 1

    def _leave(self) -> None:
        seconds = PATIENCE * CANCELLATIONS
        _log.warning(
            "the input of a run (%s) did not end within %g s and %d cancellations, so it is left behind: "
            "nothing more is read from it",
            _name(self._source),
            seconds,
            CANCELLATIONS,
        )
        self._task.remove_done_callback(self._ended)
        _left.add(self._task)
        self._task.add_done_callback(_gone)
        self._ended(None)


def _gone(task: asyncio.Task[None]) -> None:
    _left.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.warning("the input that was left behind has ended with %s: %s", type(error).__name__, error)


def _name(source: object) -> str:
    """Return what its author knows an input by: the function of a generator, or a class."""
    name = getattr(source, "__qualname__", None)
    return name if isinstance(name, str) else type(source).__qualname__
