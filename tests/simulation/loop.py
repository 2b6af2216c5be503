"""An asyncio event loop with virtual time: it advances a clock where another loop would wait.

Which delays there are is decided in `dice`; nothing here knows the pool.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any

BEGINNING = 1_000.0
"""Monotonic seconds at which every history begins; not 0, so that nothing is taken for unset."""
EPOCH = 1_790_000_000.0
"""Unix seconds at the beginning."""
MOST_TURNS = 100_000
"""Turns of the loop in which time may stand still; more is a loop that spins."""


class StandstillError(BaseException):
    """Nothing is scheduled any more, or time stands still. It passes through `except Exception`."""


class Clock:
    """The one clock of a history. It goes on when a process crashes.

    Attributes:
        now: Monotonic seconds.
    """

    def __init__(self) -> None:
        self.now = BEGINNING

    def monotonic(self) -> float:
        """Return monotonic seconds."""
        return self.now

    def elapsed(self) -> float:
        """Return the seconds since the beginning, as scripts and traces have them."""
        return round(self.now - BEGINNING, 6)

    def wall(self) -> float:
        """Return Unix seconds."""
        return EPOCH + self.now - BEGINNING


class _Selector:
    """Takes the place of the operating system's selector: there is never a file to wait for."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._turns = 0

    def select(self, timeout: float | None) -> list[Any]:
        """Advance the clock by the time until the next timer."""
        if timeout is None:
            raise StandstillError("every task waits and no timer is set")
        # A timer that is due in no time at all counts as a turn: a loop that only sets such timers spins, too.
        if timeout > 0:
            self._clock.now += timeout
            self._turns = 0
        self._turns += 1
        if self._turns > MOST_TURNS:
            raise StandstillError(f"the loop spins: {MOST_TURNS} turns at one moment")
        return []


class _Task(asyncio.Task[Any]):
    """A task whose hash is its ordinal, so that sets of tasks have the same order in every process."""

    def __init__(self, *args: Any, ordinal: int, **kwargs: Any) -> None:
        self._ordinal = ordinal
        super().__init__(*args, **kwargs)

    def __hash__(self) -> int:
        return self._ordinal


class _Future(asyncio.Future[Any]):
    """A future whose hash is its ordinal, for the same reason."""

    def __init__(self, *, loop: asyncio.AbstractEventLoop, ordinal: int) -> None:
        self._ordinal = ordinal
        super().__init__(loop=loop)

    def __hash__(self) -> int:
        return self._ordinal


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs callbacks first in, first out, as every asyncio loop does, in virtual time.

    Args:
        clock: Read and advanced.

    Attributes:
        complaints: What was passed to the loop's exception handler.
    """

    _ready: Any
    _scheduled: list[asyncio.TimerHandle]

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.complaints: list[str] = []
        self._clock = clock
        self._selector = _Selector(clock)
        self._ordinals = count()
        # Tasks are kept in sets, by asyncio and by the library, whose order follows from hashes; the default hash of an
        # object is its address, which differs from process to process.
        self.set_task_factory(self._make_task)  # type: ignore[arg-type]  # typeshed hides its protocol
        self.set_exception_handler(self._complain)

    def time(self) -> float:
        """Return virtual monotonic seconds."""
        return self._clock.now

    def create_future(self) -> asyncio.Future[Any]:
        """Make a future."""
        return _Future(loop=self, ordinal=next(self._ordinals))

    def _make_task(
        self, loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], **options: Any
    ) -> asyncio.Task[Any]:
        return _Task(coroutine, loop=loop, ordinal=next(self._ordinals), **options)

    def _complain(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.complaints.append(f"{context.get('message')}: {type(error).__name__ if error else ''} {error or ''}")

    def timers(self) -> list[str]:
        """Return what the loop would still call, by name."""
        return [_name(handle) for handle in self._scheduled if not handle.cancelled()]

    # Called by `BaseEventLoop`, which leaves both to its subclasses.
    def _process_events(self, events: list[Any]) -> None:
        pass

    def _write_to_self(self) -> None:
        pass

    def run_in_executor(  # type: ignore[override]  # typeshed ties the arguments to the function
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Call the function at once, in this thread."""
        # A thread would bring the operating system's order of things into the history.
        future = self.create_future()
        try:
            future.set_result(contextvars.copy_context().run(func, *args))
        except Exception as error:  # noqa: BLE001  # whatever it raises is the result
            future.set_exception(error)
        return future

    def close(self) -> None:
        """Close the loop."""
        self._selector = None  # type: ignore[assignment]
        super().close()


def _name(handle: asyncio.Handle) -> str:
    callback = handle._callback  # type: ignore[attr-defined]  # asyncio offers no other way to see it
    return str(getattr(callback, "__qualname__", callback))
