"""Plays a script of several processes beside each other, and does to them what comes from outside."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

from tests.simulation import script as steps
from tests.simulation.history import History
from tests.simulation.loop import StandstillError
from tests.simulation.script import Script, Step
from tests.simulation.shared_process import SharedProcess
from tests.simulation.shared_world import SharedWorld
from tests.simulation.trace import Acted, Complained, Kept


def play_shared(script: Script) -> History:
    """Play it from beginning to end."""
    world = SharedWorld(script)
    with world.files(), world.simulated():
        director = Director(world)
        task = world.outside.loop.create_task(director.direct())
        try:
            world.conductor.run(lambda: task.done() and (director.is_over or task.exception() is not None))
        except StandstillError as error:
            world.note(Complained(world.elapsed(), 0, str(error)))
        if task.done() and not task.cancelled() and task.exception() is not None:
            raise task.exception() or AssertionError
        for complaint in world.outside.loop.complaints:
            world.note(Complained(world.elapsed(), 0, complaint))
        director.keep()
        # What the dead still buy when they are tidied away is no part of the history.
        entries, ledger, world.trace.entries = world.trace.entries, tuple(world.vendor.ledger), []
        director.bury()
    world.trace.entries = entries
    return History(script=script, trace=world.trace, ledger=ledger)


CALM = 70.0
"""Seconds after the last step and trouble at which the vendor is well for good: a submit may be under way as long."""


class Director:
    """Takes the steps of a script, or gives them to the processes.

    Args:
        world: What is outside.
    """

    def __init__(self, world: SharedWorld) -> None:
        self._world = world
        self._processes: dict[int, SharedProcess] = {}
        self._dead: list[SharedProcess] = []
        for place in range(1, world.script.processes + 1):
            self._begin(place)

    @property
    def is_over(self) -> bool:
        """Whether all processes have ended."""
        return all(process.is_over for process in self._processes.values())

    def _begin(self, place: int) -> None:
        process = self._processes[place] = SharedProcess(self._world, place)
        self._world.conductor.lives.append(process.life)

    async def direct(self) -> None:
        """Take all steps, let everything come to rest, and let all processes end."""
        world, script = self._world, self._world.script
        for step in sorted(script.steps, key=lambda step: step.at):
            await asyncio.sleep(max(0.0, step.at - world.elapsed()))
            process = self._processes.get(getattr(step, "process", 0))
            world.note(Acted(world.elapsed(), process.life.number if process else 0, repr(step)))
            self._take(step, process)
        until = max([step.at + getattr(step, "seconds", 0.0) for step in script.steps], default=0.0)
        await asyncio.sleep(max(0.0, until + CALM - world.elapsed()))
        world.vendor.recover()
        for _ in range(2):
            for process in self._processes.values():
                process.give(None)
            while not all(process.is_at_rest for process in self._processes.values()):
                for process in self._processes.values():
                    process.check()
                await asyncio.sleep(1.0)

    def _take(self, step: Step, process: SharedProcess | None) -> None:
        world = self._world
        match step:
            case steps.Outage():
                world.vendor.go_out(step)
            case steps.Revoke():
                world.vendor.revoke(step)
            case steps.Forget():
                world.vendor.forget(step.job)
            case steps.Reprice():
                world.vendor.reprice(step)
            case steps.Restart():
                world.server.restart(step.seconds)
            case _ if process is None:
                pass  # of a process that was shrunk away
            case steps.Cut():
                world.server.cut(process.life.place, step.seconds)
            case steps.Stop():
                process.life.stopped_until = max(process.life.stopped_until, world.clock.now + step.seconds)
                clock = world.machines[process.life.place]
                clock.asleep += step.seconds * clock.rate if step.sleeps else 0.0
            case steps.Jump():
                world.machines[process.life.place].offset += step.by
            case steps.Crash():
                self._kill(process)
            case _:
                process.give(step)

    def _kill(self, process: SharedProcess) -> None:
        process.kill()
        self._dead.append(process)
        self._world.conductor.lives.remove(process.life)
        self._world.server.gone(process.life.place)
        self._begin(process.life.place)

    def keep(self) -> None:
        """Note what the journal has of each job."""
        tables, world = self._world.server.tables, self._world
        for key, row in sorted(tables.jobs.items()):
            late = [
                task
                for purchase in tables.purchases.values()
                if purchase["key"] in (key, "")
                for task in json.loads(purchase["late_task_ids"] or "[]")
            ]
            tasks = [*filter(None, [row["task_id"]]), *json.loads(row["earlier_task_ids"] or "[]"), *late]
            is_untold = row["end_number"] is not None and row["told_at"] is None
            purchase, is_claimed = row["idempotency_key"] or "", key in tables.claims
            kept = Kept(world.elapsed(), 0, key, row["state"], purchase, tuple(tasks), is_untold, is_claimed)
            world.note(kept)

    def bury(self) -> None:
        """End what is left of all processes, unseen."""
        processes = [*self._dead, *self._processes.values()]
        conductor = self._world.conductor
        conductor.lives[:] = [self._world.outside, *(process.life for process in processes)]
        for process in processes:
            process.life.stopped_until = float("-inf")
        endings = [process.end() for process in processes]
        with suppress(StandstillError):
            conductor.run(lambda: all(ending.done() for ending in endings))
        for life in conductor.lives:
            life.loop.close()
