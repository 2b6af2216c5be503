"""What a budget holds for jobs that may still cost something: one amount for each purchase, and their sums.

How much is held is decided in `account`.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from types import MappingProxyType

import attrs

from .price_class import PriceClass

EARLIER = "\0"
"""Between the key of a job and the number of an earlier purchase of it."""


@attrs.frozen
class Hold:
    """What is held for one job.

    Attributes:
        price_class: The class of the job.
        units: The amount.
        named: What the service said it reserves; None if it said nothing.
        is_stuck: Whether only a person can free it: the job is in doubt, or ended without a named price.
        task_id: The task whose end frees it; empty while there is none, None if any does, as of an earlier process.
        is_watched: Whether that task is watched.
    """

    price_class: PriceClass
    units: int
    named: int | None = None
    is_stuck: bool = False
    task_id: str | None = ""
    is_watched: bool = False


class Holds:
    """What is held, by the keys of the jobs.

    Attributes:
        units: What is held in all.
        stuck_units: That part of it which only a person can free.
        by_key: What is held for each job; what an earlier purchase of it may have cost has a key of its own.
        awaited: The watched tasks whose ends free something, each with the key of its job.
    """

    def __init__(self) -> None:
        self.units: int = 0
        self.stuck_units: int = 0
        self._all: dict[str, Hold] = {}
        self.by_key: Mapping[str, Hold] = MappingProxyType(self._all)
        self.awaited: dict[str, str] = {}
        self._named: dict[PriceClass, dict[str, Hold]] = {}
        self._unnamed: dict[PriceClass, dict[str, Hold]] = {}
        self._ordinals = count()

    def unnamed(self, price_class: PriceClass | None = None) -> list[tuple[str, Hold]]:
        """Return the purchases for which the service named no price, of one class or of all."""
        groups = self._unnamed.values() if price_class is None else [self._unnamed.get(price_class, {})]
        return [item for group in groups for item in group.items()]

    def of_class(self, price_class: PriceClass) -> list[tuple[str, Hold]]:
        """Return all purchases of a class."""
        return [item for group in (self._unnamed, self._named) for item in group.get(price_class, {}).items()]

    def put(self, key: str, hold: Hold) -> None:
        """Hold so much for a purchase, in place of what was held for it."""
        self.drop(key)
        self._all[key] = self._group(hold)[key] = hold
        self.units += hold.units
        self.stuck_units += hold.units * hold.is_stuck
        if hold.is_watched and hold.task_id and not hold.is_stuck:
            self.awaited[hold.task_id] = key

    def put_new(self, key: str, hold: Hold) -> None:
        """Hold credits for a new purchase of a job. What an earlier one may have cost stays held beside it."""
        earlier = self.drop(key)
        if earlier is not None:
            self.put(f"{key}{EARLIER}{next(self._ordinals)}", attrs.evolve(earlier, is_watched=False))
        self.put(key, hold)

    def drop(self, key: str) -> Hold | None:
        """Hold nothing for a purchase any more; return what was held."""
        hold = self._all.pop(key, None)
        if hold is not None:
            del self._group(hold)[key]
            self.units -= hold.units
            self.stuck_units -= hold.units * hold.is_stuck
            if hold.task_id and self.awaited.get(hold.task_id) == key:
                del self.awaited[hold.task_id]
        return hold

    def drop_of(self, task_id: str | None, key: str) -> Hold | None:
        """Drop what is held for a task, or for whatever task the job has. That of a later purchase stays held."""
        hold = self._all.get(key)
        is_other = hold is not None and None not in (task_id, hold.task_id) and task_id != hold.task_id
        return None if is_other else self.drop(key)

    def _group(self, hold: Hold) -> dict[str, Hold]:
        groups = self._unnamed if hold.named is None else self._named
        return groups.setdefault(hold.price_class, {})


def job_of(key: str) -> str:
    """Return the key of the job that a purchase belongs to."""
    return key.partition(EARLIER)[0]
