"""What jobs will cost, as a value: figures with their sources, and what is not known.

How a figure is found is in `pricing`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

import attrs

from .price_class import PriceClass
from .units import UNITS, units_of

PriceSource: TypeAlias = Literal["learned", "catalogue", "list"]
"""Where a figure is from: what the service named for such a job, its price catalogue, or the list in this package."""


@attrs.frozen(kw_only=True)
class JobPrice:
    """What one job costs.

    Attributes:
        low: The fewest units, 1/10,000 credit each.
        high: The most units.
        source: Where the figures are from.
        as_of: When they were read or changed, as the source names it; None for a learned price.
    """

    low: int
    high: int
    source: PriceSource
    as_of: str | None = None


@attrs.frozen(kw_only=True)
class PriceLine:
    """Jobs of one price class whose price is known.

    Attributes:
        price_class: The model, and the parameters that the price depends on.
        jobs: Their number.
        low: The fewest credits that all of them cost.
        high: The most. The same as `low`, unless the price depends on what is not known before, as the length of an
            input video behind a URL, or a length that the model chooses.
        low_each: The fewest credits that one of them costs.
        high_each: The most.
        source: "learned" if the service named this price for such jobs; "catalogue" or "list" for its public prices.
        as_of: When the catalogue was changed, or the list was read; None for a learned price.
    """

    price_class: PriceClass
    jobs: int
    low: float
    high: float
    low_each: float
    high_each: float
    source: PriceSource
    as_of: str | None = None


@attrs.frozen(kw_only=True)
class UnknownPrice:
    """Jobs of one price class whose price is not known.

    Attributes:
        price_class: The model, and the parameters that prices are known to depend on.
        jobs: Their number.
        why: Why their price is not known.
    """

    price_class: PriceClass
    jobs: int
    why: str


@attrs.frozen(kw_only=True)
class Estimate:
    """What jobs will cost if they are run now, and what is not known of it.

    Attributes:
        lines: The jobs whose price is known, by price class.
        unknown: The jobs whose price is not.
        ended: Jobs that have ended before, as the journal knows. They cost nothing again.
        under_way: Jobs that are accepted or being submitted: their credits are reserved already.
        in_doubt: Jobs that may have been paid for; they are not sent again before they are settled.
        duplicates: Jobs with the key of another one of the input; they are not sent.
        refused: Jobs that would not be sent: their files are missing or break a rule, their key is recorded with other
            parameters, or they are no jobs.
    """

    lines: tuple[PriceLine, ...] = ()
    unknown: tuple[UnknownPrice, ...] = ()
    ended: int = 0
    under_way: int = 0
    in_doubt: int = 0
    duplicates: int = 0
    refused: int = 0

    @property
    def jobs(self) -> int:
        """Jobs that would be bought."""
        return sum(line.jobs for line in self.lines) + sum(line.jobs for line in self.unknown)

    @property
    def low(self) -> float:
        """The fewest credits, for the jobs whose price is known."""
        return _sum(line.low for line in self.lines)

    @property
    def high(self) -> float | None:
        """The most credits; None if the price of a job is not known."""
        return None if self.unknown else _sum(line.high for line in self.lines)

    def __str__(self) -> str:
        """Return the total in words, as in "at least 47.6 credits for 4 jobs"."""
        jobs = "1 job" if self.jobs == 1 else f"{self.jobs} jobs"
        if self.high is None:
            return f"at least {_shown(self.low)} for {jobs}"
        if self.high == self.low:
            return f"{_shown(self.low)} for {jobs}"
        return f"{_number(self.low)} to {_shown(self.high)} for {jobs}"


def _sum(amounts: Iterable[float]) -> float:
    # In whole units: a sum of float credits would not be exact.
    return sum(map(units_of, amounts)) / UNITS


def _shown(amount: float) -> str:
    return f"{_number(amount)} credit{'' if amount == 1 else 's'}"


def _number(amount: float) -> str:
    """Write credits without an exponent, to the unit."""
    return f"{amount:.4f}".rstrip("0").rstrip(".")
