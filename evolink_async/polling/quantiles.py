"""Quantiles of many numbers, in a few hundred counters.

What the numbers measure is decided by the callers.
"""

from __future__ import annotations

import math
from collections import Counter


class Quantiles:
    """The distribution of numbers from 0 up, accurate to 5 %, in constant memory."""

    STEP = 0.05
    LEAST = 1e-3

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def add(self, number: float) -> None:
        """Count a number; one of at most 0.001 counts as 0."""
        # -(10**9) sorts below the bin of any float, so it is the bin of 0.
        self._counts[math.ceil(math.log(number) / self.STEP) if number > self.LEAST else -(10**9)] += 1

    def at(self, share: float) -> float | None:
        """Return the number that a share of the numbers (0 to 1) does not exceed; None while there are none."""
        left = math.ceil(share * self._counts.total())
        for index in sorted(self._counts):
            left -= self._counts[index]
            if left <= 0:
                return math.exp(index * self.STEP) if index > -(10**9) else 0.0
        return None
