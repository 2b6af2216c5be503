"""The laws of money: paid once, nothing lost, not before its time.

The law of the budget is in `budget_laws`, all others are in `laws`.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise

from tests.simulation import script as steps
from tests.simulation.budget_replay import least_room
from tests.simulation.history import History
from tests.simulation.order import TASK_ERRORS, Order, Wants
from tests.simulation.task import Task
from tests.simulation.trace import (
    Acted,
    Answered,
    Called,
    Finished,
    Kept,
    Posted,
    Reported,
    Said,
    Settled,
    Stood,
    Told,
    Written,
)
from tests.simulation.vendor import LOOKALIKES
from tests.simulation.violation import Violation

ROUNDING = 1e-6

SETTLE = r"Settle\(.*job='(\w+)'"


def settled_jobs(history: History) -> set[str]:
    """Return the jobs of which a doubt was settled, may have been by a callback, or was about to be before a crash."""
    settled = {entry.job for entry in history.trace.of(Settled)} | {entry.job for entry in history.trace.of(Called)}
    acts = [re.match(SETTLE, entry.text) for entry in history.trace.of(Acted)]
    is_killed = any(entry.text.startswith("Crash") for entry in history.trace.of(Acted))
    return settled | {act[1] for act in acts if act is not None and is_killed}


def paid_once(history: History) -> Iterator[Violation]:
    """There is at most one paid task a purchase, and at most one a job unless its user asked for more."""
    law, order = "2 paid once", Order.of(history)
    first = {task.purchase: task for task in reversed(history.ledger)}
    for purchase, count in Counter(task.purchase for task in history.ledger).items():
        if count > 1:
            yield Violation(law, f"a purchase with two tasks{_after(first[purchase])}", f"{purchase}: {count}")
    of_job = defaultdict[str, list[Task]](list)
    for task in history.ledger:
        of_job[task.job].append(task)
    for job, tasks in of_job.items():
        tasks.sort(key=lambda task: task.number)
        for before, after in pairwise(tasks):
            if before.purchase != after.purchase and not _may_buy_again(history, order, before, after):
                text = f"{job}: POST {before.number} made {before.task_id}, POST {after.number} {after.task_id}"
                twin = ", shared by two pools" if _has_twin(history, job) else ""
                cause = _after(*(task for task in tasks if task.word in LOOKALIKES))
                yield Violation(law, f"a job bought twice, journal in {history.script.journal}{twin}{cause}", text)
        is_asked_once = history.script.journal == "file" and job not in settled_jobs(history)
        if is_asked_once and len(tasks) > 1 + history.script.rebuy:
            yield Violation(law, "a job bought anew too often", f"{job}: {len(tasks)} tasks")
    for told in history.trace.of(Told):
        # The journal is the last to say no, and nobody in one pool should have asked.
        if told.error == "JournalError" and "it is not sent again" in told.text and not _has_twin(history, told.job):
            yield Violation(law, "two purchases of one job at once", f"{told}")
    yield from _sent_when_settled(law, history)


def _sent_when_settled(law: str, history: History) -> Iterator[Violation]:
    """What a person has settled is not sent any more: its credits were given back."""
    settled = set[str]()
    for entry in history.trace.entries:
        if isinstance(entry, Settled):
            settled.add(entry.purchase)
        elif isinstance(entry, Posted) and entry.purchase in settled and not _has_twin(history, entry.job):
            yield Violation(law, "a purchase sent after it was settled", f"{entry}")


def _has_twin(history: History, job: str) -> bool:
    return any(isinstance(step, steps.Twin) and job in step.jobs for step in history.script.steps)


def _may_buy_again(history: History, order: Order, before: Task, after: Task) -> bool:
    first, second = order.posts[before.number], order.posts[after.number]
    if order.settled.get(before.purchase, second) < second:
        return True
    if history.script.rebuy and before.may_be_bought_anew and before.ended <= after.begun:
        return True
    # A file remembers every purchase for good, also one that failed.
    if history.script.journal == "file":
        return False
    # Who waited for the job when it was bought shares its purchase, unless it stood behind others until all was over.
    is_asked_again = any(first < place < second for place in order.asked.get(before.job, ()))
    has_room = history.script.rebuy and least_room(history) >= max(2 * len(history.script.wishes), _wanted(history))
    if has_room and not (is_asked_again or order.crashed_between(first, second) or _has_twin(history, before.job)):
        return False
    # A journal in memory forgets a job when its end is told, and everything when the process dies.
    return order.ends.get(before.task_id, second) < second or order.crashed_between(first, second)


def _wanted(history: History) -> int:
    """Return how many jobs all runs and calls want, each as often as it is wanted."""
    runs = [step for step in history.script.steps if isinstance(step, steps.Run)]
    calls = [step for step in history.script.steps if isinstance(step, steps.Generate | steps.Submit)]
    return sum(len(run.jobs) for run in runs) + len(calls)


def nothing_lost(history: History) -> Iterator[Violation]:
    """Every paid task is known by its id, or its job is told as `Unknown`; nothing paid is told as unsent."""
    law, order = "3 nothing lost", Order.of(history)
    ids, doubted, last = set[str](), set[str](), len(history.trace.entries)
    for entry in history.trace.entries:
        if isinstance(entry, Stood):
            ids |= {task for _, task in entry.unfinished}
            doubted |= {job for job, task in entry.unfinished if not task}
        elif isinstance(entry, Settled):
            # Who settles a doubt knows of it.
            ids.add(entry.how)
            doubted.add(entry.job)
        elif isinstance(entry, Kept):
            ids |= set(entry.tasks)
        elif isinstance(entry, Told | Reported):
            ids.add(entry.task)
            if entry.kind == "unknown":
                doubted.add(entry.job)
    for task in history.ledger:
        forgot = history.script.journal == "memory" and order.crashed_between(order.posts[task.number], last)
        # Its job was bought anew, or will be; the outcome names it.
        forgot = forgot or (task.may_be_bought_anew and history.script.rebuy > 0)
        if task.task_id not in ids and task.job not in doubted and not forgot:
            is_broken = any(wish.key == task.job and "broken" in wish.sends for wish in history.script.wishes)
            cause = ", after an unexpected exception" if is_broken else _after(task)
            cause += ", with two pools" if _has_twin(history, task.job) else ""
            yield Violation(law, f"a paid task that no caller knows of{cause}", f"{task.task_id}")
    yield from _told_as_unsent(law, history, order)
    yield from _beyond_settling(law, history, order)


def _after(*tasks: Task) -> str:
    """Say how the POSTs of tasks were answered, if it was not with the task: what looks like a refusal first."""
    words = [task.word for task in tasks if task.word != "accept"]
    words.sort(key=lambda word: word not in LOOKALIKES)
    return f", answered by {words[0]}" if words else ""


def _told_as_unsent(law: str, history: History, order: Order) -> Iterator[Violation]:
    buyers = {step.name for step in history.script.steps if isinstance(step, steps.Run | steps.Generate | steps.Submit)}
    of_job = defaultdict[str, list[Task]](list)
    for task in history.ledger:
        of_job[task.job].append(task)
    made, refused = dict[tuple[int, str, str], int](), dict[tuple[int, str], tuple[float, int]]()
    for place, entry in enumerate(history.trace.entries):
        if isinstance(entry, Written) and entry.method in ("refused", "planned"):
            refused[entry.process, entry.job] = entry.at, place
        elif isinstance(entry, Said):
            # Another call may buy the job in the moment in which a refusal is written.
            at, since = refused.get((entry.process, entry.job), (None, place))
            made[entry.process, entry.job, entry.error] = since if at == entry.at else place
        if not isinstance(entry, Told) or entry.kind != "failed" or not entry.may_resubmit:
            continue
        if entry.call not in buyers or entry.error in TASK_ERRORS:
            continue
        # A slow consumer is told late of what was true when the outcome was made.
        place = made.get((entry.process, entry.job, entry.error), place)
        for task in of_job[entry.job]:
            began = order.posts[task.number]
            is_over = order.ends.get(task.task_id, place) < place or order.settled.get(task.purchase, place) < place
            forgot = history.script.journal == "memory" and order.crashed_between(began, place)
            # What another pool sends in the same moment, no pool can know; a file of theirs is not open twice.
            forgot = forgot or _has_twin(history, entry.job)
            # A failed task whose job is bought anew is over, though it is told to nobody.
            is_over = is_over or (task.may_be_bought_anew and task.ended <= entry.at and history.script.rebuy > 0)
            # What another process sends is not known to one that was refused; it knows when it has no lease.
            is_others = order.processes[task.number] != entry.process and history.script.processes > 0
            is_others = is_others and entry.error != "ConfigurationError"
            if began < place and not is_over and not forgot and not is_others:
                about = " about its task" if entry.is_about_task else ""
                situation = f"{entry.error}{about} with may_resubmit, told of a paid job"
                situation += "" if about else _after(task)
                yield Violation(law, situation, f"{entry}\n    paid: {task.task_id}")


def _beyond_settling(law: str, history: History, order: Order) -> Iterator[Violation]:
    """Find jobs whose task the vendor has forgotten, as their callers were told, and which cannot be settled."""
    # What was settled, or has ended, leaves nothing to settle.
    not_found, over = dict[str, str](), set(order.ends)
    settling, wants = Counter[str](), Wants()
    for entry in history.trace.entries:
        wants.note(entry)
        if isinstance(entry, Finished) and entry.call.startswith("settle "):
            settling[entry.call.split()[1]] -= 1
        # A task that is asked for by its id alone may have no job here.
        if isinstance(entry, Said) and entry.error == "TaskNotFoundError":
            latest = [task.task_id for task in history.ledger if task.job == entry.job and task.begun <= entry.at][-1:]
            if entry.job != entry.task and entry.task not in over and latest == [entry.task]:
                not_found[entry.job] = entry.task
        elif isinstance(entry, Acted) and entry.text.startswith("Crash"):
            for job in [job for job in not_found if settling[job]]:  # the journal may have it
                del not_found[job]
            settling.clear()
            if history.script.journal == "memory":
                not_found.clear()
        elif isinstance(entry, Settled):
            over |= {task.task_id for task in history.ledger if task.purchase == entry.purchase}
            over.add(not_found.pop(entry.job, ""))
        elif isinstance(entry, Written) and entry.method == "bought_anew":
            # Its failure was seen. Who began to watch it in that moment may be told that it is not found.
            earlier = [task for task in history.ledger if task.job == entry.job and task.ended <= entry.at]
            over |= {task.task_id for task in earlier if task.may_be_bought_anew}
        elif isinstance(entry, Acted) and (settle := re.match(SETTLE, entry.text)):
            settling[settle[1]] += 1
        elif isinstance(entry, Finished) and entry.call.startswith("settle ") and "JournalError" in entry.how:
            job = entry.call.split()[1]
            forgotten = any(task.job == job and task.is_forgotten for task in history.ledger)
            # Of two calls at once, one settles the job, and the other one is refused. A process that still waits for
            # the job asks the service itself, and keeps the job meanwhile.
            is_kept = "is under way in" in entry.how and wants.is_wanted_elsewhere(job, entry.process)
            if job in not_found and forgotten and not settling[job] and not is_kept:
                yield Violation(law, "a job whose task is forgotten cannot be settled", f"{entry}")


def before_its_time(law: str, history: History) -> Iterator[Violation]:
    """No POST begins with a key before the time for which the vendor asked it to wait."""
    until, fastest = dict[tuple[int, int], float](), max((1.0, *history.script.rates))
    for entry in history.trace.entries:
        if isinstance(entry, Answered) and entry.asked:
            key = entry.process, entry.session
            until[key] = max(until.get(key, 0.0), entry.at + entry.asked / fastest)
        elif isinstance(entry, Posted) and entry.at < until.get((entry.process, entry.session), 0.0) - ROUNDING:
            yield Violation(law, "a POST before the time asked for", f"{entry}")
