"""The law of the budget: never more than its one wording allows, and no job refused that fits.

All other laws of money are in `money_laws`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from math import inf

import attrs

from tests.simulation import script as steps
from tests.simulation.history import History
from tests.simulation.order import TASK_ERRORS, Order
from tests.simulation.task import Task
from tests.simulation.trace import Acted, Answered, Posted, Released, Said, Settled, Wanted, Written
from tests.simulation.vendor import DOUBTS, LOOKALIKES, PASSING, PRICES, QUALITIES
from tests.simulation.violation import Violation

LAW = "4 within budget"
LASTING_DOUBTS = ("409", "broken", "timeout")
"""Replies after which no policy sends a job again."""
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
    for task in group:
        # What is spent grows only when a task is accepted, so these moments are enough.
        begun = [other for other in group if other.begun <= task.begun]
        spent = sum(other.cost(task.begun) for other in begun)
        costing = [other for other in begun if other.cost(task.begun)]
        excess = _excess(order, ceilings, costing) if spent > limit else 0.0
        if spent - limit - excess > over:
            over, now = spent - limit - excess, task.begun
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


def _excess(order: Order, ceilings: dict[str, _Ceilings], begun: list[Task]) -> float:
    """Return by how much tasks may be over what was known when their POSTs began."""
    excess, learners = 0.0, Counter[int]()
    for task in sorted(begun, key=lambda task: task.number):
        ceiling = ceilings[task.task_id]
        if task.purchase in order.settled:
            excess += task.price
            continue
        learners[task.price_class] += ceiling.at_admission is None
        if ceiling.at_admission is None and learners[task.price_class] <= OPEN_LEARNERS:
            excess += task.price
        elif (named := ceiling.at_admission or ceiling.at_post) is not None:
            excess += max(0.0, task.price - named)
    return excess


def _ceilings(history: History, order: Order, group: list[Task]) -> dict[str, _Ceilings]:
    """Return for each task the highest price of its class that was named before its first POST began."""
    of_id = {task.task_id: task for task in group}
    of_purchase = defaultdict[str, list[Task]](list)
    for task in group:
        of_purchase[task.purchase].append(task)
    # Between the admission of a job and its first POST lies the journal's write.
    slack = SLOWEST_WRITE if history.script.slow_disk else 0.0
    says_charge = history.script.used is not None
    bound = history.script.most_per_job or 0.0
    ceilings: dict[str, _Ceilings] = {}
    named = defaultdict[int, list[tuple[float, float]]](list)
    for entry in history.trace.entries:
        if isinstance(entry, Posted):
            # Only the first POST of a purchase waits for an admission, also of one that a later process sends again.
            for task in of_purchase.get(entry.purchase, []):
                of_class = {task.price_class: named[task.price_class]} if bound else named
                highest = (highest_price(of_class, task.price_class, until) for until in (entry.at - slack, entry.at))
                ceilings.setdefault(task.task_id, _Ceilings(*(max(price, bound) or None for price in highest)))
        elif isinstance(entry, Answered) and entry.task in of_id and entry.named is not None:
            named[of_id[entry.task].price_class].append((entry.at, entry.named))
        elif isinstance(entry, Said) and names_price(entry) and entry.task in of_id and says_charge:
            task = of_id[entry.task]
            named[task.price_class].append((entry.at, task.charged))
    return ceilings


def names_price(entry: Said) -> bool:
    """Tell whether an end may name the price of a class: of a task that was asked for by its id, no class is known."""
    return entry.kind == "completed" and entry.job != entry.task


def highest_price(named: dict[int, list[tuple[float, float]]], price_class: int, until: float) -> float:
    """Return the highest price named for a class until a moment, else the least of those of larger classes, else 0."""
    highest = {other: max((price for at, price in named.get(other, ()) if at <= until), default=0.0) for other in named}
    if highest.get(price_class):
        return highest[price_class]
    larger = [price for other, price in highest.items() if price and _is_larger(other, price_class)]
    return min(larger, default=0.0)


def _is_larger(one: int, other: int) -> bool:
    """Tell whether a class is at least as large as another in both dimensions."""
    if max(one, other) >= len(QUALITIES):
        return False
    (quality, seconds), (other_quality, other_seconds) = QUALITIES[one], QUALITIES[other]
    return quality in (other_quality, "1080p") and seconds >= other_seconds


# --- the other side: what the pool refuses


@attrs.define
class View:
    """What a pool can know of its money at a place in the trace.

    Attributes:
        held: Credits by purchase, of what may cost something.
        named: The highest price named for a class.
    """

    held: dict[str, float] = attrs.field(factory=dict)
    named: dict[int, float] = attrs.field(factory=dict)


def _refused_for_nothing(history: History, order: Order, limit: float) -> Iterator[Violation]:
    """Replay the trace, and judge each refusal by what was known before its moment and is known now."""
    jobs = {wish.key: wish.billed_as for wish in history.script.wishes}
    runs = sum(isinstance(step, steps.Run) for step in history.script.steps)
    dearest = max(PRICES + tuple(task.price for task in history.ledger))
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


def least_room(history: History) -> int:
    """Return how many jobs may be in flight at the narrowest time."""
    retunes = [step.in_flight for step in history.script.steps if isinstance(step, steps.Retune)]
    return min([history.script.in_flight, *retunes])


class Replay:
    """Follows what a pool knows of its money."""

    def __init__(self, history: History, view: View) -> None:
        self._tasks = {task.task_id: task for task in history.ledger}
        self._of_purchase = {task.purchase: task for task in history.ledger}
        self._is_file = history.script.journal == "file"
        self._classes = {wish.key: wish.billed_as for wish in history.script.wishes}
        self._view = view
        self._wants: dict[str, set[str]] = {}
        self._ended = set[str]()
        self._killed = set[int]()
        self._unnamed = dict[str, int]()
        self._purchases = dict[int, str]()
        self._jobs = dict[int, str]()
        self._answered = set[int]()
        self._says_charge = history.script.used is not None
        self._bound = history.script.most_per_job or 0.0
        self._is_resent = history.script.resubmit == "same_key"
        self._is_narrow = least_room(history) < len(history.script.wishes)

    def left(self, limit: float) -> tuple[float, float]:
        """Return the credits that are left, and those with what may still come free."""
        held = self._view.held.copy()
        for purchase in held.keys() & self._unnamed.keys():
            # What has no price of its own holds the highest one named for its class.
            named = self._view.named.get(self._unnamed[purchase], 0.0)
            held[purchase] = max(held[purchase], named, self._bound)
        left = limit - sum(held.values())
        open_tasks = [
            task
            for task in self._of_purchase.values()
            if task.purchase in held and self._wants.get(task.job) and task.purchase not in self._ended
        ]
        return left, left + sum(held[task.purchase] for task in open_tasks if held[task.purchase] == task.price)

    def _purchases_of(self, job: str) -> set[str]:
        return {purchase for number, purchase in self._purchases.items() if self._jobs[number] == job}

    @property
    def has_guesses(self) -> bool:
        """Whether a purchase holds what the pool guesses, as nobody has named a price of its class."""
        if self._bound:
            return False
        unnamed = [
            purchase
            for purchase in self._view.held.keys() & self._unnamed.keys()
            if self._unnamed[purchase] not in self._view.named
        ]
        # While somebody waits for its end, that may still name one.
        return any(purchase in self._ended or not self._is_wanted(purchase) for purchase in unnamed)

    def _is_wanted(self, purchase: str) -> bool:
        """Tell whether somebody is sure to wait for an end: with less room than jobs, a caller may stand behind."""
        task = self._of_purchase.get(purchase)
        return task is not None and bool(self._wants.get(task.job)) and not self._is_narrow

    def open_unpriced(self, price_class: int) -> int:
        """Return how many purchases of a class have ended, or are in doubt, without a named price."""
        return sum(self._unnamed[purchase] == price_class for purchase in self._unnamed.keys() & self._ended)

    def see(self, entry: object) -> None:
        """Take the next entry of the trace into account."""
        held = self._view.held
        if isinstance(entry, Answered):
            self._answered.add(entry.number)
        if isinstance(entry, Acted) and entry.text.startswith("Crash"):
            # Nobody waits any more for what a process has accepted that was killed; what was not answered is in doubt.
            self._wants.clear()
            self._ended |= {purchase for number, purchase in self._purchases.items() if number not in self._answered}
            self._killed.add(entry.process)
            if not self._is_file:
                held.clear()
                self._view.named.clear()
        match entry:
            case Posted():
                task = self._of_purchase.get(entry.purchase)
                held[entry.purchase] = task.price if task else PRICES[self._classes.get(entry.job, 0) % 4]
                self._purchases[entry.number], self._jobs[entry.number] = entry.purchase, entry.job
                self._unnamed[entry.purchase] = self._classes.get(entry.job, 0)
            case Answered() if entry.word in LASTING_DOUBTS or (entry.word in DOUBTS and not self._is_resent):
                # Only a person can free what a doubt holds.
                self._ended.add(self._purchases[entry.number])
            case Answered() if entry.task in self._tasks and entry.named is not None:
                price_class = self._tasks[entry.task].price_class
                self._unnamed.pop(self._tasks[entry.task].purchase, None)
                self._view.named[price_class] = max(entry.named, self._view.named.get(price_class, 0.0))
            case Settled() if entry.how in ("abandon", "resubmit"):
                held.pop(entry.purchase, None)
            case Said() if (
                entry.task in self._tasks
                and entry.job != entry.task
                and (entry.kind in ("completed", "final") or entry.error in TASK_ERRORS)
            ):
                task = self._tasks[entry.task]
                self._ended.add(task.purchase)
                if self._says_charge or entry.kind != "completed":
                    self._unnamed.pop(task.purchase, None)
                if self._says_charge and entry.kind == "completed" and task.purchase in held:
                    named = self._view.named
                    named[task.price_class] = max(task.charged, named.get(task.price_class, 0.0))
                if task.purchase in held:
                    held[task.purchase] = task.charged
            case Said() if entry.kind == "failed" and entry.task:
                # A run that has given a task up waits for it no more, though its caller has not heard of that.
                self._wants.pop(entry.job, None)
            case Said() if entry.kind == "unknown":
                self._ended |= self._purchases_of(entry.job)
            case Written() if entry.method == "doubted":
                self._ended |= self._purchases_of(entry.job)
            case Written() if entry.method == "bought_anew":
                for purchase in self._purchases_of(entry.job):
                    task = self._of_purchase.get(purchase)
                    # It costs nothing. Of two buyers the second one changes nothing, as the first has bought.
                    if task is not None and task.end == PASSING and task.ended <= entry.at:
                        held.pop(purchase, None)
                        self._unnamed.pop(purchase, None)
            # Who polls once has an answer at once, and waits for no end.
            case Wanted() if entry.process not in self._killed and not entry.call.startswith("poll"):
                self._wants.setdefault(entry.job, set()).add(entry.call)
            case Released() if not entry.only_buying:
                for job in [entry.job] if entry.job else list(self._wants):
                    self._wants.get(job, set()).discard(entry.call)
            case _:
                pass
