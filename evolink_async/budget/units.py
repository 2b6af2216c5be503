"""The unit of all sums of credits: 1/10,000 credit, in whole numbers, so that sums are exact."""

from __future__ import annotations

import math
from fractions import Fraction

from ..wire import UNITS_PER_CREDIT

UNITS = UNITS_PER_CREDIT
"""Units of a credit. Source: the vendor's own internal unit."""


def units_of(amount: float) -> int:
    """Return an amount of credits in units."""
    return round(amount * UNITS)


def half_up(units: Fraction) -> Fraction:
    """Round to whole units as the vendor does."""
    return Fraction(math.floor(units + Fraction(1, 2)))
