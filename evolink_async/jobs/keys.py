"""From whatever a caller hands in to jobs with keys.

Plain functions over values; reading the input, which may wait, is the stream's work.
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
    """Which words were met, at 16 bytes a word or less: a million jobs are told apart in 16 MB, not 100.

    Kept are 64 bits of each word's hash, in a table of open addressing. The odds that two of a million words share
    them are 1 in 30 million; then a job would be refused as given twice, and nothing worse.
    """

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 * 64))
        self._count = 0

    def add(self, word: str) -> bool:
        """Note a word; tells whether it is new."""
        mark = hash(word) & 0xFFFFFFFFFFFFFFFF or 1
        place = self._place(mark)
        if self._slots[place] == mark:
            return False
        self._slots[place] = mark
        self._count += 1
        if 2 * self._count > len(self._slots):
            self._grow()
        return True

    def _place(self, mark: int) -> int:
        """Where the mark stands, or the free slot where it would."""
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


class KeyAssigner:
    """Gives jobs their keys and refuses a key given twice, over one input.

    A key of our own is the digest of the parameters and their ordinal among equal ones, so the same input gives the
    same keys on every run.
    """

    def __init__(self) -> None:
        self._keys = KeySet()
        self._digests = KeySet()
        self._repeats: Counter[str] = Counter()

    def job(self, item: Job | AnyParams) -> Job:
        """Make a job of one item of the input.

        Raises:
            ConfigurationError: The item is neither a job nor parameters, or its key was given before.
        """
        if isinstance(item, Params | RawParams):
            name = digest(item)
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
    """Find what is wrong with an input that is there as a whole, before any of it is sent.

    Raises:
        ConfigurationError: An item is no job, or two jobs have one key; every such place is named.
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
    """What durations are learned by: model, quality and seconds, where they stand in the wire body."""
    if isinstance(params, RawParams):
        return _shared((params.model, params.body.get("quality"), params.body.get("duration")))
    return _shared((params.model, getattr(params, "quality", None), getattr(params, "duration", None)))


@lru_cache
def _shared(shape: DurationClass) -> DurationClass:
    """One object for all jobs of a shape, of which there may be a hundred thousand."""
    return shape
