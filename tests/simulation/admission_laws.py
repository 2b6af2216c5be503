"""The law of the budget, from inside: what a pool may send and must hold by what it knows of prices at the moment.

`budget_laws` compares with the ledger alone, and forgives what its wording forgives: learners, rises, settled doubts. A
pool that knows better must do better. Here each POST is judged by what was named before it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import attrs

from tests.simulation import script as steps
from tests.simulation.budget_laws import OPEN_LEARNERS, ROUNDING
from tests.simulation.budget_replay import Replay, View, names_price
from tests.simulation.history import History
from tests.simulation.order import Order
from tests.simulation.price_ceilings import highest_price
from tests.simulation.task import Task
from tests.simulation.trace import Answered, Called, Posted, Said, Settled, Stood
from tests.simulation.violation import Violation

LAW = "4 within budget"
LEAST_GUESS = 1.0
"""Credits that are held at least for a purchase of which no price is known."""


def admitted_by_what_is_known(history: History) -> Iterator[Violation]:
    """What is sent fits by the prices named so far; a learner is alone; three without a price stop a class."""
    script = history.script
    # A process that is killed forgets what was not durable, and two pools have two budgets.
    if script.budget is None or any(isinstance(step, steps.Twin | steps.Crash) for step in script.steps):
        return
    yield from _holds_too_little(history, script.budget)
    # What is charged is told after a slow disk has written it, so a pool knows more than its trace.
    if script.slow_disk or script.most_per_job is not None:
        return
    named = _moments_of_prices(history)
    yield from _beside_a_learner(history, named)
    yield from _one_more_without_a_price(history, named)


@attrs.frozen
class _Known:
    """What a pool knows of prices at a place in the trace.

    Attributes:
        tasks: Those whose own price was named.
        charged: Those whose end has named what they cost.
        overcharged: Classes of which a task cost more than it had reserved.
        answered: Classes of which the answer to a submit has named a price.
        highest: The highest price of a class.
    """

    tasks: set[str] = attrs.field(factory=set[str])
    charged: set[str] = attrs.field(factory=set[str])
    overcharged: set[int] = attrs.field(factory=set[int])
    answered: set[int] = attrs.field(factory=set[int])
    highest: dict[int, float] = attrs.field(factory=dict[int, float])

    def see(self, named: tuple[Task, float], *, is_answer: bool) -> None:
        """Note a price."""
        task, price = named
        self.tasks.add(task.task_id)
        if is_answer:
            self.answered.add(task.price_class)
        else:
            self.charged.add(task.task_id)
            if price > task.price:
                self.overcharged.add(task.price_class)
        self.highest[task.price_class] = max(price, self.highest.get(task.price_class, 0.0))

    def least_hold(self, task: Task, at: float, bound: float) -> float:
        """Return what must be held for a task at least."""
        cost = task.cost(at)
        if task.task_id in self.charged:
            return cost
        reserved = min(cost, task.price)
        if task.task_id in self.tasks and task.price_class not in self.overcharged:
            return reserved
        # Without a price to rely on it holds the highest one of its class, at once also if it was in doubt before, and
        # something in any case.
        highest = max(self.highest.get(task.price_class, 0.0), bound, LEAST_GUESS)
        return min(cost, max(reserved, highest) if task.task_id in self.tasks else highest)


def _named(history: History, tasks: dict[str, Task], entry: object) -> tuple[Task, float] | None:
    """Return the task whose price an entry names, and the price."""
    if isinstance(entry, Answered) and entry.task in tasks and entry.named is not None:
        return tasks[entry.task], entry.named
    if isinstance(entry, Said) and entry.task in tasks and history.script.used is not None:
        task = tasks[entry.task]
        return (task, task.charged) if names_price(entry, task) else None
    return None


def _moments_of_prices(history: History) -> dict[int, list[tuple[float, float]]]:
    tasks, moments = {task.task_id: task for task in history.ledger}, defaultdict[int, list[tuple[float, float]]](list)
    for entry in history.trace.entries:
        if (named := _named(history, tasks, entry)) is not None and isinstance(entry, Answered | Said):
            moments[named[0].price_class].append((entry.at, named[1]))
    return moments


def _holds_too_little(history: History, limit: float) -> Iterator[Violation]:
    """Find moments at which more is held, by all prices named before, than the pool says or acts upon."""
    order, bound = Order.of(history), history.script.most_per_job or 0.0
    tasks, known, begun = {task.task_id: task for task in history.ledger}, _Known(), set[str]()
    for place, entry in enumerate(history.trace.entries):
        if (named := _named(history, tasks, entry)) is not None:
            known.see(named, is_answer=isinstance(entry, Answered))
        if not isinstance(entry, Posted) and not (isinstance(entry, Stood) and entry.moment == "quiet"):
            continue
        sent = [task for task in history.ledger if order.posts[task.number] < place]
        least = sum(known.least_hold(task, entry.at, bound) for task in sent if task.purchase not in order.settled)
        if isinstance(entry, Stood):
            figures = dict(entry.figures)
            said = figures["credits_spent"] + figures["credits_held"]
            if said < least - ROUNDING:
                yield Violation(LAW, "less is held than jobs cost", f"{said:g} credits at {entry.at:g}, not {least:g}")
            continue
        is_first, price_class = entry.purchase not in begun, _class_of(history, entry.job)
        begun.add(entry.purchase)
        own = max(known.highest.get(price_class, 0.0), bound)
        # After the answer that first named the price of a class nobody is its learner any more. With `same_key` a
        # learner in doubt may name it, while the next learner waits.
        is_priced = bound or price_class in known.answered
        if is_first and is_priced and history.script.resubmit != "same_key" and least + own > limit + ROUNDING:
            text = f"{entry}: {own:g} credits and {least:g} of others, of {limit:g}"
            yield Violation(LAW, "sent, though more than the limit is held", text)


def _class_of(history: History, job: str) -> int:
    return next((wish.billed_as for wish in history.script.wishes if wish.key == job), 0)


def _beside_a_learner(history: History, named: dict[int, list[tuple[float, float]]]) -> Iterator[Violation]:
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
            if entry.purchase not in begun and not highest_price(named, _class_of(history, entry.job), entry.at):
                learners[entry.number] = entry
            begun.add(entry.purchase)


def _one_more_without_a_price(history: History, named: dict[int, list[tuple[float, float]]]) -> Iterator[Violation]:
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
            if unpriced >= OPEN_LEARNERS and not highest_price(named, price_class, entry.at):
                text = f"{entry}: {unpriced} others of its class have no price"
                yield Violation(LAW, "sent, though no price was named for three others of its class", text)
        replay.see(entry)
