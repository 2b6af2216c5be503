"""The law of the budget, from inside: what a pool may send and must hold by what it knows of prices at the moment.

`budget_laws` compares with the ledger alone, and forgives what its wording forgives: learners, rises, settled doubts. A
pool that knows better must do better. Here each POST is judged by what was named before it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import attrs

from tests.simulation import script as steps
from tests.simulation.budget_laws import OPEN_LEARNERS, ROUNDING, Replay, View, highest_price, names_price
from tests.simulation.history import History
from tests.simulation.order import Order
from tests.simulation.task import Task
from tests.simulation.trace import Answered, Called, Posted, Said, Settled, Stood
from tests.simulation.violation import Violation

LAW = "4 within budget"


def admitted_by_what_is_known(history: History) -> Iterator[Violation]:
    """What is sent fits by the prices named so far; a learner is alone; three without a price stop a class."""
    script = history.script
    # A process that is killed forgets what was not durable, and two pools have two budgets.
    if script.budget is None or any(isinstance(step, steps.Twin | steps.Crash) for step in script.steps):
        return
    prices = _Prices.of(history)
    yield from _holds_too_little(history, prices, script.budget)
    # What is charged is told after a slow disk has written it, so a pool knows more than its trace.
    if script.slow_disk or script.most_per_job is not None:
        return
    yield from _beside_a_learner(history, prices)
    yield from _one_more_without_a_price(history, prices)


@attrs.frozen
class _Prices:
    """Which prices were named in a history, and when.

    Attributes:
        named: By class, each with its moment.
        of_task: When the price of a task itself was named.
        answered: When the answer to a submit first named a price of a class.
    """

    named: dict[int, list[tuple[float, float]]]
    of_task: dict[str, float]
    answered: dict[int, float]

    @classmethod
    def of(cls, history: History) -> _Prices:
        """Read the trace."""
        tasks = {task.task_id: task for task in history.ledger}
        prices, says_charge = cls(defaultdict(list), {}, {}), history.script.used is not None
        for entry in history.trace.entries:
            if isinstance(entry, Answered) and entry.task in tasks and entry.named is not None:
                price_class = tasks[entry.task].price_class
                prices.named[price_class].append((entry.at, entry.named))
                prices.of_task.setdefault(entry.task, entry.at)
                prices.answered.setdefault(price_class, entry.at)
            elif isinstance(entry, Said) and names_price(entry) and entry.task in tasks and says_charge:
                prices.named[tasks[entry.task].price_class].append((entry.at, tasks[entry.task].charged))
        return prices

    def is_known(self, price_class: int, at: float) -> bool:
        """Tell whether a class had a ceiling at a moment, or came to have one in it."""
        return highest_price(self.named, price_class, at) > 0

    def least_hold(self, task: Task, at: float, bound: float) -> float:
        """Return what must be held for a task by what was known before a moment."""
        if self.of_task.get(task.task_id, at) < at:
            return task.cost(at)
        # Without a price of its own it holds the highest one of its class, at once also if it was in doubt before.
        return min(task.cost(at), max(self.of_class(task.price_class, at), bound))

    def of_class(self, price_class: int, at: float) -> float:
        """Return the highest price that was named for a class itself before a moment; 0 for none."""
        return max((price for when, price in self.named.get(price_class, ()) if when < at), default=0.0)


def _holds_too_little(history: History, prices: _Prices, limit: float) -> Iterator[Violation]:
    """Find moments at which more is held, by all prices named before, than the pool says or acts upon."""
    order, bound = Order.of(history), history.script.most_per_job or 0.0
    tasks = [task for task in history.ledger if task.purchase not in order.settled]
    begun = set[str]()
    for place, entry in enumerate(history.trace.entries):
        if not isinstance(entry, Posted) and not (isinstance(entry, Stood) and entry.moment == "quiet"):
            continue
        sent = [task for task in tasks if order.posts[task.number] < place]
        least = sum(prices.least_hold(task, entry.at, bound) for task in sent)
        if isinstance(entry, Stood):
            figures = dict(entry.figures)
            said = figures["credits_spent"] + figures["credits_held"]
            if said < least - ROUNDING:
                yield Violation(LAW, "less is held than jobs cost", f"{said:g} credits at {entry.at:g}, not {least:g}")
            continue
        is_first, price_class = entry.purchase not in begun, _class_of(history, entry.job)
        begun.add(entry.purchase)
        # Whoever waited since before the answer that first named the price may be its learner no more. With `same_key`
        # a learner in doubt may name it, while the next learner waits.
        is_priced = bound or prices.answered.get(price_class, entry.at) < entry.at
        own = max(prices.of_class(price_class, entry.at), bound)
        if is_first and is_priced and history.script.resubmit != "same_key" and least + own > limit + ROUNDING:
            text = f"{entry}: {own:g} credits and {least:g} of others, of {limit:g}"
            yield Violation(LAW, "sent, though more than the limit is held", text)


def _class_of(history: History, job: str) -> int:
    return next((wish.billed_as for wish in history.script.wishes if wish.key == job), 0)


def _beside_a_learner(history: History, prices: _Prices) -> Iterator[Violation]:
    """Find POSTs that begin while another one finds out what a job of its class costs."""
    begun, learners = set[str](), dict[int, Posted]()
    for entry in history.trace.entries:
        if isinstance(entry, Answered):
            learners.pop(entry.number, None)
        elif isinstance(entry, Posted):
            for learner in learners.values():
                if learner.process == entry.process:
                    yield Violation(LAW, "a POST beside a learner", f"{entry}\n    {learner}")
            # What was sent before may be in doubt, and holds its credits since then.
            if entry.purchase not in begun and not prices.is_known(_class_of(history, entry.job), entry.at):
                learners[entry.number] = entry
            begun.add(entry.purchase)


def _one_more_without_a_price(history: History, prices: _Prices) -> Iterator[Violation]:
    """Find learners of a class that has three purchases already for which no price was named, and will be."""
    # A doubt that is settled by the id of its task waits for its end again.
    if any(isinstance(entry, Settled | Called) for entry in history.trace.entries):
        return
    replay, begun = Replay(history, View()), set[str]()
    for entry in history.trace.entries:
        if isinstance(entry, Posted) and entry.purchase not in begun:
            begun.add(entry.purchase)
            price_class = _class_of(history, entry.job)
            unpriced = replay.open_unpriced(price_class)
            if unpriced >= OPEN_LEARNERS and not prices.is_known(price_class, entry.at):
                text = f"{entry}: {unpriced} others of its class have no price"
                yield Violation(LAW, "sent, though no price was named for three others of its class", text)
        replay.see(entry)
