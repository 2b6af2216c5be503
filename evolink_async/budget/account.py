"""Credits: reserve before a submit, settle with the real charge, release on failure, refuse when it does not fit.

Plain bookkeeping; who waits for credits to come free is the submitter.
"""

from __future__ import annotations

import attrs

from ..errors import BudgetError
from .ledger import Ledger, PriceClass


@attrs.frozen
class Reserved:
    """The job may be sent; `credits` are held for it, None when its price is yet to be learned."""

    credits: float | None


class Wait:
    """The job does not fit now, but credits in use may come free, or its price become known."""


class BudgetAccount:
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
        self._classes: dict[str, PriceClass] = {}
        self._price_probe: str | None = None

    @property
    def left(self) -> float:
        """Credits neither held nor spent; below 0 when the first job of a price class cost more than there was."""
        return self._limit - self._used

    def reserve(self, key: str, price_class: PriceClass, *, may_free: bool) -> Reserved | Wait | BudgetError:
        """Hold credits for a job about to be sent.

        Args:
            key: The job's key.
            price_class: What its price goes by.
            may_free: Whether something is under way that may free credits or teach a price.
        """
        price = self._prices.get(price_class)
        fits = price <= self.left if price is not None else self.left > 0 and self._price_probe is None
        if fits:
            self._price_probe = key if price is None else self._price_probe
            self._classes[key] = price_class
            self._hold(key, price or 0.0)
            return Reserved(price)
        return Wait() if may_free else _refusal(price, max(self.left, 0.0))

    def accepted(self, key: str, credits_reserved: float | None) -> None:
        """The service took the job and named what it holds for it."""
        price_class = self._classes.pop(key, None)
        if credits_reserved is not None and price_class is not None:
            self._hold(key, credits_reserved)
            self._prices[price_class] = max(self._prices.get(price_class, 0.0), credits_reserved)
            self._price_doubts(price_class)
        self._end_price_probe(key)

    def released(self, key: str) -> None:
        """The job costs nothing: it was not sent, it was refused, or its task failed."""
        self._used -= self._held.pop(key, 0.0)
        self._classes.pop(key, None)
        self._unpriced.pop(key, None)
        self._end_price_probe(key)

    def doubted(self, key: str) -> None:
        """The job may cost its price, which stays held, or is held as soon as it is learned."""
        price_class = self._classes.pop(key, None)
        if price_class is not None and price_class not in self._prices:
            self._unpriced[key] = price_class
        self._end_price_probe(key)

    def settled(self, key: str, charged: float | None) -> None:
        """The task was charged for: with what the service said, else with what was held."""
        self._unpriced.pop(key, None)
        held = self._held.pop(key, 0.0)
        self._used += (held if charged is None else charged) - held

    def _price_doubts(self, price_class: PriceClass) -> None:
        for key in [key for key, unpriced in self._unpriced.items() if unpriced == price_class]:
            del self._unpriced[key]
            self._hold(key, self._prices[price_class])

    def _hold(self, key: str, amount: float) -> None:
        self._used += amount - self._held.get(key, 0.0)
        self._held[key] = amount

    def _end_price_probe(self, key: str) -> None:
        if self._price_probe == key:
            self._price_probe = None


def _refusal(price: float | None, left: float) -> BudgetError:
    needed = "an unknown number of" if price is None else f"{price:g}"
    message = f"the budget has {left:g} credits left, the job would hold {needed} credits; it was not sent"
    return BudgetError(message, needed=price or 0.0, left=left)
