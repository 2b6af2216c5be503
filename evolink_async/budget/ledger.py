"""What a journal remembers of money.

What fits into a budget is decided in `account`.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs


@attrs.frozen(kw_only=True)
class Ledger:
    """What earlier runs spent, and what may still cost something.

    Attributes:
        spent: Credits charged for jobs that have ended, as far as the service named them.
        held: Credits held for jobs by key: for unfinished ones, and for ended ones without a named price.
        unpriced: The price classes of those without a named price, by key, as text.
        doubts: The keys that only a person can free: in doubt, or ended without a named price.
        prices: The most that was ever named for a price class, by its text.
        classes: The price classes of all jobs in `held`, by key, as text: the service may name a higher price yet.
    """

    spent: float = 0.0
    held: Mapping[str, float] = attrs.field(factory=dict[str, float])
    unpriced: Mapping[str, str] = attrs.field(factory=dict[str, str])
    doubts: frozenset[str] = frozenset()
    prices: Mapping[str, float] = attrs.field(factory=dict[str, float])
    classes: Mapping[str, str] = attrs.field(factory=dict[str, str])
