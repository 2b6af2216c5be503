"""Quantiles of many numbers, kept in a few hundred counters.

What is counted is not known here.
"""

from __future__ import annotations

import math
from collections import Counter


class Quantiles:
    """How numbers are spread, to 5 percent, in a few hundred counters however many they are."""

    STEP = 0.05
    LEAST = 1e-3

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def add(self, number: float) -> None:
        """Take note of a number; what is below a thousandth counts as 0."""
        self._counts[math.ceil(math.log(number) / self.STEP) if number > self.LEAST else -(10**9)] += 1

    def at(self, share: float) -> float | None:
        """The number that `share` of them do not exceed; None while there are none."""
        left = math.ceil(share * self._counts.total())
        for place in sorted(self._counts):
            left -= self._counts[place]
            if left <= 0:
                return math.exp(place * self.STEP) if place > -(10**9) else 0.0
        return None
