"""One life of one of several processes: the steps come from outside, and so does the word that all are at rest."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import Any

from evolink_async.errors import JournalError
from tests.simulation import script as steps
from tests.simulation.conductor import Life, SteppedLoop
from tests.simulation.order import PASSING_ERRORS
from tests.simulation.process import REST, Process
from tests.simulation.script import Step, Wish
from tests.simulation.shared_world import SharedWorld
from tests.simulation.trace import Told

PAUSES = (0.0, 65.0, 65.0, 130.0, 310.0, 600.0, 1300.0, 2500.0)
"""Seconds before each try to buy a job with a pool that may know of an outage, or of a refused key. In all they are
more than the longest pause of either."""
STARTING_PAUSE = 5.0
"""Seconds after which a process that could not open its journal is started again."""


class SharedProcess(Process):
    """One life.

    Args:
        world: What is outside.
        place: Which of the processes it is.

    Attributes:
        life: Its turns.
        is_at_rest: Whether all its calls have ended.
        is_over: Whether it has ended by itself.
    """

    _world: SharedWorld

    def __init__(self, world: SharedWorld, place: int) -> None:
        clock = world.machines[place]
        loop = SteppedLoop(clock)
        super().__init__(world, loop)
        self.life = Life(place, world.next_number(), loop, clock)
        self.is_at_rest = self.is_over = False
        self._steps: list[Step | None] = []
        self._told: asyncio.Future[None] | None = None
        self._ending: asyncio.Task[Any] | None = None
        self._main = loop.create_task(self._live_on(), name="caller main")

    def give(self, step: Step | None) -> None:
        """Give it a step from outside; None when the script is over, and once more when all are at rest."""
        self._steps.append(step)
        self.life.loop.call_soon(self._hear)

    def kill(self) -> None:
        """Note nothing more of it."""
        self._is_dead = True
        for complaint in self._loop.complaints:
            self._complain(complaint)

    def end(self) -> asyncio.Task[Any]:
        """Begin to tidy away what is left of it."""
        self._is_dead = True
        self._ending = self.life.loop.create_task(self._end_all())
        return self._ending

    def _hear(self) -> None:
        if self._told is not None and not self._told.done():
            self._told.set_result(None)

    def _next_pool(self) -> None:
        self.life.number = self._world.trace.process = self._world.next_number()

    async def _next(self) -> Step | None:
        while not self._steps:
            self._told = self._loop.create_future()
            await self._told
        return self._steps.pop(0)

    async def _open(self) -> None:
        while True:
            with suppress(JournalError):
                return await super()._open()
            await asyncio.sleep(STARTING_PAUSE)

    def check(self) -> None:
        """Raise what ended it before its time."""
        if self._main.done() and not self._is_dead:
            self._main.result()

    async def _live_on(self) -> None:
        await self._open()
        while (step := await self._next()) is not None:
            await self._world.dice.delay("step", repr(step), longest=0.0).wait()
            with suppress(JournalError):  # the server was away
                await self._act(step)
        await self._calls_end()
        self.is_at_rest = True
        await self._next()
        if self._world.script.facts:
            await self._go_on()
        await self._follow_to_the_end()
        await self._calm_down()
        with suppress(JournalError):
            await self._stand("quiet")
            await self._close()
        for complaint in self._loop.complaints:
            self._complain(complaint)
        self.is_over = True

    async def _go_on(self) -> None:
        """Buy a job, now that the vendor is well; again and again for as long as the pool does not know that it is."""
        for number, pause in enumerate(PAUSES):
            await asyncio.sleep(pause)
            name = f"after{self._id()}-{number}"
            wish = Wish(key=name)
            self._world.wishes[name] = wish
            self._world.vendor.add([wish])
            self._begin(name, partial(self._run, steps.Run(at=0.0, name=name, jobs=(name,))))
            await self._calls_end()
            told = [entry for entry in self._world.trace.of(Told) if entry.call == name]
            if not told or told[-1].error not in PASSING_ERRORS:
                return

    async def _calm_down(self) -> None:
        # A stream at rest reads without a pause, and polls the tasks that others have left after a lease: a task that
        # the vendor has forgotten goes from one process to the next.
        script = self._world.script
        await asyncio.sleep(REST + (2 + 2 * script.processes) * script.lease)

    async def _follow_to_the_end(self) -> None:
        """Let each process tell what was told to nobody: the pool of some may be closed."""
        if not any(isinstance(step, steps.Follow) for step in self._world.script.steps):
            return
        followers = [call.task for call in self._calls.values() if call.is_endless and not call.task.done()]
        for follower in followers:
            follower.cancel()
        await asyncio.wait([*followers, asyncio.ensure_future(asyncio.sleep(0))])
        name = f"rest{self.life.place}"
        self._begin(name, partial(self._follow, steps.Follow(at=0.0, name=name)), is_endless=True)
