"""The latest outcomes of a journal in memory: for looking a job up by its key, and for a stream of all outcomes.

Jobs that are under way are in `records`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from itertools import islice

from ..concurrency import Signal
from ..jobs import Completed, Failed, Outcome, Unknown
from .entries import Untold

_log = logging.getLogger("evolink_async")

MOST = 10_000
"""Outcomes that are kept."""


class KeptEnds:
    """The latest outcomes. A key may have several: without a file, a job whose outcome was taken may be bought again.

    Args:
        most: How many are kept.

    Attributes:
        added: Fired by each outcome.
    """

    def __init__(self, most: int = MOST) -> None:
        self.added: Signal = Signal()
        self._most = most
        self._kept: dict[int, Outcome] = {}
        self._numbers: dict[str, int] = {}
        self._told: set[int] = set()
        self._last = 0
        self._dropped = 0

    def add(self, outcome: Outcome) -> None:
        """Keep an outcome in place of an earlier doubt of its job; drop the oldest one if there are too many."""
        self.drop_doubt(outcome.key)
        self._last += 1
        self._kept[self._last] = outcome
        self._numbers[outcome.key] = self._last
        if len(self._kept) > self._most:
            oldest = next(iter(self._kept))
            self._dropped += oldest not in self._told
            self._drop(oldest)
        self.added.fire()

    def drop_doubt(self, key: str) -> None:
        """Forget that a job is in doubt: it goes on."""
        number = self._numbers.get(key, 0)
        if isinstance(self._kept.get(number), Unknown):
            self._drop(number)

    def _drop(self, number: int) -> None:
        key = self._kept.pop(number).key
        self._told.discard(number)
        if self._numbers[key] == number:
            del self._numbers[key]

    def find(self, key: str) -> Outcome | None:
        """Return the latest outcome of a job, if it is kept."""
        return self._kept.get(self._numbers.get(key, 0))

    def has_task(self, task_id: str) -> bool:
        """Whether one of the outcomes is that of a task. All are looked through."""
        kept = self._kept.values()
        return any(isinstance(end, Completed | Failed) and end.task_id == task_id for end in kept)

    def replace(self, outcome: Completed) -> None:
        """Put newer facts in the place of an outcome that is kept; whether it was told does not change."""
        number = self._numbers.get(outcome.key, 0)
        kept = self._kept.get(number)
        if isinstance(kept, Completed | Failed) and kept.task_id == outcome.task_id:
            self._kept[number] = outcome

    def untold(self, after: int, limit: int) -> list[Untold]:
        """Return outcomes that were not told, in their order. The first call after some were dropped logs how many."""
        if self._dropped:
            _log.warning(
                "%d outcomes were not told: a journal in memory keeps %d; use a file", self._dropped, self._most
            )
            self._dropped = 0
        left = (number for number in self._kept if number > after and number not in self._told)
        return [Untold(number, self._kept[number]) for number in islice(left, limit)]

    def mark_told(self, numbers: Iterable[int]) -> None:
        """Return these outcomes no more from `untold`."""
        self._told.update(number for number in numbers if number in self._kept)

    def keys(self) -> Iterable[str]:
        """Return the keys of the jobs whose outcomes are kept."""
        return self._numbers
