"""The laws of the core, as functions over what happened in a history: the table of all, and those about outcomes.

Others are in `money_laws`, `budget_laws` and `traffic_laws`. The twelfth, constant work per job, is a measurement in
`test_simulation`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import TypeAlias

from evolink_async.pool.task_waits import LAST_POLL_SECONDS
from evolink_async.settings import Cadence
from tests.simulation import (
    admission_laws,
    callback_laws,
    fact_laws,
    money_laws,
    outcome_laws,
    shared_laws,
    traffic_laws,
)
from tests.simulation import script as steps
from tests.simulation.budget_laws import overspent, within_budget
from tests.simulation.history import History
from tests.simulation.journal import SLOWEST_WRITE
from tests.simulation.network import TIMEOUT
from tests.simulation.order import TASK_ERRORS
from tests.simulation.seams import END_WRITES
from tests.simulation.task import Task
from tests.simulation.trace import (
    Acted,
    Complained,
    Finished,
    Polled,
    Posted,
    Said,
    Stood,
    Told,
    Wanted,
    Written,
)
from tests.simulation.violation import Violation

CONSUMER_FAILED = "builtins:ValueError: the consumer failed"
Law: TypeAlias = Callable[[History], Iterator[Violation]]


def one_outcome(history: History) -> Iterator[Violation]:
    """Every job read has exactly one outcome, or the stream raised; the right one for its job."""
    law, tasks = "1 one outcome", _tasks(history)
    ends = {entry.call: entry.how for entry in history.trace.of(Finished)}
    read, told = defaultdict[str, list[str]](list), defaultdict[str, list[str]](list)
    for entry in history.trace.entries:
        if isinstance(entry, Wanted):
            read[entry.call].append(entry.job)
        elif isinstance(entry, Told):
            told[entry.call].append(entry.job)
    closed, broken = _ended_by_closing(history), any("broken" in wish.sends for wish in history.script.wishes)
    fails = {step.name: step.input_fails for step in history.script.steps if isinstance(step, steps.Run)}
    for call in _runs(history):
        how = ends.get(call, "waits")
        for job, count in Counter(told[call]).items():
            if count > 1:
                yield Violation(law, "told twice in a run", f"{call}: {job} {count} times")
            if job not in read[call]:
                yield Violation(law, "told of a job that was not read", f"{call}: {job}")
        if how in ("end", "drained") and (missing := [job for job in read[call] if job not in told[call]]):
            why = (
                "was drained"
                if how == "drained"
                else "ended because the pool was closed"
                if call in closed
                else f"ended{_amid(history)}"
            )
            yield Violation(law, f"no outcome, and the stream {why}", f"{call}: {missing}")
    for call, how in ends.items():
        if fails.get(call) and how == "end" and call not in closed:
            yield Violation(law, "the input failed, and the stream ended quietly", f"{call}: {fails[call]}")
        is_expected = how.startswith(("evolink_async:", CONSUMER_FAILED)) or (broken and "tracer" in how)
        if ":" in how and not (is_expected or fails.get(call)):
            yield Violation(law, f"raised {how.split(':')[1]}", f"{call}: {how}")
    for entry in history.trace.of(Told):
        yield from _wrong(law, entry, tasks.get(entry.task), history)
        if "withdrawn" in entry.text and ends.get(entry.call) == "end" and entry.call not in closed:
            yield Violation(law, "withdrawn, though its call goes on", f"{entry}")
        elif "withdrawn" in entry.text and ends.get(entry.call) == "end" and entry.call in _runs(history):
            yield Violation(law, "withdrawn because the pool was closed, and the stream ended quietly", f"{entry}")


def _wrong(law: str, told: Told, task: Task | None, history: History) -> Iterator[Violation]:
    if task is None:
        is_named = told.error in ("SubmissionUnknownError", "InterceptedError", "UploadError", "OutageError")
        if not is_named and told.code in (401, 403, 404) and "the balancer" in told.text:
            yield Violation(law, "a page's refusal of a POST taken for the vendor's", f"{told}")
        return
    if task.job != told.job or told.text.startswith("the link of another"):
        yield Violation(law, "the outcome of another job", f"{told}")
    if told.kind == "completed" and not (task.end == "completed" and task.ended <= told.at):
        yield Violation(law, "completed, but it is not", f"{told}")
    if told.error in TASK_ERRORS and (task.end == "completed" or told.at < task.ended):
        yield Violation(law, "failed, but it is not", f"{told}")
    if told.error == "DeadlineError" and not _was_polled_at_deadline(history, task, told):
        yield Violation(law, "a deadline passed without a last poll", f"{told}, ended at {task.ended:g}")
    if told.error == "TaskNotFoundError" and not task.is_forgotten and told.call not in _polls(history):
        yield Violation(law, "not found, but the vendor knows it", f"{told}")
    is_denial = told.error in ("AuthenticationError", "AccessDeniedError", "InsufficientCreditsError")
    # Of a task whose key is not known, every key may say so.
    revoked = any(traffic_laws.is_revoked(history, number) for number in range(history.script.sessions))
    if is_denial and told.call not in _polls(history) and not revoked:
        yield Violation(law, "a page's refusal taken for the vendor's", f"{told}")


def told_once(history: History) -> Iterator[Violation]:
    """`JobEnded` comes once for each end and process, after the end is durable, and the figures add up."""
    law = "5 told once"
    said, kinds = Counter[tuple[int, str]](), Counter[tuple[int, str]]()
    durable, refused, posted = set[str](), Counter[tuple[int, str]](), Counter[tuple[int, str]]()
    for entry in history.trace.entries:
        if isinstance(entry, Written) and entry.method in END_WRITES:
            durable.add(entry.job)
        if isinstance(entry, Posted):
            posted[entry.process, entry.job] += 1
        # However many callers share a request that was refused, it is one end. A later call sends another one. Of a
        # doubt a later call is told once more, out of the journal, and maybe at the same time.
        if isinstance(entry, Said) and not entry.task and entry.error == "InvalidRequestError":
            job = (entry.process, entry.job)
            refused[job] += 1
            if refused[job] > posted[job]:
                yield Violation(law, "JobEnded more than once for one refusal", f"{entry}")
        if isinstance(entry, Said):
            kinds[entry.process, entry.kind] += 1
            if entry.resumed or not entry.task or (entry.kind == "failed" and entry.error not in TASK_ERRORS):
                continue
            # Who waits for a bare id may come before the job is known that it belongs to.
            if entry.job != entry.task:
                said[entry.process, entry.task] += 1
            # Of several processes, who has the job writes its end; who only watches it may see the end before.
            if history.script.journal == "file" and entry.job not in durable and not history.script.processes:
                yield Violation(law, "JobEnded before the durable end", f"{entry}")
        if isinstance(entry, Stood) and entry.moment == "quiet":
            yield from _figures(law, history, entry, kinds)
    for (_, task), count in said.items():
        if count > 1:
            yield Violation(law, "JobEnded more than once", f"{task}: {count} times")


def _figures(law: str, history: History, stood: Stood, said: Counter[tuple[int, str]]) -> Iterator[Violation]:
    """Compare the figures of a quiet pool with what was told so far."""
    figures = dict(stood.figures)
    for kind in ("completed", "failed", "unknown"):
        if figures[kind] != said[stood.process, kind]:
            text = f"stats().{kind} is {figures[kind]:g}, JobEnded came {said[stood.process, kind]} times"
            yield Violation(law, f"stats: {kind} is not what was told", text)
    charged = sum(task.charged for task in history.ledger if task.ended <= stood.at)
    if figures["credits_used"] > charged + 1e-6 and history.script.used is not None:
        text = f"stats().credits_used is {figures['credits_used']:g}, the ledger has {charged:g}"
        yield Violation(law, "stats: more credits than were charged", text)


def nothing_left(history: History) -> Iterator[Violation]:
    """When all is quiet no permit, timer, task or watcher is left."""
    law = "7 nothing left"
    # What hangs holds permits and tasks, which would be told here once more.
    if any(entry.what == "never ends" for entry in history.trace.of(Complained)):
        return
    forgotten = {task.task_id for task in history.ledger if task.is_forgotten}
    for stood in history.trace.of(Stood):
        if stood.moment == "quiet":
            figures = dict(stood.figures)
            if history.script.processes:
                # Each stream of all ends asks the service itself for a task that it has forgotten, one after the other.
                asked = sum(task in forgotten for _, task in stood.unfinished)
                figures |= {name: figures[name] - asked for name in ("in_flight", "requests")}
            for name in ("waiting", "submitting", "in_flight", "requests", "uploading", "downloading"):
                if figures[name] > 0:
                    yield Violation(law, f"stats().{name} is not 0", f"{stood}")
        # A call of the user's own that writes to the journal may end a moment after the pool.
        settling = [task for task in stood.tasks if task.startswith("caller settle")]
        if settling:
            continue
        for task in stood.tasks:
            # The same holds for one that leaves a stream of all ends, which a slow server is told.
            if not (history.script.processes and task == "evolink_async outcomes"):
                yield Violation(law, "a task is left after closing", task)
        for timer in stood.timers:
            yield Violation(law, "a timer is left after closing", timer)
    for entry in history.trace.of(Complained):
        if not entry.call:
            yield Violation(law, f"the event loop complains{_amid(history)}", entry.what)


def every_call_ends(history: History) -> Iterator[Violation]:
    """Once the vendor is well and consumers read, every call ends within a bounded time."""
    kinds = {step.name: type(step).__name__ for step in history.script.steps if hasattr(step, "name")}
    for complaint in history.trace.of(Complained):
        if complaint.call:
            kind = kinds.get(complaint.call, "run").lower()
            yield Violation("8 every call ends", f"{kind} never ends{_amid(history)}", complaint.call)


def _amid(history: History) -> str:
    """Say what in a history makes calls hang or end early, so that different causes are different situations."""
    texts = [entry.what for entry in history.trace.of(Complained)] + [end.how for end in history.trace.of(Finished)]
    if any("KeyError" in text for text in texts):
        return ", after a KeyError"
    asked = {entry.job for entry in history.trace.of(Wanted)}
    wishes = [wish for wish in history.script.wishes if wish.key in asked]
    if any("broken" in wish.sends for wish in wishes):
        return ", after an unexpected exception"
    if any(wish.end not in ("completed", "failed", "cancelled") for wish in wishes):
        return ", a final word in another spelling"
    return ", with a budget" if history.script.budget is not None else ""


def restart_tells_the_same(history: History) -> Iterator[Violation]:
    """With a journal file the same input again buys nothing again, and tells the same of what was bought."""
    law = "11 restart tells the same"
    before, after, settled = dict[str, Told](), dict[str, Told](), money_laws.settled_jobs(history)
    buyers = {step.name for step in history.script.steps if isinstance(step, steps.Run | steps.Generate | steps.Submit)}
    ends = set[str]()
    hows = {entry.call: entry.how for entry in history.trace.of(Finished)}
    shared = _bought_by_several(history) if history.script.rebuy else set[str]()

    def final_errors(told: Told) -> tuple[str, ...]:
        # One of several buyers may go when a task has failed, and another one buy anew.
        return () if told.job in shared else TASK_ERRORS

    for told in history.trace.of(Told):
        if told.error == "TaskNotFoundError" and told.task in ends and history.script.journal == "file":
            yield Violation(law, "not found, though its end is in the journal", f"{told}")
        ends |= {told.task} if told.kind == "completed" and told.call in buyers else set()
        is_stopped = told.error == "ConfigurationError" and "tracer" in hows.get(told.call, "")
        if told.call == "again" and not is_stopped:
            after[told.job] = told
        elif told.call in buyers and (told.kind in ("completed", "unknown") or told.error in final_errors(told)):
            before[told.job] = told
    again = {
        entry.job for entry in history.trace.of(Posted) if (entry.job in after) and entry.process == _last(history)
    }
    for job, told in before.items():
        now = after.get(job)
        if now is None or job in settled or told.kind == "final":
            continue
        if (told.kind, told.task) != (now.kind, now.task) and not (
            told.kind == "unknown" and history.script.resubmit == "same_key"
        ):
            yield Violation(law, f"{told.kind} before, {now.kind} {now.error} after", f"{told}\n    {now}")
        if job in again and told.kind != "unknown":
            yield Violation(law, "bought again", f"{job}")


def _bought_by_several(history: History) -> set[str]:
    buyers = defaultdict[str, set[str]](set)
    for entry in history.trace.of(Wanted):
        if entry.buys and entry.call != "again":
            buyers[entry.job].add(entry.call)
    return {job for job, calls in buyers.items() if len(calls) > 1}


def _within_budget(history: History) -> Iterator[Violation]:
    yield from within_budget(history)
    yield from admission_laws.admitted_by_what_is_known(history)


LAWS: dict[str, Law] = {
    "1": one_outcome,
    "2": money_laws.paid_once,
    "3": money_laws.nothing_lost,
    "4": _within_budget,
    "5": told_once,
    "6": traffic_laws.no_unwanted_post,
    "7": nothing_left,
    "8": every_call_ends,
    "9": traffic_laws.polls_bounded,
    "10": traffic_laws.outages_bounded,
    "11": restart_tells_the_same,
    "13": outcome_laws.told_at_least_once,
    "14": callback_laws.heeded,
}


SHARED: dict[str, Law] = {
    "1": one_outcome,
    "2": money_laws.paid_once,
    "3": money_laws.nothing_lost,
    "4": overspent,
    "5": told_once,
    "6": shared_laws.no_unwanted_post,
    "7": nothing_left,
    "8": every_call_ends,
    "14": callback_laws.taken,
    **shared_laws.LAWS,
    **fact_laws.LAWS,
}
"""Those of several processes beside each other."""


def violations(history: History, law: str = "") -> list[Violation]:
    """Return what breaks the laws, or one of them; each situation once."""
    laws = SHARED if history.script.processes else LAWS
    chosen = [laws[law]] if law else laws.values()
    found: dict[str, Violation] = {}
    for check in chosen:
        for violation in check(history):
            found.setdefault(violation.name, violation)
    return list(found.values())


def _tasks(history: History) -> dict[str, Task]:
    return {task.task_id: task for task in history.ledger}


def _runs(history: History) -> list[str]:
    return [*(step.name for step in history.script.steps if isinstance(step, steps.Run | steps.Twin)), "extra", "again"]


def _was_polled_at_deadline(history: History, task: Task, told: Told) -> bool:
    """Tell whether a task was polled when the time of a call was up, or shortly before, or had not ended by then."""
    looks = [entry.at for entry in history.trace.of(Polled)]
    # An outage ends for a pool with the answer to its next poll; both may take up to the longest interval.
    is_out = any(
        step.reads
        and step.at <= told.at
        and not any(step.at + step.seconds <= at <= told.at - Cadence().max_interval for at in looks)
        for step in history.script.steps
        if isinstance(step, steps.Outage)
    )
    # A task whose key is not known is asked of one key after the other.
    is_refused = any(traffic_laws.is_revoked(history, number) for number in range(history.script.sessions))
    if is_out or history.script.poll_trouble or is_refused:
        return True  # the service fails, or has asked to wait
    waited = float(told.text.partition("within ")[2].partition(" s")[0])
    wanted = [entry.at for entry in history.trace.of(Wanted) if (entry.call, entry.job) == (told.call, told.job)]
    began = max((at for at in wanted if at <= told.at), default=0.0)
    # The clock of a process may run fast.
    deadline = max(began, task.begun) + waited / max((1.0, *history.script.rates))
    polls = [entry.at for entry in history.trace.of(Polled) if task.task_id in entry.tasks and entry.at <= told.at]
    # A poll may still be under way: who has set a time-out is told then, some seconds later, and may read that late.
    said = [entry.at for entry in history.trace.of(Said) if entry.job == told.job and deadline <= entry.at <= told.at]
    # Before it says so, a pool reads from the disk, which may be slow, whether the job has ended.
    longest = TIMEOUT + (SLOWEST_WRITE if history.script.slow_disk else 0.0)
    is_silent = any(
        spoken >= deadline + LAST_POLL_SECONDS - 1 and any(at > spoken - longest for at in polls)
        for spoken in said or [told.at]
    )
    return is_silent or task.ended >= deadline - 1 or any(at >= deadline - 1 for at in polls)


def _ended_by_closing(history: History) -> set[str]:
    """Return the calls that ended after their pool had begun to close."""
    closing, of_process, found = set[int](), dict[str, int](), set[str]()
    for entry in history.trace.entries:
        if isinstance(entry, Wanted):
            of_process[entry.call] = entry.process
        elif isinstance(entry, Acted) and entry.text.startswith("ClosePool"):
            closing.add(entry.process)
        elif isinstance(entry, Finished) and of_process.get(entry.call) in closing:
            found.add(entry.call)
    return found


def _polls(history: History) -> set[str]:
    return {step.name for step in history.script.steps if isinstance(step, steps.Poll)}


def _last(history: History) -> int:
    return max(entry.process for entry in history.trace.entries)
