"""Several event loops on one virtual time: the one that has something to do first takes a turn.

So processes live beside each other, each with clocks of its own. A process that is stopped takes no turn, one that is
killed never again.
"""

from __future__ import annotations

import heapq
import sys
import threading
from asyncio import events
from collections.abc import Callable
from math import inf
from typing import Any

import attrs

from tests.simulation.loop import BEGINNING, EPOCH, MOST_TURNS, Clock, StandstillError, VirtualLoop


class ProcessClock(Clock):
    """The clocks of one machine, which do not run like the right one.

    Args:
        true: The right one.
        rate: Its seconds in a right second.
        offset: Seconds by which its wall clock is ahead.

    Attributes:
        asleep: Seconds for which the machine has slept, and its monotonic clock stood still.
        offset: May jump.
    """

    def __init__(self, true: Clock, rate: float = 1.0, offset: float = 0.0) -> None:
        self._true = true
        self.rate = rate
        self.offset = offset
        self.asleep = 0.0

    @property
    def now(self) -> float:  # type: ignore[override]
        """Monotonic seconds of this machine."""
        return self.boot() - self.asleep

    def monotonic(self) -> float:
        """Return monotonic seconds."""
        return self.now

    def boot(self) -> float:
        """Return seconds of the clock that goes on while the machine sleeps."""
        return BEGINNING + (self._true.now - BEGINNING) * self.rate

    def wall(self) -> float:
        """Return what this machine takes for Unix seconds."""
        return EPOCH + self.boot() - BEGINNING + self.offset

    def elapsed(self) -> float:
        """Return the right seconds since the beginning."""
        return self._true.elapsed()

    def true(self, monotonic: float) -> float:
        """Return the right time at which this machine's monotonic clock shows something."""
        # A little later, so that rounding never lets who waits for a moment find that it has not come yet.
        return BEGINNING + (monotonic + self.asleep - BEGINNING) / self.rate + TICK


class _NoWait:
    """A selector that never waits: the conductor does."""

    def select(self, timeout: float | None) -> list[Any]:
        return []


class SteppedLoop(VirtualLoop):
    """A loop that takes one turn at a time."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self._selector = _NoWait()  # type: ignore[assignment]

    @property
    def is_ready(self) -> bool:
        """Whether it has something to do now."""
        return bool(self._ready)

    def next_timer(self) -> float:
        """Return when its next timer is due, on its own clock; infinity for never."""
        while self._scheduled and self._scheduled[0].cancelled():
            handle = heapq.heappop(self._scheduled)
            handle._scheduled = False  # type: ignore[attr-defined]  # as the loop itself does
            self._timer_cancelled_count -= 1  # type: ignore[attr-defined]
        return self._scheduled[0].when() if self._scheduled else inf

    def step(self) -> None:
        """Take one turn."""
        hooks = sys.get_asyncgen_hooks()
        self._thread_id = threading.get_ident()
        sys.set_asyncgen_hooks(firstiter=self._asyncgen_firstiter_hook, finalizer=self._asyncgen_finalizer_hook)  # type: ignore[attr-defined]
        events._set_running_loop(self)
        try:
            self._run_once()  # type: ignore[attr-defined]  # asyncio has no other way to take one turn
        finally:
            events._set_running_loop(None)
            self._thread_id = None  # type: ignore[assignment]  # as `run_forever` does
            sys.set_asyncgen_hooks(*hooks)


TICK = 1e-8
"""Seconds."""


@attrs.define(eq=False)
class Life:
    """Something that lives on a loop of its own.

    Attributes:
        place: 0 for what is outside, 1, 2, ... for the processes.
        number: Of this life of the process, in the trace.
        loop: Its loop.
        clock: Its clock.
        stopped_until: The right time until which it takes no turn.
        turn: When it took its last turn, counted in turns.
    """

    place: int
    number: int
    loop: SteppedLoop
    clock: Clock
    stopped_until: float = -inf
    turn: int = 0

    def due(self, now: float) -> float:
        """Return the right time at which it takes its next turn."""
        if self.loop.is_ready:
            return max(now, self.stopped_until)
        due = self.loop.next_timer()
        if isinstance(self.clock, ProcessClock) and due != inf:
            due = self.clock.true(due)
        return max(due, self.stopped_until)


class Conductor:
    """Lets lives take their turns.

    Args:
        clock: The right clock, which is advanced.
        switch: Called with the life that takes a turn next.

    Attributes:
        lives: Those that live.
    """

    def __init__(self, clock: Clock, switch: Callable[[Life], None]) -> None:
        self.lives: list[Life] = []
        self._clock = clock
        self._switch = switch
        self._turns = 0
        self._still = 0

    def run(self, is_over: Callable[[], bool]) -> None:
        """Let all live until it is over.

        Raises:
            StandstillError: Nobody has anything to do, or time stands still.
        """
        while not is_over():
            self._turns += 1
            now = self._clock.now
            due, _, _, life = min((max(now, one.due(now)), one.turn, one.number, one) for one in self.lives)
            if due == inf:
                raise StandstillError("every task of all processes waits and no timer is set")
            self._still = 0 if due > now else self._still + 1
            if self._still > MOST_TURNS:
                raise StandstillError(f"the loops spin: {MOST_TURNS} turns at one moment")
            self._clock.now = due
            life.turn = self._turns
            self._switch(life)
            life.loop.step()
