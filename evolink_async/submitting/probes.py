"""Free requests that find out whether an outage is over, or whether a suspended key works again.

When they are due is decided in `client.outage_brake` and `client.key_health`; nothing is asked while nobody waits.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence

from ..client import OutageBrake, Session
from ..concurrency import Limiter


class Probes:
    """The probes and checks under way.

    Args:
        requests: Permits for HTTP calls.
        found_out: Called after each.
        now: Returns monotonic seconds.
    """

    def __init__(
        self, requests: Limiter, found_out: Callable[[], None], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._requests = requests
        self._found_out = found_out
        self._now = now
        self._checking: set[Session] = set()
        self._errands: set[asyncio.Task[None]] = set()

    def is_checking(self, session: Session) -> bool:
        """Whether a suspended key is being checked."""
        return session in self._checking

    def start_check(self, session: Session) -> None:
        """Find out whether a suspended key works again."""
        self._checking.add(session)
        self._start(self.check(session))

    def start_probe(self, session: Session, brakes: Sequence[OutageBrake]) -> None:
        """Find out for some brakes whether the service answers at all."""
        for brake in brakes:
            brake.began()
        self._start(self._probe(session, brakes))

    async def check(self, session: Session) -> None:
        """Read the credits of a suspended key."""
        try:
            async with self._requests:
                await session.check()
        finally:
            self._checking.discard(session)

    async def _probe(self, session: Session, brakes: Sequence[OutageBrake]) -> None:
        is_answered = False
        try:
            async with self._requests:
                is_answered = await session.is_answering()
        finally:
            for brake in brakes:
                brake.probed(self._now(), is_answered=is_answered)

    def _start(self, errand: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(errand, name="evolink_async probe")
        self._errands.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._errands.discard(task)
        if not task.cancelled():
            self._found_out()

    async def aclose(self) -> None:
        """Stop them all."""
        for task in self._errands:
            task.cancel()
        if self._errands:
            await asyncio.wait(list(self._errands))
