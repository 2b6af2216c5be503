"""Plays a script against the real `SessionPool`."""

from __future__ import annotations

from collections import deque

from tests.simulation import seams
from tests.simulation.history import History
from tests.simulation.process import Process
from tests.simulation.script import Script
from tests.simulation.world import World


def play(script: Script) -> History:
    """Play a script from beginning to end: processes live one after the other, on one clock, or beside each other."""
    if script.processes:
        from tests.simulation.shared_play import play_shared  # it needs psycopg

        return play_shared(script)
    world = World(script)
    left = deque(sorted(script.steps, key=lambda step: step.at))
    entries = world.trace.entries
    with world.files(), seams.simulated(world.clock, script.salt, world.network.transport, lambda: world.disk):
        processes: list[Process] = []
        is_over = False
        while not is_over:
            processes.append(Process(world))
            is_over = processes[-1].live(left) == "done"
            world.crash()
        # What the dead processes still do when they are tidied away is no part of the history.
        world.trace.entries = []
        for process in processes:
            process.bury()
    world.trace.entries = entries
    return History(script=script, trace=world.trace, ledger=tuple(world.vendor.ledger))
