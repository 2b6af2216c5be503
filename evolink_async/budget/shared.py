"""A budget that many processes share: what the queue of one of them asks it, and what it answers.

It decides as `account` does. Who keeps it is a journal; who waits for it is in `shared_waiting`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias

import attrs

from ..concurrency import Signal
from ..errors import BudgetError, JournalError
from .account import Admitted, Balance
from .price_class import PriceClass
from .price_list import list_price
from .units import units_of


@attrs.frozen(kw_only=True)
class CreditRequest:
    """A job that wants credits.

    Attributes:
        key: The job's key.
        price_class: What its price goes by.
        ticket: The number of this request in its process. The same number asks for the same credits again.
        since: How many grants there had been when it was first told to wait; None if it was not.
    """

    key: str
    price_class: PriceClass
    ticket: int
    since: int | None = None


@attrs.frozen(kw_only=True)
class Wait:
    """The job does not fit now.

    Attributes:
        units: What it needs; 0 if its price is not known.
        left: Units of the budget that are left.
        grants: How often anybody got credits so far.
        is_idle: Whether nothing goes on in any process that may free credits.
    """

    units: int
    left: int
    grants: int
    is_idle: bool


CreditAnswer: TypeAlias = "Admitted | Wait | BudgetError | JournalError"
"""A JournalError tells that this process may not send the job; another one may have it."""


class SharedAccount(Protocol):
    """A budget that many processes share. Its calls may be repeated after a lost connection."""

    @property
    def changed(self) -> Signal:
        """Fired when credits may have come free."""
        ...

    @property
    def balance(self) -> Balance:
        """What was left, held and spent lately, over all processes."""
        ...

    @property
    def prices(self) -> Mapping[str, float]:
        """The most credits that were named for a price class, by its text, as far as this process knows."""
        ...

    async def admit(self, requests: Sequence[CreditRequest]) -> Sequence[CreditAnswer]:
        """Hold credits for jobs, in their order, as far as they fit. Others decide before or after, not meanwhile.

        Raises:
            JournalError: The journal cannot be used.
        """
        ...

    async def release(self, requests: Sequence[CreditRequest]) -> None:
        """Free what was held for these requests, unless the job was sent since.

        Raises:
            JournalError: The journal cannot be used.
        """
        ...

    async def refresh(self) -> None:
        """Read the balance.

        Raises:
            JournalError: The journal cannot be used.
        """
        ...


def larger_classes(price_class: PriceClass, prices: Mapping[PriceClass, int]) -> list[str]:
    """Return the classes, as text, whose prices are ceilings for that of `price_class`."""
    return [str(other) for other in prices if other.is_at_least(price_class)]


def listed_units(price_class: PriceClass) -> int | None:
    """Return what the price list says for a class, in units; None if it says nothing."""
    price = list_price(price_class)
    return None if price is None else units_of(price)
