"""The fault script: which requests get which fault.

What a fault does to a request is in `injection`.
"""

from __future__ import annotations

import random
from collections.abc import Container

from attrs import frozen

from .kinds import KINDS, InjectedFault, Kind


class _Always:
    def __contains__(self, ordinal: object) -> bool:
        return True

    def __repr__(self) -> str:
        return "ALWAYS"


ALWAYS: Container[int] = _Always()
"""Every request of a kind."""


@frozen
class _Sometimes:
    share: float
    seed: int

    def __contains__(self, ordinal: object) -> bool:
        # Drawn per ordinal, not in sequence: the order in which requests are looked up does not matter.
        return random.Random(f"{self.seed}-{ordinal}").random() < self.share  # noqa: S311 - reproducible


def sometimes(share: float, *, seed: int = 0) -> Container[int]:
    """Return ordinals that select about `share` of the requests, 0 to 1; the same seed selects the same ones."""
    return _Sometimes(share, seed)


class FaultScript:
    """The rules that assign faults to requests; may be changed at any time, from any thread."""

    def __init__(self) -> None:
        # Replaced as a whole, never changed in place: readers in another thread need no lock.
        self._rules: tuple[tuple[str, Container[int], InjectedFault], ...] = ()

    def on(self, kind: Kind, ordinals: int | Container[int], fault: InjectedFault) -> None:
        """Inject `fault` into the requests `ordinals` of `kind`; the latest rule that matches applies.

        Args:
            kind: One of `KINDS`.
            ordinals: Number of the request among those of its kind, from 1; or a range, a set, `ALWAYS`,
                `sometimes(...)`.
            fault: The fault.

        Raises:
            ValueError: `kind` is not one of `KINDS`.
        """
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
        chosen: Container[int] = (ordinals,) if isinstance(ordinals, int) else ordinals
        self._rules = (*self._rules, (kind, chosen, fault))

    def clear(self) -> None:
        """Remove all rules; ordinals continue to count."""
        self._rules = ()

    def fault_of(self, kind: str, ordinal: int) -> InjectedFault | None:
        """Return the fault for the `ordinal`-th request of `kind`, or None."""
        for of_kind, ordinals, fault in reversed(self._rules):
            if of_kind == kind and ordinal in ordinals:
                return fault
        return None
