"""The law of the stream of all outcomes: each is told at least once, and only the last one of a stream again.

All other laws are in `laws`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.simulation import script as steps
from tests.simulation.history import History
from tests.simulation.order import TASK_ERRORS
from tests.simulation.trace import Acted, Finished, Posted, Reported, Said, Settled, Stood, Written
from tests.simulation.violation import Violation

LAW = "13 all outcomes"
CONSUMER_FAILED = "the consumer failed"


def told_at_least_once(history: History) -> Iterator[Violation]:
    """Every end that a journal holds is told, nothing is told again but the last outcome of a stream that was cut."""
    script = history.script
    if any(isinstance(step, steps.Twin) for step in script.steps):
        return  # two pools on one journal in memory, of which one forgets what the other has told
    if any(isinstance(step, steps.Follow) for step in script.steps):
        yield from _never_told(history)
        yield from _told_again(history)
        yield from _lost_with_its_consumer(history)


def _never_told(history: History) -> Iterator[Violation]:
    reported = {(entry.job, entry.task, entry.kind) for entry in history.trace.of(Reported)}
    due, forgotten, doubts = dict[tuple[str, str, str], str](), set[int](), set[str]()
    for entry in history.trace.entries:
        if isinstance(entry, Acted) and entry.text.startswith("Crash") and history.script.journal == "memory":
            due.clear()
            forgotten.add(entry.process)
        elif isinstance(entry, Said) and entry.process in forgotten:
            continue  # a process that is killed runs to the end of its turn
        elif isinstance(entry, Said) and entry.job != entry.task and _is_end(entry.kind, entry.error):
            due[entry.job, entry.task, entry.kind] = f"{entry}"
        elif isinstance(entry, Written) and entry.method == "bought_anew":
            # What was not told by then is an end no more: the next one is.
            due = {end: text for end, text in due.items() if end[0] != entry.job}
        elif isinstance(entry, Stood):
            doubts = {job for job, task in entry.unfinished if not task}
    due |= {(job, "", "unknown"): f"{job} is in doubt" for job in doubts}
    for end, text in due.items():
        if end not in reported:
            yield Violation(LAW, f"{end[2]} is never told", text)


def _told_again(history: History) -> Iterator[Violation]:
    how = {entry.call: entry.how for entry in history.trace.of(Finished)}
    last = {entry.call: entry for entry in history.trace.of(Reported)}
    told, sends = dict[tuple[str, str, str], Reported](), Counter[str]()
    for entry in history.trace.entries:
        if isinstance(entry, Posted):
            sends[entry.job] += 1
        if isinstance(entry, Posted | Settled) or (isinstance(entry, Written) and entry.method == "submitting"):
            # A doubt that goes on may come to be one again, also if its send was cut short before the first byte.
            told.pop((entry.job, "", "unknown"), None)
        if not isinstance(entry, Reported) or not (_is_end(entry.kind, entry.error) or entry.kind == "unknown"):
            continue
        end = entry.job, entry.task, entry.kind
        before = told.get(end)
        if entry.kind == "unknown" and sends[entry.job] > 1:
            before = None  # of two doubts of one job, the first may be told after the second has begun
        if before is not None and (last[before.call] is not before or how.get(before.call) == "left"):
            yield Violation(LAW, f"{entry.kind} is told again", f"{before}\n    {entry}")
        told[end] = entry


def _lost_with_its_consumer(history: History) -> Iterator[Violation]:
    """Find ends that a stream was handling when its consumer failed, and that are told to nobody after that."""
    # A journal in memory forgets all with its process.
    script = history.script
    if script.journal == "memory" and any(isinstance(step, steps.Crash) for step in script.steps):
        return
    how = {entry.call: entry.how for entry in history.trace.of(Finished)}
    being_handled = dict[str, Reported]()
    for entry in history.trace.entries:
        if isinstance(entry, Reported):
            end = entry.job, entry.task, entry.kind
            being_handled = {
                call: other for call, other in being_handled.items() if (other.job, other.task, other.kind) != end
            }
            being_handled[entry.call] = entry
        elif isinstance(entry, Written) and entry.method == "bought_anew":
            being_handled = {call: other for call, other in being_handled.items() if other.job != entry.job}
    for call, entry in being_handled.items():
        if CONSUMER_FAILED in how.get(call, "") and _is_end(entry.kind, entry.error):
            yield Violation(LAW, f"{entry.kind} is not told again after its consumer has failed", f"{entry}")


def _is_end(kind: str, error: str) -> bool:
    return kind == "completed" or error in TASK_ERRORS
