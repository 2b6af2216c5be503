"""A timing wheel: entries sorted by due time, in buckets of equal width.

What an entry is, and what happens when it is due, is decided by the callers.
"""

from __future__ import annotations

import heapq
import math
from typing import Generic, Protocol, TypeVar


class Entry(Protocol):
    """An entry of a timing wheel: any object that can store the number of its bucket."""

    bucket: int | None


E = TypeVar("E", bound=Entry)


class TimingWheel(Generic[E]):
    """Entries by due time, in buckets.

    An entry is in one bucket at most. Moving it writes the number of the new bucket into the entry; its place in the
    old bucket becomes stale and is skipped when that bucket is read.

    Args:
        width: Seconds that a bucket covers. 50 ms is far finer than the news of tasks that take minutes, and wide
            enough for entries to share buckets.
    """

    def __init__(self, width: float = 0.05) -> None:
        self._width = width
        self._buckets: dict[int, list[E]] = {}
        self._order: list[int] = []
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def put(self, entry: E, due: float) -> None:
        """Set the due time of `entry`, in seconds of the caller's clock, whether or not it is in the wheel.

        The due time is rounded up to a bucket, so the entry is never taken early.
        """
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
        """Remove `entry`, if it is in the wheel."""
        # Its place stays behind as a stale one: searching the bucket would be slower.
        if entry.bucket is not None:
            entry.bucket = None
            self._size -= 1

    def take(self, now: float) -> E | None:
        """Remove and return an entry that is due at `now`, from the earliest bucket; None if none is due."""
        first = self._first()
        if first is None or first * self._width > now:
            return None
        entry = self._buckets[first].pop()
        self.drop(entry)
        return entry

    def next_due(self) -> float | None:
        """Return the due time of the earliest entry, rounded up to its bucket; None if the wheel is empty."""
        first = self._first()
        return None if first is None else first * self._width

    def _first(self) -> int | None:
        """Return the earliest bucket with an entry; its last place is not a stale one."""
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
