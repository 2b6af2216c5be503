"""What an observer of a pool is: the union of the events, and the protocol of who receives them.

The events are in `of_jobs` and `of_service`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from .of_jobs import (
    Downloaded,
    JobEnded,
    JobStarted,
    StatusAnswered,
    SubmitAnswered,
    Uploaded,
    Uploading,
)
from .of_service import (
    BatchReadsOff,
    DownloadsBehind,
    DownloadTrouble,
    KeyRestored,
    KeySuspended,
    PollingTrouble,
    SubmitsHalted,
    SubmitsLimited,
    SubmitsResumed,
)

# A union, not a base class, so that a type checker finds a `match` that leaves an event out.
Event: TypeAlias = (
    JobStarted
    | SubmitAnswered
    | StatusAnswered
    | Uploading
    | Uploaded
    | Downloaded
    | DownloadsBehind
    | DownloadTrouble
    | JobEnded
    | KeySuspended
    | KeyRestored
    | SubmitsLimited
    | SubmitsHalted
    | SubmitsResumed
    | BatchReadsOff
    | PollingTrouble
)

Emit: TypeAlias = Callable[[Event], None]


class Observer(Protocol):
    """Receives every event of a pool: any callable that takes one. `telemetry` has ready-made ones.

    The pool calls it in the event loop, at once and in order, so it must not block. An exception of an observer is
    logged once for each class, and has no other effect; only KeyboardInterrupt and SystemExit are let out.
    """

    # Positional only, so that an observer can name its argument as it likes.
    def __call__(self, event: Event, /) -> None:
        """Receive one event."""
        ...
