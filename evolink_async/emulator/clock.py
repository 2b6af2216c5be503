"""The emulator's time: a scaled clock for use, a hand-driven one for tests.

Nothing here knows tasks, sockets or event loops.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """What the emulator asks about time; any object with these methods will do."""

    def now(self) -> float:
        """Return the emulated unix time, in seconds."""
        ...

    def real_seconds(self, until: float) -> float:
        """Return how long to wait, in real seconds, before the clock shows `until`.

        `math.inf` means that waiting does not help: only a call of the subscribed functions will.
        """
        ...

    def subscribe(self, moved: Callable[[], None]) -> Callable[[], None]:
        """Have `moved` called whenever time jumps, from any thread; the returned function ends that."""
        ...


class ScaledClock:
    """Wall time at its start, then `speed` emulated seconds per real one."""

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed
        self._started = time.monotonic()
        self._wall = time.time()

    def now(self) -> float:
        """Return the emulated unix time, in seconds."""
        return self._wall + (time.monotonic() - self._started) * self._speed

    def real_seconds(self, until: float) -> float:
        """Return the real seconds left before `until`, never negative."""
        return max(0.0, (until - self.now()) / self._speed)

    def subscribe(self, moved: Callable[[], None]) -> Callable[[], None]:
        """Accept a listener that is never called: this clock does not jump."""
        del moved
        return lambda: None


class HandClock:
    """A clock that stands still until somebody moves it; safe to move from any thread.

    Args:
        start: Unix time it shows at first; the default is the one of the vendor's sample replies.
    """

    def __init__(self, start: float = 1_757_169_743.0) -> None:
        self._now = start
        self._listeners: list[Callable[[], None]] = []
        self._lock = threading.Lock()

    def now(self) -> float:
        """Return the emulated unix time, in seconds."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move time forward by `seconds` and wake who waits for it.

        Raises:
            ValueError: `seconds` is negative or no number.
        """
        if not seconds >= 0:
            raise ValueError(f"time only goes forward, not by {seconds} s")
        with self._lock:
            self._now += seconds
            listeners = tuple(self._listeners)
        for moved in listeners:
            moved()

    def real_seconds(self, until: float) -> float:
        """Return 0 when `until` has come, else infinity: only `advance` brings it nearer."""
        return 0.0 if until <= self._now else math.inf

    def subscribe(self, moved: Callable[[], None]) -> Callable[[], None]:
        """Have `moved` called after every `advance`; the returned function ends that."""
        with self._lock:
            self._listeners.append(moved)
        return lambda: self._unsubscribe(moved)

    def _unsubscribe(self, moved: Callable[[], None]) -> None:
        with self._lock:
            self._listeners.remove(moved)
