"""What came before what in a trace, also at one moment."""

from __future__ import annotations

import attrs

from tests.simulation.history import History
from tests.simulation.trace import Acted, Posted, Reported, Settled, Told, Wanted

TASK_ERRORS = ("TaskFailedError", "TaskCancelledError")
"""Errors that tell the end of a task."""


@attrs.define
class Order:
    """Places in the trace: what came before what, also at one moment.

    Attributes:
        posts: Of each POST, by its number.
        processes: In which process each POST began.
        ends: Of the first time that a caller was told the end of a task.
        asked: Of each time that a call began to want a job to be bought.
        settled: Of each time that a doubt was given up or to be bought again, by purchase.
        crashes: Of the crashes.
    """

    posts: dict[int, int] = attrs.field(factory=dict)
    processes: dict[int, int] = attrs.field(factory=dict)
    ends: dict[str, int] = attrs.field(factory=dict)
    asked: dict[str, list[int]] = attrs.field(factory=dict)
    settled: dict[str, int] = attrs.field(factory=dict)
    crashes: list[int] = attrs.field(factory=list)

    @classmethod
    def of(cls, history: History) -> Order:
        """Read the trace."""
        order, crashed, begun = cls(), dict[int, int](), dict[str, int]()
        for place, entry in enumerate(history.trace.entries):
            match entry:
                case Posted():
                    # A process that is killed runs to the end of its turn.
                    killed = crashed.get(entry.process)
                    order.posts[entry.number] = place if killed is None else killed - 1
                    order.processes[entry.number] = entry.process
                case Wanted() if entry.buys:
                    order.asked.setdefault(entry.job, []).append(place)
                case Told() | Reported() if entry.kind in ("completed", "final") or entry.error in TASK_ERRORS:
                    order.ends.setdefault(entry.task, place)
                case Acted() if entry.text.startswith("Settle"):
                    begun[entry.text.partition("job='")[2].partition("'")[0]] = place
                case Settled() if entry.how in ("resubmit", "abandon"):
                    # It holds from the moment it is asked for, or a little later.
                    order.settled[entry.purchase] = begun.get(entry.job, place)
                case Acted() if entry.text.startswith("Crash"):
                    order.crashes.append(place)
                    crashed[entry.process] = place
                case _:
                    pass
        return order

    def crashed_between(self, first: int, last: int) -> bool:
        """Tell whether the process was killed between two places."""
        return any(first < place < last for place in self.crashes)
