"""The emulated time: the `Clock` protocol, a clock that runs faster than real time, and one that tests move.

What happens at which time is in `service.task_lifecycle`.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """The clock of an emulator; any object with these methods can be passed."""

    def now(self) -> float:
        """Return the emulated unix time, in seconds."""
        ...

    def real_seconds(self, until: float) -> float:
        """Return the real seconds to wait before the clock shows `until`, in unix seconds.

        `math.inf` means that waiting is useless: the time changes only when a subscribed function is called.
        """
        ...

    def subscribe(self, moved: Callable[[], None]) -> Callable[[], None]:
        """Call `moved` after each jump of the time, from any thread; the returned function unsubscribes."""
        ...


class ScaledClock:
    """A clock that starts at the wall time and runs at `speed` emulated seconds per real second."""

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed
        # Wall time only for the start: it can jump back, monotonic time cannot.
        self._started = time.monotonic()
        self._wall = time.time()

    def now(self) -> float:
        """Return the emulated unix time, in seconds."""
        return self._wall + (time.monotonic() - self._started) * self._speed

    def real_seconds(self, until: float) -> float:
        """Return the real seconds before `until`, at least 0."""
        return max(0.0, (until - self.now()) / self._speed)

    def subscribe(self, moved: Callable[[], None]) -> Callable[[], None]:
        """Accept a function that is never called: this clock does not jump."""
        del moved
        return lambda: None


class HandClock:
    """A clock that moves only by `advance`, which may be called from any thread.

    Args:
        start: The initial unix time, in seconds; the default is that of the vendor's sample replies.
    """

    def __init__(self, start: float = 1_757_169_743.0) -> None:
        self._now = start
        self._listeners: list[Callable[[], None]] = []
        self._lock = threading.Lock()

    def now(self) -> float:
        """Return the emulated unix time, in seconds."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move the time forward by `seconds` and call the subscribed functions.

        Raises:
            ValueError: `seconds` is negative or NaN.
        """
        # Not `seconds < 0`: that is False for NaN.
        if not seconds >= 0:
            raise ValueError(f"the clock moves forward only, not by {seconds} s")
        with self._lock:
            self._now += seconds
            listeners = tuple(self._listeners)
        # Outside the lock: a subscribed function may unsubscribe itself.
        for moved in listeners:
            moved()

    def real_seconds(self, until: float) -> float:
        """Return 0 when `until` has passed, else infinity: only `advance` moves the time."""
        return 0.0 if until <= self._now else math.inf

    def subscribe(self, moved: Callable[[], None]) -> Callable[[], None]:
        """Call `moved` after each `advance`; the returned function unsubscribes."""
        with self._lock:
            self._listeners.append(moved)
        return lambda: self._unsubscribe(moved)

    def _unsubscribe(self, moved: Callable[[], None]) -> None:
        with self._lock:
            self._listeners.remove(moved)
