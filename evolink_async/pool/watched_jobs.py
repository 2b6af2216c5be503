"""Which jobs the watched tasks of one run are for, and the timers of their timeouts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from ..polling import WatchedTask


class WatchedJobs:
    """The keys of the jobs of a run, by the tasks they wait for.

    Nearly every task is for one job. The service may answer two submits with one task, which is then for both.
    """

    def __init__(self) -> None:
        self._keys: dict[WatchedTask, str] = {}
        # Apart from the others, as a tuple for each of 100,000 tasks would take megabytes.
        self._further_keys: dict[WatchedTask, tuple[str, ...]] = {}
        self._timers: dict[WatchedTask, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, entry: WatchedTask) -> bool:
        return entry in self._keys

    def __iter__(self) -> Iterator[WatchedTask]:
        return iter(list(self._keys))

    def add(self, entry: WatchedTask, key: str) -> bool:
        """Add a job; return whether its task is new to the run."""
        if entry in self._keys:
            self._further_keys[entry] = (*self._further_keys.get(entry, ()), key)
            return False
        self._keys[entry] = key
        return True

    def set_timer(self, entry: WatchedTask, timer: asyncio.TimerHandle) -> None:
        """Keep a timer that is cancelled when the task is removed."""
        self._timers[entry] = timer

    def pop(self, entry: WatchedTask) -> tuple[str, ...]:
        """Remove a task and cancel its timer; return the keys of its jobs."""
        timer = self._timers.pop(entry, None)
        if timer is not None:
            timer.cancel()
        return self._keys.pop(entry), *self._further_keys.pop(entry, ())
