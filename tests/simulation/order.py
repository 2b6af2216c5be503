"""What came before what in a trace, also at one moment."""

from __future__ import annotations

from collections import defaultdict

import attrs

from tests.simulation.history import History
from tests.simulation.trace import Acted, Entry, Finished, Posted, Released, Reported, Settled, Stood, Told, Wanted

TASK_ERRORS = ("TaskFailedError", "TaskCancelledError")
"""Errors that tell the end of a task."""
PASSING_ERRORS = (
    *("OutageError", "RateLimitError", "ServerError", "AuthenticationError", "InsufficientCreditsError"),
    *("AccessDeniedError", "JournalError", "JournalClaimError"),
)
"""What a pool tells of a job that it does not send because of an outage, a refused key, or a lost lease."""


@attrs.define
class Order:
    """Places in the trace: what came before what, also at one moment.

    Attributes:
        posts: Of each POST, by its number.
        processes: In which process each POST began.
        ends: Of the first time that a caller was told the end of a task.
        asked: Of each time that a call began to want a job to be bought.
        settled: Of each time that a doubt was given up or to be bought again, by purchase; also where a crash came
            before the call had returned, as the journal may have it.
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
        order, crashed, begun, sent = cls(), dict[int, int](), dict[str, int](), dict[str, str]()
        for place, entry in enumerate(history.trace.entries):
            match entry:
                case Posted():
                    # A process that is killed runs to the end of its turn.
                    killed = crashed.get(entry.process)
                    order.posts[entry.number] = place if killed is None else killed - 1
                    order.processes[entry.number] = entry.process
                    sent[entry.job] = entry.purchase
                case Wanted() if entry.buys:
                    order.asked.setdefault(entry.job, []).append(place)
                case Told() | Reported() if entry.kind in ("completed", "final") or entry.error in TASK_ERRORS:
                    order.ends.setdefault(entry.task, place)
                case Acted() if entry.text.startswith("Settle"):
                    begun[entry.text.partition("job='")[2].partition("'")[0]] = place
                case Settled() if entry.how in ("resubmit", "abandon"):
                    # It holds from the moment it is asked for, or a little later.
                    order.settled[entry.purchase] = begun.get(entry.job, place)
                case Finished() if entry.call.startswith("settle "):
                    begun.pop(entry.call.split()[1], None)
                case Acted() if entry.text.startswith("Crash"):
                    order.crashes.append(place)
                    for job in begun.keys() & sent.keys():
                        order.settled.setdefault(sent[job], begun[job])
                    crashed[entry.process] = place
                case _:
                    pass
        return order

    def crashed_between(self, first: int, last: int) -> bool:
        """Tell whether the process was killed between two places."""
        return any(first < place < last for place in self.crashes)


class Wants:
    """The calls that want each job, as far as a trace was read."""

    def __init__(self) -> None:
        self._calls: defaultdict[str, set[tuple[int, str]]] = defaultdict(set)

    def note(self, entry: Entry) -> None:
        """Read the next entry."""
        match entry:
            case Wanted():
                self._calls[entry.job].add((entry.process, entry.call))
            case Released() if not entry.only_buying:
                for job in [entry.job] if entry.job else list(self._calls):
                    self._calls[job].discard((entry.process, entry.call))
            case Stood() if entry.moment == "closed":
                self._end(entry.process)
            case Acted() if entry.text.startswith("Crash"):
                self._end(entry.process)
            case _:
                pass

    def _end(self, process: int) -> None:
        for calls in self._calls.values():
            calls.difference_update([call for call in calls if call[0] == process])

    def is_wanted_elsewhere(self, job: str, process: int) -> bool:
        """Whether a call of another process wants a job."""
        return any(owner != process for owner, _ in self._calls[job])
