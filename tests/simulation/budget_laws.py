"""The law of the budget: never more than its one wording allows, and no job refused that fits.

All other laws of money are in `money_laws`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from math import inf

import attrs

from tests.simulation import script as steps
from tests.simulation.budget_replay import Replay, View, least_room, names_price
from tests.simulation.history import History
from tests.simulation.order import Order
from tests.simulation.task import Task
from tests.simulation.trace import Answered, Changed, Posted, Said, Settled
from tests.simulation.vendor import LOOKALIKES, PRICES, QUALITIES
from tests.simulation.violation import Violation

LAW = "4 within budget"
OPEN_LEARNERS = 3
"""Purchases of an unknown price that a class may have open."""
SLOWEST_WRITE = 6.0
"""Seconds that a write to a slow disk takes at most."""
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
    ceilings = _ceilings(history, order, group)
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


@attrs.frozen
class _Ceilings:
    """The highest price named for the class of a task, or None, at its earliest admission and at its POST."""

    at_admission: float | None
    at_post: float | None

    @property
    def lowest(self) -> float | None:
        """The lower one: a class that names a price of its own is no longer held at that of a larger class."""
        return min((one for one in (self.at_admission, self.at_post) if one is not None), default=None)


def _excess(order: Order, ceilings: dict[str, _Ceilings], begun: list[Task]) -> float:
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


def _ceilings(history: History, order: Order, group: list[Task]) -> dict[str, _Ceilings]:
    """Return for each task the highest price of its class that was named before its first POST began."""
    of_id = {task.task_id: task for task in group}
    of_purchase = defaultdict[str, list[Task]](list)
    for task in group:
        of_purchase[task.purchase].append(task)
    # Between the admission of a job and its first POST lies the journal's write.
    slack = SLOWEST_WRITE if history.script.slow_disk else 0.0
    bound = history.script.most_per_job or 0.0
    ceilings: dict[str, _Ceilings] = {}
    named = defaultdict[int, list[tuple[float, float]]](list)
    charges = _charges(history, group)
    for place, entry in enumerate(history.trace.entries):
        if isinstance(entry, Posted):
            # Only the first POST of a purchase waits for an admission, also of one that a later process sends again.
            for task in of_purchase.get(entry.purchase, []):
                of_class = {task.price_class: named[task.price_class]} if bound else named
                before = highest_price(of_class, task.price_class, entry.at - slack)
                # A pool knows of a charge before a slow disk does, and before it says so.
                soon = [
                    other.charged
                    for at, other in charges.values()
                    if other.price_class == task.price_class and other is not task and entry.at < at <= entry.at + slack
                ]
                by_then = highest_price(of_class, task.price_class, entry.at) or min(soon, default=0.0)
                known = _Ceilings(max(before, bound) or None, max(by_then, bound) or None)
                ceilings.setdefault(task.task_id, known)
        elif isinstance(entry, Answered) and entry.task in of_id and entry.named is not None:
            named[of_id[entry.task].price_class].append((entry.at, entry.named))
        elif place in charges:
            _, task = charges[place]
            named[task.price_class].append((entry.at, task.charged))
    return ceilings


def _charges(history: History, group: list[Task]) -> dict[int, tuple[float, Task]]:
    """Return when the charge of a task was known, by the place in the trace."""
    of_id, charges = {task.task_id: task for task in group}, dict[int, tuple[float, Task]]()
    if history.script.used is None:
        return charges
    is_shared = history.script.processes > 0
    for place, entry in enumerate(history.trace.entries):
        task = of_id.get(entry.task) if isinstance(entry, Said) and not is_shared else None
        if isinstance(entry, Said) and task is not None and names_price(entry, task):
            charges[place] = entry.at, task
        # What one process has seen the others know when it is written.
        elif isinstance(entry, Changed) and entry.state in ("completed", "failed"):
            ended = [task for task in group if task.job == entry.job and task.ended <= entry.at]
            if ended and ended[-1].charged:
                charges[place] = entry.at, ended[-1]
    return charges


def highest_price(named: dict[int, list[tuple[float, float]]], price_class: int, until: float) -> float:
    """Return the highest price named for a class until a moment, else the least of those of larger classes, else 0."""
    highest = {other: max((price for at, price in named.get(other, ()) if at <= until), default=0.0) for other in named}
    if highest.get(price_class):
        return highest[price_class]
    larger = [price for other, price in highest.items() if price and _is_larger(other, price_class)]
    return min(larger, default=0.0)


def _is_larger(one: int, other: int) -> bool:
    """Tell whether a class is at least as large as another in both dimensions."""
    kinds = len(QUALITIES)
    if (one < kinds) != (other < kinds):
        return False  # only one of them has a file
    (quality, seconds), (other_quality, other_seconds) = QUALITIES[one % kinds], QUALITIES[other % kinds]
    return quality in (other_quality, "1080p") and seconds >= other_seconds


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
