"""The law of callbacks: a genuine one is taken and brings a poll, and none is believed.

That none gives a job the task of another, buys or frees anything, is in the other laws; they are in `laws`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from math import inf

from tests.simulation import script as steps
from tests.simulation.budget_replay import least_room
from tests.simulation.history import History
from tests.simulation.trace import Answered, Called, Polled, Released, Said, Told, Wanted, Written
from tests.simulation.violation import Violation

LAW = "14 callbacks heeded"
SOON = 30.0
"""Seconds within which a poll begins."""
LONGEST_POLL = 20.0
"""Seconds that a poll may be under way: one that began before the callback may see the end."""
TROUBLES = (steps.Outage, steps.Revoke, steps.Crash, steps.ClosePool, steps.Forget)


def heeded(history: History) -> Iterator[Violation]:
    """A callback is taken while the pool is open; one for an accepted task that is waited for brings a poll soon."""
    if not history.script.calls:
        return
    yield from taken(history)
    has_trouble = history.script.poll_trouble or any(isinstance(step, TROUBLES) for step in history.script.steps)
    # Who stands before a full pool does not watch yet, and a slow disk makes everything late. A job that two calls want
    # takes two places.
    keys = {wish.key for wish in history.script.wishes}
    wanted = {(entry.call, entry.job) for entry in history.trace.of(Wanted) if entry.job in keys}
    has_room = least_room(history) >= len(wanted)
    if has_room and not has_trouble and not history.script.slow_disk:
        yield from _unheeded(history)


def taken(history: History) -> Iterator[Violation]:
    """A callback is taken while a pool is open."""
    for call in history.trace.of(Called):
        if call.status not in (204, 503):
            yield Violation(LAW, f"a genuine callback is answered with {call.status}", f"{call}")


def _unheeded(history: History) -> Iterator[Violation]:
    accepted, over, polled, waiting = set[str](), set[str](), dict[str, float](), dict[str, Called]()
    ended = {task.task_id: task.ended for task in history.ledger}
    passing = {task.task_id for task in history.ledger if task.may_be_bought_anew}
    wants = defaultdict[str, set[str]](set)
    for entry in history.trace.entries:
        for task, call in list(waiting.items()):
            if entry.at > call.at + SOON:
                yield Violation(LAW, "no poll follows a callback", f"{waiting.pop(task)}")
        match entry:
            case Answered() if entry.task:
                accepted.add(entry.task)
            case Polled():
                polled |= dict.fromkeys(entry.tasks, entry.at)
                over |= {task for task in entry.tasks if ended.get(task, inf) <= entry.at}
                waiting = {task: call for task, call in waiting.items() if task not in entry.tasks}
            case Said():
                over.add(entry.task)
                waiting.pop(entry.task, None)
            case Told() if entry.kind == "final":  # by a watch, while a run may be about to buy the job anew
                over.add(entry.task)
            case Written() if entry.method == "bought_anew":
                over |= {task for task in accepted if task.startswith(f"task-{entry.job}-")}
            case Wanted():
                wants[entry.job].add(entry.call)
            case Released():
                for job in [entry.job] if entry.job else list(wants):
                    wants[job].discard(entry.call)
                waiting = {task: call for task, call in waiting.items() if wants[call.job]}
            case Called() if entry.status == 204 and entry.is_final and wants[entry.job]:
                # A failure after which a job is bought anew is told by nobody.
                is_quiet = history.script.rebuy > 0 and entry.task in passing
                if polled.get(entry.task, -inf) >= (ended[entry.task] if is_quiet else entry.at) - LONGEST_POLL:
                    over.add(entry.task)
                # A job that is bought once more may be watched by nobody, although one waits with its first outcome.
                elif entry.task in accepted - over and entry.task.endswith("-1"):
                    waiting.setdefault(entry.task, entry)
            case _:
                pass
