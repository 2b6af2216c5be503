"""The laws of traffic: which requests begin, how many, and what an outage may cost.

All other laws are in `laws`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from evolink_async import Cadence
from tests.simulation import money_laws
from tests.simulation import script as steps
from tests.simulation.history import History
from tests.simulation.trace import (
    Acted,
    Answered,
    Called,
    Finished,
    Following,
    Judged,
    Polled,
    Posted,
    Released,
    Told,
    Wanted,
    Written,
)
from tests.simulation.vendor import DOUBTS
from tests.simulation.violation import Violation

SLOWEST_POLL = 60.0
"""Seconds that one poll takes at most."""
SETTLING_READS = 7
"""How often the task that a callback names for a job in doubt is read at most, with each key."""
WINDOW = 10.0
"""Seconds over which status requests are counted."""
ROUNDING = 1e-6
KEY_REFUSALS = ("401", "402", "403_key")
CLOSING = 3
"""Jobs in trouble, with no acceptance between, after which one POST goes at a time."""
TROUBLES = {*DOUBTS, "timeout", "undelivered", "403_page", "404_page"} - {"409", "409_paid"}
"""Ends of a POST that speak against the service."""


def no_unwanted_post(history: History) -> Iterator[Violation]:
    """No paid POST begins without an owner, after close or drain, or before the time that the vendor asked for."""
    law = "6 no unwanted POST"
    owners, why = defaultdict[str, set[str]](set), dict[str, str]()
    ends = {entry.call: entry.how for entry in history.trace.of(Finished)}
    closes_in, drained = -1, set[str]()
    for entry in history.trace.entries:
        if isinstance(entry, Wanted) and entry.buys:
            # What a drained run reads is not to be bought any more.
            owners[entry.job] |= {entry.call} - drained
            if entry.call in drained:
                why[entry.job] = "drain"
        elif isinstance(entry, Released):
            drained |= {entry.call} if entry.only_buying else set()
            how = (
                "drain"
                if entry.only_buying
                else ends.get(entry.call, "").partition(":")[0].replace("evolink_async", "an error") or "end"
            )
            # The reason is kept, so that each way of losing an owner is a situation of its own.
            for job in [entry.job] if entry.job else list(owners):
                if entry.call in owners[job]:
                    owners[job].discard(entry.call)
                    why[job] = how
        elif isinstance(entry, Acted) and entry.text.startswith("ClosePool"):
            closes_in = entry.process
        elif isinstance(entry, Posted):
            if not owners[entry.job]:
                yield Violation(law, f"a POST without an owner, after {why.get(entry.job, 'nothing')}", f"{entry}")
            if entry.process == closes_in:
                yield Violation(law, "a POST after the pool began to close", f"{entry}")
    yield from money_laws.before_its_time(law, history)
    yield from _written_without_an_owner(law, history)


def _written_without_an_owner(law: str, history: History) -> Iterator[Violation]:
    """Find jobs that are written down to be sent, though the last call that wanted them left at an earlier moment."""
    script = history.script
    # A slow disk returns late; a process that is killed releases nothing; two pools have jobs of the same names.
    if script.slow_disk or any(isinstance(step, steps.Twin | steps.Crash) for step in script.steps):
        return
    owners, drained, left = defaultdict[str, set[str]](set), set[str](), dict[str, float]()
    for entry in history.trace.entries:
        if isinstance(entry, Wanted) and entry.buys:
            owners[entry.job] |= {entry.call} - drained
            left.pop(entry.job, None)
        elif isinstance(entry, Released):
            drained |= {entry.call} if entry.only_buying else set()
            for job in [entry.job] if entry.job else list(owners):
                if entry.call in owners[job]:
                    owners[job].discard(entry.call)
                    left[job] = entry.at
        elif isinstance(entry, Written) and entry.method == "submitting" and not owners[entry.job]:
            has_just_left = entry.at <= left.get(entry.job, entry.at) + ROUNDING
            if not has_just_left:
                yield Violation(law, "a job is about to be sent without an owner", f"{entry}")


def polls_bounded(history: History) -> Iterator[Violation]:
    """Polls stay within the budget of requests, and no task is polled that no call waits for."""
    law, tasks = "9 polls bounded", {task.task_id: task for task in history.ledger}
    wants, followers = defaultdict[str, set[str]](set), set[str]()
    times, last_asked, released = list[float](), dict[str, int](), dict[str, float]()
    settling = Counter[str]()
    for entry in history.trace.entries:
        if isinstance(entry, Wanted):
            wants[entry.job].add(entry.call)
        elif isinstance(entry, Called):
            settling[entry.task] += SETTLING_READS * history.script.sessions
        elif isinstance(entry, Following):
            followers.add(entry.call)
        elif isinstance(entry, Released) and not entry.only_buying:
            if entry.call in followers:
                followers.discard(entry.call)
                released |= {task.task_id: entry.at for task in history.ledger}
            for job in [entry.job] if entry.job else list(wants):
                wants[job].discard(entry.call)
                released |= {task.task_id: entry.at for task in history.ledger if task.job == job}
        elif isinstance(entry, Polled):
            times.append(entry.at)
            unwanted = [task for task in entry.tasks if task in tasks and not (wants[tasks[task].job] or followers)]
            settling.subtract(unwanted)
            unwanted = [task for task in unwanted if settling[task] < 0]
            # A task whose key is unknown is asked of one key after the other: one poll in several requests.
            # Of several such polls at one time, the last to go on is not stopped when another has the answer.
            unwanted = [
                task
                for task in unwanted
                if last_asked.get(task, entry.session) == entry.session
                and (history.script.sessions == 1 or entry.at > released.get(task, 0.0) + SLOWEST_POLL)
            ]
            last_asked |= dict.fromkeys(entry.tasks, entry.session)
            if unwanted:
                yield Violation(law, "a task is polled that no call waits for", f"{entry.at}: {unwanted}")
    manual = sum(step.times for step in history.script.steps if isinstance(step, steps.Poll))
    most, first = Cadence().polls_per_second * WINDOW + 3 + manual, 0
    for last, at in enumerate(times):
        while times[first] < at - WINDOW:
            first += 1
        if last - first + 1 > most:
            yield Violation(law, "more status requests than the budget", f"{last - first + 1} in {WINDOW:g} s")
            return


def outages_bounded(history: History) -> Iterator[Violation]:
    """An outage leaves few jobs in doubt, and a refused key costs another key nothing."""
    law = "10 outages bounded"
    submits = max([history.script.submits, *(s.submits for s in history.script.steps if isinstance(s, steps.Retune))])
    judged = list(history.trace.of(Judged))
    for step in history.script.steps:
        if not isinstance(step, steps.Outage | steps.Revoke):
            continue
        during = [
            entry for entry in judged if step.at <= entry.at <= step.at + step.seconds and entry.word == step.reply
        ]
        if isinstance(step, steps.Outage) and step.reply in DOUBTS:
            # A process that begins knows of no outage.
            jobs = defaultdict[int, set[str]](set)
            for entry in during:
                jobs[entry.process].add(entry.job)
            doubts = max(map(len, jobs.values()), default=0)
            if doubts > submits + 3 + 5:
                yield Violation(law, "an outage leaves many in doubt", f"{doubts} jobs, with {submits} submits at once")
        posts = max(Counter(entry.process for entry in during).values(), default=0)
        if isinstance(step, steps.Revoke) and step.reply in KEY_REFUSALS and posts > submits + 3:
            yield Violation(law, "a refused key is asked again and again", f"{posts} POSTs")
    yield from _trials_beside_each_other(law, history)
    yield from _costs_of_a_key(law, history)
    yield from _waits_for_one_key(law, history)


def _trials_beside_each_other(law: str, history: History) -> Iterator[Violation]:
    """Find POSTs that begin while another one finds out whether the service takes any, after three jobs in trouble."""
    script = history.script
    # Each key, and each pool, has a brake of its own.
    if script.sessions > 1 or any(isinstance(step, steps.Twin) for step in script.steps):
        return
    in_trouble, trials = defaultdict[int, set[str]](set), defaultdict[int, dict[int, Posted]](dict)
    for entry in history.trace.entries:
        if isinstance(entry, Answered):
            trials[entry.process].pop(entry.number, None)
            if entry.word == "accept":
                in_trouble[entry.process].clear()
                trials[entry.process].clear()
            elif entry.word in TROUBLES:
                in_trouble[entry.process].add(entry.job)
        elif isinstance(entry, Posted) and len(in_trouble[entry.process]) >= CLOSING:
            for trial in trials[entry.process].values():
                yield Violation(law, "a POST beside a trial", f"{trial}\n    {entry}")
            trials[entry.process][entry.number] = entry


def _costs_of_a_key(law: str, history: History) -> Iterator[Violation]:
    healthy = [number for number in range(history.script.sessions) if not is_revoked(history, number)]
    if not healthy or len(healthy) == history.script.sessions:
        return
    # A key that asks for a longer wait than patience is no key that another job may go to.
    # A run that an unexpected exception has stopped sends nothing again.
    if any({"429_400", "broken"} & set(wish.sends) for wish in history.script.wishes):
        return
    closing, drained = set[int](), set[str]()
    for entry in history.trace.entries:
        if isinstance(entry, Acted) and entry.text.startswith("ClosePool"):
            closing.add(entry.process)  # nothing is sent any more, with no key
        if isinstance(entry, Released) and entry.only_buying:
            drained.add(entry.call)  # nothing is sent again
        is_told = isinstance(entry, Told) and entry.process not in closing and entry.call not in drained
        told = entry if isinstance(entry, Told) and is_told else None
        if told is not None and (
            told.error in ("AuthenticationError", "InsufficientCreditsError", "AccessDeniedError")
            and "the vendor" in told.text
            and not told.task
        ):
            yield Violation(law, "one key's refusal fails a job that another key may buy", f"{told}")


def _waits_for_one_key(law: str, history: History) -> Iterator[Violation]:
    """Find jobs that waited until a key opened again, though another key was open and idle all the time."""
    script = history.script
    is_still = not any(isinstance(step, steps.Outage | steps.Revoke | steps.Retune) for step in script.steps)
    # A learner stops all others, and a slow disk has its own time.
    if not is_still or script.budget is not None or script.slow_disk or script.sessions == 1:
        return
    out, well = defaultdict[int, set[int]](set), dict[int, set[int]]()
    waits, doubted = dict[str, tuple[Answered, set[int]]](), set[str]()
    unanswered, purchases = set[str](), dict[int, str]()
    intents = dict[str, int]()
    for entry in history.trace.entries:
        if isinstance(entry, Written) and entry.method == "submitting":
            # It is sent again by another process, which does not know whether the first one had sent it.
            doubted |= {entry.job} if intents.get(entry.job, entry.process) != entry.process else set()
            intents[entry.job] = entry.process
        elif isinstance(entry, Written) and entry.method in ("refused", "planned"):
            intents.pop(entry.job, None)
        elif isinstance(entry, Released):
            for job in [entry.job] if entry.job else list(waits):
                waits.pop(job, None)
        elif isinstance(entry, Posted):
            refusal, others = waits.pop(entry.job, (None, set[int]()))
            is_same = refusal is not None and purchases[refusal.number] == entry.purchase
            if refusal and is_same and others and entry.at >= refusal.at + (refusal.asked or 0.0) - ROUNDING:
                yield Violation(law, "one key's wait holds a job that another key may buy", f"{refusal}\n    {entry}")
            out[entry.process].add(entry.number)
            # It is sent again, and what became of the last time is not known: its process was killed.
            doubted |= {entry.job} if entry.purchase in unanswered else set()
            unanswered.add(entry.purchase)
            purchases[entry.number] = entry.purchase
        elif isinstance(entry, Answered):
            out[entry.process].discard(entry.number)
            unanswered.discard(purchases[entry.number])
            # A key that has answered badly is none to go to.
            healthy = well.setdefault(entry.process, set(range(script.sessions)))
            healthy -= {entry.session} if entry.word != "accept" else set()
            # A doubt goes on with the key that it began with: the account of another knows nothing of it.
            doubted |= {entry.job} if entry.word in (*DOUBTS, "timeout", "cancelled") else set()
            if entry.asked and entry.job not in doubted:
                waits[entry.job] = entry, healthy.copy()
        for refusal, others in waits.values():
            # What is under way may hold the last permit.
            others &= set() if out[refusal.process] else well[refusal.process]


def is_revoked(history: History, session: int) -> bool:
    """Tell whether a key is refused at any time of the history."""
    return any(isinstance(step, steps.Revoke) and step.session == session for step in history.script.steps)
