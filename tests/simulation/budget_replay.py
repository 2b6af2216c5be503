"""What a pool can know of its money at each place of a trace.

The laws that compare it with what the pool did are in `budget_laws` and `admission_laws`.
"""

from __future__ import annotations

import attrs

from tests.simulation import script as steps
from tests.simulation.history import History
from tests.simulation.order import TASK_ERRORS
from tests.simulation.task import Task
from tests.simulation.trace import Acted, Answered, Posted, Released, Said, Settled, Stood, Wanted, Written
from tests.simulation.vendor import DOUBTS, PRICES

LASTING_DOUBTS = ("409", "broken", "timeout")
"""Replies after which no policy sends a job again."""


@attrs.define
class View:
    """What a pool can know of its money at a place in the trace.

    Attributes:
        held: Credits by purchase, of what may cost something.
        named: The highest price named for a class.
    """

    held: dict[str, float] = attrs.field(factory=dict)
    named: dict[int, float] = attrs.field(factory=dict)


def names_price(entry: Said, task: Task) -> bool:
    """Tell whether an end may name the price of a class: of a task that was asked for by its id, no class is known."""
    is_charged = entry.kind == "completed" or (entry.error in TASK_ERRORS and task.charged > 0)
    return is_charged and entry.job != entry.task


def price_at_end(script: steps.Script, task: Task) -> float:
    """Return the price that the end of a task names: the highest of what it reserved and what it was charged."""
    return max(task.price if script.says_price else 0.0, task.charged if script.used is not None else 0.0)


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
        self._calls = dict[str, int]()
        self._ended = set[str]()
        self._killed = set[int]()
        self._unnamed = dict[str, int]()
        self._class_of = dict[str, int]()
        self._is_believed = dict[int, bool]()
        self._charged = set[str]()
        self._purchases = dict[int, str]()
        self._jobs = dict[int, str]()
        self._intents = dict[str, int]()
        self._answered = set[int]()
        self._script = history.script
        self._says_charge = history.script.used is not None
        self._bound = history.script.most_per_job or 0.0
        self._is_resent = history.script.resubmit == "same_key"
        self._is_narrow = least_room(history) < len(history.script.wishes)

    def left(self, limit: float) -> tuple[float, float]:
        """Return the credits that are left, and those with what may still come free."""
        held = self._view.held.copy()
        for purchase in held:
            # What has no price of its own holds the highest one of its class, as does what may be charged more than it
            # has reserved.
            price_class = self._class_of.get(purchase, 0)
            if purchase in self._unnamed or not (self._is_believed.get(price_class) or purchase in self._charged):
                held[purchase] = max(held[purchase], self._view.named.get(price_class, 0.0), self._bound)
        left = limit - sum(held.values())
        open_tasks = [
            task
            for task in self._of_purchase.values()
            if task.purchase in held and self._wants.get(task.job) and task.purchase not in self._ended
        ]
        return left, left + sum(held[task.purchase] for task in open_tasks if held[task.purchase] == task.price)

    def _purchases_of(self, job: str) -> set[str]:
        return {purchase for number, purchase in self._purchases.items() if self._jobs[number] == job}

    def _newest_of(self, job: str) -> set[str]:
        """Return the purchase that a doubt of a job is about: those before it were refused, or have failed."""
        posts = [number for number, key in self._jobs.items() if key == job]
        return {self._purchases[max(posts)]} if posts else set()

    def _doubt_intents(self) -> None:
        """A process was killed while it connected: what it had written down for a send holds credits as a doubt."""
        for job, price_class in self._intents.items():
            name = _unsent(job)
            self._view.held[name] = PRICES[price_class % 4]
            self._unnamed[name] = self._class_of[name] = price_class
            self._ended.add(name)
        self._intents.clear()

    def _forget_intent(self, job: str) -> None:
        self._intents.pop(job, None)
        self._view.held.pop(_unsent(job), None)
        self._unnamed.pop(_unsent(job), None)

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
            if entry.task in self._tasks:  # a doubt that was sent again, and waits for its end by now
                self._ended.discard(self._tasks[entry.task].purchase)
        if isinstance(entry, Acted) and entry.text.startswith("Crash"):
            # Nobody waits any more for what a process has accepted that was killed; what was not answered is in doubt.
            self._wants.clear()
            self._ended |= {purchase for number, purchase in self._purchases.items() if number not in self._answered}
            self._killed.add(entry.process)
            self._is_believed.clear()
            self._doubt_intents()
            if not self._is_file:
                held.clear()
                self._view.named.clear()
        match entry:
            case Written() if entry.method == "submitting":
                self._intents[entry.job] = self._classes.get(entry.job, 0)
            case Written() if entry.method in ("refused", "planned"):
                self._forget_intent(entry.job)
            case Posted():
                self._forget_intent(entry.job)
                task = self._of_purchase.get(entry.purchase)
                held[entry.purchase] = task.price if task else PRICES[self._classes.get(entry.job, 0) % 4]
                self._purchases[entry.number], self._jobs[entry.number] = entry.purchase, entry.job
                self._unnamed[entry.purchase] = self._class_of[entry.purchase] = self._classes.get(entry.job, 0)
            case Answered() if entry.word in LASTING_DOUBTS or (entry.word in DOUBTS and not self._is_resent):
                # Only a person can free what a doubt holds.
                self._ended.add(self._purchases[entry.number])
            case Answered() if entry.task in self._tasks and entry.named is not None:
                price_class = self._tasks[entry.task].price_class
                self._unnamed.pop(self._tasks[entry.task].purchase, None)
                self._view.named[price_class] = max(entry.named, self._view.named.get(price_class, 0.0))
            case Settled() if entry.how in ("abandon", "resubmit"):
                held.pop(entry.purchase, None)
                self._forget_intent(entry.job)
            case Said() if (
                entry.task in self._tasks
                and entry.job != entry.task
                and (entry.kind in ("completed", "final") or entry.error in TASK_ERRORS)
            ):
                task = self._tasks[entry.task]
                self._ended.add(task.purchase)
                # Of an end that the journal tells, nothing is compared any more.
                if names_price(entry, task) and task.purchase not in self._unnamed and not entry.resumed:
                    is_kept = self._is_believed.get(task.price_class, True) and task.charged <= task.price
                    self._is_believed[task.price_class] = is_kept
                if self._says_charge or entry.kind != "completed":
                    self._unnamed.pop(task.purchase, None)
                if entry.kind == "completed":
                    # Who has not heard of it yet does not wait for the task of a later purchase.
                    self._wants.pop(entry.job, None)
                if names_price(entry, task) and task.purchase in held and (price := price_at_end(self._script, task)):
                    named = self._view.named
                    named[task.price_class] = max(price, named.get(task.price_class, 0.0))
                self._charged.add(task.purchase)
                if task.purchase in held:
                    held[task.purchase] = task.charged
            case Said() if entry.kind == "failed" and entry.task:
                # A run that has given a task up waits for it no more, though its caller has not heard of that.
                self._wants.pop(entry.job, None)
            case Said() if entry.kind == "unknown":
                self._ended |= self._newest_of(entry.job)
            case Written() if entry.method == "doubted":
                self._ended |= self._newest_of(entry.job)
            case Written() if entry.method == "bought_anew":
                for purchase in self._purchases_of(entry.job):
                    task = self._of_purchase.get(purchase)
                    # It costs nothing. Of two buyers the second one changes nothing, as the first has bought.
                    if task is not None and task.may_be_bought_anew and task.ended <= entry.at:
                        held.pop(purchase, None)
                        self._unnamed.pop(purchase, None)
            # Who polls once has an answer at once, and waits for no end.
            case Wanted() if entry.process not in self._killed and not entry.call.startswith("poll"):
                self._wants.setdefault(entry.job, set()).add(entry.call)
                self._calls[entry.call] = entry.process
            case Stood() if entry.moment == "closed":
                self._is_believed.clear()
                # Nobody waits in a closed pool, though a slow caller may not have heard of that.
                for calls in self._wants.values():
                    calls.difference_update([call for call in calls if self._calls[call] == entry.process])
            case Released() if not entry.only_buying:
                for job in [entry.job] if entry.job else list(self._wants):
                    self._wants.get(job, set()).discard(entry.call)
            case _:
                pass


def _unsent(job: str) -> str:
    """Return a name for the purchase of a job that was written down, and perhaps not sent."""
    return f"unsent {job}"
