"""Credits: reserve before a submit, settle with the real charge, release on failure, refuse when it does not fit.

Plain bookkeeping; who waits for credits to come free is the submitter.
"""

from __future__ import annotations

import attrs

from ..errors import BudgetError
from .ledger import Ledger, Shape


@attrs.frozen
class Reserved:
    """The job may be sent; `credits` are held for it, None when its price is yet to be learned."""

    credits: float | None


class Wait:
    """The job does not fit now, but credits in use may come free, or its price become known."""


class Purse:
    """A budget being spent.

    Args:
        limit: Credits that may be held and spent together.
        ledger: What earlier runs used.
    """

    def __init__(self, limit: float, ledger: Ledger) -> None:
        self._limit = limit
        self._used = ledger.spent + sum(ledger.held.values())
        self._held = dict(ledger.held)
        self._prices = dict(ledger.prices)
        self._unpriced = dict(ledger.unpriced)
        self._shapes: dict[str, Shape] = {}
        self._learner: str | None = None

    @property
    def left(self) -> float:
        """Credits neither held nor spent; below 0 when the first job of a shape cost more than there was."""
        return self._limit - self._used

    def reserve(self, key: str, shape: Shape, *, may_free: bool) -> Reserved | Wait | BudgetError:
        """Hold credits for a job about to be sent.

        Args:
            key: The job's key.
            shape: What its price goes by.
            may_free: Whether something is under way that may free credits or teach a price.
        """
        price = self._prices.get(shape)
        fits = price <= self.left if price is not None else self.left > 0 and self._learner is None
        if fits:
            self._learner = key if price is None else self._learner
            self._shapes[key] = shape
            self._hold(key, price or 0.0)
            return Reserved(price)
        return Wait() if may_free else _refusal(price, max(self.left, 0.0))

    def accepted(self, key: str, credits_reserved: float | None) -> None:
        """The service took the job and named what it holds for it."""
        shape = self._shapes.pop(key, None)
        if credits_reserved is not None and shape is not None:
            self._hold(key, credits_reserved)
            self._prices[shape] = max(self._prices.get(shape, 0.0), credits_reserved)
            self._price_doubts(shape)
        self._end_lesson(key)

    def released(self, key: str) -> None:
        """The job costs nothing: it was not sent, it was refused, or its task failed."""
        self._used -= self._held.pop(key, 0.0)
        self._shapes.pop(key, None)
        self._unpriced.pop(key, None)
        self._end_lesson(key)

    def doubted(self, key: str) -> None:
        """The job may cost its price, which stays held, or is held as soon as it is learned."""
        shape = self._shapes.pop(key, None)
        if shape is not None and shape not in self._prices:
            self._unpriced[key] = shape
        self._end_lesson(key)

    def settled(self, key: str, charged: float | None) -> None:
        """The task was charged for: with what the service said, else with what was held."""
        self._unpriced.pop(key, None)
        held = self._held.pop(key, 0.0)
        self._used += (held if charged is None else charged) - held

    def _price_doubts(self, shape: Shape) -> None:
        for key in [key for key, unpriced in self._unpriced.items() if unpriced == shape]:
            del self._unpriced[key]
            self._hold(key, self._prices[shape])

    def _hold(self, key: str, amount: float) -> None:
        self._used += amount - self._held.get(key, 0.0)
        self._held[key] = amount

    def _end_lesson(self, key: str) -> None:
        if self._learner == key:
            self._learner = None


def _refusal(price: float | None, left: float) -> BudgetError:
    needed = "an unknown number of" if price is None else f"{price:g}"
    message = f"the budget has {left:g} credits left, the job would hold {needed} credits; it was not sent"
    return BudgetError(message, needed=price or 0.0, left=left)
