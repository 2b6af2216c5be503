"""Journals for a history: a witness around any journal, and a disk that keeps what was durable when a process dies.

The journals themselves are the library's own. How its file journal is made to write here is in `seams`.
"""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import Callable
from typing import Any

from tests.simulation.dice import Dice
from tests.simulation.loop import Clock
from tests.simulation.trace import Trace, Written

READS = ("known", "find", "jobs", "owner", "outcome", "purchases", "hosted", "durations", "ledger", "untold")
"""The calls that change nothing."""
SLOWEST_WRITE = 6.0
"""Seconds that a write to a slow disk takes at most: until it is durable, and until that is told."""

Commit = Callable[[], None]


class Witness:
    """A journal that notes each of its writes in the trace as soon as it has returned.

    Args:
        journal: Any journal.
        trace: What happened.
        clock: Its clock.
        dice: Draws how long writes take; None for as long as the journal itself takes.
        late_reads: Draws how late the answers to reads come; None for at once.
    """

    def __init__(
        self, journal: Any, trace: Trace, clock: Clock, dice: Dice | None, late_reads: Dice | None = None
    ) -> None:
        self._journal = journal
        self._trace = trace
        self._clock = clock
        self._dice = dice
        self._late_reads = late_reads
        self._process = trace.process
        self._count = 0
        self._reads = 0

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._journal, name)
        if name.startswith("_") or not inspect.iscoroutinefunction(member):
            return member

        async def read(*args: Any, **kwargs: Any) -> Any:
            result = await member(*args, **kwargs)
            # The answer was true when it was asked for, and comes late.
            if self._late_reads is not None:
                self._reads += 1
                await self._late_reads.delay("journal read", name, self._reads, longest=5.0).wait()
            return result

        async def call(*args: Any, **kwargs: Any) -> Any:
            result = await member(*args, **kwargs)
            # The write is done. A slow journal only returns late, so that a cancellation cannot undo it.
            if self._dice is not None:
                self._count += 1
                key = _key_of(args)
                await self._dice.delay("journal", name, key, longest=5.0).wait()
            self._note(name, _key_of(args))
            return result

        self.__dict__[name] = found = read if name in READS else call
        return found

    def _note(self, method: str, key: str) -> None:
        if self._process == self._trace.process:
            self._trace.entries.append(Written(self._clock.elapsed(), self._process, method, key))


def _key_of(args: tuple[Any, ...]) -> str:
    subject = args[0] if args else ""
    return subject if isinstance(subject, str) else str(getattr(subject, "key", ""))


class Disk:
    """Makes writes durable after a while, in order and in groups, and forgets those that were not when it is unplugged.

    Args:
        dice: Draws how long that takes; None for no time.
    """

    def __init__(self, dice: Dice | None) -> None:
        self._dice = dice
        self._waiting: deque[tuple[int, Commit, asyncio.Future[None]]] = deque()
        self._count = 0
        self._closing: list[Callable[[], None]] = []
        self.is_dead = False

    def on_unplugged(self, close: Callable[[], None]) -> None:
        """Call something when the process dies: what the operating system does then, as taking locks away."""
        self._closing.append(close)

    async def write(self, commit: Commit) -> None:
        """Return when `commit` was called. Cancelled, it is called all the same."""
        # Ordered at once, as the library's writer does it: what is cancelled while it waits is written all the same.
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        number = self._count = self._count + 1
        self._waiting.append((number, commit, done))
        if self._dice is None:
            self._commit_up_to(number)
        else:
            self._dice.delay("disk", number, longest=5.0).then(loop, lambda: self._commit_up_to(number))
        await done
        if self._dice is not None:
            await self._dice.delay("disk tells", number, longest=1.0).wait()

    def flush(self) -> None:
        """Commit all that was ordered."""
        self._commit_up_to(self._count)

    def unplug(self) -> None:
        """Lose what is not durable, at once."""
        self.is_dead = True
        self._waiting.clear()
        for close in self._closing:
            close()

    def _commit_up_to(self, number: int) -> None:
        # One delay that is over commits all earlier orders too: a disk keeps their order, and so makes groups.
        while self._waiting and self._waiting[0][0] <= number:
            _, commit, done = self._waiting.popleft()
            commit()
            if not done.done():
                done.set_result(None)
