"""Keys for jobs: made for parameters that come without one, and checked for duplicates.

The input of a run, which may be asynchronous, is read in `pool`.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Hashable, Sequence
from functools import lru_cache
from typing import TypeAlias

from ..errors import ConfigurationError
from ..params import AnyParams, Params, RawParams
from .job import Job, digest

DurationClass: TypeAlias = tuple[str, Hashable, Hashable]


class KeySet:
    """A set of words that keeps 64 bits of each word's hash: a million keys take 17 MB, as a set of texts 100 MB.

    Among a million words the chance of a collision is 1 in 37 million; one job would then be refused as a duplicate.
    """

    # Hash tables with open addressing and linear probing. 0 marks a free slot, and at most half of the slots are used,
    # so a probe always ends. One table of a million words would be rebuilt in one turn of the event loop, a third of a
    # second; of many small ones each is rebuilt by itself, in a millisecond.

    def __init__(self) -> None:
        self._tables: list[_Table | None] = [None] * _TABLES

    def __contains__(self, word: str) -> bool:
        mark = _mark(word)
        table = self._tables[mark >> _SHIFT]
        return table is not None and mark in table

    def add(self, word: str) -> bool:
        """Add a word; return whether it is new."""
        mark = _mark(word)
        table = self._tables[mark >> _SHIFT]
        if table is None:
            table = self._tables[mark >> _SHIFT] = _Table()
        return table.add(mark)


_TABLES, _SHIFT = 256, 56
"""The upper 8 of 64 bits choose the table, the lower ones the slot."""


class _Table:
    """The words of a `KeySet` whose hashes begin alike."""

    __slots__ = ("_count", "_slots")

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 * 8))
        self._count = 0

    def __contains__(self, mark: int) -> bool:
        return self._slots[self._place(mark)] != 0

    def add(self, mark: int) -> bool:
        """Add a mark; return whether it is new."""
        place = self._place(mark)
        if self._slots[place] == mark:
            return False
        self._slots[place] = mark
        self._count += 1
        if 2 * self._count > len(self._slots):
            self._grow()
        return True

    def _place(self, mark: int) -> int:
        """Return the slot that holds the mark, or the free slot for it."""
        slots, last = self._slots, len(self._slots) - 1
        place = mark & last
        while slots[place] not in (0, mark):
            place = (place + 1) & last
        return place

    def _grow(self) -> None:
        old, self._slots = self._slots, array("Q", bytes(16 * len(self._slots)))
        for mark in old:
            if mark:
                self._slots[self._place(mark)] = mark


def _mark(word: str) -> int:
    # A hash of 0 would read as a free slot.
    return hash(word) & 0xFFFFFFFFFFFFFFFF or 1


class KeyAssigner:
    """Makes a job of each item of one input, and refuses duplicate keys.

    Parameters without a key get their digest and their ordinal among equal ones, so the same input has the same
    keys in every run.
    """

    def __init__(self) -> None:
        self._keys = KeySet()
        self._digests = KeySet()
        self._repeats: Counter[str] = Counter()

    def job(self, item: Job | AnyParams) -> Job:
        """Make a job of one item of the input.

        Raises:
            ConfigurationError: The item is neither a job nor parameters, or an earlier item has its key.
        """
        if isinstance(item, Params | RawParams):
            name = digest(item)
            # Counted only from the second on: most inputs have no equal parameters, and a `KeySet` is smaller.
            ordinal = 1
            if not self._digests.add(name):
                self._repeats[name] += 1
                ordinal += self._repeats[name]
            item = Job(f"{name}-{ordinal}", item)
        if not isinstance(item, Job):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without a type checker
            raise ConfigurationError(f"a job must be a Job, or the parameters of a model, not {type(item).__name__}")
        if not self._keys.add(item.key):
            raise ConfigurationError(f"the key {item.key!r} was given twice; give each job its own")
        return item


def check_list(source: Sequence[object]) -> None:
    """Check an input that is a list, before any of its jobs is sent.

    Raises:
        ConfigurationError: An item is not a job, or two jobs have the same key; the message names every such item.
    """
    faults, seen = list[str](), dict[str, int]()
    for index, item in enumerate(source):
        if isinstance(item, Job):
            first = seen.setdefault(item.key, index)
            if first != index:
                faults.append(f"jobs[{index}] has the key {item.key!r} of jobs[{first}]; give each job its own")
        elif not isinstance(item, Params | RawParams):
            faults.append(f"jobs[{index}] must be a Job, or the parameters of a model, not {type(item).__name__}")
    if faults:
        raise ConfigurationError("; ".join(faults))


def duration_class(params: AnyParams) -> DurationClass:
    """Return the duration class of a job: its model, quality and seconds.

    A model names the same fields in its class and in its request body, so `RawParams` join the class of their model.
    """
    if isinstance(params, RawParams):
        return _shared((params.model, params.body.get("quality"), params.body.get("duration")))
    return _shared((params.model, getattr(params, "quality", None), getattr(params, "duration", None)))


@lru_cache
def _shared(cls: DurationClass) -> DurationClass:
    # A hundred thousand jobs in flight refer to one tuple for each class.
    return cls
