"""The law of the budget: never more than its one wording allows, and no job refused that fits.

All other laws of money are in `money_laws`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from math import inf

from tests.simulation import script as steps
from tests.simulation.budget_replay import Replay, View, least_room
from tests.simulation.history import History
from tests.simulation.order import Order
from tests.simulation.price_ceilings import Ceilings, ceilings_of
from tests.simulation.task import Task
from tests.simulation.trace import Said, Settled
from tests.simulation.vendor import LOOKALIKES, PRICES
from tests.simulation.violation import Violation

LAW = "4 within budget"
OPEN_LEARNERS = 3
"""Purchases of an unknown price that a class may have open."""
ROUNDING = 1e-6


def within_budget(history: History) -> Iterator[Violation]:
    """What is reserved and charged stays within the limit, but for learners, rises of prices, and settled doubts.

    A job that fits, or that may fit when something under way has ended, is not refused.
    """
    limit = history.script.budget
    if limit is None or any(isinstance(step, steps.Twin) for step in history.script.steps):
        return  # Two pools have two budgets.
    order = Order.of(history)
    yield from overspent(history)
    if not history.script.slow_disk:
        yield from _refused_for_nothing(history, order, limit)


def overspent(history: History) -> Iterator[Violation]:
    """What is reserved and charged stays within the limit, but for learners, rises of prices, and settled doubts."""
    limit, order = history.script.budget, Order.of(history)
    if limit is not None:
        for group in _accounts(history, order):
            yield from _overspent(history, order, group, limit)


def _overspent(history: History, order: Order, group: list[Task], limit: float) -> Iterator[Violation]:
    ceilings = ceilings_of(history, group)
    over, now = 0.0, 0.0
    # What is spent grows only when a task is accepted, or has ended, so these moments are enough.
    for moment in sorted({at for task in group for at in (task.begun, task.ended)}):
        begun = [other for other in group if other.begun <= moment]
        spent = sum(other.cost(moment) for other in begun)
        costing = [other for other in begun if other.cost(moment)]
        excess = _excess(order, ceilings, costing) if spent > limit else 0.0
        if spent - limit - excess > over:
            over, now = spent - limit - excess, moment
    if over > ROUNDING:
        learners = [task for task in group if ceilings[task.task_id].at_admission is None]
        counts = Counter(task.price_class for task in learners)
        misread = next((task.word for task in group if task.word in LOOKALIKES), "")
        situation = "more than the limit" + (f", answered by {misread}" if misread else "")
        if max(counts.values(), default=0) > OPEN_LEARNERS:
            is_lost = any(task.word != "accept" for task in learners)
            situation = f"many jobs of a price that {'lost replies do' if is_lost else 'the vendor does'} not name"
        yield Violation(
            LAW, situation, f"{over:g} credits over {limit:g} at {now:g}, learners by class: {dict(counts)}"
        )


def _accounts(history: History, order: Order) -> list[list[Task]]:
    """Return the tasks that one budget counts: all with a journal file, else those between two crashes."""
    if history.script.journal == "file":
        return [list(history.ledger)]
    groups = defaultdict[int, list[Task]](list)
    for task in history.ledger:
        groups[sum(crash < order.posts[task.number] for crash in order.crashes)].append(task)
    return list(groups.values())


def _excess(order: Order, ceilings: dict[str, Ceilings], begun: list[Task]) -> float:
    """Return by how much tasks may be over what was known when their POSTs began."""
    excess, learners = 0.0, Counter[int]()
    # Those that are learners for sure come first: a slow disk hides whether the others knew a price.
    for task in sorted(begun, key=lambda task: (ceilings[task.task_id].at_post is not None, task.number)):
        ceiling = ceilings[task.task_id]
        price = max(task.price, task.charged)
        if task.purchase in order.settled:
            excess += price
            continue
        learners[task.price_class] += ceiling.at_admission is None
        if ceiling.at_admission is None and learners[task.price_class] <= OPEN_LEARNERS:
            excess += price
        elif (lowest := ceiling.lowest) is not None:
            excess += max(0.0, price - lowest)
    return excess


# --- the other side: what the pool refuses


def _refused_for_nothing(history: History, order: Order, limit: float) -> Iterator[Violation]:
    """Replay the trace, and judge each refusal by what was known before its moment and is known now."""
    jobs = {wish.key: wish.billed_as for wish in history.script.wishes}
    runs = sum(isinstance(step, steps.Run) for step in history.script.steps)
    dearest = max(PRICES + tuple(max(task.price, task.charged) for task in history.ledger))
    # The pool decides some turns before it says so, and both are one moment here. A refusal is wrong only if the job
    # fitted both when the moment began and when the refusal was told.
    view, before, moment, was_guessing = View(), (0.0, 0.0), -1.0, False
    replay = Replay(history, view)
    for entry in history.trace.entries:
        if entry.at != moment:
            before, moment, was_guessing = replay.left(limit), entry.at, False
        was_guessing = was_guessing or replay.has_guesses
        is_refused = isinstance(entry, Said) and entry.error == "BudgetError" and entry.job in jobs
        is_judged = is_refused and not was_guessing
        if isinstance(entry, Said) and is_judged and replay.open_unpriced(jobs[entry.job]) < OPEN_LEARNERS:
            fits, may_fit = (min(pair) for pair in zip(before, replay.left(limit), strict=True))
            is_settled = any(isinstance(other, Settled) for other in history.trace.of(Settled))
            after = ", after a settle" if is_settled else ""
            named, bound = view.named.get(jobs[entry.job]), history.script.most_per_job
            # A price above the bound stops its class.
            needed = inf if bound and named and named > bound else bound or named or dearest
            if needed <= fits:
                yield Violation(LAW, f"refused, though it fits{after}", f"{entry}: {fits:g} credits are left")
            # With less room than jobs, a job that waits for credits may stand before one that would free some. A run
            # that was closed keeps the room of a job that another run still buys.
            elif needed <= may_fit and least_room(history) >= len(jobs) * runs:
                text = f"{entry}: {fits:g} credits are left, and {may_fit - fits:g} are under way"
                yield Violation(LAW, f"refused, though credits may come free{after}", text)
        replay.see(entry)
