"""A calendar of due times: what to look at now.

It decides and does not wait; what is looked at, and what follows, is not its business.
"""

from __future__ import annotations

import heapq
import math
from typing import Generic, Protocol, TypeVar


class Entry(Protocol):
    """What stands in an agenda: anything that can carry the number of its bucket."""

    bucket: int | None


E = TypeVar("E", bound=Entry)


class TimingWheel(Generic[E]):
    """Entries by due time, in buckets.

    An entry stands in one place only. Moving it writes the new bucket's number into it; the stale place is skipped
    on the way out, which is cheaper than searching for it.

    Args:
        width: Seconds a bucket covers: finer than any news about a task that takes minutes, coarse enough to share
            buckets.
    """

    def __init__(self, width: float = 0.05) -> None:
        self._width = width
        self._buckets: dict[int, list[E]] = {}
        self._order: list[int] = []
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def put(self, entry: E, due: float) -> None:
        """Make `entry` due at `due` (seconds on the caller's clock), wherever it stood before; never earlier."""
        bucket = math.ceil(due / self._width)
        if entry.bucket is None:
            self._size += 1
        elif entry.bucket == bucket:
            return
        entry.bucket = bucket
        if bucket not in self._buckets:
            self._buckets[bucket] = []
            heapq.heappush(self._order, bucket)
        self._buckets[bucket].append(entry)

    def drop(self, entry: E) -> None:
        """Take `entry` out, if it is in."""
        if entry.bucket is not None:
            entry.bucket = None
            self._size -= 1

    def take(self, now: float) -> E | None:
        """Take out one entry that is due at `now`, the earliest bucket first; None when none is."""
        first = self._first()
        if first is None or first * self._width > now:
            return None
        entry = self._buckets[first].pop()
        self.drop(entry)
        return entry

    def next_due(self) -> float | None:
        """The due time of the earliest entry, rounded up to its bucket; None when empty."""
        first = self._first()
        return None if first is None else first * self._width

    def _first(self) -> int | None:
        """The earliest bucket whose last place is no stale one."""
        while self._order:
            first = self._order[0]
            bucket = self._buckets[first]
            while bucket and bucket[-1].bucket != first:
                bucket.pop()
            if bucket:
                return first
            heapq.heappop(self._order)
            del self._buckets[first]
        return None
