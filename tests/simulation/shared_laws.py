"""The laws of several processes on one shared journal: leases, stale writes, and who tells an end.

Those of one process hold as well, and are in `laws`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import attrs

from tests.simulation import script as steps
from tests.simulation import traffic_laws
from tests.simulation.history import History
from tests.simulation.order import TASK_ERRORS
from tests.simulation.trace import (
    Acted,
    Answered,
    Changed,
    Finished,
    Following,
    Judged,
    Kept,
    Lapsed,
    Leased,
    Posted,
    Reported,
    Settled,
    Trace,
)
from tests.simulation.violation import Violation

MOST_TOLD = 5
"""How often a stream tells that a task is not known: its own watch sees it, and those of runs."""
SUBMITTING = 65.0
"""Seconds for which a process waits for the answer to a POST: the time-out, and the grace period."""


def no_unwanted_post(history: History) -> Iterator[Violation]:
    """Each process sends only what its own callers want."""
    numbers = dict.fromkeys(entry.process for entry in history.trace.of(Posted))
    for number in numbers:
        trace = Trace()
        trace.entries = [entry for entry in history.trace.entries if entry.process == number]
        yield from traffic_laws.no_unwanted_post(attrs.evolve(history, trace=trace))


def no_stale_write(history: History) -> Iterator[Violation]:
    """Who has lost its lease, or never had the job, changes nothing; what one is sending no other sends."""
    for entry in history.trace.of(Changed):
        if entry.is_stale:
            yield Violation("15 stale writes", f"from {entry.was or 'nothing'} to {entry.state}", f"{entry}")
        if entry.is_others:
            yield Violation("15 stale writes", "a job that one process is sending is sent by another", f"{entry}")


def no_stale_post(history: History) -> Iterator[Violation]:
    """No POST begins without a lease that lasts by the server's clock, and a claim of the job."""
    for entry in history.trace.of(Leased):
        if not (entry.has_lease and entry.has_job):
            what = "the job" if entry.has_lease else "a lease"
            yield Violation("16 stale sends", f"a POST begins without {what}", f"{entry}")


def all_kept(history: History) -> Iterator[Violation]:
    """The journal has every paid task, or its job is in doubt; no claim is left when all have ended."""
    kept = {entry.job: entry for entry in history.trace.of(Kept)}
    settled = {entry.purchase for entry in history.trace.of(Settled)}
    for task in history.ledger:
        row = kept.get(task.job)
        is_doubt = row is not None and row.state == "in_doubt" and row.purchase == task.purchase
        is_known = row is not None and task.task_id in row.tasks
        if not (is_doubt or is_known or task.purchase in settled):
            yield Violation("17 all kept", "a paid task is not in the journal", f"{task.task_id}: {row}")
    for row in kept.values():
        if row.state == "submitting":
            yield Violation("17 all kept", "a job is left submitting", f"{row}")
        if row.is_claimed:
            yield Violation("17 all kept", "a claim is left when all have closed", f"{row}")


def told_by_one(history: History) -> Iterator[Violation]:
    """Each end is told by a stream, and by one, unless that one was cut off or its process lost its lease."""
    law = "18 told by one"
    if not any(isinstance(step, steps.Follow) for step in history.script.steps):
        return
    is_followed = any(entry.call.startswith("rest") for entry in history.trace.of(Following))
    for row in history.trace.of(Kept):
        if row.is_untold and is_followed:
            yield Violation(law, f"{row.state} is never told", f"{row}")
    yield from _told_for_ever(history)
    # Behind the last end, a stream whose pool was closed tells jobs that were not sent, which no journal holds.
    last = {entry.call: entry for entry in history.trace.of(Reported) if _is_end(entry)}
    how = {entry.call: entry.how for entry in history.trace.of(Finished)}
    told, lapsed = dict[tuple[str, str, str], Reported](), set[int]()
    sends = Counter[str]()
    for entry in history.trace.entries:
        if isinstance(entry, Lapsed):
            lapsed.add(entry.process)
        # A doubt that goes on may come to be one again.
        if isinstance(entry, Posted | Settled):
            told.pop((entry.job, "", "unknown"), None)
        if isinstance(entry, Posted):
            sends[entry.job] += 1
        # Without an end in the journal, each process tells what has become of its own job.
        if not isinstance(entry, Reported) or not _is_end(entry):
            continue
        end = entry.job, entry.task, entry.kind
        # Of two doubts of one job, the first may be told after the second has begun.
        is_second = entry.kind == "unknown" and sends[entry.job] > 1
        before = None if is_second else told.get(end)
        if before is not None and not {before.process, entry.process} & lapsed:
            was_cut = last[before.call] is before and how.get(before.call) != "left"
            if not was_cut:
                yield Violation(law, f"{entry.kind} is told again", f"{before}\n    {entry}")
        told[end] = entry


def _told_for_ever(history: History) -> Iterator[Violation]:
    """Find failures that a stream tells again and again, as the job stays accepted."""
    told = Counter((entry.call, entry.task, entry.error) for entry in history.trace.of(Reported))
    for (call, task, error), count in told.items():
        if error == "TaskNotFoundError" and count > MOST_TOLD:
            yield Violation("18 told by one", "a stream tells a failure for ever", f"{call}: {task} {count} times")


def _is_end(entry: Reported) -> bool:
    return entry.kind in ("completed", "unknown") or entry.error in TASK_ERRORS


def settled_in_time(history: History) -> Iterator[Violation]:
    """A person may buy a job again only when the answer to its POST cannot come any more."""
    under_way, stopped = dict[str, list[Posted]](), dict[int, float]()
    answered = {entry.number for entry in history.trace.of(Answered) if entry.task}
    judged = {entry.number: place for place, entry in enumerate(history.trace.entries) if isinstance(entry, Judged)}
    for place, entry in enumerate(history.trace.entries):
        match entry:
            case Posted():
                under_way.setdefault(entry.purchase, []).append(entry)
            case Answered():
                for posts in under_way.values():
                    posts[:] = [post for post in posts if post.number != entry.number]
            case Acted() if entry.text.startswith(("Stop", "Crash")):
                stopped[entry.process] = entry.at
            case Settled() if entry.how == "resubmit":
                for post in under_way.get(entry.purchase, []):
                    # Who stands still waits for nothing.
                    is_waiting = post.number in answered and stopped.get(post.process, -1.0) < post.at
                    if judged.get(post.number, 0) > place or (is_waiting and entry.at < post.at + SUBMITTING):
                        yield Violation("19 settled in time", "bought again before its answer", f"{post}\n    {entry}")
            case _:
                pass


LAWS: dict[str, Callable[[History], Iterator[Violation]]] = {
    "15": no_stale_write,
    "16": no_stale_post,
    "17": all_kept,
    "18": told_by_one,
    "19": settled_in_time,
}
