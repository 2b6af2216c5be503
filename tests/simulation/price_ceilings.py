"""What a pool knew of the price of each task when it was bought, and what it held for it at the least.

The law that adds this up is in `budget_laws`.
"""

from __future__ import annotations

from collections import defaultdict

import attrs

from tests.simulation.budget_replay import names_price, price_at_end
from tests.simulation.history import History
from tests.simulation.journal import SLOWEST_WRITE
from tests.simulation.task import Task
from tests.simulation.trace import Answered, Changed, Posted, Said, Written
from tests.simulation.vendor import QUALITIES


@attrs.frozen
class Ceilings:
    """The highest price named for the class of a task, or None: at its earliest admission, at its POST, and after.

    Attributes:
        at_naming: The first price that was named for the class itself, if that was after the POST.
    """

    at_admission: float | None
    at_post: float | None
    at_naming: float | None = None

    @property
    def lowest(self) -> float | None:
        """The lowest one: a class that names a price of its own is no longer held at that of a larger class."""
        known = (self.at_admission, self.at_post)
        # A learner is held at a guess until a price is named.
        all_of_them = (*known, self.at_naming) if any(one is not None for one in known) else ()
        return min((one for one in all_of_them if one is not None), default=None)


def ceilings_of(history: History, group: list[Task]) -> dict[str, Ceilings]:
    """Return for each task the highest price of its class that was named before its first POST began."""
    return _Naming(history, group).ceilings()


class _Naming:
    """Follows the prices that are named."""

    def __init__(self, history: History, group: list[Task]) -> None:
        self._history = history
        self._group = group
        self._bound = history.script.most_per_job or 0.0
        # Between the admission of a job and its first POST lies the journal's write.
        self._slack = SLOWEST_WRITE if history.script.slow_disk else 0.0
        self._named = defaultdict[int, list[tuple[float, float]]](list)
        self._unnamed = defaultdict[int, list[str]](list)
        self._ceilings = dict[str, Ceilings]()
        self._charges = _charges(history, group)

    def ceilings(self) -> dict[str, Ceilings]:
        of_id = {task.task_id: task for task in self._group}
        script, written = self._history.script, set[str]()
        is_kept = script.journal == "file" and script.says_price and not script.processes
        for place, entry in enumerate(self._history.trace.entries):
            if isinstance(entry, Posted):
                # Only the first POST of a purchase waits for an admission, also of one that a later process sends.
                for task in self._group:
                    if task.purchase == entry.purchase and task.task_id not in self._ceilings:
                        self._post(task, entry.at)
            elif isinstance(entry, Answered) and entry.task in of_id and entry.named is not None:
                self._name(of_id[entry.task].price_class, entry.at, entry.named)
            elif place in self._charges:
                _, task = self._charges[place]
                self._name(task.price_class, entry.at, price_at_end(script, task))
            elif isinstance(entry, Written) and entry.method == "ended":
                written.add(entry.job)
            elif isinstance(entry, Written) and entry.method == "open" and is_kept:
                # The end of a task that has failed for nothing names what it had reserved: a later process reads that.
                for task in self._group:
                    if task.job in written and task.ended <= entry.at:
                        self._name(task.price_class, entry.at, task.price)
        return self._ceilings

    def _post(self, task: Task, at: float) -> None:
        price_class, named = task.price_class, self._named
        of_class = {price_class: named[price_class]} if self._bound else named
        before = highest_price(of_class, price_class, at - self._slack)
        # A pool knows of a charge before a slow disk does, and before it says so.
        soon = [
            price_at_end(self._history.script, other)
            for known_at, other in self._charges.values()
            if other.price_class == price_class and other is not task and at < known_at <= at + self._slack
        ]
        by_then = highest_price(of_class, price_class, at) or min(soon, default=0.0)
        self._ceilings[task.task_id] = Ceilings(max(before, self._bound) or None, max(by_then, self._bound) or None)
        if not named[price_class]:
            self._unnamed[price_class].append(task.task_id)

    def _name(self, price_class: int, at: float, price: float) -> None:
        self._named[price_class].append((at, price))
        for task_id in self._unnamed.pop(price_class, ()):
            self._ceilings[task_id] = attrs.evolve(self._ceilings[task_id], at_naming=max(price, self._bound))


def _charges(history: History, group: list[Task]) -> dict[int, tuple[float, Task]]:
    """Return when the charge of a task was known, by the place in the trace."""
    of_id, charges = {task.task_id: task for task in group}, dict[int, tuple[float, Task]]()
    # A task that the vendor does not name the charge of costs what it has reserved, if that is named.
    if history.script.used is None and not history.script.says_price:
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
