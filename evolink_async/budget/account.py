"""Which job fits into a budget: exposure, ceilings, guesses, learners.

Plain bookkeeping in whole units of 1/10,000 credit, so that an exact budget buys its last job. Nothing waits here:
see `waiting`.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from ..errors import BudgetError
from .holds import Hold, Holds, job_of
from .ledger import Ledger
from .price_class import PriceClass
from .price_list import list_price
from .refusals import lacking, never_priced, too_dear
from .units import UNITS, units_of

MAX_UNPRICED = 3
"""Open purchases of one class without a named price, after which the class is refused."""


@attrs.frozen
class Admitted:
    """The job may be sent.

    Attributes:
        credits: What is held for it; None for a learner, whose price is not known.
    """

    credits: float | None

    @property
    def is_learner(self) -> bool:
        """Whether this job finds out the price of its class."""
        return self.credits is None


@attrs.frozen(kw_only=True)
class Balance:
    """How a budget stands, in credits. The three are its limit together.

    Attributes:
        left: Neither spent nor held; below 0 if a learner cost more than there was.
        held: For jobs that may still cost something.
        spent: What ended tasks were charged, over all runs of the journal.
    """

    left: float
    held: float
    spent: float


@attrs.frozen
class Full:
    """The job does not fit now.

    Attributes:
        units: What it needs; 0 if its price is not known.
    """

    units: int


class BudgetAccount:
    """A budget being spent. Exposure is what was spent and what is held; it stays within the limit.

    A task may be charged more than it reserves. So its reservation is believed, where it is below what is held for a
    job of its class, once a task of the class was charged no more than it reserved; and no longer once one was.

    Args:
        limit: Credits that may be spent and held together.
        ledger: What earlier runs spent and hold.
        most_per_job: Credits to hold for each job until its price is known; None to learn prices.
    """

    def __init__(self, limit: float, ledger: Ledger, *, most_per_job: float | None = None) -> None:
        self._limit = units_of(limit)
        self._most_per_job = None if most_per_job is None else units_of(most_per_job)
        self._spent = units_of(ledger.spent)
        self._ceilings = {PriceClass.parse(text): units_of(price) for text, price in ledger.prices.items()}
        self._holds = Holds()
        self._is_believed: dict[PriceClass, bool] = {}
        self._learners: dict[PriceClass, str] = {}
        self._kept_free = 0
        for key, amount in ledger.held.items():
            price_class = PriceClass.parse(ledger.classes.get(key) or ledger.unpriced.get(key, ""))
            units = units_of(amount) or self._ceiling(price_class) or self._guess(price_class)
            named, is_stuck = None if key in ledger.unpriced else units, key in ledger.doubts
            self._holds.put(key, self._priced(Hold(price_class, units, named, is_stuck, task_id=None)))

    @property
    def exposure(self) -> int:
        """Units spent and held."""
        return self._spent + self._holds.units

    @property
    def left(self) -> float:
        """Credits neither spent nor held; below 0 if a learner cost more than there was."""
        return (self._limit - self.exposure) / UNITS

    @property
    def balance(self) -> Balance:
        """What is left, held and spent."""
        return Balance(left=self.left, held=self._holds.units / UNITS, spent=self._spent / UNITS)

    @property
    def prices(self) -> dict[str, float]:
        """The most credits that were named for a price class, by its text."""
        return {str(price_class): units / UNITS for price_class, units in self._ceilings.items()}

    @property
    def holds(self) -> Mapping[str, Hold]:
        """What is held, by the keys of the jobs."""
        return self._holds.by_key

    @property
    def is_awaiting(self) -> bool:
        """Whether a task is watched whose end frees credits."""
        return bool(self._holds.awaited)

    def unpriced(self, price_class: PriceClass | None = None) -> list[str]:
        """Return the keys of jobs without a named price that only a person can free, of one class or of all."""
        return [job_of(key) for key, hold in self._holds.unnamed(price_class) if hold.is_stuck]

    def admit(self, key: str, price_class: PriceClass) -> Admitted | Full | BudgetError:
        """Hold credits for a job about to be sent, if it fits.

        Returns:
            `Full` while others may free enough credits, or teach the price; an error if only a person can.
        """
        room = self._limit - self.exposure - self._kept_free
        ceiling = self._ceiling(price_class)
        if ceiling is None:
            return self._admit_learner(key, price_class, room)
        if self._most_per_job is not None and ceiling > self._most_per_job:
            return too_dear(ceiling, self._most_per_job, self._limit - self.exposure)
        if ceiling <= room:
            self._holds.put_new(key, Hold(price_class, ceiling))
            return Admitted(ceiling / UNITS)
        return self.refusal(ceiling) if ceiling > self._limit - self._spent - self._holds.stuck_units else Full(ceiling)

    def is_affordable(self, key: str) -> bool:
        """Whether an admitted job may still be sent: a price may have risen. What a learner itself holds is a guess."""
        hold = self._holds.by_key.get(key)
        if hold is not None and self._learners.get(hold.price_class) == key:
            return self.exposure - hold.units < self._limit
        return hold is None or self.exposure <= self._limit

    def _admit_learner(self, key: str, price_class: PriceClass, room: int) -> Admitted | Full | BudgetError:
        blocked_by = self.unpriced(price_class)
        if len(blocked_by) >= MAX_UNPRICED:
            return never_priced(blocked_by, self._limit - self.exposure)
        if self._spent + self._holds.stuck_units >= self._limit:
            return self.refusal(0)
        # Those of earlier processes count too, whether or not somebody waits for their ends: these may name no price.
        if price_class in self._learners or room <= 0 or len(self._holds.unnamed(price_class)) >= MAX_UNPRICED:
            return Full(0)
        self._learners[price_class] = key
        self._holds.put_new(key, Hold(price_class, self._guess(price_class)))
        return Admitted(None)

    def refusal(self, units: int) -> BudgetError:
        """Return the error for a job that needs so many units, 0 if that is not known, and will not get them."""
        return lacking(units, self._limit - self.exposure)

    def keep_free(self, units: int) -> None:
        """Keep so many units free for one job that others pass over all the time; 0 for none."""
        self._kept_free = units

    # --- after a submit

    def named(self, key: str, amount: float | None, task_id: str | None = None) -> None:
        """The service accepted the job and named what it reserves, or named nothing."""
        hold = self._holds.drop(key)
        if hold is None:
            return
        hold = attrs.evolve(hold, task_id=task_id)
        if amount is not None:
            hold = attrs.evolve(hold, named=units_of(amount))
            self._learn(hold.price_class, units_of(amount))
        self._holds.put(key, self._priced(hold))
        if amount is not None:
            self._forget_learner(key, hold.price_class)

    def doubted(self, key: str) -> None:
        """The job may cost what is held for it. Another job of its class may find out the price."""
        hold = self._holds.drop(key)
        if hold is not None:
            self._holds.put(key, attrs.evolve(hold, is_stuck=True))
            self._forget_learner(key, hold.price_class)

    def found(self, key: str, task_id: str, *, is_watched: bool = False) -> None:
        """A task of a job is known, also of one in doubt or given up. If it is watched, its end will free credits."""
        if (hold := self._holds.by_key.get(key)) is not None:
            # A task that two jobs have is watched for the first: it ends for both at once.
            is_first = self._holds.awaited.get(task_id, key) == key
            found = attrs.evolve(hold, is_stuck=False, task_id=task_id, is_watched=is_watched and is_first)
            self._holds.put(key, found)

    def forgotten(self, task_id: str) -> bool:
        """A task is watched no more; return whether its end would have freed credits."""
        if (key := self._holds.awaited.get(task_id)) is None:
            return False
        self._holds.put(key, attrs.evolve(self._holds.by_key[key], is_watched=False))
        return True

    def replace_learner(self, price_class: PriceClass) -> bool:
        """Treat the learner of a class as in doubt, so that another job may learn the price; False if there is none."""
        key = self._learners.get(price_class)
        if key is None:
            return False
        self.doubted(key)
        return True

    def freed(self, key: str, task_id: str | None = None) -> None:
        """The job costs nothing: it was not sent, it was refused, its task failed free of charge, or it was given up.

        Args:
            key: The job's key.
            task_id: The task, if that is why.
        """
        hold = self._holds.drop_of(task_id, key)
        if hold is not None:
            self._forget_learner(key, hold.price_class)

    def charged(self, key: str, used: float | None, reserved: float | None = None, task_id: str | None = None) -> None:
        """The task completed, or was charged for though it failed. What was never named stays held.

        Args:
            key: The job's key.
            used: What it cost; None if that is the most that the service has reserved, at its submit or at its end.
            reserved: What the service reserved at its end.
            task_id: The task.
        """
        hold = self._holds.drop_of(task_id, key)
        if hold is None:
            return
        last = None if reserved is None else units_of(reserved)
        most = max((units for units in (hold.named, last) if units is not None), default=None)
        units = most if used is None else units_of(used)
        self._forget_learner(key, hold.price_class)
        if units is None:
            self._holds.put(key, attrs.evolve(hold, is_stuck=True))
            return
        self._spent += units
        self._learn(hold.price_class, max(units, most or 0))
        if hold.named is not None:
            self._compare(hold.price_class, hold.named, units)

    # --- prices

    def _learn(self, price_class: PriceClass, units: int) -> None:
        """A price was named: the highest is the ceiling of its class, at once also for open purchases."""
        if price_class.model and units > self._ceilings.get(price_class, -1):
            self._ceilings[price_class] = units
            self._price_again(price_class)

    def _compare(self, price_class: PriceClass, reserved: int, charged: int) -> None:
        """A task of a class has ended: note whether what its tasks reserve is to be believed."""
        was_believed = self._is_believed.get(price_class)
        if was_believed is not False and was_believed != (charged <= reserved):
            self._is_believed[price_class] = charged <= reserved
            self._price_again(price_class)

    def _price_again(self, price_class: PriceClass) -> None:
        for key, hold in self._holds.of_class(price_class):
            self._holds.put(key, self._priced(hold))

    def _priced(self, hold: Hold) -> Hold:
        """Return what is held for a purchase by what is known of its class. A guess gives way to what is known."""
        if hold.named is not None and self._is_believed.get(hold.price_class):
            return attrs.evolve(hold, units=hold.named)
        known = [self._ceilings.get(hold.price_class), self._most_per_job, hold.named]
        return attrs.evolve(hold, units=max((units for units in known if units is not None), default=hold.units))

    def _ceiling(self, price_class: PriceClass) -> int | None:
        """The most that a job of a class is held to cost; None if nothing is known that bounds it."""
        own = self._ceilings.get(price_class)
        if self._most_per_job is not None:
            return max(self._most_per_job, own or 0)
        if own is not None:
            return own
        return min((units for other, units in self._ceilings.items() if other.is_at_least(price_class)), default=None)

    def _guess(self, price_class: PriceClass) -> int:
        """What an unknown price counts as: never nothing, and no reason to refuse a job."""
        listed = list_price(price_class)
        if listed is not None:
            return units_of(listed)
        of_model = [units for other, units in self._ceilings.items() if other.model == price_class.model]
        return max(of_model or self._ceilings.values(), default=UNITS)

    def _forget_learner(self, key: str, price_class: PriceClass) -> None:
        if self._learners.get(price_class) == key:
            del self._learners[price_class]
